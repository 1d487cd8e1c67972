//! How SQLite runs the statements of lists: never by reading a whole table, and never by sorting what many rows pass.

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Id};
use campanile_store::Batch;
use campanile_store::connections::{ConnectionFilter, NewConnection, Workspace};
use campanile_store::contexts::ContextFilter;
use campanile_store::db::plans::{Plan, Step};
use campanile_store::endpoints::{EndpointFilter, NewEndpoint};
use campanile_store::grants::Tokens;
use campanile_store::messages::MessageFilter;
use campanile_store::notifications::{ByTopic, NotificationFilter};
use campanile_store::page::{Cursor, Order};
use campanile_store::subscribers::{Subscriber, SubscriberFilter};
use campanile_store::subscriptions::SubscriptionFilter;
use campanile_store::topics::TopicFilter;
use campanile_store::webhooks::DeliveryFilter;
use campanile_testkit::TestStore;
use serde_json::{Map, json};

use crate::lists::integration;

/// More than are looked up and sorted.
const MANY: usize = 210;
/// What no index finds: the results of other steps.
const NO_TABLES: [&str; 6] = [
    "SCAN page",
    "SCAN counted",
    "SCAN few",
    "SCAN CONSTANT ROW",
    "SCAN json_each VIRTUAL TABLE",
    "SCAN s VIRTUAL TABLE",
];

/// Twice as many connections and endpoints as [`MANY`]. Each value of a filter is either that of more than [`MANY`] rows,
/// or that of one.
async fn fill(test: &TestStore) -> Vec<Subscriber> {
    let (store, ctx) = (&test.store, &test.ctx);
    let (slack, webex) = (
        integration(test, "slack").await,
        integration(test, "webex-messaging").await,
    );
    let people: Vec<Subscriber> = (0..=MANY)
        .map(|n| store.new_subscriber(format!("s{n}"), Map::new()))
        .collect();
    let mut batch = Batch::new();
    for person in &people {
        store.insert_subscriber(&mut batch, ctx, person);
    }
    for n in 0..2 * MANY {
        let (half, person) = (n / 2, &people[n / 2]);
        let new = NewConnection {
            identifier: format!("c{n}"),
            integration: if n == 0 { &webex } else { &slack },
            owner: (n % 2 == 0).then_some(person),
            contexts: ContextSet::new((n % 2 == 1).then(|| format!("tenant:t{half}"))),
            workspace: Workspace {
                id: "T".to_owned(),
                name: None,
            },
        };
        let tokens = Tokens {
            access_token: format!("token-{n}"),
            refresh_token: None,
            expires_at: None,
            refresh_token_expires_at: None,
        };
        let made = store.create_connection(&mut batch, ctx, new, &tokens).await.unwrap();
        let of_one = n % 2 == 0;
        let new = NewEndpoint {
            identifier: format!("e{n}"),
            integration: if n == 0 { &webex } else { &slack },
            connection: None,
            subscriber: if of_one { person } else { &people[0] },
            subscriber_is_new: false,
            contexts: ContextSet::new((!of_one).then(|| format!("tenant:t{half}"))),
            kind: "slack_channel",
            address: &json!({ "channelId": "C" }),
            unique: None,
        };
        let named = Some((
            made.id,
            if of_one {
                "c0".to_owned()
            } else {
                made.identifier.clone()
            },
        ));
        let new = NewEndpoint {
            connection: named,
            ..new
        };
        let endpoint = store.create_endpoint(&mut batch, ctx, new).unwrap();
        if half % 2 == 1 || n == 2 {
            let status = if n == 2 {
                HealthStatus::Revoked
            } else {
                HealthStatus::Degraded
            };
            store.set_grant_health(&mut batch, ctx, made.grant.id, 1, status, Some("test"));
            store.set_endpoint_health(&mut batch, ctx, endpoint.id, HealthStatus::Broken, Some("test"));
        }
    }
    store.commit(batch).await.unwrap();
    people
}

/// Narrows a list to something.
type Narrowing<F> = fn(&mut F, &[Subscriber]);

/// Every combination of one of the choices of each filter.
fn combined<F: Clone>(all: F, choices: &[Vec<Narrowing<F>>], people: &[Subscriber]) -> Vec<F> {
    let mut combined = vec![all];
    for choices in choices {
        let with = |filter: &F| {
            let chosen = choices.iter().map(|choose| {
                let mut filter = filter.clone();
                choose(&mut filter, people);
                filter
            });
            chosen.collect::<Vec<_>>()
        };
        combined = combined
            .iter()
            .flat_map(|filter| [vec![filter.clone()], with(filter)].concat())
            .collect();
    }
    combined
}

/// Pages of a list in both orders and directions: the first ones, and those on either side of a row in the middle.
fn cursors(middle: Id) -> [Cursor; 4] {
    let (first, middle) = (Cursor::first(10), Some(middle.to_string()));
    [
        Cursor {
            order: Order::Created,
            ..first.clone()
        },
        Cursor {
            order: Order::Updated,
            ..first.clone()
        },
        Cursor {
            order: Order::Created,
            after: middle.clone(),
            descending: false,
            ..first.clone()
        },
        Cursor {
            order: Order::Updated,
            before: middle,
            ..first
        },
    ]
}

/// A step that reads all rows of a table, or all of an environment although not from an index alone.
fn reads_too_much(step: &Step) -> bool {
    let scans = step.detail.starts_with("SCAN ") && !NO_TABLES.iter().any(|known| step.detail.starts_with(known));
    let whole = ["(environment_id=?)", "(organization_id=?)"];
    let gropes = whole.iter().any(|whole| step.detail.ends_with(whole)) && !step.detail.contains("COVERING INDEX");
    scans || gropes
}

/// Whether it sorts rows that no filter has narrowed, other than those of a page.
fn sorts_too_much(plan: &Plan) -> bool {
    let sorts = plan
        .steps
        .iter()
        .filter(|step| step.detail.contains("TEMP B-TREE FOR ORDER BY"));
    let mut searched = sorts.flat_map(|sort| plan.steps.iter().filter(move |step| step.parent == sort.parent));
    searched.any(|step| step.detail.starts_with("SEARCH t ") && step.detail.matches("=?").count() < 2)
}

async fn hold_plans(test: &TestStore, at_least: usize) {
    let plans = test.store.db().plans().await.unwrap();
    assert!(plans.len() >= at_least, "{} statements were seen", plans.len());
    for plan in plans {
        let bad = plan.steps.iter().any(reads_too_much) || sorts_too_much(&plan);
        assert!(!bad, "{plan:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_combination_of_filters_reads_or_sorts_a_whole_list() {
    let test = TestStore::sqlite().await;
    let (store, ctx, people) = (&test.store, &test.ctx, fill(&test).await);
    let connections = combined(
        ConnectionFilter::default(),
        &[
            vec![
                |f, _| f.integration_identifier = Some("slack".to_owned()),
                |f, _| f.integration_identifier = Some("webex-messaging".to_owned()),
                |f, _| f.channel = Some(Channel::Chat),
            ],
            vec![
                |f, people| f.owners = Some(vec![people[0].id.to_string(), String::new()]),
                |f, _| f.owners = Some(vec![String::new()]),
                |f, people| f.owners = Some(vec![people[0].id.to_string()]),
            ],
            vec![|f, _| f.contexts = Some(String::new()), |f, _| {
                f.contexts = Some("tenant:t7".to_owned());
            }],
            vec![|f, _| f.status = Some(HealthStatus::Active), |f, _| {
                f.status = Some(HealthStatus::Revoked);
            }],
            vec![|f, _| f.identifier = Some("c7".to_owned())],
        ],
        &people,
    );
    let middle = store.connection(ctx, "c100").await.unwrap().unwrap().id;
    store.db().watch();
    for filter in &connections {
        for cursor in cursors(middle) {
            store.list_connections(ctx, filter, &cursor).await.unwrap();
        }
    }
    hold_plans(&test, 300).await;

    let endpoints = combined(
        EndpointFilter::default(),
        &[
            vec![|f, _| f.integration_identifier = Some("slack".to_owned()), |f, _| {
                f.integration_identifier = Some("webex-messaging".to_owned());
            }],
            vec![|f, people| f.subscriber = Some(people[0].id), |f, people| {
                f.subscriber = Some(people[1].id);
            }],
            vec![|f, _| f.contexts = Some(String::new()), |f, _| {
                f.contexts = Some("tenant:t7".to_owned());
            }],
            vec![|f, _| f.status = Some(HealthStatus::Active)],
            vec![|f, _| f.channel = Some(Channel::Chat)],
            vec![|f, _| f.connection_identifier = Some("c0".to_owned()), |f, _| {
                f.connection_identifier = Some("c7".to_owned());
            }],
        ],
        &people,
    );
    let middle = store.endpoint(ctx, "e100").await.unwrap().unwrap().id;
    store.db().watch();
    for filter in &endpoints {
        for cursor in cursors(middle) {
            store.list_endpoints(ctx, filter, &cursor).await.unwrap();
        }
    }
    hold_plans(&test, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_list_reads_a_whole_table() {
    let test = TestStore::sqlite().await;
    let (store, ctx) = (&test.store, &test.ctx);
    let (id, text) = (store.new_id(), || Some("x".to_owned()));
    store.db().watch();
    for order in [Order::Id, Order::Created, Order::Updated] {
        for after in [None, Some(id.to_string())] {
            let cursor = Cursor {
                order,
                after,
                ..Cursor::first(10)
            };
            for filter in [
                SubscriberFilter::default(),
                SubscriberFilter {
                    email: text(),
                    ..SubscriberFilter::default()
                },
                SubscriberFilter {
                    phone: text(),
                    ..SubscriberFilter::default()
                },
                SubscriberFilter {
                    subscriber_id: text(),
                    ..SubscriberFilter::default()
                },
                SubscriberFilter {
                    name: text(),
                    ..SubscriberFilter::default()
                },
            ] {
                store.list_subscribers(ctx, &filter, &cursor).await.unwrap();
            }
            for filter in [
                ContextFilter::default(),
                ContextFilter {
                    kind: text(),
                    ..ContextFilter::default()
                },
                ContextFilter {
                    kind: text(),
                    identifier: text(),
                    search: text(),
                },
            ] {
                store.list_contexts(ctx, &filter, &cursor).await.unwrap();
            }
            store.list_webhooks(ctx, &cursor).await.unwrap();
            for kind in [None, text()] {
                let filter = DeliveryFilter {
                    kind,
                    ..DeliveryFilter::default()
                };
                store.list_webhook_deliveries(ctx, id, &filter, &cursor).await.unwrap();
            }
            for (topic, subscriber) in [(None, None), (Some(id), None), (None, Some(id)), (Some(id), Some(id))] {
                for contexts in [None, text()] {
                    let filter = SubscriptionFilter {
                        topic,
                        subscriber,
                        contexts,
                    };
                    store.list_subscriptions(ctx, &filter, &cursor).await.unwrap();
                }
            }
            for filter in [
                TopicFilter::default(),
                TopicFilter {
                    key: text(),
                    name: text(),
                },
            ] {
                store.list_topics(ctx, &filter, &cursor).await.unwrap();
            }
        }
    }
    for filter in [
        MessageFilter::default(),
        MessageFilter {
            channel: Some(Channel::Chat),
            ..MessageFilter::default()
        },
        MessageFilter {
            subscriber: Some(id),
            ..MessageFilter::default()
        },
        MessageFilter {
            events: Some(vec![id]),
            ..MessageFilter::default()
        },
    ] {
        store.list_messages(ctx, &filter, 0, 10).await.unwrap();
    }
    for filter in [
        NotificationFilter::default(),
        NotificationFilter {
            workflows: vec![id],
            ..NotificationFilter::default()
        },
        NotificationFilter {
            subscribers: Some(vec![id]),
            ..NotificationFilter::default()
        },
        NotificationFilter {
            events: Some(vec![id]),
            ..NotificationFilter::default()
        },
        NotificationFilter {
            topic: Some(ByTopic {
                id,
                key: "team".to_owned(),
            }),
            ..NotificationFilter::default()
        },
    ] {
        store.list_notifications(ctx, &filter, 0, 10).await.unwrap();
    }
    store.grants_by_id(ctx, vec![id, store.new_id()]).await.unwrap();
    let plans = store.db().plans().await.unwrap();
    for plan in &plans {
        let of_grants = plan
            .steps
            .iter()
            .any(|step| step.detail.contains("(organization_id=?)"));
        assert!(!of_grants, "{plan:#?}");
        let sorts = plan.steps.iter().any(|step| step.detail.contains("TEMP B-TREE"));
        assert!(!sorts || !format!("{plan:?}").contains("notifications"), "{plan:#?}");
    }
    assert!(plans.len() >= 60, "{} statements were seen", plans.len());
    for plan in plans {
        let scans = |step: &Step| reads_too_much(step) && step.detail.starts_with("SCAN ");
        assert!(!plan.steps.iter().any(scans), "{plan:#?}");
    }
}
