//! Grants, connections and endpoints together, as they depend on each other.

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id};
use campanile_store::connections::{self, Connection, ConnectionFilter, NewConnection, Workspace};
use campanile_store::endpoints::{self, EndpointFilter, NewEndpoint};
use campanile_store::grants::Tokens;
use campanile_store::integrations::{Integration, Kind, NewIntegration};
use campanile_store::page::Cursor;
use campanile_store::subscribers::Subscriber;
use campanile_store::tasks::{Again, NewTask};
use campanile_store::{Batch, StoreError};
use campanile_testkit::{TestStore, both};
use serde_json::{Map, json};

struct World<'a> {
    test: &'a TestStore,
    slack: Integration,
    other_slack: Integration,
    ann: Subscriber,
}

impl<'a> World<'a> {
    async fn start(test: &'a TestStore) -> Self {
        let ann = test.store.new_subscriber("ann", Map::new());
        let mut batch = Batch::new();
        test.store.insert_subscriber(&mut batch, &test.ctx, &ann);
        test.store.commit(batch).await.unwrap();
        Self {
            slack: integration(test, &test.ctx).await,
            other_slack: integration(test, &test.other).await,
            test,
            ann,
        }
    }

    async fn create(&self, ctx: &Ctx, name: &str, context: &str, tokens: &Tokens) -> Connection {
        loop {
            let mut batch = Batch::new();
            let new = self.new_connection(ctx, name, context);
            let made = self
                .test
                .store
                .create_connection(&mut batch, ctx, new, tokens)
                .await
                .unwrap();
            match self.test.store.commit(batch).await {
                Ok(_) => return made,
                Err(error) if connections::lost_race(&error) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn new_connection(&self, ctx: &Ctx, name: &str, context: &str) -> NewConnection<'_> {
        let here = ctx.environment == self.test.ctx.environment;
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
            .test
            .store
            .update_connection(&mut batch, &self.test.ctx, connection, workspace, tokens)
            .await
            .unwrap();
        self.test.store.commit(batch).await.unwrap();
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
        self.test
            .store
            .create_endpoint(&mut batch, &self.test.ctx, new)
            .unwrap();
        self.test.store.commit(batch).await.map(|_| ())
    }

    async fn read(&self, name: &str) -> Connection {
        self.test.store.connection(&self.test.ctx, name).await.unwrap().unwrap()
    }

    /// A task that waits for this grant.
    async fn hold(&self, grant: Id) {
        let (store, ctx) = (&self.test.store, &self.test.ctx);
        let mut batch = Batch::new();
        let (lane, payload, run_at) = ("x".to_owned(), "{}".to_owned(), store.now());
        let task = NewTask {
            lane,
            kind: "TestV1",
            payload,
            run_at,
            id: store.new_id(),
        };
        store.enqueue(&mut batch, ctx, task);
        store.commit(batch).await.unwrap();
        let task = store.claim(ctx.environment, "", 1, 1).await.unwrap().remove(0);
        let mut batch = Batch::new();
        store.reschedule_task(
            &mut batch,
            &task,
            &Again::Held {
                grant,
                until: campanile_model::Time::MAX,
            },
            "{}",
        );
        store.commit(batch).await.unwrap();
    }

    async fn held(&self) -> usize {
        let tasks = self.test.store.stored_tasks().await.unwrap();
        tasks.iter().filter(|task| task.state == "held").count()
    }

    async fn announced(&self, kind: &str) -> usize {
        let kinds = self.test.store.stored_changes().await.unwrap();
        kinds.iter().filter(|one| *one == kind).count()
    }

    async fn grants(&self) -> Vec<String> {
        self.test.store.stored_grants().await.unwrap()
    }
}

async fn integration(test: &TestStore, ctx: &Ctx) -> Integration {
    let read = test.store.integrations_to_change(ctx).await.unwrap();
    let mut batch = Batch::new();
    let new = NewIntegration {
        identifier: Some("slack".to_owned()),
        name: "Slack".to_owned(),
        provider_id: "slack".to_owned(),
        channel: Some(Channel::Chat),
        kind: Kind::Delivery,
        credentials: Map::from_iter([("clientId".to_owned(), json!("c"))]),
        configurations: Map::new(),
        conditions: Vec::new(),
        active: true,
        send_real: false,
    };
    test.store.create_integration(&mut batch, ctx, &read, new).unwrap();
    test.store.commit(batch).await.unwrap();
    let found = test
        .store
        .integration_by_identifier(ctx, "slack")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(test.store.open_credentials(&found).unwrap()["clientId"], "c");
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

both! {
    async fn connections_with_one_access_token_share_a_grant(test) {
        let world = World::start(&test).await;
        let (a, rotating) = (tokens("xoxb-a", None), tokens("xoxb-a", Some("r")));
        let here = world.create(&world.test.ctx, "c1", "tenant:a", &a).await;
        let there = world.create(&world.test.other, "c1", "tenant:a", &a).await;
        assert_eq!(here.grant.id, there.grant.id);
        assert_eq!(there.grant.generation, 1);
        // A refresh token that comes along is everybody's.
        let third = world.create(&world.test.ctx, "c2", "tenant:b", &rotating).await;
        assert_eq!((third.grant.id, third.grant.generation), (here.grant.id, 2));
        // One that is left out is dropped only by who is alone.
        let third = world.patch(&third, &a).await;
        assert_ne!(third.grant.id, here.grant.id);
        let grants = world
            .test
            .store
            .grants_by_id(&world.test.ctx, vec![here.grant.id, third.grant.id])
            .await
            .unwrap();
        assert_eq!(grants.len(), 2);
        for grant in grants {
            let stored = world.test.store.open_tokens(&grant).unwrap();
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
        assert_eq!(world.grants().await.len(), 2);
        let mut batch = Batch::new();
        world.test.store.delete_connection(&mut batch, &world.test.ctx, &moved);
        world.test.store.commit(batch).await.unwrap();
        assert_eq!(world.grants().await, [here.grant.id.to_string()]);
    }

    async fn of_twenty_creations_at_once_one_wins(test) {
        let world = World::start(&test).await;
        let token = tokens("xoxb-a", None);
        let mut batches = Vec::new();
        for number in 0..20 {
            let mut batch = Batch::new();
            let new = world.new_connection(&world.test.ctx, &format!("c{number}"), "tenant:a");
            let made = world.test.store.create_connection(&mut batch, &world.test.ctx, new, &token);
            made.await.unwrap();
            batches.push(batch);
        }
        let results = futures_util::future::join_all(batches.into_iter().map(|batch| world.test.store.commit(batch))).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for result in results {
            assert!(result.is_ok() || connections::lost_race(&result.unwrap_err()));
        }
        let new = world.new_connection(&world.test.ctx, "c1", "tenant:a");
        let in_the_way = world.test.store.connections_in_the_way(&world.test.ctx, &new).await.unwrap();
        assert!(in_the_way.iter().any(|existing| existing.has_scope_of(&new)));
        // Twenty others with the same new token end on one grant.
        let token = tokens("xoxb-new", None);
        let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
        let contexts: Vec<String> = (0..20).map(|number| format!("tenant:n{number}")).collect();
        let made = futures_util::future::join_all(
            names
                .iter()
                .zip(&contexts)
                .map(|(name, context)| world.create(&world.test.ctx, name, context, &token)),
        );
        let made = made.await;
        assert!(made.iter().all(|one| one.grant.id == made[0].grant.id));
        assert_eq!(world.grants().await.len(), 2);
    }

    async fn deleting_all_connections_of_a_grant_at_once_leaves_none(test) {
        let world = World::start(&test).await;
        let token = tokens("xoxb-a", None);
        let mut batches = Vec::new();
        for number in 0..10 {
            let made = world
                .create(&world.test.ctx, &format!("c{number}"), &format!("tenant:t{number}"), &token)
                .await;
            let mut batch = Batch::new();
            world.test.store.delete_connection(&mut batch, &world.test.ctx, &made);
            batches.push(batch);
        }
        let results = futures_util::future::join_all(batches.into_iter().map(|batch| world.test.store.commit(batch))).await;
        assert!(results.iter().all(Result::is_ok));
        assert!(world.grants().await.is_empty());
    }

    async fn health_changes_once_and_new_tokens_release_what_was_held(test) {
        let world = World::start(&test).await;
        let connection = world
            .create(&world.test.ctx, "c1", "tenant:a", &tokens("xoxb-a", None))
            .await;
        world
            .create(&world.test.other, "c1", "tenant:a", &tokens("xoxb-a", None))
            .await;
        for generation in [1, 1, 7] {
            let mut batch = Batch::new();
            let status = HealthStatus::Revoked;
            let grant = connection.grant.id;
            world
                .test
                .store
                .set_grant_health(&mut batch, &world.test.ctx, grant, generation, status, Some("gone"));
            world.test.store.commit(batch).await.unwrap();
            world.hold(grant).await;
        }
        let read = world.read("c1").await;
        assert_eq!(read.grant.status, HealthStatus::Revoked);
        assert_eq!(read.grant.reason.as_deref(), Some("gone"));
        assert_eq!(world.held().await, 3);
        let filter = ConnectionFilter {
            status: Some(HealthStatus::Revoked),
            owners: Some(vec![world.ann.id.to_string(), String::new()]),
            contexts: Some("tenant:a".to_owned()),
            ..ConnectionFilter::default()
        };
        let page = world
            .test
            .store
            .list_connections(&world.test.ctx, &filter, &Cursor::first(10))
            .await;
        assert_eq!(page.unwrap().total, 1);
        let patched = world.patch(&read, &tokens("xoxb-a", Some("r"))).await;
        assert_eq!(patched.grant.status, HealthStatus::Active);
        assert_eq!(world.held().await, 0);
        assert_eq!(world.announced("connection.revoked").await, 2);
        assert_eq!(world.announced("connection.recovered").await, 2);
        assert_eq!(world.announced("connection.created").await, 2);
    }

    async fn endpoints_outlive_their_connection_as_broken(test) {
        let world = World::start(&test).await;
        let connection = world
            .create(&world.test.ctx, "c1", "tenant:a", &tokens("xoxb-a", None))
            .await;
        world.endpoint("e1", &connection, "U1").await.unwrap();
        let taken = world.endpoint("e2", &connection, "U1").await.unwrap_err();
        assert!(taken.is_conflict(endpoints::ADDRESS), "{taken}");
        let at = world
            .test
            .store
            .endpoint_with_address(&world.test.ctx, world.slack.id, "U1")
            .await;
        assert_eq!(at.unwrap().as_deref(), Some("e1"));
        let found = world
            .test
            .store
            .endpoints_of(&world.test.ctx, vec![world.ann.id], "tenant:a")
            .await
            .unwrap();
        assert_eq!(found[0].grant_id, Some(connection.grant.id));
        assert_eq!(found[0].workspace.as_ref().unwrap().id, "T1");
        assert!(found[0].integration_active);
        assert_eq!(world.test.store.open_address(&found[0]).unwrap(), json!({ "userId": "U1" }));
        assert!(
            world
                .test
                .store
                .endpoints_of(&world.test.ctx, vec![world.ann.id], "")
                .await
                .unwrap()
                .is_empty()
        );
        let mut batch = Batch::new();
        world.test.store.delete_connection(&mut batch, &world.test.ctx, &connection);
        world.test.store.commit(batch).await.unwrap();
        let gone = world.endpoint("e3", &connection, "U3").await.unwrap_err();
        assert!(gone.is_conflict(endpoints::CHANGED));
        let broken = world.test.store.endpoint(&world.test.ctx, "e1").await.unwrap().unwrap();
        assert_eq!(broken.status, HealthStatus::Broken);
        assert_eq!(broken.connection_identifier.as_deref(), Some("c1"));
        assert_eq!((broken.connection_id, broken.grant_id), (None, None));
        // Another connection under the old name mends them, as where endpoints know their connection by name.
        let again = world
            .create(&world.test.ctx, "c1", "tenant:a", &tokens("xoxb-b", None))
            .await;
        let mended = world.test.store.endpoint(&world.test.ctx, "e1").await.unwrap().unwrap();
        assert_eq!(
            (mended.connection_id, mended.grant_id),
            (Some(again.id), Some(again.grant.id))
        );
        assert_eq!((mended.status, mended.reason), (HealthStatus::Active, None));
        for _ in 0..2 {
            let read = world.test.store.endpoint(&world.test.ctx, "e1").await.unwrap().unwrap();
            let mut batch = Batch::new();
            let address = json!({ "userId": "U2" });
            world
                .test
                .store
                .update_endpoint(&mut batch, &world.test.ctx, &read, &address, Some("U2"))
                .unwrap();
            world.test.store.commit(batch).await.unwrap();
        }
        for status in [HealthStatus::Broken, HealthStatus::Broken, HealthStatus::Active] {
            let mut batch = Batch::new();
            world
                .test
                .store
                .set_endpoint_health(&mut batch, &world.test.ctx, broken.id, status, Some("archived"));
            world.test.store.commit(batch).await.unwrap();
        }
        assert_eq!((world.announced("endpoint.broken").await, world.announced("endpoint.recovered").await), (2, 2));
        let filter = EndpointFilter {
            connection_identifier: Some("c1".to_owned()),
            status: Some(HealthStatus::Active),
            ..EndpointFilter::default()
        };
        let page = world
            .test
            .store
            .list_endpoints(&world.test.ctx, &filter, &Cursor::first(10))
            .await;
        assert_eq!(page.unwrap().total, 1);
    }

    async fn a_subscriber_takes_their_connections_along(test) {
        let world = World::start(&test).await;
        world
            .create(&world.test.ctx, "c1", "tenant:a", &tokens("xoxb-a", None))
            .await;
        let read = world.test.store.connections_of(&world.test.ctx, world.ann.id).await.unwrap();
        world
            .create(&world.test.ctx, "c2", "tenant:b", &tokens("xoxb-b", None))
            .await;
        let delete = |connections: Vec<Connection>| {
            let mut batch = Batch::new();
            let (store, ctx) = (&world.test.store, &world.test.ctx);
            store.delete_connections_of(&mut batch, ctx, &world.ann, &connections);
            store.delete_subscriber(&mut batch, ctx, world.ann.id);
            store.commit(batch)
        };
        let late = delete(read).await.unwrap_err();
        assert!(late.is_conflict(connections::CHANGED));
        let read = world.test.store.connections_of(&world.test.ctx, world.ann.id).await.unwrap();
        assert_eq!(read.len(), 2);
        delete(read).await.unwrap();
        assert!(world.grants().await.is_empty());
    }
}
