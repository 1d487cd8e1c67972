use super::*;

fn channel() -> Scene {
    let endpoint = json!({ "teamId": "team-1", "channelId": "19:abc@thread.tacv2" });
    Scene::new("msteams", "ms_teams_channel", &endpoint)
}

fn user() -> Scene {
    Scene {
        credentials: json!({ "clientId": "app-1" }),
        ..Scene::new("msteams", "ms_teams_user", &json!({ "userId": "29:ann" }))
    }
}

fn hook(url: &str) -> Scene {
    Scene::new("msteams", "webhook", &json!({ "url": url }))
}

const FLOW: &str = "https://prod-1.westeurope.logic.azure.com/workflows/x/triggers/manual/paths/invoke?sig=canary-sig";

#[test]
fn a_channel_is_posted_to_with_the_bots_token() {
    let Prepared {
        request,
        trust,
        opening,
    } = channel().prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        (
            "https://smba.trafficmanager.net/teams/v3/conversations/19%3Aabc%40thread.tacv2/activities",
            Trust::Operator
        )
    );
    assert!(opening.is_none());
    assert_eq!(request.header("authorization"), Some("Bearer xoxb-canary-token"));
    assert_eq!(
        channel().body(),
        json!({
            "type": "message", "text": "Hello",
            "channelData": { "tenant": { "id": "tenant-1" }, "team": { "id": "team-1" }, "channel": { "id": "19:abc@thread.tacv2" } },
        })
    );
    assert!(!request.redacted().to_string().contains("canary"));
}

#[test]
fn a_person_is_spoken_to_in_a_conversation_that_is_opened_first() {
    let prepared = user().prepared();
    let opening = prepared.opening.unwrap();
    assert_eq!(
        opening.url.as_str(),
        "https://smba.trafficmanager.net/teams/v3/conversations"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&opening.body).unwrap(),
        json!({
            "isGroup": false, "bot": { "id": "app-1" }, "members": [{ "id": "29:ann" }],
            "channelData": { "tenant": { "id": "tenant-1" } },
        })
    );
    assert_eq!(user().body(), json!({ "type": "message", "text": "Hello" }));
    let answer = Response::new(201, &[], r#"{"id":"a:1/../x"}"#);
    let (url, conversation) = opened(&opening, &user().address, Ok(answer)).unwrap();
    assert_eq!(
        (url.as_str(), conversation.as_str()),
        (
            "https://smba.trafficmanager.net/teams/v3/conversations/a%3A1%2F..%2Fx/activities",
            "a:1/../x"
        )
    );
}

#[test]
fn what_fails_before_the_post_is_never_in_doubt() {
    let opening = user().prepared().opening.unwrap();
    let read = |answer| summary(&opened(&opening, &user().address, answer).unwrap_err());
    for (status, body, expected) in [
        (500, "", "retry network http_500"),
        (
            403,
            r#"{"error":{"code":"ForbiddenOperationException"}}"#,
            "rejected endpoint MSTEAMS_BOT_NOT_INSTALLED broken",
        ),
        (
            400,
            r#"{"error":{"code":"BadArgument","message":"Failed to decrypt pairwise id"}}"#,
            "rejected endpoint BadArgument broken",
        ),
        (200, "{}", "retry network no_conversation"),
        (200, r#"{"id":".."}"#, "retry network no_conversation"),
    ] {
        assert_eq!(read(Ok(Response::new(status, &[], body))), expected, "{status} {body}");
    }
    let lost = TransportError::Unknown("timed out".to_owned());
    assert_eq!(read(Err(lost)), "retry network no_answer");
}

#[test]
fn the_tenants_own_service_is_called_unless_the_operator_has_another() {
    let regional = Scene {
        service_url: Some("https://smba.trafficmanager.net/amer/"),
        ..channel()
    };
    let prepared = regional.prepared();
    assert_eq!(prepared.trust, Trust::Customer);
    assert!(
        prepared
            .request
            .url
            .as_str()
            .starts_with("https://smba.trafficmanager.net/amer/v3/conversations/19")
    );
    let moved = regional.based("msteams/bot", "http://127.0.0.1:9").prepared();
    assert_eq!(moved.trust, Trust::Operator);
    assert!(
        moved
            .request
            .url
            .as_str()
            .starts_with("http://127.0.0.1:9/teams/v3/conversations/19")
    );
    let plain = Scene {
        service_url: Some("http://smba.trafficmanager.net/amer"),
        ..channel()
    };
    assert!(
        plain
            .prepared()
            .request
            .url
            .as_str()
            .starts_with("https://smba.trafficmanager.net/teams/")
    );
}

#[test]
fn a_channels_id_cannot_lead_elsewhere() {
    for id in ["", ".", ".."] {
        let scene = Scene::new(
            "msteams",
            "ms_teams_channel",
            &json!({ "teamId": "t", "channelId": id }),
        );
        assert_eq!(scene.prepare().unwrap_err().code, "invalid_address", "{id}");
    }
}

#[test]
fn a_workflow_gets_a_card_unless_the_content_is_one() {
    let flow = hook(FLOW);
    let prepared = flow.prepared();
    assert_eq!((prepared.request.url.as_str(), prepared.trust), (FLOW, Trust::Customer));
    assert!(!prepared.request.redacted().to_string().contains("canary"));
    let body = flow.body();
    assert_eq!(body["type"], "message");
    assert_eq!(
        body["attachments"][0]["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    assert_eq!(
        body["attachments"][0]["content"]["body"],
        json!([{ "type": "TextBlock", "text": "Hello", "wrap": true }])
    );
    let own = Scene {
        text: r#"{"type":"message","attachments":[1]}"#.to_owned(),
        ..hook(FLOW)
    };
    assert_eq!(own.body(), json!({ "type": "message", "attachments": [1] }));
    let card = Scene {
        text: r#"{"type":"AdaptiveCard","body":[]}"#.to_owned(),
        ..hook("https://x.environment.api.powerplatform.com/powerautomate/x")
    };
    assert_eq!(
        card.body()["attachments"][0]["content"],
        json!({ "type": "AdaptiveCard", "body": [] })
    );
    assert_eq!(hook("https://proxy.example/x").body(), json!({ "text": "Hello" }));
    let long = Scene {
        text: "x".repeat(28 * 1024),
        ..hook(FLOW)
    };
    assert_eq!(long.prepare().unwrap_err().code, "content_too_long");
}

#[test]
fn retired_connectors_are_refused_with_the_way_out() {
    for url in [
        "https://contoso.webhook.office.com/webhookb2/x",
        "https://webhook.office.com/x",
        "https://outlook.office.com/webhook/x",
        "https://OUTLOOK.office365.com./webhook/x",
    ] {
        let failure = hook(url).prepare().unwrap_err();
        assert_eq!(
            (failure.level, failure.code.as_str(), failure.health),
            (Level::Endpoint, "connector_retired", Some(Health::Broken)),
            "{url}"
        );
        assert!(failure.message.contains("workflow"));
    }
    assert!(hook("https://webhook.office.com.example/x").prepare().is_ok());
}

#[test]
fn every_answer_of_the_bot_connector_means_one_thing() {
    let said = |code: &str| json!({ "error": { "code": code, "message": "why" } });
    for (status, body, expected) in [
        (201, json!({ "id": "1700" }), "delivered 1700"),
        (200, json!(null), "delivered -"),
        (
            403,
            said("BotNotInConversationRoster"),
            "rejected endpoint MSTEAMS_BOT_NOT_INSTALLED broken",
        ),
        (
            403,
            said("MessageWritesBlocked"),
            "rejected endpoint MSTEAMS_INSUFFICIENT_PERMISSIONS broken",
        ),
        (
            403,
            said("BotDisabledByAdmin"),
            "rejected grant MSTEAMS_INSUFFICIENT_PERMISSIONS degraded -",
        ),
        (
            403,
            json!(null),
            "rejected endpoint MSTEAMS_INSUFFICIENT_PERMISSIONS broken",
        ),
        (
            404,
            said("ConversationNotFound"),
            "rejected endpoint MSTEAMS_CHANNEL_NOT_FOUND broken",
        ),
        (404, json!(null), "rejected endpoint MSTEAMS_CHANNEL_NOT_FOUND broken"),
        (401, json!(null), "rejected integration MSTEAMS_INVALID_CREDENTIALS"),
        (413, json!(null), "rejected message http_413"),
        (400, said("BadSyntax"), "rejected message BadSyntax"),
        (400, said("ServiceError"), "retry network ServiceError"),
        (412, json!(null), "retry network http_412"),
        (502, json!(null), "retry network http_502"),
        (500, json!(null), "unknown network http_500"),
    ] {
        assert_eq!(
            summary(&channel().answer(status, &[], &body.to_string())),
            expected,
            "{status} {body}"
        );
    }
    let busy = channel().answer(429, &[("retry-after", "3")], "");
    assert_eq!(summary(&busy), "retry after 3 network http_429");
    let refused = channel().answer(400, &[], &said("BadSyntax").to_string());
    assert_eq!(refused.failure().unwrap().message, "MS Teams API Error: 400 - why");
}

#[test]
fn a_workflow_accepts_and_does_not_deliver() {
    let flow = hook(FLOW);
    for (status, body, expected) in [
        (202, "", "accepted run-1"),
        (200, "1", "delivered run-1"),
        (
            400,
            r#"{"error":{"code":"WorkflowTriggerIsNotEnabled"}}"#,
            "rejected endpoint WorkflowTriggerIsNotEnabled broken",
        ),
        (
            404,
            r#"{"error":{"code":"WorkflowNotFound"}}"#,
            "rejected endpoint WorkflowNotFound broken",
        ),
        (
            401,
            r#"{"error":{"code":"DirectApiAuthorizationRequired"}}"#,
            "rejected endpoint DirectApiAuthorizationRequired broken",
        ),
        (
            400,
            r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#,
            "rejected message http_400",
        ),
        (429, "", "retry network http_429"),
    ] {
        let answer = flow.answer(status, &[("x-ms-workflow-run-id", "run-1")], body);
        assert_eq!(summary(&answer), expected, "{status} {body}");
    }
}
