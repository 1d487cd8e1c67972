//! `DELETE /v1/channel-connections/{identifier}`: its endpoints stay, and turn `broken`.
//!
//! When it was the last connection on a grant that our own OAuth made, the vendor is asked to revoke the tokens, after the
//! answer and for as long as it takes. Tokens that a caller posted are theirs. `?revoke` says otherwise for both.

use campanile_model::{Permission, Result};
use campanile_providers::vendors::rotation::can_revoke;
use campanile_store::Batch;
use campanile_store::connections::lost_race;

use super::named;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Flag;
use crate::v1::channels::{TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/channel-connections/{identifier}", "ChannelConnectionsController_deleteChannelConnection", "Delete a channel connection", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes_query::<DeleteChannelConnectionQuery>()
    .status(204)
);

dto! {
    /// What to do at the vendor.
    DeleteChannelConnectionQuery {
        /// Whether to revoke the tokens when no other connection rests on them.
        optional revoke: Flag = "revoke";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let revoke = call
        .query::<DeleteChannelConnectionQuery>()?
        .revoke
        .map(|Flag(revoke)| revoke);
    for _ in 0..TRIES {
        let connection = named(&call, '\'').await?;
        let mut batch = Batch::new();
        if revoke.unwrap_or(connection.grant.is_ours()) && can_revoke(&connection.grant.provider_id) {
            call.store().revoke_connection(&mut batch, &call.ctx, &connection)?;
        } else {
            call.store().delete_connection(&mut batch, &call.ctx, &connection);
        }
        call.store()
            .audit(&mut batch, &call.ctx, "connection.delete", connection.id);
        let reply = Reply::empty();
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
