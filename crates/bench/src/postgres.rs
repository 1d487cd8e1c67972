//! A private PostgreSQL cluster on a unix socket, with `fsync=on`: what is measured is a durable commit.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;
use crate::child::{Guarded, run};
use crate::server::on_path;

pub(crate) enum Found {
    Binaries(Binaries),
    Missing(String),
}

pub(crate) struct Binaries {
    initdb: PathBuf,
    postgres: PathBuf,
    /// Client programs, which some packages leave out.
    createdb: Option<PathBuf>,
    pgbench: Option<PathBuf>,
}

pub(crate) struct Cluster {
    pub(crate) url: String,
    /// A second database, for a server in dev mode; nothing where none can be made.
    pub(crate) dev_url: Option<String>,
    pub(crate) version: String,
    process: Guarded,
    socket: PathBuf,
    pgbench: Option<PathBuf>,
    // After the process, because fields are dropped in order.
    _directory: TempDir,
}

pub(crate) fn find() -> Found {
    let mut directories: Vec<PathBuf> = Vec::new();
    if let Some(postgres) = on_path("postgres") {
        directories.extend(postgres.parent().map(Path::to_path_buf));
    }
    // Debian keeps the server's programs off the search path, one folder per major version.
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    directories.extend(versions.into_iter().map(|(_, path)| path));
    directories.push(PathBuf::from("/usr/local/pgsql/bin"));

    for directory in directories {
        let (initdb, postgres) = (directory.join("initdb"), directory.join("postgres"));
        if initdb.is_file() && postgres.is_file() {
            let beside = |name: &str| {
                let candidate = directory.join(name);
                if candidate.is_file() {
                    Some(candidate)
                } else {
                    on_path(name)
                }
            };
            return Found::Binaries(Binaries {
                initdb,
                postgres,
                createdb: beside("createdb"),
                pgbench: beside("pgbench"),
            });
        }
    }
    Found::Missing("initdb and postgres were not found; on Debian: apt-get install postgresql".to_owned())
}

impl Binaries {
    pub(crate) fn start(self, parent: &Path) -> Result<Cluster> {
        let directory = tempfile::Builder::new()
            // Short, because a socket's whole path may have 107 characters.
            .prefix("cb-pg-")
            .tempdir_in(parent)
            .map_err(|e| format!("a directory for PostgreSQL: {e}"))?;
        let owner = owner()?;
        let home = directory.path();
        std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o700)).map_err(|e| format!("chmod: {e}"))?;
        if let Some((uid, gid)) = owner {
            chown(home, Some(uid), Some(gid)).map_err(|e| format!("chown: {e}"))?;
        }
        let as_owner = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(home);
            if let Some((uid, gid)) = owner {
                command.uid(uid).gid(gid);
            }
            command
        };
        let data = home.join("data");
        run(
            "initdb",
            as_owner(&self.initdb).arg("-D").arg(&data).args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ]),
        )?;
        let version = run("postgres --version", Command::new(&self.postgres).arg("--version"))?;
        let mut command = as_owner(&self.postgres);
        command.arg("-D").arg(&data).args(["-h", "", "-k"]).arg(home);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let mut process = Guarded::spawn("PostgreSQL", "INT", home.join("output.txt"), &mut command)?;
        wait_until_ready(&mut process, &data)?;

        let url = |database: &str| format!("postgres://postgres@{}/{database}", percent_encode(home));
        let make = |createdb: &Path, database: &str| {
            let mut command = Command::new(createdb);
            command.arg("-h").arg(home).args(["-U", "postgres", database]);
            run("createdb", &mut command).map(|_| url(database))
        };
        let database = if self.createdb.is_some() {
            "campanile"
        } else {
            "postgres"
        };
        if let Some(createdb) = &self.createdb {
            make(createdb, database)?;
        }
        let createdb = self.createdb.as_deref();
        Ok(Cluster {
            url: url(database),
            dev_url: createdb.map(|createdb| make(createdb, "dev")).transpose()?,
            version: version.trim().replace("postgres (PostgreSQL) ", ""),
            process,
            socket: home.to_path_buf(),
            pgbench: self.pgbench.filter(|_| database != "postgres"),
            _directory: directory,
        })
    }
}

/// Durability as shipped; memory and log space as a small production server has them.
const SETTINGS: [&str; 5] = [
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=256MB",
    "max_connections=100",
    "max_wal_size=2GB",
];

pub(crate) const PGBENCH_CLIENTS: u32 = 8;

impl Cluster {
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// One-row inserts per second, committed one by one by several clients: what group commit reaches here
    /// without any batching of ours. `None` without pgbench.
    pub(crate) fn commit_rate(&self, seconds: Duration) -> Result<Option<f64>> {
        let Some(pgbench) = &self.pgbench else { return Ok(None) };
        let script = |name: &str, sql: &str| {
            let path = self.socket.join(name);
            std::fs::write(&path, sql)
                .map(|()| path)
                .map_err(|e| format!("pgbench's script: {e}"))
        };
        let prepare = script(
            "prepare.sql",
            "CREATE TABLE bench_commit (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL);\n",
        )?;
        let insert = script(
            "insert.sql",
            "INSERT INTO bench_commit (body) VALUES (repeat('x', 350));\n",
        )?;
        // Written out now, so that the server's measures do not pay for it.
        let clear = script("clear.sql", "DROP TABLE bench_commit;\nCHECKPOINT;\n")?;
        let command = |script: &Path, args: &[&str]| {
            let mut command = Command::new(pgbench);
            command
                .arg("-n")
                .arg("-f")
                .arg(script)
                .args(args)
                .arg("-h")
                .arg(&self.socket);
            // Not the database that the server gets.
            command.args(["-U", "postgres", "postgres"]);
            command
        };
        run("pgbench", &mut command(&prepare, &["-c", "1", "-t", "1"]))?;
        let (clients, seconds) = (PGBENCH_CLIENTS.to_string(), seconds.as_secs().to_string());
        let printed = run(
            "pgbench",
            &mut command(&insert, &["-c", &clients, "-j", "1", "-M", "prepared", "-T", &seconds]),
        )?;
        run("pgbench", &mut command(&clear, &["-c", "1", "-t", "1"]))?;
        parse_tps(&printed)
            .map(Some)
            .ok_or_else(|| format!("pgbench printed no rate:\n{printed}"))
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }
}

/// The postmaster writes its state into the eighth line of its pid file; a client program is not needed.
fn wait_until_ready(process: &mut Guarded, data: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return Ok(());
        }
        process.check_running()?;
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("PostgreSQL was not ready within 30 s".to_owned())
}

/// Whom to run as: initdb refuses root.
fn owner() -> Result<Option<(u32, u32)>> {
    let me = std::fs::metadata("/proc/self").map_err(|e| format!("who runs this: {e}"))?;
    if me.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").map_err(|e| format!("/etc/passwd: {e}"))?;
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| user_in(&users, name))
        .map(Some)
        .ok_or_else(|| "root cannot run PostgreSQL, and there is no user postgres or nobody".to_owned())
}

fn user_in(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = passwd.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let found = fields.next() == Some(name);
        found.then_some(fields)
    })?;
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A socket's directory stands where a URL has its host.
fn percent_encode(path: &Path) -> String {
    use std::fmt::Write as _;
    path.to_string_lossy().bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a String takes every write");
        }
        text
    })
}

fn parse_tps(printed: &str) -> Option<f64> {
    let line = printed.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_directory_becomes_a_host() {
        assert_eq!(percent_encode(Path::new("/tmp/cb-pg-a_1 b")), "%2Ftmp%2Fcb-pg-a_1%20b");
    }

    #[test]
    fn users_and_rates_are_read() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:107:115::/var:/bin/sh\n";
        assert_eq!(user_in(passwd, "postgres"), Some((107, 115)));
        assert_eq!(user_in(passwd, "nobody"), None);
        let printed = "latency average = 1 ms\ntps = 7521.25 (without initial connection time)\n";
        assert_eq!(parse_tps(printed), Some(7521.25));
    }
}
