use proptest::prelude::*;

use super::*;
use crate::transport::AddressKind;

#[test]
fn providers_without_a_sender_say_so() {
    for id in ["google-chat", "novu-slack", "sendgrid", "nobody"] {
        let failure = Scene::new(id, "webhook", &json!({ "url": "https://x" }))
            .prepare()
            .unwrap_err();
        assert_eq!(
            (failure.level, failure.code.as_str()),
            (Level::Integration, "provider_not_supported"),
            "{id}"
        );
        assert!(failure.message.contains(id));
    }
}

#[test]
fn a_missing_answer_is_told_by_whether_it_was_sent() {
    let address = Address::parse("webhook", &json!({ "url": "https://x" })).unwrap();
    let reason = BlockReason::Address(AddressKind::Metadata);
    for (error, expected) in [
        (TransportError::Blocked(reason), "rejected endpoint url_blocked broken"),
        (TransportError::NotSent("x".to_owned()), "retry network not_sent"),
        (TransportError::Unknown("x".to_owned()), "unknown network no_answer"),
    ] {
        for provider in [
            "slack",
            "discord",
            "mattermost",
            "chat-webhook",
            "msteams",
            "webex-messaging",
            "telegram",
            "line",
            "whatsapp-business",
            "sendblue",
            "zulip",
        ] {
            assert_eq!(summary(&interpret(provider, &address, Err(error.clone()))), expected);
        }
    }
}

proptest! {
    #[test]
    fn no_answer_panics(
        provider in prop::sample::select(vec!["slack", "discord", "mattermost", "chat-webhook", "msteams", "webex-messaging", "telegram", "line", "whatsapp-business", "sendblue", "zulip"]),
        status in 100u16..600,
        body in prop_oneof![".{0,80}", Just("[1]".to_owned()), Just(r#"{"ok":false,"error":1,"code":-1,"id":3}"#.to_owned()), Just(r#"{"error":{"code":1},"parameters":[],"sentMessages":{},"message":4}"#.to_owned())],
        hook in any::<bool>(),
    ) {
        let scene = if hook {
            Scene::new(provider, "webhook", &json!({ "url": "https://x" }))
        } else {
            Scene::new(provider, "slack_user", &json!({ "userId": "U" }))
        };
        let _ = scene.answer(status, &[("retry-after", body.split('\n').next().unwrap_or(""))], &body);
    }

    #[test]
    fn no_override_panics_or_breaks_the_body(
        provider in prop::sample::select(vec!["slack", "discord", "mattermost", "chat-webhook", "msteams", "rocket-chat"]),
        name in prop::sample::select(vec!["text", "content", "blocks", "webhookUrl", "hmacSecretKey", "_passthrough", "allowedMentions"]),
        value in prop::sample::select(vec![
            json!(null), json!(1), json!("x"), json!([]), json!({}), json!({ "body": 1, "headers": [], "query": "x" }),
            json!({ "body": { "a": 1 }, "headers": { "": 1, "ä": "x" }, "query": { "": null } }),
        ]),
        whole in any::<bool>(),
    ) {
        let mut scene = Scene::new(provider, "webhook", &json!({ "url": "https://x" }));
        scene.overrides = if whole { value } else { json!({ name: value }) };
        if let Ok(prepared) = scene.prepare() {
            prop_assert!(serde_json::from_slice::<Value>(&prepared.request.body).unwrap().is_object());
            let _ = prepared.request.redacted();
        }
    }
}
