//! Pickers against fakes that page as the vendors' documentation says. The lists are in memory, so one engine is enough.

use std::time::Duration;

use campanile_connect::destinations::{Kind, Page, Query, by_email, list};
use campanile_connect::{Connect, Settings};
use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Result};
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_store::Batch;
use campanile_store::connections::{Connection, NewConnection, Workspace};
use campanile_store::grants::Tokens;
use campanile_store::integrations::{self, NewIntegration};
use campanile_testkit::TestStore;
use campanile_testkit::fake::{Answer, Fake, Gate};
use serde_json::{Map, Value, json};

struct World {
    test: TestStore,
    connect: Connect,
    fake: Fake,
    connection: Connection,
}

impl World {
    async fn start(provider: &str, workspace: &str) -> Self {
        Self::with(provider, workspace, false).await
    }

    async fn with(provider: &str, workspace: &str, dev: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (test, fake) = (TestStore::sqlite().await, Fake::start().await);
        let mut bases = BaseUrls::default();
        for id in ["slack", "msteams/login", "msteams/graph", "webex-messaging"] {
            if !dev {
                bases.set(id, fake.url().parse().unwrap()).unwrap();
            }
        }
        let settings = Settings {
            public_url: None,
            bases,
            dev,
        };
        let transport = Transport::new(TransportConfig::default()).unwrap();
        let connect = Connect::new(test.store.clone(), transport, settings);
        let connection = connection(&test, provider, workspace).await;
        Self {
            test,
            connect,
            fake,
            connection,
        }
    }

    async fn ask(&self, query: Query) -> Result<Page> {
        list(&self.connect, &self.test.ctx, &self.connection, query).await
    }

    async fn names(&self, query: Query) -> Vec<String> {
        let page = self.ask(query).await.unwrap();
        assert!(page.complete, "{page:?}");
        page.data.into_iter().map(|one| one.name).collect()
    }

    /// The connection as it stands now.
    async fn read_again(&self) -> Connection {
        let found = self.test.store.connection(&self.test.ctx, "c").await.unwrap();
        found.unwrap()
    }
}

async fn connection(test: &TestStore, provider: &str, workspace: &str) -> Connection {
    let read = test.store.integrations_to_change(&test.ctx).await.unwrap();
    let credentials = json!({ "clientId": "app", "secretKey": "canary-secret", "tenantId": "home" });
    let new = NewIntegration {
        identifier: Some(provider.to_owned()),
        name: provider.to_owned(),
        provider_id: provider.to_owned(),
        channel: Some(Channel::Chat),
        kind: integrations::Kind::Delivery,
        credentials: credentials.as_object().cloned().unwrap(),
        configurations: Map::new(),
        conditions: Vec::new(),
        active: true,
        send_real: false,
    };
    let mut batch = Batch::new();
    let integration = test
        .store
        .create_integration(&mut batch, &test.ctx, &read, new)
        .unwrap();
    test.store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    let new = NewConnection {
        identifier: "c".to_owned(),
        integration: &integration,
        owner: None,
        contexts: ContextSet::default(),
        workspace: Workspace {
            id: workspace.to_owned(),
            name: Some("Acme".to_owned()),
        },
    };
    let tokens = Tokens {
        access_token: "canary-token".to_owned(),
        refresh_token: None,
        expires_at: None,
        refresh_token_expires_at: None,
    };
    let made = test.store.create_connection(&mut batch, &test.ctx, new, &tokens).await;
    let made = made.unwrap();
    test.store.commit(batch).await.unwrap();
    made
}

fn query(kind: Kind) -> Query {
    Query {
        kind,
        query: None,
        after: None,
        limit: 50,
        parent: None,
        refresh: false,
    }
}

fn of_team(kind: Kind, team: &str) -> Query {
    Query {
        parent: Some(team.to_owned()),
        ..query(kind)
    }
}

fn answer(body: &Value) -> Answer {
    Answer::new(200, body.to_string())
}

fn channels(list: &Value, next: &str) -> Answer {
    answer(&json!({ "ok": true, "channels": list, "response_metadata": { "next_cursor": next } }))
}

fn channel(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "is_member": true, "is_private": false, "is_archived": false })
}

#[tokio::test]
async fn slack_channels_are_complete_over_short_and_empty_pages_and_read_once() {
    let world = World::start("slack", "T1").await;
    world.fake.answer("cursor=c1", [channels(&json!([]), "c2")]);
    world.fake.answer(
        "cursor=c2",
        [channels(
            &json!([channel("C3", "alerts"), channel("C1", "general")]),
            "",
        )],
    );
    world.fake.answer(
        "conversations.list",
        [channels(
            &json!([channel("C1", "general"), channel("C2", "Zebra")]),
            "c1",
        )],
    );
    let (one, two) = tokio::join!(world.names(query(Kind::Channel)), world.names(query(Kind::Channel)));
    assert_eq!(one, ["alerts", "general", "Zebra"]);
    assert_eq!(one, two);
    assert_eq!(
        world.fake.count("conversations.list"),
        3,
        "both callers waited for one reading"
    );
    let request = &world.fake.received()[0];
    assert_eq!(request.header("authorization"), Some("Bearer canary-token"));
    assert!(
        request
            .body
            .contains("types=public_channel%2Cprivate_channel&exclude_archived=false"),
        "{}",
        request.body
    );
    assert!(request.body.contains("team_id=T1"), "{}", request.body);

    let found = Query {
        query: Some("#ZEB".to_owned()),
        ..query(Kind::Channel)
    };
    assert_eq!(world.names(found).await, ["Zebra"]);
    assert_eq!(world.fake.count("conversations.list"), 3);
}

#[tokio::test]
async fn what_cannot_be_picked_says_why() {
    let world = World::start("slack", "T1").await;
    let listed = json!([
        channel("C1", "general"),
        { "id": "C2", "name": "old", "is_archived": true, "is_member": false },
        { "id": "C3", "name": "secret", "is_private": true, "is_member": false },
    ]);
    world.fake.answer("conversations.list", [channels(&listed, "")]);
    let members = json!([
        { "id": "U1", "name": "dana", "profile": { "real_name": "Dana", "email": "dana@example.com" } },
        { "id": "U2", "name": "gone", "deleted": true },
        { "id": "U3", "name": "robot", "is_bot": true },
        { "id": "USLACKBOT", "name": "slackbot" },
    ]);
    world
        .fake
        .answer("users.list", [answer(&json!({ "ok": true, "members": members }))]);
    let table = [
        (
            Kind::Channel,
            vec![
                ("general", None),
                ("old", Some("archived")),
                ("secret", Some("not a member")),
            ],
        ),
        (
            Kind::User,
            vec![
                ("Dana", None),
                ("gone", Some("deactivated")),
                ("robot", Some("bot")),
                ("slackbot", Some("bot")),
            ],
        ),
        (Kind::Team, vec![("Acme", Some("no destination"))]),
    ];
    for (kind, expected) in table {
        let page = world.ask(query(kind)).await.unwrap();
        assert_eq!(page.data.len(), expected.len(), "{page:?}");
        for (one, (name, why)) in page.data.iter().zip(expected) {
            assert_eq!(one.name, name);
            assert_eq!(one.selectable, why.is_none(), "{one:?}");
            assert!(
                why.is_none_or(|why| one.reason.as_ref().unwrap().contains(why)),
                "{one:?}"
            );
        }
    }
    let page = world.ask(query(Kind::User)).await.unwrap();
    let place = page.data[0].endpoint.as_ref().unwrap();
    assert_eq!(
        (place.kind, &place.endpoint),
        ("slack_user", &json!({ "userId": "U1" }))
    );
}

#[tokio::test]
async fn a_busy_vendor_is_left_alone_for_as_long_as_it_asks_and_what_is_there_is_shown() {
    let world = World::start("slack", "T1").await;
    world.fake.answer(
        "cursor=c1",
        [Answer::busy(30), channels(&json!([channel("C2", "beta")]), "")],
    );
    world
        .fake
        .answer("conversations.list", [channels(&json!([channel("C1", "alpha")]), "c1")]);
    for refresh in [false, true] {
        let page = world
            .ask(Query {
                refresh,
                ..query(Kind::Channel)
            })
            .await
            .unwrap();
        assert_eq!(page.data.len(), 1);
        assert!(!page.complete && page.explanation.is_some(), "{page:?}");
        assert!(
            page.retry_after.is_some_and(|after| after <= Duration::from_secs(30)),
            "{page:?}"
        );
    }
    assert_eq!(
        world.fake.count("conversations.list"),
        2,
        "not even a refresh asks sooner"
    );
    world.test.clock.advance(Duration::from_secs(31));
    assert_eq!(world.names(query(Kind::Channel)).await, ["alpha", "beta"]);
    assert_eq!(
        world.fake.count("conversations.list"),
        3,
        "the reading went on where it was"
    );
}

#[tokio::test]
async fn a_vendor_that_is_busy_from_the_start_is_a_503_with_the_wait() {
    let world = World::start("slack", "T1").await;
    world.fake.answer("conversations.list", [Answer::busy(30)]);
    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert_eq!(error.kind().status().0, 503);
    assert!(
        error
            .retry_after_seconds()
            .is_some_and(|wait| (29..=30).contains(&wait)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_list_is_read_again_when_it_is_five_minutes_old_or_on_demand() {
    let world = World::start("slack", "T1").await;
    world.fake.answer(
        "conversations.list",
        [
            channels(&json!([channel("C1", "one")]), ""),
            channels(&json!([channel("C1", "two")]), ""),
            channels(&json!([channel("C1", "three")]), ""),
        ],
    );
    assert_eq!(world.names(query(Kind::Channel)).await, ["one"]);
    world.test.clock.advance(Duration::from_secs(299));
    assert_eq!(world.names(query(Kind::Channel)).await, ["one"]);
    world.test.clock.advance(Duration::from_secs(2));
    assert_eq!(world.names(query(Kind::Channel)).await, ["two"]);
    let refresh = Query {
        refresh: true,
        ..query(Kind::Channel)
    };
    assert_eq!(world.names(refresh).await, ["three"]);
}

#[tokio::test]
async fn a_token_that_turns_out_dead_marks_the_grant_and_is_a_400_from_then_on() {
    let mut world = World::start("slack", "T1").await;
    world
        .fake
        .answer("conversations.list", [Answer::slack_error("token_revoked")]);
    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert_eq!(
        (error.kind().status().0, &error.extras()["health"]["status"]),
        (400, &json!("revoked"))
    );
    world.connection = world.read_again().await;
    assert_eq!(world.connection.grant.status, HealthStatus::Revoked);
    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert_eq!(
        (error.kind().status().0, &error.extras()["health"]["status"]),
        (400, &json!("revoked"))
    );
    assert_eq!(world.fake.count("conversations.list"), 1, "a dead grant is not asked");
}

#[tokio::test]
async fn a_missing_scope_for_private_channels_leaves_the_public_ones() {
    let world = World::start("slack", "T1").await;
    let missing =
        json!({ "ok": false, "error": "missing_scope", "needed": "groups:read", "provided": "channels:read" });
    world.fake.answer("private_channel", [answer(&missing)]);
    world
        .fake
        .answer("conversations.list", [channels(&json!([channel("C1", "general")]), "")]);
    let page = world.ask(query(Kind::Channel)).await.unwrap();
    assert!(page.complete && page.data.len() == 1, "{page:?}");
    assert!(page.explanation.unwrap().contains("groups:read"));
    assert_eq!(world.read_again().await.grant.status, HealthStatus::Active);
}

#[tokio::test]
async fn a_slack_organisation_is_listed_workspace_by_workspace() {
    let world = World::start("slack", "E1").await;
    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert!(error.message().contains("kind=team"), "{error}");
    world.fake.answer(
        "auth.teams.list",
        [answer(
            &json!({ "ok": true, "teams": [{ "id": "T9", "name": "Nine" }] }),
        )],
    );
    world
        .fake
        .answer("team_id=T9", [channels(&json!([channel("C9", "nine")]), "")]);
    assert_eq!(world.names(query(Kind::Team)).await, ["Nine"]);
    assert_eq!(world.names(of_team(Kind::Channel, "T9")).await, ["nine"]);
}

#[tokio::test]
async fn a_person_is_found_by_their_address_or_not_at_all() {
    let world = World::start("slack", "T1").await;
    let dana = json!({ "ok": true, "user": { "id": "U1", "name": "dana", "profile": { "email": "d@x.io" } } });
    world.fake.answer("d%40x.io", [answer(&dana)]);
    world
        .fake
        .answer("users.lookupByEmail", [Answer::slack_error("users_not_found")]);
    for (email, expected) in [("d@x.io", 1), ("nobody@x.io", 0)] {
        let page = by_email(
            &world.connect,
            &world.test.ctx,
            &world.connection,
            query(Kind::User),
            email,
        )
        .await;
        assert_eq!(page.unwrap().data.len(), expected, "{email}");
    }
}

fn graph(value: &Value, next: Option<String>) -> Answer {
    let mut body = json!({ "value": value });
    if let Some(next) = next {
        body["@odata.nextLink"] = Value::from(next);
    }
    answer(&body)
}

#[tokio::test]
async fn teams_are_followed_link_by_link_and_no_link_leads_the_token_elsewhere() {
    let world = World::start("msteams", "customer-tenant").await;
    world.fake.answer(
        "oauth2",
        [answer(&json!({ "access_token": "graph-token", "expires_in": 3599 }))],
    );
    let elsewhere = "https://elsewhere.example/v1.0/teams?$skiptoken=second".to_owned();
    world.fake.answer(
        "skiptoken",
        [graph(&json!([{ "id": "g2", "displayName": "Beta" }]), None)],
    );
    world.fake.answer(
        "/teams?",
        [graph(&json!([{ "id": "g1", "displayName": "Alpha" }]), Some(elsewhere))],
    );
    world.fake.answer(
        "/teams/g1/channels",
        [graph(
            &json!([
                { "id": "19:a@thread.tacv2", "displayName": "General", "membershipType": "standard" },
                { "id": "19:b@thread.tacv2", "displayName": "Old", "isArchived": true },
            ]),
            None,
        )],
    );
    world.fake.answer(
        "/users?$top",
        [graph(
            &json!([
                { "id": "u1", "displayName": "Jörg", "mail": "joerg@x.io", "accountEnabled": true },
                { "id": "u2", "displayName": "Left", "accountEnabled": false },
            ]),
            None,
        )],
    );
    world.fake.answer(
        "/users?$filter",
        [graph(&json!([{ "id": "u3", "displayName": "O'Hara" }]), None)],
    );

    assert_eq!(world.names(query(Kind::Team)).await, ["Alpha", "Beta"]);
    let teams = world.fake.received_with("/v1.0/teams");
    assert!(
        teams
            .iter()
            .all(|one| one.header("authorization") == Some("Bearer graph-token"))
    );

    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert!(error.message().contains("team is required"), "{error}");
    let page = world.ask(of_team(Kind::Channel, "g1")).await.unwrap();
    let place = page.data[0].endpoint.as_ref().unwrap();
    assert_eq!(place.kind, "ms_teams_channel");
    assert_eq!(
        place.endpoint,
        json!({ "teamId": "g1", "channelId": "19:a@thread.tacv2" })
    );
    assert!(!page.data[1].selectable);

    let jorg = Query {
        query: Some("jorg".to_owned()),
        ..query(Kind::User)
    };
    let page = world.ask(jorg).await.unwrap();
    let place = page.data[0].endpoint.as_ref().unwrap();
    assert_eq!(place.endpoint, json!({ "userId": "u1", "tenantId": "customer-tenant" }));

    let page = by_email(
        &world.connect,
        &world.test.ctx,
        &world.connection,
        query(Kind::User),
        "o'hara@x.io",
    )
    .await;
    assert_eq!(page.unwrap().data[0].name, "O'Hara");
    assert_eq!(
        world.fake.count("o%27%27hara%40x%2Eio"),
        1,
        "a quote cannot leave the filter"
    );
    assert_eq!(world.fake.count("customer-tenant/oauth2"), 1);

    world.fake.answer(
        "/teams/nowhere/",
        [Answer::new(404, r#"{"error":{"code":"NotFound"}}"#)],
    );
    let error = world.ask(of_team(Kind::Channel, "nowhere")).await.unwrap_err();
    assert_eq!(error.kind().status().0, 404);
}

#[tokio::test]
async fn webex_rooms_follow_the_link_header_and_people_are_searched_by_name() {
    let world = World::start("webex-messaging", "org").await;
    let next = r#"<https://webexapis.com/v1/rooms?cursor=two>; rel="next""#;
    world.fake.answer(
        "cursor=two",
        [answer(
            &json!({ "items": [{ "id": "r2", "title": "Beta", "isReadOnly": true }] }),
        )],
    );
    world.fake.answer(
        "/v1/rooms?type=group",
        [answer(&json!({ "items": [{ "id": "r1", "title": "Alpha" }] })).with("link", next)],
    );
    let people = json!({ "items": [{ "id": "p1", "displayName": "Dana", "emails": ["dana@x.io"], "type": "person" }] });
    world.fake.answer("/v1/people", [answer(&people)]);
    let page = world.ask(query(Kind::Channel)).await.unwrap();
    assert_eq!(
        page.data
            .iter()
            .map(|one| (one.name.as_str(), one.selectable))
            .collect::<Vec<_>>(),
        [("Alpha", true), ("Beta", false)]
    );

    let error = world
        .ask(Query {
            query: Some("da".to_owned()),
            ..query(Kind::User)
        })
        .await
        .unwrap_err();
    assert!(error.message().contains("three letters"), "{error}");
    let page = world
        .ask(Query {
            query: Some("dan".to_owned()),
            ..query(Kind::User)
        })
        .await
        .unwrap();
    assert_eq!(
        page.data[0].endpoint.as_ref().unwrap().endpoint,
        json!({ "personId": "p1" })
    );
    assert_eq!(world.fake.count("displayName=dan"), 1);
}

#[tokio::test]
async fn whoever_stops_waiting_does_not_stop_the_reading() {
    let world = World::start("slack", "T1").await;
    let gate = Gate::closed();
    world.fake.answer(
        "conversations.list",
        [channels(&json!([channel("C1", "general")]), "").behind(&gate)],
    );
    let impatient = tokio::time::timeout(Duration::from_millis(50), world.ask(query(Kind::Channel))).await;
    assert!(impatient.is_err());
    gate.open();
    assert_eq!(world.names(query(Kind::Channel)).await, ["general"]);
    assert_eq!(world.fake.count("conversations.list"), 1);
}

#[tokio::test]
async fn dev_mode_asks_no_vendor_and_a_provider_without_lists_says_so() {
    let world = World::with("slack", "T1", true).await;
    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert!(
        error.kind().status().0 == 400 && error.message().contains("Dev mode"),
        "{error}"
    );
    let world = World::start("discord", "T1").await;
    let error = world.ask(query(Kind::Channel)).await.unwrap_err();
    assert!(
        error.kind().status().0 == 400 && error.message().contains("discord"),
        "{error}"
    );
}
