//! Processes that die, and several at once.

use std::collections::HashMap;
use std::time::Duration;

use campanile_model::StepType;
use campanile_model::channel::{DeliveryState, JobStatus, MessageStatus};
use campanile_store::tasks::LEASE;
use campanile_testkit::fake::{Answer, Gate};
use campanile_testkit::{TestStore, both, eventually};
use serde_json::Value;

use crate::world::{Mode, Process, World};

both! {
    async fn an_attempt_that_died_before_its_result_was_written_is_repeated_and_told(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        // The provider has the message, its answer hangs; meanwhile the lease runs out, as for a process that died.
        let (gate, success) = (Gate::closed(), Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#));
        world.fake.answer("C-ANN", [success.clone().behind(&gate), success]);
        world.send("ann", "hello").await;
        eventually("the provider has the message", async || (world.fake.count("C-ANN") == 1).then_some(())).await;
        eventually("it is sent again", async || {
            test.clock.advance(LEASE + Duration::from_millis(1));
            (world.fake.count("C-ANN") == 2).then_some(())
        })
        .await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Completed, MessageStatus::Sent));
        assert_eq!((story.told("delivery_repeated"), story.told("message_sent")), (1, 1));
        assert_eq!(world.process.metric("deliveries_repeated_total"), 1);
        // The one that was given up comes to its end and writes nothing.
        gate.open();
        eventually("nothing is under way", async || (world.process.metric("tasks_in_flight") == 0).then_some(())).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.told("message_sent"), story.jobs[1].sent, story.jobs[1].open), (1, 1, 0));
        assert_eq!(story.deliveries[0].attempts, 1);
    }

    async fn a_delivery_that_was_claimed_by_a_process_that_died_is_made_by_another(test) {
        let world = World::still(&test, Mode::Serve).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.fake.answer("C-ANN", [Answer::busy(60), Answer::new(200, r#"{"ok":true,"channel":"C","ts":"1.2"}"#)]);
        world.process.worker.start();
        world.send("ann", "hello").await;
        world.until(&ann, "the delivery waits", |story| story.is(&[DeliveryState::Waiting])).await;
        world.process.worker.stop(Duration::from_mins(1)).await;
        test.clock.advance(Duration::from_secs(70));
        test.store.promote_tasks().await.unwrap();
        let claimed = test.store.claim(test.ctx.environment, "", 8, 8).await.unwrap();
        assert_eq!(claimed.len(), 1);
        test.clock.advance(LEASE + Duration::from_millis(1));
        let next = Process::new(test.store.clone(), &world.fake, Mode::Serve);
        next.worker.start();
        let story = world.ended(&ann).await;
        assert_eq!(story.message(), MessageStatus::Sent);
        // It cannot be known that the dead one had not called yet.
        assert_eq!((story.told("delivery_repeated"), next.metric("deliveries_repeated_total")), (1, 1));
        assert_eq!(world.fake.count("C-ANN"), 2);
    }

    async fn a_worker_that_is_stopped_gives_back_what_it_did_not_finish(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        let gate = Gate::closed();
        world.fake.answer("C-ANN", [Answer::new(200, "").behind(&gate)]);
        world.send("ann", "hello").await;
        eventually("the provider has the message", async || (world.fake.count("C-ANN") == 1).then_some(())).await;
        world.process.worker.stop(Duration::from_millis(50)).await;
        let tasks = test.store.stored_tasks().await.unwrap();
        assert_eq!(tasks.iter().map(|task| task.state).collect::<Vec<_>>(), ["ready"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_on_one_database_make_each_delivery_once() {
    const PEOPLE: usize = 40;
    const EVENTS: usize = 10;
    let test = TestStore::postgres().await;
    let world = World::start(&test).await;
    let second = Process::new(test.second_store().await, &world.fake, Mode::Serve);
    second.worker.start();
    for number in 0..PEOPLE {
        let one = world.subscriber(&format!("s{number}")).await;
        world.channel(&one, &format!("C-{number:03}")).await;
    }
    let everybody: Value = (0..PEOPLE).map(|number| format!("s{number}")).collect();
    for event in 0..EVENTS {
        let name = format!("event-{event}");
        world
            .workflow(
                &name,
                &[
                    (StepType::Chat, &format!("{event}-1")),
                    (StepType::Chat, &format!("{event}-2")),
                ],
            )
            .await;
        world.trigger(&name, everybody.clone()).await;
    }
    eventually("everything has come", async || {
        (world.fake.received().len() >= PEOPLE * EVENTS * 2).then_some(())
    })
    .await;
    world.no_task_is_left().await;
    let mut came: HashMap<(String, String), usize> = HashMap::new();
    for request in world.fake.received() {
        let body = request.json();
        let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        *came.entry((word("channel"), word("text"))).or_default() += 1;
    }
    assert_eq!(came.len(), PEOPLE * EVENTS * 2);
    assert!(came.values().all(|count| *count == 1));
    // Both had a part in it, and neither took over from the other.
    for process in [&world.process, &second] {
        assert_eq!(process.metric("deliveries_repeated_total"), 0);
        assert!(attempts(process) > 0);
    }
    assert_eq!(
        attempts(&world.process) + attempts(&second),
        i64::try_from(came.len()).unwrap()
    );
}

fn attempts(process: &Process) -> i64 {
    process.metric("delivery_attempts_total{provider=\"slack\",state=\"delivered\"}")
}
