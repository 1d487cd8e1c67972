//! `POST /v1/channel-connections/{identifier}/verify`: exchanges the refresh token now, to see whether the vendor still
//! takes it. A repeated call does no harm: it makes another pair.

use campanile_connect::rotation::{Need, Renewal, fresh_token};
use campanile_model::error::Kind;
use campanile_model::{Error, Permission, Result};
use campanile_providers::vendors::rotation::label;

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-connections/{identifier}/verify", "ChannelConnectionsController_verifyChannelConnection", "Verify a channel connection", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .status(200)
    .answers::<view::ChannelConnectionResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let connection = named(&call, '\'').await?;
    let grant = &connection.grant;
    let renewal = fresh_token(call.app.connect(), &call.ctx, grant.id, grant.generation, Need::Asked).await?;
    match renewal {
        Renewal::Token { .. } | Renewal::Unrenewable | Renewal::Gone => {
            let connection = named(&call, '\'').await?;
            Reply::data(200, &view::one(&call, &connection)?)
        }
        Renewal::Dead { message } | Renewal::Later { message, .. } => Err(Error::new(Kind::BadGateway, message)),
        Renewal::Busy => {
            let label = label(&connection.provider_id);
            Err(Error::new(
                Kind::BadGateway,
                format!(
                    "A token refresh for the {label} channel connection is already in progress. Retry the verification in a few seconds."
                ),
            ))
        }
        Renewal::Unusable { message, .. } => Err(Error::internal(message)),
    }
}
