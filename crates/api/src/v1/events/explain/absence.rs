//! Why an event made no notification for somebody.

use campanile_engine::recipients::Recipients;
use campanile_model::channel::Outcome;
use campanile_model::texts::{self, Detail};
use campanile_store::traces::Trace;
use serde_json::Value;

use super::Stage;

/// Whether a trace of an event is about this subscriber, or about everybody.
pub(super) fn concerns(trace: &Trace, subscriber: &str) -> bool {
    let facts: Value = trace
        .raw
        .as_deref()
        .and_then(|raw| serde_json::from_str(raw).ok())
        .unwrap_or_default();
    facts["subscriberId"].as_str().is_none_or(|one| one == subscriber)
}

/// Why there is nothing, as far as it was written down.
pub(super) fn told(stage: Stage, recipients: &Recipients, decisions: &[Trace], subscriber: &str) -> (Outcome, String) {
    let is = |detail: Detail| decisions.iter().any(|trace| trace.detail == detail.code());
    let named = recipients.to.iter().any(|one| one.id == subscriber);
    if named && is(Detail::RecipientRefused) {
        return (
            Outcome::NoRecipient,
            format!("{}.", texts::text(Detail::RecipientRefused.code())),
        );
    }
    if named {
        return (
            Outcome::Waiting,
            "The trigger names the subscriber, and their turn has not come yet.".to_owned(),
        );
    }
    let text = if is(Detail::SubscriptionEvaluated) {
        "The rules of the subscriber's own subscriptions to the topic did not let the workflow through.".to_owned()
    } else if recipients.exclude.iter().any(|one| one == subscriber) {
        "The trigger left the subscriber out of its topics.".to_owned()
    } else if recipients.actor.as_ref().is_some_and(|actor| actor.id == subscriber) {
        "The subscriber is the actor of the event, who is not notified through topics.".to_owned()
    } else if recipients.everybody && stage == Stage::Before {
        "The event goes to everybody, and there is no such subscriber.".to_owned()
    } else if recipients.everybody {
        "The event went to everybody: the subscriber was not there then, or their turn has not come yet.".to_owned()
    } else if recipients.topics.is_empty() {
        "The trigger did not name the subscriber.".to_owned()
    } else if stage == Stage::Before {
        format!(
            "The trigger does not name the subscriber, who is not a member of {} in these contexts.",
            recipients.topics.join(", ")
        )
    } else {
        format!(
            "The trigger did not name the subscriber, who was not a member of {} when its members were notified, or whose turn has not come yet.",
            recipients.topics.join(", ")
        )
    };
    (Outcome::NoRecipient, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_engine::recipients::{Recipient, parse};
    use serde_json::json;

    #[test]
    fn who_was_no_recipient_is_told_why() {
        let topic = json!([{ "type": "Topic", "topicKey": "team", "exclude": ["bob"] }, "ann"]);
        let mut recipients = parse(&topic).unwrap();
        recipients.actor = Some(Recipient {
            id: "cid".to_owned(),
            profile: serde_json::Map::new(),
            channels: Vec::new(),
        });
        for (who, outcome, words) in [
            ("ann", Outcome::Waiting, "turn has not come"),
            ("bob", Outcome::NoRecipient, "left the subscriber out"),
            ("cid", Outcome::NoRecipient, "actor"),
            ("dan", Outcome::NoRecipient, "not a member of team"),
        ] {
            let (found, text) = told(Stage::Since, &recipients, &[], who);
            assert!(found == outcome && text.contains(words), "{who}: {text}");
        }
        let (_, text) = told(Stage::Before, &recipients, &[], "dan");
        assert!(text.contains("is not a member of team"), "{text}");
        let (_, text) = told(Stage::Since, &Recipients::everybody(), &[], "ann");
        assert!(text.contains("everybody"), "{text}");
        let (_, text) = told(Stage::Since, &parse(&json!("ann")).unwrap(), &[], "bob");
        assert_eq!(text, "The trigger did not name the subscriber.");
    }
}
