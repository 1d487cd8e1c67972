//! `PATCH /v2/subscribers/{subscriberId}/preferences`: for all workflows, or for one.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::preferences::PreferenceChange;

use super::super::profile::{TRIES, lost_race, too_contended};
use super::input::{PatchPreferenceChannels, Schedule};
use super::list::Criticality;
use super::{changed_subscriber, choose, view, workflow};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::{Contexts, given};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v2/subscribers/{subscriberId}/preferences", "SubscribersController_updateSubscriberPreferences", "Update subscriber preferences", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<PatchSubscriberPreferences>()
    .answers::<view::PreferencesResponse>()
);

dto! {
    /// What the subscriber chooses; what is not told stays.
    PatchSubscriberPreferences {
        optional channels: PatchPreferenceChannels = "channels";
        /// The id, identifier or slug of a workflow; without it the choice is for all of them.
        optional workflow_id: String = "workflowId";
        /// When messages may arrive; only for all workflows.
        optional schedule: Schedule = "schedule";
        /// For which contexts the choice holds; without it, for what has no context.
        optional context: Contexts = "context";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: PatchSubscriberPreferences = call.body()?;
    let store = call.store();
    let contexts = body.context.clone().unwrap_or_default();
    let set = contexts.set();
    for _ in 0..TRIES {
        let subscriber = changed_subscriber(&call).await?;
        let chosen = match given(body.workflow_id.clone()) {
            None => None,
            Some(name) => {
                let found = workflow(&call, &name).await?;
                let found = found.ok_or_else(|| Error::not_found(format!("Workflow with id: {name} is not found")))?;
                if found.offer.is_critical() {
                    let text = format!("Critical workflow with id: {name} can not be updated");
                    return Err(Error::bad_request(text));
                }
                Some(found)
            }
        };
        let mut preferences = store.preferences(&call.ctx, subscriber.id, &set).await?;
        let schedule = body.schedule.as_ref().filter(|_| chosen.is_none());
        let change = PreferenceChange {
            workflow: chosen.as_ref().map(|workflow| workflow.id),
            channels: body
                .channels
                .as_ref()
                .map(PatchPreferenceChannels::choices)
                .unwrap_or_default(),
            scheduled: schedule.map(|schedule| schedule.is_enabled),
            week: schedule.and_then(|schedule| schedule.weekly_schedule.as_ref().map(|week| week.0.clone())),
        };
        let mut batch = Batch::new();
        if !change.channels.is_empty() || change.scheduled.is_some() {
            store.find_or_create_contexts(&mut batch, &call.ctx, &contexts.0);
            choose(
                &call,
                &mut batch,
                &subscriber,
                &set,
                &mut preferences,
                change,
                chosen.as_ref(),
            );
        }
        let offered = call.app.engine().offered(&call.ctx).await?;
        let whole = view::whole(&preferences, &offered, |workflow| {
            Criticality::NonCritical.shows(workflow.offer.is_critical())
        });
        let reply = Reply::data(200, &whole)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
