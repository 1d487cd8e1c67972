//! Child processes that do not outlive the run, however it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// A running child; dropped, it is told to stop, and killed when it does not.
pub(crate) struct Guarded {
    child: Child,
    name: &'static str,
    stop_signal: &'static str,
    output: PathBuf,
}

impl Guarded {
    /// Output goes to a file, because a pipe that nobody reads would block the child.
    pub(crate) fn spawn(
        name: &'static str,
        stop_signal: &'static str,
        output: PathBuf,
        command: &mut Command,
    ) -> Result<Self> {
        let file = File::create(&output).map_err(|e| format!("a file for the output of {name}: {e}"))?;
        let again = file
            .try_clone()
            .map_err(|e| format!("a file for the output of {name}: {e}"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn()
            .map_err(|e| format!("{name} does not start: {e}"))?;
        Ok(Self {
            child,
            name,
            stop_signal,
            output,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error, with what the child said, when it has ended by itself.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} ended with {status}:\n{}", self.name, tail(&self.output))),
            Err(e) => Err(format!("the state of {}: {e}", self.name)),
        }
    }

    /// Asks politely and waits; a child that ignores it is an error, and is killed by the drop that follows.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.check_running()?;
        if self.ask_to_stop() {
            Ok(())
        } else {
            Err(format!("{} did not stop within 15 s when told to", self.name))
        }
    }

    fn ask_to_stop(&mut self) -> bool {
        let pid = self.child.id();
        // The shell's own kill: std can only send SIGKILL, and a crate for one signal is too much.
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{} {pid}", self.stop_signal))
            .status();
        if sent.is_err() {
            return false;
        }
        let deadline = Instant::now() + Duration::from_secs(15);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && !self.ask_to_stop() {
            // It may have ended in between; there is nothing left to do about either outcome.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The last lines that a child wrote.
pub(crate) fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Runs a command to its end and gives what it printed.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{name} does not start: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_child_is_gone_and_an_ended_one_tells_why() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("out");
        let child = Guarded::spawn("sleep", "TERM", output.clone(), Command::new("sleep").arg("60")).unwrap();
        let pid = child.pid();
        drop(child);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());

        let mut child = Guarded::spawn(
            "sh",
            "TERM",
            output,
            Command::new("sh").args(["-c", "echo no such key; exit 1"]),
        )
        .unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let error = loop {
            if let Err(error) = child.check_running() {
                break error;
            }
            assert!(Instant::now() < deadline, "sh did not end");
        };
        assert!(error.contains("no such key"), "{error}");
    }
}
