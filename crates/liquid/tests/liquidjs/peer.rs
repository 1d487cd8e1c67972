//! The real LiquidJS in a child process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Text(String),
    Error(String),
}

pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The folder of this package, wherever it was compiled.
#[expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says it, not the configuration"
)]
fn here() -> String {
    std::env::var("CARGO_MANIFEST_DIR").expect("the runner says where the package is")
}

impl Peer {
    pub(crate) fn start() -> Self {
        let folder = Path::new(&here()).join("../../tests/liquid");
        assert!(
            folder.join("node_modules/liquidjs").is_dir(),
            "LiquidJS is not installed in tests/liquid; run `make test`, which installs it"
        );
        let mut child = Command::new("node")
            .arg("peer.mjs")
            .current_dir(folder)
            .env("TZ", "UTC")
            .env("LC_ALL", "en_US.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    pub(crate) fn render(&mut self, engine: &str, template: &str, data: &Value) -> Answer {
        self.ask(engine, &template.into(), data)
    }

    pub(crate) fn ask(&mut self, engine: &str, template: &Value, data: &Value) -> Answer {
        let request = json!({ "engine": engine, "template": template, "data": data });
        writeln!(self.input, "{request}").expect("the peer reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the peer answers");
        let answer: Value = serde_json::from_str(&line).expect("the peer answers in JSON");
        match answer["ok"].as_str() {
            Some(text) => Answer::Text(text.to_owned()),
            None => Answer::Error(answer["message"].as_str().unwrap_or_default().to_owned()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
