//! States: signed, bound to where they were made, and used once.

use std::time::Duration;

use campanile_connect::oauth::{Answer, GivenContext, Mode, Outcome, StartConnect, StartLink, finish, start};
use campanile_connect::{Connect, Settings};
use campanile_model::error::Kind;
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_testkit::{TestStore, both};
use ring::hmac;
use serde_json::json;

use super::{ACME, Scene, app, for_subscriber, state, tenant};

both! {
    async fn a_state_works_once(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&for_subscriber("slack", "ann")).await;
        assert!(scene.page(&url, "c1").await.success);
        let again = scene.refusal(&url, "c1").await;
        assert!(again.contains("used already"), "{again}");
        assert_eq!(scene.vendor.count("oauth.v2.access"), 1, "the second code is not even exchanged");
    }

    async fn of_two_browsers_with_one_state_one_gets_through(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&for_subscriber("slack", "ann")).await;
        let (one, two) = tokio::join!(scene.back(&url, "c1"), scene.back(&url, "c1"));
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1);
        assert_eq!(scene.vendor.count("oauth.v2.access"), 1);
    }

    async fn a_state_ends_with_its_time_and_its_integration(test) {
        let scene = Scene::new(&test).await;
        let slack = scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&for_subscriber("slack", "ann")).await;
        test.clock.advance(Duration::from_secs(901));
        let late = scene.refusal(&url, "c1").await;
        assert!(late.contains("older than 15 minutes"), "{late}");
        let url = scene.start(&for_subscriber("slack", "ann")).await;
        let store = &test.store;
        let read = store.integrations_to_change(&test.ctx).await.unwrap();
        let mut batch = campanile_store::Batch::new();
        store.delete_integration(&mut batch, &test.ctx, &read, &slack).await.unwrap();
        store.commit(batch).await.unwrap();
        let gone = scene.back(&url, "c1").await.unwrap_err();
        assert_eq!(gone.kind(), Kind::NotFound);
        assert!(gone.message().starts_with("Slack integration not found: "), "{}", gone.message());
        assert_eq!(scene.vendor.count("oauth"), 0);
    }

    async fn a_state_serves_its_own_environment_only(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.integration_in(&test.other, "slack", "slack", app()).await;
        scene.subscriber("ann").await;
        scene.subscriber_in(&test.other, "ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&StartConnect {
            connection_identifier: Some("mine".to_owned()),
            ..for_subscriber("slack", "ann")
        }).await;
        scene.page(&url, "c1").await;
        assert!(scene.connection("mine").await.is_some());
        assert!(test.store.connection(&test.other, "mine").await.unwrap().is_none());
    }

    async fn what_lacks_a_parameter_is_told_which(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        let url = scene.start(&for_subscriber("slack", "ann")).await;
        let text = |text: &str| Some(text.to_owned());
        let table = [
            (Answer { error: text("access_denied"), error_description: text("no"), ..Answer::default() }, "OAuth error: access_denied - no"),
            (Answer::default(), "Missing required OAuth parameter: state"),
            (Answer { state: text("x"), ..Answer::default() }, "Missing required OAuth parameters: code or tenant"),
            (Answer { state: text(&state(&url)), tenant: text("t"), ..Answer::default() }, "Missing required parameter: code"),
        ];
        for (answer, expected) in table {
            let error = finish(&scene.connect, &answer, "test").await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::BadRequest, expected));
        }
        scene.installs("c1", ACME, "xoxb-1", "U1");
        assert!(scene.page(&url, "c1").await.success, "none of them used the state up");
    }

    async fn what_cannot_be_started_says_why(test) {
        let scene = Scene::new(&test).await;
        let environment = test.ctx.environment;
        scene.slack().await;
        scene.integration_in(&test.ctx, "slack", "empty", json!({})).await;
        scene.integration_in(&test.ctx, "slack", "half", json!({ "secretKey": "s" })).await;
        scene.integration_in(&test.ctx, "discord", "discord", json!({})).await;
        scene.integration_in(&test.ctx, "msteams", "teams", json!({ "clientId": "c" })).await;
        scene.integration_in(&test.ctx, "webex-messaging", "webex", json!({})).await;
        scene.subscriber("ann").await;
        let ann = |integration: &str| for_subscriber(integration, "ann");
        let not_found = |name: &str| format!("Integration not found: {name} in environment {environment}");
        let table = [
            (ann("nowhere"), Kind::NotFound, not_found("nowhere")),
            (ann("discord"), Kind::NotFound, not_found("discord")),
            (ann("empty"), Kind::NotFound, "Slack integration missing credentials ".to_owned()),
            (ann("webex"), Kind::NotFound, "Webex Messaging integration missing credentials".to_owned()),
            (ann("half"), Kind::NotFound, "Slack integration missing required OAuth credentials (clientId) ".to_owned()),
            (for_subscriber("slack", "bob"), Kind::NotFound, "Subscriber not found: bob".to_owned()),
            (StartConnect { subscriber_id: None, ..ann("slack") }, Kind::BadRequest, "Either subscriberId or context must be provided".to_owned()),
            (StartConnect { mode: Some(Mode::Shared), ..ann("slack") }, Kind::BadRequest, "context is required when connectionMode is \"shared\"".to_owned()),
            (
                StartConnect { subscriber_id: None, context: tenant("a"), scope: Some(vec!["incoming-webhook".to_owned()]), ..ann("slack") },
                Kind::BadRequest, "subscriberId is required for incoming webhook".to_owned(),
            ),
        ];
        for (ask, kind, expected) in table {
            let error = start(&scene.connect, &test.ctx, &ask).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, expected.as_str()));
        }
        let link = |integration: &str, subscriber: &str| StartLink {
            integration_identifier: integration.to_owned(),
            subscriber_id: subscriber.to_owned(),
            ..StartLink::default()
        };
        for (ask, expected) in [
            (link("slack", ""), "subscriberId is required for link_user mode"),
            (link("teams", "ann"), "MS Teams integration missing tenantId"),
            (link("webex", "ann"), "connectionIdentifier is required for Webex link_user mode"),
        ] {
            let error = campanile_connect::oauth::start_link(&scene.connect, &test.ctx, &ask).await.unwrap_err();
            assert_eq!(error.message(), expected);
        }
    }

    async fn an_integration_may_ask_for_the_hash_of_the_context(test) {
        let scene = Scene::new(&test).await;
        let credentials = json!({ "clientId": "c", "secretKey": "s", "hmac": true });
        scene.integration_in(&test.ctx, "slack", "slack", credentials).await;
        scene.subscriber("ann").await;
        test.store.make_scoped_key(&test.ctx, "scoped", &["integration:write"], None).await.unwrap();
        let (_, secret) = test.store.api_keys(&test.ctx).await.unwrap().remove(0);
        let sign = |key: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            hex::encode(hmac::sign(&key, br#"{"tenant":"acme"}"#))
        };
        let ask = |context: GivenContext| StartConnect { context, ..for_subscriber("slack", "ann") };
        let hashed = |hash: String| GivenContext { hash: Some(hash), ..tenant("acme") };
        for (context, expected) in [
            (GivenContext::default(), "A context is required when HMAC validation is enabled."),
            (tenant("acme"), "A valid contextHash is required when HMAC validation is enabled."),
            (hashed(sign("guess")), "Please provide a valid context HMAC hash"),
            (hashed(sign("scoped")), "Please provide a valid context HMAC hash"),
        ] {
            let error = start(&scene.connect, &test.ctx, &ask(context)).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::BadRequest, expected));
        }
        scene.start(&ask(hashed(sign(&secret)))).await;
        let verified = GivenContext { verified: true, ..tenant("acme") };
        scene.start(&ask(verified)).await;
    }
}

#[tokio::test]
async fn without_a_public_url_the_variable_is_named() {
    let test = TestStore::sqlite().await;
    let scene = Scene::new(&test).await;
    scene.slack().await;
    scene.subscriber("ann").await;
    let settings = Settings {
        public_url: None,
        bases: BaseUrls::default(),
        dev: false,
    };
    let transport = Transport::new(TransportConfig::default()).unwrap();
    let connect = Connect::new(test.store.clone(), transport, settings);
    let error = start(&connect, &test.ctx, &for_subscriber("slack", "ann"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(error.message().contains("CAMPANILE_PUBLIC_URL"), "{}", error.message());
}

#[tokio::test]
async fn a_browser_is_sent_where_the_integration_says_and_nowhere_else() {
    let test = TestStore::sqlite().await;
    let scene = Scene::new(&test).await;
    scene.subscriber("ann").await;
    scene.installs("c1", ACME, "xoxb-1", "U1");
    for (name, home, expected) in [
        (
            "good",
            "https://app.example/done?x=1",
            Some("https://app.example/done?x=1"),
        ),
        ("script", "javascript:alert(1)", None),
        ("data", "data:text/html,x", None),
        ("path", "//evil.example", None),
    ] {
        let credentials = json!({ "clientId": "c", "secretKey": "s", "redirectUrl": home });
        scene.integration_in(&test.ctx, "slack", name, credentials).await;
        let url = scene.start(&for_subscriber(name, "ann")).await;
        let outcome = scene.back(&url, "c1").await.unwrap();
        match (outcome, expected) {
            (Outcome::Redirect(to), Some(expected)) => assert_eq!(to.as_str(), expected),
            (Outcome::Page(page), None) => assert!(page.success),
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}
