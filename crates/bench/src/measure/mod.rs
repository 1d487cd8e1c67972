//! The measures, in the order in which one server goes through them.

mod accept;
mod bulk;
mod drain;
mod fanout;
mod latency;
mod lists;
mod start;

use std::path::Path;

pub(crate) use accept::Accept;
pub(crate) use bulk::{Bulk, EVENTS as BULK};
pub(crate) use drain::Drain;
pub(crate) use fanout::FanOut;
pub(crate) use latency::Latency;
pub(crate) use lists::{Lists, ROWS as LISTED};
pub(crate) use start::Start;

use crate::fake_slack::{Delivered, FakeSlack};
use crate::load::Markers;
use crate::options::Options;
use crate::server::{Database, Memory, Server};
use crate::{Result, progress, setup};

pub(crate) struct EngineResults {
    pub(crate) start: Start,
    pub(crate) idle_accept: Accept,
    pub(crate) bulk: Bulk,
    pub(crate) latency: Latency,
    pub(crate) busy_accept: Accept,
    pub(crate) drain: Drain,
    pub(crate) lists: Lists,
    pub(crate) fan_out: FanOut,
    pub(crate) memory: Memory,
    /// Over all measures that deliver.
    pub(crate) delivered: Delivered,
}

/// What every measure needs.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) server: Server,
    pub(crate) fake: &'a FakeSlack,
    pub(crate) markers: Markers,
}

pub(crate) async fn engine(
    options: &Options,
    name: &str,
    directory: &Path,
    fake: &FakeSlack,
    markers: &Markers,
    database: &Database,
) -> Result<EngineResults> {
    progress(&format!("{name}: start and idle memory"));
    let (server, start) = start::run(options, directory, fake, database).await?;
    let mut bench = Bench {
        options,
        server,
        fake,
        markers: markers.clone(),
    };

    progress(&format!(
        "{name}: integration, subscribers, connections, endpoints, workflows"
    ));
    setup::create_all(&bench.server).await?;
    setup::one_goes_through(&bench.server, fake, &bench.markers).await?;
    bench.server.settle().await?;

    progress(&format!("{name}: accepted triggers, recipients without an address"));
    let (idle_accept, _) = accept::run(&bench, setup::IDLE).await?;
    bench.server.settle().await?;

    progress(&format!("{name}: accepted triggers, {BULK} in one call"));
    let bulk = bulk::run(&bench).await?;
    bench.server.settle().await?;

    progress(&format!(
        "{name}: trigger to Slack at {} per second",
        latency::PER_SECOND
    ));
    let (latency, latency_delivered) = latency::run(&bench).await?;
    bench.server.settle().await?;

    progress(&format!("{name}: accepted triggers, delivering at the same time"));
    let (busy_accept, accepted) = accept::run(&bench, setup::DELIVERED).await?;
    progress(&format!("{name}: waiting for {} deliveries", accepted.len()));
    let busy_delivered = fake.wait_for(&accepted).await;
    bench.server.settle().await?;

    progress(&format!("{name}: draining {} triggers", options.pile));
    let drain = drain::run(&bench).await?;
    bench.server.settle().await?;

    let memory = bench.server.memory()?;

    progress(&format!("{name}: lists of {} connections and endpoints", lists::ROWS));
    let lists = lists::run(&bench).await?;

    progress(&format!("{name}: topics of up to {} members", options.crowd));
    let fan_out = fanout::run(&mut bench).await?;
    bench.server.stop()?;
    let delivered = [latency_delivered, busy_delivered, drain.delivered, fan_out.delivered]
        .into_iter()
        .fold(Delivered::default(), |sum, next| Delivered {
            expected: sum.expected + next.expected,
            lost: sum.lost + next.lost,
            duplicates: sum.duplicates + next.duplicates,
        });
    Ok(EngineResults {
        start,
        idle_accept,
        bulk,
        latency,
        busy_accept,
        drain,
        lists,
        fan_out,
        memory,
        delivered,
    })
}
