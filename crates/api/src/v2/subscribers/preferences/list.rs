//! `GET /v2/subscribers/{subscriberId}/preferences`.

use campanile_model::context::ContextSet;
use campanile_model::{Error, Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Many;
use crate::{choices, dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/subscribers/{subscriberId}/preferences", "SubscribersController_getSubscriberPreferences", "Retrieve subscriber preferences", run,
    .permit(Permission::SubscriberRead, Category::Configuration)
    .takes_query::<PreferencesQuery>()
    .answers::<view::PreferencesResponse>()
);

choices! {
    /// Which workflows are shown.
    Criticality { Critical = "critical", NonCritical = "nonCritical", All = "all", }
}

impl Criticality {
    pub(super) fn shows(self, critical: bool) -> bool {
        match self {
            Self::Critical => critical,
            Self::NonCritical => !critical,
            Self::All => true,
        }
    }
}

dto! {
    /// What is shown.
    PreferencesQuery {
        /// Critical workflows, about which subscribers have no say, are hidden by default.
        optional criticality: Criticality = "criticality";
        /// What was chosen for exactly this set of contexts; absent for no contexts.
        optional context_keys: Many<String> = "contextKeys";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: PreferencesQuery = call.query()?;
    let criticality = query.criticality.unwrap_or(Criticality::NonCritical);
    let contexts = ContextSet::new(query.context_keys.map(|Many(keys)| keys).unwrap_or_default());
    let id = call.parameter("subscriberId");
    let subscriber = call.store().subscriber(&call.ctx, id).await?;
    let subscriber = subscriber.ok_or_else(|| Error::not_found(format!("Subscriber with id: {id} not found")))?;
    let preferences = call.store().preferences(&call.ctx, subscriber.id, &contexts).await?;
    let offered = call.app.engine().offered(&call.ctx).await?;
    let whole = view::whole(&preferences, &offered, |workflow| {
        criticality.shows(workflow.offer.is_critical())
    });
    Reply::data(200, &whole)
}
