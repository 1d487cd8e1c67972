//! Workflows: kept, found, and changed by one at a time.

use campanile_model::Ctx;
use campanile_model::channel::{Origin, Severity, WorkflowStatus};
use campanile_model::slug::Reference;
use campanile_store::workflows::{CHANGED, EXISTS, Preferences, Workflow, WorkflowList, WorkflowOrder};
use campanile_store::{Batch, Store, StoreError};
use campanile_testkit::{TestStore, both};
use serde_json::json;

fn made(store: &Store, workflow_id: &str, tags: &[&str]) -> Workflow {
    let now = store.now();
    Workflow {
        id: store.new_id(),
        workflow_id: workflow_id.to_owned(),
        name: format!("Name of {workflow_id}"),
        description: None,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        active: true,
        status: WorkflowStatus::Active,
        validate_payload: true,
        payload_schema: Some(json!({ "type": "object" })),
        translated: false,
        severity: Severity::None,
        origin: Origin::NovuCloud,
        preferences: Preferences {
            user: None,
            default: json!({}),
        },
        steps: Vec::new(),
        last_triggered_at: None,
        published_at: None,
        created_at: now,
        updated_at: now,
    }
}

async fn commit(test: &TestStore, fill: impl FnOnce(&Store, &mut Batch)) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    fill(&test.store, &mut batch);
    test.store.commit(batch).await.map(|_| ())
}

async fn insert(test: &TestStore, workflow: &Workflow) -> Result<(), StoreError> {
    commit(test, |store, batch| store.insert_workflow(batch, &test.ctx, workflow)).await
}

async fn listed(test: &TestStore, ctx: &Ctx, query: Option<&str>, tags: &[&str]) -> Vec<String> {
    let list = WorkflowList {
        limit: 10,
        offset: 0,
        order: WorkflowOrder::Name,
        descending: false,
        query: query.map(str::to_owned),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        status: vec![WorkflowStatus::Active],
    };
    let (rows, total) = test.store.list_workflows(ctx, &list).await.unwrap();
    assert_eq!(usize::try_from(total).unwrap(), rows.len());
    rows.into_iter().map(|workflow| workflow.workflow_id).collect()
}

both! {
    async fn a_workflow_is_read_back_as_it_was_written_and_its_identifier_is_taken(test) {
        let first = made(&test.store, "welcome", &["people"]);
        insert(&test, &first).await.unwrap();
        let again = made(&test.store, "welcome", &[]);
        assert!(insert(&test, &again).await.unwrap_err().is_conflict(EXISTS));
        assert_eq!(test.store.workflow(&test.ctx, &Reference::Id(first.id)).await.unwrap(), Some(first));
    }

    async fn workflows_are_found_by_any_part_of_a_text_and_by_whole_tags(test) {
        for (name, tags) in [("order-shipped", &["Orders", "a\"b"][..]), ("welcome", &["people"])] {
            insert(&test, &made(&test.store, name, tags)).await.unwrap();
        }
        for (query, tags, wanted) in [
            (None, &[][..], &["order-shipped", "welcome"][..]),
            (Some("ORDERS"), &[], &["order-shipped"]),
            (Some("name of w"), &[], &["welcome"]),
            (Some("%"), &[], &[]),
            (None, &["people", "other"], &["welcome"]),
            (None, &["orders"], &[]),
            (None, &["a\"b"], &["order-shipped"]),
        ] {
            assert_eq!(listed(&test, &test.ctx, query, tags).await, wanted, "{query:?} {tags:?}");
        }
        assert!(listed(&test, &test.other, None, &[]).await.is_empty());
    }

    async fn of_two_changes_of_one_reading_the_second_is_refused(test) {
        let read = made(&test.store, "welcome", &[]);
        insert(&test, &read).await.unwrap();
        let renamed = Workflow { name: "Renamed".to_owned(), ..read.clone() };
        let change = |store: &Store, batch: &mut Batch| drop(store.update_workflow(batch, &test.ctx, &read, renamed.clone()));
        commit(&test, change).await.unwrap();
        // Also when both happen within one millisecond.
        assert!(commit(&test, change).await.unwrap_err().is_conflict(CHANGED));
    }

    async fn a_trigger_is_noted_and_a_deleted_workflow_is_gone(test) {
        for name in ["order-shipped", "welcome"] {
            insert(&test, &made(&test.store, name, &[])).await.unwrap();
        }
        let id = test.store.workflow_named(&test.ctx, "welcome").await.unwrap().unwrap().id;
        let before = test.store.now();
        commit(&test, |store, batch| store.mark_triggered(batch, &test.ctx, id)).await.unwrap();
        let read = test.store.workflow_named(&test.ctx, "welcome").await.unwrap().unwrap();
        assert!(read.last_triggered_at.is_some_and(|at| at >= before));
        commit(&test, |store, batch| store.delete_workflow(batch, &test.ctx, &read)).await.unwrap();
        assert_eq!(listed(&test, &test.ctx, None, &[]).await, ["order-shipped"]);
    }
}
