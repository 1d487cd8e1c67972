//! A web server on loopback that stands in for providers and for customers' webhooks: it keeps every request, and
//! answers as it was told for the words that a request carries.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::http;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its path with the query.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
    /// When it was there as a whole.
    pub at: Instant,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// The first header with this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn carries(&self, marker: &str) -> bool {
        self.path.contains(marker) || self.body.contains(marker)
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    gate: Option<Gate>,
}

impl Answer {
    /// A status with a text.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            gate: None,
        }
    }

    /// Slack's way to say no.
    pub fn slack_error(code: &str) -> Self {
        Self::new(200, json!({ "ok": false, "error": code }).to_string())
    }

    /// Busy for this many seconds.
    pub fn busy(seconds: u64) -> Self {
        Self::new(429, "").with("retry-after", &seconds.to_string())
    }

    /// Success, as Slack's API says it on its path, and in general elsewhere.
    fn success(path: &str, number: u64) -> Self {
        if path.starts_with("/api/") {
            Self::new(
                200,
                json!({ "ok": true, "channel": "C0FAKE", "ts": format!("{number}.0") }).to_string(),
            )
        } else {
            Self::new(200, "ok")
        }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Given only once the gate lets it through.
    #[must_use]
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// Holds answers back; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that is closed.
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets through what waits, and whatever comes.
    pub fn open(&self) {
        self.0.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

/// The running fake; it ends with the test's runtime. Clones are handles to the same one.
#[derive(Clone)]
pub struct Fake {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    rules: Mutex<Vec<(String, VecDeque<Answer>)>>,
    answered: AtomicU64,
    handler: OnceLock<Box<Handler>>,
}

type Handler = dyn Fn(&Received) -> Option<Answer> + Send + Sync;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    /// Starts on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let fake = Self {
            address,
            state: Arc::default(),
        };
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = serving.clone();
                // A connection that breaks is the caller's business.
                tokio::spawn(async move { drop(fake.serve(stream).await) });
            }
        });
        fake
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers requests that carry `marker` in path or body with these, in turn; the last one stays. Replaces what was
    /// set for the marker before; no answers at all means success again.
    pub fn answer(&self, marker: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers: VecDeque<Answer> = answers.into_iter().collect();
        let mut rules = lock(&self.state.rules);
        rules.retain(|(known, _)| known != marker);
        if !answers.is_empty() {
            rules.push((marker.to_owned(), answers));
        }
    }

    /// Answers what no marker is set for, where it has an answer. There can be one.
    pub fn handle(&self, handler: impl Fn(&Received) -> Option<Answer> + Send + Sync + 'static) {
        assert!(self.state.handler.set(Box::new(handler)).is_ok(), "one handler");
    }

    /// All that came, oldest first.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// What came and carries `marker`.
    pub fn received_with(&self, marker: &str) -> Vec<Received> {
        let mut received = self.received();
        received.retain(|request| request.carries(marker));
        received
    }

    /// How many came that carry `marker`.
    pub fn count(&self, marker: &str) -> usize {
        lock(&self.state.received)
            .iter()
            .filter(|request| request.carries(marker))
            .count()
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::new();
        while let Some(message) = http::read(&mut stream, &mut buffer).await? {
            let request = Received {
                path: message.first_line.split(' ').nth(1).unwrap_or_default().to_owned(),
                headers: message.headers,
                body: String::from_utf8_lossy(&message.body).into_owned(),
                at: Instant::now(),
            };
            let answer = self.answer_for(&request);
            lock(&self.state.received).push(request);
            if let Some(Gate(gate)) = &answer.gate
                && let Ok(permit) = gate.acquire().await
            {
                permit.forget();
            }
            let mut text = format!(
                "HTTP/1.1 {} Fake\r\ncontent-length: {}\r\n",
                answer.status,
                answer.body.len()
            );
            for (name, value) in &answer.headers {
                text.extend([name, ": ", value, "\r\n"]);
            }
            text.extend(["\r\n", &answer.body]);
            stream.write_all(text.as_bytes()).await?;
        }
        Ok(())
    }

    fn answer_for(&self, request: &Received) -> Answer {
        let mut rules = lock(&self.state.rules);
        let Some((_, answers)) = rules.iter_mut().find(|(marker, _)| request.carries(marker)) else {
            if let Some(answer) = self.state.handler.get().and_then(|handler| handler(request)) {
                return answer;
            }
            let number = self.state.answered.fetch_add(1, Ordering::Relaxed);
            return Answer::success(&request.path, number);
        };
        let last = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        last.unwrap_or_else(|| Answer::new(200, "ok"))
    }
}
