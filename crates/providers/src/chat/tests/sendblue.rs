use super::*;

fn scene() -> Scene {
    Scene {
        credentials: json!({ "apiKey": "canary-key", "secretKey": "canary-secret", "from": "+16468528190" }),
        ..Scene::new("sendblue", "phone", &json!({ "phoneNumber": "+19998887777" }))
    }
}

#[test]
fn the_call_carries_both_keys() {
    let Prepared { request, trust, .. } = scene().prepared();
    assert_eq!(
        (request.url.as_str(), trust),
        ("https://api.sendblue.co/api/send-message", Trust::Operator)
    );
    assert_eq!(
        (request.header("sb-api-key-id"), request.header("sb-api-secret-key")),
        (Some("canary-key"), Some("canary-secret"))
    );
    assert!(!request.redacted().to_string().contains("canary"));
    let with = Scene {
        overrides: json!({ "sendStyle": "invisible" }),
        ..scene()
    };
    assert_eq!(
        with.body(),
        json!({ "number": "+19998887777", "from_number": "+16468528190", "content": "Hello", "send_style": "invisible" })
    );
    for missing in ["apiKey", "secretKey", "from"] {
        let mut lacking = scene();
        lacking.credentials[missing] = json!("");
        assert_eq!(lacking.prepare().unwrap_err().code, "credentials_missing", "{missing}");
    }
    let mut odd = scene();
    odd.credentials["apiKey"] = json!("a\nb");
    assert_eq!(odd.prepare().unwrap_err().code, "invalid_credentials");
}

#[test]
fn every_answer_means_one_thing() {
    let handle = "dfd747ba-5600-4a8a-804a-a614a0fbc1c5";
    let answer = |status: &str, code: Value| {
        json!({ "status": status, "error_code": code, "error_message": "why", "message_handle": handle }).to_string()
    };
    for (status, body, expected) in [
        (202, answer("QUEUED", Value::Null), format!("accepted {handle}")),
        (200, answer("DELIVERED", Value::Null), format!("delivered {handle}")),
        (400, answer("ERROR", json!(4000)), "rejected message 4000".to_owned()),
        (
            200,
            answer("ERROR", json!("4002")),
            "rejected endpoint 4002 broken".to_owned(),
        ),
        (400, answer("ERROR", json!(4001)), "retry network 4001".to_owned()),
        (401, "{}".to_owned(), "rejected integration http_401".to_owned()),
        (429, String::new(), "retry network http_429".to_owned()),
        (500, answer("ERROR", json!(5000)), "unknown network 5000".to_owned()),
    ] {
        assert_eq!(
            summary(&scene().answer(status, &[], &body)),
            expected,
            "{status} {body}"
        );
    }
}
