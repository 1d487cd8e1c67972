//! Passing failures: tried again, not too early, and not for ever.

use std::time::Duration;

use campanile_engine::EXPIRY;
use campanile_model::channel::{DeliveryState, JobStatus, MessageStatus};
use campanile_store::Batch;
use campanile_testkit::fake::Answer;
use campanile_testkit::{both, eventually};

use crate::world::World;

both! {
    async fn a_busy_provider_is_asked_again_when_it_said_and_not_before(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-BUSY").await;
        let before = test.clock.now();
        world.fake.answer("C-BUSY", [Answer::busy(90), Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#)]);
        world.send("ann", "hello").await;
        let story = world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Delayed, MessageStatus::Warning));
        assert_eq!(story.notification.finished_at, None);
        assert_eq!(story.told("delivery_retry_scheduled"), 1);
        let due = world.waiting_task().await.run_at;
        assert_eq!(story.facts("delivery_retry_scheduled")["nextAttemptAt"], due.to_string());
        assert!(due >= before.plus(Duration::from_secs(90)) && due <= test.clock.now().plus(Duration::from_secs(92)));
        world.advance_to(due.minus(Duration::from_secs(5)));
        test.store.promote_tasks().await.unwrap();
        assert_eq!(world.waiting_task().await.state, "scheduled");
        assert_eq!(world.fake.count("C-BUSY"), 1);
        world.advance_to(due);
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Completed, MessageStatus::Sent));
        assert_eq!((story.deliveries[0].attempts, world.fake.count("C-BUSY")), (2, 2));
        let sent = story.traces.iter().find(|trace| trace.detail == "message_sent").unwrap();
        assert!(sent.is_retry);
        // Another attempt after an answer is no repetition after a crash.
        assert_eq!((story.told("delivery_repeated"), world.process.metric("deliveries_repeated_total")), (0, 0));
        assert_eq!((story.messages[0].error_id.clone(), story.messages[0].error_text.clone()), (None, None));
    }

    async fn a_provider_that_stays_down_is_asked_until_the_message_expires(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.webhook(&ann, "down").await;
        world.fake.answer("/down", [Answer::new(500, "no")]);
        let began = test.clock.now();
        world.send("ann", "hello").await;
        let mut gaps = Vec::new();
        for attempt in 1.. {
            let story = world
                .until(&ann, "the attempt is written down", |story| {
                    story.deliveries.first().is_some_and(|one| one.attempts >= attempt)
                })
                .await;
            if story.deliveries[0].state.is_final() {
                break;
            }
            assert!(story.is(&[DeliveryState::Waiting]));
            assert_eq!((story.job(1), story.message()), (JobStatus::Delayed, MessageStatus::Warning));
            let due = world.waiting_task().await.run_at;
            gaps.push(due.millis() - test.clock.now().millis());
            world.advance_to(due);
        }
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Expired]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Failed, MessageStatus::Error));
        assert_eq!((story.told("delivery_expired"), story.told("chat_all_channels_failed")), (1, 1));
        // About 2 s, 10 s, 1 min, 5 min, 15 min, then hourly: so many in a day, within the jitter of a fifth.
        let calls = world.fake.count("/down");
        assert!((24..=36).contains(&calls), "{calls} calls");
        for (gap, about) in gaps.iter().zip([2_000, 10_000, 60_000, 300_000, 900_000, 3_600_000, 3_600_000]) {
            assert!(*gap <= about * 12 / 10 && *gap >= about * 8 / 10 - 2_000, "{gap} ms instead of about {about} ms");
        }
        let lasted = test.clock.now().millis() - began.millis();
        let day = i64::try_from(EXPIRY.as_millis()).unwrap();
        assert!(lasted > day - 2 * 3_600_000 && lasted < day + 60_000, "{lasted} ms");
        world.no_task_is_left().await;
    }

    async fn what_became_due_after_its_expiry_is_not_sent(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-BUSY").await;
        world.fake.answer("C-BUSY", [Answer::busy(60)]);
        world.send("ann", "hello").await;
        world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        // The server was off for two days.
        test.clock.advance(2 * EXPIRY);
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Expired]));
        assert_eq!((story.told("delivery_expired"), world.fake.count("C-BUSY")), (1, 1));
    }

    async fn an_endpoint_that_is_deleted_before_the_retry_is_a_rejection_with_a_sentence(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let endpoint = world.channel(&ann, "C-BUSY").await;
        world.fake.answer("C-BUSY", [Answer::busy(60)]);
        world.send("ann", "hello").await;
        world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        let mut batch = Batch::new();
        test.store.delete_endpoint(&mut batch, &test.ctx, endpoint.id);
        test.store.commit(batch).await.unwrap();
        test.clock.advance(Duration::from_secs(70));
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Rejected]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Failed, MessageStatus::Error));
        assert_eq!(story.messages[0].error_text.as_deref(), Some("The channel endpoint was deleted"));
        assert_eq!(story.facts("provider_error")["message"], "The channel endpoint was deleted");
        assert_eq!(world.fake.count("C-BUSY"), 1);
    }

    async fn a_message_that_is_deleted_while_it_waits_ends_its_job(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-BUSY").await;
        world.fake.answer("C-BUSY", [Answer::busy(60)]);
        world.send("ann", "hello").await;
        let story = world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        let mut batch = Batch::new();
        test.store.delete_message(&mut batch, &test.ctx, story.messages[0].id);
        test.store.commit(batch).await.unwrap();
        test.clock.advance(Duration::from_secs(70));
        let story = eventually("the job ends", async || {
            world.story(&ann).await.filter(|story| story.notification.finished_at.is_some())
        })
        .await;
        assert_eq!((story.jobs[1].open, story.jobs[1].open_first), (0, 0));
        assert_eq!((story.job(1), world.fake.count("C-BUSY")), (JobStatus::Failed, 1));
        world.no_task_is_left().await;
    }
}
