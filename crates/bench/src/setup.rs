//! What the measures need in the server, made through its public API only.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::Result;
use crate::fake_slack::FakeSlack;
use crate::http::Connection;
use crate::load::{Markers, Request, SUBSCRIBERS, Target};
use crate::random::Random;
use crate::server::Server;

/// Recipients with a Slack channel each.
pub(crate) const DELIVERED: (&str, char) = ("bench", 's');
/// Recipients without any chat address: what is left of a trigger is its acceptance and a skipped step.
pub(crate) const IDLE: (&str, char) = ("idle", 'i');

pub(crate) fn target(server: &Server, (workflow, recipients): (&'static str, char)) -> Target {
    Target {
        address: server.address,
        secret_key: server.secret_key.clone(),
        workflow,
        recipients,
    }
}

/// A caller of the API.
pub(crate) struct Api {
    connection: Connection,
    address: SocketAddr,
    secret_key: String,
    random: Random,
}

impl Api {
    pub(crate) async fn open(server: &Server) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(server.address).await?,
            address: server.address,
            secret_key: server.secret_key.clone(),
            random: Random::seeded(),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Value> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: ApiKey {}\r\naccept: application/json\r\n\r\n",
            self.address, self.secret_key,
        );
        let status = self
            .connection
            .send(request.as_bytes())
            .await
            .map_err(|e| format!("GET {path}: {e}"))?;
        let body = self.connection.body();
        if status != 200 {
            return Err(format!(
                "GET {path} answered {status}: {}",
                String::from_utf8_lossy(body)
            ));
        }
        serde_json::from_slice(body).map_err(|e| format!("GET {path} answered no JSON: {e}"))
    }

    pub(crate) async fn create(&mut self, path: &str, body: &Value) -> Result<()> {
        self.post(path, body, 201).await
    }

    /// Posts, and wants to be answered with this status.
    pub(crate) async fn post(&mut self, path: &str, body: &Value, expected: u16) -> Result<()> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: ApiKey {}\r\naccept: application/json\r\n\
             content-type: application/json\r\nidempotency-key: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.secret_key,
            self.random.hex(2),
            body.len(),
        );
        let status = self
            .connection
            .send(request.as_bytes())
            .await
            .map_err(|e| format!("POST {path}: {e}"))?;
        if status == expected {
            return Ok(());
        }
        Err(format!(
            "POST {path} answered {status}: {}",
            String::from_utf8_lossy(self.connection.body())
        ))
    }
}

pub(crate) async fn create_all(server: &Server) -> Result<()> {
    let mut api = Api::open(server).await?;
    api.create(
        "/v1/integrations",
        &json!({
            "providerId": "slack", "channel": "chat", "identifier": "slack", "name": "Slack", "active": true,
            "check": false,
            "credentials": {"clientId": "bench-client", "secretKey": "bench-secret", "applicationId": "A0BENCH"},
        }),
    )
    .await?;
    for (_, letter) in [DELIVERED, IDLE] {
        let subscribers: Vec<Value> = (0..SUBSCRIBERS)
            .map(|n| json!({"subscriberId": format!("{letter}{n:03}")}))
            .collect();
        api.create("/v1/subscribers/bulk", &json!({"subscribers": subscribers}))
            .await?;
    }
    // A workspace and a channel each, as the customers of a product have them.
    for n in 0..SUBSCRIBERS {
        let (subscriber, connection) = (format!("s{n:03}"), format!("bench-{n:03}"));
        api.create(
            "/v1/channel-connections",
            &json!({
                "identifier": connection, "integrationIdentifier": "slack", "subscriberId": subscriber,
                "workspace": {"id": format!("T{n:09}"), "name": format!("Workspace {n}")},
                "auth": {"accessToken": format!("bench-token-{n:03}")},
            }),
        )
        .await?;
        api.create(
            "/v1/channel-endpoints",
            &json!({
                "type": "slack_channel", "integrationIdentifier": "slack", "connectionIdentifier": connection,
                "subscriberId": subscriber, "endpoint": {"channelId": format!("C{n:09}")},
            }),
        )
        .await?;
    }
    for (workflow, _) in [DELIVERED, IDLE] {
        api.create(
            "/v2/workflows",
            &json!({
                "name": workflow, "workflowId": workflow, "active": true,
                "steps": [{
                    "name": "Chat", "type": "chat",
                    "controlValues": {"body": "{{payload.marker}} hello {{subscriber.subscriberId}}"},
                }],
            }),
        )
        .await?;
    }
    Ok(())
}

/// One trigger must make the whole way before anything is measured: a broken path is fast and means nothing.
pub(crate) async fn one_goes_through(server: &Server, fake: &FakeSlack, markers: &Markers) -> Result<()> {
    let target = target(server, DELIVERED);
    let mut connection = Connection::open(target.address).await?;
    let marker = markers.next();
    let status = connection.send(Request::new(&target).prepare(marker)).await?;
    if status != 201 {
        let body = String::from_utf8_lossy(connection.body()).into_owned();
        return Err(format!("the first trigger was answered {status}: {body}"));
    }
    for _ in 0..500 {
        if fake.arrivals(&[marker])[0].is_some() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Err(format!(
        "the first trigger did not reach the fake Slack within 10 s ({} messages without its marker came)",
        fake.unmarked()
    ))
}
