//! The server under measure: a release binary in an empty directory, known only by its port and its process id.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;
use crate::child::Guarded;
use crate::fake_slack::FakeSlack;
use crate::options::Options;
use crate::random::Random;

/// Where the server keeps its rows.
pub(crate) enum Database {
    Sqlite,
    Postgres { url: String, postmaster: u32 },
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) secret_key: String,
    process: Guarded,
    postmaster: Option<u32>,
    // After the process, because fields are dropped in order and the server must not lose its files first.
    _directory: TempDir,
}

/// CPU time used so far, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) server_us: u64,
    pub(crate) database_us: Option<u64>,
}

pub(crate) struct Memory {
    pub(crate) resident_mb: f64,
    pub(crate) peak_mb: f64,
}

impl Server {
    /// Starts it and says how long it took until `/readyz` answered 200.
    pub(crate) fn start(
        options: &Options,
        parent: &Path,
        fake: &FakeSlack,
        database: &Database,
    ) -> Result<(Self, Duration)> {
        let directory = tempfile::Builder::new()
            .prefix("campanile-bench-")
            .tempdir_in(parent)
            .map_err(|e| format!("a directory for the server: {e}"))?;
        let data = directory.path().join("data");
        let address = free_address()?;
        let mut random = Random::seeded();
        let secret_key = random.hex(2);
        let mut command = Command::new(&options.binary);
        // A clean environment: a setting of the caller's shell must not change what is measured.
        command
            .arg("serve")
            .env_clear()
            .current_dir(directory.path())
            .env("CAMPANILE_LISTEN", address.to_string())
            .env("CAMPANILE_DATA_DIR", &data)
            .env("CAMPANILE_BOOTSTRAP_SECRET_KEY", &secret_key)
            .env(
                "CAMPANILE_PROVIDERS__SLACK__BASE_URL",
                format!("http://{}", fake.address),
            )
            .env("CAMPANILE_LOG", "warn");
        let postmaster = match database {
            Database::Sqlite => None,
            Database::Postgres { url, postmaster } => {
                command
                    .env("CAMPANILE_DATABASE_URL", url)
                    .env("CAMPANILE_ENCRYPTION_KEY", random.hex(4));
                Some(*postmaster)
            }
        };
        let output = directory.path().join("output.txt");
        let started = Instant::now();
        let process = Guarded::spawn("the server", "TERM", output, &mut command)?;
        let mut server = Self {
            address,
            secret_key,
            process,
            postmaster,
            _directory: directory,
        };
        let ready = server.wait_until_ready(started)?;
        Ok((server, ready))
    }

    fn wait_until_ready(&mut self, started: Instant) -> Result<Duration> {
        while started.elapsed() < Duration::from_mins(1) {
            if ready(self.address) {
                return Ok(started.elapsed());
            }
            self.process.check_running()?;
            std::thread::sleep(Duration::from_millis(2));
        }
        Err("the server was not ready within 60 s".to_owned())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let path = format!("/proc/{}/status", self.process.pid());
        let status = std::fs::read_to_string(path).map_err(|e| format!("the server's memory: {e}"))?;
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            kilobytes
                .map(|kb| kb * 1024.0 / 1_000_000.0)
                .ok_or_else(|| format!("no {name} for the server"))
        };
        Ok(Memory {
            resident_mb: megabytes("VmRSS:")?,
            peak_mb: megabytes("VmHWM:")?,
        })
    }

    /// Lets the peak of memory begin anew, at what is resident now.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.process.pid());
        std::fs::write(path, "5").map_err(|e| format!("the server's peak of memory: {e}"))
    }

    pub(crate) fn cpu(&self) -> Result<Cpu> {
        let stat = process_stat(self.process.pid()).ok_or("the server has gone")?;
        let database_us = self.postmaster.map(|postmaster| {
            let of_backends: u64 = all_processes()
                .filter_map(process_stat)
                .filter(|s| s.parent == postmaster)
                .map(|s| s.cpu_us)
                .sum();
            of_backends + process_stat(postmaster).map_or(0, |s| s.cpu_us)
        });
        Ok(Cpu {
            server_us: stat.cpu_us,
            database_us,
        })
    }

    /// Waits until the work that a measure left behind is done, so that the next one starts from rest.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let window = Duration::from_millis(500);
        let deadline = Instant::now() + Duration::from_mins(5);
        let mut quiet = 0;
        while Instant::now() < deadline {
            let before = self.cpu()?.server_us;
            tokio::time::sleep(window).await;
            self.process.check_running()?;
            // 5 % of a core is two ticks or less in a window: timers, not work.
            quiet = if self.cpu()?.server_us - before <= 20_000 {
                quiet + 1
            } else {
                0
            };
            if quiet == 3 {
                return Ok(());
            }
        }
        Err("the server was still busy 300 s after the load had ended".to_owned())
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }
}

struct Stat {
    parent: u32,
    cpu_us: u64,
}

/// Linux reports CPU time in hundredths of a second, whatever the kernel's own tick is.
fn process_stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&text)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is a name in parentheses, which may itself hold spaces and parentheses.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        cpu_us: (number(11)? + number(12)?) * 10_000,
    })
}

fn all_processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free loopback port: {e}"))?;
    listener
        .local_addr()
        .map_err(|e| format!("the listener's address: {e}"))
}

/// Blocking, because nothing else runs while the server starts.
fn ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Finds a program beside others of its kind, or on the search path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = parse_stat("12 (a ) b) S 7 12 12 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 1 1 1").unwrap();
        assert_eq!((stat.parent, stat.cpu_us), (7, 2_000_000));
    }

    #[test]
    fn our_own_process_can_be_read() {
        assert!(all_processes().any(|pid| pid == std::process::id()));
        assert!(process_stat(std::process::id()).is_some());
    }
}
