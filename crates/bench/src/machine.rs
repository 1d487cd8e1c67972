//! What the machine allows, so that a reader can tell a slow server from a slow machine.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Result;
use crate::http;
use crate::load::{self, CONNECTIONS, Markers, Percentiles, Target, Until};

pub(crate) struct Allowed {
    pub(crate) empty_handler: f64,
    pub(crate) empty_answer: Percentiles,
    /// Durable writes per second, one after the other.
    pub(crate) overwrites: f64,
    pub(crate) appends: f64,
    pub(crate) postgres_commits: Option<f64>,
}

pub(crate) async fn measure(directory: &Path, seconds: Duration) -> Result<Allowed> {
    let address = http::serve("empty-handler", |_, _, output| {
        http::write_answer(output, "201 Created", ANSWER);
    })?;
    let target = Target {
        address,
        secret_key: "0".repeat(32),
        workflow: "bench",
        recipients: 's',
    };
    // Markers of its own: these triggers reach nobody.
    let load = load::closed_loop(&target, CONNECTIONS, Until::Elapsed(seconds), &Markers::default()).await?;
    let empty_handler = load.per_second();
    let mut latencies = load.latencies_us;
    let empty_answer = Percentiles::of(&mut latencies);
    let brief = Duration::from_secs(3).min(seconds);
    Ok(Allowed {
        empty_handler,
        empty_answer,
        overwrites: durable_writes(directory, brief, true)?,
        appends: durable_writes(directory, brief, false)?,
        postgres_commits: None,
    })
}

/// As long as the server's own answer to a trigger.
const ANSWER: &str =
    r#"{"data":{"acknowledged":true,"status":"processed","transactionId":"txn_0123456789abcdef01234567"}}"#;

const BLOCK: usize = 4096;
const BLOCKS: usize = 4096;

/// Overwriting is what a database's log does once it has its size; appending is dearer, because the file's
/// length must become durable too.
fn durable_writes(directory: &Path, limit: Duration, overwrite: bool) -> Result<f64> {
    let path = tempfile::Builder::new()
        .prefix("campanile-bench-")
        .tempfile_in(directory)
        .map_err(|e| format!("a file to sync: {e}"))?
        .into_temp_path();
    let mut file = OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(|e| format!("a file to sync: {e}"))?;
    let failed = |e: std::io::Error| format!("a durable write: {e}");
    let block = [0x5a; BLOCK];
    if overwrite {
        for _ in 0..BLOCKS {
            file.write_all(&block).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
    }
    let start = Instant::now();
    let mut writes = 0_usize;
    while start.elapsed() < limit {
        if overwrite && writes.is_multiple_of(BLOCKS) {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
        }
        file.write_all(&block).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        writes += 1;
    }
    Ok(load::rate(writes, start.elapsed()))
}

/// Facts about the machine that a reader needs to judge a number, and none that names it.
pub(crate) struct Facts {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) memory_gb: f64,
    pub(crate) kernel: String,
    pub(crate) filesystem: String,
    pub(crate) load_average: String,
}

impl Facts {
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = text(path);
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|rest| rest.trim_start_matches([':', ' ', '\t']).trim().to_owned())
        };
        let kilobytes = field("/proc/meminfo", "MemTotal:")
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or_default();
        // Distributors append a name of their own after the version.
        let kernel = text("/proc/sys/kernel/osrelease");
        let kernel = kernel.trim().split('-').next().unwrap_or_default();
        Ok(Self {
            cores: std::thread::available_parallelism()
                .map_err(|e| format!("the number of cores: {e}"))?
                .get(),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unnamed processor".to_owned()),
            memory_gb: kilobytes / (1024.0 * 1024.0),
            kernel: kernel.to_owned(),
            filesystem: filesystem(directory).unwrap_or_else(|| "unknown".to_owned()),
            load_average: text("/proc/loadavg")
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
        })
    }
}

/// The given directory, else the first usual one that is on a disk: syncing a file in memory proves nothing.
pub(crate) fn durable_directory(wanted: Option<&Path>) -> Result<PathBuf> {
    let candidates = match wanted {
        Some(path) => vec![path.to_path_buf()],
        None => vec![std::env::temp_dir(), PathBuf::from("/var/tmp")],
    };
    for candidate in &candidates {
        let path = candidate
            .canonicalize()
            .map_err(|e| format!("the directory {}: {e}", candidate.display()))?;
        if !filesystem(&path).is_some_and(|kind| kind == "tmpfs" || kind == "ramfs") {
            return Ok(path);
        }
    }
    Err("the temporary directory is in memory, where nothing is durable; name one on a disk with --dir".to_owned())
}

fn filesystem(path: &Path) -> Option<String> {
    filesystem_in(&std::fs::read_to_string("/proc/mounts").ok()?, path)
}

/// The longest mount point that the path lies under; of equal ones the last, which covers the others.
fn filesystem_in(mounts: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(point), Some(kind)) = (fields.next(), fields.next()) else {
            continue;
        };
        if path.starts_with(point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
        for (path, kind) in [
            ("/var", "ext4"),
            ("/tmp/x", "tmpfs"),
            ("/tmp/disk/x", "xfs"),
            ("/tmpx", "ext4"),
        ] {
            assert_eq!(filesystem_in(mounts, Path::new(path)).as_deref(), Some(kind), "{path}");
        }
    }

    #[tokio::test]
    async fn the_machine_allows_something() {
        let directory = tempfile::tempdir().unwrap();
        let allowed = measure(directory.path(), Duration::from_millis(200)).await.unwrap();
        assert!(allowed.empty_handler > 0.0 && allowed.overwrites > 0.0 && allowed.appends > 0.0);
        assert!(Facts::read(directory.path()).unwrap().cores > 0);
    }
}
