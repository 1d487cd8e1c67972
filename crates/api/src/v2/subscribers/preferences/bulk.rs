//! `PATCH /v2/subscribers/{subscriberId}/preferences/bulk`: for several workflows, all or none.

use campanile_engine::offers::Offered;
use campanile_model::choices::Choices;
use campanile_model::slug::Reference;
use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::preferences::PreferenceChange;

use super::super::profile::{TRIES, lost_race, too_contended};
use super::input::PatchPreferenceChannels;
use super::{changed_subscriber, choose, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::v1::channels::Contexts;
use crate::{dto, route};

/// More at once are refused.
const MOST: usize = 100;

pub(crate) const ROUTE: Route = route!(
    patch "/v2/subscribers/{subscriberId}/preferences/bulk", "SubscribersController_bulkUpdateSubscriberPreferences", "Bulk update subscriber preferences", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<BulkUpdateSubscriberPreferences>()
    .answers::<Vec<view::LevelPreferenceResponse>>()
);

dto! {
    /// Choices for several workflows.
    BulkUpdateSubscriberPreferences {
        required preferences: Vec<BulkPreferenceItem> = "preferences" [few];
        /// For which contexts the choices hold; without it, for what has no context.
        optional context: Contexts = "context";
    }
}

dto! {
    /// The choice for one workflow.
    BulkPreferenceItem {
        /// The id, identifier or slug of the workflow.
        required workflow_id: String = "workflowId";
        required channels: PatchPreferenceChannels = "channels";
    }
}

fn few(items: &[BulkPreferenceItem]) -> Option<String> {
    rules::most(MOST)(items)
}

async fn run(call: Call) -> Result<Reply> {
    let body: BulkUpdateSubscriberPreferences = call.body()?;
    let store = call.store();
    let contexts = body.context.clone().unwrap_or_default();
    let set = contexts.set();
    for _ in 0..TRIES {
        let subscriber = changed_subscriber(&call).await?;
        if body.preferences.is_empty() {
            return Err(Error::bad_request("No preferences provided for bulk update"));
        }
        let chosen = chosen(&call, &body.preferences).await?;
        let mut preferences = store.preferences(&call.ctx, subscriber.id, &set).await?;
        let mut batch = Batch::new();
        store.find_or_create_contexts(&mut batch, &call.ctx, &contexts.0);
        for (workflow, channels) in &chosen {
            let change = PreferenceChange {
                workflow: Some(workflow.id),
                channels: *channels,
                ..PreferenceChange::default()
            };
            choose(
                &call,
                &mut batch,
                &subscriber,
                &set,
                &mut preferences,
                change,
                Some(workflow),
            );
        }
        let answer: Vec<_> = chosen
            .iter()
            .map(|(workflow, _)| view::of_workflow(&preferences, workflow))
            .collect();
        let reply = Reply::data(200, &answer)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

/// The workflows that are named, each once, with what was last chosen for it; an error when one cannot be chosen for.
async fn chosen(call: &Call, items: &[BulkPreferenceItem]) -> Result<Vec<(Offered, Choices)>> {
    let references: Vec<Reference> = items
        .iter()
        .map(|item| Reference::parse(&item.workflow_id, "wf"))
        .collect();
    let found = call.store().workflows_referred(&call.ctx, &references).await?;
    let found: Vec<Offered> = found.iter().map(Offered::of).collect();
    let mut chosen: Vec<(Offered, Choices)> = Vec::new();
    let mut unknown = Vec::new();
    for (item, reference) in items.iter().zip(&references) {
        let workflow = found.iter().find(|workflow| match reference {
            Reference::Id(id) => workflow.id == *id,
            Reference::Identifier(identifier) => workflow.identifier == *identifier,
        });
        let channels = item.channels.choices();
        match workflow {
            None => unknown.push(item.workflow_id.as_str()),
            Some(workflow) => match chosen.iter_mut().find(|(known, _)| known.id == workflow.id) {
                Some((_, last)) => *last = channels,
                None => chosen.push((workflow.clone(), channels)),
            },
        }
    }
    if !unknown.is_empty() {
        return Err(Error::not_found(format!(
            "Workflows with ids: {} not found",
            unknown.join(", ")
        )));
    }
    let critical = chosen.iter().filter(|(workflow, _)| workflow.offer.is_critical());
    let critical: Vec<String> = critical.map(|(workflow, _)| workflow.id.to_string()).collect();
    if critical.is_empty() {
        return Ok(chosen);
    }
    let text = format!("Critical workflows with ids: {} cannot be updated", critical.join(", "));
    Err(Error::bad_request(text))
}
