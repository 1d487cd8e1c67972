//! Who opens a hosted page: what their link leads to, as it is now.

use campanile_connect::hosted::{self, Link, Reconnect, Refused, Session, Target};
use campanile_connect::oauth::Page as Told;
use campanile_model::error::Kind;
use campanile_model::{Actor, Ctx, Error, Permissions, Result};
use campanile_store::connections::{Connection, ConnectionFilter};
use campanile_store::integrations::Integration;
use campanile_store::page::Cursor;
use campanile_store::subscribers::Subscriber;

use super::page::{Look, Page};
use super::{show, texts, told};
use crate::call::{Call, Reply};

/// A visit with a link that opens something.
pub(super) struct Visit {
    pub(super) ctx: Ctx,
    pub(super) token: String,
    /// The path of the link's page, as browsers see it.
    pub(super) path: String,
    pub(super) may: May,
    pub(super) integration: Integration,
    pub(super) subscriber: Option<Subscriber>,
    pub(super) connection: Option<Connection>,
}

/// What the link allows.
pub(super) enum May {
    /// All that our user's session says.
    Use(Box<Session>),
    /// Nothing but to mend the connection.
    Mend(Reconnect),
}

impl Visit {
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.may {
            May::Use(session) => Some(session),
            May::Mend(_) => None,
        }
    }

    pub(super) fn look(&self) -> Look {
        let session = self.session();
        Look {
            name: session.and_then(|session| session.name.clone()),
            color: session.and_then(|session| session.color.clone()),
        }
    }

    pub(super) fn app(&self) -> Option<&str> {
        self.session().and_then(|session| session.name.as_deref())
    }

    /// The session and the connection, for what only a session may do; whoever has neither finds nothing there.
    pub(super) fn connected(&self) -> Result<(&Session, &Connection), Stop> {
        self.session().zip(self.connection.as_ref()).ok_or(Stop::Gone)
    }
}

/// Why a page shows nothing of a connection.
pub(super) enum Stop {
    /// The link was not made here.
    Unknown,
    /// The link's time is over.
    Ended,
    /// What the link names is gone.
    Gone,
    /// A link to mend a connection was used, and the connection works.
    Mended(String),
    /// A form that was not sent by our own page.
    Form,
    /// Anything else.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Reads the link in the path, and everything that it names.
pub(super) async fn visit(call: &Call) -> Result<Visit, Stop> {
    let connect = call.app.connect();
    let store = connect.store();
    let base = connect.settings().public_url.as_ref();
    let base = base.ok_or_else(super::no_public_url)?;
    let token = call.parameter("token").to_owned();
    let link = Link::read(store.secrets(), &token, store.now()).map_err(|refused| match refused {
        Refused::Unknown => Stop::Unknown,
        Refused::Ended => Stop::Ended,
    })?;
    let ctx = Ctx {
        organization: link.organization,
        environment: link.environment,
        actor: Actor::ConnectPage,
        permissions: Permissions::ALL,
        request_id: call.ctx.request_id.clone(),
    };
    let path = format!("{}connect/{token}", base.path());
    match link.to {
        Target::Session(session) => session_visit(call, ctx, token, path, session).await,
        Target::Reconnect(reconnect) => mending_visit(call, ctx, token, path, reconnect).await,
    }
}

async fn session_visit(
    call: &Call,
    ctx: Ctx,
    token: String,
    path: String,
    session: Box<Session>,
) -> Result<Visit, Stop> {
    let store = call.store();
    let integration = session.integration.ok_or(Stop::Unknown)?;
    let integration = store.integration_by_id(&ctx, integration).await?.ok_or(Stop::Gone)?;
    let subscriber = match session.subscriber {
        None => None,
        Some(id) => Some(store.subscribers_by_id(&ctx, vec![id]).await?.pop().ok_or(Stop::Gone)?),
    };
    // The link reaches the one connection that its integration, owner and contexts can have, and no other.
    let owner = subscriber.as_ref().filter(|_| !session.shared);
    let filter = ConnectionFilter {
        owners: Some(vec![owner.map(|owner| owner.id.to_string()).unwrap_or_default()]),
        integration_identifier: Some(integration.identifier.clone()),
        contexts: Some(session.context_set().stored()),
        ..ConnectionFilter::default()
    };
    let found = store.list_connections(&ctx, &filter, &Cursor::first(1)).await?;
    let connection = found.rows.into_iter().next();
    Ok(Visit {
        ctx,
        token,
        path,
        may: May::Use(session),
        integration,
        subscriber,
        connection,
    })
}

async fn mending_visit(
    call: &Call,
    ctx: Ctx,
    token: String,
    path: String,
    reconnect: Reconnect,
) -> Result<Visit, Stop> {
    let store = call.store();
    let connection = store.connection(&ctx, &reconnect.identifier).await?;
    // Another connection may have its identifier by now.
    let connection = connection
        .filter(|connection| connection.id == reconnect.connection)
        .ok_or(Stop::Gone)?;
    let grant = &connection.grant;
    if grant.id != reconnect.grant || grant.generation != reconnect.generation {
        // The tokens are others than those that had to be mended: the link has done its work.
        if hosted::wants_consent(grant.status, grant.missing_scopes.as_deref()) {
            return Err(Stop::Ended);
        }
        return Err(Stop::Mended(show::called(&connection).to_owned()));
    }
    let integration = store.integration_by_id(&ctx, connection.integration_id).await?;
    Ok(Visit {
        ctx,
        token,
        path,
        may: May::Mend(reconnect),
        integration: integration.ok_or(Stop::Gone)?,
        subscriber: None,
        connection: Some(connection),
    })
}

/// A page instead of an error: who sees it can do nothing with JSON.
pub(super) fn answered(call: &Call, result: Result<Reply, Stop>) -> Result<Reply> {
    let (status, title, text) = match result {
        Ok(reply) => return Ok(reply),
        Err(Stop::Unknown) => (404, texts::FORGED_TITLE.to_owned(), texts::FORGED.to_owned()),
        Err(Stop::Ended) => (410, texts::ENDED_TITLE.to_owned(), texts::ENDED.to_owned()),
        Err(Stop::Gone) => (410, texts::ENDED_TITLE.to_owned(), texts::GONE.to_owned()),
        Err(Stop::Mended(workspace)) => (200, texts::mended_title(&workspace), texts::MENDED.to_owned()),
        Err(Stop::Form) => (403, texts::FAILED_TITLE.to_owned(), texts::STALE_FORM.to_owned()),
        Err(Stop::Failed(error)) if error.kind() == Kind::Internal => {
            let request_id = &call.ctx.request_id;
            tracing::error!(%request_id, error = error.for_the_log().unwrap_or_default(), "a page failed");
            (500, texts::FAILED_TITLE.to_owned(), texts::FAILED.to_owned())
        }
        Err(Stop::Failed(error)) => {
            let (status, _) = error.kind().status();
            (status, texts::FAILED_TITLE.to_owned(), error.message().to_owned())
        }
    };
    let content = told::html(&Told {
        success: status == 200,
        heading: title.clone(),
        text,
        facts: Vec::new(),
        next: String::new(),
    });
    Page {
        status,
        title,
        look: Look::default(),
        content,
    }
    .reply()
}
