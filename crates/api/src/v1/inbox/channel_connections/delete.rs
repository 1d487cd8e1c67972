//! `DELETE /v1/inbox/channel-connections/{identifier}`. The vendor is asked to revoke the tokens only when somebody vouches
//! for the session: else anybody could take a workspace away from the others who use it.

use campanile_model::Result;
use campanile_providers::vendors::rotation::can_revoke;
use campanile_store::Batch;
use campanile_store::connections::lost_race;

use super::named;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;
use crate::v1::channels::{TRIES, too_contended};
use crate::v1::inbox::standing::Standing;

pub(crate) const ROUTE: Route = route!(
    delete "/v1/inbox/channel-connections/{identifier}", "InboxController_deleteChannelConnection",
    "Delete one of the subscriber's channel connections", run,
    .subscriber()
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let session = call.session()?;
    for _ in 0..TRIES {
        let connection = named(&call, None).await?;
        let is_shared = connection.subscriber.is_none();
        if is_shared {
            Standing::of_session(&call)?
                .check_may_change_shared(&call, connection.integration_id)
                .await?;
        }
        let vouched = if is_shared {
            session.context_verified
        } else {
            session.verified
        };
        let mut batch = Batch::new();
        if vouched && connection.grant.is_ours() && can_revoke(&connection.grant.provider_id) {
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
