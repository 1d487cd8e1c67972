//! Preferences of subscribers: which channels they want, for all workflows and for one, in each context set.

use std::collections::HashMap;

use campanile_model::choices::Choices;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::{Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError, Val};
use crate::subscribers::CHANGED;
use crate::{Store, args, queries};

queries! {
    OF_SUBSCRIBER = "SELECT subscriber_id, contexts, workflow_id, in_app, email, sms, chat, push, tool, scheduled, week, updated_at
        FROM preferences WHERE environment_id = $1 AND subscriber_id = $2 AND contexts = $3";
    FOR_SENDING = "SELECT subscriber_id, contexts, workflow_id, in_app, email, sms, chat, push, tool, scheduled, week, updated_at
        FROM preferences WHERE environment_id = $1 AND subscriber_id {in:$2} AND contexts {in:$3} AND workflow_id {in:$4}";
    /// Locks the subscriber's row, so that no preference outlives a subscriber who is deleted at the same time.
    STAYS = "UPDATE subscribers SET updated_at = updated_at WHERE environment_id = $1 AND id = $2";
    PUT = {
        insert "preferences",
        "environment_id text, subscriber_id text, contexts text, workflow_id text, in_app bool, email bool, sms bool, chat bool, push bool, tool bool, scheduled bool, week text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, subscriber_id, contexts, workflow_id) DO UPDATE SET
            in_app = COALESCE(excluded.in_app, preferences.in_app), email = COALESCE(excluded.email, preferences.email),
            sms = COALESCE(excluded.sms, preferences.sms), chat = COALESCE(excluded.chat, preferences.chat),
            push = COALESCE(excluded.push, preferences.push), tool = COALESCE(excluded.tool, preferences.tool),
            scheduled = COALESCE(excluded.scheduled, preferences.scheduled), week = COALESCE(excluded.week, preferences.week),
            updated_at = excluded.updated_at"
    };
    LEAVE_TO_ALL = "UPDATE preferences SET in_app = CASE WHEN $4 THEN NULL ELSE in_app END,
            email = CASE WHEN $5 THEN NULL ELSE email END, sms = CASE WHEN $6 THEN NULL ELSE sms END,
            chat = CASE WHEN $7 THEN NULL ELSE chat END, push = CASE WHEN $8 THEN NULL ELSE push END,
            tool = CASE WHEN $9 THEN NULL ELSE tool END
        WHERE environment_id = $1 AND subscriber_id = $2 AND contexts = $3 AND workflow_id <> ''";
}

/// What a subscriber chose for one workflow, or for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Our id of the subscriber.
    pub subscriber: Id,
    /// In which contexts it holds.
    pub contexts: String,
    /// For which workflow; nothing for all.
    pub workflow: Option<Id>,
    /// On or off for each channel that was chosen for.
    pub channels: Choices,
    /// When messages may arrive, as the API has it: `{isEnabled, weeklySchedule?}`. Only with what holds for all.
    pub schedule: Option<Value>,
    /// When it was last changed.
    pub updated_at: Time,
}

impl Preference {
    /// The row of a join that may have found none.
    pub(crate) fn from_columns(c: &mut Columns) -> Result<Option<Self>, StoreError> {
        let subscriber = c.opt_id()?;
        let (contexts, workflow) = (c.opt_text()?, c.opt_text()?);
        let mut channels = Choices::default();
        for channel in Channel::ALL {
            channels.set(*channel, c.opt_bool()?);
        }
        let (scheduled, week, updated_at) = (c.opt_bool()?, c.opt_json()?, c.opt_time()?);
        let schedule = scheduled.map(|scheduled| schedule(scheduled, week));
        Ok(subscriber.map(|subscriber| Self {
            subscriber,
            contexts: contexts.unwrap_or_default(),
            workflow: workflow.and_then(|workflow| workflow.parse().ok()),
            channels,
            schedule,
            updated_at: updated_at.unwrap_or_default(),
        }))
    }
}

fn schedule(enabled: bool, week: Option<Value>) -> Value {
    let mut schedule = json!({ "isEnabled": enabled });
    if let Some(week) = week {
        schedule["weeklySchedule"] = week;
    }
    schedule
}

impl FromRow for Preference {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Self::from_columns(c)?.ok_or_else(|| StoreError::Corrupt("a preference has no subscriber".to_owned()))
    }
}

/// A change of what a subscriber chose; what it does not tell stays.
#[derive(Clone, Debug, Default)]
pub struct PreferenceChange {
    /// For which workflow; nothing for all.
    pub workflow: Option<Id>,
    /// The channels that are chosen for.
    pub channels: Choices,
    /// Whether there is a schedule.
    pub scheduled: Option<bool>,
    /// The hours of the week; replaced as a whole.
    pub week: Option<Value>,
}

/// All that one subscriber chose in one context set.
#[derive(Clone, Debug, Default)]
pub struct Preferences {
    /// What holds for all workflows.
    pub global: Option<Preference>,
    /// What holds for one.
    pub workflows: HashMap<Id, Preference>,
}

impl FromIterator<Preference> for Preferences {
    fn from_iter<T: IntoIterator<Item = Preference>>(rows: T) -> Self {
        let mut preferences = Self::default();
        preferences.extend(rows);
        preferences
    }
}

impl Extend<Preference> for Preferences {
    fn extend<T: IntoIterator<Item = Preference>>(&mut self, rows: T) {
        for row in rows {
            match row.workflow {
                None => self.global = Some(row),
                Some(workflow) => drop(self.workflows.insert(workflow, row)),
            }
        }
    }
}

impl Store {
    /// All that a subscriber chose in this context set, and in no other.
    pub async fn preferences(
        &self,
        ctx: &Ctx,
        subscriber: Id,
        contexts: &ContextSet,
    ) -> Result<Preferences, StoreError> {
        let found = self
            .db
            .all::<Preference>(&OF_SUBSCRIBER, args![ctx.environment, subscriber, contexts.stored()])
            .await?;
        Ok(found.into_iter().collect())
    }

    /// What these subscribers chose for all workflows and for these ones, in these stored context sets.
    pub async fn preferences_for(
        &self,
        ctx: &Ctx,
        subscribers: Vec<Id>,
        contexts: Vec<String>,
        workflows: &[Id],
    ) -> Result<Vec<Preference>, StoreError> {
        if subscribers.is_empty() {
            return Ok(Vec::new());
        }
        let workflows: Vec<String> = std::iter::once(String::new())
            .chain(workflows.iter().map(Id::to_string))
            .collect();
        let args = args![ctx.environment, subscribers, contexts, workflows];
        self.db.all(&FOR_SENDING, args).await
    }

    /// Adds a change of what a subscriber chose, and makes `read` as it will be. What is chosen for all workflows is no
    /// longer chosen otherwise for single ones: who turns e-mail off turns it off everywhere. The commit fails with
    /// [`CHANGED`] when the subscriber is gone.
    ///
    /// Changes of different channels at the same time do not harm each other: the row is merged where it is stored.
    pub fn choose(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        subscriber: Id,
        contexts: &ContextSet,
        read: &mut Preferences,
        change: PreferenceChange,
    ) {
        let now = self.now();
        batch.expect(&STAYS, args![ctx.environment, subscriber], CHANGED);
        let mut row = args![
            ctx.environment,
            subscriber,
            contexts.stored(),
            change.workflow.map(|id| id.to_string()).unwrap_or_default()
        ];
        row.extend(
            Channel::ALL
                .iter()
                .map(|channel| Val::from(change.channels.get(*channel))),
        );
        row.extend(args![change.scheduled, change.week.clone(), now, now]);
        batch.add(&PUT, row);
        if change.workflow.is_none() && !change.channels.is_empty() {
            let mut row = args![ctx.environment, subscriber, contexts.stored()];
            let chosen = |channel: &Channel| Val::from(change.channels.get(*channel).is_some());
            row.extend(Channel::ALL.iter().map(chosen));
            batch.add(&LEAVE_TO_ALL, row);
            for other in read.workflows.values_mut() {
                other.channels = other.channels.without(&change.channels);
            }
        }
        let known = match change.workflow {
            None => read.global.take(),
            Some(workflow) => read.workflows.remove(&workflow),
        };
        let (channels, old) = known.map(|row| (row.channels, row.schedule)).unwrap_or_default();
        let enabled = change.scheduled.or_else(|| old.as_ref()?.get("isEnabled")?.as_bool());
        let week = change.week.or_else(|| old.as_ref()?.get("weeklySchedule").cloned());
        let changed = Preference {
            subscriber,
            contexts: contexts.stored(),
            workflow: change.workflow,
            channels: channels.under(&change.channels),
            schedule: enabled.map(|enabled| schedule(enabled, week)),
            updated_at: now,
        };
        match change.workflow {
            None => read.global = Some(changed),
            Some(workflow) => drop(read.workflows.insert(workflow, changed)),
        }
    }
}
