//! The tokens of our user's own app at Microsoft. Nothing of them is stored, so one engine is enough.

use std::time::Duration;

use campanile_connect::app_tokens::{Audience, forget_msteams, msteams};
use campanile_connect::{Connect, Settings};
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Level, Transport, TransportConfig};
use campanile_testkit::fake::{Answer, Fake, Gate};
use campanile_testkit::{TestStore, eventually};
use serde_json::{Value, json};

fn credentials() -> Value {
    json!({ "clientId": "app-1", "secretKey": "canary-secret", "tenantId": "home-tenant" })
}

fn issued(token: &str) -> Answer {
    let body = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token });
    Answer::new(200, body.to_string())
}

async fn scene(test: &TestStore) -> (Connect, Fake) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let fake = Fake::start().await;
    let mut bases = BaseUrls::default();
    bases.set("msteams/login", fake.url().parse().unwrap()).unwrap();
    let settings = Settings {
        public_url: None,
        bases,
        dev: false,
    };
    let transport = Transport::new(TransportConfig::default()).unwrap();
    (Connect::new(test.store.clone(), transport, settings), fake)
}

#[tokio::test]
async fn a_token_is_asked_for_once_until_shortly_before_its_end() {
    let test = TestStore::sqlite().await;
    let (connect, fake) = scene(&test).await;
    fake.answer("home-tenant", [issued("first"), issued("second")]);
    let ask = || async { msteams(&connect, &credentials(), Audience::Bot, None).await.unwrap() };
    assert_eq!(ask().await, "first");
    test.clock.advance(Duration::from_secs(3200));
    assert_eq!((ask().await.as_str(), fake.count("token")), ("first", 1));
    test.clock.advance(Duration::from_secs(100));
    assert_eq!((ask().await.as_str(), fake.count("token")), ("second", 2));
}

#[tokio::test]
async fn audience_tenant_and_secret_have_tokens_of_their_own() {
    let test = TestStore::sqlite().await;
    let (connect, fake) = scene(&test).await;
    fake.answer("customer-tenant", [issued("customer's")]);
    fake.answer("graph.microsoft.com", [issued("graph")]);
    fake.answer("renewed", [issued("renewed")]);
    fake.answer("api.botframework.com", [issued("bot")]);
    let renewed = json!({ "clientId": "app-1", "secretKey": "renewed", "tenantId": "home-tenant" });
    for (credentials, audience, tenant, expected) in [
        (credentials(), Audience::Bot, None, "bot"),
        (credentials(), Audience::Graph, None, "graph"),
        (credentials(), Audience::Graph, Some("customer-tenant"), "customer's"),
        (renewed, Audience::Bot, None, "renewed"),
    ] {
        assert_eq!(
            msteams(&connect, &credentials, audience, tenant).await.unwrap(),
            expected
        );
    }
}

#[tokio::test]
async fn many_who_ask_at_once_make_one_call_and_share_its_refusal() {
    let test = TestStore::sqlite().await;
    let (connect, fake) = scene(&test).await;
    for (answer, calls) in [
        (
            Answer::new(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#),
            1,
        ),
        (issued("token"), 2),
    ] {
        let gate = Gate::closed();
        fake.answer("home-tenant", [answer.behind(&gate)]);
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let connect = connect.clone();
                tokio::spawn(async move { msteams(&connect, &credentials(), Audience::Bot, None).await })
            })
            .collect();
        eventually("the call came", async || (fake.count("token") == calls).then_some(())).await;
        // All of them wait by now: on one thread the others ran before the call's answer can be looked at.
        gate.open();
        for one in asking {
            match one.await.unwrap() {
                Ok(token) => assert_eq!(token, "token"),
                Err(failure) => assert_eq!((failure.level, calls), (Level::Integration, 1)),
            }
        }
        assert_eq!(fake.count("token"), calls);
    }
}

#[tokio::test]
async fn a_refused_token_is_forgotten_and_another_one_is_not() {
    let test = TestStore::sqlite().await;
    let (connect, fake) = scene(&test).await;
    fake.answer("home-tenant", [issued("first"), issued("second")]);
    let ask = || async { msteams(&connect, &credentials(), Audience::Bot, None).await.unwrap() };
    assert_eq!(ask().await, "first");
    forget_msteams(&connect, &credentials(), Audience::Bot, None, "first").await;
    assert_eq!(ask().await, "second");
    forget_msteams(&connect, &credentials(), Audience::Bot, None, "first").await;
    assert_eq!((ask().await.as_str(), fake.count("token")), ("second", 2));
}

#[tokio::test]
async fn without_the_apps_credentials_nothing_is_called() {
    let test = TestStore::sqlite().await;
    let (connect, fake) = scene(&test).await;
    for missing in ["clientId", "secretKey", "tenantId"] {
        let mut given = credentials();
        given[missing] = "  ".into();
        let failure = msteams(&connect, &given, Audience::Bot, None).await.unwrap_err();
        assert_eq!(failure.level, Level::Integration);
    }
    assert!(fake.received().is_empty());
}
