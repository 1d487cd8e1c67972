//! Starts and ends the real binary, with an environment that is exactly what a test says.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use campanile_testkit::http::Client;
use campanile_testkit::{PATIENCE, eventually};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_campanile");
/// The Development key of servers in these tests.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
/// A master key.
pub(crate) const MASTER: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// A folder with the settings of what is started in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

impl Place {
    /// An empty folder; the data will be in `data` beneath it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            folder,
            settings: Vec::new(),
        }
        .with("CAMPANILE_LISTEN", &free_address().to_string())
    }

    /// With a setting; one that is there already is replaced.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a key that the test knows.
    pub(crate) fn with_key(self) -> Self {
        self.with("CAMPANILE_BOOTSTRAP_SECRET_KEY", KEY)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let found = self.settings.iter().find(|(name, _)| name == "CAMPANILE_LISTEN");
        found.expect("an address").1.parse().expect("an address")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().expect("the binary runs"))
    }

    /// Runs a server that is expected to refuse its start.
    pub(crate) async fn refused(&self, args: &[&str]) -> Ran {
        let mut server = self.launch(args);
        let status = server.ended().await;
        let (stdout, stderr) = (server.printed("stdout"), server.printed("stderr"));
        Ran {
            code: status.code(),
            stdout,
            stderr,
        }
    }

    /// Starts a server and returns at once.
    pub(crate) fn launch(&self, args: &[&str]) -> Server {
        let file = |name: &str| std::fs::File::create(self.folder().join(name)).expect("a file for the output");
        let mut all = vec!["serve"];
        all.extend(args);
        let child = self
            .command(&all)
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("the binary starts");
        Server {
            child,
            folder: self.folder().to_owned(),
            address: self.address(),
        }
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(&self, args: &[&str]) -> Server {
        let mut server = self.launch(args);
        eventually("the server is ready", async || {
            if let Some(status) = server.child.try_wait().expect("a child") {
                panic!("the server left with {status}: {}", server.printed("stderr"));
            }
            let mut client = Client::connect(server.address, "").await.ok()?;
            let answer = client.call("GET", "/readyz", &[], None).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        server
    }
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It failed with this code, and one sentence that has all of these words.
    #[track_caller]
    pub(crate) fn refuses(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        let sentence = self.stderr.lines().find(|line| line.starts_with("campanile: "));
        let sentence = sentence.unwrap_or_else(|| panic!("no sentence: {self:?}"));
        for word in words {
            assert!(sentence.contains(word), "{word:?} is not in {sentence:?}");
        }
    }
}

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address, KEY).await.expect("the server listens")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the server ends", async || self.child.try_wait().expect("a child")).await
    }

    /// What it wrote on `stdout` or `stderr`.
    pub(crate) fn printed(&self, stream: &str) -> String {
        let mut text = String::new();
        let mut file = std::fs::File::open(self.folder.join(stream)).expect("its output");
        file.read_to_string(&mut text).expect("its output is text");
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// A stop is graceful within this time.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(10);

const _: () = assert!(STOPS_WITHIN.as_secs() < PATIENCE.as_secs());
