//! Sends whose access token ends: it is renewed once for all, and what cannot be sent with it waits.

use std::time::Duration;

use campanile_model::StepType;
use campanile_model::channel::{DeliveryState, HealthStatus, JobStatus, MessageStatus};
use campanile_store::Batch;
use campanile_store::connections::Connection;
use campanile_store::subscribers::Subscriber;
use campanile_testkit::fake::Answer;
use campanile_testkit::rotating::Rotating;
use campanile_testkit::{TestStore, both, eventually};
use serde_json::Value;

use crate::world::{Mode, Process, World};

const PEOPLE: usize = 50;
const HOUR: Duration = Duration::from_hours(1);

/// Three connections on one grant whose token ends after `life`, and people with a channel on one of them.
async fn shared_grant(
    world: &World<'_>,
    vendor: &Rotating,
    life: Duration,
    people: usize,
) -> (Vec<Connection>, Vec<Subscriber>) {
    let tokens = vendor.issue("acme", &world.test.clock, life);
    let (mut connections, mut subscribers) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let owner = world.subscriber(&format!("owner-{number}")).await;
        let made = world
            .connect_with(Some(&owner), &format!("acme-{number}"), &tokens)
            .await;
        connections.push(made);
    }
    for number in 0..people {
        let one = world.subscriber(&format!("s{number}")).await;
        world
            .channel_of(&one, &format!("C-{number:03}"), &connections[number % 3])
            .await;
        subscribers.push(one);
    }
    (connections, subscribers)
}

async fn send_to_all(world: &World<'_>, name: &str, people: usize) {
    world.workflow(name, &[(StepType::Chat, name)]).await;
    let everybody: Value = (0..people).map(|number| format!("s{number}")).collect();
    world.trigger(name, everybody).await;
}

async fn grant_status(world: &World<'_>, name: &str) -> HealthStatus {
    let (store, ctx) = (&world.test.store, &world.test.ctx);
    store.connection(ctx, name).await.unwrap().unwrap().grant.status
}

both! {
    async fn fifty_sends_over_three_connections_make_one_exchange(test) {
        let world = World::start(&test).await;
        let vendor = Rotating::on(world.fake.clone());
        let (connections, people) = shared_grant(&world, &vendor, Duration::from_mins(2), PEOPLE).await;
        send_to_all(&world, "first", PEOPLE).await;
        world.no_task_is_left().await;
        for one in &people {
            let story = world.ended(one).await;
            assert!(story.is(&[DeliveryState::Delivered]));
            assert_eq!(story.deliveries[0].attempts, 1);
        }
        assert_eq!((vendor.asked(), vendor.replayed(), world.fake.count("C-0")), (1, 0, PEOPLE));
        // Deleting one of the three leaves the others their grant.
        let mut batch = Batch::new();
        let read = test.store.connection(&test.ctx, "acme-0").await.unwrap().unwrap();
        assert_eq!(read.grant.id, connections[2].grant.id);
        test.store.revoke_connection(&mut batch, &test.ctx, &read).unwrap();
        test.store.commit(batch).await.unwrap();
        assert!(test.store.due_revocations(1).await.unwrap().is_empty());
        test.clock.advance(12 * HOUR);
        send_to_all(&world, "second", PEOPLE).await;
        world.no_task_is_left().await;
        assert_eq!((vendor.asked(), vendor.replayed()), (2, 0));
        let left = PEOPLE - PEOPLE.div_ceil(3);
        assert_eq!(world.fake.received_with("second").len(), left);
    }

    async fn a_token_that_the_vendor_calls_ended_is_renewed_and_the_message_sent_again(test) {
        let world = World::start(&test).await;
        let vendor = Rotating::on(world.fake.clone());
        let (connections, people) = shared_grant(&world, &vendor, 12 * HOUR, 1).await;
        let tokens = test.store.open_tokens(&connections[0].grant).unwrap();
        vendor.end(&tokens.access_token);
        send_to_all(&world, "hello", 1).await;
        let story = world.ended(&people[0]).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        assert_eq!((story.deliveries[0].attempts, vendor.asked(), world.fake.count("C-000")), (1, 1, 2));
        assert_eq!(grant_status(&world, "acme-0").await, HealthStatus::Active);
    }

    async fn what_cannot_be_sent_during_an_outage_waits_and_costs_no_attempt(test) {
        let world = World::start(&test).await;
        let vendor = Rotating::on(world.fake.clone());
        let ann = world.subscriber("ann").await;
        let tokens = vendor.issue("acme", &test.clock, Duration::ZERO);
        let ended = world.connect_with(None, "ended", &tokens).await;
        let good = world.connect_for(&ann, "good", "xoxb-good").await;
        let waiting = world.channel_of(&ann, "C-ENDED", &ended).await;
        let sent = world.channel_of(&ann, "C-GOOD", &good).await;
        vendor.answer_next([Answer::new(503, ""), Answer::new(503, "")]);
        world.send("ann", "hello").await;
        let story = world
            .until(&ann, "one waits, the other one is sent", |story| {
                story.deliveries.len() == 2
                    && story.state_of(&waiting) == DeliveryState::Waiting
                    && story.state_of(&sent) == DeliveryState::Delivered
            })
            .await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Delayed, MessageStatus::Sent));
        let attempts: i64 = story.deliveries.iter().map(|one| one.attempts).sum();
        assert_eq!((attempts, world.fake.count("C-ENDED")), (1, 0));
        assert_eq!(story.told("delivery_awaits_token"), 1);
        assert_eq!(grant_status(&world, "ended").await, HealthStatus::Degraded);
        let story = eventually("it is sent when the vendor is back", async || {
            test.clock.advance(Duration::from_secs(30));
            world.story(&ann).await.filter(|story| story.notification.finished_at.is_some())
        })
        .await;
        assert!(story.states().iter().all(|state| *state == DeliveryState::Delivered));
        assert_eq!((grant_status(&world, "ended").await, vendor.asked()), (HealthStatus::Active, 3));
    }

    async fn a_token_that_is_still_good_is_used_while_the_vendor_is_out(test) {
        let world = World::start(&test).await;
        let vendor = Rotating::on(world.fake.clone());
        let (_, people) = shared_grant(&world, &vendor, Duration::from_mins(4), 1).await;
        vendor.answer_next([Answer::new(503, "")]);
        send_to_all(&world, "hello", 1).await;
        assert!(world.ended(&people[0]).await.is(&[DeliveryState::Delivered]));
        assert_eq!((vendor.asked(), vendor.renewed()), (1, 0));
    }

    async fn a_refused_renewal_holds_its_own_deliveries_only(test) {
        let world = World::start(&test).await;
        let vendor = Rotating::on(world.fake.clone());
        let ann = world.subscriber("ann").await;
        let tokens = vendor.issue("acme", &test.clock, Duration::ZERO);
        vendor.uninstall("acme");
        let dead = world.connect_with(None, "dead", &tokens).await;
        let good = world.connect_for(&ann, "good", "xoxb-good").await;
        let held = world.channel_of(&ann, "C-DEAD", &dead).await;
        let sent = world.channel_of(&ann, "C-GOOD", &good).await;
        world.send("ann", "hello").await;
        world
            .until(&ann, "one is held, the other one is sent", |story| {
                story.deliveries.len() == 2
                    && story.state_of(&held) == DeliveryState::Held
                    && story.state_of(&sent) == DeliveryState::Delivered
            })
            .await;
        assert_eq!(grant_status(&world, "dead").await, HealthStatus::NeedsReauth);
        world.reconnect("dead", "xoxb-new").await;
        let story = world.ended(&ann).await;
        assert!(story.states().iter().all(|state| *state == DeliveryState::Delivered));
    }

    async fn an_ended_token_without_a_refresh_token_needs_the_customer(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect("acme", "xoxb-old").await;
        world.channel_of(&ann, "C-ANN", &connection).await;
        world.fake.answer("C-ANN", [Answer::slack_error("token_expired")]);
        world.send("ann", "hello").await;
        world.until(&ann, "the delivery is held", |story| story.is(&[DeliveryState::Held])).await;
        assert_eq!(grant_status(&world, "acme").await, HealthStatus::NeedsReauth);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_send_make_one_exchange() {
    let test = TestStore::postgres().await;
    let world = World::start(&test).await;
    let vendor = Rotating::on(world.fake.clone());
    let mut others = Vec::new();
    for _ in 0..2 {
        let process = Process::new(test.second_store().await, &world.fake, Mode::Serve);
        process.worker.start();
        others.push(process);
    }
    let (_, people) = shared_grant(&world, &vendor, Duration::ZERO, PEOPLE).await;
    for round in 0..4 {
        send_to_all(&world, &format!("round-{round}"), PEOPLE).await;
    }
    eventually("everything has come", async || {
        (world.fake.count("round-") >= 4 * PEOPLE).then_some(())
    })
    .await;
    world.no_task_is_left().await;
    assert_eq!((vendor.asked(), vendor.replayed()), (1, 0));
    assert_eq!(world.fake.count("round-"), 4 * PEOPLE);
    for one in &people {
        assert!(
            world
                .stories(one)
                .await
                .iter()
                .all(|story| story.is(&[DeliveryState::Delivered]))
        );
    }
}
