//! Slack: what a consent becomes.

use campanile_connect::oauth::{Mode, StartConnect, StartLink, start};
use campanile_model::channel::HealthStatus;
use campanile_store::connections::aliases::Whose;
use campanile_store::{Batch, grants};
use campanile_testkit::both;
use campanile_testkit::fake::Answer as Told;
use serde_json::json;

use super::{ACME, Scene, app, for_subscriber, parameter, tenant};

const OTHER: &str = "T-OTHER";

fn named(identifier: &str, ask: StartConnect) -> StartConnect {
    StartConnect {
        connection_identifier: Some(identifier.to_owned()),
        ..ask
    }
}

both! {
    async fn a_consent_becomes_a_connection_with_all_that_slack_told(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        let answer = json!({
            "ok": true, "access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1-r", "expires_in": 43200,
            "scope": "chat:write,channels:read", "bot_user_id": "U0BOT", "app_id": "A1",
            "team": { "id": ACME, "name": "Acme" }, "authed_user": { "id": "U1" },
        });
        scene.vendor.answer("code=c1&", [Told::new(200, answer.to_string())]);
        let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
        assert_eq!(parameter(&url, "redirect_uri").unwrap(), "https://notify.example/v1/integrations/chat/oauth/callback");
        assert_eq!(parameter(&url, "code_challenge"), None, "the app is not marked as a public client");
        let page = scene.page(&url, "c1").await;
        assert!(page.success && page.facts.contains(&("Workspace", "Acme".to_owned())), "{page:?}");
        let sent = scene.vendor.received().remove(0);
        assert!(sent.header("authorization").unwrap().starts_with("Basic "));
        assert!(!sent.body.contains("canary-secret") && !sent.path.contains("canary-secret"));
        let connection = scene.connection("mine").await.unwrap();
        let tokens = test.store.open_tokens(&connection.grant).unwrap();
        assert_eq!(tokens.refresh_token.as_deref(), Some("xoxe-1-r"));
        let end = test.store.now().plus(std::time::Duration::from_hours(12));
        let stored = campanile_model::Time::parse(&tokens.expires_at.unwrap()).unwrap();
        assert!(stored <= end && end.millis() - stored.millis() < 60_000);
        assert_eq!((connection.workspace.id.as_str(), connection.subscriber_id.as_deref()), (ACME, Some("ann")));
        assert_eq!(connection.grant.source, grants::consent::OAUTH);
        assert_eq!(connection.grant.scopes.as_ref().map(Vec::len), Some(2));
        // Of the six scopes that were asked for, four were not given.
        assert_eq!(connection.grant.missing_scopes.as_ref().map(Vec::len), Some(4));
        assert_eq!(connection.grant.status, HealthStatus::Degraded);
        let details = test.store.grant_details(&test.ctx, connection.grant.id).await.unwrap().unwrap();
        assert_eq!((&details["bot_user_id"], details.get("access_token")), (&json!("U0BOT"), None));
    }

    async fn a_second_consent_mends_the_same_connection(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
        scene.page(&url, "c1").await;
        let before = scene.connection("mine").await.unwrap();
        let mut batch = Batch::new();
        let (grant, generation) = (before.grant.id, before.grant.generation);
        test.store.set_grant_health(&mut batch, &test.ctx, grant, generation, HealthStatus::NeedsReauth, Some("gone"));
        test.store.commit(batch).await.unwrap();
        scene.installs("c2", ACME, "xoxb-2", "U1");
        // Whatever it asks to be called: the connection of the scope keeps what it is.
        let url = scene.start(&named("another", for_subscriber("slack", "ann"))).await;
        scene.page(&url, "c2").await;
        assert!(scene.connection("another").await.is_none());
        let after = scene.connection("mine").await.unwrap();
        assert_eq!((after.id, after.grant.id), (before.id, before.grant.id));
        assert_eq!((after.grant.status, after.grant.generation), (HealthStatus::Active, 2));
        assert_eq!(scene.token(&after), "xoxb-2");
        let changes = test.store.stored_changes().await.unwrap();
        assert_eq!(changes, ["connection.created", "connection.needs_reauth", "connection.recovered"]);
    }

    async fn one_installation_is_one_grant_in_all_environments(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.integration_in(&test.other, "slack", "production", app()).await;
        scene.subscriber("ann").await;
        scene.subscriber("bob").await;
        scene.subscriber_in(&test.other, "ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        scene.installs("c2", ACME, "xoxb-2", "U2");
        scene.installs("c3", ACME, "xoxb-3", "U1");
        let url = scene.start(&named("anns", for_subscriber("slack", "ann"))).await;
        scene.page(&url, "c1").await;
        let url = scene.start(&named("bobs", for_subscriber("slack", "bob"))).await;
        scene.page(&url, "c2").await;
        let url = start(&scene.connect, &test.other, &named("there", for_subscriber("production", "ann"))).await.unwrap();
        scene.page(&url, "c3").await;
        let there = test.store.connection(&test.other, "there").await.unwrap().unwrap();
        let (anns, bobs) = (scene.connection("anns").await.unwrap(), scene.connection("bobs").await.unwrap());
        assert_eq!((anns.grant.id, bobs.grant.id), (there.grant.id, there.grant.id));
        assert_eq!(scene.token(&anns), "xoxb-3");
        assert_eq!(test.store.stored_grants().await.unwrap().len(), 1);
    }

    async fn two_tenants_press_the_same_shared_button(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-acme", "U1");
        scene.installs("c2", OTHER, "xoxb-other", "U2");
        let button = |id: &str| StartConnect {
            mode: Some(Mode::Shared),
            context: tenant(id),
            session: true,
            ..named("chconn-slack-default", for_subscriber("slack", "ann"))
        };
        for (id, code) in [("acme", "c1"), ("other", "c2"), ("acme", "c1")] {
            let url = scene.start(&button(id)).await;
            scene.page(&url, code).await;
        }
        let seen = async |id: &str| {
            let whose = Whose::Shared;
            let set = tenant(id).set();
            test.store.connection_in_session(&test.ctx, "chconn-slack-default", whose, &set).await.unwrap()
        };
        let (acme, other) = (seen("acme").await.unwrap(), seen("other").await.unwrap());
        assert_eq!((acme.workspace.id.as_str(), scene.token(&acme).as_str()), (ACME, "xoxb-acme"));
        assert_eq!((other.workspace.id.as_str(), scene.token(&other).as_str()), (OTHER, "xoxb-other"));
        assert_eq!(acme.identifier, "chconn-slack-default");
        assert!(other.identifier.starts_with("chconn_"), "{}", other.identifier);
        assert_eq!(scene.connection(&other.identifier).await.unwrap().id, other.id);
        assert!(seen("third").await.is_none());
        // With an API key the same is refused, and changes nothing.
        let ask = StartConnect { session: false, context: tenant("third"), ..button("third") };
        let error = start(&scene.connect, &test.ctx, &ask).await.unwrap_err();
        assert!(error.message().starts_with("Channel connection with identifier \"chconn-slack-default\" already exists"));
        // Who disconnects takes the alias along.
        let mut batch = Batch::new();
        test.store.delete_connection(&mut batch, &test.ctx, &other);
        test.store.commit(batch).await.unwrap();
        assert!(seen("other").await.is_none());
        assert!(seen("acme").await.is_some());
        let url = scene.start(&button("other")).await;
        scene.page(&url, "c2").await;
        assert_eq!(seen("other").await.unwrap().workspace.id, OTHER);
    }

    async fn one_name_does_not_stand_for_two_integrations_in_one_scope(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.integration_in(&test.ctx, "slack", "second", app()).await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let ask = |integration: &str| StartConnect { session: true, ..named("button", for_subscriber(integration, "ann")) };
        let url = scene.start(&ask("slack")).await;
        scene.page(&url, "c1").await;
        let error = start(&scene.connect, &test.ctx, &ask("second")).await.unwrap_err();
        assert!(error.message().contains("already exists"), "{}", error.message());
    }

    async fn an_installation_in_a_whole_organization_has_its_id(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        let answer = json!({
            "ok": true, "access_token": "xoxb-1", "team": null, "enterprise": { "id": "E1", "name": "Starship" },
            "is_enterprise_install": true, "authed_user": { "id": "W1" },
        });
        scene.vendor.answer("code=c1&", [Told::new(200, answer.to_string())]);
        let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
        scene.page(&url, "c1").await;
        let workspace = scene.connection("mine").await.unwrap().workspace;
        assert_eq!((workspace.id.as_str(), workspace.name.as_deref()), ("E1", Some("Starship")));
    }

    async fn who_consents_is_linked_when_that_was_asked_for(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.subscriber("bob").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let ask = |who: &str| StartConnect { auto_link_user: true, ..named(who, for_subscriber("slack", who)) };
        for _ in 0..2 {
            let url = scene.start(&ask("ann")).await;
            scene.page(&url, "c1").await;
        }
        let linked = ("slack_user".to_owned(), json!({ "userId": "U1" }), Some("ann".to_owned()));
        let hers = vec![linked];
        assert_eq!(scene.endpoints("ann").await, hers);
        // The same person for another subscriber: the connection is made, the endpoint stays whose it is.
        let url = scene.start(&ask("bob")).await;
        let page = scene.page(&url, "c1").await;
        assert!(page.success && page.text.contains("linked to somebody else"), "{}", page.text);
        assert!(scene.connection("bob").await.is_some());
        assert_eq!((scene.endpoints("ann").await, scene.endpoints("bob").await), (hers, vec![]));
    }

    async fn a_person_links_themselves_to_the_connection_of_their_scope(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
        scene.page(&url, "c1").await;
        let ask = |connection: Option<&str>| StartLink {
            integration_identifier: "slack".to_owned(),
            subscriber_id: "ann".to_owned(),
            connection_identifier: connection.map(str::to_owned),
            ..StartLink::default()
        };
        let answer = json!({ "ok": true, "team": { "id": ACME }, "authed_user": { "id": "U7", "access_token": "xoxp-1" } });
        scene.vendor.answer("code=person&", [Told::new(200, answer.to_string())]);
        let url = scene.link(&ask(None)).await;
        assert_eq!(parameter(&url, "user_scope").as_deref(), Some("identity.basic"));
        scene.page(&url, "person").await;
        let linked = ("slack_user".to_owned(), json!({ "userId": "U7" }), Some("mine".to_owned()));
        assert_eq!(scene.endpoints("ann").await, [linked]);
        let url = scene.link(&ask(Some("nowhere"))).await;
        assert_eq!(scene.refusal(&url, "person").await, "Channel connection not found: nowhere");
        let answer = json!({ "ok": true, "team": { "id": OTHER }, "authed_user": { "id": "U8" } });
        scene.vendor.answer("code=elsewhere&", [Told::new(200, answer.to_string())]);
        let url = scene.link(&ask(None)).await;
        let refused = scene.refusal(&url, "elsewhere").await;
        assert!(refused.contains("another workspace"), "{refused}");
        let url = scene.link(&ask(None)).await;
        scene.vendor.answer("code=nobody&", [Told::new(200, r#"{"ok":true}"#)]);
        assert_eq!(scene.refusal(&url, "nobody").await, "Slack did not return a user ID in the OAuth response");
    }

    async fn an_incoming_webhook_becomes_an_endpoint_and_no_connection(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        let answer = json!({
            "ok": true, "access_token": "xoxb-1", "team": { "id": ACME }, "authed_user": { "id": "U1" },
            "incoming_webhook": { "channel": "#general", "url": "https://hooks.slack.com/services/T/B/x" },
        });
        scene.vendor.answer("code=c1&", [Told::new(200, answer.to_string())]);
        let scope = Some(vec!["incoming-webhook".to_owned()]);
        let url = scene.start(&StartConnect { scope, ..named("mine", for_subscriber("slack", "ann")) }).await;
        assert_eq!(parameter(&url, "scope").as_deref(), Some("incoming-webhook"));
        scene.page(&url, "c1").await;
        assert!(scene.connection("mine").await.is_none());
        let address = json!({ "url": "https://hooks.slack.com/services/T/B/x" });
        assert_eq!(scene.endpoints("ann").await, [("webhook".to_owned(), address, None)]);
    }

    async fn a_reconnect_takes_the_same_workspace_only(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        scene.installs("c2", OTHER, "xoxb-2", "U1");
        scene.installs("c3", ACME, "xoxb-3", "U1");
        let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
        scene.page(&url, "c1").await;
        let before = scene.connection("mine").await.unwrap();
        let again = StartConnect { reconnect: Some(before.id), ..StartConnect::default() };
        let url = scene.start(&again).await;
        assert_eq!(parameter(&url, "team").as_deref(), Some(ACME), "the workspace is preselected");
        let refused = scene.refusal(&url, "c2").await;
        assert_eq!(
            refused,
            "This connection belongs to T-ACME Inc (T-ACME), but you chose T-OTHER Inc (T-OTHER). Start again and choose T-ACME Inc (T-ACME)."
        );
        assert_eq!(scene.token(&scene.connection("mine").await.unwrap()), "xoxb-1");
        let url = scene.start(&again).await;
        scene.page(&url, "c3").await;
        let after = scene.connection("mine").await.unwrap();
        assert_eq!((after.id, scene.token(&after).as_str()), (before.id, "xoxb-3"));
    }

    async fn slacks_refusal_is_told_and_changes_nothing(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.vendor.answer("code=c1&", [Told::slack_error("invalid_code")]);
        let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
        assert_eq!(scene.refusal(&url, "c1").await, "Slack OAuth error: invalid_code");
        assert!(scene.connection("mine").await.is_none());
        assert!(test.store.stored_grants().await.unwrap().is_empty());
    }

    async fn an_app_that_is_a_public_client_proves_its_exchange(test) {
        let scene = Scene::new(&test).await;
        let credentials = json!({ "clientId": "c", "secretKey": "s", "pkce": true });
        scene.integration_in(&test.ctx, "slack", "slack", credentials).await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        let url = scene.start(&for_subscriber("slack", "ann")).await;
        scene.page(&url, "c1").await;
        let sent = scene.vendor.received().remove(0).body;
        let verifier = sent.rsplit_once("code_verifier=").unwrap().1.to_owned();
        let challenge = campanile_providers::consent::challenge(&verifier);
        assert_eq!(parameter(&url, "code_challenge"), Some(challenge));
    }

    async fn who_comes_back_keeps_the_token_that_was_to_be_revoked(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        scene.installs("c1", ACME, "xoxb-1", "U1");
        for _ in 0..2 {
            let url = scene.start(&named("mine", for_subscriber("slack", "ann"))).await;
            scene.page(&url, "c1").await;
            assert!(test.store.due_revocations(10).await.unwrap().is_empty());
            let connection = scene.connection("mine").await.unwrap();
            let mut batch = Batch::new();
            test.store.revoke_connection(&mut batch, &test.ctx, &connection).unwrap();
            test.store.commit(batch).await.unwrap();
            assert_eq!(test.store.due_revocations(10).await.unwrap().len(), 1);
        }
    }

    async fn a_grant_whose_tokens_rotate_is_renewed_in_time(test) {
        let scene = Scene::new(&test).await;
        scene.slack().await;
        scene.subscriber("ann").await;
        let answer = json!({
            "ok": true, "access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1-r", "expires_in": 43200,
            "team": { "id": ACME }, "authed_user": { "id": "U1" },
        });
        scene.vendor.answer("code=c1&", [Told::new(200, answer.to_string())]);
        for _ in 0..2 {
            let url = scene.start(&for_subscriber("slack", "ann")).await;
            scene.page(&url, "c1").await;
            assert!(test.store.due_rotations(10).await.unwrap().is_empty());
            test.clock.advance(std::time::Duration::from_hours(12));
            assert_eq!(test.store.due_rotations(10).await.unwrap().len(), 1);
        }
    }
}
