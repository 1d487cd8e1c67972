use super::*;

fn scene() -> Scene {
    Scene::new(
        "discord",
        "webhook",
        &json!({ "url": "https://discord.com/api/webhooks/123/canary" }),
    )
}

#[test]
fn the_call_waits_for_the_id_and_alarms_no_one() {
    let mut scene = scene();
    scene.custom_data = json!({ "tts": true });
    let Prepared { request, trust, .. } = scene.prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        ("https://discord.com/api/webhooks/123/canary?wait=true", Trust::Customer)
    );
    assert_eq!(
        scene.body(),
        json!({ "content": "Hello", "tts": true, "allowed_mentions": { "parse": ["users", "roles"] } })
    );
    assert!(!request.redacted().to_string().contains("canary"));
    scene.overrides =
        json!({ "allowedMentions": { "parse": ["everyone"] }, "embeds": [{ "thumbnail": { "proxyUrl": "x" } }] });
    assert_eq!(scene.body()["allowed_mentions"], json!({ "parse": ["everyone"] }));
    assert_eq!(scene.body()["embeds"], json!([{ "thumbnail": { "proxy_url": "x" } }]));
}

#[test]
fn a_base_url_moves_only_discords_own_webhooks() {
    let moved = scene().based("discord", "http://127.0.0.1:9").prepared();
    assert_eq!(
        (moved.request.url.as_str(), moved.trust),
        ("http://127.0.0.1:9/api/webhooks/123/canary?wait=true", Trust::Operator)
    );
    for host in ["evildiscord.com", "discord.com.evil.example"] {
        let other = Scene::new(
            "discord",
            "webhook",
            &json!({ "url": format!("https://{host}/api/webhooks/1/x") }),
        );
        assert_eq!(
            other.based("discord", "http://127.0.0.1:9").prepared().trust,
            Trust::Customer,
            "{host}"
        );
    }
}

#[test]
fn too_long_a_text_is_refused_without_a_call() {
    let fits = Scene {
        text: "ä".repeat(2000),
        ..scene()
    };
    assert!(fits.prepare().is_ok());
    let failure = Scene {
        text: "ä".repeat(2001),
        ..scene()
    }
    .prepare()
    .unwrap_err();
    assert_eq!(
        (failure.level, failure.code.as_str()),
        (Level::Message, "content_too_long")
    );
}

#[test]
fn every_answer_means_one_thing() {
    for (status, body, expected) in [
        (
            200,
            json!({ "id": "9", "channel_id": "1", "timestamp": "t" }),
            "delivered 9",
        ),
        (204, json!(null), "delivered -"),
        (
            429,
            json!({ "retry_after": 0.65, "global": false }),
            "retry after 0.65 network http_429",
        ),
        (
            404,
            json!({ "code": 10015, "message": "Unknown Webhook" }),
            "rejected endpoint 10015 broken",
        ),
        (
            401,
            json!({ "code": 50027, "message": "Invalid Webhook Token" }),
            "rejected endpoint 50027 broken",
        ),
        (
            400,
            json!({ "code": 10003, "message": "Unknown Channel" }),
            "rejected endpoint 10003 broken",
        ),
        (403, json!(null), "rejected endpoint http_403 broken"),
        (
            400,
            json!({ "code": 50006, "message": "Cannot send an empty message" }),
            "rejected message 50006",
        ),
        (
            400,
            json!({ "code": 50035, "message": "Invalid Form Body" }),
            "rejected message 50035",
        ),
        (
            413,
            json!({ "code": 40005, "message": "Request entity too large" }),
            "rejected message 40005",
        ),
        (502, json!(null), "retry network http_502"),
        (307, json!(null), "rejected endpoint redirected broken"),
    ] {
        assert_eq!(
            summary(&scene().answer(status, &[], &body.to_string())),
            expected,
            "{status} {body}"
        );
    }
    let busy = scene().answer(429, &[("retry-after", "3")], "");
    assert_eq!(summary(&busy), "retry after 3 network http_429");
}
