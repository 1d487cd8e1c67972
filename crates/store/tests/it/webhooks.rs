//! Webhook endpoints, changes on their way to them, and the log.

use std::time::Duration;

use campanile_model::channel::DeliveryState;
use campanile_model::{Id, Time};
use campanile_store::Batch;
use campanile_store::changes::RELAYED;
use campanile_store::page::Cursor;
use campanile_store::webhooks::{
    CHANGED, DeliveryFilter, NewWebhookDelivery, OVERLAP, Redrive, WebhookAttempted, WebhookEndpoint, WebhookSettings,
};
use campanile_testkit::{TestStore, both};
use serde_json::json;

fn settings(url: &str) -> WebhookSettings {
    WebhookSettings {
        url: url.to_owned(),
        description: None,
        events: Vec::new(),
    }
}

async fn endpoint(test: &TestStore) -> WebhookEndpoint {
    let mut batch = Batch::new();
    let made = test.store.create_webhook(
        &mut batch,
        &test.ctx,
        settings("https://a.example/x"),
        true,
        "whsec_one",
    );
    test.store.commit(batch).await.unwrap();
    made.unwrap()
}

async fn read(test: &TestStore, id: Id) -> WebhookEndpoint {
    test.store.webhook(&test.ctx, id).await.unwrap().unwrap()
}

/// A delivery that stands so.
async fn delivery(test: &TestStore, endpoint: Id, kind: &str, state: DeliveryState) -> Id {
    let (store, ctx, mut batch) = (&test.store, &test.ctx, Batch::new());
    let new = NewWebhookDelivery {
        id: store.new_id(),
        endpoint_id: endpoint,
        change_id: store.new_id(),
        kind: kind.to_owned(),
        expires_at: store.now().plus(Duration::from_hours(1)),
    };
    store
        .insert_change_for_one(&mut batch, ctx, new.change_id, kind, &json!({}), "{}")
        .unwrap();
    store.insert_webhook_delivery(&mut batch, ctx, &new);
    store.commit(batch).await.unwrap();
    let attempt = store.webhook_attempt(ctx, new.id).await.unwrap().unwrap();
    let mut batch = Batch::new();
    let after = WebhookAttempted {
        state,
        next_attempt_at: None,
        error: None,
        call: Some(store.webhook_call(Duration::from_millis(12), false)),
    };
    store.update_webhook_delivery(&mut batch, ctx, &attempt, &after);
    store.commit(batch).await.unwrap();
    new.id
}

both! {
    async fn a_change_is_passed_on_by_exactly_one(test) {
        let mut batch = Batch::new();
        test.store.announce(&mut batch, &test.ctx, "connection.created", &json!({ "identifier": "a" }));
        test.store.announce(&mut batch, &test.other, "connection.created", &json!({ "identifier": "b" }));
        test.store.commit(batch).await.unwrap();
        let pending = test.store.pending_changes(10).await.unwrap();
        assert_eq!(pending.iter().filter_map(|one| one.identifier()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(pending[1].environment_id, test.other.environment);
        let mut batches = [Batch::background(), Batch::background()];
        for batch in &mut batches {
            for change in &pending {
                test.store.relay_change(batch, change, None).unwrap();
            }
        }
        let [first, second] = batches;
        test.store.commit(first).await.unwrap();
        assert!(test.store.commit(second).await.unwrap_err().is_conflict(RELAYED));
        assert!(test.store.pending_changes(10).await.unwrap().is_empty());
    }

    async fn address_and_secrets_are_sealed_and_read_back(test) {
        let made = endpoint(&test).await;
        let read = read(&test, made.id).await;
        assert!(!format!("{read:?}").contains("a.example") && !format!("{read:?}").contains("whsec"));
        assert_eq!(test.store.webhook_url(&read).unwrap(), "https://a.example/x");
        assert_eq!(test.store.webhook_secret(&read).unwrap(), "whsec_one");
        assert!(test.store.webhook(&test.other, made.id).await.unwrap().is_none());
    }

    async fn of_two_changes_at_once_one_is_told_to_read_again(test) {
        let made = endpoint(&test).await;
        let mut batches = [Batch::new(), Batch::new()];
        for (batch, url) in batches.iter_mut().zip(["https://b.example", "https://c.example"]) {
            test.store.update_webhook(batch, &test.ctx, made.clone(), settings(url), None).unwrap();
        }
        let [first, second] = batches;
        test.store.commit(first).await.unwrap();
        assert!(test.store.commit(second).await.unwrap_err().is_conflict(CHANGED));
        let now = read(&test, made.id).await;
        assert_eq!(test.store.webhook_url(&now).unwrap(), "https://b.example");
    }

    async fn an_old_secret_signs_for_a_day(test) {
        let made = endpoint(&test).await;
        let id = delivery(&test, made.id, "webhook.test", DeliveryState::Waiting).await;
        let mut batch = Batch::new();
        test.store.rotate_webhook_secret(&mut batch, &test.ctx, &made, "whsec_two").unwrap();
        test.store.commit(batch).await.unwrap();
        let secrets = async || {
            let attempt = test.store.webhook_attempt(&test.ctx, id).await.unwrap().unwrap();
            test.store.webhook_attempt_secrets(&attempt).unwrap()
        };
        assert_eq!(secrets().await, ["whsec_two", "whsec_one"]);
        assert!(test.store.previous_secret_until(&read(&test, made.id).await).is_some());
        test.clock.advance(OVERLAP);
        assert_eq!(secrets().await, ["whsec_two"]);
        let mut again = Batch::new();
        test.store.rotate_webhook_secret(&mut again, &test.ctx, &made, "whsec_three").unwrap();
        assert!(test.store.commit(again).await.unwrap_err().is_conflict(CHANGED));
    }

    async fn an_endpoint_is_disabled_once_and_told_of_once(test) {
        let made = endpoint(&test).await;
        let id = delivery(&test, made.id, "webhook.test", DeliveryState::Waiting).await;
        let disable = async |since: Time| {
            let mut batch = Batch::background();
            test.store.disable_webhook(&mut batch, &test.ctx, made.id, "because", since);
            test.store.commit(batch).await.unwrap();
            read(&test, made.id).await.active
        };
        assert!(disable(Time::MAX).await, "it never failed");
        let attempt = test.store.webhook_attempt(&test.ctx, id).await.unwrap().unwrap();
        let mut batch = Batch::background();
        test.store.webhook_failed(&mut batch, &test.ctx, &attempt);
        test.store.commit(batch).await.unwrap();
        let failing = read(&test, made.id).await.failing_since.unwrap();
        assert!(disable(failing.minus(Duration::from_secs(1))).await, "it has not failed for so long");
        assert!(!disable(failing).await);
        assert!(!disable(failing).await);
        let told: Vec<String> = test.store.stored_changes().await.unwrap();
        assert_eq!(told.iter().filter(|kind| *kind == "webhook.disabled").count(), 1);
        assert!(test.store.subscribed(vec![test.ctx.environment]).await.unwrap().is_empty());
        let mut batch = Batch::new();
        let read_now = read(&test, made.id).await;
        test.store.update_webhook(&mut batch, &test.ctx, read_now, settings("https://a.example"), Some(true)).unwrap();
        test.store.commit(batch).await.unwrap();
        let on = read(&test, made.id).await;
        assert!(on.active && on.failing_since.is_none() && on.disabled_reason.is_none());
        assert_eq!(test.store.subscribed(vec![test.ctx.environment]).await.unwrap().len(), 1);
    }

    async fn the_log_is_narrowed_and_what_failed_is_found(test) {
        let (made, other) = (endpoint(&test).await, endpoint(&test).await);
        let done = delivery(&test, made.id, "connection.created", DeliveryState::Delivered).await;
        let expired = delivery(&test, made.id, "connection.created", DeliveryState::Expired).await;
        let rejected = delivery(&test, made.id, "endpoint.broken", DeliveryState::Rejected).await;
        delivery(&test, other.id, "endpoint.broken", DeliveryState::Rejected).await;
        let list = async |states: &[DeliveryState], kind: Option<&str>| {
            let filter = DeliveryFilter { states: states.to_vec(), kind: kind.map(str::to_owned) };
            let page = test.store.list_webhook_deliveries(&test.ctx, made.id, &filter, &Cursor::first(10)).await;
            page.unwrap().rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(list(&[], None).await, [rejected, expired, done]);
        assert_eq!(list(&[DeliveryState::Rejected, DeliveryState::Expired], None).await, [rejected, expired]);
        assert_eq!(list(&[], Some("connection.created")).await, [expired, done]);
        let failed = async |kind: Option<&str>, most| {
            let which = Redrive {
                since: test.store.now().minus(Duration::from_mins(1)),
                until: Time::MAX,
                kind: kind.map(str::to_owned),
                most,
            };
            test.store.failed_webhook_deliveries(&test.ctx, made.id, &which).await.unwrap()
        };
        assert_eq!(failed(None, 10).await, [expired, rejected]);
        assert_eq!(failed(None, 1).await, [expired]);
        assert_eq!(failed(Some("endpoint.broken"), 10).await, [rejected]);
        let calls = test.store.webhook_calls(&test.ctx, done).await.unwrap();
        assert_eq!(calls.iter().map(|call| call.duration).collect::<Vec<_>>(), [12]);
        let found = test.store.webhook_delivery(&test.ctx, made.id, done).await.unwrap().unwrap();
        let body = test.store.webhook_delivery_body(&found).unwrap();
        assert_eq!((body.as_deref(), found.attempts), (Some("{}"), 1));
        assert!(found.kind == "connection.created" && !format!("{found:?}").contains("Some(\"{}\")"));
        assert!(test.store.webhook_delivery(&test.ctx, other.id, done).await.unwrap().is_none());
    }

    async fn what_has_ended_begins_anew_and_what_is_under_way_stays(test) {
        let made = endpoint(&test).await;
        let ended = delivery(&test, made.id, "endpoint.broken", DeliveryState::Rejected).await;
        let waits = delivery(&test, made.id, "endpoint.broken", DeliveryState::Waiting).await;
        let mut batch = Batch::new();
        let until = test.store.now().plus(Duration::from_hours(9));
        test.store.reopen_webhook_deliveries(&mut batch, &test.ctx, &[ended, waits], until);
        test.store.commit(batch).await.unwrap();
        let find = async |id| test.store.webhook_delivery(&test.ctx, made.id, id).await.unwrap().unwrap();
        let again = find(ended).await;
        assert_eq!((again.state, again.expires_at, again.finished_at), (DeliveryState::Pending, until, None));
        assert_eq!(find(waits).await.state, DeliveryState::Waiting);
    }
}
