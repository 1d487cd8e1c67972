//! Canceling events at every stage of what waits.

use std::time::Duration;

use campanile_engine::Accepted;
use campanile_model::StepType;
use campanile_model::channel::{DeliveryState, JobReason, JobStatus, MessageStatus};
use campanile_store::subscribers::Subscriber;
use campanile_testkit::fake::{Answer, Gate};
use campanile_testkit::{both, eventually};
use serde_json::{Value, json};

use crate::waits::chat;
use crate::world::{Story, World};

const HOUR: Duration = Duration::from_hours(1);

impl World<'_> {
    async fn cancel(&self, accepted: &Accepted) -> bool {
        let engine = &self.process.engine;
        engine.cancel(&self.test.ctx, &accepted.transaction_id).await.unwrap()
    }

    /// The story of this event for the subscriber, once its step at this place stands like this.
    async fn until_step(&self, who: &Subscriber, event: &Accepted, position: usize, status: JobStatus) -> Story {
        eventually(&format!("step {position} is {status}"), async || {
            let mut stories = self.stories(who).await;
            stories.retain(|story| story.notification.transaction_id == event.transaction_id);
            stories.pop().filter(|story| story.job(position) == status)
        })
        .await
    }
}

fn digest() -> (StepType, Value) {
    (StepType::Digest, json!({ "amount": 1, "unit": "hours" }))
}

fn summary() -> (StepType, Value) {
    chat("digest of {% for e in steps.step-0.events %}{{e.payload.n}};{% endfor %}")
}

both! {
    async fn nothing_that_waits_is_nothing_to_cancel(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let accepted = world.trigger("hello", json!("ann")).await;
        world.ended(&ann).await;
        assert!(!world.cancel(&accepted).await);
        let unknown = Accepted { transaction_id: "unknown".to_owned(), is_new: false };
        assert!(!world.cancel(&unknown).await);
    }

    async fn a_delay_is_canceled_for_every_subscriber_with_what_comes_after_it(test) {
        let world = World::start(&test).await;
        let (ann, bob) = (world.subscriber("ann").await, world.subscriber("bob").await);
        world.channel(&ann, "C-ANN").await;
        world.channel(&bob, "C-BOB").await;
        let delay = (StepType::Delay, json!({ "amount": 1, "unit": "hours" }));
        world.workflow_with("wait", &[delay, chat("after"), chat("later")]).await;
        let accepted = world.trigger("wait", json!(["ann", "bob"])).await;
        for who in [&ann, &bob] {
            world.until_step(who, &accepted, 1, JobStatus::Delayed).await;
        }
        assert!(world.cancel(&accepted).await);
        assert!(!world.cancel(&accepted).await);
        for who in [&ann, &bob] {
            let story = world.ended(who).await;
            assert!((1..=3).all(|position| story.job(position) == JobStatus::Canceled));
            assert_eq!(story.jobs[1].reason, Some(JobReason::ExecutionCanceledByUser));
            assert_eq!(story.told("step_canceled"), 3);
        }
        test.clock.advance(HOUR);
        test.store.promote_tasks().await.unwrap();
        assert_eq!((world.fake.count("after"), world.fake.count("later")), (0, 0));
    }

    /// The original's case 82.
    async fn invariant_5_canceling_hits_every_subscribers_digest_and_its_followers_still_flush_at_the_old_time(test) {
        let world = World::start(&test).await;
        let (ann, bob) = (world.subscriber("ann").await, world.subscriber("bob").await);
        world.channel(&ann, "C-ANN").await;
        world.channel(&bob, "C-BOB").await;
        world.workflow_with("news", &[digest(), summary()]).await;
        let mut events = Vec::new();
        let mut due = Vec::new();
        for n in 1..=3 {
            let event = world.trigger_with("news", json!(["ann", "bob"]), json!({ "n": n })).await;
            let status = if n == 1 { JobStatus::Delayed } else { JobStatus::Merged };
            for who in [&ann, &bob] {
                due.push(world.until_step(who, &event, 1, status).await.jobs[1].due_at);
            }
            events.push(event);
            test.clock.advance(Duration::from_mins(10));
        }
        assert!(world.cancel(&events[0]).await);
        for (who, due) in [(&ann, due[0]), (&bob, due[1])] {
            let canceled = world.until_step(who, &events[0], 1, JobStatus::Canceled).await;
            assert!(canceled.notification.finished_at.is_some());
            let heir = world.until_step(who, &events[1], 1, JobStatus::Delayed).await;
            assert_eq!((heir.job(2), heir.notification.finished_at), (JobStatus::Pending, None));
            assert_eq!((heir.jobs[1].due_at, heir.told("digest_taken_over")), (due, 1));
            world.until_step(who, &events[2], 1, JobStatus::Merged).await;
        }
        world.advance_to(due[0].unwrap().max(due[1].unwrap()));
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("digest of 2;3;"), 2);
        assert_eq!((world.fake.count("C-ANN"), world.fake.count("C-BOB")), (1, 1));
        let heir = world.until_step(&ann, &events[1], 1, JobStatus::Completed).await;
        assert!(heir.notification.finished_at.is_some());
    }

    /// The original's case 83.
    async fn canceling_the_first_and_then_its_heir_leaves_the_third(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &[digest(), summary()]).await;
        let mut events = Vec::new();
        for n in 1..=4 {
            let event = world.trigger_with("news", json!("ann"), json!({ "n": n })).await;
            let status = if n == 1 { JobStatus::Delayed } else { JobStatus::Merged };
            world.until_step(&ann, &event, 1, status).await;
            events.push(event);
        }
        assert!(world.cancel(&events[0]).await);
        assert!(world.cancel(&events[1]).await);
        world.until_step(&ann, &events[1], 1, JobStatus::Canceled).await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 3;4;"), world.fake.count("C-ANN")), (1, 1));
        world.until_step(&ann, &events[2], 1, JobStatus::Completed).await;
        world.until_step(&ann, &events[3], 1, JobStatus::Merged).await;
        // What went out cannot be taken back.
        assert!(!world.cancel(&events[3]).await);
    }

    async fn a_follower_that_is_canceled_is_not_collected(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &[digest(), summary()]).await;
        let mut events = Vec::new();
        for n in 1..=3 {
            let event = world.trigger_with("news", json!("ann"), json!({ "n": n })).await;
            let status = if n == 1 { JobStatus::Delayed } else { JobStatus::Merged };
            world.until_step(&ann, &event, 1, status).await;
            events.push(event);
        }
        assert!(world.cancel(&events[1]).await);
        let story = world.until_step(&ann, &events[1], 1, JobStatus::Canceled).await;
        assert_eq!(story.job(2), JobStatus::Canceled);
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 1;3;"), world.fake.count("C-ANN")), (1, 1));
    }

    async fn a_digest_whose_only_event_is_canceled_sends_nothing_and_the_next_event_opens_another(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &[digest(), summary()]).await;
        let event = world.trigger_with("news", json!("ann"), json!({ "n": 1 })).await;
        let story = world.until_step(&ann, &event, 1, JobStatus::Delayed).await;
        assert!(world.cancel(&event).await);
        let story = world.until_step(&ann, &event, story.jobs.len() - 1, JobStatus::Canceled).await;
        assert_eq!(story.job(1), JobStatus::Canceled);
        world.trigger_with("news", json!("ann"), json!({ "n": 2 })).await;
        world.no_ready_task_is_left().await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 2;"), world.fake.count("C-ANN")), (1, 1));
    }

    async fn a_message_that_waits_for_another_attempt_is_canceled(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.fake.answer("C-ANN", [Answer::busy(600)]);
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let event = world.trigger("hello", json!("ann")).await;
        world.until_step(&ann, &event, 1, JobStatus::Delayed).await;
        assert!(world.cancel(&event).await);
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Canceled]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Canceled, MessageStatus::Error));
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("C-ANN"), 1);
    }

    async fn an_attempt_under_way_while_its_event_is_canceled_is_the_last(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let gate = Gate::closed();
        world.fake.answer("C-ANN", [Answer::busy(60), Answer::busy(60).behind(&gate)]);
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let event = world.trigger("hello", json!("ann")).await;
        world.until_step(&ann, &event, 1, JobStatus::Delayed).await;
        test.clock.advance(Duration::from_secs(70));
        eventually("the second attempt is under way", async || (world.fake.count("C-ANN") == 2).then_some(())).await;
        assert!(world.cancel(&event).await);
        gate.open();
        test.clock.advance(HOUR);
        eventually("no task is left", async || {
            test.clock.advance(Duration::from_mins(10));
            test.store.stored_tasks().await.unwrap().is_empty().then_some(())
        })
        .await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), world.fake.count("C-ANN")), (JobStatus::Canceled, 2));
        assert!(story.is(&[DeliveryState::Canceled]));
    }
}
