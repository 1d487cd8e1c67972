//! Digests under whatever happens in whatever order: triggers, cancels, moves of the clock, processes that die. Whoever
//! was not canceled is in exactly one digest.

use std::collections::HashMap;
use std::time::Duration;

use campanile_model::StepType;
use campanile_store::subscribers::Subscriber;
use campanile_store::tasks::LEASE;
use campanile_testkit::{TestStore, both, eventually};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{Mode, Process, World};

/// Histories that each kind of digest goes through.
const HISTORIES: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// An event, with one of three keys.
    Trigger(u8),
    /// Several events at once.
    Burst(u8),
    /// The event of this place so far is canceled.
    Cancel(usize),
    /// Time goes by, in minutes.
    Minutes(u64),
    /// The process is gone with what it holds, and another one comes.
    Crash,
    /// Whatever can be done now is done.
    Rest,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3u8).prop_map(Happening::Trigger),
        2 => (2..6u8).prop_map(Happening::Burst),
        2 => (0..20usize).prop_map(Happening::Cancel),
        3 => (1..90u64).prop_map(Happening::Minutes),
        2 => Just(Happening::Crash),
        2 => Just(Happening::Rest),
    ]
}

/// The numbers of the events in each message of the subscriber.
async fn sent(test: &TestStore, subscriber: &Subscriber) -> HashMap<u64, usize> {
    let filter = campanile_store::messages::MessageFilter {
        subscriber: Some(subscriber.id),
        ..Default::default()
    };
    let (messages, more) = test.store.list_messages(&test.ctx, &filter, 0, 1000).await.unwrap();
    assert!(!more);
    let mut seen = HashMap::new();
    for message in messages {
        for number in message.content.split(['[', ']']).filter_map(|part| part.parse().ok()) {
            *seen.entry(number).or_default() += 1;
        }
    }
    seen
}

async fn goes_through(test: &TestStore, name: &str, controls: &Value, at_once: bool, runner: &mut TestRunner) {
    let world = World::still(test, Mode::Serve).await;
    let mut processes = vec![Process::new(test.store.clone(), &world.fake, Mode::Serve)];
    processes[0].worker.start();
    let workflow = format!("digests-{name}");
    let body = "{% for e in steps.step-0.events %}[{{e.payload.n}}]{% endfor %}";
    // What a look-back lets through at once has nothing collected: it speaks for itself.
    let alone = "{% if steps.step-0.eventCount == 0 %}[{{payload.n}}]{% endif %}";
    let body = if at_once {
        format!("{body}{alone}")
    } else {
        body.to_owned()
    };
    let steps = [
        (StepType::Digest, controls.clone()),
        (StepType::InApp, json!({ "body": body })),
    ];
    world.workflow_with(&workflow, &steps).await;
    for history in 0..HISTORIES {
        let who = format!("{name}-{history}");
        let subscriber = world.subscriber(&who).await;
        let happenings = prop::collection::vec(happening(), 12..30)
            .new_tree(runner)
            .unwrap()
            .current();
        let mut events: Vec<(String, bool)> = Vec::new();
        for happening in &happenings {
            let many = match happening {
                Happening::Trigger(_) => 1,
                Happening::Burst(many) => *many,
                _ => 0,
            };
            let keys = (0..many).map(|one| match happening {
                Happening::Trigger(key) => *key,
                _ => one % 3,
            });
            let first = events.len();
            let triggers = keys.enumerate().map(|(at, key)| {
                let payload = json!({ "n": first + at, "key": key });
                world.trigger_with(&workflow, json!(who), payload)
            });
            let accepted = futures_util::future::join_all(triggers).await;
            events.extend(accepted.into_iter().map(|one| (one.transaction_id, false)));
            match happening {
                Happening::Trigger(_) | Happening::Burst(_) => {}
                Happening::Cancel(which) => {
                    if let Some((transaction, canceled)) = events.get_mut(*which) {
                        *canceled |= world.process.engine.cancel(&test.ctx, transaction).await.unwrap();
                    }
                }
                Happening::Minutes(minutes) => {
                    test.clock.advance(Duration::from_mins(*minutes));
                    test.store.promote_tasks().await.unwrap();
                }
                Happening::Crash => {
                    processes.last().unwrap().worker.stop(Duration::ZERO).await;
                    // Whoever claims now dies with it.
                    test.store.promote_tasks().await.unwrap();
                    let _ = test.store.claim(test.ctx.environment, "", 8, 8).await.unwrap();
                    test.clock.advance(LEASE + Duration::from_millis(1));
                    let next = Process::new(test.store.clone(), &world.fake, Mode::Serve);
                    next.worker.start();
                    processes.push(next);
                }
                Happening::Rest => world.no_ready_task_is_left().await,
            }
        }
        eventually("nothing is left to be done", async || {
            test.clock.advance(Duration::from_hours(2));
            test.store.stored_tasks().await.unwrap().is_empty().then_some(())
        })
        .await;
        let seen = sent(test, &subscriber).await;
        for (number, (transaction, canceled)) in (0u64..).zip(&events) {
            let times = seen.get(&number).copied().unwrap_or_default();
            let expected = usize::from(!canceled);
            assert_eq!(
                times, expected,
                "event {number} ({transaction}) of {who}: {happenings:?}"
            );
        }
    }
}

both! {
    async fn every_event_is_in_exactly_one_digest(test) {
        let mut runner = TestRunner::deterministic();
        let hour = json!({ "amount": 1, "unit": "hours" });
        goes_through(&test, "regular", &hour, false, &mut runner).await;
    }

    async fn every_event_is_in_exactly_one_digest_of_its_key(test) {
        let mut runner = TestRunner::deterministic();
        let keyed = json!({ "amount": 1, "unit": "hours", "digestKey": "payload.key" });
        goes_through(&test, "keyed", &keyed, false, &mut runner).await;
    }

    async fn every_event_is_in_exactly_one_timed_digest(test) {
        let mut runner = TestRunner::deterministic();
        goes_through(&test, "timed", &json!({ "cron": "0 * * * *" }), false, &mut runner).await;
    }

    async fn every_event_is_sent_at_once_or_is_in_exactly_one_look_back(test) {
        let mut runner = TestRunner::deterministic();
        let back = json!({ "amount": 1, "unit": "hours", "lookBackWindow": { "amount": 30, "unit": "minutes" } });
        goes_through(&test, "look-back", &back, true, &mut runner).await;
    }
}
