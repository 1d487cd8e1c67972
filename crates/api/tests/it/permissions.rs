//! Route by route: who may call. The routes are those of the OpenAPI document, which is made from the same table.

use std::net::SocketAddr;
use std::time::Duration;

use campanile_api::{App, ConnectionTokens, Metrics, Settings, TrustedProxies};
use campanile_connect::Connect;
use campanile_engine::{Engine, EngineMetrics};
use campanile_model::Permission;
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_testkit::http::Client;
use campanile_testkit::{TestStore, both};
use serde_json::json;

/// An API on loopback.
pub(crate) async fn serve(test: &TestStore) -> SocketAddr {
    serve_with(test, TransportConfig::default()).await.0
}

/// An API on loopback that calls out like this, and its engine, which works for nobody yet.
pub(crate) async fn serve_with(test: &TestStore, config: TransportConfig) -> (SocketAddr, Engine) {
    // The first that comes installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let transport = Transport::new(config).unwrap();
    let settings = campanile_connect::Settings {
        public_url: None,
        bases: BaseUrls::default(),
        dev: false,
    };
    let connect = Connect::new(test.store.clone(), transport, settings);
    let engine = Engine::new(
        connect,
        campanile_engine::Settings { outbox: false },
        EngineMetrics::default(),
    );
    let settings = Settings {
        dev: false,
        rate_limit: false,
        connection_tokens: ConnectionTokens::Single,
        jwt_secret: None,
        inbox_session_ttl: Duration::from_hours(1),
        metrics_on_main_port: true,
        trusted_proxies: TrustedProxies::new(|_| false),
    };
    let app = App::new(engine.clone(), Metrics::new(), settings);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = campanile_api::router(&app).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { drop(axum::serve(listener, service).await) });
    (address, engine)
}

struct Place {
    method: String,
    path: String,
    /// Nothing where no key is asked for.
    permission: Option<String>,
    /// Whether anybody may call.
    open: bool,
}

fn places() -> Vec<Place> {
    let document = campanile_api::openapi_document();
    let mut places = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // A word that fits every parameter and exists nowhere.
        let parts = path.split('/').map(|part| {
            if part.starts_with('{') {
                "6615943e7ace93b0540ae377"
            } else {
                part
            }
        });
        let path = parts.collect::<Vec<_>>().join("/");
        for (method, operation) in methods.as_object().unwrap() {
            places.push(Place {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                permission: operation["x-campanile-permission"].as_str().map(str::to_owned),
                open: operation["security"].as_array().is_some_and(Vec::is_empty),
            });
        }
    }
    assert!(places.len() > 40, "{} routes", places.len());
    places
}

async fn status(client: &mut Client, place: &Place) -> u16 {
    // It is refused for who asks before anybody looks at what is asked.
    let body = (place.method != "GET").then(|| json!({ "no such": "body" }));
    let answer = client
        .call(&place.method, &place.path, &[], body.as_ref())
        .await
        .unwrap();
    answer.status
}

both! {
    async fn without_a_key_every_route_is_401(test) {
        let address = serve(&test).await;
        let secret = &test.made.development.secret_key;
        for place in places() {
            for key in ["", "unknown", &secret[..31], &format!("{secret}0")] {
                let mut client = Client::connect(address, key).await.unwrap();
                let is_refused = status(&mut client, &place).await == 401;
                assert_eq!(is_refused, !place.open, "{} {} with {key:?}", place.method, place.path);
            }
        }
    }

    async fn a_key_without_the_permission_of_a_route_is_403_and_one_with_only_it_is_not(test) {
        let address = serve(&test).await;
        let mut able = Vec::new();
        for permission in Permission::ALL {
            let name = permission.wire();
            let others: Vec<&str> = Permission::ALL.iter().map(|one| one.wire()).filter(|one| *one != name).collect();
            test.store.make_scoped_key(&test.ctx, &format!("only-{name}"), &[name], None).await.unwrap();
            test.store.make_scoped_key(&test.ctx, &format!("all-but-{name}"), &others, None).await.unwrap();
            able.push(name);
        }
        for place in places() {
            let Some(permission) = &place.permission else { continue };
            assert!(able.contains(&permission.as_str()), "{permission}");
            let what = format!("{} {} needs {permission}", place.method, place.path);
            let mut without = Client::connect(address, &format!("all-but-{permission}")).await.unwrap();
            assert_eq!(status(&mut without, &place).await, 403, "{what}");
            // Regenerating the keys would end this test.
            if place.path.ends_with("/regenerate") {
                continue;
            }
            let mut with = Client::connect(address, &format!("only-{permission}")).await.unwrap();
            let given = status(&mut with, &place).await;
            assert!(!matches!(given, 401 | 403 | 500..), "{what}: {given}");
        }
    }

    async fn a_key_without_any_scope_may_call_nothing(test) {
        let address = serve(&test).await;
        test.store.make_scoped_key(&test.ctx, "nothing", &["no:such"], None).await.unwrap();
        let mut client = Client::connect(address, "nothing").await.unwrap();
        for place in places() {
            // A key opens nothing of a subscriber's.
            let expected = match place.permission {
                Some(_) => Some(403),
                None if place.open => None,
                None => Some(401),
            };
            let given = status(&mut client, &place).await;
            assert_eq!(Some(given).filter(|status| matches!(status, 401 | 403)), expected, "{} {}", place.method, place.path);
        }
    }

    async fn a_key_that_has_expired_is_401(test) {
        let address = serve(&test).await;
        let end = test.store.now().plus(Duration::from_mins(1));
        test.store.make_scoped_key(&test.ctx, "short", &["subscriber:read"], Some(end)).await.unwrap();
        let mut client = Client::connect(address, "short").await.unwrap();
        let answer = client.call("GET", "/v2/subscribers", &[], None).await.unwrap();
        assert_eq!(answer.status, 200);
        test.clock.advance(Duration::from_mins(1));
        let answer = client.call("GET", "/v2/subscribers", &[], None).await.unwrap();
        assert_eq!(answer.status, 401);
    }
}
