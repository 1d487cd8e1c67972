//! How evenly grants are renewed when ten thousand are due at once, and what that takes of memory. The server is one in
//! dev mode, because its clock can be moved: the tokens last twelve hours, as Slack's do.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::lists::WRITERS;
use crate::fake_slack::FakeSlack;
use crate::load::wall_clock_ms;
use crate::options::Options;
use crate::server::{Database, Server};
use crate::setup::Api;
use crate::{Result, progress};

pub(crate) const GRANTS: u64 = 10_000;
/// From writing tokens to the moment at which all of them are due, and from there to shortly before they end.
const UNTIL_DUE: u64 = 10 * 3600;
const UNTIL_LATE: u64 = 110 * 60;
/// Longer than an idle sweep rests.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Sweep {
    /// Two hours before the tokens end.
    pub(crate) calm: Pace,
    /// Ten minutes before.
    pub(crate) hurried: Pace,
    /// Before the first renewal, and the peak while they went on.
    pub(crate) before_mb: f64,
    pub(crate) peak_mb: f64,
}

/// Renewals in a second: the mean, and the fullest one.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) mean: f64,
    pub(crate) most: usize,
}

pub(crate) async fn run(
    options: &Options,
    directory: &Path,
    fake: &FakeSlack,
    database: &Database,
) -> Result<Option<Sweep>> {
    let Some(mut server) = Server::start_dev(options, directory, fake, database)? else {
        return Ok(None);
    };
    let mut api = Api::open(&server).await?;
    let body = json!({
        "providerId": "slack", "channel": "chat", "identifier": "rotating", "name": "Rotating", "active": true,
        "check": false, "credentials": {"clientId": "bench-client", "secretKey": "bench-secret"},
    });
    api.create("/v1/integrations", &body).await?;
    let writers = (0..WRITERS).map(|writer| fill(&server, writer));
    futures_util::future::try_join_all(writers).await?;
    server.settle().await?;

    let before_mb = server.memory()?.resident_mb;
    server.forget_peak()?;
    let mut paces = Vec::new();
    for seconds in [UNTIL_DUE, UNTIL_LATE] {
        let moved_us = fake.now_us();
        api.post("/dev/clock/advance", &json!({ "seconds": seconds }), 200)
            .await?;
        paces.push(watch(options.sweep, fake, moved_us).await?);
    }
    let peak_mb = server.memory()?.peak_mb;
    server.stop()?;
    if fake.replayed() > 0 {
        return Err(format!("{} refresh tokens were used twice", fake.replayed()));
    }
    let [calm, hurried] = paces[..] else {
        return Err("both paces should have been watched".to_owned());
    };
    Ok(Some(Sweep {
        calm,
        hurried,
        before_mb,
        peak_mb,
    }))
}

/// One writer's share of the connections, each with a grant of its own.
async fn fill(server: &Server, writer: u64) -> Result<()> {
    let mut api = Api::open(server).await?;
    let end = i64::try_from(wall_clock_ms()).map_err(|e| format!("the wall clock: {e}"))? + 12 * 3_600_000;
    let end = jiff::Timestamp::from_millisecond(end).map_err(|e| format!("the wall clock: {e}"))?;
    for n in (writer..GRANTS).step_by(usize::try_from(WRITERS).unwrap_or(1)) {
        let body = json!({
            "identifier": format!("rotating-{n:05}"), "integrationIdentifier": "rotating",
            "context": { "tenant": format!("r{n:05}") }, "connectionMode": "shared",
            "workspace": {"id": format!("R{n:09}")},
            "auth": {
                "accessToken": format!("xoxe.xoxb-0-{n:05}"),
                // A server of its own has tokens of its own: the fake remembers those of the one before.
                "refreshToken": format!("xoxe-0-{}-{n:05}", server.address.port()),
                "expiresAt": end.to_string(),
            },
        });
        api.create("/v1/channel-connections", &body).await?;
    }
    Ok(())
}

/// Counts renewals second by second from the first one on, which a sweep that rests may begin some seconds late.
async fn watch(window: Duration, fake: &FakeSlack, since_us: u64) -> Result<Pace> {
    let begun = tokio::time::Instant::now();
    let first_us = loop {
        if let Some(first) = fake.renewals_since(since_us).first() {
            break *first;
        }
        if begun.elapsed() > PATIENCE {
            return Err("no grant was renewed, although all were due".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let passed_us = fake.now_us().saturating_sub(first_us);
    tokio::time::sleep(window.saturating_sub(Duration::from_micros(passed_us))).await;
    let per_second = per_second(&fake.renewals_since(since_us), first_us, window.as_secs());
    let line: Vec<String> = per_second.iter().map(ToString::to_string).collect();
    progress(&format!("renewals in each second: {}", line.join(" ")));
    Pace::of(&per_second)
}

fn per_second(at_us: &[u64], first_us: u64, seconds: u64) -> Vec<usize> {
    let second = |at: u64| at.saturating_sub(first_us) / 1_000_000;
    let count = |wanted| {
        at_us
            .iter()
            .filter(|at| **at >= first_us && second(**at) == wanted)
            .count()
    };
    (0..seconds).map(count).collect()
}

impl Pace {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    fn of(per_second: &[usize]) -> Result<Self> {
        let most = *per_second.iter().max().ok_or("no second was watched")?;
        let all: usize = per_second.iter().sum();
        Ok(Self {
            mean: all as f64 / per_second.len() as f64,
            most,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewals_are_counted_by_the_second_from_the_first_on() {
        let at = [10, 2_000_000, 2_000_001, 2_999_999, 3_000_000, 9_000_000];
        let counted = per_second(&at, 2_000_000, 3);
        assert_eq!(counted, [3, 1, 0]);
        let pace = Pace::of(&counted).unwrap();
        assert_eq!(pace.most, 3);
        assert!((pace.mean - 4.0 / 3.0).abs() < 1e-9);
    }
}
