//! The worker: claims tasks as long as it has room for them, runs them side by side, keeps their leases.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campanile_model::{Ctx, Id};
use campanile_store::Batch;
use campanile_store::deliveries::Attempt;
use campanile_store::tasks::{Again, LEASE, Task};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::steps::http_request::call;
use crate::task::{
    ADVANCE, DELIVER, DIGEST, DeliverV1, ERASE, HTTP_REQUEST, HttpRequestV1, PLAN, PLAN_STREAM, WEBHOOK, WebhookV1,
};
use crate::webhooks::lines::Lines;
use crate::webhooks::{attempt, relay};
use crate::{Engine, Interrupted, deliver, erase, plan, run};

/// Tasks that one process works on at the same time.
const ROOM: usize = 256;
/// Below this much free room it is not worth asking for more.
const WORTH_ASKING: usize = 32;
/// Lanes looked at in one claim.
const LANES: usize = 64;
/// Without any signal, work is looked for this often.
const POLL: Duration = Duration::from_secs(1);
/// How often what is due is made ready, at the most.
const PROMOTE: Duration = Duration::from_millis(250);
/// With so many callers waiting for a commit, new work is begun only every [`GRACE`], and only [`LITTLE`] of it.
pub(crate) const CROWDED: usize = 8;
/// For how long callers go first: work always goes on, slower.
const GRACE: Duration = Duration::from_millis(250);
/// Tasks begun at a time while callers wait.
const LITTLE: usize = 64;
/// How often a task that lost a race against others is run again before it is given back.
const RACES: usize = 5;

/// Runs the engine's tasks until it is stopped.
#[derive(Clone)]
pub struct Worker {
    engine: Engine,
    tracker: TaskTracker,
    stop: CancellationToken,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The tasks that this process works on.
    held: Mutex<HashSet<Id>>,
    count: AtomicUsize,
    freed: Notify,
    /// The lane after which each environment's next turn begins.
    turns: Mutex<HashMap<Id, String>>,
    /// What stands before receivers of webhooks.
    lines: Lines,
}

impl Worker {
    /// A worker of this engine.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            state: Arc::default(),
        }
    }

    /// Starts the worker's loops.
    pub fn start(&self) {
        if let Some(tasks) = self.engine.inner.handover.receive() {
            let worker = self.clone();
            tokio::spawn(async move { worker.receive(tasks).await });
        }
        let worker = self.clone();
        tokio::spawn(async move { worker.work().await });
        let worker = self.clone();
        tokio::spawn(async move { relay::keep_relaying(&worker.engine, &worker.stop).await });
        let worker = self.clone();
        tokio::spawn(async move { worker.keep_time().await });
        let worker = self.clone();
        tokio::spawn(async move { worker.keep_leases().await });
        let worker = self.clone();
        tokio::spawn(async move { worker.keep_house().await });
    }

    /// Claims nothing more, waits for what is under way as long as this, and gives back the rest.
    pub async fn stop(&self, patience: Duration) {
        self.stop.cancel();
        self.tracker.close();
        let _ = tokio::time::timeout(patience, self.tracker.wait()).await;
        let left: Vec<Id> = self.held().iter().copied().collect();
        if !left.is_empty()
            && let Err(error) = self.engine.store().give_back(left).await
        {
            tracing::warn!(%error, "unfinished tasks could not be given back; they are claimed again when their leases end");
        }
    }

    /// Begins the tasks of events that this process has just accepted.
    async fn receive(&self, mut tasks: mpsc::Receiver<Task>) {
        let mut received = Vec::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                count = tasks.recv_many(&mut received, LANES) => {
                    if count == 0 {
                        break;
                    }
                    self.begin(std::mem::take(&mut received));
                }
            }
        }
        // What is still on its way is left to the queue.
        tasks.close();
        let mut left = Vec::new();
        while let Some(task) = tasks.recv().await {
            left.push(task.id);
        }
        if !left.is_empty() {
            let _ = self.engine.store().give_back(left).await;
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashSet<Id>> {
        self.state.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self) {
        while !self.stop.is_cancelled() {
            match self.round().await {
                Ok(0) => {
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = self.engine.store().db().signals().work() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "work could not be claimed; trying again");
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// Claims what there is room for and starts it; how much that was.
    async fn round(&self) -> Result<usize, campanile_store::StoreError> {
        self.wait_for_room().await;
        let most = if self.let_callers_go_first().await {
            LITTLE
        } else {
            ROOM
        };
        if self.stop.is_cancelled() {
            return Ok(0);
        }
        let store = self.engine.store();
        let environments = store.environments_with_work().await?;
        let mut claimed = 0;
        for (index, environment) in environments.iter().enumerate() {
            let room = ROOM
                .saturating_sub(self.state.count.load(Ordering::Relaxed))
                .min(most.saturating_sub(claimed));
            if room == 0 {
                break;
            }
            // Each environment that still waits for its turn in this round has a share of what is left.
            let share = (room / (environments.len() - index)).max(1);
            let after = self.turns().get(environment).cloned().unwrap_or_default();
            let tasks = store.claim(*environment, &after, LANES, share).await?;
            let last = tasks.iter().map(|task| task.lane.as_str()).max().map(str::to_owned);
            // At the end of the lanes the next turn begins at the first one again.
            self.turns().insert(*environment, last.unwrap_or_default());
            claimed += tasks.len();
            if tasks.is_empty() && !after.is_empty() {
                // Only lanes before the turn had work.
                claimed += 1;
            }
            self.begin(tasks);
        }
        Ok(claimed)
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, HashMap<Id, String>> {
        self.state.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepting comes before planning: under a burst of triggers the backlog grows, and answers stay quick.
    /// Whether they still wait.
    async fn let_callers_go_first(&self) -> bool {
        let step = Duration::from_millis(3);
        let mut waited = Duration::ZERO;
        while self.engine.store().db().waiting_callers() >= CROWDED {
            if waited >= GRACE {
                return true;
            }
            tokio::time::sleep(step).await;
            waited += step;
        }
        false
    }

    async fn wait_for_room(&self) {
        loop {
            let freed = self.state.freed.notified();
            if ROOM.saturating_sub(self.state.count.load(Ordering::Acquire)) >= WORTH_ASKING {
                return;
            }
            tokio::select! {
                () = freed => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Starts claimed tasks; those of one kind and environment share their reads.
    fn begin(&self, tasks: Vec<Task>) {
        let mut kinds: HashMap<(Id, String), Vec<Task>> = HashMap::new();
        for task in tasks {
            self.take(&task);
            kinds
                .entry((task.environment_id, task.kind.clone()))
                .or_default()
                .push(task);
        }
        for ((_, kind), tasks) in kinds {
            let worker = self.clone();
            self.tracker.spawn(async move {
                match kind.as_str() {
                    PLAN | PLAN_STREAM => worker.plan(tasks).await,
                    DELIVER => worker.deliver(tasks).await,
                    WEBHOOK => worker.call_webhooks(tasks).await,
                    HTTP_REQUEST => worker.call_for_steps(tasks).await,
                    ADVANCE => {
                        for task in tasks {
                            let handed_on = worker.raced(&task, || run::advance(&worker.engine, &task)).await;
                            worker.done(&task);
                            worker.hand_on(handed_on.unwrap_or_default());
                        }
                    }
                    DIGEST => {
                        for task in tasks {
                            let handed_on = worker.raced(&task, || run::digest(&worker.engine, &task)).await;
                            worker.done(&task);
                            worker.hand_on(handed_on.unwrap_or_default());
                        }
                    }
                    ERASE => {
                        for task in tasks {
                            let result = erase::run(&worker.engine, &task).await;
                            let _ = worker.settle(&task, result);
                            worker.done(&task);
                        }
                    }
                    _ => worker.park(tasks).await,
                }
            });
        }
    }

    fn take(&self, task: &Task) {
        self.held().insert(task.id);
        self.engine
            .metrics()
            .in_flight(self.state.count.fetch_add(1, Ordering::AcqRel) + 1);
    }

    fn done(&self, task: &Task) {
        self.held().remove(&task.id);
        self.engine
            .metrics()
            .in_flight(self.state.count.fetch_sub(1, Ordering::AcqRel).saturating_sub(1));
        self.state.freed.notify_waiters();
    }

    /// Goes on at once with tasks that were stored as claimed by this process.
    fn hand_on(&self, tasks: Vec<Task>) {
        if tasks.is_empty() {
            return;
        }
        for task in &tasks {
            self.take(task);
        }
        let worker = self.clone();
        self.tracker.spawn(async move { worker.deliver(tasks).await });
    }

    async fn plan(&self, tasks: Vec<Task>) {
        let Some(ctx) = tasks.first().map(Task::ctx) else {
            return;
        };
        let all = tasks.clone();
        let (plans, gone) = match plan::read(&self.engine, &ctx, tasks).await {
            Ok(read) => read,
            Err(interrupted) => return self.failed(&all, &interrupted),
        };
        for task in &gone {
            let _ = self
                .raced(task, || async {
                    let mut batch = Batch::background();
                    self.engine.store().complete_task(&mut batch, task);
                    self.engine.store().commit(batch).await?;
                    Ok(())
                })
                .await;
            self.done(task);
        }
        let parts: Vec<&plan::Part> = plans.iter().map(|planned| &planned.part).collect();
        let shared = plan::know(&self.engine, &ctx, &parts, false).await;
        let runs = plans.iter().map(|planned| {
            let shared = &shared;
            let ctx = &ctx;
            async move {
                // The first try uses what was read for all; a lost race reads again for this one alone.
                let result = match shared {
                    Ok(known) => plan::run(&self.engine, planned, known).await,
                    Err(error) => Err(error.clone().into()),
                };
                let handed_on = match result {
                    Err(Interrupted::Raced) => self.raced(&planned.task, || self.plan_alone(ctx, planned)).await,
                    other => self.settle(&planned.task, other),
                };
                self.done(&planned.task);
                handed_on.unwrap_or_default()
            }
        });
        // Plans of one commit end together, and their deliveries share their reads.
        let together = runs.len().max(1);
        let mut ended = runs.collect::<FuturesUnordered<_>>().ready_chunks(together);
        while let Some(handed_on) = ended.next().await {
            self.hand_on(handed_on.into_iter().flatten().collect());
        }
    }

    async fn plan_alone(&self, ctx: &Ctx, planned: &plan::Planned) -> Result<Vec<Task>, Interrupted> {
        let known = plan::know(&self.engine, ctx, &[&planned.part], true).await?;
        plan::run(&self.engine, planned, &known).await
    }

    async fn deliver(&self, tasks: Vec<Task>) {
        let Some(ctx) = tasks.first().map(Task::ctx) else {
            return;
        };
        let mut asked: Vec<(Task, DeliverV1)> = Vec::new();
        let mut wrong = Vec::new();
        for task in tasks {
            match serde_json::from_str(&task.payload) {
                Ok(deliver) => asked.push((task, deliver)),
                Err(_) => wrong.push(task),
            }
        }
        if !wrong.is_empty() {
            self.park(wrong).await;
        }
        let messages: Vec<Id> = asked
            .iter()
            .filter_map(|(_, deliver)| deliver.message.parse().ok())
            .collect();
        let mut attempts: HashMap<String, Attempt> = match self.engine.store().attempts(&ctx, messages).await {
            Ok(attempts) => attempts
                .into_iter()
                .map(|attempt| (attempt.id.to_string(), attempt))
                .collect(),
            Err(error) => {
                let tasks: Vec<Task> = asked.into_iter().map(|(task, _)| task).collect();
                return self.failed(&tasks, &error.into());
            }
        };
        for (task, deliver) in asked {
            let attempt = attempts.remove(&deliver.delivery);
            let worker = self.clone();
            self.tracker.spawn(async move {
                // Not run again after a lost race: the provider was called, and the next claim finds what was written.
                let result = deliver::run(&worker.engine, &task, &deliver, attempt).await;
                let _ = worker.settle(&task, result);
                worker.done(&task);
            });
        }
    }

    async fn call_webhooks(&self, tasks: Vec<Task>) {
        let mut wrong = Vec::new();
        for task in tasks {
            let asked = serde_json::from_str::<WebhookV1>(&task.payload).ok();
            let Some((receiver, asked)) = asked.and_then(|asked| Some((asked.endpoint.parse::<Id>().ok()?, asked)))
            else {
                wrong.push(task);
                continue;
            };
            let worker = self.clone();
            self.tracker.spawn(async move {
                // Not run again after a lost race, as with messages.
                let result = match worker.state.lines.enter(receiver).await {
                    Ok(_turn) => attempt::run(&worker.engine, &task, &asked).await,
                    Err(wait) => attempt::put_back(&worker.engine, &task, &asked, wait).await,
                };
                let _ = worker.settle(&task, result);
                worker.done(&task);
            });
        }
        if !wrong.is_empty() {
            self.park(wrong).await;
        }
    }

    async fn call_for_steps(&self, tasks: Vec<Task>) {
        let mut wrong = Vec::new();
        for task in tasks {
            let asked = serde_json::from_str::<HttpRequestV1>(&task.payload).ok();
            let Some((workflow, asked)) = asked.and_then(|asked| Some((asked.workflow.parse::<Id>().ok()?, asked)))
            else {
                wrong.push(task);
                continue;
            };
            let worker = self.clone();
            self.tracker.spawn(async move {
                // Not run again after a lost race, as with messages.
                let result = match worker.state.lines.enter(workflow).await {
                    Ok(_turn) => call::run(&worker.engine, &task, &asked).await,
                    Err(wait) => call::put_back(&worker.engine, &task, &asked, wait).await,
                };
                let _ = worker.settle(&task, result);
                worker.done(&task);
            });
        }
        if !wrong.is_empty() {
            self.park(wrong).await;
        }
    }

    /// Runs until it is not raced by others any more.
    async fn raced<T, F: Future<Output = Result<T, Interrupted>>>(
        &self,
        task: &Task,
        run: impl Fn() -> F,
    ) -> Option<T> {
        for _ in 1..RACES {
            match run().await {
                Err(Interrupted::Raced) => {}
                other => return self.settle(task, other),
            }
        }
        self.settle(task, run().await)
    }

    fn settle<T>(&self, task: &Task, result: Result<T, Interrupted>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(interrupted) => {
                self.tell(task, &interrupted);
                None
            }
        }
    }

    fn failed(&self, tasks: &[Task], interrupted: &Interrupted) {
        for task in tasks {
            self.tell(task, interrupted);
            self.done(task);
        }
    }

    /// What is not done here is claimed again when its lease ends.
    #[expect(clippy::unused_self, reason = "the worker's own log")]
    fn tell(&self, task: &Task, interrupted: &Interrupted) {
        let (id, kind, request_id) = (task.id, &task.kind, &task.request_id);
        match interrupted {
            Interrupted::LeaseLost => tracing::warn!(%id, kind, request_id, "a task was taken over by another process"),
            Interrupted::Raced => tracing::warn!(%id, kind, request_id, "a task lost every race; it is claimed again"),
            Interrupted::Failed(error) => {
                tracing::error!(%id, kind, request_id, %error, "a task failed; it is claimed again");
            }
        }
    }

    /// Keeps tasks that this version does not understand for one that does.
    async fn park(&self, tasks: Vec<Task>) {
        for task in &tasks {
            tracing::error!(id = %task.id, kind = task.kind, "a task of an unknown kind is parked for a version that knows it");
            self.engine.metrics().parked();
            let mut batch = Batch::background();
            self.engine
                .store()
                .reschedule_task(&mut batch, task, &Again::Parked, &task.payload);
            let result = self.engine.store().commit(batch).await.map_err(Interrupted::from);
            let _ = self.settle(task, result);
            self.done(task);
        }
    }

    /// Makes ready what is due.
    async fn keep_time(&self) {
        while !self.stop.is_cancelled() {
            let store = self.engine.store();
            match store.promote_tasks().await {
                Ok(true) => store.db().signals().wake_workers(),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "due tasks could not be made ready; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(PROMOTE) => {}
            }
        }
    }

    async fn keep_leases(&self) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(LEASE / 3) => {}
            }
            let ids: Vec<Id> = self.held().iter().copied().collect();
            if !ids.is_empty()
                && let Err(error) = self.engine.store().renew_tasks(ids).await
            {
                tracing::warn!(%error, "leases could not be renewed");
            }
        }
    }

    /// Small duties: the node's number, old idempotency records, used links and codes, the depth of the queue.
    async fn keep_house(&self) {
        let store = self.engine.store();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(15)) => {}
            }
            if let Err(error) = store.node().renew().await {
                tracing::warn!(%error, "the node's number could not be renewed");
            }
            if let Ok(depth) = store.ready_tasks().await {
                self.engine.metrics().ready(depth);
            }
            if let Ok(true) = store.node().has_duty("idempotency", Duration::from_mins(1)).await
                && let Err(error) = store.sweep_idempotency().await
            {
                tracing::warn!(%error, "old idempotency records could not be removed");
            }
            if let Ok(true) = store.node().has_duty("recent_runs", Duration::from_mins(1)).await
                && let Err(error) = store.sweep_recent_runs().await
            {
                tracing::warn!(%error, "counts that are over could not be removed");
            }
            if let Ok(true) = store.node().has_duty("links", Duration::from_mins(1)).await
                && let Err(error) = store.sweep_links().await
            {
                tracing::warn!(%error, "used links and codes could not be removed");
            }
        }
    }
}
