//! Digests: which events go where, and what later steps see.

use std::time::Duration;

use campanile_model::channel::JobStatus;
use campanile_model::{Id, StepType};
use campanile_store::digests::WindowState;
use campanile_store::tasks::LEASE;
use campanile_testkit::both;
use campanile_testkit::{TestStore, eventually};
use serde_json::{Value, json};

use crate::waits::chat;
use crate::world::{Mode, Process, Story, World};

const HOUR: Duration = Duration::from_hours(1);

/// A digest of an hour with a summary behind it.
fn hourly(more: &Value) -> [(StepType, Value); 2] {
    let mut controls = json!({ "amount": 1, "unit": "hours" });
    for (name, value) in more.as_object().into_iter().flatten() {
        controls[name] = value.clone();
    }
    [
        (StepType::Digest, controls),
        chat("digest of {{steps.step-0.eventCount}}!"),
    ]
}

fn count(stories: &[Story], position: usize, status: JobStatus) -> usize {
    stories.iter().filter(|story| story.job(position) == status).count()
}

/// The stories of the subscriber once as many of their first steps wait or are merged.
async fn collected(world: &World<'_>, who: &campanile_store::subscribers::Subscriber, events: usize) -> Vec<Story> {
    eventually("all events are collected", async || {
        let stories = world.stories(who).await;
        let there = count(&stories, 1, JobStatus::Delayed) + count(&stories, 1, JobStatus::Merged);
        (there == events).then_some(stories)
    })
    .await
}

/// How many windows the events of these stories are in, none of which is still open or closing; each in one.
async fn windows(test: &TestStore, stories: &[Story]) -> usize {
    let ids: Vec<Id> = stories.iter().map(|story| story.notification.id).collect();
    let members = test.store.digest_members(&test.ctx, ids).await.unwrap();
    assert!(members.iter().all(|member| member.window.state == WindowState::Over));
    let mut notifications: Vec<Id> = members.iter().map(|member| member.notification_id).collect();
    notifications.sort_unstable();
    let all = notifications.len();
    notifications.dedup();
    assert_eq!(all, notifications.len(), "an event is in one window");
    let mut windows: Vec<Id> = members.iter().map(|member| member.window.id).collect();
    windows.sort_unstable();
    windows.dedup();
    windows.len()
}

both! {
    async fn events_of_a_window_become_one_message(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let text = "{{steps.step-0.countSummary}} from {{steps.step-0.sentenceSummary}}: {% for e in steps.step-0.events %}[{{e.payload.name}}]{% endfor %}";
        world.workflow_with("news", &[hourly(&json!({})).into_iter().next().unwrap(), chat(text), chat("second")]).await;
        for name in ["Ann", "Bob", "Eve", "Kim"] {
            world.trigger_with("news", json!("ann"), json!({ "name": name })).await;
            // One after the other, so that their order is known.
            world.no_ready_task_is_left().await;
        }
        let stories = collected(&world, &ann, 4).await;
        assert_eq!((count(&stories, 1, JobStatus::Delayed), count(&stories, 1, JobStatus::Merged)), (1, 3));
        assert_eq!((count(&stories, 2, JobStatus::Pending), count(&stories, 3, JobStatus::Merged)), (1, 3));
        assert_eq!(stories.iter().filter(|story| story.notification.finished_at.is_some()).count(), 3);
        assert_eq!(world.fake.count("C-ANN"), 0);
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("4 notifications from Ann, Bob, and 2 others: [Ann][Bob][Eve][Kim]"), 1);
        assert_eq!((world.fake.count("second"), world.fake.count("C-ANN")), (1, 2));
        let stories = world.stories(&ann).await;
        assert!(stories.iter().all(|story| story.notification.finished_at.is_some()));
        let master = stories.iter().find(|story| story.job(1) == JobStatus::Completed).unwrap();
        assert_eq!(master.facts("digest_triggered_events")["eventCount"], 4);
        assert_eq!(master.jobs[1].output.as_ref().unwrap()["eventCount"], 4);
    }

    async fn invariant_3_one_digest_is_open_at_a_time_and_every_event_is_in_exactly_one(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let other = Process::new(test.second_store().await, &world.fake, Mode::Serve);
        other.worker.start();
        world.workflow_with("news", &hourly(&json!({}))).await;
        futures_util::future::join_all((0..30).map(|_| world.trigger("news", json!("ann")))).await;
        let stories = collected(&world, &ann, 30).await;
        assert_eq!((count(&stories, 1, JobStatus::Delayed), count(&stories, 1, JobStatus::Merged)), (1, 29));
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 30!"), world.fake.count("C-ANN")), (1, 1));
        assert_eq!(windows(&test, &world.stories(&ann).await).await, 1);
        // What comes later is in the next one.
        world.trigger("news", json!("ann")).await;
        world.no_ready_task_is_left().await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("digest of 1!"), 1);
    }

    async fn invariant_4_a_digest_that_is_added_again_never_merges_with_itself(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &[chat("before"), hourly(&json!({})).into_iter().next().unwrap(), chat("digest of {{steps.step-1.eventCount}}!")]).await;
        world.trigger("news", json!("ann")).await;
        let story = world.until(&ann, "the digest is open", |story| story.job(2) == JobStatus::Delayed).await;
        // The turn of the digest once more, as after a lease that was lost.
        world.advance_again(&story, 2).await;
        let story = world.story(&ann).await.unwrap();
        assert_eq!((story.job(2), story.job(3), story.told("digest_merged")), (JobStatus::Delayed, JobStatus::Pending, 0));
        test.clock.advance(HOUR);
        world.ended(&ann).await;
        let story = world.story(&ann).await.unwrap();
        world.advance_again(&story, 2).await;
        assert_eq!((world.fake.count("digest of 1!"), world.fake.count("before")), (1, 1));
        assert_eq!(world.story(&ann).await.unwrap().job(2), JobStatus::Completed);
    }

    async fn events_are_told_apart_by_the_digest_key(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &hourly(&json!({ "digestKey": "nested.postId" }))).await;
        for post in [json!("a"), json!("a"), json!("b"), Value::Null, Value::Null] {
            world.trigger_with("news", json!("ann"), json!({ "nested": { "postId": post } })).await;
        }
        let stories = collected(&world, &ann, 5).await;
        assert_eq!(count(&stories, 1, JobStatus::Delayed), 3);
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 2!"), world.fake.count("digest of 1!")), (2, 1));
    }

    async fn steps_and_contexts_have_windows_of_their_own(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let digest = || hourly(&json!({})).into_iter().next().unwrap();
        world.workflow_with("twice", &[digest(), digest(), chat("{{steps.step-0.eventCount}} then {{steps.step-1.eventCount}}")]).await;
        for _ in 0..2 {
            world.trigger("twice", json!("ann")).await;
        }
        collected(&world, &ann, 2).await;
        test.clock.advance(HOUR);
        eventually("the second digest is open", async || {
            world.stories(&ann).await.iter().any(|story| story.job(2) == JobStatus::Delayed).then_some(())
        })
        .await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("2 then 1"), 1);
    }

    async fn the_first_event_of_a_look_back_goes_on_at_once(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let other = Process::new(test.second_store().await, &world.fake, Mode::Serve);
        other.worker.start();
        world.workflow_with("news", &hourly(&json!({ "lookBackWindow": { "amount": 30, "unit": "minutes" } }))).await;
        futures_util::future::join_all((0..7).map(|_| world.trigger("news", json!("ann")))).await;
        let stories = collected(&world, &ann, 6).await;
        assert_eq!((count(&stories, 1, JobStatus::Skipped), count(&stories, 1, JobStatus::Merged)), (1, 5));
        eventually("the first is sent", async || (world.fake.count("digest of 0!") == 1).then_some(())).await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 6!"), world.fake.count("C-ANN")), (1, 2));
        // After a quiet time the next one is the first again.
        world.trigger("news", json!("ann")).await;
        eventually("it is sent", async || (world.fake.count("digest of 0!") == 2).then_some(())).await;
    }

    async fn a_digest_of_many_recipients_is_collected_for_each(test) {
        let world = World::start(&test).await;
        let names = ["ann", "bob", "eve"];
        for name in names {
            let one = world.subscriber(name).await;
            world.channel(&one, &format!("C-{name}")).await;
        }
        world.workflow_with("news", &hourly(&json!({}))).await;
        for _ in 0..3 {
            world.trigger("news", json!(names)).await;
        }
        world.no_ready_task_is_left().await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!(world.fake.count("digest of 3!"), 3);
        for name in names {
            assert_eq!(world.fake.count(&format!("C-{name}")), 1);
        }
    }

    async fn a_process_that_dies_while_a_window_closes_loses_and_doubles_nothing(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &hourly(&json!({}))).await;
        for _ in 0..3 {
            world.trigger("news", json!("ann")).await;
        }
        let stories = collected(&world, &ann, 3).await;
        world.process.worker.stop(Duration::from_mins(1)).await;
        // It has closed the window, and died before it went on.
        let master = stories.iter().find(|story| story.job(1) == JobStatus::Delayed).unwrap();
        let members = test.store.digest_members(&test.ctx, vec![master.notification.id]).await.unwrap();
        test.clock.advance(HOUR);
        test.store.promote_tasks().await.unwrap();
        assert_eq!(test.store.claim(test.ctx.environment, "", 8, 8).await.unwrap().len(), 1);
        let mut batch = campanile_store::Batch::new();
        test.store.close_digest(&mut batch, &test.ctx, members[0].window.id);
        test.store.commit(batch).await.unwrap();
        // Newcomers do not join it any more.
        world.trigger("news", json!("ann")).await;
        test.clock.advance(LEASE + Duration::from_millis(1));
        let next = Process::new(test.store.clone(), &world.fake, Mode::Serve);
        next.worker.start();
        eventually("the digest is sent", async || (world.fake.count("digest of 3!") == 1).then_some(())).await;
        world.no_ready_task_is_left().await;
        test.clock.advance(HOUR);
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("digest of 1!"), world.fake.count("C-ANN")), (1, 2));
        assert_eq!(windows(&test, &world.stories(&ann).await).await, 2);
    }

    async fn a_digest_that_makes_no_sense_fails_and_stops_what_comes_after_it(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow_with("news", &[(StepType::Digest, json!({ "amount": 0, "unit": "hours" })), chat("after")]).await;
        world.trigger("news", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Failed, JobStatus::Canceled));
        assert_eq!(story.facts("digest_misconfigured")["error"], "Invalid digest amount");
    }
}
