//! Sessions of subscribers, by the clock.

use std::time::Duration;

use campanile_testkit::both;
use campanile_testkit::http::Client;
use serde_json::{Value, json};

use crate::permissions::serve;

/// What a session's token opens.
const OF_SUBSCRIBERS: [&str; 2] = ["/v1/inbox/channel-connections", "/v1/inbox/channel-endpoints"];

both! {
    async fn a_session_ends_with_its_hour_and_another_one_begins(test) {
        let address = serve(&test).await;
        let mut client = Client::connect(address, "").await.unwrap();
        let body = json!({
            "applicationIdentifier": test.made.development.environment.identifier, "subscriberId": "ann",
        });
        let mut begin = async || {
            let answer = client.call("POST", "/v1/inbox/session", &[], Some(&body)).await.unwrap();
            assert_eq!(answer.status, 201, "{}", answer.text);
            let answer: Value = serde_json::from_str(&answer.text).unwrap();
            format!("Bearer {}", answer["data"]["token"].as_str().unwrap())
        };
        let open = async |token: &str| {
            let mut visitor = Client::connect(address, "").await.unwrap();
            let mut statuses = Vec::new();
            for path in OF_SUBSCRIBERS {
                let answer = visitor.call("GET", path, &[("authorization", token)], None).await.unwrap();
                statuses.push(answer.status);
            }
            statuses
        };
        let first = begin().await;
        test.clock.advance(Duration::from_mins(59));
        let second = begin().await;
        assert_eq!(open(&first).await, [200, 200]);
        test.clock.advance(Duration::from_secs(61));
        assert_eq!(open(&first).await, [401, 401]);
        assert_eq!(open(&second).await, [200, 200], "each has an hour of its own");
        assert_eq!(open(&begin().await).await, [200, 200]);
    }
}
