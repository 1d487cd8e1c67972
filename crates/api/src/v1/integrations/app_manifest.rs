//! `GET /v1/integrations/{integrationId}/app-manifest`: what our user gives their vendor to make an app that fits:
//! scopes, redirect address, events.

use axum::http::{HeaderValue, header};
use campanile_model::{Error, Id, Permission, Result};
use campanile_providers::consent::slack::BOT_SCOPES;
use campanile_store::integrations::Integration;
use serde_json::{Map, Value, json};
use url::Url;

use super::unknown;
use crate::call::{Call, Reply};
use crate::connect::no_public_url;
use crate::route::{Category, Route};
use crate::{choices, dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/integrations/{integrationId}/app-manifest", "IntegrationAppManifest_get",
    "A ready manifest for the integration's app at its vendor", run,
    .permit(Permission::IntegrationRead, Category::Configuration)
    .takes_query::<AppManifestQuery>()
);

choices! {
    /// The form of the answer.
    ManifestFormat { File = "file", }
}

dto! {
    /// How the manifest is answered.
    AppManifestQuery {
        /// `file`: the manifest alone, to be saved, instead of within `data`.
        optional format: ManifestFormat = "format";
    }
}

/// What tells us that a workspace or a channel cannot be reached any more.
const SLACK_EVENTS: [&str; 6] = [
    "app_uninstalled",
    "tokens_revoked",
    "channel_archive",
    "channel_unarchive",
    "channel_deleted",
    "member_left_channel",
];
/// Slack's own limits of an app's and of a bot's name.
const SLACK_APP_NAME: usize = 35;
const SLACK_BOT_NAME: usize = 80;
const TEAMS_SHORT_NAME: usize = 30;
const TEAMS_FULL_NAME: usize = 100;

async fn run(call: Call) -> Result<Reply> {
    let query: AppManifestQuery = call.query()?;
    let given = call.parameter("integrationId");
    let store = call.store();
    let by_id = match given.parse::<Id>() {
        Ok(id) => store.integration_by_id(&call.ctx, id).await?,
        Err(_) => None,
    };
    let found = if by_id.is_some() {
        by_id
    } else {
        store.integration_by_identifier(&call.ctx, given).await?
    };
    let integration = found.ok_or_else(|| unknown(given))?;
    let settings = call.app.connect().settings();
    let base = settings.public_url.as_ref().ok_or_else(no_public_url)?;
    let manifest = match integration.provider_id.as_str() {
        "slack" => slack(&integration, base),
        "msteams" => teams(&integration, base, &store.open_credentials(&integration)?)?,
        other => {
            return Err(Error::bad_request(format!(
                "There are app manifests for the providers slack and msteams only; integration \"{}\" is of provider \"{other}\"",
                integration.identifier
            )));
        }
    };
    if query.format.is_none() {
        return Reply::data(200, &manifest);
    }
    let body = serde_json::to_string_pretty(&manifest).map_err(Error::internal)?;
    let mut reply = Reply::raw(200, &())?;
    reply.body = body;
    let file = HeaderValue::from_static("attachment; filename=\"manifest.json\"");
    reply.headers.insert(header::CONTENT_DISPOSITION, file);
    Ok(reply)
}

fn slack(integration: &Integration, base: &Url) -> Value {
    json!({
        "_metadata": { "major_version": 1, "minor_version": 1 },
        "display_information": { "name": shortened(&integration.name, SLACK_APP_NAME) },
        "features": {
            "bot_user": { "display_name": shortened(&integration.name, SLACK_BOT_NAME), "always_online": true },
        },
        "oauth_config": {
            "redirect_urls": [redirect(base)],
            "scopes": { "bot": BOT_SCOPES },
        },
        "settings": {
            "event_subscriptions": { "request_url": hooks(base, integration.id), "bot_events": SLACK_EVENTS },
            "org_deploy_enabled": true,
            "socket_mode_enabled": false,
            "token_rotation_enabled": true,
        },
    })
}

/// The `manifest.json` of an app package; the package is a zip of it with the two icons that it names.
fn teams(integration: &Integration, base: &Url, credentials: &Map<String, Value>) -> Result<Value> {
    let client = credentials.get("clientId").and_then(Value::as_str).unwrap_or_default();
    if client.is_empty() {
        return Err(Error::bad_request(format!(
            "Integration \"{}\" has no clientId: the manifest names the app by it",
            integration.identifier
        )));
    }
    let name = &integration.name;
    let host = base.host_str().unwrap_or_default();
    Ok(json!({
        "$schema": "https://developer.microsoft.com/json-schemas/teams/v1.25/MicrosoftTeams.schema.json",
        "manifestVersion": "1.25",
        "version": "1.0.0",
        "id": client,
        "developer": {
            "name": shortened(name, 32),
            "websiteUrl": base.as_str(),
            "privacyUrl": base.as_str(),
            "termsOfUseUrl": base.as_str(),
        },
        "name": { "short": shortened(name, TEAMS_SHORT_NAME), "full": shortened(name, TEAMS_FULL_NAME) },
        "description": {
            "short": shortened(&format!("Notifications from {name}"), 80),
            "full": format!("Sends the notifications of {name} to people and channels."),
        },
        "icons": { "color": "color.png", "outline": "outline.png" },
        "accentColor": "#FFFFFF",
        "supportsChannelFeatures": "tier1",
        "bots": [{ "botId": client, "scopes": ["personal", "team"], "isNotificationOnly": true }],
        "permissions": ["identity", "messageTeamMembers"],
        "validDomains": [host],
    }))
}

fn redirect(base: &Url) -> String {
    format!("{base}v1/integrations/chat/oauth/callback")
}

/// Where the vendor tells us of what happens.
fn hooks(base: &Url, integration: Id) -> String {
    format!("{base}v1/integrations/{integration}/hooks")
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
