//! A Slack that answers at once and remembers when each marked message came, and when each refresh token was used.
//!
//! The vendor emulator refuses calls after 4,999 per token, so it cannot be measured against.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Result;
use crate::http;
use crate::load::{MARKER_DIGITS, MARKER_PREFIX};

/// How long nothing may arrive before what is missing counts as lost: longer than the server's first
/// retries after about 2, 10 and 60 seconds, so that a delivery that was merely retried is not called lost.
const STALL: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Default)]
struct Arrival {
    first_us: u64,
    count: u32,
}

pub(crate) struct FakeSlack {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    base: Instant,
    arrivals: Mutex<Vec<Arrival>>,
    received: AtomicU64,
    unmarked: AtomicU64,
    renewals: Mutex<Renewals>,
}

/// Exchanges of refresh tokens.
#[derive(Default)]
struct Renewals {
    at_us: Vec<u64>,
    used: HashSet<Vec<u8>>,
    replayed: usize,
}

/// What became of a set of accepted triggers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) expected: usize,
    pub(crate) lost: usize,
    pub(crate) duplicates: u64,
}

impl FakeSlack {
    pub(crate) fn start() -> Result<Self> {
        let state = Arc::new(State {
            base: Instant::now(),
            arrivals: Mutex::new(Vec::with_capacity(1 << 20)),
            received: AtomicU64::new(0),
            unmarked: AtomicU64::new(0),
            renewals: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let address = http::serve("fake-slack", move |line, body, output| {
            let at = shared.now_us();
            let number = shared.received.fetch_add(1, Ordering::Relaxed);
            if line.starts_with(b"POST /api/chat.postMessage") {
                shared.record(body, at);
            }
            if line.starts_with(b"POST /api/oauth.v2.access") {
                shared.renew(body, at);
                let answer = format!(
                    r#"{{"ok":true,"access_token":"xoxe.xoxb-1-{number:06}","refresh_token":"xoxe-1-{number:06}","expires_in":43200,"token_type":"bot"}}"#
                );
                http::write_answer(output, "200 OK", &answer);
                return;
            }
            let answer = format!(
                r#"{{"ok":true,"channel":"C0000000001","ts":"1700000000.{number:06}","message":{{"text":"","ts":"1700000000.{number:06}"}}}}"#
            );
            http::write_answer(output, "200 OK", &answer);
        })?;
        Ok(Self { address, state })
    }

    /// Microseconds on the clock that arrivals are written in.
    pub(crate) fn now_us(&self) -> u64 {
        self.state.now_us()
    }

    pub(crate) fn unmarked(&self) -> u64 {
        self.state.unmarked.load(Ordering::Relaxed)
    }

    /// When refresh tokens were exchanged, on the clock of [`FakeSlack::now_us`], from this time on.
    pub(crate) fn renewals_since(&self, since_us: u64) -> Vec<u64> {
        let renewals = lock(&self.state.renewals);
        renewals.at_us.iter().copied().filter(|at| *at >= since_us).collect()
    }

    /// How often a refresh token came that had been used before: a real vendor would have ended the grant.
    pub(crate) fn replayed(&self) -> usize {
        lock(&self.state.renewals).replayed
    }

    /// When each of these first came; `None` for what has not.
    pub(crate) fn arrivals(&self, markers: &[u64]) -> Vec<Option<u64>> {
        let arrivals = self.state.lock();
        markers.iter().map(|&marker| first_arrival(&arrivals, marker)).collect()
    }

    /// Waits until every one of these has come, or until nothing comes any more.
    pub(crate) async fn wait_for(&self, markers: &[u64]) -> Delivered {
        let mut missing = markers.to_vec();
        let mut last_progress = Instant::now();
        while !missing.is_empty() && last_progress.elapsed() < STALL {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let before = missing.len();
            let arrivals = self.state.lock();
            missing.retain(|&marker| first_arrival(&arrivals, marker).is_none());
            if missing.len() < before {
                last_progress = Instant::now();
            }
        }
        // A duplicate would come right behind its first.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let arrivals = self.state.lock();
        let duplicates = markers
            .iter()
            .filter_map(|&marker| arrivals.get(index(marker)))
            .map(|arrival| u64::from(arrival.count.saturating_sub(1)))
            .sum();
        let lost = markers
            .iter()
            .filter(|&&marker| first_arrival(&arrivals, marker).is_none())
            .count();
        Delivered {
            expected: markers.len(),
            lost,
            duplicates,
        }
    }
}

impl State {
    fn now_us(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_micros()).expect("a run shorter than centuries")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arrival>> {
        lock(&self.arrivals)
    }

    fn renew(&self, body: &[u8], at: u64) {
        let mut fields = body.split(|byte| *byte == b'&');
        let token = fields.find_map(|field| field.strip_prefix(b"refresh_token="));
        let mut renewals = lock(&self.renewals);
        renewals.at_us.push(at);
        let is_new = token.is_some_and(|token| renewals.used.insert(token.to_vec()));
        renewals.replayed += usize::from(!is_new);
    }

    fn record(&self, body: &[u8], at: u64) {
        let Some(marker) = marker_in(body) else {
            self.unmarked.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut arrivals = self.lock();
        let index = index(marker);
        if arrivals.len() <= index {
            arrivals.resize(index + 1, Arrival::default());
        }
        let arrival = &mut arrivals[index];
        if arrival.count == 0 {
            arrival.first_us = at;
        }
        arrival.count += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn first_arrival(arrivals: &[Arrival], marker: u64) -> Option<u64> {
    arrivals
        .get(index(marker))
        .filter(|arrival| arrival.count > 0)
        .map(|arrival| arrival.first_us)
}

fn index(marker: u64) -> usize {
    usize::try_from(marker).expect("64-bit sizes")
}

/// Found wherever it stands, because the server decides how it shapes the body.
fn marker_in(body: &[u8]) -> Option<u64> {
    let at = http::find(body, MARKER_PREFIX)? + MARKER_PREFIX.len();
    std::str::from_utf8(body.get(at..at + MARKER_DIGITS)?)
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Connection;

    #[test]
    fn a_marker_is_found_in_any_shape_of_body() {
        assert_eq!(
            marker_in(br#"{"channel":"C1","text":"mark-0000000042 hello s001"}"#),
            Some(42)
        );
        assert_eq!(
            marker_in(br#"{"blocks":[{"text":{"text":"mark-0000000007 x"}}]}"#),
            Some(7)
        );
        assert_eq!(marker_in(b"no marker"), None);
        assert_eq!(marker_in(b"mark-12"), None);
    }

    #[tokio::test]
    async fn arrivals_and_duplicates_are_counted() {
        let fake = FakeSlack::start().unwrap();
        let mut connection = Connection::open(fake.address).await.unwrap();
        for marker in [3, 4, 4] {
            let body = format!(r#"{{"text":"mark-{marker:010}"}}"#);
            let request = format!(
                "POST /api/chat.postMessage HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            assert_eq!(connection.send(request.as_bytes()).await.unwrap(), 200);
            assert!(connection.body().starts_with(br#"{"ok":true"#));
        }
        let delivered = fake.wait_for(&[3, 4]).await;
        assert_eq!((delivered.expected, delivered.lost, delivered.duplicates), (2, 0, 1));
        assert!(fake.arrivals(&[3])[0].is_some() && fake.arrivals(&[5])[0].is_none());
        assert_eq!(fake.unmarked(), 0);
    }

    #[tokio::test]
    async fn a_refresh_token_works_once() {
        let fake = FakeSlack::start().unwrap();
        let mut connection = Connection::open(fake.address).await.unwrap();
        for token in ["a", "b", "a"] {
            let body = format!("grant_type=refresh_token&refresh_token={token}");
            let length = body.len();
            let request = format!("POST /api/oauth.v2.access HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{body}");
            assert_eq!(connection.send(request.as_bytes()).await.unwrap(), 200);
        }
        assert_eq!((fake.renewals_since(0).len(), fake.replayed()), (3, 1));
        assert!(fake.renewals_since(fake.now_us() + 1).is_empty());
    }
}
