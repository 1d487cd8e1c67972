//! Cancelling what waits of an event (engine.md a.6): for every subscriber, and every digest that one of its events opened
//! goes on with the oldest of the others, to the same time.

use std::collections::HashMap;

use campanile_model::channel::{JobReason, JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id};
use campanile_store::digests::{Member, WindowState};
use campanile_store::notifications::Job;
use campanile_store::traces::NewTrace;
use campanile_store::{Batch, StoreError};

use crate::Engine;

/// Notifications cancelled in one commit.
const CHUNK: usize = 100;
/// How often a lost race is run again.
const TRIES: usize = 16;

/// What some notifications of an event have that waits.
struct Waiting {
    jobs: Vec<Job>,
    members: HashMap<Id, Member>,
    /// By window: the job that goes on when the waiting one is cancelled.
    heirs: HashMap<Id, Job>,
}

impl Engine {
    /// Cancels what waits of the event with this name; whether anything did. What is on its way to a provider goes out.
    pub async fn cancel(&self, ctx: &Ctx, transaction_id: &str) -> Result<bool, StoreError> {
        let store = self.store();
        let events = store
            .events_of_transactions(ctx, vec![transaction_id.to_owned()])
            .await?;
        let Some((_, event)) = events.into_iter().next() else {
            return Ok(false);
        };
        if !store.event_waits(ctx, event).await? {
            return Ok(false);
        }
        let mut canceled = false;
        let mut after = None;
        loop {
            let notifications = store.notifications_of_event(ctx, event, after, CHUNK).await?;
            let Some(last) = notifications.last() else {
                return Ok(canceled);
            };
            after = Some(last.subscriber_id);
            let ids: Vec<Id> = notifications.iter().map(|one| one.id).collect();
            canceled |= self.cancel_chunk(ctx, event, &ids).await?;
        }
    }

    async fn cancel_chunk(&self, ctx: &Ctx, event: Id, ids: &[Id]) -> Result<bool, StoreError> {
        let mut lost = None;
        for _ in 0..TRIES {
            let waiting = self.waiting(ctx, ids).await?;
            if waiting.jobs.is_empty() {
                return Ok(false);
            }
            let mut batch = Batch::new();
            self.cancel_waiting(&mut batch, ctx, &waiting);
            self.store().audit(&mut batch, ctx, "event.cancel", event);
            match self.store().commit(batch).await {
                Ok(_) => return Ok(true),
                Err(error @ StoreError::Conflict(_)) => lost = Some(error),
                Err(error) => return Err(error),
            }
        }
        lost.map_or(Ok(false), Err)
    }

    async fn waiting(&self, ctx: &Ctx, ids: &[Id]) -> Result<Waiting, StoreError> {
        let store = self.store();
        let members = store.digest_members(ctx, ids.to_vec()).await?;
        let live: HashMap<Id, Member> = members
            .into_iter()
            .filter(|member| member.window.state != WindowState::Over)
            .map(|member| (member.notification_id, member))
            .collect();
        let all = store.jobs_of(ctx, ids.to_vec()).await?;
        let waits = |job: &&Job| match job.status {
            JobStatus::Delayed => true,
            JobStatus::Merged => live.contains_key(&job.notification_id),
            _ => false,
        };
        let actions = all.iter().filter(waits).any(|job| job.kind.channel().is_none());
        let whose: Vec<Id> = all.iter().filter(waits).map(|job| job.notification_id).collect();
        let jobs: Vec<Job> = all
            .iter()
            .filter(|job| {
                // Once something that decides is cancelled, what it would have decided is, too.
                let follows = actions && job.status == JobStatus::Pending && whose.contains(&job.notification_id);
                waits(job) || follows
            })
            .cloned()
            .collect();
        let opened: Vec<Id> = live
            .values()
            .filter(|member| member.waits())
            .map(|member| member.window.id)
            .collect();
        let oldest = store.oldest_followers(ctx, opened).await?;
        let heirs: Vec<Id> = oldest.iter().map(|(_, notification)| *notification).collect();
        let places = store.digest_members(ctx, heirs.clone()).await?;
        let jobs_of_heirs = store.jobs_of(ctx, heirs).await?;
        let heirs = oldest
            .into_iter()
            .filter_map(|(window, notification)| {
                let place = places
                    .iter()
                    .find(|one| one.notification_id == notification && one.window.id == window)?;
                let job = jobs_of_heirs
                    .iter()
                    .find(|job| job.notification_id == notification && job.position == place.position)?;
                Some((window, job.clone()))
            })
            .collect();
        Ok(Waiting {
            jobs,
            members: live,
            heirs,
        })
    }

    fn cancel_waiting(&self, batch: &mut Batch, ctx: &Ctx, waiting: &Waiting) {
        let store = self.store();
        let mut notifications: Vec<Id> = Vec::new();
        for job in &waiting.jobs {
            let notification = job.notification_id;
            store.cancel_job(batch, ctx, job, JobReason::ExecutionCanceledByUser);
            if job.status == JobStatus::Delayed && job.kind.channel().is_some() {
                store.cancel_deliveries(batch, ctx, notification, job.position);
                store.cancel_messages(batch, ctx, notification, job.position, "The event was canceled");
            }
            let trace = NewTrace::new(Detail::StepCanceled, TraceStatus::Success);
            store.trace(batch, ctx, notification, job.position, trace);
            if let Some(member) = waiting
                .members
                .get(&notification)
                .filter(|member| member.position == job.position)
            {
                self.take_out(batch, ctx, member, waiting.heirs.get(&member.window.id));
            }
            if !notifications.contains(&notification) {
                notifications.push(notification);
            }
        }
        for notification in notifications {
            store.finish_notification(batch, ctx, notification);
        }
    }

    /// Takes an event out of its digest. When its job is the one that waits, another one's does from now on; without
    /// any the digest is over.
    fn take_out(&self, batch: &mut Batch, ctx: &Ctx, member: &Member, heir: Option<&Job>) {
        let store = self.store();
        if !member.waits() {
            store.leave_digest(batch, ctx, member);
            return;
        }
        match heir {
            Some(job) => {
                let place = (job.notification_id, job.position);
                store.hand_over_digest(batch, ctx, &member.window, place);
                store.promote_job(batch, ctx, job, member.window.due_at);
                let trace = NewTrace::new(Detail::DigestTakenOver, TraceStatus::Pending);
                store.trace(batch, ctx, job.notification_id, job.position, trace);
            }
            None => store.end_digest(batch, ctx, &member.window),
        }
        store.remove_member(batch, ctx, member);
    }
}
