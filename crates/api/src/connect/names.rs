//! What people call the places that are chosen, from the vendor's own lists.

use campanile_connect::destinations::{self, Destination, Kind, Query};
use campanile_store::connections::Connection;
use campanile_store::endpoints::Endpoint;
use serde_json::Value;

use super::visit::Visit;
use crate::call::Call;

/// The channels of more teams than this are called by their ids: each team is a list of its own at the vendor.
const TEAMS: usize = 5;

/// A place by its address, and what people call it.
pub(super) type Name = (Value, String);

/// The names of the chosen places, as far as whole lists hold them. A list that cannot be had leaves out its names.
pub(super) async fn of(
    call: &Call,
    visit: &Visit,
    connection: &Connection,
    kind: Kind,
    chosen: &[(Endpoint, Value)],
) -> Vec<Name> {
    if chosen.is_empty() {
        return Vec::new();
    }
    if !destinations::within_team(connection, kind) {
        let listed = everything(call, visit, connection, kind, None).await;
        return listed.iter().filter_map(name).collect();
    }
    let team_of = |address: &'_ Value| address.get("teamId").and_then(Value::as_str).map(str::to_owned);
    let mut ids: Vec<String> = chosen.iter().filter_map(|(_, address)| team_of(address)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(TEAMS);
    if ids.is_empty() {
        return Vec::new();
    }
    let teams = everything(call, visit, connection, Kind::Team, None).await;
    let mut names = Vec::new();
    for team in teams.iter().filter(|team| ids.contains(&team.id)) {
        let listed = everything(call, visit, connection, kind, Some(&team.id)).await;
        let within = |(address, label)| (address, format!("{} / {label}", team.name));
        names.extend(listed.iter().filter_map(name).map(within));
    }
    names
}

/// The name of a team.
pub(super) async fn team(call: &Call, visit: &Visit, connection: &Connection, id: &str) -> Option<String> {
    let teams = everything(call, visit, connection, Kind::Team, None).await;
    teams.into_iter().find(|team| team.id == id).map(|team| team.name)
}

/// A whole list, or nothing of it.
async fn everything(
    call: &Call,
    visit: &Visit,
    connection: &Connection,
    kind: Kind,
    parent: Option<&str>,
) -> Vec<Destination> {
    if destinations::letters_wanted(connection, kind).is_some() {
        return Vec::new();
    }
    let query = Query {
        kind,
        query: None,
        after: None,
        limit: usize::MAX,
        parent: parent.map(str::to_owned),
        refresh: false,
    };
    let listed = destinations::list(call.app.connect(), &visit.ctx, connection, query).await;
    listed
        .ok()
        .filter(|page| page.complete)
        .map(|page| page.data)
        .unwrap_or_default()
}

fn name(destination: &Destination) -> Option<Name> {
    let place = destination.endpoint.as_ref()?;
    Some((place.endpoint.clone(), label(destination)))
}

/// As the vendor's own application writes it.
pub(super) fn label(destination: &Destination) -> String {
    let is_slack_channel = destination
        .endpoint
        .as_ref()
        .is_some_and(|place| place.kind == "slack_channel");
    if is_slack_channel && !destination.name.starts_with('#') {
        format!("#{}", destination.name)
    } else {
        destination.name.clone()
    }
}

/// Whether two addresses on one connection are one place. A person of Microsoft's may come with their tenant or without:
/// it is that of the connection.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let user = |address: &Value| address.get("userId").and_then(Value::as_str).map(str::to_owned);
    one == other || user(one).is_some_and(|id| user(other).as_deref() == Some(id.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_is_one_place_with_and_without_their_tenant() {
        let table = [
            (
                json!({ "userId": "u" }),
                json!({ "userId": "u", "tenantId": "t" }),
                true,
            ),
            (json!({ "userId": "u" }), json!({ "userId": "v" }), false),
            (json!({ "channelId": "c" }), json!({ "channelId": "c" }), true),
            (
                json!({ "teamId": "a", "channelId": "c" }),
                json!({ "teamId": "b", "channelId": "c" }),
                false,
            ),
            (json!({}), json!({ "userId": "u" }), false),
        ];
        for (one, other, expected) in table {
            assert_eq!(same(&one, &other), expected, "{one} {other}");
        }
    }
}
