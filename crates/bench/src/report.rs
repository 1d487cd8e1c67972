//! The table, on the terminal and in the document.

use std::fmt::Write as _;
use std::path::Path;

use crate::Result;
use crate::load::{CONNECTIONS, Percentiles};
use crate::machine::{Allowed, Facts};
use crate::measure::{Accept, BULK, EngineResults, LISTED};
use crate::options::Options;
use crate::postgres::PGBENCH_CLIENTS;

pub(crate) struct Report {
    pub(crate) facts: Facts,
    pub(crate) allowed: Allowed,
    pub(crate) sqlite: Option<EngineResults>,
    pub(crate) postgres: Option<EngineResults>,
    pub(crate) postgres_version: Option<String>,
    pub(crate) binary_bytes: u64,
    pub(crate) options: Options,
}

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

const FRAME: &str = "\
# Benchmarks

Measured by `make bench`, which rewrites everything between the markers below.

<!-- bench:begin -->
<!-- bench:end -->
";

struct Row {
    measure: String,
    sqlite: String,
    postgres: String,
    allowed: String,
    target: String,
    ratio: String,
}

/// One engine's value: how it reads, whether it meets the target, and what share of the machine's it is.
struct Cell {
    text: String,
    met: bool,
    share: Option<String>,
}

/// Which of an engine's two accept measures a row shows.
type AcceptOf = fn(&EngineResults) -> &Accept;

impl Cell {
    fn plain(text: String) -> Self {
        Self {
            text,
            met: true,
            share: None,
        }
    }

    fn judged(text: String, met: bool) -> Self {
        Self { text, met, share: None }
    }
}

impl Report {
    pub(crate) fn table(&self) -> String {
        let mut table = String::from(
            "| measure | SQLite | PostgreSQL | the machine allows | target | share of what it allows |\n\
             | --- | ---: | ---: | ---: | --- | --- |\n",
        );
        for row in self.rows() {
            writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} |",
                row.measure, row.sqlite, row.postgres, row.allowed, row.target, row.ratio
            )
            .expect("a String takes every write");
        }
        table.push_str("\n✗ marks a missed target. `–` was not measured or has no counterpart.\n");
        table
    }

    fn rows(&self) -> Vec<Row> {
        let allowed = &self.allowed;
        let empty = format!("{} empty requests", count(allowed.empty_handler));
        let binary_mb = megabytes(self.binary_bytes);
        let both = |share: &dyn Fn(&EngineResults, bool) -> Cell| -> (Option<Cell>, Option<Cell>) {
            (
                self.sqlite.as_ref().map(|e| share(e, false)),
                self.postgres.as_ref().map(|e| share(e, true)),
            )
        };
        let row = |measure: &str, allowed: &str, target: &str, cells: (Option<Cell>, Option<Cell>)| {
            let shares = [("SQLite", &cells.0), ("PostgreSQL", &cells.1)]
                .into_iter()
                .filter_map(|(name, cell)| Some(format!("{name} {}", cell.as_ref()?.share.as_ref()?)))
                .collect::<Vec<_>>()
                .join(" · ");
            Row {
                measure: measure.to_owned(),
                sqlite: show(cells.0),
                postgres: show(cells.1),
                allowed: allowed.to_owned(),
                target: target.to_owned(),
                ratio: if shares.is_empty() { "–".to_owned() } else { shares },
            }
        };
        let machine = |measure: &str, value: String| row(measure, &value, "–", (None, None));
        let commits = allowed.postgres_commits.map_or_else(
            || "– (no pgbench)".to_owned(),
            |rate| format!("{} commits", count(rate)),
        );

        let mut rows = vec![
            row(
                "ready after start",
                "–",
                "< 1 s",
                both(&|e, _| {
                    let seconds = e.start.ready.as_secs_f64();
                    Cell::judged(format!("{:.0} ms", seconds * 1000.0), seconds < 1.0)
                }),
            ),
            row(
                "resident memory, idle",
                "–",
                "< 25 MB",
                both(&|e, _| Cell::judged(format!("{:.1} MB", e.start.idle_mb), e.start.idle_mb < 25.0)),
            ),
            row(
                "resident memory after load (peak)",
                "–",
                "–",
                both(&|e, _| Cell::plain(format!("{:.1} MB ({:.1})", e.memory.resident_mb, e.memory.peak_mb))),
            ),
        ];
        let kinds: [(&str, AcceptOf); 2] = [
            ("recipients without an address", |e| &e.idle_accept),
            ("delivering meanwhile", |e| &e.busy_accept),
        ];
        for (kind, of) in kinds {
            rows.push(row(
                &format!("triggers accepted per second, {kind}"),
                &empty,
                "≥ 10,000 SQLite; ≥ 5,000 PostgreSQL, or half its commit rate",
                both(&|e, postgres| self.accepted(of(e), postgres)),
            ));
            rows.push(row(
                "– until the 201, p50 / p99",
                &pair(allowed.empty_answer),
                "–",
                both(&|e, _| Cell::plain(pair(of(e).answer))),
            ));
            rows.push(row(
                "– CPU of the server per trigger",
                "–",
                "–",
                both(&|e, _| Cell::plain(cpu(of(e)))),
            ));
            if self.engines().any(|(_, e)| of(e).refused > 0) {
                rows.push(row(
                    "– refused (not 201)",
                    "–",
                    "0",
                    both(&|e, _| Cell::judged(of(e).refused.to_string(), of(e).refused == 0)),
                ));
            }
        }
        rows.extend([
            row(
                &format!("triggers accepted per second, {BULK} in one call and one commit"),
                &empty,
                "–",
                both(&|e, _| Cell {
                    text: count(e.bulk.per_second),
                    met: true,
                    share: Some(share(e.bulk.per_second, e.idle_accept.per_second, " of one by one")),
                }),
            ),
            row(
                "– until the 201 of a call, p50 / p99",
                "–",
                "–",
                both(&|e, _| Cell::plain(pair(e.bulk.answer))),
            ),
            row(
                "trigger to Slack at 100/s, p50 / p99",
                "–",
                "p50 < 10 ms",
                both(&|e, _| Cell::judged(pair(e.latency.arrival), e.latency.arrival.p50_ms < 10.0)),
            ),
            row(
                "– until the 201, p50 / p99",
                "–",
                "–",
                both(&|e, _| Cell::plain(pair(e.latency.answer))),
            ),
            row(
                "deliveries drained per second (from a backlog of)",
                &empty,
                "≥ 2,000, aim 4,000",
                both(&|e, _| Cell {
                    text: format!("{} ({})", count(e.drain.per_second), grouped(e.drain.backlog as u64)),
                    met: e.drain.per_second >= 2000.0,
                    share: Some(share(e.drain.per_second, allowed.empty_handler, "")),
                }),
            ),
            row(
                &format!(
                    "slowest list of {} connections or endpoints, p50 / p99",
                    grouped(LISTED)
                ),
                "–",
                "p99 < 10 ms",
                both(&|e, _| Cell::judged(pair(e.lists.slowest), e.lists.slowest.p99_ms < 10.0)),
            ),
            row(
                &format!("notified per second, topics of {}", self.topics()),
                "–",
                "linear",
                both(&|e, _| {
                    let rates: Vec<String> = e.fan_out.curve.iter().map(|(_, rate)| count(*rate)).collect();
                    Cell::plain(rates.join(" · "))
                }),
            ),
            row(
                "– peak of memory, largest topic",
                "–",
                "< 150 MB",
                both(&|e, _| {
                    let peak = e.fan_out.peak_mb;
                    Cell::judged(format!("{peak:.1} MB"), peak < 150.0)
                }),
            ),
            row(
                "– other triggers until the 201, p99 before → meanwhile",
                "–",
                "≤ 3 times",
                both(&|e, _| slowed(e.fan_out.before.answer, e.fan_out.during.answer)),
            ),
            row(
                "– other triggers until Slack, p99 before → meanwhile",
                "–",
                "≤ 3 times",
                both(&|e, _| slowed(e.fan_out.before.arrival, e.fan_out.during.arrival)),
            ),
            row(
                "lost / duplicate deliveries (of)",
                "–",
                "0 lost",
                both(&|e, _| {
                    let d = e.delivered;
                    Cell::judged(
                        format!("{} / {} ({})", d.lost, d.duplicates, grouped(d.expected as u64)),
                        d.lost == 0,
                    )
                }),
            ),
            row(
                "binary",
                "–",
                "≤ 30 MB",
                both(&|_, _| Cell::judged(format!("{binary_mb:.1} MB"), binary_mb <= 30.0)),
            ),
            machine(
                "durable 4 KiB writes per second, one at a time (overwriting / appending)",
                format!("{} / {}", count(allowed.overwrites), count(allowed.appends)),
            ),
            machine(
                &format!("PostgreSQL one-row commits per second, {PGBENCH_CLIENTS} clients (pgbench)"),
                commits,
            ),
        ]);
        rows
    }

    /// The sizes of the topics that were measured.
    fn topics(&self) -> String {
        let crowd = self.options.crowd;
        let sizes = [crowd / 100, crowd / 10, crowd].map(|size| grouped(size as u64));
        sizes.join(" · ")
    }

    fn accepted(&self, accept: &Accept, postgres: bool) -> Cell {
        let mut text = share(accept.per_second, self.allowed.empty_handler, "");
        let met = if postgres {
            let half = self.allowed.postgres_commits.map_or(f64::INFINITY, |rate| rate / 2.0);
            if let Some(rate) = self.allowed.postgres_commits {
                write!(text, ", {}", share(accept.per_second, rate, " of commits"))
                    .expect("a String takes every write");
            }
            accept.per_second >= half.min(5000.0)
        } else {
            accept.per_second >= 10_000.0
        };
        Cell {
            text: count(accept.per_second),
            met,
            share: Some(text),
        }
    }

    fn engines(&self) -> impl Iterator<Item = (&'static str, &EngineResults)> {
        [("SQLite", &self.sqlite), ("PostgreSQL", &self.postgres)]
            .into_iter()
            .filter_map(|(name, results)| Some((name, results.as_ref()?)))
    }

    /// An error that names each engine which lost an accepted trigger.
    pub(crate) fn losses(&self) -> Result<()> {
        let lost: Vec<String> = self
            .engines()
            .filter(|(_, results)| results.delivered.lost > 0)
            .map(|(name, results)| {
                format!(
                    "{name} lost {} of {} accepted triggers",
                    results.delivered.lost, results.delivered.expected
                )
            })
            .collect();
        if lost.is_empty() { Ok(()) } else { Err(lost.join("; ")) }
    }

    fn method(&self) -> String {
        let facts = &self.facts;
        let seconds = self.options.seconds.as_secs();
        let postgres = match &self.postgres_version {
            Some(version) => format!("PostgreSQL {version} with `fsync=on` on a unix socket"),
            None => "PostgreSQL not measured".to_owned(),
        };
        format!(
            "One run on {} cores ({}), {:.0} GB of memory, Linux {}, {}; load average at the start {}. Release build; \
             SQLite with `synchronous=FULL`, {postgres}. The load generator and the fake Slack run on the same cores \
             as the server and the database, so the server never has the machine to itself.\n\n\
             Triggers come from {CONNECTIONS} keep-alive connections for {seconds} s, each with a body of about 470 bytes \
             and a fresh `Idempotency-Key` as the official SDK sends it, to 500 subscribers in turn; only a 201 counts. \
             Each of the 500 has a Slack channel in a workspace of its own; the recipients without an address end with a \
             skipped step, which leaves little besides acceptance. Trigger to Slack is open-loop, from the moment the \
             request is written to the moment the fake has read the message. The drain piles up {} triggers and counts \
             what arrives after the last was accepted. The machine's own limit is an empty handler of 201s under the \
             same generator, and a loop of write and `fdatasync` on the same disk. CPU per trigger includes the \
             delivery that went on meanwhile. A MB is a million bytes.\n",
            facts.cores,
            facts.processor,
            facts.memory_gb,
            facts.kernel,
            facts.filesystem,
            facts.load_average,
            grouped(self.options.pile as u64),
        )
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let document = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => FRAME.to_owned(),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        };
        let text = between_markers(&document, &format!("{}\n{}", self.table(), self.method()))
            .ok_or_else(|| format!("{} has no lines {BEGIN} and {END}", path.display()))?;
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
    }
}

fn between_markers(document: &str, text: &str) -> Option<String> {
    let begin = document.find(BEGIN)? + BEGIN.len();
    let end = begin + document[begin..].find(END)?;
    Some(format!(
        "{}\n{}\n{}",
        &document[..begin],
        text.trim_end(),
        &document[end..]
    ))
}

fn show(cell: Option<Cell>) -> String {
    match cell {
        None => "–".to_owned(),
        Some(Cell { text, met: true, .. }) => text,
        Some(Cell { text, met: false, .. }) => format!("{text} ✗"),
    }
}

fn cpu(accept: &Accept) -> String {
    let database = accept
        .database_cpu_us
        .map_or_else(String::new, |us| format!(" + {us:.0} in PostgreSQL"));
    format!("{:.0} µs{database}", accept.server_cpu_us)
}

/// What a load beside them makes of the slow end of other calls.
fn slowed(before: Percentiles, during: Percentiles) -> Cell {
    Cell::judged(
        format!("{:.1} → {:.1} ms", before.p99_ms, during.p99_ms),
        during.p99_ms <= before.p99_ms * 3.0,
    )
}

fn pair(Percentiles { p50_ms, p99_ms }: Percentiles) -> String {
    format!("{p50_ms:.1} / {p99_ms:.1} ms")
}

fn share(value: f64, of: f64, what: &str) -> String {
    if of > 0.0 {
        format!("{:.0} %{what}", value / of * 100.0)
    } else {
        "–".to_owned()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate, neither negative nor huge"
)]
fn count(rate: f64) -> String {
    grouped(rate.round() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "a file's size stays far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let once = between_markers(FRAME, "first\n").unwrap();
        let twice = between_markers(&once, "second").unwrap();
        assert!(twice.starts_with("# Benchmarks\n") && twice.contains("\nsecond\n<!-- bench:end -->"));
        assert!(!twice.contains("first"));
        assert_eq!(between_markers("no markers", "x"), None);
    }

    #[test]
    fn a_table_without_engines_still_shows_the_machine() {
        let report = Report {
            facts: Facts::read(Path::new("/")).unwrap(),
            allowed: Allowed {
                empty_handler: 60_000.0,
                empty_answer: Percentiles {
                    p50_ms: 1.0,
                    p99_ms: 2.0,
                },
                overwrites: 8200.0,
                appends: 4100.0,
                postgres_commits: None,
            },
            sqlite: None,
            postgres: None,
            postgres_version: None,
            binary_bytes: 1,
            options: Options::parse(["--binary".to_owned(), "/".to_owned()].into_iter())
                .unwrap()
                .unwrap(),
        };
        let table = report.table();
        assert!(
            table.contains("60,000 empty requests") && table.contains("8,200 / 4,100"),
            "{table}"
        );
        let columns = |line: &str| line.matches('|').count();
        assert!(
            table
                .lines()
                .filter(|line| line.starts_with('|'))
                .all(|line| columns(line) == 7),
            "{table}"
        );
        assert!(report.losses().is_ok());
    }
}
