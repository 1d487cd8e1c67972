use super::*;

fn scene() -> Scene {
    Scene {
        credentials: json!({ "apiToken": "123456:canary-AAF" }),
        ..Scene::new("telegram", "telegram_chat", &json!({ "chatId": "-100123" }))
    }
}

#[test]
fn the_token_is_in_the_path_and_nowhere_that_people_read() {
    let Prepared { request, trust, .. } = scene().prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        (
            "https://api.telegram.org/bot123456:canary-AAF/sendMessage",
            Trust::Operator
        )
    );
    assert_eq!(scene().body(), json!({ "chat_id": "-100123", "text": "Hello" }));
    let shown = format!("{} {request:?}", request.redacted());
    assert!(!shown.contains("canary"), "{shown}");
    let echoed = request.scrub("the token 123456:canary-AAF of bot123456:canary-AAF");
    assert!(!echoed.contains("canary"), "{echoed}");
    let moved = scene().based("telegram", "http://127.0.0.1:9").prepared();
    assert_eq!(
        moved.request.url.as_str(),
        "http://127.0.0.1:9/bot123456:canary-AAF/sendMessage"
    );
}

#[test]
fn overrides_may_be_written_in_camel_case() {
    let scene = Scene {
        overrides: json!({ "parseMode": "HTML", "replyMarkup": { "inlineKeyboard": [[{ "text": "x", "callbackData": "y" }]] } }),
        ..scene()
    };
    assert_eq!(
        scene.body(),
        json!({
            "chat_id": "-100123", "text": "Hello", "parse_mode": "HTML",
            "reply_markup": { "inline_keyboard": [[{ "text": "x", "callback_data": "y" }]] },
        })
    );
}

#[test]
fn what_cannot_be_sent_is_refused_without_a_call() {
    for token in ["", "canary", "123:", "123:a/b", "x:abc"] {
        let failure = Scene {
            credentials: json!({ "apiToken": token }),
            ..scene()
        }
        .prepare()
        .unwrap_err();
        assert_eq!(failure.level, Level::Integration, "{token}");
    }
    let long = Scene {
        text: "x".repeat(4097),
        ..scene()
    };
    assert_eq!(long.prepare().unwrap_err().code, "content_too_long");
    let formatted = Scene {
        overrides: json!({ "parse_mode": "HTML" }),
        text: "x".repeat(4097),
        ..scene()
    };
    assert!(formatted.prepare().is_ok());
}

#[test]
fn every_answer_means_one_thing() {
    let said = |status: u16, text: &str| json!({ "ok": false, "error_code": status, "description": text });
    for (status, body, expected) in [
        (
            200,
            json!({ "ok": true, "result": { "message_id": 7, "chat": { "id": -100_123 } } }),
            "delivered -100123:7",
        ),
        (
            403,
            said(403, "Forbidden: bot was blocked by the user"),
            "rejected endpoint http_403 broken",
        ),
        (
            400,
            said(400, "Bad Request: chat not found"),
            "rejected endpoint http_400 broken",
        ),
        (
            400,
            said(400, "Bad Request: can't parse entities"),
            "rejected message http_400",
        ),
        (401, said(401, "Unauthorized"), "rejected integration http_401"),
        (404, said(404, "Not Found"), "rejected integration http_404"),
        (
            429,
            json!({ "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 35", "parameters": { "retry_after": 35 } }),
            "retry after 35 network http_429",
        ),
        (502, json!(null), "unknown network http_502"),
        (200, json!("login"), "unknown network http_200"),
    ] {
        assert_eq!(
            summary(&scene().answer(status, &[], &body.to_string())),
            expected,
            "{status} {body}"
        );
    }
}

#[test]
fn a_group_that_was_upgraded_tells_its_new_id() {
    let body = json!({
        "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": -1_001_234 },
    });
    let outcome = scene().answer(400, &[], &body.to_string());
    assert_eq!(summary(&outcome), "rejected endpoint chat_migrated broken");
    let moved = moved_to(outcome.failure().unwrap()).unwrap();
    assert_eq!(moved.to_json(), json!({ "chatId": "-1001234" }));
    let other = scene().answer(403, &[], "{}");
    assert!(moved_to(other.failure().unwrap()).is_none());
}
