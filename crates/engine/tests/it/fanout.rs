//! Events for topics and for everybody: whom they reach, and what happens to them when processes die.

use std::collections::HashSet;
use std::time::Duration;

use campanile_engine::Trigger;
use campanile_engine::recipients::{self, Recipients};
use campanile_model::context::ContextSet;
use campanile_model::{Id, StepType};
use campanile_store::Batch;
use campanile_store::notifications::{Notification, NotificationFilter};
use campanile_store::subscribers::Subscriber;
use campanile_store::subscriptions::{Rule, Subscription};
use campanile_store::tasks::LEASE;
use campanile_testkit::{TestStore, both, eventually};
use serde_json::{Map, Value, json};

use crate::world::{Mode, Process, World};

/// More than a few chunks, the last one not full.
const CROWD: usize = 350;

/// Subscribers of these names, in one commit.
async fn crowd(test: &TestStore, prefix: &str, count: usize) -> Vec<Subscriber> {
    let people: Vec<Subscriber> = (0..count)
        .map(|number| test.store.new_subscriber(format!("{prefix}-{number:04}"), Map::new()))
        .collect();
    let mut batch = Batch::new();
    for one in &people {
        test.store.insert_subscriber(&mut batch, &test.ctx, one);
    }
    test.store.commit(batch).await.unwrap();
    people
}

/// A topic of these members; `rules` are what each subscription says.
async fn topic(test: &TestStore, key: &str, members: &[Subscriber], rules: &[Rule]) -> Id {
    let (store, ctx) = (&test.store, &test.ctx);
    let mut batch = Batch::new();
    let topic = store.create_topic(&mut batch, ctx, key, None);
    for member in members {
        let now = store.now();
        let subscription = Subscription {
            id: store.new_id(),
            topic_id: topic.id,
            subscriber_id: member.id,
            identifier: format!("tk_{key}:si_{}", member.subscriber_id),
            name: None,
            contexts: ContextSet::default(),
            preferences: rules.to_vec(),
            created_at: now,
            updated_at: now,
        };
        store.insert_subscription(&mut batch, ctx, &subscription);
    }
    store.commit(batch).await.unwrap();
    topic.id
}

fn to_topics(keys: &[&str]) -> Value {
    keys.iter()
        .map(|key| json!({ "type": "Topic", "topicKey": key }))
        .collect()
}

async fn notified(test: &TestStore) -> Vec<Notification> {
    let filter = NotificationFilter::default();
    let (mut found, _) = test
        .store
        .list_notifications(&test.ctx, &filter, 0, 10_000)
        .await
        .unwrap();
    found.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    found
}

fn names(notifications: &[Notification]) -> Vec<&str> {
    notifications.iter().map(|one| one.recipient.as_str()).collect()
}

fn names_of(people: &[Subscriber]) -> Vec<&str> {
    people.iter().map(|one| one.subscriber_id.as_str()).collect()
}

both! {
    async fn invariant_1_each_member_of_several_topics_and_each_who_is_named_is_notified_once(test) {
        let world = World::start(&test).await;
        let people = crowd(&test, "s", CROWD).await;
        topic(&test, "one", &people[..250], &[]).await;
        topic(&test, "two", &people[150..], &[]).await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let mut to = vec![json!("s-0003"), json!("new"), json!("s-0349")];
        to.extend(to_topics(&["one", "missing", "two", "one"]).as_array().cloned().unwrap());
        let accepted = world.trigger("hello", Value::Array(to)).await;
        world.no_task_is_left().await;
        let found = notified(&test).await;
        let mut expected = names_of(&people);
        expected.insert(0, "new");
        assert_eq!(names(&found), expected);
        // Where it came from is known, and that one topic is not there is told.
        let through = |name: &str| found.iter().find(|one| one.recipient == name).and_then(|one| one.topic.clone());
        assert_eq!(through("s-0003"), None);
        assert_eq!(through("s-0200").map(|topic| topic.key).as_deref(), Some("one"));
        assert_eq!(through("s-0300").map(|topic| topic.key).as_deref(), Some("two"));
        let events = test.store.events_of_transactions(&test.ctx, vec![accepted.transaction_id]).await.unwrap();
        let traces = test.store.traces_of(&test.ctx, vec![events[0].1]).await.unwrap();
        assert_eq!(traces.iter().map(|trace| trace.detail.as_str()).collect::<Vec<_>>(), ["topic_not_found"]);
    }

    async fn a_broadcast_reaches_everybody_who_was_there_once(test) {
        let world = World::still(&test, Mode::Serve).await;
        let people = crowd(&test, "s", CROWD).await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let engine = &world.process.engine;
        let trigger = Trigger {
            workflow: engine.workflow_named(&test.ctx, "hello").await.unwrap().unwrap(),
            recipients: Recipients::everybody(),
            payload: json!({}),
            overrides: json!({}),
            contexts: Vec::new(),
            transaction_id: None,
        };
        engine.accept(&test.ctx, trigger, None).await.unwrap();
        test.clock.advance(Duration::from_mins(2));
        crowd(&test, "later", 3).await;
        world.process.worker.start();
        world.no_task_is_left().await;
        assert_eq!(names(&notified(&test).await), names_of(&people));
    }

    async fn invariant_2_an_accepted_event_survives_crashes_of_its_fan_out_and_nobody_is_planned_twice(test) {
        let first = World::still(&test, Mode::Serve).await;
        let people = crowd(&test, "s", CROWD).await;
        topic(&test, "all", &people, &[]).await;
        first.workflow("hello", &[(StepType::Chat, "hello")]).await;
        first.trigger("hello", to_topics(&["all"])).await;
        // Each process does a little, and is gone with its leases before it is done.
        let mut processes = Vec::new();
        let mut seen = 0;
        while !test.store.stored_tasks().await.unwrap().is_empty() {
            let process = Process::new(test.store.clone(), &first.fake, Mode::Serve);
            process.worker.start();
            eventually("it came a little further", async || {
                let now = notified(&test).await.len();
                (now > seen || test.store.stored_tasks().await.unwrap().is_empty()).then_some(())
            })
            .await;
            process.worker.stop(Duration::ZERO).await;
            processes.push(process);
            seen = notified(&test).await.len();
            // Whoever claims now dies with it.
            let _ = test.store.claim(test.ctx.environment, "", 8, 8).await.unwrap();
            test.clock.advance(LEASE + Duration::from_millis(1));
            test.store.promote_tasks().await.unwrap();
        }
        assert_eq!(names(&notified(&test).await), names_of(&people));
        assert!(processes.len() > 1, "it was done in one go");
    }

    async fn fan_outs_that_keep_losing_their_leases_make_one_notification_each(test) {
        let world = World::start(&test).await;
        let people = crowd(&test, "s", 250).await;
        topic(&test, "all", &people, &[]).await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let triggers = (0..5).map(|_| world.trigger("hello", to_topics(&["all"])));
        let losing = async {
            for _ in 0..40 {
                test.clock.advance(LEASE + Duration::from_millis(1));
                test.store.promote_tasks().await.unwrap();
            }
        };
        futures_util::future::join(futures_util::future::join_all(triggers), losing).await;
        eventually("no task is left", async || {
            test.clock.advance(Duration::from_secs(1));
            test.store.stored_tasks().await.unwrap().is_empty().then_some(())
        })
        .await;
        let found = notified(&test).await;
        let different: HashSet<_> = found.iter().map(|one| (one.event_id, one.subscriber_id)).collect();
        assert_eq!((found.len(), different.len()), (1250, 1250));
    }

    async fn somebody_whose_rules_say_no_has_no_notification_and_the_event_says_why(test) {
        let world = World::start(&test).await;
        let people = crowd(&test, "s", 2).await;
        let workflow = world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let off = Rule {
            workflows: vec![workflow.id],
            enabled: Some(false),
            condition: None,
        };
        topic(&test, "off", &people[..1], &[off]).await;
        topic(&test, "on", &people, &[]).await;
        let refused = world.trigger("hello", to_topics(&["off"])).await;
        world.no_task_is_left().await;
        assert_eq!(notified(&test).await.len(), 0);
        let events = test.store.events_of_transactions(&test.ctx, vec![refused.transaction_id]).await.unwrap();
        let traces = test.store.traces_of(&test.ctx, vec![events[0].1]).await.unwrap();
        let raw: Value = serde_json::from_str(traces[0].raw.as_deref().unwrap()).unwrap();
        assert_eq!(traces[0].detail, "topic_subscription_preference_evaluation");
        assert_eq!((&raw["subscriberId"], &raw["passed"]), (&json!("s-0000"), &json!(false)));
        // Another topic lets it through.
        world.trigger("hello", to_topics(&["off", "on"])).await;
        world.no_task_is_left().await;
        assert_eq!(names(&notified(&test).await), names_of(&people));
    }

    async fn a_hundred_events_are_one_commit_of_which_none_or_all_are_there(test) {
        let world = World::still(&test, Mode::Serve).await;
        world.workflow("hello", &[(StepType::Chat, "hello")]).await;
        let engine = &world.process.engine;
        let workflow = engine.workflow_named(&test.ctx, "hello").await.unwrap().unwrap();
        let triggers = |prefix: &str| -> Vec<Trigger> {
            let one = |number: usize| Trigger {
                workflow: workflow.clone(),
                recipients: recipients::parse(&json!("ann")).unwrap(),
                payload: json!({}),
                overrides: json!({}),
                contexts: Vec::new(),
                transaction_id: Some(format!("{prefix}-{number}")),
            };
            (0..100).map(one).collect()
        };
        let mut batch = Batch::new();
        engine.add_events(&mut batch, &test.ctx, &triggers("first")).unwrap();
        test.store.commit(batch).await.unwrap();
        assert_eq!(test.store.stored_tasks().await.unwrap().len(), 100);
        let mut again = triggers("second");
        again[99].transaction_id = Some("first-0".to_owned());
        let mut batch = Batch::new();
        engine.add_events(&mut batch, &test.ctx, &again).unwrap();
        let error = test.store.commit(batch).await.unwrap_err();
        assert!(error.is_conflict(campanile_store::events::REPEATED));
        assert_eq!(test.store.stored_tasks().await.unwrap().len(), 100);
    }
}
