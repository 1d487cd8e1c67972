//! A vendor that rotates tokens: each refresh token works once, and really dies. Speaks as Slack, and on Webex's path as
//! Webex, which keeps refresh tokens.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use campanile_model::channel::Channel;
use campanile_model::context::ContextSet;
use campanile_model::{Clock, Ctx};
use campanile_store::connections::{Connection, NewConnection, Workspace};
use campanile_store::grants::Tokens;
use campanile_store::integrations::{Integration, Kind, NewIntegration};
use campanile_store::subscribers::Subscriber;
use campanile_store::{Batch, Store};
use serde_json::{Map, Value, json};

use crate::fake::{Answer, Fake, Gate, Received};

/// The client that the vendor knows.
pub const CLIENT_ID: &str = "4711.0815";
/// Its secret.
pub const SECRET: &str = "canary-client-secret";

/// The running vendor.
#[derive(Clone)]
pub struct Rotating {
    /// Where it listens, and what came.
    pub fake: Fake,
    vendor: Arc<Mutex<Vendor>>,
}

#[derive(Default)]
struct Vendor {
    issued: u64,
    refresh: HashMap<String, String>,
    used: HashSet<String>,
    access: HashSet<String>,
    renewed: usize,
    replayed: usize,
    script: VecDeque<Answer>,
    gates: VecDeque<Gate>,
}

impl Rotating {
    /// Starts on a free port.
    pub async fn start() -> Self {
        Self::on(Fake::start().await)
    }

    /// Behind a fake that answers everything else.
    pub fn on(fake: Fake) -> Self {
        let vendor = Arc::<Mutex<Vendor>>::default();
        let answering = Arc::clone(&vendor);
        fake.handle(move |request| lock(&answering).answer(request));
        Self { fake, vendor }
    }

    fn vendor(&self) -> MutexGuard<'_, Vendor> {
        lock(&self.vendor)
    }

    /// A first pair for a workspace, whose access token ends after this time.
    pub fn issue(&self, workspace: &str, clock: &Clock, life: Duration) -> Tokens {
        let (access_token, refresh_token) = self.vendor().issue(workspace);
        Tokens {
            access_token,
            refresh_token: Some(refresh_token),
            expires_at: Some(clock.now().plus(life).to_string()),
            refresh_token_expires_at: None,
        }
    }

    /// The next exchanges are answered so, before anything is exchanged.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.vendor().script.extend(answers);
    }

    /// The answer of the next exchange is held back after the tokens were exchanged.
    pub fn hold_next(&self, gate: &Gate) {
        self.vendor().gates.push_back(gate.clone());
    }

    /// The vendor exchanges the refresh token, and nobody hears of the new pair.
    pub fn consume(&self, refresh_token: &str) {
        let mut vendor = self.vendor();
        if let Some(workspace) = vendor.refresh.remove(refresh_token) {
            vendor.used.insert(refresh_token.to_owned());
            vendor.issue(&workspace);
        }
    }

    /// The customer removes the app.
    pub fn uninstall(&self, workspace: &str) {
        let mut vendor = self.vendor();
        vendor.refresh.retain(|_, of| of != workspace);
        vendor.access.retain(|token| !token.contains(workspace));
    }

    /// The vendor's clock is ahead: this access token has ended.
    pub fn end(&self, access_token: &str) {
        self.vendor().access.remove(access_token);
    }

    /// Exchanges that were asked for.
    pub fn asked(&self) -> usize {
        self.fake.count("grant_type=refresh_token")
    }

    /// Exchanges that brought a new pair.
    pub fn renewed(&self) -> usize {
        self.vendor().renewed
    }

    /// Exchanges of a refresh token that had been used before.
    pub fn replayed(&self) -> usize {
        self.vendor().replayed
    }

    /// Whether an access token works.
    pub fn accepts(&self, access_token: &str) -> bool {
        self.vendor().access.contains(access_token)
    }
}

fn lock(vendor: &Mutex<Vendor>) -> MutexGuard<'_, Vendor> {
    vendor.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vendor {
    fn issue(&mut self, workspace: &str) -> (String, String) {
        self.issued += 1;
        let number = self.issued;
        let (access, refresh) = (
            format!("xoxe.xoxb-{workspace}-{number}"),
            format!("xoxe-1-{workspace}-{number}"),
        );
        self.access.insert(access.clone());
        self.refresh.insert(refresh.clone(), workspace.to_owned());
        (access, refresh)
    }

    fn answer(&mut self, request: &Received) -> Option<Answer> {
        let bearer = request
            .header("authorization")
            .and_then(|text| text.strip_prefix("Bearer "));
        match request.path.as_str() {
            "/api/oauth.v2.access" => Some(self.exchange(request, false)),
            "/v1/access_token" => Some(self.exchange(request, true)),
            "/api/auth.revoke" => Some(match bearer {
                Some(token) if self.access.remove(token) => {
                    Answer::new(200, json!({ "ok": true, "revoked": true }).to_string())
                }
                Some(token) if token.starts_with("xoxe.") => Answer::slack_error("token_expired"),
                _ => Answer::slack_error("invalid_auth"),
            }),
            _ if bearer.is_some_and(|token| token.starts_with("xoxe.") && !self.access.contains(token)) => {
                Some(Answer::slack_error("token_expired"))
            }
            _ => None,
        }
    }

    fn exchange(&mut self, request: &Received, keeps: bool) -> Answer {
        if let Some(answer) = self.script.pop_front() {
            return answer;
        }
        let form: HashMap<&str, &str> = request
            .body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let field = |name: &str| form.get(name).copied().unwrap_or_default();
        if (field("client_id"), field("client_secret")) != (CLIENT_ID, SECRET) {
            return Answer::slack_error("bad_client_secret");
        }
        let old = field("refresh_token");
        let Some(workspace) = self.refresh.get(old).cloned() else {
            self.replayed += usize::from(self.used.contains(old));
            return Answer::slack_error("invalid_refresh_token");
        };
        let (access, mut refresh) = self.issue(&workspace);
        if keeps {
            self.refresh.remove(&refresh);
            old.clone_into(&mut refresh);
        } else {
            self.refresh.remove(old);
            self.used.insert(old.to_owned());
        }
        self.renewed += 1;
        let body = json!({
            "ok": true, "access_token": access, "refresh_token": refresh, "expires_in": 43_200, "token_type": "bot",
        });
        let answer = Answer::new(200, body.to_string());
        match self.gates.pop_front() {
            Some(gate) => answer.behind(&gate),
            None => answer,
        }
    }
}

/// An account at the provider with the vendor's client.
pub async fn integration(store: &Store, ctx: &Ctx, provider: &str, secret: &str) -> Integration {
    let read = store.integrations_to_change(ctx).await.expect("integrations");
    let mut batch = Batch::new();
    let new = NewIntegration {
        identifier: Some(provider.to_owned()),
        name: provider.to_owned(),
        provider_id: provider.to_owned(),
        channel: Some(Channel::Chat),
        kind: Kind::Delivery,
        credentials: Map::from_iter([
            ("clientId".to_owned(), Value::from(CLIENT_ID)),
            ("secretKey".to_owned(), Value::from(secret)),
        ]),
        configurations: Map::new(),
        conditions: Vec::new(),
        active: true,
        send_real: false,
    };
    let made = store
        .create_integration(&mut batch, ctx, &read, new)
        .expect("an integration");
    store.commit(batch).await.expect("a commit");
    made
}

/// A connection that rests on these tokens.
pub async fn connect(
    store: &Store,
    ctx: &Ctx,
    integration: &Integration,
    owner: Option<&Subscriber>,
    name: &str,
    tokens: &Tokens,
) -> Connection {
    let mut batch = Batch::new();
    let new = NewConnection {
        identifier: name.to_owned(),
        integration,
        owner,
        contexts: ContextSet::new(vec![format!("tenant:{name}")]),
        workspace: Workspace {
            id: "T1".to_owned(),
            name: None,
        },
    };
    let made = store
        .create_connection(&mut batch, ctx, new, tokens)
        .await
        .expect("a connection");
    store.commit(batch).await.expect("a commit");
    made
}
