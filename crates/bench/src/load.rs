//! The load generator: triggers as the official SDK sends them, on keep-alive connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Result;
use crate::http::Connection;
use crate::random::Random;

pub(crate) const MARKER_PREFIX: &[u8] = b"mark-";
pub(crate) const MARKER_DIGITS: usize = 10;
pub(crate) const CONNECTIONS: usize = 64;
/// How many subscribers the triggers go round.
pub(crate) const SUBSCRIBERS: u64 = 500;

/// A marker stands for one trigger over the whole run, both engines included.
#[derive(Clone, Default)]
pub(crate) struct Markers(Arc<AtomicU64>);

impl Markers {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Where to send, as whom, and what.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) secret_key: String,
    pub(crate) workflow: &'static str,
    /// First letter of the recipients' ids.
    pub(crate) recipients: char,
}

/// A finished request whose changing parts are overwritten in place: formatting each one anew would cost
/// the generator more than sending it.
pub(crate) struct Request {
    bytes: Vec<u8>,
    key_at: usize,
    subscriber_at: usize,
    marker_at: usize,
    random: Random,
}

/// `<milliseconds><random>` is what the SDK makes; a fixed width keeps the offsets fixed.
const KEY_MS: usize = 13;
const KEY_RANDOM: usize = 16;

impl Request {
    pub(crate) fn new(target: &Target) -> Self {
        let marker = format!("mark-{:0width$}", 0, width = MARKER_DIGITS);
        let body = format!(
            concat!(
                r#"{{"name":"{workflow}","to":"{recipients}000","payload":{{"marker":"{marker}","#,
                r#""orderId":"ord_8f14e45fceea167a5a36dedd4bea2543","customer":{{"name":"Ada Lovelace","#,
                r#""email":"ada@example.com","locale":"en_GB"}},"items":[{{"sku":"CAM-001","quantity":2,"price":1999}},"#,
                r#"{{"sku":"CAM-014","quantity":1,"price":4950}}],"total":8948,"currency":"EUR","#,
                r#""link":"https://shop.example.com/orders/8f14e45fceea167a5a36dedd4bea2543","#,
                r#""note":"Please ring twice; the porter takes parcels until six."}}}}"#
            ),
            workflow = target.workflow,
            recipients = target.recipients,
            marker = marker,
        );
        let key = "0".repeat(KEY_MS + KEY_RANDOM);
        let head = format!(
            "POST /v1/events/trigger HTTP/1.1\r\nhost: {}\r\nauthorization: ApiKey {}\r\naccept: application/json\r\n\
             content-type: application/json\r\nuser-agent: campanile-bench\r\nidempotency-key: {key}\r\n\
             content-length: {}\r\n\r\n",
            target.address,
            target.secret_key,
            body.len(),
        );
        let name = "idempotency-key: ";
        let key_at = head.find(name).expect("the key was just put there") + name.len();
        let to = "\"to\":\"";
        let subscriber_at = head.len() + body.find(to).expect("the recipient was just put there") + to.len() + 1;
        let marker_at = head.len() + body.find(&marker).expect("the marker was just put there") + MARKER_PREFIX.len();
        let bytes = [head.into_bytes(), body.into_bytes()].concat();
        Self {
            bytes,
            key_at,
            subscriber_at,
            marker_at,
            random: Random::seeded(),
        }
    }

    /// The request for this marker, with a fresh idempotency key.
    pub(crate) fn prepare(&mut self, marker: u64) -> &[u8] {
        digits(&mut self.bytes[self.marker_at..self.marker_at + MARKER_DIGITS], marker);
        digits(
            &mut self.bytes[self.subscriber_at..self.subscriber_at + 3],
            marker % SUBSCRIBERS,
        );
        digits(&mut self.bytes[self.key_at..self.key_at + KEY_MS], wall_clock_ms());
        let random_at = self.key_at + KEY_MS;
        let random = self.random.next();
        digits(&mut self.bytes[random_at..random_at + KEY_RANDOM], random);
        &self.bytes
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the SDK's keys begin with the wall clock, tokens end by it, and this program is no part of the server"
)]
pub(crate) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).expect("a year before 584 million")
}

/// The last digits that fit, with leading zeros.
fn digits(place: &mut [u8], mut number: u64) {
    for byte in place.iter_mut().rev() {
        *byte = b'0' + u8::try_from(number % 10).expect("one digit");
        number /= 10;
    }
}

/// What a load came to; refusals are kept by status with one body as a specimen.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) accepted: Vec<u64>,
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) refused: BTreeMap<u16, u64>,
    pub(crate) specimen: Option<String>,
    pub(crate) elapsed: Duration,
}

impl Load {
    pub(crate) fn note(&mut self, marker: u64, status: u16, took: Duration, body: &[u8]) {
        if status == 201 {
            self.accepted.push(marker);
            self.latencies_us
                .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        } else {
            *self.refused.entry(status).or_default() += 1;
            self.specimen
                .get_or_insert_with(|| String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned());
        }
    }

    fn absorb(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.latencies_us.extend(other.latencies_us);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        self.specimen = self.specimen.take().or(other.specimen);
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    pub(crate) fn per_second(&self) -> f64 {
        rate(self.accepted.len(), self.elapsed)
    }

    /// A load that was mostly refused measured something else.
    pub(crate) fn mostly_accepted(self) -> Result<Self> {
        if self.refusals() > self.accepted.len() as u64 / 100 {
            let specimen = self.specimen.as_deref().unwrap_or_default();
            return Err(format!(
                "triggers were refused, by status: {:?}; the first said {specimen}",
                self.refused
            ));
        }
        Ok(self)
    }
}

/// When a closed loop ends: by time, or when so many triggers were sent.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Elapsed(Duration),
    Sent(usize),
}

/// Each connection sends its next trigger when the last was answered.
pub(crate) async fn closed_loop(target: &Target, connections: usize, until: Until, markers: &Markers) -> Result<Load> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(target.address).await?);
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = Vec::with_capacity(connections);
    for connection in open {
        tasks.push(tokio::spawn(one_connection(
            connection,
            Request::new(target),
            until,
            start,
            Arc::clone(&sent),
            markers.clone(),
        )));
    }
    let mut load = Load::default();
    for task in tasks {
        load.absorb(task.await.map_err(|e| format!("a connection's task failed: {e}"))??);
    }
    load.elapsed = start.elapsed();
    Ok(load)
}

async fn one_connection(
    mut connection: Connection,
    mut request: Request,
    until: Until,
    start: Instant,
    sent: Arc<AtomicUsize>,
    markers: Markers,
) -> Result<Load> {
    let mut load = Load::default();
    let mut now = Instant::now();
    loop {
        let finished = match until {
            Until::Elapsed(limit) => now.duration_since(start) >= limit,
            Until::Sent(limit) => sent.fetch_add(1, Ordering::Relaxed) >= limit,
        };
        if finished {
            return Ok(load);
        }
        let marker = markers.next();
        let status = connection.send(request.prepare(marker)).await?;
        let answered = Instant::now();
        load.note(marker, status, answered - now, connection.body());
        now = answered;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) fn rate(count: usize, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        0.0
    } else {
        count as f64 / elapsed.as_secs_f64()
    }
}

/// The middle and the slow end of a set of latencies.
#[derive(Clone, Copy)]
pub(crate) struct Percentiles {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Percentiles {
    pub(crate) fn of(latencies_us: &mut [u32]) -> Self {
        Self {
            p50_ms: percentile_ms(latencies_us, 500),
            p99_ms: percentile_ms(latencies_us, 990),
        }
    }
}

/// The value below which this many of a thousand lie, in milliseconds.
fn percentile_ms(latencies_us: &mut [u32], per_mille: usize) -> f64 {
    if latencies_us.is_empty() {
        return 0.0;
    }
    let rank = (latencies_us.len() * per_mille)
        .div_ceil(1000)
        .clamp(1, latencies_us.len())
        - 1;
    let (_, value, _) = latencies_us.select_nth_unstable(rank);
    f64::from(*value) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    fn target(address: SocketAddr) -> Target {
        Target {
            address,
            secret_key: "0".repeat(32),
            workflow: "bench",
            recipients: 's',
        }
    }

    #[test]
    fn a_request_is_json_of_the_announced_length_with_fresh_parts() {
        let mut request = Request::new(&target("127.0.0.1:1".parse().unwrap()));
        let first = String::from_utf8(request.prepare(1).to_vec()).unwrap();
        let second = String::from_utf8(request.prepare(1_234_567_890).to_vec()).unwrap();
        let (head, body) = second.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())));
        assert!(
            (440..=520).contains(&body.len()),
            "{} bytes are not about 470",
            body.len()
        );
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["payload"]["marker"], "mark-1234567890");
        assert_eq!(json["to"], "s390");
        let key = |text: &str| {
            text.lines()
                .find(|line| line.starts_with("idempotency-key"))
                .unwrap()
                .to_owned()
        };
        assert_ne!(key(&first), key(&second));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values: Vec<u32> = (1..=100).map(|n| n * 1000).collect();
        assert!((percentile_ms(&mut values, 500) - 50.0).abs() < f64::EPSILON);
        assert!((percentile_ms(&mut values, 990) - 99.0).abs() < f64::EPSILON);
        assert!(percentile_ms(&mut [], 500).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn a_closed_loop_sends_as_many_as_told_and_counts_refusals() {
        let address = http::serve("every-tenth-refused", {
            let seen = AtomicU64::new(0);
            move |_, _, output| {
                if seen.fetch_add(1, Ordering::Relaxed) % 10 == 9 {
                    http::write_answer(output, "503 Service Unavailable", r#"{"message":"full"}"#);
                } else {
                    http::write_answer(output, "201 Created", "{}");
                }
            }
        })
        .unwrap();
        let load = closed_loop(&target(address), 4, Until::Sent(100), &Markers::default())
            .await
            .unwrap();
        assert_eq!((load.accepted.len(), load.refused[&503]), (90, 10));
        assert!(load.mostly_accepted().err().unwrap().contains("full"));
    }
}
