//! `POST /connect/{token}/pick`: a place that the page offered becomes an endpoint.

use campanile_connect::links;
use campanile_model::{Error, Result};
use campanile_store::Batch;
use campanile_store::endpoints::{NewEndpoint, lost_race};

use super::page::see_other;
use super::texts::Said;
use super::visit::{Stop, Visit, answered, visit};
use super::{chosen, form, names, picker};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;
use crate::v1::channel_endpoints::address;
use crate::v1::channels::{TRIES, identifier, too_contended};

pub(super) const ROUTE: Route =
    route!(post "/connect/{token}/pick", "", "Choose where messages go", run, .public().takes_form().status(303));

async fn run(call: Call) -> Result<Reply> {
    let result = pick(&call).await;
    answered(&call, result)
}

async fn pick(call: &Call) -> Result<Reply, Stop> {
    let form = form::check(call, "pick")?;
    let (kind, place) = picker::offered(call.store().secrets(), call.parameter("token"), &form).ok_or(Stop::Form)?;
    let place = address::read(&kind, &place).map_err(Error::bad_request)?;
    for _ in 0..TRIES {
        let visit = visit(call).await?;
        let done = |said: Said| Ok(see_other(&said.page_of(&visit))?);
        let (session, connection) = visit.connected()?;
        let Some(subscriber) = &visit.subscriber else {
            return Err(Stop::Gone);
        };
        for endpoint in chosen::endpoints(call, &visit).await? {
            if endpoint.kind == kind && names::same(&call.store().open_address(&endpoint)?, &place) {
                return done(Said::AlreadyPicked);
            }
        }
        let unique = links::unique(&kind, &place, subscriber.id);
        if let Some(unique) = &unique
            && let Some(_) = call
                .store()
                .endpoint_with_address(&visit.ctx, visit.integration.id, unique)
                .await?
        {
            return done(Said::AlreadyPicked);
        }
        let store = call.store();
        let mut batch = Batch::new();
        store.find_or_create_contexts(&mut batch, &visit.ctx, &session.contexts);
        let new = NewEndpoint {
            identifier: identifier(None, "chendp_")?,
            integration: &visit.integration,
            connection: Some((connection.id, connection.identifier.clone())),
            subscriber,
            subscriber_is_new: false,
            contexts: session.context_set(),
            kind: &kind,
            address: &place,
            unique: unique.as_deref(),
        };
        let endpoint = store.create_endpoint(&mut batch, &visit.ctx, new)?;
        store.audit(&mut batch, &visit.ctx, "endpoint.create", endpoint.id);
        match store.commit(batch).await {
            Ok(_) => return done(Said::Picked),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended().map_err(Stop::Failed)
}

impl Said {
    /// The address of the visitor's page that says it.
    pub(super) fn page_of(self, visit: &Visit) -> String {
        format!("{}?said={}", visit.path, self.word())
    }
}
