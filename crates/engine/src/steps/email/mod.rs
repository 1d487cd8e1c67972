//! The e-mail step: the body in its layout, to the addresses that subscriber and trigger make.

mod envelope;

use campanile_email::{Content, Email, RenderError};
use campanile_liquid::RenderOptions;
use campanile_model::Channel;
use campanile_model::channel::{JobReason, JobStatus, MessageStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::layouts::Layout;
use campanile_store::messages::Head;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use super::{Next, choice, overrides};
use crate::attachments;
use crate::run::messages::{self, Alone, Group, Planned};
use crate::run::{Run, Turn};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let view = run.view;
    let Some(integration) = choice::made(run, turn, Channel::Email) else {
        return Ok(Next::Go);
    };
    let custom = overrides::of_channel(view.overrides, "email", &integration.provider_id);
    let credentials = view
        .integrations
        .active(integration.id)
        .map(|(_, credentials)| credentials);
    let envelope = envelope::envelope(&envelope::Input {
        address: view.subscriber.field("email"),
        overrides: &custom,
        controls: &controls,
        credentials: credentials.unwrap_or(&Value::Null),
        attachments: attachments::of_channel(view.payload, &custom, "email"),
    });
    let subject = envelope::text(&custom, "subject").or_else(|| envelope::text(&controls, "subject"));
    let head = Head {
        subject,
        email: envelope.as_ref().and_then(|envelope| envelope.first.clone()),
        ..Head::default()
    };
    let Some(mut envelope) = envelope else {
        messages::store_alone(
            run,
            turn,
            Alone {
                channel: Channel::Email,
                integration,
                text: String::new(),
                head,
                status: MessageStatus::Warning,
                error: Some(("mail_unexpected_error", "Subscriber does not have an email address")),
            },
        )?;
        run.tell(turn.job, NewTrace::new(Detail::SubscriberNoEmail, TraceStatus::Failed));
        turn.job.status = JobStatus::Canceled;
        turn.job.reason = Some(JobReason::MissingEmail);
        return Ok(Next::Go);
    };
    let Some(Email { html, text }) = body(run, turn, &controls, &custom) else {
        return Ok(Next::Go);
    };
    // A text that comes with the trigger wins over the one that is made of the HTML.
    if envelope.address.get("text").is_none() {
        envelope.address["text"] = text.into();
    }
    let group = Group {
        integration_id: integration.id,
        provider_id: integration.provider_id.clone(),
        head,
        deliveries: vec![Planned {
            endpoint: None,
            address: Some(json!({ "type": "email", "endpoint": envelope.address })),
            shown: json!({ "type": "email", "endpoint": { "to": envelope.address["to"] } }),
            lane: format!("deliver:{}", integration.id),
        }],
        overrides: overrides::kept(
            &overrides::of_provider(view.overrides, &turn.job.step_id, &integration.provider_id),
            &custom,
        ),
    };
    messages::queue(run, turn, Channel::Email, vec![group], &html)?;
    Ok(Next::Wait)
}

/// The HTML of the message and its text; without them the job has failed, and its story says why.
fn body(run: &mut Run<'_>, turn: &mut Turn<'_>, controls: &Value, custom: &Value) -> Option<Email> {
    let made = match envelope::text(custom, "html") {
        // A body that comes with the trigger is finished.
        Some(html) => campanile_email::finished(html),
        None => composed(run, turn, controls)?,
    };
    made.map_err(|error| run.content_failed(turn, &error.to_string())).ok()
}

/// The step's own body in its layout; nothing when there is no such layout, which is told.
fn composed(run: &mut Run<'_>, turn: &mut Turn<'_>, controls: &Value) -> Option<Result<Email, RenderError>> {
    let view = run.view;
    let stored = view
        .prepared
        .workflow
        .steps
        .get(turn.step)
        .map(|step| &step.control_values);
    let layout = match layout(
        view.overrides,
        &turn.job.step_id,
        stored.and_then(|values| values.get("layoutId")),
    ) {
        Wanted::None => None,
        Wanted::Default => view.prepared.layouts.iter().find(|layout| layout.is_default),
        Wanted::Named(name) => {
            let found = view.prepared.layouts.iter().find(|layout| layout.is_named(&name));
            if found.is_none() {
                let trace = NewTrace::new(Detail::LayoutNotFound, TraceStatus::Failed);
                run.tell(turn.job, trace.raw(json!({ "layoutId": name })));
                turn.job.status = JobStatus::Failed;
                return None;
            }
            found
        }
    };
    if let Some(layout) = layout {
        let trace = NewTrace::new(Detail::LayoutSelected, TraceStatus::Success)
            .raw(json!({ "layoutId": layout.layout_id, "name": layout.name }));
        run.tell(turn.job, trace);
    }
    let content = Content {
        body: stored
            .and_then(|values| values.get("body"))
            .and_then(Value::as_str)
            .unwrap_or_default(),
        layout: layout.and_then(Layout::body),
        sanitise: controls["disableOutputSanitization"] != true,
    };
    let options = RenderOptions::novu(view.engine.store().now().timestamp());
    Some(campanile_email::render(&content, &run.data, &options))
}

/// Which layout a message goes into.
#[derive(Debug, PartialEq)]
enum Wanted {
    None,
    Default,
    Named(String),
}

/// The trigger's word for this step, for the channel, for all mails; the step's own; else the environment's.
fn layout(overrides: &Value, step_id: &str, own: Option<&Value>) -> Wanted {
    let layers = [
        overrides["steps"][step_id].get("layoutId"),
        overrides["channels"]["email"].get("layoutId"),
        overrides.get("layoutIdentifier"),
        own,
    ];
    match layers.into_iter().flatten().next() {
        None => Wanted::Default,
        Some(Value::String(name)) if !name.is_empty() => Wanted::Named(name.clone()),
        Some(_) => Wanted::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_about_the_layout_wins() {
        let own = json!("own");
        let wanted = |overrides: Value| layout(&overrides, "mail", Some(&own));
        assert_eq!(layout(&json!({}), "mail", None), Wanted::Default);
        assert_eq!(layout(&json!({}), "mail", Some(&Value::Null)), Wanted::None);
        assert_eq!(wanted(json!({})), Wanted::Named("own".to_owned()));
        assert_eq!(
            wanted(json!({ "layoutIdentifier": "all" })),
            Wanted::Named("all".to_owned())
        );
        let channel = json!({ "layoutIdentifier": "all", "channels": { "email": { "layoutId": null } } });
        assert_eq!(wanted(channel), Wanted::None);
        let step = json!({
            "channels": { "email": { "layoutId": "channel" } },
            "steps": { "mail": { "layoutId": "step" }, "other": { "layoutId": "other" } },
        });
        assert_eq!(wanted(step), Wanted::Named("step".to_owned()));
    }
}
