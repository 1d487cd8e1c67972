//! Whose list it is: the connection with what it takes to ask its vendor.

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Error, Result};
use campanile_providers::chat::BaseUrls;
use campanile_providers::directory::{self, Ask, Details, Found, Kind, Part, Trouble, Which};
use campanile_providers::transport::is_loopback_url;
use campanile_providers::{Failure, Health, Level, Trust};
use campanile_store::connections::Connection;
use campanile_store::{Batch, StoreError};
use serde_json::Value;

use super::search::Needle;
use crate::app_tokens::{self, Audience};
use crate::rotation::{self, Need, Renewal};
use crate::{Connect, destinations};

/// Webex finds people by three letters at least.
const SHORTEST_SEARCH: usize = 3;

/// Whether the vendor lists things of this kind only within a team: channels in Teams, everything in an organisation of
/// Slack's.
pub fn within_team(connection: &Connection, kind: Kind) -> bool {
    match (connection.provider_id.as_str(), kind) {
        ("msteams", Kind::Channel) => true,
        ("slack", Kind::Channel | Kind::User) => connection.workspace.id.starts_with('E'),
        _ => false,
    }
}

/// How many letters of a name the vendor wants before it finds anything of this kind, when it does not list all.
pub fn letters_wanted(connection: &Connection, kind: Kind) -> Option<usize> {
    (connection.provider_id == "webex-messaging" && kind == Kind::User).then_some(SHORTEST_SEARCH)
}

/// A connection that can be asked.
pub(super) struct Source {
    ctx: Ctx,
    connection: Connection,
    credentials: Value,
    send_real: bool,
    team: Option<String>,
}

impl Source {
    /// The connection as a source, or a sentence about why it is none now.
    pub(super) async fn of(connect: &Connect, ctx: &Ctx, connection: &Connection, team: Option<&str>) -> Result<Self> {
        if !directory::knows(&connection.provider_id) {
            return Err(Error::bad_request(format!(
                "The provider {} has no list of destinations: name the destination by its id",
                connection.provider_id
            )));
        }
        let status = connection.grant.status;
        if matches!(status, HealthStatus::Revoked | HealthStatus::NeedsReauth) {
            let reason = connection
                .grant
                .reason
                .as_deref()
                .unwrap_or("the vendor refused its tokens");
            let message = format!("The connection must be reconnected first: {reason}");
            return Err(destinations::dead(&message, status.wire()));
        }
        let store = connect.store();
        let integration = store
            .integration_by_identifier(ctx, &connection.integration_identifier)
            .await?
            .filter(|integration| integration.id == connection.integration_id && integration.active)
            .ok_or_else(|| {
                let identifier = &connection.integration_identifier;
                Error::bad_request(format!("The integration {identifier} of this connection is not active"))
            })?;
        Ok(Self {
            ctx: ctx.clone(),
            connection: connection.clone(),
            credentials: Value::Object(store.open_credentials(&integration)?),
            send_real: integration.send_real,
            team: team.filter(|team| !team.is_empty()).map(str::to_owned),
        })
    }

    fn is(&self, provider_id: &str) -> bool {
        self.connection.provider_id == provider_id
    }

    /// The one answer that needs no call: a workspace that is not an organisation is its only team.
    pub(super) fn itself(&self, kind: Kind) -> Option<Found> {
        let workspace = &self.connection.workspace;
        let alone = self.is("slack") && kind == Kind::Team && !workspace.id.starts_with('E');
        alone.then(|| Found {
            id: workspace.id.clone(),
            name: workspace.name.clone().unwrap_or_else(|| workspace.id.clone()),
            also: None,
            address: None,
            reason: Some("A workspace is no destination itself: pick one of its channels or people."),
            details: Details::default(),
        })
    }

    /// What the vendor itself has to search for, when it does not list everything; and a sentence when the question
    /// cannot be put to it.
    pub(super) fn search_at_vendor(&self, kind: Kind, needle: &Needle) -> Result<Option<String>> {
        if self.team.is_none() && within_team(&self.connection, kind) {
            return Err(Error::bad_request(if self.is("msteams") {
                "team is required: Microsoft Teams lists channels team by team; kind=team lists the teams"
            } else {
                "team is required: this connection is of a Slack organisation; kind=team lists its workspaces"
            }));
        }
        match letters_wanted(&self.connection, kind) {
            Some(letters) if needle.text().chars().count() < letters => Err(Error::bad_request(
                "query is required: Webex finds people by at least three letters of their name, or by email",
            )),
            Some(_) => Ok(Some(needle.text().to_owned())),
            None => Ok(None),
        }
    }

    /// The token to ask with.
    pub(super) async fn token(&self, connect: &Connect) -> Result<String, Trouble> {
        if self.is("msteams") {
            let tenant = Some(self.connection.workspace.id.as_str());
            let token = app_tokens::msteams(connect, &self.credentials, Audience::Graph, tenant).await;
            return token.map_err(|failure| match failure.level {
                Level::Network => Trouble::Later { after: None, failure },
                _ => Trouble::Refused(failure),
            });
        }
        let token = rotation::access_token(connect, &self.ctx, &self.connection.grant).await;
        token.map_err(|error| self.unreadable(&error))
    }

    /// Another token after the vendor said that the one that was used has ended, if there is a way to get one.
    async fn renewed(&self, connect: &Connect) -> Result<Option<String>, Trouble> {
        let grant = &self.connection.grant;
        let renewal = rotation::fresh_token(connect, &self.ctx, grant.id, grant.generation, Need::Due).await;
        let later = |message: String| {
            let failure = Failure::new(Level::Grant, "token_expired", message);
            Err(Trouble::Later { after: None, failure })
        };
        match renewal.map_err(|error| self.unreadable(&error))? {
            Renewal::Token { access_token, .. } => Ok(Some(access_token)),
            Renewal::Unrenewable | Renewal::Gone => Ok(None),
            Renewal::Busy => later("The access token is being renewed.".to_owned()),
            Renewal::Later { message, .. } | Renewal::Unusable { message, .. } => {
                later(format!("The access token cannot be renewed now: {message}"))
            }
            Renewal::Dead { message } => {
                let failure = Failure::new(Level::Grant, "token_expired", message);
                Err(Trouble::Refused(failure.health(Health::NeedsReauth)))
            }
        }
    }

    fn unreadable(&self, error: &Error) -> Trouble {
        tracing::error!(%error, grant = %self.connection.grant.id, "a grant's tokens cannot be read");
        let message = "The tokens of this connection cannot be read now.";
        let failure = Failure::new(Level::Grant, "tokens_unreadable", message);
        Trouble::Later { after: None, failure }
    }

    /// Asks with `token`, and once more with a newer one when that has ended; the newer one stays for the next question.
    pub(super) async fn question(
        &self,
        connect: &Connect,
        token: &mut String,
        kind: Kind,
        which: Which<'_>,
        (cursor, private): (Option<&str>, bool),
    ) -> Result<Part, Trouble> {
        let asked = self
            .put(connect, &self.ask(connect, token, kind, which, cursor, private))
            .await;
        let Err(trouble) = &asked else { return asked };
        let failure = trouble.failure();
        let ended = failure.level == Level::Grant && (failure.code == "token_expired" || failure.status == Some(401));
        if !ended || self.is("msteams") {
            return asked;
        }
        let Some(newer) = self.renewed(connect).await? else {
            return Err(lost(failure));
        };
        *token = newer;
        self.put(connect, &self.ask(connect, token, kind, which, cursor, private))
            .await
    }

    /// A question of this connection.
    fn ask<'a>(
        &'a self,
        connect: &'a Connect,
        token: &'a str,
        kind: Kind,
        which: Which<'a>,
        cursor: Option<&'a str>,
        private: bool,
    ) -> Ask<'a> {
        let bases: &BaseUrls = &connect.settings().bases;
        Ask {
            provider_id: &self.connection.provider_id,
            kind,
            which,
            team: self.team.as_deref(),
            workspace: &self.connection.workspace.id,
            token,
            scopes: self.connection.grant.scopes.as_deref(),
            private,
            cursor,
            bases,
        }
    }

    /// Puts the question. In dev mode nothing leaves this machine.
    async fn put(&self, connect: &Connect, ask: &Ask<'_>) -> Result<Part, Trouble> {
        let request = directory::call(ask).map_err(Trouble::Refused)?;
        if connect.settings().dev && !self.send_real && !is_loopback_url(&request.url) {
            let message = "Dev mode asks no vendor: point the provider's base URL at an emulator, or set `send` of the \
                           integration to `real`.";
            return Err(Trouble::Refused(Failure::new(Level::Integration, "dev_mode", message)));
        }
        let response = connect.transport().send(&request, Trust::Operator).await;
        let unauthorized = response.as_ref().is_ok_and(|response| response.status == 401);
        if unauthorized && self.is("msteams") {
            let tenant = Some(self.connection.workspace.id.as_str());
            app_tokens::forget_msteams(connect, &self.credentials, Audience::Graph, tenant, ask.token).await;
        }
        directory::read(ask, response).map_err(|trouble| clean(trouble, |text| request.scrub(text)))
    }

    /// Writes down that the grant is dead, when that is what the trouble says.
    pub(super) async fn note_health(&self, connect: &Connect, trouble: &Trouble) -> Result<(), StoreError> {
        let failure = trouble.failure();
        let status = match &failure.health {
            Some(Health::Revoked) if failure.level == Level::Grant => HealthStatus::Revoked,
            Some(Health::NeedsReauth) if failure.level == Level::Grant => HealthStatus::NeedsReauth,
            _ => return Ok(()),
        };
        let (store, grant) = (connect.store(), &self.connection.grant);
        let mut batch = Batch::background();
        store.set_grant_health(
            &mut batch,
            &self.ctx,
            grant.id,
            grant.generation,
            status,
            Some(&failure.message),
        );
        store.commit(batch).await.map(drop)
    }
}

/// The token has ended and there is nothing to renew it with: only the customer can mend that.
fn lost(failure: &Failure) -> Trouble {
    let message = format!(
        "The access token has ended and cannot be renewed (`{}`). It must be reconnected.",
        failure.code
    );
    let lost = Failure {
        message,
        ..failure.clone()
    };
    Trouble::Refused(lost.health(Health::NeedsReauth))
}

/// The same trouble without the token that an answer may repeat.
fn clean(trouble: Trouble, scrub: impl Fn(&str) -> String) -> Trouble {
    let failure = |failure: Failure| Failure {
        message: scrub(&failure.message),
        details: Box::default(),
        ..failure
    };
    match trouble {
        Trouble::Refused(refused) => Trouble::Refused(failure(refused)),
        Trouble::Later { after, failure: later } => Trouble::Later {
            after,
            failure: failure(later),
        },
    }
}
