//! kill -9 while an event goes out to a topic: everybody is notified, and nobody twice.

use std::collections::HashMap;

use campanile_testkit::http::Client;
use campanile_testkit::{empty_database, eventually};
use serde_json::{Value, json};

use crate::server::{MASTER, Place, Server};

const MEMBERS: usize = 4000;
/// The server is killed again and again, each time when so many more are notified.
const STEP: usize = 900;
/// At most so many notifications on a page.
const PAGE: usize = 50;

fn member(number: usize) -> String {
    format!("member-{number:04}")
}

async fn set_up(server: &Server) {
    let mut api = server.client().await;
    let everybody: Vec<usize> = (0..MEMBERS).collect();
    for some in everybody.chunks(500) {
        let people: Vec<Value> = some
            .iter()
            .map(|number| json!({ "subscriberId": member(*number) }))
            .collect();
        api.create("/v1/subscribers/bulk", &json!({ "subscribers": people }))
            .await;
    }
    for some in everybody.chunks(100) {
        let ids: Vec<String> = some.iter().map(|number| member(*number)).collect();
        let body = json!({ "subscriberIds": ids });
        let answer = api
            .call("POST", "/v2/topics/everybody/subscriptions", &[], Some(&body))
            .await;
        assert_eq!(answer.unwrap().status, 201);
    }
    let workflow = json!({
        "workflowId": "hello", "name": "hello", "active": true,
        "steps": [{ "type": "in_app", "name": "In-app", "controlValues": { "subject": "Hello", "body": "World" } }],
    });
    api.create("/v2/workflows", &workflow).await;
}

async fn page(api: &mut Client, number: usize) -> Vec<Value> {
    let path = format!("/v1/notifications?transactionId=to-all&limit={PAGE}&page={number}");
    let answer = api.call("GET", &path, &[], None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].as_array().cloned().unwrap_or_default()
}

/// Whether at least so many are notified.
async fn has(server: &Server, count: usize) -> Option<()> {
    (!page(&mut server.client().await, count / PAGE - 1).await.is_empty()).then_some(())
}

async fn survives_kill_9(place: Place) {
    let place = place.with_key().with("CAMPANILE_LOG", "warn");
    let mut server = place.start(&[]).await;
    set_up(&server).await;
    let mut api = server.client().await;
    let trigger =
        json!({ "name": "hello", "transactionId": "to-all", "to": { "type": "Topic", "topicKey": "everybody" } });
    api.create("/v1/events/trigger", &trigger).await;
    for kills in 1..=MEMBERS / STEP {
        eventually("it came further", async || has(&server, kills * STEP).await).await;
        server.kill();
        server = place.start(&[]).await;
    }
    eventually("everybody is notified", async || has(&server, MEMBERS).await).await;
    let mut api = server.client().await;
    let mut notified: HashMap<String, usize> = HashMap::new();
    for number in 0..=MEMBERS / PAGE {
        for one in page(&mut api, number).await {
            let id = one["subscriber"]["subscriberId"].as_str().unwrap().to_owned();
            *notified.entry(id).or_default() += 1;
        }
    }
    assert_eq!(notified.len(), MEMBERS);
    assert!(notified.values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_out_survives_kill_9_on_sqlite() {
    survives_kill_9(Place::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_out_survives_kill_9_on_postgres() {
    let place = Place::new()
        .with("CAMPANILE_DATABASE_URL", &empty_database().await)
        .with("CAMPANILE_ENCRYPTION_KEY", MASTER);
    survives_kill_9(place).await;
}
