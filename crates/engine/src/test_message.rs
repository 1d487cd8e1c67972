//! Test messages: one short message now, to see whether a place can be reached. It has no workflow, subscriber or
//! notification, and is never repeated; what it shows about the health of grant and endpoint counts like any send.

use campanile_connect::rotation::access_token;
use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Error, Id, Result};
use campanile_providers::chat::Address;
use campanile_providers::{Failure, Level, Outcome};
use campanile_store::Batch;
use campanile_store::grants::Grant;
use serde_json::Value;

use crate::Engine;
use crate::deliver::{Posted, Posting, Verdict, is_teams, post, verdict};

/// What to send where.
#[derive(Clone, Debug)]
pub struct TestMessage<'a> {
    /// The account.
    pub integration: Id,
    /// The customer's grant, when there is a connection.
    pub grant: Option<&'a Grant>,
    /// The vendor's id of the connection's workspace or tenant.
    pub workspace: Option<&'a str>,
    /// The endpoint type.
    pub kind: &'a str,
    /// The address in the API's form.
    pub address: &'a Value,
    /// The endpoint's row, when it is one's address.
    pub endpoint: Option<Id>,
    /// The endpoint's identifier, for sentences; empty when the address is nobody's endpoint.
    pub endpoint_identifier: &'a str,
    /// Whose it is.
    pub subscriber: Option<Id>,
    /// The text; a sentence of ours when there is none.
    pub text: Option<&'a str>,
}

/// What became of a test message.
#[derive(Clone, Debug)]
pub struct Tested {
    /// How the call ended.
    pub outcome: Outcome,
    /// Whether dev mode's outbox has it instead of the provider.
    pub kept: bool,
}

impl Engine {
    /// Sends a test message. What it shows about grant and endpoint, and what the outbox keeps, is added to `batch`:
    /// should the process die before the commit, the message was sent and the next send shows the same.
    pub async fn send_test(&self, ctx: &Ctx, test: &TestMessage<'_>, batch: &mut Batch) -> Result<Tested> {
        let store = self.store();
        let integrations = self.integrations(ctx).await?;
        let (integration, credentials) = integrations
            .active(test.integration)
            .ok_or_else(|| Error::bad_request("The integration is either deleted or not active"))?;
        let address = Address::parse(test.kind, test.address)
            .ok_or_else(|| Error::bad_request("The address does not fit the endpoint's type"))?;
        if address.needs_token() && test.grant.is_none() && !is_teams(&address) {
            let message = "The endpoint has no channel connection, so there is no token to send with";
            let failure = Failure::new(Level::Endpoint, "connection_missing", message);
            return Ok(Tested {
                outcome: Outcome::Rejected(failure),
                kept: false,
            });
        }
        let token = match test.grant {
            Some(grant) => Some(access_token(self.connect(), ctx, grant).await?),
            None => None,
        };
        let text = match test.text {
            Some(text) => text.to_owned(),
            None => format!(
                "This is a test message from {}: notifications can reach this place.",
                integration.name
            ),
        };
        let posting = Posting {
            integration,
            credentials,
            provider_id: &integration.provider_id,
            address: &address,
            token: token.as_deref(),
            workspace: test.workspace,
            endpoint: test.endpoint_identifier,
            text: &text,
            overrides: &Value::Null,
            custom_data: &Value::Null,
            delivery_id: store.new_id(),
            subscriber: test.subscriber,
        };
        let Posted { outcome, kept, .. } = post(self, ctx, &posting, batch).await?;
        if !kept {
            self.note_health(ctx, test, &outcome, batch);
        }
        Ok(Tested { outcome, kept })
    }

    fn note_health(&self, ctx: &Ctx, test: &TestMessage<'_>, outcome: &Outcome, batch: &mut Batch) {
        let store = self.store();
        let grant = |batch: &mut Batch, status, reason: Option<&str>| {
            if let Some(grant) = test.grant {
                store.set_grant_health(batch, ctx, grant.id, grant.generation, status, reason);
            }
        };
        let endpoint = |batch: &mut Batch, status, reason: Option<&str>| {
            if let Some(endpoint) = test.endpoint {
                store.set_endpoint_health(batch, ctx, endpoint, status, reason);
            }
        };
        let Some(failure) = outcome.failure() else {
            grant(batch, HealthStatus::Active, None);
            endpoint(batch, HealthStatus::Active, None);
            return;
        };
        let known = |status: &str| HealthStatus::parse(status).unwrap_or(HealthStatus::Degraded);
        match verdict(failure) {
            Some(Verdict::Grant {
                status,
                reason,
                missing_scope,
            }) => {
                if let (Some(grant), Some(scopes)) = (test.grant, missing_scope) {
                    for scope in scopes.split(',') {
                        store.miss_grant_scope(batch, ctx, grant.id, grant.generation, scope);
                    }
                }
                grant(batch, known(status), Some(&reason));
            }
            Some(Verdict::Endpoint { status, reason }) => endpoint(batch, known(status), Some(&reason)),
            None => {}
        }
    }
}
