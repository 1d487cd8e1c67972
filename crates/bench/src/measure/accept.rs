//! How many triggers the server takes per second from 64 connections that never pause.

use super::Bench;
use crate::load::{self, CONNECTIONS, Percentiles, Until};
use crate::{Result, setup};

pub(crate) struct Accept {
    pub(crate) per_second: f64,
    pub(crate) answer: Percentiles,
    /// CPU of the server per accepted trigger, whatever else it did meanwhile.
    pub(crate) server_cpu_us: f64,
    pub(crate) database_cpu_us: Option<f64>,
    pub(crate) refused: u64,
}

/// Also gives the markers of what was accepted.
pub(crate) async fn run(bench: &Bench<'_>, what: (&'static str, char)) -> Result<(Accept, Vec<u64>)> {
    let target = setup::target(&bench.server, what);
    let before = bench.server.cpu()?;
    let until = Until::Elapsed(bench.options.seconds);
    let load = load::closed_loop(&target, CONNECTIONS, until, &bench.markers).await?;
    let after = bench.server.cpu()?;
    let mut load = load.mostly_accepted()?;
    let accept = Accept {
        per_second: load.per_second(),
        answer: Percentiles::of(&mut load.latencies_us),
        server_cpu_us: each(after.server_us - before.server_us, load.accepted.len()),
        database_cpu_us: after
            .database_us
            .zip(before.database_us)
            // A backend that ended in between takes its time with it.
            .map(|(after, before)| each(after.saturating_sub(before), load.accepted.len())),
        refused: load.refusals(),
    };
    Ok((accept, load.accepted))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds and counts stay far below 2^52")]
fn each(total: u64, count: usize) -> f64 {
    total as f64 / count.max(1) as f64
}
