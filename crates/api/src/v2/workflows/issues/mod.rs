//! What is wrong with the content of steps (api.md 6.4). It never refuses a workflow: it is stored and reported.

mod condition;
mod filters;
mod liquid;

use campanile_model::channel::WorkflowStatus;
use campanile_model::{Channel, StepType};
use campanile_store::workflows::{ActiveChannel, Step, Workflow};
use serde_json::{Map, Value, json};

use super::{controls, variables};

/// Kinds of issues with the content; the official clients know no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    IllegalVariable,
    InvalidFilterArgument,
    MissingValue,
}

impl Kind {
    const fn wire(self) -> &'static str {
        match self {
            Self::IllegalVariable => "ILLEGAL_VARIABLE_IN_CONTROL_VALUE",
            Self::InvalidFilterArgument => "INVALID_FILTER_ARG_IN_VARIABLE",
            Self::MissingValue => "MISSING_VALUE",
        }
    }
}

/// More issues of one control are not listed: what a hostile template can make us write stays small.
const MOST: usize = 50;

/// Issues by the path of the control.
#[derive(Debug, Default)]
struct Issues(Map<String, Value>);

impl Issues {
    fn add(&mut self, path: &str, kind: Kind, message: &str, variable: &str) {
        let issue = json!({ "issueType": kind.wire(), "message": message, "variableName": variable });
        let list = self.0.entry(path).or_insert_with(|| json!([]));
        if let Value::Array(list) = list
            && list.len() < MOST
            && !list.contains(&issue)
        {
            list.push(issue);
        }
    }
}

/// Judges all steps anew, and the status that follows from it.
pub(super) fn judge(workflow: &mut Workflow) {
    let payload = variables::payload(workflow);
    let issues: Vec<Map<String, Value>> = workflow
        .steps
        .iter()
        .enumerate()
        .map(|(position, step)| of_step(step, &variables::of_step(workflow, position, &payload)))
        .collect();
    for (step, issues) in workflow.steps.iter_mut().zip(issues) {
        step.issues = issues;
    }
    workflow.status = status(workflow.active, &workflow.steps);
}

/// The status: issues with integrations do not count.
fn status(active: bool, steps: &[Step]) -> WorkflowStatus {
    if !active {
        WorkflowStatus::Inactive
    } else if steps.iter().any(|step| !step.issues.is_empty()) {
        WorkflowStatus::Error
    } else {
        WorkflowStatus::Active
    }
}

fn of_step(step: &Step, variables: &Value) -> Map<String, Value> {
    let mut issues = Issues::default();
    for fault in controls::faults(step.kind, &step.control_values) {
        issues.add(&fault.path, Kind::MissingValue, &fault.text, &fault.path);
    }
    liquid::check(&step.control_values, variables, &mut issues);
    if let Some(skip) = step.control_values.get("skip") {
        condition::check(skip, variables, &mut issues);
    }
    issues.0
}

/// All issues of a step as answers show them: those of its content, and whether its channel has an integration now.
pub(super) fn shown(step: &Step, channels: &[ActiveChannel]) -> Option<Value> {
    let mut shown = Map::new();
    if !step.issues.is_empty() {
        shown.insert("controls".to_owned(), Value::Object(step.issues.clone()));
    }
    if let Some((channel, issue)) = integration(step.kind, channels) {
        shown.insert("integration".to_owned(), json!({ (channel.wire()): [issue] }));
    }
    (!shown.is_empty()).then_some(Value::Object(shown))
}

fn integration(kind: StepType, channels: &[ActiveChannel]) -> Option<(Channel, Value)> {
    let channel = kind.channel()?;
    let needs_primary = matches!(channel, Channel::Email | Channel::Sms);
    let served = channels
        .iter()
        .any(|active| active.channel == channel && (active.is_primary || !needs_primary));
    let message = if needs_primary {
        "Missing active primary integration provider"
    } else {
        "Missing active integration provider"
    };
    (!served).then(|| {
        (
            channel,
            json!({ "issueType": "MISSING_INTEGRATION", "message": message }),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{step, workflow};
    use super::*;

    fn issues_of(kind: StepType, values: &Value) -> Value {
        let mut workflow = workflow(vec![
            step("before", StepType::Digest, &json!({ "amount": 1, "unit": "hours" })),
            step("it", kind, values),
        ]);
        judge(&mut workflow);
        Value::Object(workflow.steps[1].issues.clone())
    }

    fn issue(kind: Kind, message: &str, variable: &str) -> Value {
        json!({ "issueType": kind.wire(), "message": message, "variableName": variable })
    }

    #[test]
    fn in_app_without_content_and_with_bad_links() {
        let bad = json!({ "url": "not a url", "target": "_self" });
        let issues = issues_of(
            StepType::InApp,
            &json!({
                "redirect": bad,
                "primaryAction": { "label": "a", "redirect": bad },
                "secondaryAction": { "label": "b", "redirect": bad },
            }),
        );
        assert_eq!(
            issues["body"],
            json!([issue(Kind::MissingValue, "Subject or body is required", "body")])
        );
        for path in [
            "redirect.url",
            "primaryAction.redirect.url",
            "secondaryAction.redirect.url",
        ] {
            assert_eq!(
                issues[path],
                json!([issue(
                    Kind::MissingValue,
                    "Invalid URL. Must be a valid full URL, path starting with /, or {{variable}}",
                    path
                )]),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_chat_step() {
        let cases = [
            (
                json!({ "body": "Hi {{ payload.a }} {{steps.before.eventCount}}" }),
                json!({}),
            ),
            (
                json!({ "body": "{% for item in payload.items %}{{ item.name }}{% endfor %}" }),
                json!({}),
            ),
            (
                json!({}),
                json!({ "body": [issue(Kind::MissingValue, "Body is required", "body")] }),
            ),
            (
                json!({ "body": "Hi {{ name | upcase }}" }),
                json!({ "body": [issue(
                    Kind::IllegalVariable,
                    "Variable {{name}} invalid or missing namespace. Did you mean {{payload.name}}?",
                    "{{name}}"
                )] }),
            ),
            (
                json!({ "body": "{{subscriber.nick}}{{subscriber.nick}}" }),
                json!({ "body": [issue(
                    Kind::IllegalVariable,
                    "Variable {{subscriber.nick}} is not supported",
                    "{{subscriber.nick}}"
                )] }),
            ),
            (
                json!({ "body": "{{ steps.it.x }}" }),
                json!({ "body": [issue(
                    Kind::IllegalVariable,
                    "Variable {{steps.it.x}} is not supported",
                    "{{steps.it.x}}"
                )] }),
            ),
            (
                json!({ "body": "x", "skip": { "and": [
                    { "==": [{ "var": "payload.tier" }, "pro"] },
                    { "==": [{ "var": "tier" }, "pro"] },
                    { "!=": [{ "var": "subscriber.email" }, ""] },
                    { "explodes": [{ "var": "payload.tier" }] },
                    { "moreThanXAgo": [{ "var": "payload.at" }, { "amount": 5, "unit": "days" }] },
                ] } }),
                json!({ "skip": [
                    issue(Kind::IllegalVariable, "Value is not valid", "1"),
                    issue(Kind::MissingValue, "Value is required", "2"),
                    issue(Kind::IllegalVariable, "Operator explodes is not supported", "3"),
                ] }),
            ),
        ];
        for (values, wanted) in cases {
            assert_eq!(issues_of(StepType::Chat, &values), wanted, "{values}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_read_is_named_with_the_parsers_text() {
        let issues = issues_of(
            StepType::Chat,
            &json!({ "body": "Hi {{ payload.a | }} and {{ payload.b" }),
        );
        let found = &issues["body"][0];
        assert_eq!(found["issueType"], "ILLEGAL_VARIABLE_IN_CONTROL_VALUE", "{issues}");
        assert!(
            found["message"].as_str().unwrap().starts_with("Variable {{"),
            "{issues}"
        );
    }

    #[test]
    fn the_status_follows_from_active_and_issues() {
        for (active, body, wanted) in [
            (true, "x", WorkflowStatus::Active),
            (true, "{{x}}", WorkflowStatus::Error),
            (false, "x", WorkflowStatus::Inactive),
            (false, "{{x}}", WorkflowStatus::Inactive),
        ] {
            let mut workflow = workflow(vec![step("a", StepType::Chat, &json!({ "body": body }))]);
            workflow.active = active;
            judge(&mut workflow);
            assert_eq!(workflow.status, wanted, "{active} {body}");
        }
    }

    #[test]
    fn a_channel_needs_an_integration_and_mail_and_sms_a_primary_one() {
        let active = |channel, is_primary| ActiveChannel { channel, is_primary };
        for (kind, channels, missing) in [
            (StepType::Chat, vec![], true),
            (StepType::Chat, vec![active(Channel::Chat, false)], false),
            (StepType::Email, vec![active(Channel::Email, false)], true),
            (StepType::Email, vec![active(Channel::Email, true)], false),
            (StepType::Sms, vec![active(Channel::Email, true)], true),
            (StepType::Digest, vec![], false),
        ] {
            assert_eq!(integration(kind, &channels).is_some(), missing, "{kind} {channels:?}");
        }
    }
}
