use super::*;

fn scene() -> Scene {
    Scene::new(
        "mattermost",
        "webhook",
        &json!({ "url": "https://mm.example/hooks/canarycanarycanarycanary", "channel": "town" }),
    )
}

#[test]
fn text_channel_and_overrides_are_sent() {
    let mut scene = scene();
    scene.overrides = json!({ "iconUrl": "https://i", "props": { "card": "x" } });
    let Prepared { request, trust, .. } = scene.prepared();
    assert_eq!(trust, Trust::Customer);
    assert_eq!(
        scene.body(),
        json!({ "text": "Hello", "channel": "town", "icon_url": "https://i", "props": { "card": "x" } })
    );
    assert!(!request.redacted().to_string().contains("canary"));
}

#[test]
fn every_answer_means_one_thing() {
    let error = |reason: &str| {
        json!({ "id": format!("web.incoming_webhook.{reason}.app_error"), "message": "No." }).to_string()
    };
    for (status, body, expected) in [
        (200, "ok".to_owned(), "delivered -"),
        (200, "<html>".to_owned(), "unknown network unexpected_answer"),
        (
            400,
            error("invalid"),
            "rejected endpoint web.incoming_webhook.invalid.app_error broken",
        ),
        (
            400,
            error("channel"),
            "rejected endpoint web.incoming_webhook.channel.app_error broken",
        ),
        (
            403,
            error("permissions"),
            "rejected endpoint web.incoming_webhook.permissions.app_error broken",
        ),
        (
            501,
            error("disabled"),
            "rejected endpoint web.incoming_webhook.disabled.app_error broken",
        ),
        (
            400,
            error("text"),
            "rejected message web.incoming_webhook.text.app_error",
        ),
        (500, error("general"), "retry network http_500"),
        (404, String::new(), "rejected endpoint http_404 broken"),
        (429, "limit exceeded".to_owned(), "retry network http_429"),
        (400, String::new(), "rejected message http_400"),
    ] {
        assert_eq!(
            summary(&scene().answer(status, &[], &body)),
            expected,
            "{status} {body}"
        );
    }
    assert_eq!(
        summary(&scene().answer(200, &[("x-request-id", "r")], "ok")),
        "delivered r"
    );
}
