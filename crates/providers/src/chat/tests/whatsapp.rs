use super::*;

fn scene() -> Scene {
    Scene {
        credentials: json!({ "apiToken": "canary-meta", "phoneNumberIdentification": "106540352242922" }),
        ..Scene::new("whatsapp-business", "phone", &json!({ "phoneNumber": "+16505551234" }))
    }
}

#[test]
fn a_text_is_sent_unless_a_template_is_given() {
    let Prepared { request, trust, .. } = scene().prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        (
            "https://graph.facebook.com/v22.0/106540352242922/messages",
            Trust::Operator
        )
    );
    assert_eq!(request.header("authorization"), Some("Bearer canary-meta"));
    assert!(!request.redacted().to_string().contains("canary"));
    let head = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+16505551234" });
    let mut text = head.clone();
    text["type"] = json!("text");
    text["text"] = json!({ "body": "Hello", "preview_url": false });
    assert_eq!(scene().body(), text);
    let templated = Scene {
        overrides: json!({ "template": { "name": "hello_world", "language": { "code": "en_US" } } }),
        text: "x".repeat(5000),
        ..scene()
    };
    let mut template = head;
    template["type"] = json!("template");
    template["template"] = json!({ "name": "hello_world", "language": { "code": "en_US" } });
    assert_eq!(templated.body(), template);
}

#[test]
fn what_cannot_be_sent_is_refused_without_a_call() {
    let long = Scene {
        text: "x".repeat(4097),
        ..scene()
    };
    assert_eq!(long.prepare().unwrap_err().code, "content_too_long");
    for credentials in [
        json!({}),
        json!({ "apiToken": "x" }),
        json!({ "apiToken": "x", "phoneNumberIdentification": "../1" }),
    ] {
        let failure = Scene { credentials, ..scene() }.prepare().unwrap_err();
        assert_eq!(failure.level, Level::Integration);
    }
}

#[test]
fn success_is_accepted_and_every_code_means_one_thing() {
    let accepted = json!({
        "messaging_product": "whatsapp", "contacts": [{ "input": "+16505551234", "wa_id": "16505551234" }],
        "messages": [{ "id": "wamid.HBgL", "message_status": "accepted" }],
    });
    assert_eq!(
        summary(&scene().answer(200, &[], &accepted.to_string())),
        "accepted wamid.HBgL"
    );
    for (status, code, expected) in [
        (401, 190, "rejected integration 190"),
        (403, 200, "rejected integration 200"),
        (400, 131_047, "rejected message 131047"),
        (400, 131_049, "rejected message 131049"),
        (400, 131_026, "rejected endpoint 131026 broken"),
        (400, 131_030, "rejected endpoint 131030 broken"),
        (429, 130_429, "retry network 130429"),
        (400, 131_056, "retry network 131056"),
        (503, 2, "retry network 2"),
        (500, 131_000, "unknown network 131000"),
        (400, 132_000, "rejected message 132000"),
        (400, 100, "rejected message 100"),
    ] {
        let body = json!({ "error": {
            "message": "(#x) y", "type": "OAuthException", "code": code, "fbtrace_id": "A",
            "error_data": { "messaging_product": "whatsapp", "details": "why" },
        } });
        assert_eq!(
            summary(&scene().answer(status, &[], &body.to_string())),
            expected,
            "{code}"
        );
    }
    assert_eq!(summary(&scene().answer(502, &[], "")), "retry network http_502");
}
