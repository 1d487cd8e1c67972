//! What a subscriber wants is asked when a step runs, and again before each attempt.

use std::time::Duration;

use campanile_model::channel::{DeliveryState, JobReason, JobStatus, MessageStatus};
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Id, StepType, Time};
use campanile_store::Batch;
use campanile_store::preferences::{PreferenceChange, Preferences};
use campanile_store::subscribers::Subscriber;
use campanile_testkit::fake::Answer;
use campanile_testkit::{both, eventually};
use serde_json::{Value, json};

use crate::waits::chat as message;
use crate::world::{Story, World};

const HOUR: Duration = Duration::from_hours(1);
const CHATS: [(StepType, &str); 2] = [(StepType::Chat, "first"), (StepType::Chat, "second")];

async fn choose(world: &World<'_>, whose: &Subscriber, contexts: &[&str], change: PreferenceChange) {
    let contexts = ContextSet::new(contexts.iter().map(|key| (*key).to_owned()));
    let mut batch = Batch::new();
    let (store, ctx) = (&world.test.store, &world.test.ctx);
    store.choose(
        &mut batch,
        ctx,
        whose.id,
        &contexts,
        &mut Preferences::default(),
        change,
    );
    store.commit(batch).await.unwrap();
}

fn chat(workflow: Option<Id>, on: bool) -> PreferenceChange {
    PreferenceChange {
        workflow,
        channels: [(Channel::Chat, on)].into_iter().collect(),
        ..PreferenceChange::default()
    }
}

/// A week that is open in this minute of the day only.
fn only_at(now: Time) -> PreferenceChange {
    let zoned = now.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
    let text = zoned.strftime("%I:%M %p").to_string();
    let hours = json!({ "isEnabled": true, "hours": [{ "start": text, "end": text }] });
    let days = campanile_engine::schedule::DAYS.map(|day| (day.to_owned(), hours.clone()));
    PreferenceChange {
        scheduled: Some(true),
        week: Some(Value::Object(days.into_iter().collect())),
        ..PreferenceChange::default()
    }
}

both! {
    async fn a_channel_that_is_turned_off_cancels_its_steps_and_says_who_did(test) {
        let world = World::start(&test).await;
        for (name, global, own, detail) in [
            ("ann", Some(false), None, Some("filtered_by_global_preferences")),
            ("ben", Some(true), Some(false), Some("filtered_by_subscriber_preferences")),
            ("cid", Some(false), Some(true), None),
        ] {
            let who = world.subscriber(name).await;
            world.channel(&who, &format!("C-{name}")).await;
            let workflow = world.workflow(&format!("for-{name}"), &CHATS).await;
            if let Some(on) = global {
                choose(&world, &who, &[], chat(None, on)).await;
            }
            if let Some(on) = own {
                choose(&world, &who, &[], chat(Some(workflow.id), on)).await;
            }
            world.trigger(&workflow.workflow_id, json!(name)).await;
            let story = world.ended(&who).await;
            let Some(detail) = detail else {
                assert_eq!(world.fake.count(&format!("C-{name}")), 2);
                continue;
            };
            assert_eq!((story.job(1), story.job(2), story.told(detail)), (JobStatus::Canceled, JobStatus::Canceled, 2));
            assert_eq!(story.jobs[1].reason, Some(JobReason::Preference));
            assert_eq!((story.messages.len(), world.fake.count(&format!("C-{name}"))), (0, 0));
        }
    }

    async fn preferences_of_a_context_hold_in_it_alone(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        choose(&world, &ann, &["tenant:acme"], chat(None, false)).await;
        world.workflow("one", &CHATS[..1]).await;
        world.trigger("one", json!("ann")).await;
        world.ended(&ann).await;
        assert_eq!(world.fake.count("C-ANN"), 1);
    }

    async fn invariant_8_preference_and_schedule_are_read_at_send_time_not_at_trigger_time(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.fake.answer("first", [Answer::busy(600), Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#)]);
        world.workflow("two", &CHATS[..1]).await;
        world.trigger("two", json!("ann")).await;
        world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        // Ann has had enough while the provider was busy.
        choose(&world, &ann, &[], chat(None, false)).await;
        test.clock.advance(Duration::from_secs(605));
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Canceled]));
        assert_eq!((story.job(1), story.jobs[1].reason), (JobStatus::Canceled, Some(JobReason::Preference)));
        assert_eq!((story.message(), story.told("delivery_unwanted")), (MessageStatus::Error, 1));
        assert_eq!((story.told("chat_all_channels_failed"), world.fake.count("first")), (0, 1));
        assert_eq!(story.facts("delivery_unwanted")["decidedBy"], "SUBSCRIBER_GLOBAL");
        world.no_task_is_left().await;
    }

    async fn a_wait_that_ends_outside_of_the_schedule_goes_on_to_its_opening_when_it_says_so(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let opens = test.clock.now();
        choose(&world, &ann, &[], only_at(opens)).await;
        let hour = json!({ "amount": 1, "unit": "hours", "extendToSchedule": true });
        let steps = [(StepType::Digest, hour.clone()), (StepType::Delay, hour), message("{{steps.step-0.eventCount}} of them")];
        world.workflow_with("news", &steps).await;
        world.trigger("news", json!("ann")).await;
        world.until(&ann, "the digest is open", |story| story.job(1) == JobStatus::Delayed).await;
        test.clock.advance(HOUR);
        let extended = |position: usize| move |story: &Story| story.jobs[position].extensions == 1;
        let story = world.until(&ann, "the digest is extended", extended(1)).await;
        let tomorrow = opens.plus(24 * HOUR);
        let minute = |time: Time| time.millis() / 60_000;
        assert_eq!(story.jobs[1].due_at.map(minute), Some(minute(tomorrow)));
        assert_eq!(story.facts("step_extended_to_schedule")["extensionsCount"], 1);
        // Meanwhile it collects.
        world.trigger("news", json!("ann")).await;
        world.no_ready_task_is_left().await;
        test.clock.advance(test.clock.now().until(tomorrow));
        let first = async |what: &str, is: &dyn Fn(&Story) -> bool| {
            eventually(what, async || {
                let stories = world.stories(&ann).await;
                stories.iter().any(is).then_some(())
            })
            .await;
        };
        first("the delay began", &|story| story.job(1) == JobStatus::Completed && story.job(2) == JobStatus::Delayed).await;
        test.clock.advance(HOUR);
        first("the delay is extended", &extended(2)).await;
        assert_eq!(world.fake.count("of them"), 0);
        test.clock.advance(test.clock.now().until(tomorrow.plus(24 * HOUR)));
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("2 of them"), world.fake.count("of them")), (1, 1));
    }

    async fn a_wait_is_extended_three_times_and_no_more(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        choose(&world, &ann, &[], only_at(test.clock.now())).await;
        let hour = json!({ "amount": 1, "unit": "hours", "extendToSchedule": true });
        world.workflow_with("news", &[(StepType::Delay, hour), message("late")]).await;
        world.trigger("news", json!("ann")).await;
        world.until(&ann, "the delay began", |story| story.job(1) == JobStatus::Delayed).await;
        test.clock.advance(HOUR);
        for extensions in 1..=3 {
            world.until(&ann, "it is extended", |story| story.jobs[1].extensions == extensions).await;
            // The opening is missed each time.
            test.clock.advance(25 * HOUR);
        }
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Completed, JobStatus::Canceled));
        assert_eq!((story.told("step_extended_to_schedule"), story.told("skipped_step_max_extensions_reached")), (3, 1));
    }

    async fn a_step_outside_of_the_schedule_is_canceled_and_the_next_one_runs(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        choose(&world, &ann, &[], only_at(test.clock.now().plus(Duration::from_hours(2)))).await;
        world.workflow("two", &CHATS).await;
        world.trigger("two", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Canceled, JobStatus::Canceled));
        assert_eq!(story.jobs[2].reason, Some(JobReason::Schedule));
        assert_eq!((story.told("outside_subscriber_schedule"), world.fake.count("C-ANN")), (2, 0));
        assert_eq!(story.facts("outside_subscriber_schedule")["timezone"], "UTC");
    }

    async fn a_retry_outside_of_the_schedule_waits_for_its_opening_and_costs_no_attempt(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.fake.answer("first", [Answer::busy(600), Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#)]);
        let opening = test.clock.now().plus(Duration::from_hours(2));
        world.workflow("one", &CHATS[..1]).await;
        world.trigger("one", json!("ann")).await;
        world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        choose(&world, &ann, &[], only_at(opening)).await;
        test.clock.advance(Duration::from_secs(605));
        let story = world
            .until(&ann, "it waits for the schedule", |story| story.told("delivery_awaits_schedule") == 1)
            .await;
        assert_eq!((story.job(1), story.deliveries[0].attempts, world.fake.count("first")), (JobStatus::Delayed, 1, 1));
        let due = world.waiting_task().await.run_at;
        assert_eq!(due.millis(), opening.millis() / 60_000 * 60_000);
        world.advance_to(due);
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.message(), world.fake.count("first")), (JobStatus::Completed, MessageStatus::Sent, 2));
    }

    async fn a_retry_for_which_the_schedule_never_opens_in_time_expires(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.fake.answer("first", [Answer::busy(600)]);
        world.workflow("one", &CHATS[..1]).await;
        world.trigger("one", json!("ann")).await;
        world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        let closed = PreferenceChange { scheduled: Some(true), week: Some(json!({})), ..PreferenceChange::default() };
        choose(&world, &ann, &[], closed).await;
        test.clock.advance(Duration::from_secs(605));
        world.until(&ann, "it waits for the schedule", |story| story.told("delivery_awaits_schedule") == 1).await;
        let due = world.waiting_task().await.run_at;
        world.advance_to(due);
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Expired]));
        assert_eq!((story.job(1), world.fake.count("first")), (JobStatus::Failed, 1));
    }
}
