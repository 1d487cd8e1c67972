//! The queue: each task once, fair between environments and lanes, nothing lost with its holder.

use std::collections::HashMap;
use std::time::Duration;

use campanile_model::{Ctx, Time};
use campanile_store::tasks::{Again, LEASE, LEASE_LOST, NewTask, Task};
use campanile_store::{Batch, Store};
use campanile_testkit::{TestStore, both};

async fn enqueue(test: &TestStore, ctx: &Ctx, lane: &str, count: usize, run_at: Time) {
    let mut batch = Batch::new();
    for _ in 0..count {
        let id = test.store.new_id();
        let task = NewTask {
            lane: lane.to_owned(),
            kind: "TestV1",
            payload: "{}".to_owned(),
            run_at,
            id,
        };
        test.store.enqueue(&mut batch, ctx, task);
    }
    test.store.commit(batch).await.unwrap();
}

async fn complete(store: &Store, task: &Task) -> bool {
    let mut batch = Batch::background();
    store.complete_task(&mut batch, task);
    store.commit(batch).await.is_ok()
}

both! {
    async fn eight_claimers_do_each_task_once(test) {
        for lane in 0..40 {
            enqueue(&test, &test.ctx, &format!("lane{lane}"), 50, test.store.now()).await;
        }
        let claimers = (0..8).map(|_| {
            let store = test.store.clone();
            let environment = test.ctx.environment;
            tokio::spawn(async move {
                let mut done = Vec::new();
                loop {
                    let tasks = store.claim(environment, "", 16, 64).await.unwrap();
                    if tasks.is_empty() {
                        return done;
                    }
                    for task in tasks {
                        assert!(complete(&store, &task).await);
                        done.push(task.id);
                    }
                }
            })
        });
        let mut done = Vec::new();
        for claimer in futures_util::future::join_all(claimers).await {
            done.extend(claimer.unwrap());
        }
        let count = done.len();
        done.sort_unstable();
        done.dedup();
        assert_eq!((count, done.len()), (2000, 2000));
    }

    async fn a_noisy_lane_does_not_starve_a_quiet_one(test) {
        enqueue(&test, &test.ctx, "a-noisy", 500, test.store.now()).await;
        enqueue(&test, &test.ctx, "b-quiet", 3, test.store.now()).await;
        let tasks = test.store.claim(test.ctx.environment, "", 16, 20).await.unwrap();
        let mut lanes: HashMap<String, usize> = HashMap::new();
        for task in &tasks {
            *lanes.entry(task.lane.clone()).or_default() += 1;
        }
        assert_eq!(lanes["b-quiet"], 3);
        assert!(lanes["a-noisy"] >= 5 && tasks.len() <= 20, "{lanes:?}");
    }

    async fn lanes_are_taken_in_turn(test) {
        for lane in ["a", "b", "c", "d"] {
            enqueue(&test, &test.ctx, lane, 10, test.store.now()).await;
        }
        let first = test.store.claim(test.ctx.environment, "", 2, 10).await.unwrap();
        assert!(first.iter().all(|task| task.lane == "a" || task.lane == "b"));
        let next = test.store.claim(test.ctx.environment, "b", 2, 10).await.unwrap();
        assert!(next.iter().all(|task| task.lane == "c" || task.lane == "d"));
    }

    async fn environments_with_work_are_found(test) {
        assert!(test.store.environments_with_work().await.unwrap().is_empty());
        enqueue(&test, &test.ctx, "a", 3, test.store.now()).await;
        enqueue(&test, &test.other, "a", 3, test.store.now()).await;
        let mut expected = vec![test.ctx.environment, test.other.environment];
        expected.sort_unstable();
        assert_eq!(test.store.environments_with_work().await.unwrap(), expected);
        assert_eq!(test.store.claim(test.other.environment, "", 4, 10).await.unwrap().len(), 3);
        assert_eq!(test.store.environments_with_work().await.unwrap(), [test.ctx.environment]);
    }

    async fn a_task_for_later_is_not_claimed_before_its_time(test) {
        let later = test.store.now().plus(Duration::from_mins(1));
        enqueue(&test, &test.ctx, "a", 1, later).await;
        test.store.promote_tasks().await.unwrap();
        assert!(test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().is_empty());
        assert_eq!(test.store.next_due().await.unwrap(), Some(later));
        test.clock.advance(Duration::from_secs(61));
        assert!(test.store.promote_tasks().await.unwrap());
        assert_eq!(test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().len(), 1);
    }

    async fn a_task_whose_holder_died_is_claimed_again_and_the_dead_can_complete_nothing(test) {
        enqueue(&test, &test.ctx, "a", 1, test.store.now()).await;
        let first = test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().remove(0);
        assert_eq!(first.claims, 1);
        test.clock.advance(LEASE + Duration::from_millis(1));
        assert!(test.store.promote_tasks().await.unwrap());
        let second = test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().remove(0);
        assert_eq!(second.claims, 2);
        assert!(!complete(&test.store, &first).await);
        assert!(complete(&test.store, &second).await);
    }

    async fn a_renewed_lease_is_kept(test) {
        enqueue(&test, &test.ctx, "a", 1, test.store.now()).await;
        let task = test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().remove(0);
        test.clock.advance(LEASE / 2);
        test.store.renew_tasks(vec![task.id]).await.unwrap();
        test.clock.advance(LEASE / 2 + Duration::from_millis(1));
        assert!(!test.store.promote_tasks().await.unwrap());
        assert!(complete(&test.store, &task).await);
    }

    async fn a_held_task_waits_for_its_grant(test) {
        enqueue(&test, &test.ctx, "a", 1, test.store.now()).await;
        let task = test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().remove(0);
        let grant = test.store.new_id();
        let until = test.store.now().plus(Duration::from_hours(1));
        let mut batch = Batch::background();
        test.store.reschedule_task(&mut batch, &task, &Again::Held { grant, until }, "{}");
        test.store.commit(batch).await.unwrap();
        assert!(test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().is_empty());
        let mut batch = Batch::new();
        test.store.release_held(&mut batch, grant);
        test.store.commit(batch).await.unwrap();
        let again = test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].claims, 1);
    }

    async fn rescheduling_a_lost_task_changes_nothing(test) {
        enqueue(&test, &test.ctx, "a", 1, test.store.now()).await;
        let task = test.store.claim(test.ctx.environment, "", 4, 10).await.unwrap().remove(0);
        assert!(complete(&test.store, &task).await);
        let mut batch = Batch::background();
        test.store.reschedule_task(&mut batch, &task, &Again::At(test.store.now()), "{}");
        assert!(test.store.commit(batch).await.unwrap_err().is_conflict(LEASE_LOST));
    }
}
