//! From an announced change to a receiver that has it, on both engines.

use std::time::Duration;

use campanile_model::Time;
use campanile_model::channel::DeliveryState;
use campanile_store::Batch;
use campanile_store::page::Cursor;
use campanile_store::tasks::LEASE;
use campanile_store::webhooks::{DeliveryFilter, WebhookDelivery, WebhookEndpoint, WebhookSettings};
use campanile_testkit::fake::{Answer, Gate, Received};
use campanile_testkit::{TestStore, both, eventually};

use crate::world::{Mode, Process, World};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn hook(world: &World<'_>, path: &str, events: &[&str]) -> WebhookEndpoint {
    hook_at(world, &format!("{}/{path}", world.fake.url()), events).await
}

async fn hook_at(world: &World<'_>, url: &str, events: &[&str]) -> WebhookEndpoint {
    let (test, mut batch) = (world.test, Batch::new());
    let settings = WebhookSettings {
        url: url.to_owned(),
        description: None,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
    };
    let made = test.store.create_webhook(&mut batch, &test.ctx, settings, true, SECRET);
    test.store.commit(batch).await.unwrap();
    made.unwrap()
}

/// The endpoint's deliveries, newest first.
async fn log(world: &World<'_>, endpoint: &WebhookEndpoint) -> Vec<WebhookDelivery> {
    let (store, ctx) = (&world.test.store, &world.test.ctx);
    let (all, first) = (DeliveryFilter::default(), Cursor::first(100));
    let page = store.list_webhook_deliveries(ctx, endpoint.id, &all, &first);
    page.await.unwrap().rows
}

async fn newest(
    world: &World<'_>,
    endpoint: &WebhookEndpoint,
    is: impl Fn(&WebhookDelivery) -> bool,
) -> WebhookDelivery {
    eventually("the newest delivery is so", async || {
        log(world, endpoint)
            .await
            .into_iter()
            .next()
            .filter(|newest| is(newest))
    })
    .await
}

async fn came(world: &World<'_>, path: &str, count: usize) -> Vec<Received> {
    eventually(&format!("{count} calls came to {path}"), async || {
        let received = world.fake.received_with(path);
        (received.len() >= count).then_some(received)
    })
    .await
}

async fn read(world: &World<'_>, endpoint: &WebhookEndpoint) -> WebhookEndpoint {
    world
        .test
        .store
        .webhook(&world.test.ctx, endpoint.id)
        .await
        .unwrap()
        .unwrap()
}

/// Announces changes in one commit.
async fn announce(test: &TestStore, kind: &str, count: usize) {
    let mut batch = Batch::new();
    for _ in 0..count {
        test.store.announce(&mut batch, &test.ctx, kind, &serde_json::json!({}));
    }
    test.store.commit(batch).await.unwrap();
}

async fn is_relayed(test: &TestStore) {
    eventually("nothing is pending", async || {
        test.store.pending_changes(10).await.unwrap().is_empty().then_some(())
    })
    .await;
}

both! {
    async fn a_change_reaches_each_endpoint_that_asked_for_it(test) {
        let world = World::start(&test).await;
        let all = hook(&world, "all", &[]).await;
        let family = hook(&world, "family", &["connection.*"]).await;
        let other = hook(&world, "other", &["endpoint.broken"]).await;
        world.connect("acme", "xoxb-acme").await;
        let [one, two] = [&came(&world, "/all", 1).await[0], &came(&world, "/family", 1).await[0]];
        assert_eq!(one.body, two.body);
        assert_eq!(one.header("webhook-id"), two.header("webhook-id"));
        assert!(one.header("webhook-signature").unwrap().starts_with("v1,"));
        let real = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let signed: i64 = one.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!((real - signed).abs() < 120);
        let body = one.json();
        assert_eq!(body["type"], "connection.created");
        assert_eq!(body["data"]["identifier"], "acme");
        assert_eq!(body["data"]["workspace"]["id"], "T-acme");
        assert!(Time::parse(body["timestamp"].as_str().unwrap()).is_some());
        assert!(!one.body.contains("xoxb"));
        newest(&world, &all, |delivery| delivery.state == DeliveryState::Delivered).await;
        newest(&world, &family, |delivery| delivery.state == DeliveryState::Delivered).await;
        assert!(log(&world, &other).await.is_empty());
        world.no_task_is_left().await;
        assert!(read(&world, &all).await.last_success_at.is_some());
    }

    async fn a_change_says_whose_it_is_also_where_its_announcement_does_not(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect_for(&ann, "acme", "xoxb-acme").await;
        is_relayed(&test).await;
        hook(&world, "all", &[]).await;
        let mut batch = Batch::new();
        let (grant, status) = (&connection.grant, campanile_model::channel::HealthStatus::Revoked);
        test.store.set_grant_health(&mut batch, &test.ctx, grant.id, grant.generation, status, Some("gone"));
        test.store.commit(batch).await.unwrap();
        let body = came(&world, "/all", 1).await[0].json();
        assert_eq!(body["type"], "connection.revoked");
        let data = &body["data"];
        assert_eq!((&data["status"], &data["reason"]), (&"revoked".into(), &"gone".into()));
        assert_eq!(data["subscriberId"], "ann");
        assert_eq!((&data["providerId"], &data["integrationIdentifier"]), (&"slack".into(), &"slack".into()));
    }

    async fn what_fails_is_tried_again_with_the_same_id_and_body(test) {
        let world = World::start(&test).await;
        let endpoint = hook(&world, "hook", &[]).await;
        world.fake.answer("/hook", [Answer::new(500, "token xoxb-canary"), Answer::new(204, "")]);
        world.connect("acme", "xoxb-acme").await;
        let waiting = newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Waiting).await;
        assert_eq!((waiting.attempts, waiting.last_status), (1, Some(500)));
        assert!(read(&world, &endpoint).await.failing_since.is_some());
        world.advance_to(waiting.next_attempt_at.unwrap());
        let done = newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Delivered).await;
        assert!(done.attempts == 2 && done.finished_at.is_some());
        let received = came(&world, "/hook", 2).await;
        assert_eq!(received[0].body, received[1].body);
        assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
        let calls = test.store.webhook_calls(&test.ctx, done.id).await.unwrap();
        assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(204), Some(500)]);
        assert!(calls[1].error.is_some() && !format!("{calls:?}").contains("canary"));
        assert_eq!(read(&world, &endpoint).await.failing_since, None);
    }

    async fn a_call_that_died_before_its_result_was_written_is_repeated_with_the_same_id(test) {
        let world = World::start(&test).await;
        let endpoint = hook(&world, "hook", &[]).await;
        let (gate, success) = (Gate::closed(), Answer::new(200, "ok"));
        world.fake.answer("/hook", [success.clone().behind(&gate), success]);
        world.connect("acme", "xoxb-acme").await;
        came(&world, "/hook", 1).await;
        // The receiver has it, its answer hangs; meanwhile the lease runs out, as for a process that died.
        eventually("it is sent again", async || {
            test.clock.advance(LEASE + Duration::from_millis(1));
            (world.fake.count("/hook") == 2).then_some(())
        })
        .await;
        let done = newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Delivered).await;
        let received = world.fake.received_with("/hook");
        assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
        assert_eq!(received[0].body, received[1].body);
        // The one that was given up comes to its end and writes nothing.
        gate.open();
        eventually("nothing is under way", async || (world.process.metric("tasks_in_flight") == 0).then_some(())).await;
        let calls = test.store.webhook_calls(&test.ctx, done.id).await.unwrap();
        assert_eq!(calls.iter().map(|call| call.repeated).collect::<Vec<_>>(), [true]);
        assert_eq!(log(&world, &endpoint).await[0].attempts, 1);
    }

    async fn changes_that_nobody_passed_on_are_passed_on_by_the_next_worker(test) {
        let world = World::still(&test, Mode::Serve).await;
        hook(&world, "hook", &[]).await;
        world.connect("acme", "xoxb-acme").await;
        assert_eq!(test.store.pending_changes(10).await.unwrap().len(), 1);
        world.process.worker.start();
        came(&world, "/hook", 1).await;
        is_relayed(&test).await;
    }

    async fn a_receiver_that_fails_for_days_is_disabled_and_the_others_are_told(test) {
        let world = World::start(&test).await;
        let bad = hook(&world, "bad", &["connection.*"]).await;
        hook(&world, "good", &["webhook.*"]).await;
        world.fake.answer("/bad", [Answer::new(500, "")]);
        world.connect("one", "xoxb-one").await;
        newest(&world, &bad, |delivery| delivery.state == DeliveryState::Waiting).await;
        test.clock.advance(Duration::from_hours(5 * 24));
        newest(&world, &bad, |delivery| delivery.state == DeliveryState::Expired).await;
        announce(&test, "connection.refreshed", 1).await;
        // The first failures after a quiet time may be a hiccup.
        for attempt in 1..6 {
            let waiting = newest(&world, &bad, |delivery| {
                delivery.attempts == attempt && delivery.state == DeliveryState::Waiting
            });
            let waiting = waiting.await;
            assert!(read(&world, &bad).await.active, "attempt {attempt}");
            world.advance_to(waiting.next_attempt_at.unwrap());
        }
        let told = came(&world, "/good", 1).await[0].json();
        assert_eq!(told["type"], "webhook.disabled");
        assert_eq!(told["data"]["id"], bad.id.to_string());
        let disabled = read(&world, &bad).await;
        assert!(!disabled.active && disabled.disabled_at.is_some());
        assert!(disabled.disabled_reason.unwrap().contains("five days"));
        // Nothing more is called, and the delivery ends.
        let calls = world.fake.count("/bad");
        test.clock.advance(Duration::from_hours(2));
        let last = newest(&world, &bad, |delivery| delivery.state == DeliveryState::Rejected).await;
        assert!(last.last_error.unwrap().contains("not active"));
        assert_eq!(world.fake.count("/bad"), calls);
    }

    async fn a_receiver_that_is_gone_is_disabled_at_once(test) {
        let world = World::start(&test).await;
        let gone = hook(&world, "gone", &[]).await;
        world.fake.answer("/gone", [Answer::new(410, "")]);
        world.connect("acme", "xoxb-acme").await;
        let ended = newest(&world, &gone, |delivery| delivery.state.is_final()).await;
        assert_eq!((ended.state, ended.attempts), (DeliveryState::Rejected, 1));
        assert!(!read(&world, &gone).await.active);
        world.no_task_is_left().await;
        assert_eq!(test.store.stored_changes().await.unwrap(), ["connection.created", "webhook.disabled"]);
    }

    async fn a_receiver_that_hangs_delays_no_other(test) {
        const EVENTS: usize = 300;
        let world = World::still(&test, Mode::Serve).await;
        hook(&world, "slow", &["connection.*"]).await;
        hook(&world, "quick", &["endpoint.*"]).await;
        let gate = Gate::closed();
        world.fake.answer("/slow", [Answer::new(200, "").behind(&gate)]);
        announce(&test, "connection.created", EVENTS).await;
        world.process.worker.start();
        came(&world, "/slow", 16).await;
        announce(&test, "endpoint.broken", 1).await;
        came(&world, "/quick", 1).await;
        assert_eq!(world.fake.count("/slow"), 16);
        gate.open();
        eventually("all came", async || {
            test.clock.advance(Duration::from_secs(1));
            (world.fake.count("/slow") >= EVENTS).then_some(())
        })
        .await;
        world.no_task_is_left().await;
    }

    async fn what_failed_can_be_sent_again(test) {
        let world = World::start(&test).await;
        let endpoint = hook(&world, "hook", &[]).await;
        world.fake.answer("/hook", [Answer::new(503, "")]);
        world.connect("acme", "xoxb-acme").await;
        newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Waiting).await;
        test.clock.advance(Duration::from_hours(4 * 24));
        let expired = newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Expired).await;
        world.fake.answer("/hook", [Answer::new(503, ""), Answer::new(200, "")]);
        redrive(&world, &endpoint, &expired).await;
        let waiting = newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Waiting).await;
        // The waits begin anew; and what waits is due at once when it is asked for again.
        let wait = test.store.now().until(waiting.next_attempt_at.unwrap());
        assert!(wait <= Duration::from_secs(3), "{wait:?}");
        redrive(&world, &endpoint, &waiting).await;
        newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Delivered).await;
        let received = world.fake.received_with("/hook");
        assert!(received.iter().all(|one| one.header("webhook-id") == received[0].header("webhook-id")));
        world.no_task_is_left().await;
    }

    async fn what_is_on_its_way_to_a_deleted_endpoint_ends(test) {
        let world = World::start(&test).await;
        let endpoint = hook(&world, "hook", &[]).await;
        world.fake.answer("/hook", [Answer::new(503, "")]);
        world.connect("acme", "xoxb-acme").await;
        newest(&world, &endpoint, |delivery| delivery.state == DeliveryState::Waiting).await;
        let mut batch = Batch::new();
        test.store.delete_webhook(&mut batch, &test.ctx, endpoint.id);
        test.store.commit(batch).await.unwrap();
        test.clock.advance(Duration::from_mins(1));
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("/hook"), 1);
    }

    async fn dev_mode_keeps_what_is_not_for_this_machine(test) {
        let world = World::still(&test, Mode::Outbox).await;
        let away = hook_at(&world, "https://example.com/hook?token=canary", &[]).await;
        hook(&world, "here", &[]).await;
        world.process.worker.start();
        world.connect("acme", "xoxb-acme").await;
        came(&world, "/here", 1).await;
        newest(&world, &away, |delivery| delivery.state == DeliveryState::Delivered).await;
        let kept = test.store.outbox(vec![test.ctx.environment], 10).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert!(kept[0].content.contains("connection.created") && !format!("{:?}", kept[0]).contains("canary"));
    }
}

async fn redrive(world: &World<'_>, endpoint: &WebhookEndpoint, delivery: &WebhookDelivery) {
    let mut batch = Batch::new();
    let (engine, ctx) = (&world.process.engine, &world.test.ctx);
    engine.redrive_webhooks(&mut batch, ctx, endpoint.id, &[delivery.id]);
    world.test.store.commit(batch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_on_one_database_pass_each_change_on_once() {
    const EVENTS: usize = 250;
    let test = TestStore::postgres().await;
    let world = World::start(&test).await;
    let second = Process::new(test.second_store().await, &world.fake, Mode::Serve);
    second.worker.start();
    hook(&world, "hook", &[]).await;
    for number in 0..EVENTS {
        let mut batch = Batch::new();
        let object = serde_json::json!({ "number": number });
        test.store
            .announce(&mut batch, &test.ctx, "connection.refreshed", &object);
        test.store.commit(batch).await.unwrap();
    }
    let received = came(&world, "/hook", EVENTS).await;
    world.no_task_is_left().await;
    is_relayed(&test).await;
    let mut ids: Vec<&str> = received.iter().filter_map(|one| one.header("webhook-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), world.fake.count("/hook")), (EVENTS, EVENTS));
}
