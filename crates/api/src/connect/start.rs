//! `POST /connect/{token}/start`: to the vendor, to consent. The state is made now, so that a page that was open for
//! hours still leads somewhere.

use campanile_connect::oauth::{self, GivenContext, Mode, StartConnect};
use campanile_model::Result;

use super::form;
use super::page::see_other;
use super::visit::{May, Stop, answered, visit};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(super) const ROUTE: Route =
    route!(post "/connect/{token}/start", "", "Go to the vendor to connect", run, .public().takes_form().status(303));

async fn run(call: Call) -> Result<Reply> {
    let result = start(&call).await;
    answered(&call, result)
}

async fn start(call: &Call) -> Result<Reply, Stop> {
    form::check(call, "start")?;
    let visit = visit(call).await?;
    let mut ask = match &visit.may {
        May::Mend(reconnect) => StartConnect {
            reconnect: Some(reconnect.connection),
            ..StartConnect::default()
        },
        May::Use(session) => StartConnect {
            integration_identifier: visit.integration.identifier.clone(),
            connection_identifier: session.identifier.clone(),
            subscriber_id: visit
                .subscriber
                .as_ref()
                .map(|subscriber| subscriber.subscriber_id.clone()),
            context: GivenContext {
                contexts: session.contexts.clone(),
                // Whoever made the link had the environment's key.
                verified: true,
                ..GivenContext::default()
            },
            mode: session.shared.then_some(Mode::Shared),
            scope: session.scopes.clone(),
            auto_link_user: session.auto_link_user,
            ..StartConnect::default()
        },
    };
    ask.hosted = Some(visit.token.clone());
    let url = oauth::start(call.app.connect(), &visit.ctx, &ask).await?;
    Ok(see_other(url.as_str())?)
}
