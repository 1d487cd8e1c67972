use super::*;

fn scene() -> Scene {
    Scene {
        credentials: json!({ "apiToken": "canary-line" }),
        ..Scene::new("line", "line_user", &json!({ "userId": "U1" }))
    }
}

#[test]
fn all_attempts_of_a_delivery_have_one_retry_key() {
    let Prepared { request, trust, .. } = scene().prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        ("https://api.line.me/v2/bot/message/push", Trust::Operator)
    );
    assert_eq!(
        scene().body(),
        json!({ "to": "U1", "messages": [{ "type": "text", "text": "Hello" }] })
    );
    assert_eq!(request.header("authorization"), Some("Bearer canary-line"));
    let key = request.header("x-line-retry-key").unwrap();
    let groups: Vec<usize> = key.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert_eq!((&key[14..15], &key[19..20]), ("4", "8"));
    assert_eq!(scene().prepared().request.header("x-line-retry-key"), Some(key));
    assert!(!request.redacted().to_string().contains("canary"));
}

#[test]
fn what_cannot_be_sent_is_refused_without_a_call() {
    let long = Scene {
        text: "x".repeat(5001),
        ..scene()
    };
    assert_eq!(long.prepare().unwrap_err().code, "content_too_long");
    let tokenless = Scene {
        credentials: json!({}),
        ..scene()
    };
    assert_eq!(tokenless.prepare().unwrap_err().level, Level::Integration);
}

#[test]
fn every_answer_means_one_thing() {
    let said = |text: &str| json!({ "message": text });
    for (status, body, expected) in [
        (
            200,
            json!({ "sentMessages": [{ "id": "461230966842064897", "quoteToken": "q" }] }),
            "delivered 461230966842064897",
        ),
        (
            400,
            said("The property, 'to', in the request body is invalid (line: -, column: -)"),
            "rejected endpoint http_400 broken",
        ),
        (
            400,
            said("Failed to send messages"),
            "rejected endpoint http_400 broken",
        ),
        (
            400,
            said("The request body has 1 error(s)"),
            "rejected message http_400",
        ),
        (
            401,
            said("Authentication failed. Confirm that the access token in the authorization header is valid."),
            "rejected integration http_401",
        ),
        (
            429,
            said("You have reached your monthly limit."),
            "rejected integration http_429",
        ),
        (
            429,
            said("The API rate limit has been exceeded. Try again later."),
            "retry network http_429",
        ),
        (409, said("conflict"), "rejected message http_409"),
        (500, json!(null), "unknown network http_500"),
    ] {
        assert_eq!(
            summary(&scene().answer(status, &[], &body.to_string())),
            expected,
            "{status} {body}"
        );
    }
}

#[test]
fn what_was_accepted_before_is_delivered() {
    let body = r#"{"message":"The retry key is already accepted","sentMessages":[{"id":"461230966842064897"}]}"#;
    let outcome = scene().answer(409, &[("x-line-accepted-request-id", "123e4567")], body);
    assert_eq!(summary(&outcome), "delivered 461230966842064897");
}
