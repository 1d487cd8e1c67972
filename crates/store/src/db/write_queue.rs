//! The queue in front of the writers: bounded, callers who wait before background work.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::batch::{Batch, Done, Urgency};
use super::error::StoreError;

/// More waiting batches than this are refused with [`StoreError::Busy`]: memory stays bounded.
const MOST_WAITING: usize = 8192;
/// One commit holds at most this many batches…
const MOST_BATCHES: usize = 512;
/// …and about this many bytes, so that a commit of many large payloads does not delay everybody.
const MOST_BYTES: usize = 4 << 20;

/// A peak of longer ago says nothing about now.
const RECENT: Duration = Duration::from_millis(20);

pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) reply: oneshot::Sender<Result<Done, StoreError>>,
}

#[derive(Default)]
struct State {
    interactive: VecDeque<Job>,
    background: VecDeque<Job>,
    closed: bool,
    working: usize,
    /// Callers whose commits are under way.
    callers: usize,
    /// The most callers under way at once lately, and when that was.
    peak: Option<(Instant, usize)>,
}

pub(crate) struct WriteQueue {
    state: Mutex<State>,
    /// Wakes a writer that is a thread.
    thread: Condvar,
    /// Wakes a writer that is a task.
    task: Notify,
    drained: Notify,
}

/// How many of these jobs somebody waits for.
pub(crate) fn callers(jobs: &[Job]) -> usize {
    jobs.iter()
        .filter(|job| job.batch.urgency == Urgency::Interactive)
        .count()
}

impl WriteQueue {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            thread: Condvar::new(),
            task: Notify::new(),
            drained: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<Done, StoreError> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.closed {
                return Err(StoreError::Busy("the server is stopping".to_owned()));
            }
            if state.interactive.len() + state.background.len() >= MOST_WAITING {
                return Err(StoreError::Busy("too many writes are waiting".to_owned()));
            }
            match batch.urgency {
                Urgency::Interactive => state.interactive.push_back(Job { batch, reply }),
                Urgency::Background => state.background.push_back(Job { batch, reply }),
            }
        }
        self.thread.notify_one();
        self.task.notify_one();
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Driver("the writer stopped".to_owned())))
    }

    /// How many callers wait for a commit: those in the queue, and those of the commits that are under way or have just
    /// ended, because a busy queue is empty whenever a writer has taken what was there.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.lock();
        let recent = state
            .peak
            .filter(|(at, _)| at.elapsed() < RECENT)
            .map_or(0, |(_, callers)| callers);
        state.interactive.len() + state.callers.max(recent)
    }

    /// Takes what is there, without waiting for more: an idle server commits at once, a busy one in groups.
    fn take(state: &mut State) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut bytes = 0;
        let waiting = state.interactive.len();
        while jobs.len() < MOST_BATCHES && bytes < MOST_BYTES {
            let Some(job) = state.interactive.pop_front().or_else(|| state.background.pop_front()) else {
                break;
            };
            bytes += job.batch.weight();
            jobs.push(job);
        }
        state.working += usize::from(!jobs.is_empty());
        state.callers += waiting - state.interactive.len();
        let replaced = state
            .peak
            .is_none_or(|(at, peak)| at.elapsed() >= RECENT || peak <= state.callers);
        if replaced {
            state.peak = Some((Instant::now(), state.callers));
        }
        jobs
    }

    /// Waits on a thread for the next group; nothing when the queue is closed and empty.
    pub(crate) fn next_blocking(&self) -> Option<Vec<Job>> {
        let mut state = self.lock();
        loop {
            let jobs = Self::take(&mut state);
            if !jobs.is_empty() {
                return Some(jobs);
            }
            if state.closed {
                return None;
            }
            state = self.thread.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits on a task for the next group; nothing when the queue is closed and empty.
    pub(crate) async fn next(&self) -> Option<Vec<Job>> {
        loop {
            {
                let mut state = self.lock();
                let jobs = Self::take(&mut state);
                if !jobs.is_empty() {
                    if !state.interactive.is_empty() || !state.background.is_empty() {
                        self.task.notify_one();
                    }
                    return Some(jobs);
                }
                if state.closed {
                    self.task.notify_one();
                    return None;
                }
            }
            self.task.notified().await;
        }
    }

    /// A writer has answered a group in which so many callers waited.
    pub(crate) fn finished(&self, callers: usize) {
        let mut state = self.lock();
        state.callers = state.callers.saturating_sub(callers);
        state.working = state.working.saturating_sub(1);
        drop(state);
        self.drained.notify_waiters();
    }

    /// Refuses further batches and waits until the queued ones are answered.
    pub(crate) async fn close(&self) {
        loop {
            let drained = self.drained.notified();
            {
                let mut state = self.lock();
                state.closed = true;
                if state.working == 0 && state.interactive.is_empty() && state.background.is_empty() {
                    break;
                }
            }
            self.thread.notify_all();
            self.task.notify_one();
            drained.await;
        }
        self.thread.notify_all();
        self.task.notify_one();
    }
}
