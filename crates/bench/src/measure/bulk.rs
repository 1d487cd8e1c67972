//! How many events the server takes per second when they come a hundred at a time.

use std::time::Instant;

use serde_json::json;

use super::Bench;
use crate::Result;
use crate::load::{self, Percentiles, SUBSCRIBERS};
use crate::setup::{self, Api};

/// Events of one call: as many as the API takes.
pub(crate) const EVENTS: usize = 100;
/// Few callers are enough: each call is a hundred events and one commit.
const CALLERS: usize = 8;

pub(crate) struct Bulk {
    /// Events, not calls.
    pub(crate) per_second: f64,
    /// Until the 201 of a call.
    pub(crate) answer: Percentiles,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Bulk> {
    let start = Instant::now();
    let callers = (0..CALLERS).map(|caller| call(bench, caller, start));
    let mut took: Vec<u32> = futures_util::future::try_join_all(callers).await?.concat();
    let elapsed = start.elapsed();
    Ok(Bulk {
        per_second: load::rate(took.len() * EVENTS, elapsed),
        answer: Percentiles::of(&mut took),
    })
}

/// One caller, who calls again when the last call was answered; how long each took in microseconds.
async fn call(bench: &Bench<'_>, caller: usize, start: Instant) -> Result<Vec<u32>> {
    let mut api = Api::open(&bench.server).await?;
    let (workflow, letter) = setup::IDLE;
    let mut took = Vec::new();
    while start.elapsed() < bench.options.seconds {
        let round = caller + took.len();
        let events: Vec<_> = (0..EVENTS)
            .map(|number| {
                let recipient = (round * EVENTS + number) as u64 % SUBSCRIBERS;
                json!({
                    "name": workflow, "to": format!("{letter}{recipient:03}"),
                    "payload": {
                        "orderId": "ord_8f14e45fceea167a5a36dedd4bea2543", "total": 8948, "currency": "EUR",
                        "customer": { "name": "Ada Lovelace", "email": "ada@example.com", "locale": "en_GB" },
                        "link": "https://shop.example.com/orders/8f14e45fceea167a5a36dedd4bea2543",
                    },
                })
            })
            .collect();
        let body = json!({ "events": events });
        let begun = Instant::now();
        api.create("/v1/events/trigger/bulk", &body).await?;
        took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(took)
}
