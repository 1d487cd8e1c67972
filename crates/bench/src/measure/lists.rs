//! How quickly a page of connections or endpoints comes when there are ten thousand of each: every filter, both orders,
//! the first page and one far behind it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Bench;
use crate::load::{Percentiles, SUBSCRIBERS};
use crate::setup::Api;
use crate::{Result, progress};

pub(crate) const ROWS: u64 = 10_000;
/// How often each page is asked for: until it was asked for often enough, or its time is over.
const TIMES: usize = 100;
const FEWEST: usize = 10;
const LONGEST: Duration = Duration::from_millis(500);
/// As many connections to the server as make its commits go in groups.
pub(super) const WRITERS: u64 = 32;
/// What the server answers without looking anything up, to tell a slow list from a machine that is busy.
const NOTHING: &str = "/healthz";
/// An integration without any of them.
const EMPTY: &str = "lists-empty";

pub(crate) struct Lists {
    /// The times of the slowest list; which one it is goes to the terminal.
    pub(crate) slowest: Percentiles,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Lists> {
    let writers = (0..WRITERS).map(|writer| fill(bench, writer));
    futures_util::future::try_join_all(writers).await?;
    let mut slowest: Option<(String, Percentiles)> = None;
    let mut api = Api::open(&bench.server).await?;
    let paths = paths(&mut api).await?;
    let nothing = times(&mut api, NOTHING).await?;
    let number = paths.len();
    for path in paths {
        let times = times(&mut api, &path).await?;
        if slowest.as_ref().is_none_or(|(_, known)| known.p99_ms < times.p99_ms) {
            slowest = Some((path, times));
        }
    }
    let (path, slowest) = slowest.ok_or("no list was measured")?;
    progress(&format!(
        "the slowest of {number} lists: {path}; {NOTHING} took {:.1} / {:.1} ms",
        nothing.p50_ms, nothing.p99_ms
    ));
    Ok(Lists { slowest })
}

async fn times(api: &mut Api, path: &str) -> Result<Percentiles> {
    // The first one finds cold caches and statements that are not prepared yet.
    api.get(path).await?;
    let (begun, mut took) = (Instant::now(), Vec::with_capacity(TIMES));
    while took.len() < FEWEST || took.len() < TIMES && begun.elapsed() < LONGEST {
        let start = Instant::now();
        api.get(path).await?;
        took.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(Percentiles::of(&mut took))
}

/// One writer's share of the rows: half of the connections are shared, each in a context of its own.
async fn fill(bench: &Bench<'_>, writer: u64) -> Result<()> {
    let mut api = Api::open(&bench.server).await?;
    if writer == 0 {
        let body = json!({
            "providerId": "slack", "channel": "chat", "identifier": EMPTY, "name": "Lists", "active": true,
            "check": false, "credentials": {},
        });
        api.create("/v1/integrations", &body).await?;
    }
    for n in (writer..ROWS).step_by(usize::try_from(WRITERS).unwrap_or(1)) {
        let (name, subscriber) = (format!("list-{n:05}"), format!("s{:03}", n % SUBSCRIBERS));
        let context = json!({ "tenant": format!("t{n:05}") });
        let owner = (n % 2 == 0).then_some(&subscriber);
        let body = json!({
            "identifier": name, "integrationIdentifier": "slack", "subscriberId": owner, "context": context,
            "connectionMode": if owner.is_some() { "subscriber" } else { "shared" },
            "workspace": {"id": format!("T{n:09}")}, "auth": {"accessToken": format!("list-token-{n:05}")},
        });
        api.create("/v1/channel-connections", &body).await?;
        let body = json!({
            "type": "slack_channel", "integrationIdentifier": "slack", "connectionIdentifier": name,
            "subscriberId": subscriber, "context": context, "endpoint": {"channelId": format!("C{n:09}")},
        });
        api.create("/v1/channel-endpoints", &body).await?;
    }
    Ok(())
}

/// Every list that is measured.
async fn paths(api: &mut Api) -> Result<Vec<String>> {
    let filters = [
        "",
        "&integrationIdentifier=slack",
        "&integrationIdentifier=lists-empty",
        "&providerId=slack",
        "&channel=chat",
        "&subscriberId=s007",
        "&contextKeys=tenant:t00042",
        "&contextKeys=",
        "&healthStatus=active",
        "&healthStatus=revoked",
        "&integrationIdentifier=slack&healthStatus=active&channel=chat",
        "&integrationIdentifier=slack&healthStatus=revoked&channel=chat",
        "&subscriberId=s007&integrationIdentifier=slack&healthStatus=active",
        "&subscriberId=s007&contextKeys=",
    ];
    let mut paths = Vec::new();
    for list in ["/v1/channel-connections", "/v1/channel-endpoints"] {
        for order in ["createdAt", "updatedAt"] {
            let first = format!("{list}?limit=100&orderBy={order}");
            // From the other end it is as far to the middle as it gets.
            let far = api.get(&format!("{first}&orderDirection=ASC")).await?;
            let far = far["next"]
                .as_str()
                .ok_or("the list is too short to measure")?
                .to_owned();
            for filter in filters {
                paths.push(format!("{first}{filter}"));
            }
            paths.push(format!("{first}&after={far}"));
            paths.push(format!("{first}&before={far}"));
        }
    }
    // Half of all connections are shared.
    paths.push("/v1/channel-connections?limit=100&subscriberId=s007&connectionMode=shared&channel=chat".to_owned());
    paths.push("/v1/channel-endpoints?limit=100&connectionIdentifier=list-00042".to_owned());
    Ok(paths)
}
