//! Planning: one notification for each event and subscriber.

use std::collections::HashSet;
use std::time::Duration;

use campanile_model::StepType;
use campanile_store::Batch;
use campanile_store::notifications::NotificationFilter;
use campanile_store::tasks::{LEASE, NewTask};
use campanile_testkit::{both, eventually};
use serde_json::{Value, json};

use crate::world::{Mode, World};

/// The task of a plan as accepting made it, once more.
async fn plan_again(world: &World<'_>, transaction_id: &str, from: usize) {
    let (store, ctx) = (&world.test.store, &world.test.ctx);
    let events = store
        .events_of_transactions(ctx, vec![transaction_id.to_owned()])
        .await
        .unwrap();
    let task = NewTask {
        lane: "plan".to_owned(),
        kind: "PlanV1",
        payload: json!({ "event": events[0].1, "from": from }).to_string(),
        run_at: store.now(),
        id: store.new_id(),
    };
    let mut batch = Batch::new();
    store.enqueue(&mut batch, ctx, task);
    store.commit(batch).await.unwrap();
}

fn many(count: usize) -> Value {
    (0..count).map(|number| format!("s{number:03}")).collect()
}

/// The recipients of all notifications, in order.
async fn notified(world: &World<'_>) -> Vec<String> {
    let filter = NotificationFilter::default();
    let (found, _) = world
        .test
        .store
        .list_notifications(&world.test.ctx, &filter, 0, 1000)
        .await
        .unwrap();
    let mut names: Vec<String> = found.into_iter().map(|one| one.recipient).collect();
    names.sort_unstable();
    names
}

both! {
    async fn a_plan_whose_holder_died_is_made_once_by_another(test) {
        let world = World::still(&test, Mode::Serve).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.send("ann", "hello").await;
        // Somebody claims the plan and dies with it.
        let dead = test.store.claim(test.ctx.environment, "", 8, 8).await.unwrap().remove(0);
        test.clock.advance(LEASE + Duration::from_millis(1));
        world.process.worker.start();
        world.ended(&ann).await;
        // What the dead one would have written is refused.
        let mut late = Batch::background();
        test.store.complete_task(&mut late, &dead);
        assert!(test.store.commit(late).await.is_err());
        assert_eq!((world.stories(&ann).await.len(), world.fake.count("C-ANN")), (1, 1));
    }

    async fn a_plan_that_is_run_again_after_it_was_done_makes_nothing(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let accepted = world.trigger("hello", json!("ann")).await;
        world.ended(&ann).await;
        plan_again(&world, &accepted.transaction_id, 0).await;
        // It was tried and given up several times by now.
        eventually("the plan is claimed for the third time", async || {
            test.clock.advance(LEASE + Duration::from_millis(1));
            let tasks = test.store.stored_tasks().await.unwrap();
            tasks.iter().all(|task| task.claims >= 3).then_some(())
        })
        .await;
        assert_eq!((world.stories(&ann).await.len(), world.fake.count("C-ANN")), (1, 1));
    }

    async fn plans_that_keep_losing_their_leases_make_one_notification_each(test) {
        let world = World::start(&test).await;
        let people = ["ann", "bob", "eve"];
        for name in people {
            let one = world.subscriber(name).await;
            world.channel(&one, &format!("C-{name}")).await;
        }
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let triggers = (0..40).map(|_| world.trigger("hello", json!(people)));
        let losing = async {
            for _ in 0..60 {
                test.clock.advance(LEASE + Duration::from_millis(1));
                test.store.promote_tasks().await.unwrap();
            }
        };
        futures_util::future::join(futures_util::future::join_all(triggers), losing).await;
        eventually("no task is left", async || {
            // What lost its lease is claimed again when the lease ends.
            test.clock.advance(Duration::from_secs(1));
            test.store.stored_tasks().await.unwrap().is_empty().then_some(())
        })
        .await;
        let filter = NotificationFilter::default();
        let (found, _) = test.store.list_notifications(&test.ctx, &filter, 0, 1000).await.unwrap();
        let different: HashSet<_> = found.iter().map(|one| (one.event_id, one.subscriber_id)).collect();
        assert_eq!((found.len(), different.len()), (120, 120));
        let ids = found.iter().map(|one| one.id).collect();
        assert_eq!(test.store.messages_of(&test.ctx, ids).await.unwrap().len(), 120);
    }

    async fn a_large_event_reaches_every_recipient_once(test) {
        let world = World::start(&test).await;
        for number in [0, 99, 100, 249] {
            let one = world.subscriber(&format!("s{number:03}")).await;
            world.channel(&one, &format!("C-{number:03}")).await;
        }
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        world.trigger("hello", many(250)).await;
        world.no_task_is_left().await;
        let expected: Vec<String> = (0..250).map(|number| format!("s{number:03}")).collect();
        assert_eq!(notified(&world).await, expected);
        for number in [0, 99, 100, 249] {
            assert_eq!(world.fake.count(&format!("C-{number:03}")), 1);
        }
    }

    async fn a_plan_goes_on_behind_the_last_chunk_that_was_committed(test) {
        let world = World::still(&test, Mode::Serve).await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let accepted = world.trigger("hello", many(250)).await;
        // As if two chunks were planned: the task now begins at the 200th.
        let task = test.store.claim(test.ctx.environment, "", 8, 8).await.unwrap().remove(0);
        let mut batch = Batch::background();
        test.store.complete_task(&mut batch, &task);
        test.store.commit(batch).await.unwrap();
        plan_again(&world, &accepted.transaction_id, 200).await;
        world.process.worker.start();
        world.no_task_is_left().await;
        let expected: Vec<String> = (200..250).map(|number| format!("s{number:03}")).collect();
        assert_eq!(notified(&world).await, expected);
    }

    async fn a_repeated_transaction_id_makes_no_second_event(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let engine = &world.process.engine;
        let results = futures_util::future::join_all((0..20).map(|_| async {
            let workflow = engine.workflow_named(&test.ctx, "hello").await.unwrap().unwrap();
            let trigger = campanile_engine::Trigger {
                workflow,
                recipients: campanile_engine::recipients::parse(&json!("ann")).unwrap(),
                payload: json!({}),
                overrides: json!({}),
                contexts: Vec::new(),
                transaction_id: Some("order-7".to_owned()),
            };
            engine.accept(&test.ctx, trigger, None).await.unwrap().is_new
        }))
        .await;
        assert_eq!(results.iter().filter(|is_new| **is_new).count(), 1);
        world.no_task_is_left().await;
        assert_eq!(world.stories(&ann).await.len(), 1);
    }
}
