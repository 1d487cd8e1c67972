//! Delays and throttles.

use std::time::Duration;

use campanile_model::StepType;
use campanile_model::channel::{JobReason, JobStatus};
use campanile_testkit::{both, eventually};
use serde_json::{Value, json};

use crate::world::{Mode, Process, Story, World};

const DAY: Duration = Duration::from_hours(24);

/// A chat step with this text.
pub(crate) fn chat(text: &str) -> (StepType, Value) {
    (StepType::Chat, json!({ "body": text }))
}

fn delayed(story: &Story) -> bool {
    story.jobs.iter().any(|job| job.status == JobStatus::Delayed)
}

both! {
    async fn a_delay_ends_when_the_clock_says_so(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let delay = json!({ "type": "regular", "amount": 7, "unit": "days" });
        let steps = [chat("before"), (StepType::Delay, delay), chat("after {{steps.step-1.duration}}")];
        world.workflow_with("wait", &steps).await;
        world.trigger("wait", json!("ann")).await;
        let story = world.until(&ann, "the delay began", delayed).await;
        assert_eq!((story.job(2), story.job(3), story.notification.finished_at), (JobStatus::Delayed, JobStatus::Pending, None));
        assert!(story.jobs[2].due_at.is_some());
        assert_eq!((world.fake.count("before"), world.fake.count("after")), (1, 0));
        test.clock.advance(7 * DAY);
        let story = world.ended(&ann).await;
        assert_eq!((story.job(2), story.job(3)), (JobStatus::Completed, JobStatus::Completed));
        assert_eq!(world.fake.count("after 604800000"), 1);
        assert_eq!((story.told("step_delayed"), story.told("delay_finished")), (1, 1));
        world.no_task_is_left().await;
    }

    async fn a_delay_that_makes_no_sense_fails_and_stops_what_comes_after_it(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let delay = json!({ "type": "dynamic", "dynamicKey": "payload.at" });
        world.workflow_with("wait", &[(StepType::Delay, delay), chat("after")]).await;
        world.trigger_with("wait", json!("ann"), json!({ "at": "2020-01-01T00:00:00Z" })).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Failed, JobStatus::Canceled));
        assert_eq!(story.facts("delay_misconfigured")["error"], "Dynamic delay timestamp '2020-01-01T00:00:00Z' must be a future date");
        assert_eq!(world.fake.count("after"), 0);
    }

    async fn a_late_end_of_the_step_before_does_not_end_a_delay(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let success = campanile_testkit::fake::Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#);
        world.fake.answer("before", [campanile_testkit::fake::Answer::busy(600), success]);
        let delay = json!({ "type": "regular", "amount": 2, "unit": "hours" });
        world.workflow_with("wait", &[chat("before"), (StepType::Delay, delay), chat("after")]).await;
        world.trigger("wait", json!("ann")).await;
        world.until(&ann, "the delay began", |story| story.job(2) == JobStatus::Delayed).await;
        test.clock.advance(Duration::from_secs(700));
        let story = world.until(&ann, "the first message is sent", |story| story.job(1) == JobStatus::Completed).await;
        assert_eq!((story.job(2), story.job(3), story.notification.finished_at), (JobStatus::Delayed, JobStatus::Pending, None));
        test.clock.advance(Duration::from_hours(2));
        world.ended(&ann).await;
        assert_eq!(world.fake.count("after"), 1);
        world.no_task_is_left().await;
    }

    async fn invariant_6_timers_live_in_the_database_a_restart_loses_none_and_fires_late_ones_once(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let delay = json!({ "type": "regular", "amount": 1, "unit": "hours" });
        let digest = json!({ "amount": 1, "unit": "hours" });
        world.workflow_with("wait", &[(StepType::Delay, delay), (StepType::Digest, digest), chat("after")]).await;
        world.trigger("wait", json!("ann")).await;
        world.until(&ann, "the delay began", delayed).await;
        world.process.worker.stop(Duration::from_mins(1)).await;
        test.clock.advance(5 * DAY);
        let next = Process::new(test.second_store().await, &world.fake, Mode::Serve);
        next.worker.start();
        world.until(&ann, "the digest began", |story| story.job(2) == JobStatus::Delayed).await;
        next.worker.stop(Duration::from_mins(1)).await;
        test.clock.advance(5 * DAY);
        let last = Process::new(test.second_store().await, &world.fake, Mode::Serve);
        last.worker.start();
        world.ended(&ann).await;
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("after"), 1);
    }

    async fn invariant_7_a_throttle_lets_no_more_through_than_it_may_however_many_come_at_once(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let other = Process::new(test.second_store().await, &world.fake, Mode::Serve);
        other.worker.start();
        let throttle = json!({ "type": "fixed", "amount": 1, "unit": "hours", "threshold": 3 });
        world.workflow_with("calm", &[(StepType::Throttle, throttle), chat("passed")]).await;
        futures_util::future::join_all((0..20).map(|_| world.trigger("calm", json!("ann")))).await;
        world.no_task_is_left().await;
        let stories = world.stories(&ann).await;
        let ends = |first, second| {
            stories.iter().filter(|story| (story.job(1), story.job(2)) == (first, second)).count()
        };
        assert_eq!((ends(JobStatus::Completed, JobStatus::Completed), ends(JobStatus::Skipped, JobStatus::Skipped)), (3, 17));
        assert_eq!(world.fake.count("passed"), 3);
        let denied = stories.iter().find(|story| story.job(1) == JobStatus::Skipped).unwrap();
        let output = denied.jobs[1].output.as_ref().unwrap();
        assert_eq!((&output["throttled"], &output["threshold"]), (&json!(true), &json!(3)));
        assert_eq!((denied.jobs[1].reason, denied.told("throttle_limit_exceeded")), (Some(JobReason::Throttled), 1));
        // The next window lets as many through again.
        test.clock.advance(Duration::from_secs(3601));
        world.trigger("calm", json!("ann")).await;
        eventually("one more passed", async || (world.fake.count("passed") == 4).then_some(())).await;
    }

    async fn a_throttle_counts_each_key_and_each_subscriber_alone(test) {
        let world = World::start(&test).await;
        for name in ["ann", "bob"] {
            let one = world.subscriber(name).await;
            world.channel(&one, &format!("C-{name}")).await;
        }
        let throttle = json!({ "type": "fixed", "amount": 1, "unit": "days", "throttleKey": "payload.post" });
        world.workflow_with("calm", &[(StepType::Throttle, throttle), chat("{{payload.post}} for {{subscriber.subscriberId}}")]).await;
        for post in ["a", "b", "a"] {
            world.trigger_with("calm", json!(["ann", "bob"]), json!({ "post": post })).await;
        }
        world.no_task_is_left().await;
        for text in ["a for ann", "b for ann", "a for bob", "b for bob"] {
            assert_eq!(world.fake.count(text), 1, "{text}");
        }
    }

    async fn a_throttle_without_a_window_holds_nothing_back(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("calm", &[(StepType::Throttle, json!({ "type": "fixed" })), chat("passed")]).await;
        for _ in 0..2 {
            world.trigger("calm", json!("ann")).await;
        }
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("passed"), 2);
        assert_eq!(world.stories(&ann).await[0].told("throttle_misconfigured"), 1);
    }
}
