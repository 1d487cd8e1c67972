use super::*;
use crate::transport::Secretish;

fn channel() -> Scene {
    Scene::new("slack", "slack_channel", &json!({ "channelId": "C1" }))
}

fn hook() -> Scene {
    Scene::new(
        "slack",
        "webhook",
        &json!({ "url": "https://hooks.slack.com/services/T1/B1/canary" }),
    )
}

#[test]
fn a_channel_and_a_user_are_posted_to_by_the_web_api() {
    for (kind, endpoint, destination) in [
        ("slack_channel", json!({ "channelId": "C1" }), "C1"),
        ("slack_user", json!({ "userId": "U1" }), "U1"),
    ] {
        let scene = Scene::new("slack", kind, &endpoint);
        let Prepared { request, trust, .. } = scene.prepared();
        assert_eq!(request.url.as_str(), "https://slack.com/api/chat.postMessage");
        assert_eq!(request.header("authorization"), Some("Bearer xoxb-canary-token"));
        assert_eq!(request.content_type, Some("application/json; charset=utf-8"));
        assert_eq!(trust, Trust::Operator);
        assert_eq!(scene.body(), json!({ "text": "Hello", "channel": destination }));
        let shown = request.redacted();
        assert_eq!(shown["headers"]["authorization"], "Bearer ***");
        assert!(!shown.to_string().contains("canary"));
    }
}

#[test]
fn without_a_token_nothing_is_sent() {
    for token in [None, Some(""), Some("  ")] {
        let failure = Scene { token, ..channel() }.prepare().unwrap_err();
        assert_eq!(
            (failure.level, failure.code.as_str(), failure.health),
            (Level::Grant, "not_authed", None)
        );
    }
    let failure = Scene {
        token: Some("a\nb"),
        ..channel()
    }
    .prepare()
    .unwrap_err();
    assert_eq!(failure.code, "invalid_auth");
}

#[test]
fn a_base_url_moves_api_and_webhooks() {
    let api = channel().based("slack", "http://127.0.0.1:4100").prepared();
    assert_eq!(api.request.url.as_str(), "http://127.0.0.1:4100/api/chat.postMessage");
    let moved = hook().based("slack", "http://127.0.0.1:4100").prepared();
    assert_eq!(
        moved.request.url.as_str(),
        "http://127.0.0.1:4100/services/T1/B1/canary"
    );
    assert_eq!(moved.trust, Trust::Operator);
    let elsewhere = Scene::new(
        "slack",
        "webhook",
        &json!({ "url": "https://chat.example/services/T1/B1/x" }),
    );
    let elsewhere = elsewhere.based("slack", "http://127.0.0.1:4100").prepared();
    assert_eq!(
        (elsewhere.request.url.host_str(), elsewhere.trust),
        (Some("chat.example"), Trust::Customer)
    );
}

#[test]
fn overrides_are_merged_deeply_and_known_keys_converted() {
    let mut scene = channel();
    scene.custom_data = json!({ "username": "Bot", "iconEmoji": ":x:" });
    scene.overrides = json!({
        "text": "Other", "threadTs": "1.2", "unfurlLinks": false, "myKey": 1,
        "blocks": [{ "type": "section", "blockId": "b", "accessory": { "imageUrl": "https://x", "altText": "alt" } }],
        "metadata": { "eventType": "e", "eventPayload": { "orderId": 1, "threadTs": "kept" } },
        "_passthrough": { "body": { "threadTs": "kept", "metadata": { "extra": 1 } } },
    });
    assert_eq!(
        scene.body(),
        json!({
            "text": "Other", "channel": "C1", "username": "Bot", "iconEmoji": ":x:", "thread_ts": "1.2", "unfurl_links": false,
            "myKey": 1,
            "blocks": [{ "type": "section", "block_id": "b", "accessory": { "image_url": "https://x", "alt_text": "alt" } }],
            "metadata": { "event_type": "e", "event_payload": { "orderId": 1, "threadTs": "kept" }, "extra": 1 },
            "threadTs": "kept",
        })
    );
}

#[test]
fn passthrough_adds_headers_and_query() {
    let mut scene = channel();
    scene.overrides = json!({ "_passthrough": {
        "headers": { "X-Own": "canary", "Content-Length": "1", "host": "evil" }, "query": { "a": ["1", 2], "b": "x&y" },
    } });
    let request = scene.prepared().request;
    assert_eq!(request.url.query(), Some("a=1&a=2&b=x%26y"));
    assert_eq!(
        (
            request.header("x-own"),
            request.header("content-length"),
            request.header("host")
        ),
        (Some("canary"), None, None)
    );
    assert!(!request.redacted().to_string().contains("canary"));
    scene.overrides = json!({ "_passthrough": { "headers": { "X-Own": "a\r\nb: c" } } });
    assert_eq!(scene.prepare().unwrap_err().code, "invalid_header");
}

#[test]
fn a_webhook_gets_text_only_and_is_guarded() {
    let mut scene = hook();
    scene.custom_data = json!({ "channel": "C9" });
    let Prepared { request, trust, .. } = scene.prepared();
    assert_eq!((trust, request.header("authorization")), (Trust::Customer, None));
    assert_eq!(scene.body(), json!({ "text": "Hello" }));
    let bad = Scene::new("slack", "webhook", &json!({ "url": "nonsense" }))
        .prepare()
        .unwrap_err();
    assert_eq!((bad.code.as_str(), bad.health), ("invalid_url", Some(Health::Broken)));
    let phone = Scene::new("slack", "phone", &json!({ "phoneNumber": "1" }))
        .prepare()
        .unwrap_err();
    assert_eq!(
        (phone.level, phone.code.as_str()),
        (Level::Endpoint, "unsupported_address")
    );
}

#[test]
fn every_api_answer_means_one_thing() {
    let error = |code: &str| json!({ "ok": false, "error": code }).to_string();
    let mut table = vec![
        (
            200,
            json!({ "ok": true, "channel": "C1", "ts": "1.2" }).to_string(),
            "delivered C1:1.2".to_owned(),
        ),
        (200, json!({ "ok": true }).to_string(), "delivered -".to_owned()),
        (200, error("token_expired"), "retry grant token_expired".to_owned()),
        (
            200,
            error("not_allowed_token_type"),
            "rejected grant not_allowed_token_type needs_reauth".to_owned(),
        ),
        (
            200,
            json!({ "ok": false, "error": "missing_scope", "needed": "chat:write" }).to_string(),
            "rejected grant missing_scope degraded chat:write".to_owned(),
        ),
        (200, error("something_new"), "rejected message something_new".to_owned()),
        (503, error("something_new"), "unknown network something_new".to_owned()),
        (
            503,
            error("service_unavailable"),
            "retry network service_unavailable".to_owned(),
        ),
        (500, "oops".to_owned(), "unknown network http_500".to_owned()),
        (408, String::new(), "unknown network http_408".to_owned()),
        (200, "<html>".to_owned(), "unknown network http_200".to_owned()),
        (200, String::new(), "unknown network http_200".to_owned()),
        (404, "<html>".to_owned(), "rejected integration http_404".to_owned()),
        (302, String::new(), "rejected integration redirected".to_owned()),
        (429, String::new(), "retry network ratelimited".to_owned()),
    ];
    for (codes, expected) in [
        (
            vec!["invalid_auth", "account_inactive", "token_revoked", "not_authed"],
            "rejected grant {} revoked",
        ),
        (
            vec!["no_permission", "ekm_access_denied", "access_denied"],
            "rejected grant {} degraded -",
        ),
        (
            vec![
                "channel_not_found",
                "is_archived",
                "not_in_channel",
                "user_not_found",
                "restricted_action",
                "restricted_action_read_only_channel",
                "restricted_action_thread_only_channel",
            ],
            "rejected endpoint {} broken",
        ),
        (
            vec!["msg_too_long", "no_text", "invalid_blocks", "too_many_attachments"],
            "rejected message {}",
        ),
        (
            vec!["ratelimited", "rate_limited", "service_unavailable"],
            "retry network {}",
        ),
        (
            vec!["team_added_to_org", "org_login_required"],
            "retry grant {} degraded -",
        ),
        (
            vec!["internal_error", "fatal_error", "request_timeout"],
            "unknown network {}",
        ),
        (vec!["messages_tab_disabled"], "rejected integration {}"),
    ] {
        table.extend(
            codes
                .into_iter()
                .map(|code| (200, error(code), expected.replace("{}", code))),
        );
    }
    for (status, body, expected) in table {
        assert_eq!(
            summary(&channel().answer(status, &[], &body)),
            expected,
            "{status} {body}"
        );
    }
    let busy = channel().answer(429, &[("retry-after", "30")], "{}");
    assert_eq!(summary(&busy), "retry after 30 network ratelimited");
}

#[test]
fn every_webhook_answer_means_one_thing() {
    for (status, body, expected) in [
        (200, "ok", "delivered -"),
        (200, "ok\n", "delivered -"),
        (200, "{\"ok\":true}", "delivered -"),
        (200, "welcome!", "unknown network http_200"),
        (200, "", "unknown network http_200"),
        (400, "invalid_payload", "rejected message invalid_payload"),
        (400, "no_text", "rejected message no_text"),
        (400, "something else", "rejected message http_400"),
        (400, "user_not_found", "rejected endpoint user_not_found broken"),
        (403, "action_prohibited", "rejected endpoint action_prohibited broken"),
        (403, "invalid_token", "rejected endpoint invalid_token broken"),
        (403, "token_revoked", "rejected endpoint token_revoked broken"),
        (403, "what", "rejected endpoint what broken"),
        (404, "no_service", "rejected endpoint no_service broken"),
        (404, "channel_not_found", "rejected endpoint channel_not_found broken"),
        (404, "<html>", "rejected endpoint http_404 broken"),
        (
            410,
            "channel_is_archived",
            "rejected endpoint channel_is_archived broken",
        ),
        (429, "rate_limited", "retry network rate_limited"),
        (500, "rollup_error", "unknown network rollup_error"),
        (502, "<html>", "unknown network http_502"),
        (301, "", "rejected endpoint redirected broken"),
    ] {
        assert_eq!(summary(&hook().answer(status, &[], body)), expected, "{status} {body}");
    }
    let id = hook().answer(200, &[("x-slack-req-id", "r1")], "ok");
    assert_eq!(summary(&id), "delivered r1");
}

#[test]
fn a_webhooks_answer_cannot_leak_its_address() {
    let outcome = hook().answer(400, &[], "bad call to https://hooks.slack.com/services/T1/B1/canary");
    assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
    let outcome = channel().answer(
        200,
        &[],
        &json!({ "ok": false, "error": "x", "echo": "xoxb-canary-token" }).to_string(),
    );
    assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
    let outcome = channel().answer(
        200,
        &[],
        &json!({ "ok": false, "error": "x", "echo": "canary" }).to_string(),
    );
    let mut request = channel().prepared().request;
    request.set_header("x", Secretish::Secret("canary".to_owned()));
    assert!(!format!("{:?}", outcome.scrubbed(&request)).contains("canary"));
}
