//! A running engine with the real store, transport and worker, and a fake Slack.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campanile_connect::Connect;
use campanile_engine::recipients::{self, Recipients};
use campanile_engine::{Accepted, Engine, EngineMetrics, Settings, Trigger, Worker};
use campanile_model::channel::{DeliveryState, JobStatus, MessageStatus, Origin, Severity, WorkflowStatus};
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id, StepType, Time};
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig};
use campanile_store::connections::{Connection, NewConnection, Workspace};
use campanile_store::deliveries::Attempt;
use campanile_store::endpoints::{Endpoint, NewEndpoint};
use campanile_store::grants::Tokens;
use campanile_store::integrations::{Integration, Kind, NewIntegration};
use campanile_store::messages::Message;
use campanile_store::notifications::{Job, Notification, NotificationFilter};
use campanile_store::subscribers::Subscriber;
use campanile_store::tasks::NewTask;
use campanile_store::testing::StoredTask;
use campanile_store::traces::Trace;
use campanile_store::workflows::{Preferences, Step, Workflow};
use campanile_store::{Batch, Store};
use campanile_testkit::fake::Fake;
use campanile_testkit::rotating::{CLIENT_ID, SECRET};
use campanile_testkit::{TestStore, eventually};
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};

/// Whose addresses are the fake's.
const VENDORS: [&str; 8] = [
    "slack",
    "msteams/login",
    "msteams/bot",
    "webex-messaging",
    "telegram",
    "line",
    "whatsapp-business",
    "sendblue",
];

/// What the engine was told besides its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Slack is the fake.
    Serve,
    /// The same, but the bot of Teams speaks where its tenants say.
    Regional,
    /// As in dev mode: Slack is the real one, and what is not for this machine stays in the outbox.
    Outbox,
}

/// One process's engine and worker.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) worker: Worker,
    metrics: Mutex<Registry>,
}

impl Process {
    pub(crate) fn new(store: Store, fake: &Fake, mode: Mode) -> Self {
        // The first that comes installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = Transport::new(TransportConfig {
            allow_loopback: true,
            ..TransportConfig::default()
        })
        .unwrap();
        let mut bases = BaseUrls::default();
        if mode != Mode::Outbox {
            for id in VENDORS
                .into_iter()
                .filter(|id| mode == Mode::Serve || *id != "msteams/bot")
            {
                bases.set(id, fake.url().parse().unwrap()).unwrap();
            }
        }
        let metrics = EngineMetrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let outbox = mode == Mode::Outbox;
        let settings = campanile_connect::Settings {
            public_url: None,
            bases,
            dev: outbox,
        };
        let connect = Connect::new(store, transport, settings);
        let engine = Engine::new(connect, Settings { outbox }, metrics);
        Self {
            worker: Worker::new(engine.clone()),
            engine,
            metrics: Mutex::new(registry),
        }
    }

    /// The value of a counter or gauge without labels.
    pub(crate) fn metric(&self, name: &str) -> i64 {
        let mut text = String::new();
        let registry = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in {text}"))
            .parse()
            .unwrap()
    }
}

/// A world in which subscribers have Slack channels.
pub(crate) struct World<'a> {
    pub(crate) test: &'a TestStore,
    pub(crate) fake: Fake,
    pub(crate) process: Process,
    pub(crate) slack: Integration,
    pub(crate) hook: Integration,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl<'a> World<'a> {
    /// With a running worker.
    pub(crate) async fn start(test: &'a TestStore) -> Self {
        let world = Self::still(test, Mode::Serve).await;
        world.process.worker.start();
        world
    }

    /// Before its worker is started.
    pub(crate) async fn still(test: &'a TestStore, mode: Mode) -> Self {
        let fake = Fake::start().await;
        Self {
            process: Process::new(test.store.clone(), &fake, mode),
            slack: integration(test, "slack", &own_app()).await,
            hook: integration(test, "chat-webhook", &own_app()).await,
            fake,
            test,
            connection: Mutex::new(None),
        }
    }

    fn store(&self) -> &Store {
        &self.test.store
    }

    fn ctx(&self) -> &Ctx {
        &self.test.ctx
    }

    pub(crate) async fn subscriber(&self, name: &str) -> Subscriber {
        self.subscriber_with(name, &json!({})).await
    }

    /// A subscriber with a profile.
    pub(crate) async fn subscriber_with(&self, name: &str, profile: &Value) -> Subscriber {
        let profile = profile.as_object().cloned().unwrap_or_default();
        let subscriber = self.store().new_subscriber(name, profile);
        let mut batch = Batch::new();
        self.store().insert_subscriber(&mut batch, self.ctx(), &subscriber);
        self.store().commit(batch).await.unwrap();
        subscriber
    }

    /// A shared connection to a workspace with this token; there can be one.
    pub(crate) async fn connect(&self, name: &str, token: &str) -> Connection {
        self.connect_as(&self.slack, None, name, token).await
    }

    /// A connection of the subscriber's own.
    pub(crate) async fn connect_for(&self, owner: &Subscriber, name: &str, token: &str) -> Connection {
        self.connect_as(&self.slack, Some(owner), name, token).await
    }

    /// An account at another provider.
    pub(crate) async fn integration(&self, provider: &str, credentials: &Value) -> Integration {
        integration(self.test, provider, credentials).await
    }

    /// An account at another provider that is used under these conditions.
    pub(crate) async fn integration_if(&self, provider: &str, conditions: &Value) -> Integration {
        let conditions = conditions.as_array().cloned().unwrap_or_default();
        conditional(self.test, provider, &json!({}), conditions).await
    }

    /// A connection of another provider, whose workspace is `T-<name>`.
    pub(crate) async fn connect_as(
        &self,
        integration: &Integration,
        owner: Option<&Subscriber>,
        name: &str,
        token: &str,
    ) -> Connection {
        self.connect_to(integration, owner, name, &tokens(token)).await
    }

    /// A connection that rests on these tokens.
    pub(crate) async fn connect_with(&self, owner: Option<&Subscriber>, name: &str, tokens: &Tokens) -> Connection {
        self.connect_to(&self.slack, owner, name, tokens).await
    }

    async fn connect_to(
        &self,
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
            contexts: ContextSet::default(),
            workspace: Workspace {
                id: format!("T-{name}"),
                name: None,
            },
        };
        let made = self.store().create_connection(&mut batch, self.ctx(), new, tokens);
        let made = made.await.unwrap();
        self.store().commit(batch).await.unwrap();
        made
    }

    /// Gives a connection another token, as a PATCH does.
    pub(crate) async fn reconnect(&self, name: &str, token: &str) {
        let read = self.store().connection(self.ctx(), name).await.unwrap().unwrap();
        let mut batch = Batch::new();
        let (workspace, tokens) = (read.workspace.clone(), tokens(token));
        let updated = self
            .store()
            .update_connection(&mut batch, self.ctx(), &read, workspace, &tokens);
        updated.await.unwrap();
        self.store().commit(batch).await.unwrap();
    }

    /// A Slack channel of the subscriber, on a connection that all of these share.
    pub(crate) async fn channel(&self, subscriber: &Subscriber, channel: &str) -> Endpoint {
        let known = self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connection = if let Some(connection) = known {
            connection
        } else {
            let made = Arc::new(self.connect("workspace", "xoxb-workspace").await);
            *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
            made
        };
        self.channel_of(subscriber, channel, &connection).await
    }

    /// A Slack channel of the subscriber on this connection.
    pub(crate) async fn channel_of(&self, subscriber: &Subscriber, channel: &str, on: &Connection) -> Endpoint {
        let address = json!({ "channelId": channel });
        let on = Some((on.id, on.identifier.clone()));
        self.endpoint(subscriber, &self.slack, on, "slack_channel", channel, &address)
            .await
    }

    /// A webhook of the subscriber on the fake, under this path.
    pub(crate) async fn webhook(&self, subscriber: &Subscriber, path: &str) -> Endpoint {
        let address = json!({ "url": format!("{}/{path}", self.fake.url()) });
        self.endpoint(subscriber, &self.hook, None, "webhook", path, &address)
            .await
    }

    /// An endpoint of any type.
    pub(crate) async fn endpoint(
        &self,
        subscriber: &Subscriber,
        integration: &Integration,
        connection: Option<(Id, String)>,
        kind: &str,
        name: &str,
        address: &Value,
    ) -> Endpoint {
        let mut batch = Batch::new();
        let new = NewEndpoint {
            identifier: format!("endpoint-{name}"),
            integration,
            connection,
            subscriber,
            subscriber_is_new: false,
            contexts: ContextSet::default(),
            kind,
            address,
            unique: None,
        };
        let made = self.store().create_endpoint(&mut batch, self.ctx(), new).unwrap();
        self.store().commit(batch).await.unwrap();
        made
    }

    /// A workflow of these steps; each kind with its text.
    pub(crate) async fn workflow(&self, name: &str, steps: &[(StepType, &str)]) -> Workflow {
        let steps: Vec<_> = steps
            .iter()
            .map(|(kind, body)| (*kind, json!({ "body": body })))
            .collect();
        self.workflow_with(name, &steps).await
    }

    /// A workflow of these steps; each kind with its control values.
    pub(crate) async fn workflow_with(&self, name: &str, steps: &[(StepType, Value)]) -> Workflow {
        let (store, now) = (self.store(), self.store().now());
        let steps = steps.iter().enumerate().map(|(index, (kind, controls))| Step {
            id: store.new_id(),
            step_id: format!("step-{index}"),
            name: format!("Step {index}"),
            kind: *kind,
            control_values: controls.as_object().cloned().unwrap_or_default(),
            issues: Map::new(),
        });
        let workflow = Workflow {
            id: store.new_id(),
            workflow_id: name.to_owned(),
            name: name.to_owned(),
            description: None,
            tags: Vec::new(),
            active: true,
            status: WorkflowStatus::Active,
            validate_payload: false,
            payload_schema: None,
            translated: false,
            severity: Severity::None,
            origin: Origin::NovuCloud,
            preferences: Preferences {
                user: None,
                default: json!({}),
            },
            steps: steps.collect(),
            last_triggered_at: None,
            published_at: None,
            created_at: now,
            updated_at: now,
        };
        let mut batch = Batch::new();
        store.insert_workflow(&mut batch, self.ctx(), &workflow);
        store.commit(batch).await.unwrap();
        workflow
    }

    /// Triggers the workflow for what `to` names.
    pub(crate) async fn trigger(&self, workflow: &str, to: Value) -> Accepted {
        self.trigger_with(workflow, to, json!({})).await
    }

    /// The same with a payload.
    pub(crate) async fn trigger_with(&self, workflow: &str, to: Value, payload: Value) -> Accepted {
        self.trigger_overriding(workflow, to, payload, json!({})).await
    }

    /// The same with overrides.
    pub(crate) async fn trigger_overriding(
        &self,
        workflow: &str,
        to: Value,
        payload: Value,
        overrides: Value,
    ) -> Accepted {
        self.triggered(workflow, recipients::parse(&to).unwrap(), payload, overrides)
            .await
    }

    /// The same, caused by somebody.
    pub(crate) async fn trigger_by(&self, workflow: &str, to: Value, actor: Value) -> Accepted {
        let recipients = Recipients {
            actor: recipients::parse_actor(&actor).unwrap(),
            ..recipients::parse(&to).unwrap()
        };
        self.triggered(workflow, recipients, json!({}), json!({})).await
    }

    async fn triggered(&self, workflow: &str, recipients: Recipients, payload: Value, overrides: Value) -> Accepted {
        let engine = &self.process.engine;
        let prepared = engine.workflow_named(self.ctx(), workflow).await.unwrap().unwrap();
        let trigger = Trigger {
            workflow: prepared,
            recipients,
            payload,
            overrides,
            contexts: Vec::new(),
            transaction_id: None,
        };
        engine.accept(self.ctx(), trigger, None).await.unwrap()
    }

    /// One chat step with this text, triggered for one subscriber.
    pub(crate) async fn send(&self, to: &str, text: &str) {
        self.workflow(&format!("workflow-{to}-{text}"), &[(StepType::Chat, text)])
            .await;
        self.trigger(&format!("workflow-{to}-{text}"), json!(to)).await;
    }

    /// Everything that is known of the only notification of a subscriber.
    pub(crate) async fn story(&self, subscriber: &Subscriber) -> Option<Story> {
        let mut stories = self.stories(subscriber).await;
        assert!(stories.len() <= 1, "more than one notification");
        stories.pop()
    }

    /// Everything that is known of the notifications of a subscriber.
    pub(crate) async fn stories(&self, subscriber: &Subscriber) -> Vec<Story> {
        let filter = NotificationFilter {
            subscribers: Some(vec![subscriber.id]),
            ..NotificationFilter::default()
        };
        let (found, _) = self
            .store()
            .list_notifications(self.ctx(), &filter, 0, 1000)
            .await
            .unwrap();
        let mut stories = Vec::new();
        for notification in found {
            let ids = || vec![notification.id];
            let messages = self.store().messages_of(self.ctx(), ids()).await.unwrap();
            let of = messages.iter().map(|message| message.id).collect();
            let mut deliveries = self.store().attempts(self.ctx(), of).await.unwrap();
            deliveries.sort_by_key(|delivery| delivery.id);
            // Read again: nothing here may be older than the deliveries, which conditions look at.
            let messages = self.store().messages_of(self.ctx(), ids()).await.unwrap();
            stories.push(Story {
                jobs: self.store().jobs_of(self.ctx(), ids()).await.unwrap(),
                traces: self.store().traces_of(self.ctx(), ids()).await.unwrap(),
                messages,
                deliveries,
                notification,
            });
        }
        stories
    }

    /// The story once it is as `is` wants it.
    pub(crate) async fn until(&self, subscriber: &Subscriber, awaited: &str, is: impl Fn(&Story) -> bool) -> Story {
        eventually(awaited, async || self.story(subscriber).await.filter(|story| is(story))).await
    }

    /// The story once all of it has ended.
    pub(crate) async fn ended(&self, subscriber: &Subscriber) -> Story {
        self.until(subscriber, "the notification ends", |story| {
            story.notification.finished_at.is_some()
        })
        .await
    }

    /// The only task that waits for a time of its own or for a grant.
    pub(crate) async fn waiting_task(&self) -> StoredTask {
        let mut tasks = self.store().stored_tasks().await.unwrap();
        tasks.retain(|task| matches!(task.state, "scheduled" | "held"));
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks.remove(0)
    }

    /// Waits until no task is left.
    pub(crate) async fn no_task_is_left(&self) {
        eventually("no task is left", async || {
            self.store().stored_tasks().await.unwrap().is_empty().then_some(())
        })
        .await;
    }

    /// Waits until every task that is left waits for a time of its own or for a grant.
    pub(crate) async fn no_ready_task_is_left(&self) {
        eventually("nothing is to be done now", async || {
            let tasks = self.store().stored_tasks().await.unwrap();
            let all_wait = tasks.iter().all(|task| matches!(task.state, "scheduled" | "held"));
            all_wait.then_some(())
        })
        .await;
    }

    /// Gives the step at this place its turn once more, and waits until that is over.
    pub(crate) async fn advance_again(&self, story: &Story, position: i64) {
        let task = NewTask {
            lane: "advance".to_owned(),
            kind: "AdvanceV1",
            payload: json!({ "notification": story.notification.id, "position": position }).to_string(),
            run_at: self.store().now(),
            id: self.store().new_id(),
        };
        let mut batch = Batch::new();
        self.store().enqueue(&mut batch, self.ctx(), task);
        self.store().commit(batch).await.unwrap();
        self.no_ready_task_is_left().await;
    }

    /// Moves the clock to this time.
    pub(crate) fn advance_to(&self, time: Time) {
        let missing = time.millis() - self.test.clock.now().millis();
        self.test
            .clock
            .advance(Duration::from_millis(u64::try_from(missing).unwrap_or(0)));
    }
}

fn tokens(access: &str) -> Tokens {
    Tokens {
        access_token: access.to_owned(),
        refresh_token: None,
        expires_at: None,
        refresh_token_expires_at: None,
    }
}

fn own_app() -> Value {
    json!({ "clientId": CLIENT_ID, "secretKey": SECRET })
}

async fn integration(test: &TestStore, provider: &str, credentials: &Value) -> Integration {
    conditional(test, provider, credentials, Vec::new()).await
}

async fn conditional(test: &TestStore, provider: &str, credentials: &Value, conditions: Vec<Value>) -> Integration {
    let channel = match provider {
        "novu" => Channel::InApp,
        "sendgrid" | "mailgun" => Channel::Email,
        "twilio" => Channel::Sms,
        "fcm" | "expo" => Channel::Push,
        _ => Channel::Chat,
    };
    let read = test.store.integrations_to_change(&test.ctx).await.unwrap();
    let mut batch = Batch::new();
    let new = NewIntegration {
        identifier: Some(provider.to_owned()),
        name: provider.to_owned(),
        provider_id: provider.to_owned(),
        channel: Some(channel),
        kind: Kind::Delivery,
        credentials: credentials.as_object().cloned().unwrap_or_default(),
        configurations: Map::new(),
        conditions,
        active: true,
        send_real: false,
    };
    let made = test
        .store
        .create_integration(&mut batch, &test.ctx, &read, new)
        .unwrap();
    test.store.commit(batch).await.unwrap();
    made
}

/// A notification with all that hangs on it.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) notification: Notification,
    pub(crate) jobs: Vec<Job>,
    pub(crate) messages: Vec<Message>,
    pub(crate) deliveries: Vec<Attempt>,
    pub(crate) traces: Vec<Trace>,
}

impl Story {
    /// How the step at this place (from 1) stands.
    pub(crate) fn job(&self, position: usize) -> JobStatus {
        self.jobs[position].status
    }

    /// How the only message stands.
    pub(crate) fn message(&self) -> MessageStatus {
        assert_eq!(self.messages.len(), 1);
        self.messages[0].status
    }

    /// How the deliveries stand.
    pub(crate) fn states(&self) -> Vec<DeliveryState> {
        self.deliveries.iter().map(|delivery| delivery.state).collect()
    }

    /// Whether the deliveries stand like this.
    pub(crate) fn is(&self, states: &[DeliveryState]) -> bool {
        self.states() == states
    }

    /// How the delivery to this endpoint stands.
    pub(crate) fn state_of(&self, endpoint: &Endpoint) -> DeliveryState {
        let found = self.deliveries.iter().find(|one| one.endpoint_id == Some(endpoint.id));
        found.expect("a delivery to the endpoint").state
    }

    /// How often this was told.
    pub(crate) fn told(&self, code: &str) -> usize {
        self.traces.iter().filter(|trace| trace.detail == code).count()
    }

    /// The facts of the last trace of this kind.
    pub(crate) fn facts(&self, code: &str) -> Value {
        let trace = self.traces.iter().rfind(|trace| trace.detail == code);
        let raw = trace.and_then(|trace| trace.raw.as_deref());
        serde_json::from_str(raw.unwrap_or("null")).unwrap()
    }
}
