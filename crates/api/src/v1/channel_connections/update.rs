//! `PATCH /v1/channel-connections/{identifier}`: workspace and tokens are replaced, each as a whole.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::connections::lost_race;

use super::auth::{ConnectionAuth, ConnectionWorkspace, check_rotation};
use super::{named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::{TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v1/channel-connections/{identifier}", "ChannelConnectionsController_updateChannelConnection", "Update a channel connection", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<UpdateChannelConnection>()
    .answers::<view::ChannelConnectionResponse>()
);

dto! {
    /// What a connection is to lead to and rest on from now on.
    UpdateChannelConnection {
        required workspace: ConnectionWorkspace = "workspace";
        required auth: ConnectionAuth = "auth";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateChannelConnection = call.body()?;
    let store = call.store();
    let workspace = body.workspace.stored();
    let mut connection = named(&call, '"').await?;
    let tokens = body.auth.tokens(store.now())?;
    for _ in 0..TRIES {
        if tokens.refresh_token.is_some() {
            let integration = store
                .integration_by_identifier(&call.ctx, &connection.integration_identifier)
                .await?
                .filter(|integration| integration.id == connection.integration_id)
                .ok_or_else(|| {
                    let identifier = &connection.integration_identifier;
                    Error::not_found(format!("Integration \"{identifier}\" not found"))
                })?;
            check_rotation(store, &tokens, &integration)?;
        }
        let mut batch = Batch::new();
        let updated = store
            .update_connection(&mut batch, &call.ctx, &connection, workspace.clone(), &tokens)
            .await?;
        store.audit(&mut batch, &call.ctx, "connection.update", updated.id);
        let reply = Reply::data(200, &view::one(&call, &updated)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => connection = named(&call, '"').await?,
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
