//! Rate limits, when they are on.

use serde_json::json;

use crate::server::Place;

#[tokio::test]
async fn limits_are_told_with_each_answer_and_end_in_a_429() {
    let place = Place::new().with_key().with("CAMPANILE_RATE_LIMIT", "true");
    let server = place.start(&[]).await;
    let mut client = server.client().await;
    let answer = client.call("GET", "/v2/subscribers", &[], None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let number = |name: &str| answer.header(name).and_then(|value| value.parse::<u32>().ok());
    let (limit, remaining) = (
        number("ratelimit-limit").unwrap(),
        number("ratelimit-remaining").unwrap(),
    );
    assert!(remaining > 0 && remaining <= limit * 11 / 10, "{remaining} of {limit}");
    assert!(number("ratelimit-reset").is_some());
    let policy = answer.header("ratelimit-policy").unwrap();
    assert!(
        policy.starts_with(&format!("{limit};w=")) && policy.contains("category=\"configuration\""),
        "{policy}"
    );
    // A bulk call costs a hundred: many at once empty their bucket.
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(server.client().await);
    }
    let floods = clients.into_iter().map(|mut client| async move {
        let body = json!({ "subscribers": [] });
        for _ in 0..1000 {
            let answer = client
                .call("POST", "/v1/subscribers/bulk", &[], Some(&body))
                .await
                .unwrap();
            if answer.status == 429 {
                return Some(answer);
            }
        }
        None
    });
    let refused = futures_util::future::join_all(floods)
        .await
        .into_iter()
        .flatten()
        .next();
    let refused = refused.expect("a flood of bulk calls is refused");
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(refused.json(), "API rate limit exceeded");
    // Another category has a bucket of its own.
    let trigger = json!({ "name": "unknown", "to": "ann" });
    let other = client
        .call("POST", "/v1/events/trigger", &[], Some(&trigger))
        .await
        .unwrap();
    assert_ne!(other.status, 429);
    assert!(
        other
            .header("ratelimit-policy")
            .unwrap()
            .contains("category=\"trigger\"")
    );
}

#[tokio::test]
async fn without_the_setting_there_are_no_limits() {
    let place = Place::new().with_key();
    let server = place.start(&[]).await;
    let answer = server
        .client()
        .await
        .call("GET", "/v2/subscribers", &[], None)
        .await
        .unwrap();
    assert_eq!((answer.status, answer.header("ratelimit-limit")), (200, None));
}
