//! What vendors tell, and what they are asked, on both engines.

use std::time::Duration;

use campanile_connect::hooks::{Incoming, receive, telegram_secret};
use campanile_connect::{Connect, Settings, health};
use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id};
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_store::Batch;
use campanile_store::connections::{Connection, NewConnection, Workspace};
use campanile_store::endpoints::{Endpoint, NewEndpoint};
use campanile_store::grants::Tokens;
use campanile_store::integrations::{Integration, Kind, NewIntegration};
use campanile_testkit::fake::{Answer, Fake};
use campanile_testkit::{TestStore, both};
use serde_json::{Map, Value, json};

struct Scene<'a> {
    test: &'a TestStore,
    connect: Connect,
    fake: Fake,
}

impl<'a> Scene<'a> {
    async fn start(test: &'a TestStore) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fake = Fake::start().await;
        let mut bases = BaseUrls::default();
        bases.set("slack", fake.url().parse().unwrap()).unwrap();
        let settings = Settings {
            public_url: None,
            bases,
            dev: false,
        };
        let transport = Transport::new(TransportConfig::default()).unwrap();
        Self {
            connect: Connect::new(test.store.clone(), transport, settings),
            fake,
            test,
        }
    }

    async fn integration(&self, ctx: &Ctx, provider: &str, credentials: Value) -> Integration {
        let store = &self.test.store;
        let read = store.integrations_to_change(ctx).await.unwrap();
        let mut batch = Batch::new();
        let new = NewIntegration {
            identifier: None,
            name: provider.to_owned(),
            provider_id: provider.to_owned(),
            channel: Some(Channel::Chat),
            kind: Kind::Delivery,
            credentials: credentials.as_object().unwrap().clone(),
            configurations: Map::new(),
            conditions: Vec::new(),
            active: true,
            send_real: false,
        };
        let made = store.create_integration(&mut batch, ctx, &read, new).unwrap();
        store.commit(batch).await.unwrap();
        made
    }

    async fn connection(&self, integration: &Integration, name: &str, expires_at: Option<String>) -> Connection {
        let store = &self.test.store;
        let mut batch = Batch::new();
        let new = NewConnection {
            identifier: name.to_owned(),
            integration,
            owner: None,
            contexts: ContextSet::new([format!("tenant:{name}")]),
            workspace: Workspace {
                id: format!("T-{name}"),
                name: None,
            },
        };
        let tokens = Tokens {
            access_token: format!("xoxb-{name}"),
            refresh_token: None,
            expires_at,
            refresh_token_expires_at: None,
        };
        let made = store.create_connection(&mut batch, &self.test.ctx, new, &tokens).await;
        let made = made.unwrap();
        store.commit(batch).await.unwrap();
        made
    }

    async fn read(&self, name: &str) -> Connection {
        let found = self.test.store.connection(&self.test.ctx, name).await;
        found.unwrap().unwrap()
    }

    async fn chat(&self, integration: &Integration, chat: &str) -> Endpoint {
        let store = &self.test.store;
        let subscriber = store.new_subscriber(format!("subscriber-{chat}"), Map::new());
        let mut batch = Batch::new();
        store.insert_subscriber(&mut batch, &self.test.ctx, &subscriber);
        let new = NewEndpoint {
            identifier: format!("endpoint-{chat}"),
            integration,
            connection: None,
            subscriber: &subscriber,
            subscriber_is_new: true,
            contexts: ContextSet::default(),
            kind: "telegram_chat",
            address: &json!({ "chatId": chat }),
            unique: None,
        };
        let made = store.create_endpoint(&mut batch, &self.test.ctx, new).unwrap();
        store.commit(batch).await.unwrap();
        made
    }

    async fn endpoint(&self, made: &Endpoint) -> Endpoint {
        let found = self.test.store.endpoint(&self.test.ctx, &made.identifier).await;
        found.unwrap().unwrap()
    }

    async fn telegram(&self, integration: Id, secret: &str, update: &Value) -> Option<Value> {
        let secret = secret.to_owned();
        let header = move |name: &str| (name == "x-telegram-bot-api-secret-token").then(|| secret.clone());
        let body = update.to_string();
        let incoming = Incoming {
            header: &header,
            body: body.as_bytes(),
            request_id: "test",
        };
        receive(&self.connect, integration, &incoming).await.unwrap()
    }
}

fn member(update: i64, chat: i64, status: &str) -> Value {
    json!({
        "update_id": update,
        "my_chat_member": { "chat": { "id": chat, "type": "private" }, "new_chat_member": { "status": status } },
    })
}

fn scopes(scopes: &str) -> Answer {
    Answer::new(200, r#"{"ok":true}"#).with("x-oauth-scopes", scopes)
}

both! {
    async fn a_bot_that_is_blocked_breaks_the_endpoint_until_it_is_started_again(test) {
        let scene = Scene::start(&test).await;
        let bot = scene.integration(&test.ctx, "telegram", json!({ "apiToken": "1:a" })).await;
        let (ann, bob) = (scene.chat(&bot, "11").await, scene.chat(&bot, "22").await);
        let secret = telegram_secret(&test.store, bot.id);
        for wrong in ["", "guess", &secret[1..], &format!("{secret}0")] {
            assert_eq!(scene.telegram(bot.id, wrong, &member(1, 11, "kicked")).await, None);
        }
        assert_eq!(scene.endpoint(&ann).await.status, HealthStatus::Active);
        assert!(scene.telegram(bot.id, &secret, &member(1, 11, "kicked")).await.is_some());
        assert_eq!(scene.endpoint(&ann).await.status, HealthStatus::Broken);
        assert_eq!(scene.endpoint(&bob).await.status, HealthStatus::Active);
        scene.telegram(bot.id, &secret, &member(2, 11, "member")).await;
        assert_eq!(scene.endpoint(&ann).await.status, HealthStatus::Active);
        // Telegram repeats what it thinks was lost.
        scene.telegram(bot.id, &secret, &member(1, 11, "kicked")).await;
        assert_eq!(scene.endpoint(&ann).await.status, HealthStatus::Active);
    }

    async fn a_group_that_becomes_a_supergroup_keeps_its_endpoint(test) {
        let scene = Scene::start(&test).await;
        let bot = scene.integration(&test.ctx, "telegram", json!({ "apiToken": "1:a" })).await;
        let group = scene.chat(&bot, "-55").await;
        let secret = telegram_secret(&test.store, bot.id);
        let update = json!({ "update_id": 7, "message": { "chat": { "id": -55 }, "migrate_to_chat_id": -10_055_i64 } });
        scene.telegram(bot.id, &secret, &update).await.unwrap();
        let moved = scene.endpoint(&group).await;
        assert_eq!(test.store.open_address(&moved).unwrap(), json!({ "chatId": "-10055" }));
        // It is found under its new id from now on.
        scene.telegram(bot.id, &secret, &member(8, -10_055, "kicked")).await;
        assert_eq!(scene.endpoint(&group).await.status, HealthStatus::Broken);
    }

    async fn a_secret_is_good_for_its_own_integration_only(test) {
        let scene = Scene::start(&test).await;
        let bot = scene.integration(&test.ctx, "telegram", json!({ "apiToken": "1:a" })).await;
        let other = scene.integration(&test.other, "telegram", json!({ "apiToken": "2:b" })).await;
        let secret = telegram_secret(&test.store, bot.id);
        assert_eq!(scene.telegram(other.id, &secret, &member(1, 1, "kicked")).await, None);
        assert_eq!(scene.telegram(test.store.new_id(), &secret, &member(1, 1, "kicked")).await, None);
    }

    async fn each_grant_is_asked_about_within_a_day_and_not_again_at_once(test) {
        let scene = Scene::start(&test).await;
        let slack = scene.integration(&test.ctx, "slack", json!({})).await;
        scene.fake.answer("/api/auth.test", [scopes("chat:write,users:read")]);
        for number in 0..20 {
            scene.connection(&slack, &format!("c{number}"), None).await;
        }
        health::probe_round(scene.connect.clone()).await.unwrap();
        assert!(scene.fake.count("/api/auth.test") < 8, "the first probes are spread over a day");
        test.clock.advance(Duration::from_hours(24));
        let mut most = 0;
        for _ in 0..6 {
            let before = scene.fake.count("/api/auth.test");
            health::probe_round(scene.connect.clone()).await.unwrap();
            most = most.max(scene.fake.count("/api/auth.test") - before);
        }
        assert_eq!((scene.fake.count("/api/auth.test"), most), (20, 8));
        let asked = scene.read("c3").await.grant;
        assert_eq!(asked.scopes.unwrap(), ["chat:write", "users:read"]);
        assert!(asked.last_success_at.is_some());
    }

    async fn what_a_probe_learns_shows_and_only_its_customer_mends_a_lost_grant(test) {
        let scene = Scene::start(&test).await;
        let slack = scene.integration(&test.ctx, "slack", json!({})).await;
        scene.connection(&slack, "acme", None).await;
        let table = [
            (Answer::slack_error("missing_scope"), HealthStatus::Degraded),
            (scopes("users:read"), HealthStatus::Degraded),
            (scopes("chat:write"), HealthStatus::Active),
            (Answer::slack_error("token_expired"), HealthStatus::NeedsReauth),
            (Answer::new(503, ""), HealthStatus::NeedsReauth),
            (scopes("chat:write"), HealthStatus::NeedsReauth),
            (Answer::slack_error("token_revoked"), HealthStatus::Revoked),
            (Answer::slack_error("missing_scope"), HealthStatus::Revoked),
        ];
        for (answer, expected) in table {
            scene.fake.answer("/api/auth.test", [answer]);
            let connection = scene.read("acme").await;
            health::check(&scene.connect, &test.ctx, &connection).await.unwrap();
            assert_eq!(scene.read("acme").await.grant.status, expected);
            test.clock.advance(Duration::from_mins(1));
        }
    }

    async fn a_probe_that_died_is_made_by_another(test) {
        let scene = Scene::start(&test).await;
        let slack = scene.integration(&test.ctx, "slack", json!({})).await;
        let acme = scene.connection(&slack, "acme", None).await;
        scene.fake.answer("/api/auth.test", [Answer::slack_error("token_revoked")]);
        assert!(test.store.claim_probe(&test.ctx, acme.grant.id, test.store.now()).await.unwrap());
        assert!(!test.store.claim_probe(&test.ctx, acme.grant.id, test.store.now()).await.unwrap());
        test.clock.advance(campanile_store::probes::PROBE_LEASE);
        health::check(&scene.connect, &test.ctx, &acme).await.unwrap();
        assert_eq!(scene.read("acme").await.grant.status, HealthStatus::Revoked);
    }

    async fn a_grant_is_announced_before_its_end_and_one_success_does_not_hide_it(test) {
        let scene = Scene::start(&test).await;
        let slack = scene.integration(&test.ctx, "slack", json!({})).await;
        let end = test.store.now().plus(Duration::from_hours(24 * 30)).to_string();
        scene.connection(&slack, "acme", Some(end)).await;
        scene.connection(&slack, "endless", None).await;
        health::sweep_round(scene.connect.clone()).await.unwrap();
        assert_eq!(scene.read("acme").await.grant.status, HealthStatus::Active);
        test.clock.advance(Duration::from_hours(24 * 24));
        health::sweep_round(scene.connect.clone()).await.unwrap();
        let grant = scene.read("acme").await.grant;
        assert_eq!(grant.status, HealthStatus::Expiring);
        let mut batch = Batch::new();
        test.store.set_grant_health(&mut batch, &test.ctx, grant.id, grant.generation, HealthStatus::Active, None);
        test.store.commit(batch).await.unwrap();
        assert_eq!(scene.read("acme").await.grant.status, HealthStatus::Expiring);
        assert_eq!(scene.read("endless").await.grant.status, HealthStatus::Active);
    }

    async fn the_ends_of_secrets_and_refused_credentials_are_told(test) {
        let scene = Scene::start(&test).await;
        let end = test.store.now().plus(Duration::from_hours(24 * 31 + 1)).to_string();
        let teams = scene.integration(&test.ctx, "msteams", json!({ "secretExpiresAt": end })).await;
        let mut told = Vec::new();
        for _ in 0..34 {
            health::sweep_round(scene.connect.clone()).await.unwrap();
            let known = test.store.integrations_health(&test.ctx).await.unwrap();
            told.push(known.first().and_then(|known| known.warned));
            test.clock.advance(Duration::from_hours(24));
        }
        told.dedup();
        assert_eq!(told, [None, Some(30), Some(7), Some(1), Some(0)]);
        let other = scene.integration(&test.ctx, "msteams", json!({})).await;
        let note = async |refusal| health::note_integration(&scene.connect, &test.ctx, other.id, refusal).await.unwrap();
        let status = async |of: Id| {
            let known = test.store.integrations_health(&test.ctx).await.unwrap();
            known.iter().find(|one| one.integration_id == of).map(|one| one.status)
        };
        note(None).await;
        assert_eq!(status(other.id).await, None);
        note(Some("refused")).await;
        assert_eq!(status(other.id).await, Some(HealthStatus::Degraded));
        note(None).await;
        assert_eq!(status(other.id).await, Some(HealthStatus::Active));
        assert_eq!(status(teams.id).await, Some(HealthStatus::Degraded));
    }

    async fn a_service_url_is_the_newest_one_of_its_tenant(test) {
        let store = &test.store;
        let learn = async |tenant: &str, url: &str| {
            let mut batch = Batch::new();
            store.learn_teams_service_url(&mut batch, &test.ctx, "app", tenant, url).await.unwrap();
            store.commit(batch).await.unwrap();
        };
        learn("t1", "https://smba.trafficmanager.net/emea/").await;
        learn("t1", "https://smba.trafficmanager.net/amer/").await;
        learn("t2", "https://smba.trafficmanager.net/in/").await;
        let known = async |ctx: &Ctx, tenant: &str| store.teams_service_url(ctx, "app", tenant).await.unwrap();
        assert_eq!(known(&test.ctx, "t1").await.as_deref(), Some("https://smba.trafficmanager.net/amer/"));
        assert_eq!(known(&test.other, "t2").await.as_deref(), Some("https://smba.trafficmanager.net/in/"));
        assert_eq!(known(&test.ctx, "t3").await, None);
    }
}
