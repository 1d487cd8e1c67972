//! `POST /v1/integrations/{integrationId}/auto-configure`: asks the provider to tell us what becomes of messages. As in the
//! original, what cannot be configured is told in the answer, and is no error.

use campanile_model::{Error, Id, Permission, Result};
use serde_json::{Map, Value};

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/{integrationId}/auto-configure", "IntegrationsController_autoConfigureIntegration",
    "Auto-configure an integration for inbound webhooks", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .status(200)
    .answers::<AutoConfigured>()
);

view! {
    /// What became of it.
    AutoConfigured {
        success: bool = "success";
        /// Why nothing was configured.
        message: Option<String> = "message";
        /// The configurations, when they changed.
        integration: Option<Map<String, Value>> = "integration";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let given = call.parameter("integrationId");
    let found = match given.parse::<Id>() {
        Ok(id) => call.store().integration_by_id(&call.ctx, id).await?,
        Err(_) => None,
    };
    let integration = found.ok_or_else(|| Error::not_found(format!("Integration not found, id: {given}")))?;
    Reply::data(
        200,
        &AutoConfigured {
            success: false,
            message: Some(format!(
                "Auto-configuration failed: webhooks of the provider {} cannot be set up from here. Set them up at the provider, \
                 and store the signing key as configurations.inboundWebhookSigningKey",
                integration.provider_id
            )),
            integration: None,
        },
    )
}
