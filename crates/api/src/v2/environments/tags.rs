//! `GET /v2/environments/{environmentId}/tags`: the tags of its workflows, each once. A key
//! reads those of its own environment.

use campanile_model::{Error, Permission, Result};

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v2/environments/{environmentId}/tags", "EnvironmentsController_getEnvironmentTags", "List environment tags", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<Vec<TagResponse>>()
);

view! {
    /// A word to find workflows by.
    TagResponse {
        name: String = "name";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let named = call.parameter("environmentId");
    let own = call.store().environment(&call.ctx, call.ctx.environment).await?;
    let is_own = own.is_some_and(|own| own.id.to_string() == named || own.identifier == named);
    if !is_own {
        return Err(Error::not_found(format!("Environment {named} not found")));
    }
    let mut tags: Vec<TagResponse> = Vec::new();
    for workflow in call.store().all_workflows(&call.ctx).await? {
        for name in workflow.tags {
            if !name.is_empty() && !tags.iter().any(|tag| tag.name == name) {
                tags.push(TagResponse { name });
            }
        }
    }
    Reply::data(200, &tags)
}
