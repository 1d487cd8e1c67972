//! Renewal of grants with a vendor whose refresh tokens work once.

use std::time::Duration;

use campanile_connect::rotation::{Need, Renewal, fresh_token, is_due};
use campanile_connect::{Connect, Keeper, Settings};
use campanile_model::channel::HealthStatus;
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_store::connections::Connection;
use campanile_store::grants::Tokens;
use campanile_store::grants::rotation::{Ended, LEASE};
use campanile_store::integrations::Integration;
use campanile_store::{Batch, Store};
use campanile_testkit::fake::{Answer, Gate};
use campanile_testkit::rotating::{Rotating, SECRET, connect as connection_on, integration};
use campanile_testkit::{TestStore, both, eventually};
use futures_util::future::join_all;

const HOUR: Duration = Duration::from_hours(1);

pub(crate) struct Scene<'a> {
    pub(crate) test: &'a TestStore,
    pub(crate) vendor: Rotating,
    pub(crate) connect: Connect,
    pub(crate) integration: Integration,
}

impl<'a> Scene<'a> {
    pub(crate) async fn of(test: &'a TestStore, provider: &str, secret: &str) -> Self {
        let vendor = Rotating::start().await;
        Self {
            connect: node(test.store.clone(), &vendor),
            integration: integration(&test.store, &test.ctx, provider, secret).await,
            vendor,
            test,
        }
    }

    async fn slack(test: &'a TestStore) -> Self {
        Self::of(test, "slack", SECRET).await
    }

    /// A connection to a workspace whose token ends after this time.
    pub(crate) async fn connection(&self, name: &str, life: Duration) -> Connection {
        let tokens = self.vendor.issue(name, &self.test.clock, life);
        self.on(name, &tokens).await
    }

    async fn on(&self, name: &str, tokens: &Tokens) -> Connection {
        let TestStore { store, ctx, .. } = self.test;
        connection_on(store, ctx, &self.integration, None, name, tokens).await
    }

    async fn renew(&self, connection: &Connection, need: Need) -> Renewal {
        renew_on(&self.connect, self.test, connection, need).await
    }

    pub(crate) async fn read(&self, name: &str) -> (Connection, Tokens) {
        let TestStore { store, ctx, .. } = self.test;
        let connection = store.connection(ctx, name).await.unwrap().unwrap();
        let tokens = store.open_tokens(&connection.grant).unwrap();
        (connection, tokens)
    }

    async fn changes(&self, kind: &str) -> usize {
        let changes = self.test.store.stored_changes().await.unwrap();
        changes.iter().filter(|change| *change == kind).count()
    }
}

/// A scene on the one integration that the first of several scenes made.
async fn first_scene(test: &TestStore, number: usize) -> Scene<'_> {
    if number == 0 {
        return Scene::slack(test).await;
    }
    let vendor = Rotating::start().await;
    let found = test.store.integration_by_identifier(&test.ctx, "slack").await.unwrap();
    Scene {
        connect: node(test.store.clone(), &vendor),
        integration: found.unwrap(),
        vendor,
        test,
    }
}

async fn renew_on(connect: &Connect, test: &TestStore, connection: &Connection, need: Need) -> Renewal {
    let grant = &connection.grant;
    fresh_token(connect, &test.ctx, grant.id, grant.generation, need)
        .await
        .unwrap()
}

/// A process on this store.
pub(crate) fn node(store: Store, vendor: &Rotating) -> Connect {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut bases = BaseUrls::default();
    for provider in ["slack", "webex-messaging"] {
        bases.set(provider, vendor.fake.url().parse().unwrap()).unwrap();
    }
    let settings = Settings {
        public_url: None,
        bases,
        dev: false,
    };
    let transport = Transport::new(TransportConfig {
        allow_loopback: true,
        ..TransportConfig::default()
    });
    Connect::new(store, transport.unwrap(), settings)
}

fn is_new(renewal: &Renewal, vendor: &Rotating) -> bool {
    matches!(renewal, Renewal::Token { access_token, generation: 2 } if vendor.accepts(access_token))
}

/// Begins an exchange in a process that dies when the vendor has acted and the answer is on its way.
async fn die_after_the_vendor_acted(scene: &Scene<'_>, connection: &Connection) {
    let gate = Gate::closed();
    scene.vendor.hold_next(&gate);
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let store = scene.test.second_store().await;
    let (vendor, ctx) = (scene.vendor.clone(), scene.test.ctx.clone());
    let (grant, generation) = (connection.grant.id, connection.grant.generation);
    doomed.spawn(async move {
        let connect = node(store, &vendor);
        fresh_token(&connect, &ctx, grant, generation, Need::Due).await
    });
    eventually("the vendor has acted", async || {
        (scene.vendor.renewed() == 1).then_some(())
    })
    .await;
    doomed.shutdown_background();
}

both! {
    async fn a_renewal_is_the_next_generation_and_is_told(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::from_mins(1)).await;
        let (_, old) = scene.read("acme").await;
        assert!(is_due(&old, test.store.now()));
        assert!(is_new(&scene.renew(&one, Need::Due).await, &scene.vendor));
        let (read, new) = scene.read("acme").await;
        assert_eq!((read.grant.generation, read.grant.status), (2, HealthStatus::Active));
        assert!(new.access_token != old.access_token && new.refresh_token != old.refresh_token);
        assert!(!is_due(&new, test.store.now()));
        assert_eq!((scene.changes("connection.refreshed").await, scene.changes("connection.recovered").await), (1, 0));
        // Who comes with the old generation gets what is there.
        assert!(is_new(&scene.renew(&one, Need::Due).await, &scene.vendor));
        assert_eq!((scene.vendor.asked(), scene.vendor.replayed()), (1, 0));
    }

    async fn callers_of_one_process_share_an_exchange(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let all = join_all((0..50).map(|_| scene.renew(&one, Need::Due))).await;
        assert!(all.iter().all(|renewal| is_new(renewal, &scene.vendor)));
        assert_eq!(scene.vendor.asked(), 1);
    }

    async fn of_all_who_read_the_same_row_one_gets_the_exchange(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let second = test.second_store().await;
        let row = || async { second.rotating(test.ctx.organization, one.grant.id).await.unwrap().unwrap() };
        let read = row().await;
        let (mine, theirs) = tokio::join!(test.store.intend_exchange(read.clone()), second.intend_exchange(read.clone()));
        let mut given: Vec<_> = [mine.unwrap(), theirs.unwrap()].into_iter().flatten().collect();
        assert_eq!(given.len(), 1);
        test.clock.advance(LEASE);
        // Whoever comes after a silent end knows of it, and the one who was silent can judge nothing any more.
        let next = test.store.intend_exchange(read).await.unwrap().unwrap();
        assert!(row().await.lost_at.is_some());
        let refused = Ended::Refused { status: HealthStatus::NeedsReauth, reason: "late".to_owned() };
        assert!(!second.end_exchange(&given.remove(0), &refused).await.unwrap());
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::Active);
        assert!(test.store.end_exchange(&next, &refused).await.unwrap());
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::NeedsReauth);
    }

    async fn a_process_that_dies_before_the_call_costs_nothing(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let row = test.store.rotating(test.ctx.organization, one.grant.id).await.unwrap().unwrap();
        assert!(test.store.intend_exchange(row).await.unwrap().is_some());
        assert_eq!(scene.renew(&one, Need::Asked).await, Renewal::Busy);
        assert_eq!(scene.vendor.asked(), 0);
        test.clock.advance(LEASE);
        assert!(is_new(&scene.renew(&one, Need::Due).await, &scene.vendor));
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::Active);
    }

    async fn a_process_that_dies_with_the_answer_on_its_way_leaves_the_exact_reason(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        die_after_the_vendor_acted(&scene, &one).await;
        // Nobody asks while the intent may still be alive.
        assert_eq!(scene.renew(&one, Need::Asked).await, Renewal::Busy);
        assert_eq!(scene.vendor.asked(), 1);
        test.clock.advance(LEASE);
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Dead { .. }));
        let (read, _) = scene.read("acme").await;
        assert_eq!(read.grant.status, HealthStatus::NeedsReauth);
        let reason = read.grant.reason.unwrap();
        assert!(reason.contains("lost at") && reason.contains("invalid_refresh_token"), "{reason}");
        assert_eq!(scene.changes("connection.needs_reauth").await, 1);
        // What is dead is not asked for again by sends.
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Dead { .. }));
        assert_eq!(scene.vendor.asked(), 2);
    }

    async fn where_refresh_tokens_are_kept_a_lost_answer_is_mended(test) {
        let scene = Scene::of(&test, "webex-messaging", SECRET).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        die_after_the_vendor_acted(&scene, &one).await;
        test.clock.advance(LEASE);
        assert!(is_new(&scene.renew(&one, Need::Due).await, &scene.vendor));
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::Active);
        let row = test.store.rotating(test.ctx.organization, one.grant.id).await.unwrap().unwrap();
        assert_eq!(row.lost_at, None);
    }

    async fn an_answer_that_comes_after_the_lease_still_counts(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let gate = Gate::closed();
        scene.vendor.hold_next(&gate);
        let slow = scene.renew(&one, Need::Due);
        let other = async {
            eventually("the vendor has acted", async || (scene.vendor.renewed() == 1).then_some(())).await;
            test.clock.advance(LEASE);
            let second = node(test.second_store().await, &scene.vendor);
            let told = renew_on(&second, &test, &one, Need::Due).await;
            gate.open();
            told
        };
        let (slow, other) = tokio::join!(slow, other);
        assert!(matches!(other, Renewal::Dead { .. }));
        assert!(is_new(&slow, &scene.vendor));
        let (read, tokens) = scene.read("acme").await;
        assert_eq!((read.grant.status, read.grant.reason), (HealthStatus::Active, None));
        assert!(scene.vendor.accepts(&tokens.access_token));
        assert_eq!(scene.changes("connection.recovered").await, 1);
    }

    async fn tokens_that_are_posted_during_an_exchange_stay(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let gate = Gate::closed();
        scene.vendor.hold_next(&gate);
        let posted = scene.vendor.issue("acme", &test.clock, 12 * HOUR);
        let patch = async {
            eventually("the vendor has acted", async || (scene.vendor.renewed() == 1).then_some(())).await;
            let mut batch = Batch::new();
            // With the same access token it stays on its grant.
            let (read, old) = scene.read("acme").await;
            let given = Tokens { access_token: old.access_token, ..posted.clone() };
            let updated = test.store.update_connection(&mut batch, &test.ctx, &read, read.workspace.clone(), &given);
            assert_eq!(updated.await.unwrap().grant.id, one.grant.id);
            test.store.commit(batch).await.unwrap();
            gate.open();
        };
        let (renewal, ()) = tokio::join!(scene.renew(&one, Need::Due), patch);
        assert!(matches!(renewal, Renewal::Token { generation: 2, .. }));
        assert_eq!(scene.read("acme").await.1.refresh_token, posted.refresh_token);
    }

    async fn a_refusal_needs_the_customer_and_a_success_mends_it(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        scene.vendor.answer_next([Answer::slack_error("invalid_refresh_token")]);
        let Renewal::Dead { message } = scene.renew(&one, Need::Due).await else { panic!("not dead") };
        assert_eq!(message, "Slack token refresh failed: invalid_refresh_token. Reconnect the Slack channel connection.");
        let (read, _) = scene.read("acme").await;
        assert_eq!(read.grant.status, HealthStatus::NeedsReauth);
        assert!(!read.grant.reason.unwrap().contains("lost"));
        assert!(is_new(&scene.renew(&one, Need::Asked).await, &scene.vendor));
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::Active);
        assert_eq!((scene.changes("connection.needs_reauth").await, scene.changes("connection.recovered").await), (1, 1));
    }

    async fn a_removed_app_revokes_its_grant(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        scene.vendor.answer_next([Answer::slack_error("token_revoked")]);
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Dead { .. }));
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::Revoked);
    }

    async fn a_wrong_secret_is_not_the_grants_fault(test) {
        let scene = Scene::of(&test, "slack", "wrong").await;
        let one = scene.connection("acme", Duration::ZERO).await;
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Later { .. }));
        let (read, _) = scene.read("acme").await;
        assert_eq!((read.grant.status, read.grant.generation), (HealthStatus::Active, 1));
        assert!(read.grant.last_error.unwrap().contains("bad_client_secret"));
        // Until the next try is due, nobody asks.
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Later { .. }));
        assert_eq!(scene.vendor.asked(), 1);
    }

    async fn an_outage_degrades_only_what_has_ended(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::from_mins(4)).await;
        scene.vendor.answer_next([Answer::new(503, "down"), Answer::new(503, "down")]);
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Later { .. }));
        assert_eq!(scene.read("acme").await.0.grant.status, HealthStatus::Active);
        test.clock.advance(Duration::from_mins(5));
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Later { .. }));
        let (read, _) = scene.read("acme").await;
        assert_eq!(read.grant.status, HealthStatus::Degraded);
        assert!(read.grant.reason.unwrap().contains("HTTP 503"));
        test.clock.advance(Duration::from_mins(5));
        assert!(is_new(&scene.renew(&one, Need::Due).await, &scene.vendor));
        let (read, _) = scene.read("acme").await;
        assert_eq!((read.grant.status, read.grant.last_error), (HealthStatus::Active, None));
        assert_eq!((scene.changes("connection.degraded").await, scene.changes("connection.recovered").await), (1, 1));
    }

    async fn without_credentials_or_refresh_token_nothing_is_asked(test) {
        let scene = Scene::of(&test, "slack", "").await;
        let one = scene.connection("acme", Duration::ZERO).await;
        assert!(matches!(scene.renew(&one, Need::Due).await, Renewal::Unusable { .. }));
        let plain = Tokens { refresh_token: None, ..scene.vendor.issue("plain", &test.clock, Duration::ZERO) };
        let two = scene.on("plain", &plain).await;
        assert_eq!(scene.renew(&two, Need::Asked).await, Renewal::Unrenewable);
        assert_eq!(scene.vendor.asked(), 0);
    }

    async fn a_connection_that_is_posted_with_the_renewed_token_joins_its_grant(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        assert!(is_new(&scene.renew(&one, Need::Due).await, &scene.vendor));
        let (_, tokens) = scene.read("acme").await;
        let two = scene.on("second", &tokens).await;
        assert_eq!(two.grant.id, one.grant.id);
    }

    async fn the_sweep_renews_what_is_due_and_nothing_else(test) {
        let scene = Scene::slack(&test).await;
        scene.connection("due", Duration::ZERO).await;
        scene.connection("later", 12 * HOUR).await;
        let dead = scene.connection("dead", Duration::ZERO).await;
        scene.vendor.uninstall("dead");
        scene.renew(&dead, Need::Due).await;
        let keeper = Keeper::new(scene.connect.clone());
        keeper.start();
        eventually("the due one is renewed", async || (scene.read("due").await.0.grant.generation == 2).then_some(())).await;
        assert_eq!((scene.vendor.renewed(), scene.vendor.asked()), (1, 2));
        test.clock.advance(11 * HOUR);
        eventually("the other one is renewed too", async || {
            (scene.read("later").await.0.grant.generation == 2).then_some(())
        })
        .await;
        keeper.stop(Duration::from_mins(1)).await;
        assert_eq!(scene.read("dead").await.0.grant.status, HealthStatus::NeedsReauth);
        assert_eq!(scene.vendor.replayed(), 0);
    }

    async fn a_grant_dies_only_when_an_answer_was_lost_and_says_so(test) {
        for seed in 0..60 {
            // A vendor each, so that what it saw is of this life alone.
            let scene = first_scene(&test, seed).await;
            random_life(&scene, seed * 1_234_567 + seed).await;
        }
    }

    async fn the_last_connection_is_revoked_until_the_vendor_confirms(test) {
        let scene = Scene::slack(&test).await;
        let tokens = scene.vendor.issue("acme", &test.clock, 12 * HOUR);
        let (one, two) = (scene.on("one", &tokens).await, scene.on("two", &tokens).await);
        delete(&test, &one).await;
        assert!(test.store.due_revocations(10).await.unwrap().is_empty());
        delete(&test, &two).await;
        assert_eq!(test.store.due_revocations(10).await.unwrap().len(), 1);
        assert!(test.store.stored_grants().await.unwrap().is_empty());
        scene.vendor.fake.answer("auth.revoke", [Answer::new(503, "")]);
        let keeper = Keeper::new(scene.connect.clone());
        keeper.start();
        eventually("the vendor is asked", async || (scene.vendor.fake.count("auth.revoke") >= 1).then_some(())).await;
        scene.vendor.fake.answer("auth.revoke", []);
        assert!(scene.vendor.accepts(&tokens.access_token));
        eventually("the vendor has confirmed", async || {
            test.clock.advance(Duration::from_mins(1));
            (!scene.vendor.accepts(&tokens.access_token)).then_some(())
        })
        .await;
        eventually("nothing is kept", async || {
            test.clock.advance(Duration::from_hours(24));
            test.store.due_revocations(10).await.unwrap().is_empty().then_some(())
        })
        .await;
        keeper.stop(Duration::from_mins(1)).await;
    }

    async fn an_ended_token_is_renewed_to_be_revoked(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let (_, tokens) = scene.read("acme").await;
        scene.vendor.end(&tokens.access_token);
        delete(&test, &one).await;
        let keeper = Keeper::new(scene.connect.clone());
        keeper.start();
        eventually("nothing is kept", async || {
            let asked = scene.vendor.fake.count("auth.revoke");
            test.clock.advance(Duration::from_hours(24));
            (asked == 2 && test.store.due_revocations(10).await.unwrap().is_empty()).then_some(())
        })
        .await;
        keeper.stop(Duration::from_mins(1)).await;
        assert_eq!((scene.vendor.renewed(), scene.vendor.replayed()), (1, 0));
    }

    async fn a_grant_that_is_deleted_during_an_exchange_leaves_the_new_pair_to_be_revoked(test) {
        let scene = Scene::slack(&test).await;
        let one = scene.connection("acme", Duration::ZERO).await;
        let gate = Gate::closed();
        scene.vendor.hold_next(&gate);
        let deletion = async {
            eventually("the vendor has acted", async || (scene.vendor.renewed() == 1).then_some(())).await;
            delete(&test, &one).await;
            gate.open();
        };
        let (renewal, ()) = tokio::join!(scene.renew(&one, Need::Due), deletion);
        assert_eq!(renewal, Renewal::Gone);
        let (_, buried) = test.store.due_revocations(10).await.unwrap().remove(0);
        assert!(scene.vendor.accepts(&buried.access_token));
    }
}

/// What happens to a grant in one step.
#[derive(Clone, Copy, Debug)]
enum Step {
    Renewed,
    Down,
    DownAfterActing,
    WrongSecret,
    DiesBeforeTheCall,
    DiesAfterTheVendorActed,
}

const STEPS: [Step; 6] = [
    Step::Renewed,
    Step::Down,
    Step::DownAfterActing,
    Step::WrongSecret,
    Step::DiesBeforeTheCall,
    Step::DiesAfterTheVendorActed,
];

/// Takes the steps that `seed` stands for, until the grant needs its customer.
async fn random_life(scene: &Scene<'_>, mut seed: usize) {
    let (test, name) = (scene.test, format!("life-{seed}"));
    let first = scene.connection(&name, Duration::ZERO).await;
    let (mut answer_was_lost, mut story) = (false, Vec::new());
    for _ in 0..10 {
        let (read, tokens) = scene.read(&name).await;
        let refresh_token = tokens.refresh_token.unwrap();
        let step = STEPS[seed % STEPS.len()];
        seed = seed / STEPS.len() + seed * 7 % 100_003;
        story.push(step);
        // Leases and waits are over, and the access token has ended.
        test.clock.advance(13 * HOUR);
        let row = test
            .store
            .rotating(test.ctx.organization, first.grant.id)
            .await
            .unwrap()
            .unwrap();
        match step {
            Step::DiesBeforeTheCall => assert!(test.store.intend_exchange(row).await.unwrap().is_some()),
            Step::DiesAfterTheVendorActed => {
                assert!(test.store.intend_exchange(row).await.unwrap().is_some());
                scene.vendor.consume(&refresh_token);
                answer_was_lost = true;
            }
            Step::Renewed | Step::Down | Step::DownAfterActing | Step::WrongSecret => {
                match step {
                    Step::Down => scene.vendor.answer_next([Answer::new(503, "")]),
                    Step::WrongSecret => scene.vendor.answer_next([Answer::slack_error("bad_client_secret")]),
                    Step::DownAfterActing => {
                        scene.vendor.consume(&refresh_token);
                        answer_was_lost = true;
                        scene.vendor.answer_next([Answer::new(503, "")]);
                    }
                    _ => {}
                }
                let renewal = scene.renew(&read, Need::Due).await;
                if matches!(step, Step::Renewed) {
                    assert_eq!(matches!(renewal, Renewal::Token { .. }), !answer_was_lost, "{story:?}");
                }
            }
        }
        let (read, tokens) = scene.read(&name).await;
        if read.grant.status == HealthStatus::NeedsReauth {
            assert!(
                answer_was_lost && read.grant.reason.unwrap().contains("lost at"),
                "{story:?}"
            );
            return;
        }
        if matches!(step, Step::Renewed) {
            assert!(scene.vendor.accepts(&tokens.access_token), "{story:?}");
            assert_eq!(read.grant.status, HealthStatus::Active, "{story:?}");
        }
        if !answer_was_lost {
            assert_eq!(scene.vendor.replayed(), 0, "{story:?}");
        }
    }
}

async fn delete(test: &TestStore, connection: &Connection) {
    let mut batch = Batch::new();
    let read = test
        .store
        .connection(&test.ctx, &connection.identifier)
        .await
        .unwrap()
        .unwrap();
    test.store.revoke_connection(&mut batch, &test.ctx, &read).unwrap();
    test.store.commit(batch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_make_one_exchange() {
    let test = TestStore::postgres().await;
    let scene = Scene::slack(&test).await;
    let one = scene.connection("acme", Duration::ZERO).await;
    let mut nodes = vec![scene.connect.clone()];
    for _ in 0..2 {
        nodes.push(node(test.second_store().await, &scene.vendor));
    }
    let calls = (0..60).map(|call| renew_on(&nodes[call % 3], &test, &one, Need::Due));
    let all = join_all(calls).await;
    assert!(all.iter().all(|renewal| is_new(renewal, &scene.vendor)), "{all:?}");
    assert_eq!((scene.vendor.asked(), scene.vendor.replayed()), (1, 0));
}
