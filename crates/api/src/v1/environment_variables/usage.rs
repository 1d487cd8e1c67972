//! `GET /v1/environment-variables/{variableKey}/usage`: the workflows of the caller's environment that read it.

use campanile_liquid::{Segment, Template};
use campanile_model::{Permission, Result};
use campanile_store::workflows::Step;
use serde_json::Value;

use super::named;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v1/environment-variables/{variableKey}/usage", "EnvironmentVariablesController_getEnvironmentVariableUsage",
    "Retrieve where an environment variable is used", run,
    .permit(Permission::EnvironmentRead, Category::Configuration)
    .answers::<UsageResponse>()
);

view! {
    /// Where a variable is used.
    UsageResponse {
        workflows: Vec<UsingWorkflow> = "workflows";
    }
}

view! {
    /// A workflow that reads the variable.
    UsingWorkflow {
        name: String = "name";
        workflow_id: String = "workflowId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let key = named(&call).await?.key;
    let all = call.store().all_workflows(&call.ctx).await?;
    let using = all
        .into_iter()
        .filter(|workflow| workflow.steps.iter().any(|step| reads(step, &key)))
        .map(|workflow| UsingWorkflow {
            name: workflow.name,
            workflow_id: workflow.workflow_id,
        });
    let workflows = using.collect();
    Reply::data(200, &UsageResponse { workflows })
}

/// Whether a step's templates or conditions name the variable.
fn reads(step: &Step, key: &str) -> bool {
    step.control_values.values().any(|value| mentions(value, key))
}

fn mentions(value: &Value, key: &str) -> bool {
    match value {
        Value::String(text) => in_template(text, key) || text.strip_prefix("env.").is_some_and(|rest| rest == key),
        Value::Array(items) => items.iter().any(|item| mentions(item, key)),
        Value::Object(members) => members.values().any(|member| mentions(member, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn in_template(text: &str, key: &str) -> bool {
    // Most texts are no templates, and parsing is the dear part.
    if !text.contains("env") || !text.contains(key) {
        return false;
    }
    let Ok(template) = Template::parse(text) else {
        return false;
    };
    template.variables().iter().any(|variable| {
        matches!(variable.segments.as_slice(), [Segment::Name(root), Segment::Name(name), ..] if root == "env" && name == key)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::mentions;

    #[test]
    fn templates_and_conditions_are_read() {
        assert!(mentions(&json!({"body": "see {{ env.SITE | upcase }}"}), "SITE"));
        assert!(mentions(&json!({"skip": {"==": [{"var": "env.SITE"}, "x"]}}), "SITE"));
        assert!(!mentions(
            &json!({"body": "env.SITE {{ env.SITE_TWO }} {{ payload.env.SITE }}"}),
            "SITE"
        ));
    }
}
