//! Preferences: merged where they are stored, each context set for itself, gone with their subscriber and workflow.

use campanile_model::choices::Choices;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Id};
use campanile_store::Batch;
use campanile_store::preferences::{PreferenceChange, Preferences};
use campanile_store::subscribers::{CHANGED, Subscriber};
use campanile_testkit::{TestStore, both};
use serde_json::{Map, json};

async fn subscriber(test: &TestStore, name: &str) -> Subscriber {
    let subscriber = test.store.new_subscriber(name, Map::new());
    let mut batch = Batch::new();
    test.store.insert_subscriber(&mut batch, &test.ctx, &subscriber);
    test.store.commit(batch).await.unwrap();
    subscriber
}

fn choice(workflow: Option<Id>, channels: &[(Channel, bool)]) -> PreferenceChange {
    PreferenceChange {
        workflow,
        channels: channels.iter().copied().collect(),
        ..PreferenceChange::default()
    }
}

/// Stores a change, and shows that what is returned is what is stored.
async fn choose(test: &TestStore, whose: &Subscriber, contexts: &ContextSet, change: PreferenceChange) -> Preferences {
    let mut read = test.store.preferences(&test.ctx, whose.id, contexts).await.unwrap();
    let mut batch = Batch::new();
    test.store
        .choose(&mut batch, &test.ctx, whose.id, contexts, &mut read, change);
    test.store.commit(batch).await.unwrap();
    let stored = test.store.preferences(&test.ctx, whose.id, contexts).await.unwrap();
    assert_eq!((&read.global, &read.workflows), (&stored.global, &stored.workflows));
    stored
}

fn of(preferences: &Preferences, workflow: Id) -> Vec<(Channel, bool)> {
    preferences.workflows[&workflow].channels.iter().collect()
}

both! {
    async fn a_change_keeps_what_it_does_not_tell(test) {
        let (ann, none) = (subscriber(&test, "ann").await, ContextSet::default());
        let workflow = test.store.new_id();
        choose(&test, &ann, &none, choice(Some(workflow), &[(Channel::Email, false)])).await;
        let now = choose(&test, &ann, &none, choice(Some(workflow), &[(Channel::Sms, false)])).await;
        assert_eq!(of(&now, workflow), [(Channel::Email, false), (Channel::Sms, false)]);
        let week = json!({ "monday": { "isEnabled": true } });
        let on = PreferenceChange { scheduled: Some(true), week: Some(week.clone()), ..PreferenceChange::default() };
        choose(&test, &ann, &none, on).await;
        let off = PreferenceChange { scheduled: Some(false), ..PreferenceChange::default() };
        let now = choose(&test, &ann, &none, off).await;
        assert_eq!(now.global.unwrap().schedule, Some(json!({ "isEnabled": false, "weeklySchedule": week })));
        assert_eq!(of(&choose(&test, &ann, &none, choice(Some(workflow), &[])).await, workflow).len(), 2);
    }

    async fn what_is_chosen_for_all_takes_the_place_of_what_was_chosen_for_one(test) {
        let (ann, none) = (subscriber(&test, "ann").await, ContextSet::default());
        let tenant = ContextSet::new(["tenant:a".to_owned()]);
        let workflow = test.store.new_id();
        let both = [(Channel::Email, true), (Channel::Chat, true)];
        choose(&test, &ann, &none, choice(Some(workflow), &both)).await;
        choose(&test, &ann, &tenant, choice(Some(workflow), &both)).await;
        let now = choose(&test, &ann, &none, choice(None, &[(Channel::Email, false)])).await;
        assert_eq!(of(&now, workflow), [(Channel::Chat, true)]);
        assert_eq!(now.global.unwrap().channels, Choices::from_iter([(Channel::Email, false)]));
        let elsewhere = test.store.preferences(&test.ctx, ann.id, &tenant).await.unwrap();
        assert_eq!((of(&elsewhere, workflow), elsewhere.global), (both.to_vec(), None));
    }

    async fn changes_at_the_same_time_do_not_harm_each_other(test) {
        let (ann, none) = (subscriber(&test, "ann").await, ContextSet::default());
        let workflow = test.store.new_id();
        let changes = Channel::ALL.iter().map(|channel| {
            let (test, ann, none) = (&test, &ann, &none);
            async move {
                // All of them begin with what is there before the first.
                let mut batch = Batch::new();
                let change = choice(Some(workflow), &[(*channel, false)]);
                test.store.choose(&mut batch, &test.ctx, ann.id, none, &mut Preferences::default(), change);
                test.store.commit(batch).await.unwrap();
            }
        });
        futures_util::future::join_all(changes).await;
        let stored = test.store.preferences(&test.ctx, ann.id, &none).await.unwrap();
        assert_eq!(stored.workflows[&workflow].channels, Choices::all(false));
    }

    async fn what_is_needed_for_sending_is_read_at_once(test) {
        let (ann, ben) = (subscriber(&test, "ann").await, subscriber(&test, "ben").await);
        let (none, tenant) = (ContextSet::default(), ContextSet::new(["tenant:a".to_owned()]));
        let (first, second) = (test.store.new_id(), test.store.new_id());
        let off = [(Channel::Email, false)];
        choose(&test, &ann, &none, choice(None, &off)).await;
        choose(&test, &ann, &none, choice(Some(first), &off)).await;
        choose(&test, &ann, &none, choice(Some(second), &off)).await;
        choose(&test, &ben, &tenant, choice(Some(first), &off)).await;
        let read = async |sets: &[&ContextSet]| {
            let sets = sets.iter().map(|set| set.stored()).collect();
            let rows = test.store.preferences_for(&test.ctx, vec![ann.id, ben.id], sets, &[first]).await.unwrap();
            let mut rows: Vec<_> = rows.into_iter().map(|row| (row.subscriber, row.workflow)).collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(read(&[&none]).await, [(ann.id, None), (ann.id, Some(first))]);
        assert_eq!(read(&[&none, &tenant]).await.len(), 3);
        let other = test.store.preferences_for(&test.other, vec![ann.id], vec![none.stored()], &[first]).await.unwrap();
        assert!(other.is_empty(), "an environment sees its own");
    }

    async fn nothing_is_chosen_for_who_is_gone(test) {
        let (ann, none) = (subscriber(&test, "ann").await, ContextSet::default());
        choose(&test, &ann, &none, choice(None, &[(Channel::Email, false)])).await;
        let mut batch = Batch::new();
        test.store.delete_subscriber(&mut batch, &test.ctx, ann.id);
        test.store.commit(batch).await.unwrap();
        assert!(test.store.preferences(&test.ctx, ann.id, &none).await.unwrap().global.is_none());
        let mut batch = Batch::new();
        let change = choice(None, &[(Channel::Email, false)]);
        test.store.choose(&mut batch, &test.ctx, ann.id, &none, &mut Preferences::default(), change);
        assert!(test.store.commit(batch).await.unwrap_err().is_conflict(CHANGED));
        assert!(test.store.preferences(&test.ctx, ann.id, &none).await.unwrap().global.is_none());
    }
}
