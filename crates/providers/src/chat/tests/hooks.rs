use super::*;

fn scene(provider_id: &'static str) -> Scene {
    let endpoint = json!({ "url": "https://chat.example/base/", "channel": "general" });
    Scene::new(provider_id, "webhook", &endpoint)
}

#[test]
fn each_provider_gets_the_body_that_it_knows() {
    let oncall = Scene {
        credentials: json!({ "alertUid": "1", "title": "T", "imageUrl": "i", "state": "alerting", "externalLink": "l" }),
        ..scene("grafana-on-call")
    };
    assert_eq!(
        oncall.body(),
        json!({
            "alert_uid": "1", "title": "T", "image_url": "i", "state": "alerting", "link_to_upstream_details": "l",
            "message": "Hello",
        })
    );
    assert_eq!(scene("ryver").body(), json!({ "content": "Hello" }));
    assert_eq!(scene("zulip").body(), json!({ "text": "Hello" }));
    let stream = Scene {
        credentials: json!({ "apiKey": "canary" }),
        ..scene("getstream")
    };
    assert_eq!(stream.body(), json!({ "text": "Hello" }));
    assert_eq!(stream.prepared().request.header("x-api-key"), Some("canary"));
}

#[test]
fn rocket_chat_is_called_by_its_api_with_both_headers() {
    let scene = Scene {
        credentials: json!({ "token": "canary-token", "user": "canary-user" }),
        ..scene("rocket-chat")
    };
    let request = scene.prepared().request;
    assert_eq!(
        request.url.as_str(),
        "https://chat.example/base/api/v1/chat.sendMessage"
    );
    assert_eq!(scene.body(), json!({ "message": { "rid": "general", "msg": "Hello" } }));
    assert_eq!(
        (request.header("x-auth-token"), request.header("x-user-id")),
        (Some("canary-token"), Some("canary-user"))
    );
    assert!(!request.redacted().to_string().contains("canary"));
    let lacking = Scene {
        credentials: json!({ "token": "x" }),
        ..scene
    };
    assert_eq!(lacking.prepare().unwrap_err().code, "credentials_missing");
}

#[test]
fn the_status_says_what_became_of_it() {
    for (status, body, expected) in [
        (200, r#"{"message":{"_id":"m1"},"success":true}"#, "delivered m1"),
        (200, "", "delivered -"),
        (404, "", "rejected endpoint http_404 broken"),
        (429, "", "retry network http_429"),
        (400, "", "rejected message http_400"),
    ] {
        assert_eq!(summary(&scene("rocket-chat").answer(status, &[], body)), expected);
    }
}
