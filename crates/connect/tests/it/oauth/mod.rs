//! Consents over a real store, with vendors that a fake stands in for.

mod msteams;
mod slack;
mod states;
mod telegram;
mod webex;

use campanile_connect::oauth::{
    Answer, GivenContext, Outcome, Page, StartConnect, StartLink, finish, start, start_link,
};
use campanile_connect::{Connect, Settings};
use campanile_model::context::NamedContext;
use campanile_model::{Channel, Ctx, Result};
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_store::Batch;
use campanile_store::connections::Connection;
use campanile_store::integrations::{Integration, Kind, NewIntegration};
use campanile_testkit::TestStore;
use campanile_testkit::fake::{Answer as Told, Fake};
use serde_json::{Value, json};
use url::Url;

const ACME: &str = "T-ACME";

struct Scene<'a> {
    test: &'a TestStore,
    connect: Connect,
    vendor: Fake,
}

impl<'a> Scene<'a> {
    async fn new(test: &'a TestStore) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let vendor = Fake::start().await;
        let mut bases = BaseUrls::default();
        for id in ["slack", "msteams/login", "msteams/graph", "webex-messaging", "telegram"] {
            bases.set(id, vendor.url().parse().unwrap()).unwrap();
        }
        let settings = Settings {
            public_url: Some("https://notify.example/".parse().unwrap()),
            bases,
            dev: false,
        };
        let transport = Transport::new(TransportConfig::default()).unwrap();
        let connect = Connect::new(test.store.clone(), transport, settings);
        Self { test, connect, vendor }
    }

    async fn integration_in(&self, ctx: &Ctx, provider: &str, name: &str, credentials: Value) -> Integration {
        let store = &self.test.store;
        let read = store.integrations_to_change(ctx).await.unwrap();
        let new = NewIntegration {
            identifier: Some(name.to_owned()),
            name: name.to_owned(),
            provider_id: provider.to_owned(),
            channel: Some(Channel::Chat),
            kind: Kind::Delivery,
            credentials: credentials.as_object().cloned().unwrap(),
            configurations: serde_json::Map::new(),
            conditions: Vec::new(),
            active: true,
            send_real: false,
        };
        let mut batch = Batch::new();
        let made = store.create_integration(&mut batch, ctx, &read, new).unwrap();
        store.commit(batch).await.unwrap();
        made
    }

    async fn slack(&self) -> Integration {
        self.integration_in(&self.test.ctx, "slack", "slack", app()).await
    }

    async fn subscriber_in(&self, ctx: &Ctx, id: &str) {
        let store = &self.test.store;
        let mut batch = Batch::new();
        let made = store.new_subscriber(id, serde_json::Map::new());
        store.insert_subscriber(&mut batch, ctx, &made);
        store.commit(batch).await.unwrap();
    }

    async fn subscriber(&self, id: &str) {
        self.subscriber_in(&self.test.ctx, id).await;
    }

    async fn start(&self, ask: &StartConnect) -> Url {
        start(&self.connect, &self.test.ctx, ask).await.unwrap()
    }

    async fn link(&self, ask: &StartLink) -> Url {
        start_link(&self.connect, &self.test.ctx, ask).await.unwrap()
    }

    /// The browser comes back with this code.
    async fn back(&self, url: &Url, code: &str) -> Result<Outcome> {
        let answer = Answer {
            code: Some(code.to_owned()),
            state: Some(state(url)),
            ..Answer::default()
        };
        finish(&self.connect, &answer, "test").await
    }

    async fn page(&self, url: &Url, code: &str) -> Page {
        page(self.back(url, code).await.unwrap())
    }

    async fn refusal(&self, url: &Url, code: &str) -> String {
        self.back(url, code).await.unwrap_err().message().to_owned()
    }

    async fn connection(&self, identifier: &str) -> Option<Connection> {
        self.test.store.connection(&self.test.ctx, identifier).await.unwrap()
    }

    fn token(&self, connection: &Connection) -> String {
        self.test.store.open_tokens(&connection.grant).unwrap().access_token
    }

    /// The types and addresses of a subscriber's endpoints without context.
    async fn endpoints(&self, subscriber_id: &str) -> Vec<(String, Value, Option<String>)> {
        let (store, ctx) = (&self.test.store, &self.test.ctx);
        let subscriber = store.subscriber(ctx, subscriber_id).await.unwrap().unwrap();
        let found = store.endpoints_of(ctx, vec![subscriber.id], "").await.unwrap();
        let shown = found.into_iter().map(|endpoint| {
            let address = store.open_address(&endpoint).unwrap();
            (endpoint.kind, address, endpoint.connection_identifier)
        });
        shown.collect()
    }

    /// Slack answers this code with an installation in this workspace.
    fn installs(&self, code: &str, team: &str, token: &str, user: &str) {
        let answer = json!({
            "ok": true, "access_token": token, "token_type": "bot", "bot_user_id": "U0BOT", "app_id": "A1",
            "scope": "chat:write,chat:write.public,channels:read,groups:read,users:read,users:read.email",
            "team": { "id": team, "name": format!("{team} Inc") }, "enterprise": null,
            "authed_user": { "id": user },
        });
        self.vendor
            .answer(&format!("code={code}&"), [Told::new(200, answer.to_string())]);
    }
}

fn app() -> Value {
    json!({ "clientId": "client-1", "secretKey": "canary-secret" })
}

fn page(outcome: Outcome) -> Page {
    match outcome {
        Outcome::Page(page) => page,
        Outcome::Redirect(url) => panic!("a way to {url} instead of a page"),
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

fn state(url: &Url) -> String {
    parameter(url, "state").unwrap()
}

fn tenant(id: &str) -> GivenContext {
    GivenContext {
        contexts: vec![NamedContext {
            kind: "tenant".to_owned(),
            id: id.to_owned(),
            data: None,
        }],
        payload: Some(json!({ "tenant": id })),
        ..GivenContext::default()
    }
}

fn for_subscriber(integration: &str, subscriber: &str) -> StartConnect {
    StartConnect {
        integration_identifier: integration.to_owned(),
        subscriber_id: Some(subscriber.to_owned()),
        ..StartConnect::default()
    }
}
