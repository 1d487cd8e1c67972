//! Grants that their customers took back: deliveries wait for the reconnect.

use campanile_engine::EXPIRY;
use campanile_model::channel::{DeliveryState, HealthStatus, JobStatus, MessageStatus};
use campanile_testkit::both;
use campanile_testkit::fake::Answer;

use crate::world::World;

async fn grant_status(world: &World<'_>, name: &str) -> HealthStatus {
    let (store, ctx) = (&world.test.store, &world.test.ctx);
    store.connection(ctx, name).await.unwrap().unwrap().grant.status
}

both! {
    async fn a_revoked_token_holds_the_delivery_until_the_connection_gets_another_one(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect("acme", "xoxb-old").await;
        world.channel_of(&ann, "C-ANN", &connection).await;
        world.fake.answer("C-ANN", [Answer::slack_error("token_revoked")]);
        world.send("ann", "hello").await;
        let story = world.until(&ann, "the delivery is held", |story| story.is(&[DeliveryState::Held])).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Delayed, MessageStatus::Warning));
        assert_eq!((story.told("delivery_held"), story.told("provider_error")), (1, 0));
        assert_eq!(grant_status(&world, "acme").await, HealthStatus::Revoked);
        assert_eq!(world.waiting_task().await.state, "held");
        world.fake.answer("C-ANN", []);
        world.reconnect("acme", "xoxb-new").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Completed, MessageStatus::Sent));
        assert_eq!((story.told("delivery_released"), story.told("message_sent")), (1, 1));
        let came = world.fake.received_with("C-ANN");
        let tokens: Vec<_> = came.iter().map(|one| one.header("authorization").unwrap()).collect();
        assert_eq!(tokens, ["Bearer xoxb-old", "Bearer xoxb-new"]);
        assert_eq!(grant_status(&world, "acme").await, HealthStatus::Active);
    }

    async fn what_is_sent_to_a_revoked_grant_is_held_without_a_call(test) {
        let world = World::start(&test).await;
        let (ann, bob) = (world.subscriber("ann").await, world.subscriber("bob").await);
        let connection = world.connect("acme", "xoxb-old").await;
        world.channel_of(&ann, "C-ANN", &connection).await;
        world.channel_of(&bob, "C-BOB", &connection).await;
        world.fake.answer("C-ANN", [Answer::slack_error("token_revoked")]);
        world.send("ann", "hello").await;
        world.until(&ann, "the delivery is held", |story| story.is(&[DeliveryState::Held])).await;
        world.send("bob", "hello").await;
        let story = world.until(&bob, "the delivery is held", |story| story.is(&[DeliveryState::Held])).await;
        // Waiting for a reconnect costs no attempt.
        assert_eq!((story.deliveries[0].attempts, world.fake.count("C-BOB")), (0, 0));
        assert_eq!((story.job(1), story.message()), (JobStatus::Delayed, MessageStatus::Warning));
        world.fake.answer("C-ANN", []);
        world.reconnect("acme", "xoxb-new").await;
        for (one, channel) in [(&ann, "C-ANN"), (&bob, "C-BOB")] {
            let story = world.ended(one).await;
            assert_eq!(story.message(), MessageStatus::Sent);
            assert!(world.fake.received_with(channel).iter().any(|one| one.header("authorization") == Some("Bearer xoxb-new")));
        }
        world.no_task_is_left().await;
    }

    async fn a_dead_grant_does_not_harm_the_endpoints_of_another(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let (dead, good) = (world.connect("dead", "xoxb-dead").await, world.connect_for(&ann, "good", "xoxb-good").await);
        let held = world.channel_of(&ann, "C-DEAD", &dead).await;
        let sent = world.channel_of(&ann, "C-GOOD", &good).await;
        world.fake.answer("C-DEAD", [Answer::slack_error("account_inactive")]);
        world.send("ann", "hello").await;
        let story = world
            .until(&ann, "both were attempted", |story| {
                story.deliveries.len() == 2 && story.states().iter().all(|state| *state != DeliveryState::Pending)
            })
            .await;
        assert_eq!(story.state_of(&held), DeliveryState::Held);
        assert_eq!(story.state_of(&sent), DeliveryState::Delivered);
        assert_eq!((story.job(1), story.message()), (JobStatus::Delayed, MessageStatus::Sent));
        assert_eq!(grant_status(&world, "dead").await, HealthStatus::Revoked);
        assert_eq!(grant_status(&world, "good").await, HealthStatus::Active);
    }

    async fn a_held_delivery_expires(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect("acme", "xoxb-old").await;
        world.channel_of(&ann, "C-ANN", &connection).await;
        world.fake.answer("C-ANN", [Answer::slack_error("token_revoked")]);
        world.send("ann", "hello").await;
        world.until(&ann, "the delivery is held", |story| story.is(&[DeliveryState::Held])).await;
        test.clock.advance(EXPIRY);
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Expired]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Failed, MessageStatus::Error));
        assert_eq!((story.told("delivery_expired"), story.told("delivery_released")), (1, 0));
        assert_eq!(world.fake.count("C-ANN"), 1);
        world.no_task_is_left().await;
    }
}
