//! How fast a backlog becomes messages.

use std::time::Duration;

use super::Bench;
use crate::fake_slack::Delivered;
use crate::load::{self, CONNECTIONS, Until};
use crate::{Result, setup};

pub(crate) struct Drain {
    /// What was still to be delivered when the last trigger had been accepted.
    pub(crate) backlog: usize,
    pub(crate) per_second: f64,
    pub(crate) delivered: Delivered,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Drain> {
    let target = setup::target(&bench.server, setup::DELIVERED);
    let begun_us = bench.fake.now_us();
    let load = load::closed_loop(&target, CONNECTIONS, Until::Sent(bench.options.pile), &bench.markers).await?;
    let piled_us = bench.fake.now_us();
    let load = load.mostly_accepted()?;
    let delivered = bench.fake.wait_for(&load.accepted).await;
    let arrivals: Vec<u64> = bench.fake.arrivals(&load.accepted).into_iter().flatten().collect();
    let (backlog, per_second) = rate_of(&arrivals, begun_us, piled_us);
    Ok(Drain {
        backlog,
        per_second,
        delivered,
    })
}

/// The backlog's own rate; over the whole time when the server kept up, because then there was no backlog
/// worth timing and the pile-up itself was the drain.
fn rate_of(arrivals: &[u64], begun_us: u64, piled_us: u64) -> (usize, f64) {
    let last = arrivals.iter().copied().max().unwrap_or(begun_us);
    let backlog = arrivals.iter().filter(|&&at| at > piled_us).count();
    let (count, from) = if backlog * 10 >= arrivals.len() {
        (backlog, piled_us)
    } else {
        (arrivals.len(), begun_us)
    };
    (
        backlog,
        load::rate(count, Duration::from_micros(last.saturating_sub(from))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_after_the_pile_counts_unless_nearly_all_came_before() {
        let half_after: Vec<u64> = (1..=100).map(|n| n * 10_000).collect();
        let (backlog, rate) = rate_of(&half_after, 0, 500_000);
        assert_eq!(backlog, 50);
        assert!((rate - 100.0).abs() < 0.001, "{rate}");
        let (backlog, rate) = rate_of(&half_after, 0, 990_000);
        assert_eq!(backlog, 1);
        assert!((rate - 100.0).abs() < 0.001, "{rate}");
        assert_eq!(rate_of(&[], 5, 6), (0, 0.0));
    }
}
