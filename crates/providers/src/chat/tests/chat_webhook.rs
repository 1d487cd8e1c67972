use ring::hmac;

use super::*;

fn scene() -> Scene {
    Scene::new(
        "chat-webhook",
        "webhook",
        &json!({ "url": "https://a.example/in?token=canary", "channel": "ops" }),
    )
}

fn signature_fits(request: &Request, key: &str) -> bool {
    let signature = hex::decode(request.header("x-novu-signature").unwrap()).unwrap();
    hmac::verify(
        &hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
        &request.body,
        &signature,
    )
    .is_ok()
}

#[test]
fn the_body_is_novus_and_the_delivery_is_named() {
    let Prepared { request, trust, .. } = scene().prepared();
    assert_eq!(trust, Trust::Customer);
    assert_eq!(
        std::str::from_utf8(&request.body).unwrap(),
        r#"{"content":"Hello","webhookUrl":"https://a.example/in?token=canary","channel":"ops"}"#
    );
    assert_eq!(request.header("idempotency-key"), Some("65f1c0ffee00000000000001"));
    assert_eq!(request.header("x-novu-signature"), None);
    assert!(
        !request.redacted().to_string().contains("canary"),
        "{}",
        request.redacted()
    );
}

#[test]
fn what_is_signed_is_what_is_sent() {
    let mut scene = scene();
    for (credentials, overrides, key) in [
        (
            json!({ "secretKey": "one" }),
            json!({ "extra": { "ä": [1, 2] } }),
            "one",
        ),
        (json!({ "hmacSecretKey": "two", "secretKey": "one" }), json!({}), "two"),
        (
            json!({ "secretKey": "one" }),
            json!({ "hmacSecretKey": "canary-three" }),
            "canary-three",
        ),
        (
            json!({ "secretKey": "one" }),
            json!({ "_passthrough": { "body": { "hmacSecretKey": "x", "b": 1 } } }),
            "one",
        ),
    ] {
        (scene.credentials, scene.overrides) = (credentials, overrides);
        let request = scene.prepared().request;
        assert!(signature_fits(&request, key), "{key}");
        let sent = std::str::from_utf8(&request.body).unwrap();
        assert!(!sent.contains("hmacSecretKey") && !sent.contains("three"), "{sent}");
    }
    (scene.credentials, scene.overrides) = (json!({ "secretKey": "" }), json!({ "hmacSecretKey": "" }));
    assert_eq!(scene.prepared().request.header("x-novu-signature"), None);
}

#[test]
fn an_override_replaces_the_target_and_stays_guarded() {
    let mut scene = scene();
    scene.overrides = json!({ "webhookUrl": "https://b.example/x", "content": "Other" });
    let Prepared { request, trust, .. } = scene.prepared();
    assert_eq!((request.url.as_str(), trust), ("https://b.example/x", Trust::Customer));
    assert_eq!(
        scene.body(),
        json!({ "content": "Other", "webhookUrl": "https://b.example/x", "channel": "ops" })
    );
}

#[test]
fn a_phone_needs_a_target_from_elsewhere() {
    let mut scene = Scene::new("chat-webhook", "phone", &json!({ "phoneNumber": "+4912" }));
    assert_eq!(scene.prepare().unwrap_err().code, "webhook_url_missing");
    scene.credentials = json!({ "webhookUrl": "https://a.example/" });
    assert_eq!(
        scene.body(),
        json!({ "content": "Hello", "webhookUrl": "https://a.example/", "phoneNumber": "+4912" })
    );
    let user = Scene::new("chat-webhook", "slack_user", &json!({ "userId": "U1" }))
        .prepare()
        .unwrap_err();
    assert_eq!(user.code, "unsupported_address");
}

#[test]
fn every_status_means_one_thing() {
    for (status, body, expected) in [
        (200, "", "delivered -"),
        (201, r#"{"id":"7"}"#, "delivered 7"),
        (202, "", "delivered -"),
        (204, "", "delivered -"),
        (400, "bad", "rejected message http_400"),
        (401, "", "rejected endpoint http_401"),
        (403, "", "rejected endpoint http_403"),
        (404, "", "rejected endpoint http_404 broken"),
        (410, "", "rejected endpoint http_410 broken"),
        (408, "", "retry network http_408"),
        (422, "", "rejected message http_422"),
        (429, "", "retry network http_429"),
        (500, "", "retry network http_500"),
        (503, "", "retry network http_503"),
        (308, "", "rejected endpoint redirected broken"),
    ] {
        assert_eq!(summary(&scene().answer(status, &[], body)), expected, "{status} {body}");
    }
    assert_eq!(
        summary(&scene().answer(503, &[("retry-after", "120")], "")),
        "retry after 120 network http_503"
    );
}
