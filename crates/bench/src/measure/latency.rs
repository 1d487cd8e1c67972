//! How long a message takes from the caller to Slack when the server has little to do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::Bench;
use crate::fake_slack::Delivered;
use crate::http::Connection;
use crate::load::{Load, Percentiles, Request, Target};
use crate::{Result, setup};

pub(crate) const PER_SECOND: u64 = 100;

pub(crate) struct Latency {
    /// From the moment the trigger is written to the moment Slack's side has read the message.
    pub(crate) arrival: Percentiles,
    /// Until the 201.
    pub(crate) answer: Percentiles,
}

/// A connection with a request of its own; as many as are needed at once.
type Pool = Arc<Mutex<Vec<(Connection, Request)>>>;

pub(crate) async fn run(bench: &Bench<'_>) -> Result<(Latency, Delivered)> {
    let target = setup::target(&bench.server, setup::DELIVERED);
    let pool: Pool = Arc::default();
    for _ in 0..8 {
        put(&pool, (Connection::open(target.address).await?, Request::new(&target)));
    }
    let count = bench.options.seconds.as_secs() * PER_SECOND;
    // Open loop: the next trigger leaves on time, whether or not the last was answered, so that one slow
    // answer cannot hide the ones that would have waited behind it.
    let mut clock = tokio::time::interval(Duration::from_micros(1_000_000 / PER_SECOND));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = Vec::new();
    for _ in 0..count {
        clock.tick().await;
        let marker = bench.markers.next();
        let sent_us = bench.fake.now_us();
        tasks.push((
            marker,
            sent_us,
            tokio::spawn(one(target.clone(), Arc::clone(&pool), marker)),
        ));
    }

    let mut load = Load::default();
    let mut sent = Vec::new();
    for (marker, sent_us, task) in tasks {
        let (status, took, body) = task.await.map_err(|e| format!("a trigger's task failed: {e}"))??;
        load.note(marker, status, took, &body);
        if status == 201 {
            sent.push(sent_us);
        }
    }
    let mut load = load.mostly_accepted()?;
    let delivered = bench.fake.wait_for(&load.accepted).await;
    let arrivals = bench.fake.arrivals(&load.accepted);
    let mut latencies: Vec<u32> = sent
        .iter()
        .zip(arrivals)
        .filter_map(|(&sent, arrived)| u32::try_from(arrived?.saturating_sub(sent)).ok())
        .collect();
    let latency = Latency {
        arrival: Percentiles::of(&mut latencies),
        answer: Percentiles::of(&mut load.latencies_us),
    };
    Ok((latency, delivered))
}

async fn one(target: Target, pool: Pool, marker: u64) -> Result<(u16, Duration, Vec<u8>)> {
    let idle = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let (mut connection, mut request) = match idle {
        Some(idle) => idle,
        None => (Connection::open(target.address).await?, Request::new(&target)),
    };
    let start = Instant::now();
    let status = connection.send(request.prepare(marker)).await?;
    let took = start.elapsed();
    let body = if status == 201 {
        Vec::new()
    } else {
        connection.body().to_vec()
    };
    put(&pool, (connection, request));
    Ok((status, took, body))
}

fn put(pool: &Pool, idle: (Connection, Request)) {
    pool.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
}
