//! Grants, connections and endpoints together, as they depend on each other.

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Clock, Ctx};
use serde_json::{Map, json};

use crate::connections::{Connection, ConnectionFilter, NewConnection, Workspace};
use crate::db::{Address, Batch, Columns, FromRow, Sql, StoreError};
use crate::endpoints::{EndpointFilter, NewEndpoint};
use crate::first_start::Chosen;
use crate::grants::Tokens;
use crate::integrations::Integration;
use crate::page::Cursor;
use crate::secrets::Place;
use crate::subscribers::Subscriber;
use crate::{MasterKey, Store, args, connections, endpoints};

static INSERT_INTEGRATION: Sql = Sql::both(
    "INSERT_INTEGRATION",
    "INSERT INTO integrations (environment_id, id, organization_id, identifier, name, provider_id, channel, kind,
        credentials, configurations, conditions, active, is_primary, priority, send, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $4, 'slack', 'chat', 'delivery', $5, '{}', '[]', $6, $7, 0, 'outbox', 0, 0)",
);
static INSERT_TASK: Sql = Sql::both(
    "INSERT_TASK",
    "INSERT INTO tasks (id, organization_id, environment_id, lane, priority, state, run_at, kind, payload, request_id,
        hold, claims, created_at) VALUES ($1, $2, $3, 'x', 0, 3, 9, 'x', '{}', 'x', $4, 0, 0)",
);
static HELD: Sql = Sql::both("HELD", "SELECT id FROM tasks WHERE state = 3");
static CHANGES: Sql = Sql::both("CHANGES", "SELECT kind FROM changes ORDER BY id");
static GRANTS: Sql = Sql::both("GRANTS", "SELECT id FROM grants");

struct Text(String);

impl FromRow for Text {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}

struct World {
    store: Store,
    ctx: Ctx,
    other: Ctx,
    slack: Integration,
    other_slack: Integration,
    ann: Subscriber,
    _dir: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(dir.path().join("test.db"));
        Self::at(dir, &address).await
    }

    async fn at(dir: tempfile::TempDir, address: &Address) -> Self {
        crate::db::migrate::migrate(address, false).await.unwrap();
        let store = Store::open(address, &[MasterKey::new([1; 32])], Clock::system())
            .await
            .unwrap();
        let made = store.first_start(false, Chosen::default(), Chosen::default()).await;
        let made = made.unwrap().unwrap();
        let ctx = |environment: &crate::environments::Environment| {
            Ctx::system(environment.organization_id, environment.id, "test")
        };
        let (ctx, other) = (ctx(&made.development.environment), ctx(&made.production.environment));
        let slack = integration(&store, &ctx).await;
        let other_slack = integration(&store, &other).await;
        let ann = store.new_subscriber("ann", Map::new());
        let mut batch = Batch::new();
        store.insert_subscriber(&mut batch, &ctx, &ann);
        store.commit(batch).await.unwrap();
        Self {
            store,
            ctx,
            other,
            slack,
            other_slack,
            ann,
            _dir: dir,
        }
    }

    async fn create(&self, ctx: &Ctx, name: &str, context: &str, tokens: &Tokens) -> Connection {
        loop {
            let mut batch = Batch::new();
            let new = self.new_connection(ctx, name, context);
            let made = self
                .store
                .create_connection(&mut batch, ctx, new, tokens)
                .await
                .unwrap();
            match self.store.commit(batch).await {
                Ok(_) => return made,
                Err(error) if connections::lost_race(&error) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn new_connection(&self, ctx: &Ctx, name: &str, context: &str) -> NewConnection<'_> {
        let here = ctx.environment == self.ctx.environment;
        NewConnection {
            identifier: name.to_owned(),
            integration: if here { &self.slack } else { &self.other_slack },
            owner: here.then_some(&self.ann),
            contexts: ContextSet::new([context.to_owned()]),
            workspace: Workspace {
                id: "T1".to_owned(),
                name: None,
            },
        }
    }

    async fn patch(&self, connection: &Connection, tokens: &Tokens) -> Connection {
        let mut batch = Batch::new();
        let workspace = connection.workspace.clone();
        let updated = self
            .store
            .update_connection(&mut batch, &self.ctx, connection, workspace, tokens)
            .await
            .unwrap();
        self.store.commit(batch).await.unwrap();
        updated
    }

    async fn endpoint(&self, name: &str, connection: &Connection, user: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let new = NewEndpoint {
            identifier: name.to_owned(),
            integration: &self.slack,
            connection: Some((connection.id, connection.identifier.clone())),
            subscriber: &self.ann,
            subscriber_is_new: false,
            contexts: connection.contexts.clone(),
            kind: "slack_user",
            address: &json!({ "userId": user }),
            unique: Some(user),
        };
        self.store.create_endpoint(&mut batch, &self.ctx, new).unwrap();
        self.store.commit(batch).await.map(|_| ())
    }

    async fn read(&self, name: &str) -> Connection {
        self.store.connection(&self.ctx, name).await.unwrap().unwrap()
    }

    async fn texts(&self, sql: &'static Sql) -> Vec<String> {
        let rows = self.store.db().all::<Text>(sql, args![]).await.unwrap();
        rows.into_iter().map(|Text(text)| text).collect()
    }
}

async fn integration(store: &Store, ctx: &Ctx) -> Integration {
    let id = store.new_id();
    let place = Place {
        column: "integrations.credentials",
        row: &id.to_string(),
    };
    let sealed = store.secrets().seal(place, "{\"clientId\":\"c\"}").unwrap();
    let mut batch = Batch::new();
    batch.add(
        &INSERT_INTEGRATION,
        args![ctx.environment, id, ctx.organization, "slack", sealed, true, false],
    );
    store.commit(batch).await.unwrap();
    let found = store.integration_by_identifier(ctx, "slack").await.unwrap().unwrap();
    assert_eq!(store.open_credentials(&found).unwrap()["clientId"], "c");
    found
}

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access_token: access.to_owned(),
        refresh_token: refresh.map(str::to_owned),
        expires_at: None,
        refresh_token_expires_at: None,
    }
}

#[tokio::test]
async fn connections_with_one_access_token_share_a_grant() {
    let world = World::start().await;
    let (a, rotating) = (tokens("xoxb-a", None), tokens("xoxb-a", Some("r")));
    let here = world.create(&world.ctx, "c1", "tenant:a", &a).await;
    let there = world.create(&world.other, "c1", "tenant:a", &a).await;
    assert_eq!(here.grant.id, there.grant.id);
    assert_eq!(there.grant.generation, 1);
    // A refresh token that comes along is everybody's.
    let third = world.create(&world.ctx, "c2", "tenant:b", &rotating).await;
    assert_eq!((third.grant.id, third.grant.generation), (here.grant.id, 2));
    // One that is left out is dropped only by who is alone.
    let third = world.patch(&third, &a).await;
    assert_ne!(third.grant.id, here.grant.id);
    let grants = world
        .store
        .grants_by_id(&world.ctx, vec![here.grant.id, third.grant.id])
        .await
        .unwrap();
    assert_eq!(grants.len(), 2);
    for (grant, stored) in grants {
        assert!(
            stored
                == if grant.id == here.grant.id {
                    rotating.clone()
                } else {
                    a.clone()
                }
        );
    }
    let third = world.patch(&third, &rotating).await;
    let third = world.patch(&third, &a).await;
    assert_eq!(third.grant.generation, 3);
    // Other tokens are another grant, and the one that is left behind goes.
    let moved = world.patch(&third, &tokens("xoxb-b", None)).await;
    assert_ne!(moved.grant.id, third.grant.id);
    assert_eq!(world.texts(&GRANTS).await.len(), 2);
    let mut batch = Batch::new();
    world.store.delete_connection(&mut batch, &world.ctx, &moved);
    world.store.commit(batch).await.unwrap();
    assert_eq!(world.texts(&GRANTS).await, [here.grant.id.to_string()]);
}

#[tokio::test]
async fn of_twenty_creations_at_once_one_wins() {
    let world = World::start().await;
    let token = tokens("xoxb-a", None);
    let mut batches = Vec::new();
    for number in 0..20 {
        let mut batch = Batch::new();
        let new = world.new_connection(&world.ctx, &format!("c{number}"), "tenant:a");
        let made = world.store.create_connection(&mut batch, &world.ctx, new, &token);
        made.await.unwrap();
        batches.push(batch);
    }
    let results = futures_util::future::join_all(batches.into_iter().map(|batch| world.store.commit(batch))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for result in results {
        assert!(result.is_ok() || connections::lost_race(&result.unwrap_err()));
    }
    let new = world.new_connection(&world.ctx, "c1", "tenant:a");
    let in_the_way = world.store.connections_in_the_way(&world.ctx, &new).await.unwrap();
    assert!(in_the_way.iter().any(|existing| existing.has_scope_of(&new)));
    // Twenty others with the same new token end on one grant.
    let token = tokens("xoxb-new", None);
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    let contexts: Vec<String> = (0..20).map(|number| format!("tenant:n{number}")).collect();
    let made = futures_util::future::join_all(
        names
            .iter()
            .zip(&contexts)
            .map(|(name, context)| world.create(&world.ctx, name, context, &token)),
    );
    let made = made.await;
    assert!(made.iter().all(|one| one.grant.id == made[0].grant.id));
    assert_eq!(world.texts(&GRANTS).await.len(), 2);
}

#[tokio::test]
async fn deleting_all_connections_of_a_grant_at_once_leaves_none() {
    let world = World::start().await;
    let token = tokens("xoxb-a", None);
    let mut batches = Vec::new();
    for number in 0..10 {
        let made = world
            .create(&world.ctx, &format!("c{number}"), &format!("tenant:t{number}"), &token)
            .await;
        let mut batch = Batch::new();
        world.store.delete_connection(&mut batch, &world.ctx, &made);
        batches.push(batch);
    }
    let results = futures_util::future::join_all(batches.into_iter().map(|batch| world.store.commit(batch))).await;
    assert!(results.iter().all(Result::is_ok));
    assert!(world.texts(&GRANTS).await.is_empty());
}

#[tokio::test]
async fn health_changes_once_and_new_tokens_release_what_was_held() {
    let world = World::start().await;
    let connection = world
        .create(&world.ctx, "c1", "tenant:a", &tokens("xoxb-a", None))
        .await;
    world
        .create(&world.other, "c1", "tenant:a", &tokens("xoxb-a", None))
        .await;
    for generation in [1, 1, 7] {
        let mut batch = Batch::new();
        let status = HealthStatus::Revoked;
        let grant = connection.grant.id;
        world
            .store
            .set_grant_health(&mut batch, &world.ctx, grant, generation, status, Some("gone"));
        batch.add(
            &INSERT_TASK,
            args![
                world.store.new_id(),
                world.ctx.organization,
                world.ctx.environment,
                grant
            ],
        );
        world.store.commit(batch).await.unwrap();
    }
    let read = world.read("c1").await;
    assert_eq!(read.grant.status, HealthStatus::Revoked);
    assert_eq!(read.grant.reason.as_deref(), Some("gone"));
    assert_eq!(world.texts(&HELD).await.len(), 3);
    let filter = ConnectionFilter {
        status: Some(HealthStatus::Revoked),
        owners: Some(vec![world.ann.id.to_string(), String::new()]),
        contexts: Some("tenant:a".to_owned()),
        ..ConnectionFilter::default()
    };
    let page = world
        .store
        .list_connections(&world.ctx, &filter, &Cursor::first(10))
        .await;
    assert_eq!(page.unwrap().total, 1);
    let patched = world.patch(&read, &tokens("xoxb-a", Some("r"))).await;
    assert_eq!(patched.grant.status, HealthStatus::Active);
    assert!(world.texts(&HELD).await.is_empty());
    let kinds = world.texts(&CHANGES).await;
    let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
    assert_eq!(count("connection.revoked"), 2);
    assert_eq!(count("connection.recovered"), 2);
    assert_eq!(count("connection.created"), 2);
}

#[tokio::test]
async fn endpoints_outlive_their_connection_as_broken() {
    let world = World::start().await;
    let connection = world
        .create(&world.ctx, "c1", "tenant:a", &tokens("xoxb-a", None))
        .await;
    world.endpoint("e1", &connection, "U1").await.unwrap();
    let taken = world.endpoint("e2", &connection, "U1").await.unwrap_err();
    assert!(taken.is_conflict(endpoints::ADDRESS), "{taken}");
    let at = world
        .store
        .endpoint_with_address(&world.ctx, world.slack.id, "U1")
        .await;
    assert_eq!(at.unwrap().as_deref(), Some("e1"));
    let found = world
        .store
        .endpoints_of(&world.ctx, vec![world.ann.id], "tenant:a")
        .await
        .unwrap();
    assert_eq!(found[0].grant_id, Some(connection.grant.id));
    assert_eq!(found[0].workspace.as_ref().unwrap().id, "T1");
    assert!(found[0].integration_active);
    assert_eq!(world.store.open_address(&found[0]).unwrap(), json!({ "userId": "U1" }));
    assert!(
        world
            .store
            .endpoints_of(&world.ctx, vec![world.ann.id], "")
            .await
            .unwrap()
            .is_empty()
    );
    let mut batch = Batch::new();
    world.store.delete_connection(&mut batch, &world.ctx, &connection);
    world.store.commit(batch).await.unwrap();
    let gone = world.endpoint("e3", &connection, "U3").await.unwrap_err();
    assert!(gone.is_conflict(endpoints::CHANGED));
    let broken = world.store.endpoint(&world.ctx, "e1").await.unwrap().unwrap();
    assert_eq!(broken.status, HealthStatus::Broken);
    assert_eq!(broken.connection_identifier.as_deref(), Some("c1"));
    assert_eq!((broken.connection_id, broken.grant_id), (None, None));
    // Another connection under the old name mends them, as where endpoints know their connection by name.
    let again = world
        .create(&world.ctx, "c1", "tenant:a", &tokens("xoxb-b", None))
        .await;
    let mended = world.store.endpoint(&world.ctx, "e1").await.unwrap().unwrap();
    assert_eq!(
        (mended.connection_id, mended.grant_id),
        (Some(again.id), Some(again.grant.id))
    );
    assert_eq!((mended.status, mended.reason), (HealthStatus::Active, None));
    for _ in 0..2 {
        let read = world.store.endpoint(&world.ctx, "e1").await.unwrap().unwrap();
        let mut batch = Batch::new();
        let address = json!({ "userId": "U2" });
        world
            .store
            .update_endpoint(&mut batch, &world.ctx, &read, &address, Some("U2"))
            .unwrap();
        world.store.commit(batch).await.unwrap();
    }
    for status in [HealthStatus::Broken, HealthStatus::Broken, HealthStatus::Active] {
        let mut batch = Batch::new();
        world
            .store
            .set_endpoint_health(&mut batch, &world.ctx, broken.id, status, Some("archived"));
        world.store.commit(batch).await.unwrap();
    }
    let kinds = world.texts(&CHANGES).await;
    let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
    assert_eq!((count("endpoint.broken"), count("endpoint.recovered")), (2, 2));
    let filter = EndpointFilter {
        connection_identifier: Some("c1".to_owned()),
        status: Some(HealthStatus::Active),
        ..EndpointFilter::default()
    };
    let page = world
        .store
        .list_endpoints(&world.ctx, &filter, &Cursor::first(10))
        .await;
    assert_eq!(page.unwrap().total, 1);
}

#[tokio::test]
async fn a_subscriber_takes_their_connections_along() {
    let world = World::start().await;
    world
        .create(&world.ctx, "c1", "tenant:a", &tokens("xoxb-a", None))
        .await;
    let read = world.store.connections_of(&world.ctx, world.ann.id).await.unwrap();
    world
        .create(&world.ctx, "c2", "tenant:b", &tokens("xoxb-b", None))
        .await;
    let delete = |connections: Vec<Connection>| {
        let mut batch = Batch::new();
        let (store, ctx) = (&world.store, &world.ctx);
        store.delete_connections_of(&mut batch, ctx, &world.ann, &connections);
        store.delete_subscriber(&mut batch, ctx, world.ann.id);
        store.commit(batch)
    };
    let late = delete(read).await.unwrap_err();
    assert!(late.is_conflict(connections::CHANGED));
    let read = world.store.connections_of(&world.ctx, world.ann.id).await.unwrap();
    assert_eq!(read.len(), 2);
    delete(read).await.unwrap();
    assert!(world.texts(&GRANTS).await.is_empty());
}
