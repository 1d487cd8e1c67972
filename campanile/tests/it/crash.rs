//! kill -9 at full speed: what was accepted is delivered, and only what was under way may come twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use campanile_testkit::fake::Fake;
use campanile_testkit::http::{Client, Response};
use campanile_testkit::{empty_database, eventually};
use serde_json::{Value, json};

use crate::server::{MASTER, Place, Server};

const TRIGGERS: usize = 2000;
const CONNECTIONS: usize = 64;
const SUBSCRIBERS: usize = 40;
/// The tasks that one worker works on at the same time.
const ROOM: usize = 256;
/// The server is killed when it has accepted so many.
const KILLED_AFTER: usize = 1000;

fn marker(number: usize) -> String {
    format!("mark-{number:06}")
}

async fn set_up(server: &Server) {
    let mut api = server.client().await;
    let integration = json!({
        "providerId": "slack", "channel": "chat", "identifier": "slack", "name": "Slack", "active": true, "check": false,
    });
    api.create("/v1/integrations", &integration).await;
    for number in 0..SUBSCRIBERS {
        let (subscriber, connection) = (format!("s{number}"), format!("workspace-{number}"));
        api.create("/v2/subscribers", &json!({ "subscriberId": subscriber }))
            .await;
        let new = json!({
            "identifier": connection, "integrationIdentifier": "slack", "subscriberId": subscriber,
            "workspace": { "id": format!("T{number}") }, "auth": { "accessToken": format!("xoxb-{number}") },
        });
        api.create("/v1/channel-connections", &new).await;
        let new = json!({
            "type": "slack_channel", "integrationIdentifier": "slack", "connectionIdentifier": connection,
            "subscriberId": subscriber, "endpoint": { "channelId": format!("C{number}") },
        });
        api.create("/v1/channel-endpoints", &new).await;
    }
    let workflow = json!({
        "workflowId": "hello", "name": "hello", "active": true,
        "steps": [{ "type": "chat", "name": "Chat", "controlValues": { "body": "{{payload.marker}}" } }],
    });
    api.create("/v2/workflows", &workflow).await;
}

async fn trigger(client: &mut Client, number: usize) -> std::io::Result<Response> {
    let body = json!({
        "name": "hello", "to": format!("s{}", number % SUBSCRIBERS), "payload": { "marker": marker(number) },
    });
    let key = format!("key-{number}");
    client
        .call("POST", "/v1/events/trigger", &[("idempotency-key", &key)], Some(&body))
        .await
}

#[derive(Default)]
struct Accepted {
    /// The `transactionId` of each trigger that was answered 201.
    known: Mutex<HashMap<usize, String>>,
    count: AtomicUsize,
}

impl Accepted {
    fn note(&self, number: usize, answer: &Response) {
        assert_eq!(answer.status, 201, "{}", answer.text);
        let id = answer.json()["data"]["transactionId"].as_str().unwrap().to_owned();
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, id);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> HashMap<usize, String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Triggers at full speed until the server is gone.
async fn load(server: &Server, accepted: &Arc<Accepted>) -> Vec<tokio::task::JoinHandle<()>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut client, next, accepted) = (server.client().await, Arc::clone(&next), Arc::clone(accepted));
        running.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= TRIGGERS {
                    return;
                }
                // An answer that does not come is no 201; the rest of this connection's turn is over.
                match trigger(&mut client, number).await {
                    Ok(answer) => accepted.note(number, &answer),
                    Err(_) => return,
                }
            }
        }));
    }
    running
}

/// When each trigger's message came to Slack.
fn arrivals(fake: &Fake) -> HashMap<usize, Vec<Instant>> {
    let mut arrivals: HashMap<usize, Vec<Instant>> = HashMap::new();
    for request in fake.received() {
        // The call of a process that was killed in the middle of it has no body: that message did not arrive.
        let Ok(body) = serde_json::from_str::<Value>(&request.body) else {
            continue;
        };
        let number = body["text"]
            .as_str()
            .and_then(|text| text.strip_prefix("mark-")?.parse().ok());
        arrivals.entry(number.expect("a marker")).or_default().push(request.at);
    }
    arrivals
}

async fn survives_kill_9(place: Place, engine: &str) {
    let fake = Fake::start().await;
    let place = place
        .with_key()
        .with("CAMPANILE_LOG", "warn")
        .with("CAMPANILE_PROVIDERS__SLACK__BASE_URL", &fake.url());
    let mut server = place.start(&[]).await;
    set_up(&server).await;
    let accepted = Arc::new(Accepted::default());
    let running = load(&server, &accepted).await;
    eventually("half of the triggers are accepted", async || {
        (accepted.count.load(Ordering::Relaxed) >= KILLED_AFTER).then_some(())
    })
    .await;
    server.kill();
    let killed = Instant::now();
    for one in running {
        one.await.unwrap();
    }
    let before = accepted.all();
    assert!(
        before.len() < TRIGGERS,
        "the server was killed too late to prove anything"
    );
    let came_before = arrivals(&fake).len();

    let restarted = Instant::now();
    let server = place.start(&[]).await;
    eventually("everything that was accepted has come", async || {
        let arrivals = arrivals(&fake);
        before.keys().all(|number| arrivals.contains_key(number)).then_some(())
    })
    .await;
    let last = arrivals(&fake)
        .values()
        .filter_map(|at| at.first().copied())
        .max()
        .unwrap();

    // The callers repeat with the same keys: what was accepted is not accepted a second time, the rest is now.
    let mut client = server.client().await;
    for number in 0..TRIGGERS {
        let answer = trigger(&mut client, number).await.unwrap();
        let replayed = answer.header("idempotency-replay") == Some("true");
        if let Some(id) = before.get(&number) {
            assert!(replayed, "trigger {number} was accepted again");
            assert_eq!(answer.json()["data"]["transactionId"], id.as_str());
        } else {
            accepted.note(number, &answer);
        }
    }
    eventually("everything has come", async || {
        (arrivals(&fake).len() == TRIGGERS).then_some(())
    })
    .await;
    let metric = async |name: &str| {
        let mut client = server.client().await;
        let text = client.call("GET", "/metrics", &[], None).await.unwrap().text;
        let value = text.lines().find_map(|line| {
            line.strip_prefix("campanile_")?
                .strip_prefix(name)?
                .strip_prefix(' ')?
                .parse::<usize>()
                .ok()
        });
        value.unwrap_or_else(|| panic!("{name} is not in {text}"))
    };
    eventually("nothing is under way", async || {
        (metric("tasks_in_flight").await == 0 && metric("tasks_ready").await == 0).then_some(())
    })
    .await;

    let arrivals = arrivals(&fake);
    let twice: Vec<_> = arrivals.iter().filter(|(_, at)| at.len() > 1).collect();
    // Only an attempt that was under way at the kill comes again: once before it, once after.
    for (number, at) in &twice {
        assert_eq!(at.len(), 2, "trigger {number}");
        assert!(
            at[0] <= killed && at[1] > killed,
            "trigger {number}: {at:?}, killed at {killed:?}"
        );
    }
    assert!(twice.len() <= ROOM, "{} duplicates", twice.len());
    let repeated = metric("deliveries_repeated_total").await;
    assert!(
        twice.len() <= repeated,
        "{} duplicates, {repeated} of them told",
        twice.len()
    );
    println_of(&format!(
        "{engine}: {} of {TRIGGERS} accepted before the kill, {came_before} of them had come; \
         the last came {:?} after the restart; {} duplicates, {repeated} attempts repeated",
        before.len(),
        last.saturating_duration_since(restarted),
        twice.len(),
    ));
}

#[expect(clippy::print_stdout, reason = "the numbers are what the test is for")]
fn println_of(text: &str) {
    println!("{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kill_9_on_sqlite() {
    survives_kill_9(Place::new(), "SQLite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kill_9_on_postgres() {
    let place = Place::new()
        .with("CAMPANILE_DATABASE_URL", &empty_database().await)
        .with("CAMPANILE_ENCRYPTION_KEY", MASTER);
    survives_kill_9(place, "PostgreSQL").await;
}
