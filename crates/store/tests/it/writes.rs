//! Batches: all or nothing, alone or in a group.

use campanile_store::{Batch, StoreError};
use campanile_testkit::{TestStore, both};
use serde_json::Map;

async fn create(test: &TestStore, id: &str) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    let subscriber = test.store.new_subscriber(id, Map::new());
    test.store.insert_subscriber(&mut batch, &test.ctx, &subscriber);
    test.store.commit(batch).await.map(|_| ())
}

both! {
    async fn of_many_creations_at_once_one_succeeds(test) {
        let results = futures_util::future::join_all((0..40).map(|_| create(&test, "same"))).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let exists = |result: &Result<(), StoreError>| {
            result.as_ref().is_err_and(|error| error.is_conflict(campanile_store::subscribers::EXISTS))
        };
        assert_eq!(results.iter().filter(|result| exists(result)).count(), 39);
    }

    async fn a_failing_batch_does_not_undo_its_neighbours(test) {
        create(&test, "taken").await.unwrap();
        let ids: Vec<String> = (0..60).map(|n| if n % 7 == 0 { "taken".to_owned() } else { format!("s{n}") }).collect();
        let results = futures_util::future::join_all(ids.iter().map(|id| create(&test, id))).await;
        for (id, result) in ids.iter().zip(results) {
            assert_eq!(result.is_ok(), id != "taken", "{id}");
            assert!(test.store.subscriber(&test.ctx, id).await.unwrap().is_some());
        }
    }

    async fn a_batch_leaves_nothing_when_its_last_statement_fails(test) {
        create(&test, "taken").await.unwrap();
        let mut batch = Batch::new();
        for id in ["new", "taken"] {
            let subscriber = test.store.new_subscriber(id, Map::new());
            test.store.insert_subscriber(&mut batch, &test.ctx, &subscriber);
        }
        assert!(test.store.commit(batch).await.is_err());
        assert!(test.store.subscriber(&test.ctx, "new").await.unwrap().is_none());
    }

    async fn a_change_loses_against_one_that_was_quicker(test) {
        create(&test, "a").await.unwrap();
        let read = test.store.subscriber(&test.ctx, "a").await.unwrap().unwrap();
        let change = |name: &str| {
            let mut batch = Batch::new();
            let mut profile = read.profile.clone();
            profile.insert("firstName".to_owned(), name.into());
            test.store.update_subscriber(&mut batch, &test.ctx, &read, &profile);
            batch
        };
        test.store.commit(change("first")).await.unwrap();
        let error = test.store.commit(change("second")).await.unwrap_err();
        assert!(error.is_conflict(campanile_store::subscribers::CHANGED), "{error}");
    }

    async fn another_environment_sees_nothing(test) {
        create(&test, "a").await.unwrap();
        assert!(test.store.subscriber(&test.other, "a").await.unwrap().is_none());
    }
}
