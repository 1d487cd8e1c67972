use super::*;

fn room() -> Scene {
    Scene::new("webex-messaging", "webex_room", &json!({ "roomId": "Y2lzY29" }))
}

#[test]
fn each_address_is_named_as_webex_names_it() {
    for (kind, endpoint, expected) in [
        ("webex_room", json!({ "roomId": "r" }), json!({ "roomId": "r" })),
        (
            "webex_room",
            json!({ "roomId": "r", "parentId": "p" }),
            json!({ "roomId": "r", "parentId": "p" }),
        ),
        ("webex_person", json!({ "personId": "p" }), json!({ "toPersonId": "p" })),
        (
            "webex_person",
            json!({ "personEmail": "a@b.c" }),
            json!({ "toPersonEmail": "a@b.c" }),
        ),
    ] {
        let mut body = Scene::new("webex-messaging", kind, &endpoint).body();
        let text = body.as_object_mut().unwrap().shift_remove("markdown");
        assert_eq!((body, text), (expected, Some(json!("Hello"))));
    }
    let Prepared { request, trust, .. } = room().prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        ("https://webexapis.com/v1/messages", Trust::Operator)
    );
    assert_eq!(request.header("authorization"), Some("Bearer xoxb-canary-token"));
    let with = Scene {
        overrides: json!({ "text": "plain", "_passthrough": { "body": { "files": ["x"] } } }),
        ..room()
    };
    assert_eq!(
        with.body(),
        json!({ "roomId": "Y2lzY29", "markdown": "Hello", "text": "plain", "files": ["x"] })
    );
}

#[test]
fn the_integrations_base_is_guarded_and_the_operators_wins() {
    let own = Scene {
        credentials: json!({ "baseUrl": "https://api-usgov.webex.com/v1/" }),
        ..room()
    };
    let prepared = own.prepared();
    assert_eq!(
        (prepared.request.url.as_str(), prepared.trust),
        ("https://api-usgov.webex.com/v1/messages", Trust::Customer)
    );
    let moved = own.based("webex-messaging", "http://127.0.0.1:9").prepared();
    assert_eq!(
        (moved.request.url.as_str(), moved.trust),
        ("http://127.0.0.1:9/v1/messages", Trust::Operator)
    );
}

#[test]
fn what_cannot_be_sent_is_refused_without_a_call() {
    let long = Scene {
        text: "ä".repeat(3720),
        ..room()
    };
    assert_eq!(long.prepare().unwrap_err().code, "content_too_long");
    let tokenless = Scene { token: None, ..room() };
    assert_eq!(tokenless.prepare().unwrap_err().level, Level::Grant);
    let broken = Scene {
        token: Some("a\nb"),
        ..room()
    };
    assert_eq!(broken.prepare().unwrap_err().code, "invalid_credentials");
}

#[test]
fn every_answer_means_one_thing() {
    let said = |message: &str| json!({ "message": message, "trackingId": "ROUTER_1" });
    for (status, body, expected) in [
        (200, json!({ "id": "m1", "roomId": "r" }), "delivered m1"),
        (200, json!("login"), "unknown network http_200"),
        (
            401,
            said("The request requires a valid access token set in the Authorization request header."),
            "rejected grant token_expired needs_reauth",
        ),
        (
            403,
            said("The request requires scope spark:messages_write"),
            "rejected grant http_403 degraded -",
        ),
        (
            403,
            said("You are not a member of this space."),
            "rejected endpoint http_403 broken",
        ),
        (
            404,
            said("Could not find a room with provided ID."),
            "rejected endpoint http_404 broken",
        ),
        (400, said("Message is malformed"), "rejected message http_400"),
        (503, json!(null), "retry network http_503"),
        (500, json!(null), "unknown network http_500"),
        (302, json!(null), "rejected integration redirected"),
    ] {
        assert_eq!(
            summary(&room().answer(status, &[], &body.to_string())),
            expected,
            "{status} {body}"
        );
    }
    let busy = room().answer(429, &[("retry-after", "17")], "");
    assert_eq!(summary(&busy), "retry after 17 network http_429");
}
