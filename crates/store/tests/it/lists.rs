//! Lists of connections and endpoints: every filter and order finds what it should, and counts it.

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Id};
use campanile_store::Batch;
use campanile_store::connections::{ConnectionFilter, NewConnection, Workspace};
use campanile_store::endpoints::{EndpointFilter, NewEndpoint};
use campanile_store::grants::Tokens;
use campanile_store::integrations::{Integration, Kind, NewIntegration};
use campanile_store::page::{Cursor, Order};
use campanile_store::subscribers::Subscriber;
use campanile_testkit::{TestStore, both};
use serde_json::{Map, json};

const STATUSES: [HealthStatus; 3] = [HealthStatus::Active, HealthStatus::Degraded, HealthStatus::Revoked];

pub(crate) async fn integration(test: &TestStore, provider: &str) -> Integration {
    let read = test.store.integrations_to_change(&test.ctx).await.unwrap();
    let new = NewIntegration {
        identifier: Some(provider.to_owned()),
        name: provider.to_owned(),
        provider_id: provider.to_owned(),
        channel: Some(Channel::Chat),
        kind: Kind::Delivery,
        credentials: Map::new(),
        configurations: Map::new(),
        conditions: Vec::new(),
        active: true,
        send_real: false,
    };
    let mut batch = Batch::new();
    let made = test
        .store
        .create_integration(&mut batch, &test.ctx, &read, new)
        .unwrap();
    test.store.commit(batch).await.unwrap();
    made
}

/// Two subscribers, two integrations with rows and one without, eighteen connections with an endpoint each.
async fn fill(test: &TestStore) -> [Subscriber; 2] {
    let (store, ctx) = (&test.store, &test.ctx);
    let people = ["ann", "bob"].map(|name| store.new_subscriber(name, Map::new()));
    let mut batch = Batch::new();
    for person in &people {
        store.insert_subscriber(&mut batch, ctx, person);
    }
    store.commit(batch).await.unwrap();
    let accounts = [
        integration(test, "slack").await,
        integration(test, "webex-messaging").await,
    ];
    integration(test, "discord").await;
    for n in 0..18 {
        let mut batch = Batch::new();
        let owner = [None, Some(&people[0]), Some(&people[1])][n % 3];
        let new = NewConnection {
            identifier: format!("c{n:02}"),
            integration: &accounts[n % 2],
            owner,
            contexts: ContextSet::new([format!("tenant:t{n}")]),
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
        let new = NewEndpoint {
            identifier: format!("e{n:02}"),
            integration: &accounts[n % 2],
            connection: Some((made.id, made.identifier.clone())),
            subscriber: &people[n % 2],
            subscriber_is_new: false,
            contexts: made.contexts.clone(),
            kind: "slack_channel",
            address: &json!({ "channelId": "C" }),
            unique: None,
        };
        let endpoint = store.create_endpoint(&mut batch, ctx, new).unwrap();
        store.commit(batch).await.unwrap();
        let mut batch = Batch::new();
        let status = STATUSES[n / 6];
        if status != HealthStatus::Active {
            store.set_grant_health(
                &mut batch,
                ctx,
                made.grant.id,
                made.grant.generation,
                status,
                Some("test"),
            );
            store.set_endpoint_health(&mut batch, ctx, endpoint.id, HealthStatus::Broken, Some("test"));
        }
        store.commit(batch).await.unwrap();
    }
    people
}

/// Numbers of the rows that pass, in order.
fn expected(pass: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..18).filter(|n| pass(*n)).collect()
}

/// Pages through a list in every order and direction, and holds what it shows against what it should.
macro_rules! holds {
    ($test:ident, $list:ident, $filter:expr, $expected:expr) => {{
        let (filter, expected): (_, Vec<usize>) = ($filter, $expected);
        for order in [Order::Id, Order::Created, Order::Updated] {
            for descending in [false, true] {
                let (mut after, mut shown): (Option<Id>, Vec<usize>) = (None, Vec::new());
                loop {
                    let cursor = Cursor {
                        order,
                        descending,
                        after: after.map(|id| id.to_string()),
                        ..Cursor::first(4)
                    };
                    let page = $test.store.$list(&$test.ctx, &filter, &cursor).await.unwrap();
                    assert_eq!(
                        page.total,
                        i64::try_from(expected.len()).unwrap(),
                        "{filter:?} {order:?}"
                    );
                    assert_eq!(
                        page.previous.is_some(),
                        after.is_some() && !page.rows.is_empty(),
                        "{filter:?} {order:?}"
                    );
                    shown.extend(
                        page.rows
                            .iter()
                            .map(|row| row.identifier[1..].parse::<usize>().unwrap()),
                    );
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                if descending {
                    shown.reverse();
                }
                assert_eq!(shown, expected, "{filter:?} {order:?} {descending}");
            }
        }
    }};
}

both! {
    async fn connections_are_found_by_each_filter_in_each_order(test) {
        let [ann, _] = fill(&test).await;
        let all = ConnectionFilter::default();
        let named = |name: &str| Some(name.to_owned());
        let ann_or_shared = Some(vec![ann.id.to_string(), String::new()]);
        holds!(test, list_connections, all.clone(), expected(|_| true));
        holds!(test, list_connections, ConnectionFilter { integration_identifier: named("slack"), ..all.clone() }, expected(|n| n % 2 == 0));
        holds!(test, list_connections, ConnectionFilter { integration_identifier: named("discord"), ..all.clone() }, expected(|_| false));
        holds!(test, list_connections, ConnectionFilter { integration_identifier: named("nowhere"), ..all.clone() }, expected(|_| false));
        holds!(test, list_connections, ConnectionFilter { provider_id: named("webex-messaging"), ..all.clone() }, expected(|n| n % 2 == 1));
        holds!(test, list_connections, ConnectionFilter { channel: Some(Channel::Chat), ..all.clone() }, expected(|_| true));
        holds!(test, list_connections, ConnectionFilter { channel: Some(Channel::Sms), ..all.clone() }, expected(|_| false));
        holds!(test, list_connections, ConnectionFilter { owners: ann_or_shared, ..all.clone() }, expected(|n| n % 3 != 2));
        holds!(test, list_connections, ConnectionFilter { owners: Some(Vec::new()), ..all.clone() }, expected(|_| false));
        holds!(test, list_connections, ConnectionFilter { contexts: named("tenant:t7"), ..all.clone() }, expected(|n| n == 7));
        for (index, status) in STATUSES.into_iter().enumerate() {
            holds!(test, list_connections, ConnectionFilter { status: Some(status), ..all.clone() }, expected(|n| n / 6 == index));
            let slack = ConnectionFilter { status: Some(status), integration_identifier: named("slack"), ..all.clone() };
            holds!(test, list_connections, slack, expected(|n| n / 6 == index && n % 2 == 0));
        }
        holds!(test, list_connections, ConnectionFilter { status: Some(HealthStatus::NeedsReauth), ..all.clone() }, expected(|_| false));
    }

    async fn endpoints_are_found_by_each_filter_in_each_order(test) {
        let [_, bob] = fill(&test).await;
        let all = EndpointFilter::default();
        let named = |name: &str| Some(name.to_owned());
        holds!(test, list_endpoints, all.clone(), expected(|_| true));
        holds!(test, list_endpoints, EndpointFilter { subscriber: Some(bob.id), ..all.clone() }, expected(|n| n % 2 == 1));
        holds!(test, list_endpoints, EndpointFilter { channel: Some(Channel::Chat), ..all.clone() }, expected(|_| true));
        holds!(test, list_endpoints, EndpointFilter { channel: Some(Channel::Push), ..all.clone() }, expected(|_| false));
        holds!(test, list_endpoints, EndpointFilter { provider_id: named("slack"), ..all.clone() }, expected(|n| n % 2 == 0));
        holds!(test, list_endpoints, EndpointFilter { integration_identifier: named("discord"), ..all.clone() }, expected(|_| false));
        holds!(test, list_endpoints, EndpointFilter { connection_identifier: named("c03"), ..all.clone() }, expected(|n| n == 3));
        holds!(test, list_endpoints, EndpointFilter { contexts: named("tenant:t7"), ..all.clone() }, expected(|n| n == 7));
        holds!(test, list_endpoints, EndpointFilter { status: Some(HealthStatus::Broken), ..all.clone() }, expected(|n| n >= 6));
    }
}
