//! Steps in order: the next one runs when the first attempts of this one have ended.

use std::time::Duration;

use campanile_model::StepType;
use campanile_model::channel::{DeliveryState, JobStatus};
use campanile_store::Batch;
use campanile_testkit::fake::{Answer, Gate};
use campanile_testkit::{both, eventually};
use serde_json::json;

use crate::waits::chat;
use crate::world::{Mode, Process, World};

/// How far a job is: before it, under way, ended.
fn rank(status: JobStatus) -> u8 {
    match status {
        JobStatus::Pending => 0,
        JobStatus::Queued | JobStatus::Running | JobStatus::Delayed => 1,
        _ => 2,
    }
}

both! {
    async fn a_step_waits_for_the_first_attempts_of_the_step_before_it(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-QUICK").await;
        world.channel(&ann, "C-SLOW").await;
        let gate = Gate::closed();
        let success = Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#);
        world.fake.answer("C-SLOW", [success.behind(&gate)]);
        world.workflow("two", &[(StepType::Chat, "first"), (StepType::Chat, "second")]).await;
        world.trigger("two", json!("ann")).await;
        let story = world
            .until(&ann, "one of two is delivered", |story| {
                story.states().contains(&DeliveryState::Delivered) && world.fake.count("C-SLOW") == 1
            })
            .await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Delayed, JobStatus::Pending));
        assert_eq!(world.fake.count("second"), 0);
        gate.open();
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Completed, JobStatus::Completed));
        assert_eq!((world.fake.count("first"), world.fake.count("second")), (2, 2));
    }

    async fn a_step_does_not_wait_for_what_is_tried_again(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-GOOD").await;
        world.channel(&ann, "C-BUSY").await;
        let success = Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#);
        world.fake.answer("C-BUSY", [Answer::busy(600), success]);
        world.workflow("two", &[(StepType::Chat, "first"), (StepType::Chat, "second")]).await;
        world.trigger("two", json!("ann")).await;
        let story = world.until(&ann, "the second step is completed", |story| story.job(2) == JobStatus::Completed).await;
        assert_eq!((story.job(1), story.notification.finished_at), (JobStatus::Delayed, None));
        assert_eq!(world.fake.count("second"), 2);
        test.clock.advance(Duration::from_secs(605));
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Completed, JobStatus::Completed));
        // Its late end runs the next step no second time.
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("first"), world.fake.count("second")), (3, 2));
    }

    async fn invariant_9_a_notification_and_its_jobs_never_go_backwards(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let success = Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#);
        world.fake.answer("first", [Answer::busy(90), Answer::busy(90), success]);
        world.fake.answer("second", [Answer::slack_error("channel_not_found")]);
        let delay = (StepType::Delay, json!({ "amount": 1, "unit": "minutes" }));
        let steps = [chat("first"), delay, chat("second"), chat("third")];
        world.workflow_with("long", &steps).await;
        world.trigger("long", json!("ann")).await;
        let mut seen: Vec<u8> = Vec::new();
        eventually("it has ended", async || {
            let story = world.story(&ann).await?;
            let now: Vec<u8> = story.jobs.iter().map(|job| rank(job.status)).collect();
            assert!(seen.iter().zip(&now).all(|(before, now)| before <= now), "{seen:?} became {now:?}");
            seen = now;
            test.clock.advance(Duration::from_secs(7));
            story.notification.finished_at
        })
        .await;
        let story = world.ended(&ann).await;
        let ends: Vec<JobStatus> = story.jobs.iter().map(|job| job.status).collect();
        assert_eq!(ends[1..], [JobStatus::Completed, JobStatus::Completed, JobStatus::Failed, JobStatus::Completed]);
        // Every turn once more, as after leases that were lost.
        for position in 1..=4 {
            world.advance_again(&story, position).await;
        }
        let again = world.story(&ann).await.unwrap();
        assert_eq!(again.jobs.iter().map(|job| job.status).collect::<Vec<_>>(), ends);
        assert_eq!(again.notification.finished_at, story.notification.finished_at);
        assert_eq!((world.fake.count("first"), world.fake.count("third")), (3, 1));
    }

    async fn invariant_10_a_step_runs_after_one_that_is_held_or_was_rejected(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let (dead, gone) = (world.connect("dead", "xoxb-dead").await, "C-GONE");
        world.channel_of(&ann, "C-DEAD", &dead).await;
        world.channel_of(&ann, gone, &dead).await;
        world.webhook(&ann, "hook").await;
        world.fake.answer("C-DEAD", [Answer::slack_error("token_revoked")]);
        world.fake.answer(gone, [Answer::slack_error("channel_not_found")]);
        world.workflow("two", &[(StepType::Chat, "first"), (StepType::Chat, "second")]).await;
        world.trigger("two", json!("ann")).await;
        eventually("the second step reaches the webhook", async || {
            world.fake.received_with("/hook").iter().any(|one| one.body.contains("second")).then_some(())
        })
        .await;
        let story = world.story(&ann).await.unwrap();
        assert_eq!(story.job(1), JobStatus::Delayed);
    }

    async fn a_step_that_cannot_run_here_is_canceled_and_the_next_one_runs(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world
            .workflow("mixed", &[(StepType::Custom, "code"), (StepType::Chat, "chat"), (StepType::Custom, "more"), (StepType::Chat, "last")])
            .await;
        world.trigger("mixed", json!("ann")).await;
        let story = world.ended(&ann).await;
        let jobs: Vec<JobStatus> = (1..=4).map(|position| story.job(position)).collect();
        assert_eq!(jobs, [JobStatus::Canceled, JobStatus::Completed, JobStatus::Canceled, JobStatus::Completed]);
        let traces = story.traces.iter().filter(|trace| trace.detail == "step_not_executable");
        assert_eq!(traces.map(|trace| trace.position).collect::<Vec<_>>(), [1, 3]);
        let texts: Vec<_> = world.fake.received().iter().map(|one| one.json()["text"].clone()).collect();
        assert_eq!(texts, ["chat", "last"]);
    }

    async fn a_step_runs_after_one_whose_message_was_deleted_before_its_first_attempt_ended(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let gate = Gate::closed();
        world.fake.answer("first", [Answer::new(200, "").behind(&gate)]);
        world.workflow("two", &[(StepType::Chat, "first"), (StepType::Chat, "second")]).await;
        world.trigger("two", json!("ann")).await;
        eventually("the attempt is under way", async || (world.fake.count("first") == 1).then_some(())).await;
        // The process ends, and the message is deleted before another one goes on.
        world.process.worker.stop(Duration::ZERO).await;
        let story = world.story(&ann).await.unwrap();
        let mut batch = Batch::new();
        test.store.delete_message(&mut batch, &test.ctx, story.messages[0].id);
        test.store.commit(batch).await.unwrap();
        let next = Process::new(test.store.clone(), &world.fake, Mode::Serve);
        next.worker.start();
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Failed, JobStatus::Completed));
        assert_eq!(world.fake.count("second"), 1);
    }
}
