//! The e-mail step: the body in its layout, to the addresses that subscriber and trigger make.

mod envelope;

use campanile_email::{Content, Email};
use campanile_liquid::RenderOptions;
use campanile_model::channel::{JobReason, JobStatus, MessageStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Channel, Time};
use campanile_store::StoreError;
use campanile_store::messages::Head;
use campanile_store::traces::NewTrace;
use serde_json::{Map, Value, json};

use super::{Next, choice, overrides};
use crate::attachments;
use crate::run::messages::{self, Alone, Group, Planned};
use crate::run::{Run, Turn};
use crate::translations::Frame;

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
    match envelope::text(custom, "html").map(campanile_email::finished) {
        // A body that comes with the trigger is finished.
        Some(Ok(email)) => Some(email),
        Some(Err(error)) => {
            run.content_failed(turn, &error.to_string());
            None
        }
        None => composed(run, turn, controls),
    }
}

/// The step's own body in its layout; nothing when there is no such layout, which is told.
fn composed(run: &mut Run<'_>, turn: &mut Turn<'_>, controls: &Value) -> Option<Email> {
    let view = run.view;
    let stored = view
        .prepared
        .workflow
        .steps
        .get(turn.step)
        .map(|step| &step.control_values);
    let wanted = Wanted::of(
        view.overrides,
        &turn.job.step_id,
        stored.and_then(|values| values.get("layoutId")),
    );
    let frame = match wanted.among(&view.prepared.layouts) {
        Ok(frame) => frame,
        Err(name) => {
            let trace = NewTrace::new(Detail::LayoutNotFound, TraceStatus::Failed);
            run.tell(turn.job, trace.raw(json!({ "layoutId": name })));
            turn.job.status = JobStatus::Failed;
            return None;
        }
    };
    if let Some(Frame { layout, .. }) = frame {
        let trace = NewTrace::new(Detail::LayoutSelected, TraceStatus::Success)
            .raw(json!({ "layoutId": layout.layout_id, "name": layout.name }));
        run.tell(turn.job, trace);
    }
    let mail = Mail {
        body: stored
            .and_then(|values| values.get("body"))
            .and_then(Value::as_str)
            .unwrap_or_default(),
        frame,
        sanitise: controls["disableOutputSanitization"] != true,
    };
    match mail.render(&run.data, view.engine.store().now()) {
        Ok((email, missing)) => {
            run.tell_missing(turn, &missing);
            Some(email)
        }
        Err(problem) => {
            run.content_failed(turn, &problem);
            None
        }
    }
}

/// A mail's content: what a step sends, and what a preview of it shows.
struct Mail<'a> {
    body: &'a str,
    frame: Option<&'a Frame>,
    sanitise: bool,
}

impl Mail<'_> {
    /// The mail, and the keys of texts that the layout misses; `Err` says why there is none.
    fn render(&self, data: &Value, now: Time) -> Result<(Email, Vec<String>), String> {
        // A layout has texts of its own.
        let (around, missing) = match self.frame {
            Some(frame) => frame.data(data, now)?,
            None => (None, Vec::new()),
        };
        let content = Content {
            body: self.body,
            layout: self.frame.and_then(|frame| frame.layout.body()),
            layout_data: around.as_ref(),
            sanitise: self.sanitise,
        };
        let email = campanile_email::render(&content, data, &RenderOptions::novu(now.timestamp()))
            .map_err(|error| error.to_string())?;
        Ok((email, missing))
    }
}

/// The body of a mail with this data, as a run of the step would make it; `Err` says why there is none.
pub(crate) fn preview(
    controls: &Map<String, Value>,
    frames: &[Frame],
    data: &Value,
    now: Time,
) -> Result<String, String> {
    let wanted = Wanted::of(&Value::Null, "", controls.get("layoutId"));
    let frame = wanted
        .among(frames)
        .map_err(|name| format!("there is no layout {name}"))?;
    let mail = Mail {
        body: controls.get("body").and_then(Value::as_str).unwrap_or_default(),
        frame,
        sanitise: controls.get("disableOutputSanitization") != Some(&Value::Bool(true)),
    };
    mail.render(data, now).map(|(email, _)| email.html)
}

/// Which layout a message goes into.
#[derive(Debug, PartialEq)]
enum Wanted {
    None,
    Default,
    Named(String),
}

impl Wanted {
    /// The trigger's word for this step, for the channel, for all mails; the step's own; else the environment's.
    fn of(overrides: &Value, step_id: &str, own: Option<&Value>) -> Self {
        let layers = [
            overrides["steps"][step_id].get("layoutId"),
            overrides["channels"]["email"].get("layoutId"),
            overrides.get("layoutIdentifier"),
            own,
        ];
        match layers.into_iter().flatten().next() {
            None => Self::Default,
            Some(Value::String(name)) if !name.is_empty() => Self::Named(name.clone()),
            Some(_) => Self::None,
        }
    }

    /// The layout among those of the environment; `Err` is the name of one that is not there.
    fn among<'a>(&self, frames: &'a [Frame]) -> Result<Option<&'a Frame>, String> {
        match self {
            Self::None => Ok(None),
            Self::Default => Ok(frames.iter().find(|frame| frame.layout.is_default)),
            Self::Named(name) => {
                let found = frames.iter().find(|frame| frame.layout.is_named(name));
                found.map(Some).ok_or_else(|| name.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_about_the_layout_wins() {
        let own = json!("own");
        let wanted = |overrides: Value| Wanted::of(&overrides, "mail", Some(&own));
        assert_eq!(Wanted::of(&json!({}), "mail", None), Wanted::Default);
        assert_eq!(Wanted::of(&json!({}), "mail", Some(&Value::Null)), Wanted::None);
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
