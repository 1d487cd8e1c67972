//! Route by route: an address that a customer gives never leads inside, whatever its name resolves to, when and how
//! often; and never farther than where it leads.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use campanile_engine::Worker;
use campanile_providers::TransportConfig;
use campanile_testkit::http::Client;
use campanile_testkit::{TestStore, both, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::permissions::serve_with;

/// Stands for the internet: opened to customers, and nobody listens there, so that no packet leaves this machine.
const OUTSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
const INSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Every way in which an address comes from a customer and is called. A new one is a line here, and an arm of `send`.
const WAYS: [&str; 18] = [
    "endpoint-chat-webhook",
    "endpoint-mattermost",
    "endpoint-discord",
    "endpoint-msteams",
    "endpoint-slack",
    "changed-endpoint",
    "credentials-chat-webhook",
    "credentials-mattermost",
    "credentials-discord",
    "credentials-msteams",
    "credentials-slack",
    "override",
    "phone",
    "session",
    "test-over-connection",
    "test-of-endpoint",
    "base-url",
    "checked-base-url",
];

/// How a name under this domain resolves.
fn resolve(name: &str, earlier: usize) -> Vec<IpAddr> {
    match name.split('.').nth(1).unwrap_or_default() {
        "both" => vec![OUTSIDE, INSIDE],
        // What was checked the first time is another place the next time.
        "moves" if earlier == 0 => vec![OUTSIDE],
        _ => vec![INSIDE],
    }
}

/// A network: how often each name was asked for, and what knocked inside.
#[derive(Clone)]
struct Network {
    asked: Arc<Mutex<HashMap<String, usize>>>,
    knocks: Arc<Mutex<Vec<String>>>,
    address: SocketAddr,
}

impl Network {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Self {
            asked: Arc::default(),
            knocks: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        let (knocks, port) = (Arc::clone(&network.knocks), network.address.port());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let knocks = Arc::clone(&knocks);
                tokio::spawn(async move {
                    let mut bytes = vec![0; 4096];
                    let length = stream.read(&mut bytes).await.unwrap_or_default();
                    // The name stands in the first bytes of HTTP and of TLS alike.
                    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
                    knocks.lock().unwrap().push(text);
                    let answer = format!(
                        "HTTP/1.1 302 Found\r\nlocation: http://followed.inside.example:{port}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        network
    }

    fn lookup(&self) -> campanile_providers::transport::Lookup {
        let asked = Arc::clone(&self.asked);
        Arc::new(move |name| {
            let mut asked = asked.lock().unwrap();
            let count = asked.entry(name.to_owned()).or_default();
            *count += 1;
            resolve(name, *count - 1)
        })
    }

    fn was_asked(&self, name: &str) -> bool {
        self.asked.lock().unwrap().contains_key(name)
    }

    fn knocked(&self, name: &str) -> bool {
        self.knocks.lock().unwrap().iter().any(|text| text.contains(name))
    }
}

/// Somebody with a key, and the worker that sends.
struct Scene<'a> {
    test: &'a TestStore,
    client: tokio::sync::Mutex<Client>,
    address: SocketAddr,
    worker: Worker,
}

impl<'a> Scene<'a> {
    async fn start(test: &'a TestStore, network: &Network, inside: bool) -> Self {
        let config = TransportConfig {
            allow_loopback: inside,
            allowed_private_hosts: vec!["127.0.0.2/32".parse().unwrap()],
            lookup: Some(network.lookup()),
            ..TransportConfig::default()
        };
        let (address, engine) = serve_with(test, config).await;
        let worker = Worker::new(engine);
        worker.start();
        let client = Client::connect(address, &test.made.development.secret_key)
            .await
            .unwrap();
        let scene = Self {
            test,
            client: client.into(),
            address,
            worker,
        };
        let step = json!({ "type": "chat", "name": "Chat", "controlValues": { "body": "Hello" } });
        let workflow = json!({ "workflowId": "w", "name": "w", "active": true, "steps": [step] });
        scene.ask("POST", "/v2/workflows", workflow).await;
        scene
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self
            .client
            .lock()
            .await
            .call(method, path, &[], Some(&body))
            .await
            .unwrap();
        assert!(
            answer.status < 300,
            "{method} {path} {}: {}",
            answer.status,
            answer.text
        );
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    /// As [`Scene::ask`], where a refusal is an answer too.
    async fn try_to(&self, method: &str, path: &str, body: Value) {
        let answer = self
            .client
            .lock()
            .await
            .call(method, path, &[], Some(&body))
            .await
            .unwrap();
        assert!(answer.status != 404 && answer.status != 422, "{path}: {}", answer.text);
    }

    async fn integration(&self, provider: &str, name: &str, credentials: Value) {
        let body = json!({
            "providerId": provider, "channel": "chat", "name": name, "identifier": name, "active": true, "check": false,
            "credentials": credentials,
        });
        self.ask("POST", "/v1/integrations", body).await;
    }

    async fn connection(&self, name: &str) {
        let body = json!({
            "integrationIdentifier": name, "identifier": name, "subscriberId": name, "workspace": { "id": "W1" },
            "auth": { "accessToken": name },
        });
        self.ask("POST", "/v1/channel-connections", body).await;
    }

    async fn endpoint(&self, name: &str, rest: Value) {
        let mut body = json!({ "integrationIdentifier": name, "identifier": name, "subscriberId": name });
        let members = body.as_object_mut().unwrap();
        members.extend(rest.as_object().unwrap().clone());
        self.ask("POST", "/v1/channel-endpoints", body).await;
    }

    async fn trigger(&self, name: &str, overrides: Value) {
        let body = json!({ "name": "w", "to": name, "overrides": overrides });
        self.ask("POST", "/v1/events/trigger", body).await;
    }

    /// Goes one of the ways to `url`; everything that is made is called `name`.
    async fn send(&self, way: &str, name: &str, url: &str) {
        let body = json!({ "subscriberId": name });
        self.ask("POST", "/v2/subscribers", body).await;
        let webhook = |url: &str| json!({ "type": "webhook", "endpoint": { "url": url } });
        let unused = "ftp://refused.example/";
        let (kind, provider) = way.split_once('-').unwrap_or((way, ""));
        let provider = match way {
            _ if matches!(kind, "endpoint" | "credentials") => provider,
            "base-url" | "checked-base-url" => "webex-messaging",
            _ => "chat-webhook",
        };
        let credentials = match way {
            "base-url" | "checked-base-url" => json!({ "clientId": "c", "secretKey": "s", "baseUrl": url }),
            "phone" => json!({ "webhookUrl": url }),
            _ => json!({ "secretKey": "s" }),
        };
        self.integration(provider, name, credentials).await;
        match way {
            "changed-endpoint" => {
                self.endpoint(name, webhook(unused)).await;
                let path = format!("/v1/channel-endpoints/{name}");
                self.ask("PATCH", &path, json!({ "endpoint": { "url": url } })).await;
                self.trigger(name, json!({})).await;
            }
            "override" => {
                self.endpoint(name, webhook(unused)).await;
                let overrides = json!({ "providers": { "chat-webhook": { "webhookUrl": url } } });
                self.trigger(name, overrides).await;
            }
            "phone" => {
                let phone = json!({ "type": "phone", "endpoint": { "phoneNumber": "+436601234567" } });
                self.endpoint(name, phone).await;
                self.trigger(name, json!({})).await;
            }
            "session" => {
                self.endpoint_of_a_session(name, url).await;
                self.trigger(name, json!({})).await;
            }
            "test-over-connection" => {
                self.connection(name).await;
                let path = format!("/v1/channel-connections/{name}/test-message");
                self.try_to("POST", &path, webhook(url)).await;
            }
            "test-of-endpoint" => {
                self.endpoint(name, webhook(url)).await;
                let path = format!("/v1/channel-endpoints/{name}/test-message");
                self.try_to("POST", &path, json!({})).await;
            }
            "base-url" => {
                self.connection(name).await;
                let room = json!({ "type": "webex_room", "endpoint": { "roomId": "r" }, "connectionIdentifier": name });
                self.endpoint(name, room).await;
                self.trigger(name, json!({})).await;
            }
            "checked-base-url" => {
                self.connection(name).await;
                let path = format!("/v1/channel-connections/{name}/check");
                self.try_to("POST", &path, json!({})).await;
            }
            _ if kind == "credentials" => {
                let path = format!("/v1/subscribers/{name}/credentials");
                let body = json!({ "providerId": provider, "integrationIdentifier": name, "credentials": { "webhookUrl": url } });
                self.ask("PUT", &path, body).await;
                self.trigger(name, json!({})).await;
            }
            _ => {
                self.endpoint(name, webhook(url)).await;
                self.trigger(name, json!({})).await;
            }
        }
    }

    async fn endpoint_of_a_session(&self, name: &str, url: &str) {
        let application = &self.test.made.development.environment.identifier;
        let body = json!({ "applicationIdentifier": application, "subscriberId": name });
        let session = self.ask("POST", "/v1/inbox/session", body).await;
        let token = format!("Bearer {}", session["data"]["token"].as_str().unwrap());
        let mut visitor = Client::connect(self.address, "").await.unwrap();
        let body = json!({ "integrationIdentifier": name, "type": "webhook", "endpoint": { "url": url } });
        let headers = [("authorization", token.as_str())];
        let answer = visitor
            .call("POST", "/v1/inbox/channel-endpoints", &headers, Some(&body))
            .await
            .unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    /// An endpoint for events, and a test event to it.
    async fn announce(&self, url: &str) {
        let body = json!({ "url": url, "events": ["webhook.disabled"] });
        let made = self.ask("POST", "/v1/webhooks/endpoints", body).await;
        let path = format!("/v1/webhooks/endpoints/{}/test", made["data"]["_id"].as_str().unwrap());
        self.ask("POST", &path, json!({})).await;
    }
}

/// Goes all ways to names of this domain, and gives the names once each was asked for.
async fn all_ways(scene: &Scene<'_>, network: &Network, domain: &str) -> Vec<String> {
    let port = network.address.port();
    let mut names = Vec::new();
    for way in WAYS {
        let host = format!("{way}.{domain}.example");
        scene
            .send(way, &format!("{way}-{domain}"), &format!("http://{host}:{port}/hook"))
            .await;
        names.push(host);
    }
    let host = format!("events.{domain}.example");
    scene.announce(&format!("https://{host}:{port}/hook")).await;
    names.push(host);
    for name in &names {
        eventually(&format!("{name} was asked for"), async || {
            network.was_asked(name).then_some(())
        })
        .await;
    }
    names
}

both! {
    async fn no_name_of_a_customer_leads_inside(test) {
        let network = Network::start().await;
        let scene = Scene::start(&test, &network, false).await;
        for domain in ["inside", "both", "moves"] {
            all_ways(&scene, &network, domain).await;
        }
        // What is under way comes to its end, and so do second attempts.
        test.clock.advance(Duration::from_mins(1));
        let asked_again = || network.asked.lock().unwrap().iter().any(|(name, count)| name.contains("moves") && *count > 1);
        eventually("a second attempt was made", async || asked_again().then_some(())).await;
        scene.worker.stop(campanile_testkit::PATIENCE).await;
        assert!(network.knocks.lock().unwrap().is_empty(), "{:?}", network.knocks.lock().unwrap());
    }

    async fn where_loopback_is_open_every_way_leads_there_and_no_farther(test) {
        let network = Network::start().await;
        let scene = Scene::start(&test, &network, true).await;
        for name in all_ways(&scene, &network, "inside").await {
            eventually(&format!("{name} is reached"), async || network.knocked(&name).then_some(())).await;
        }
        scene.worker.stop(campanile_testkit::PATIENCE).await;
        assert!(!network.was_asked("followed.inside.example"), "a redirect was followed");
    }
}
