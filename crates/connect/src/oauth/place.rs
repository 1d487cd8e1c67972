//! The integration that OAuth is for: its vendor and its app.

use campanile_model::{Channel, Ctx, Error, Result};
use campanile_providers::consent::App;
use campanile_store::integrations::Integration;
use serde_json::{Map, Value};
use url::Url;

use crate::Connect;

/// Whose OAuth it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vendor {
    Slack,
    MsTeams,
    Webex,
}

impl Vendor {
    pub(super) fn of(provider_id: &str) -> Option<Self> {
        match provider_id {
            "slack" | "novu-slack" => Some(Self::Slack),
            "msteams" => Some(Self::MsTeams),
            "webex-messaging" => Some(Self::Webex),
            _ => None,
        }
    }

    /// What errors call an integration of it.
    pub(super) const fn integration(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::MsTeams => "MS Teams",
            Self::Webex => "Webex Messaging",
        }
    }

    /// What pages call what was connected.
    pub(super) const fn workspace(self) -> &'static str {
        match self {
            Self::Slack => "Slack workspace",
            Self::MsTeams => "Microsoft Teams organisation",
            Self::Webex => "Webex account",
        }
    }
}

/// An integration of a vendor with OAuth.
pub(super) struct Place {
    pub(super) integration: Integration,
    pub(super) vendor: Vendor,
    pub(super) credentials: Map<String, Value>,
    /// Where vendors send browsers back to.
    pub(super) redirect: Url,
}

impl Place {
    /// The integration of a start.
    pub(super) async fn named(connect: &Connect, ctx: &Ctx, identifier: &str) -> Result<Self> {
        let found = connect.store().integration_by_identifier(ctx, identifier).await?;
        let missing = || {
            Error::not_found(format!(
                "Integration not found: {identifier} in environment {}",
                ctx.environment
            ))
        };
        Self::of(connect, found.ok_or_else(missing)?)?.ok_or_else(missing)
    }

    /// Nothing when it is not one of a vendor with OAuth.
    pub(super) fn of(connect: &Connect, integration: Integration) -> Result<Option<Self>> {
        let vendor = Vendor::of(&integration.provider_id).filter(|_| integration.channel == Some(Channel::Chat));
        let Some(vendor) = vendor else { return Ok(None) };
        Ok(Some(Self {
            credentials: connect.store().open_credentials(&integration)?,
            redirect: redirect(connect)?,
            integration,
            vendor,
        }))
    }

    /// A credential that is not empty.
    pub(super) fn credential(&self, name: &str) -> Option<&str> {
        let text = self.credentials.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// Whether a credential is switched on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        is_on(&self.credentials, name)
    }

    /// The client id, for a link.
    pub(super) fn client_id(&self) -> Result<&str> {
        let label = self.vendor.integration();
        if self.credentials.is_empty() {
            // The texts of the reference, with the blank at the end of two of them.
            let blank = if self.vendor == Vendor::Webex { "" } else { " " };
            return Err(Error::not_found(format!(
                "{label} integration missing credentials{blank}"
            )));
        }
        let blank = if self.vendor == Vendor::Slack { " " } else { "" };
        self.credential("clientId").ok_or_else(|| {
            Error::not_found(format!(
                "{label} integration missing required OAuth credentials (clientId){blank}"
            ))
        })
    }

    /// The app with its secret, for an exchange.
    pub(super) fn app(&self) -> Result<App<'_>> {
        let tenant_is_there = self.vendor != Vendor::MsTeams || self.credential("tenantId").is_some();
        match (self.credential("clientId"), self.credential("secretKey")) {
            (Some(client_id), Some(secret)) if tenant_is_there => Ok(App {
                client_id,
                secret,
                redirect: self.redirect.as_str(),
            }),
            _ => {
                let (label, names) = match self.vendor {
                    Vendor::Slack => ("Slack", "(clientId/clientSecret) "),
                    Vendor::MsTeams => ("MS Teams", "(clientId, secretKey, tenantId)"),
                    Vendor::Webex => ("Webex Messaging", "(clientId/clientSecret)"),
                };
                Err(Error::not_found(format!(
                    "{label} integration missing required OAuth credentials {names}"
                )))
            }
        }
    }

    /// Where a customer is sent in the end, if the integration says so. Only the integration can: nothing that comes
    /// with a browser is ever an address.
    pub(super) fn home(&self) -> Option<Url> {
        let url = Url::parse(self.credential("redirectUrl")?).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(url)
    }
}

/// Whether a credential is switched on.
pub(super) fn is_on(credentials: &Map<String, Value>, name: &str) -> bool {
    match credentials.get(name) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

fn redirect(connect: &Connect) -> Result<Url> {
    let base = connect.settings().public_url.as_ref().ok_or_else(|| {
        Error::bad_request(
            "Set CAMPANILE_PUBLIC_URL to the address at which browsers reach this server: OAuth leads customers back to it",
        )
    })?;
    base.join("v1/integrations/chat/oauth/callback")
        .map_err(Error::internal)
}
