//! The in-app step: its message is there as soon as it is stored.

use campanile_model::Channel;
use campanile_model::channel::{JobStatus, MessageStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::messages::{Attention, Head};
use campanile_store::traces::NewTrace;
use serde_json::{Map, Value, json};

use super::{Next, choice};
use crate::run::messages::{self, Alone};
use crate::run::{Run, Turn};

/// What a step may put into `data`.
const MOST_DATA: usize = 10;

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let Some(integration) = choice::made(run, turn, Channel::InApp) else {
        return Ok(Next::Go);
    };
    let content = match content(&controls) {
        Ok(content) => content,
        Err(problem) => {
            run.content_failed(turn, &problem);
            return Ok(Next::Go);
        }
    };
    messages::store_alone(
        run,
        turn,
        Alone {
            channel: Channel::InApp,
            integration,
            text: content.body,
            head: content.head,
            status: MessageStatus::Sent,
            error: None,
        },
    )?;
    let sent = NewTrace::new(Detail::MessageSent, TraceStatus::Success).provider(&integration.provider_id);
    run.tell(turn.job, sent);
    turn.job.status = JobStatus::Completed;
    turn.job.output = Some(output(&Attention::default()));
    Ok(Next::Go)
}

/// What later steps see of the message.
pub(crate) fn output(attention: &Attention) -> Value {
    json!({
        "seen": attention.seen,
        "read": attention.read,
        "lastSeenDate": attention.last_seen_at,
        "lastReadDate": attention.last_read_at,
    })
}

/// What a subscriber sees.
#[derive(Debug, PartialEq)]
struct Content {
    body: String,
    head: Head,
}

/// Reads rendered controls; `Err` says what is wrong with them.
fn content(controls: &Value) -> Result<Content, String> {
    let clean = controls["disableOutputSanitization"] != true;
    let text = |value: &Value| -> Result<Option<String>, String> {
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if !clean {
            return Ok(Some(text.to_owned()));
        }
        campanile_email::sanitised_fragment(text)
            .map(Some)
            .map_err(|error| error.to_string())
    };
    let (subject, body) = (text(&controls["subject"])?, text(&controls["body"])?);
    if subject.is_none() && body.is_none() {
        return Err("subject or body is required, and both are empty".to_owned());
    }
    let mut cta = json!({});
    if let Some(redirect) = redirect(&controls["redirect"], "redirect.url")? {
        cta["type"] = "redirect".into();
        cta["data"] = redirect;
    }
    let mut buttons = Vec::new();
    for (name, kind) in [("primaryAction", "primary"), ("secondaryAction", "secondary")] {
        let action = &controls[name];
        let Some(label) = text(&action["label"])? else { continue };
        let mut button = json!({ "type": kind, "content": label });
        if let Some(redirect) = redirect(&action["redirect"], &format!("{name}.redirect.url"))? {
            button["url"] = redirect["url"].clone();
            button["target"] = redirect["target"].clone();
        }
        buttons.push(button);
    }
    if !buttons.is_empty() {
        cta["action"] = json!({ "status": "pending", "buttons": buttons });
    }
    Ok(Content {
        body: body.unwrap_or_default(),
        head: Head {
            subject,
            avatar: controls["avatar"]
                .as_str()
                .filter(|url| is_address(url))
                .map(str::to_owned),
            cta: (cta != json!({})).then_some(cta),
            data: data(&controls["data"]),
            ..Head::default()
        },
    })
}

fn data(value: &Value) -> Option<Value> {
    let members: Map<String, Value> = value
        .as_object()?
        .iter()
        .take(MOST_DATA)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!members.is_empty()).then_some(Value::Object(members))
}

/// `{url, target}` of a link, nothing when there is none.
fn redirect(value: &Value, path: &str) -> Result<Option<Value>, String> {
    let Some(url) = value["url"].as_str().filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    if !is_address(url) {
        return Err(format!(
            "{path} must be a full http(s) URL or a path that begins with /"
        ));
    }
    let usual = if url.starts_with('/') { "_self" } else { "_blank" };
    let known = ["_self", "_blank", "_parent", "_top", "_unfencedTop"];
    let target = value["target"].as_str().filter(|target| known.contains(target));
    Ok(Some(json!({ "url": url, "target": target.unwrap_or(usual) })))
}

/// Addresses that lead to a page and run nothing.
fn is_address(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://") || lower.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_a_message_with_links_and_buttons() {
        let controls = json!({
            "subject": "Hi",
            "body": "<b>x</b><script>y()</script>",
            "avatar": "https://a/b.png",
            "redirect": { "url": "/inbox" },
            "primaryAction": { "label": "Go", "redirect": { "url": "https://x.y", "target": "_top" } },
            "secondaryAction": { "label": "Later" },
            "data": { "a": "1" },
        });
        let content = content(&controls).unwrap();
        assert_eq!(content.body, "<b>x</b>");
        assert_eq!(
            content.head,
            Head {
                subject: Some("Hi".to_owned()),
                avatar: Some("https://a/b.png".to_owned()),
                cta: Some(json!({
                    "type": "redirect",
                    "data": { "url": "/inbox", "target": "_self" },
                    "action": { "status": "pending", "buttons": [
                        { "type": "primary", "content": "Go", "url": "https://x.y", "target": "_top" },
                        { "type": "secondary", "content": "Later" },
                    ] },
                })),
                data: Some(json!({ "a": "1" })),
                ..Head::default()
            }
        );
    }

    #[test]
    fn an_empty_message_and_a_link_that_runs_are_refused() {
        assert!(content(&json!({ "subject": "", "body": null })).is_err());
        for url in ["javascript:x()", "mailto:a@b.c", "x.y"] {
            let bad = content(&json!({ "body": "x", "redirect": { "url": url } }));
            assert!(bad.unwrap_err().starts_with("redirect.url must be"), "{url}");
        }
    }

    #[test]
    fn an_author_may_vouch_for_the_text() {
        let vouched = content(&json!({ "body": "<i onclick=x>1</i>", "disableOutputSanitization": true }));
        assert_eq!(vouched.unwrap().body, "<i onclick=x>1</i>");
    }
}
