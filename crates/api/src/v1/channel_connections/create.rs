//! `POST /v1/channel-connections`. The order of the checks is part of the contract (channels.md 1.1.2).

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::connections::{InTheWay, NewConnection, lost_race};

use super::auth::{ConnectionAuth, ConnectionWorkspace, check_rotation};
use super::mode::{self, ConnectionMode};
use super::view;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::{Contexts, TRIES, given, identifier, identifier_rule, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-connections", "ChannelConnectionsController_createChannelConnection", "Create a channel connection", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<CreateChannelConnection>()
    .answers::<view::ChannelConnectionResponse>()
);

dto! {
    /// A connection to make.
    CreateChannelConnection {
        /// Your own id for the connection; one is generated when it is absent.
        optional identifier: String = "identifier" [identifier_rule];
        /// Whose it is.
        optional subscriber_id: String = "subscriberId";
        /// What it is for; contexts that are not there yet are created.
        optional context: Contexts = "context";
        /// Whether it belongs to the subscriber, or to everybody in the context.
        optional connection_mode: ConnectionMode = "connectionMode";
        required integration_identifier: String = "integrationIdentifier";
        required workspace: ConnectionWorkspace = "workspace";
        required auth: ConnectionAuth = "auth";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateChannelConnection = call.body()?;
    let store = call.store();
    let subscriber_id = given(body.subscriber_id);
    let contexts = body.context.unwrap_or_default();
    mode::check(
        body.connection_mode,
        subscriber_id.is_some(),
        !contexts.set().is_empty(),
    )?;
    let tokens = body.auth.tokens(store.now())?;
    let workspace = body.workspace.stored();
    for _ in 0..TRIES {
        let integration = store
            .integration_by_identifier(&call.ctx, &body.integration_identifier)
            .await?
            .ok_or_else(|| Error::not_found(format!("Integration not found: {}", body.integration_identifier)))?;
        check_rotation(store, &tokens, &integration)?;
        let subscriber = match &subscriber_id {
            None => None,
            Some(id) => {
                let found = store.subscriber(&call.ctx, id).await?;
                Some(found.ok_or_else(|| Error::not_found(format!("Subscriber not found: {id}")))?)
            }
        };
        let new = NewConnection {
            identifier: identifier(body.identifier.as_ref(), "chconn_")?,
            integration: &integration,
            owner: subscriber.as_ref().filter(|_| mode::is_owned(body.connection_mode)),
            contexts: contexts.set(),
            workspace: workspace.clone(),
        };
        let in_the_way = store.connections_in_the_way(&call.ctx, &new).await?;
        if let Some(error) = conflict(&call, &new, &in_the_way) {
            return Err(error);
        }
        let mut batch = Batch::new();
        store.find_or_create_contexts(&mut batch, &call.ctx, &contexts.0);
        let connection = store.create_connection(&mut batch, &call.ctx, new, &tokens).await?;
        store.audit(&mut batch, &call.ctx, "connection.create", connection.id);
        let reply = Reply::data(201, &view::one(&call, &connection)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

/// The 409 that names what is in the way: a connection of the same scope before one with the same identifier.
fn conflict(call: &Call, new: &NewConnection<'_>, in_the_way: &[InTheWay]) -> Option<Error> {
    if let Some(existing) = in_the_way.iter().find(|existing| existing.has_scope_of(new)) {
        return Some(Error::conflict(same_scope(
            &new.integration.identifier,
            new.owner.map(|owner| owner.subscriber_id.as_str()),
            new.contexts.keys(),
            &existing.identifier,
        )));
    }
    in_the_way.first().map(|existing| {
        Error::conflict(format!(
            "Channel connection with identifier \"{}\" already exists in environment \"{}\"",
            existing.identifier, call.ctx.environment
        ))
    })
}

fn same_scope(integration: &str, subscriber: Option<&str>, contexts: &[String], existing: &str) -> String {
    let subscriber = subscriber.map_or("no subscriberId".to_owned(), |id| format!("subscriberId \"{id}\""));
    let context = if contexts.is_empty() {
        "no context".to_owned()
    } else {
        format!("context [{}]", contexts.join(", "))
    };
    format!(
        "A channel connection already exists for integration \"{integration}\" with {subscriber} and {context}. \
         Connection ID: {existing}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_says_what_exists_for_whom() {
        let keys = ["project:p1".to_owned(), "tenant:acme".to_owned()];
        assert_eq!(
            same_scope("slack", Some("ann"), &keys, "c1"),
            "A channel connection already exists for integration \"slack\" with subscriberId \"ann\" and context \
             [project:p1, tenant:acme]. Connection ID: c1"
        );
        assert_eq!(
            same_scope("slack", None, &[], "c1"),
            "A channel connection already exists for integration \"slack\" with no subscriberId and no context. \
             Connection ID: c1"
        );
    }
}
