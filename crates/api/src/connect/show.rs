//! `GET /connect/{token}`: the page.

use campanile_connect::hosted::{self, Pick};
use campanile_model::Result;
use campanile_model::channel::HealthStatus;
use campanile_store::Store;
use campanile_store::connections::Connection;
use serde_json::Value;

use super::html::Html;
use super::page::Page;
use super::texts::{self, Said, Words};
use super::visit::{Stop, Visit, answered, visit};
use super::{chosen, form, picker};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(super) const ROUTE: Route = route!(get "/connect/{token}", "", "The hosted connect page", run, .public());

async fn run(call: Call) -> Result<Reply> {
    let result = show(&call).await;
    answered(&call, result)
}

async fn show(call: &Call) -> Result<Reply, Stop> {
    let visit = visit(call).await?;
    let said = call.query.get("said").and_then(Value::as_str).and_then(Said::parse);
    let content = match &visit.connection {
        None => Html::new()
            .maybe(notice(said).as_ref())
            .add(&invitation(call.store(), &visit)),
        Some(connection) => connected(call, &visit, connection, said).await?,
    };
    let vendor = texts::vendor(&visit.integration.provider_id);
    let title = match &visit.connection {
        None => texts::connect_title(vendor),
        Some(connection) => called(connection).to_owned(),
    };
    let page = Page {
        status: 200,
        title,
        look: visit.look(),
        content,
    };
    Ok(page.reply()?)
}

/// What people call the workspace. An id is nothing that they would know it by: without a name it is the vendor's.
pub(super) fn called(connection: &Connection) -> &str {
    let name = connection.workspace.name.as_deref();
    name.unwrap_or(texts::vendor(&connection.provider_id).name)
}

/// What has just been done.
fn notice(said: Option<Said>) -> Option<Html> {
    let said = said?;
    let start = if said.is_bad() {
        "<p class=\"notice bad\" role=\"alert\">"
    } else {
        "<p class=\"notice\" role=\"status\">"
    };
    Some(Html::new().raw(start).text(said.text()).raw("</p>\n"))
}

/// Nothing is connected yet.
fn invitation(store: &Store, visit: &Visit) -> Html {
    let vendor = texts::vendor(&visit.integration.provider_id);
    Html::new()
        .raw("<div>\n")
        .element("h1", texts::connect_title(vendor))
        .element("p", texts::connect_text(visit.app(), vendor))
        .add(&form::open(store.secrets(), visit, "start"))
        .raw("<button class=\"main\">")
        .text(texts::connect_button(vendor))
        .raw("</button></form>\n</div>\n")
}

async fn connected(call: &Call, visit: &Visit, connection: &Connection, said: Option<Said>) -> Result<Html, Stop> {
    let store = call.store();
    let mut content = Html::new()
        .maybe(notice(said).as_ref())
        .add(&standing(store, visit, connection));
    let Some(session) = visit.session() else {
        return Ok(content);
    };
    if session.pick != Pick::None && visit.subscriber.is_some() {
        let places = chosen::places(call, visit).await?;
        let picked = picker::section(call, visit, session, connection, &places).await?;
        let chosen = chosen::section(call, visit, &places, &picked.names);
        content = content.add(&chosen).maybe(picked.html.as_ref());
    } else if visit.subscriber.is_some() {
        let places = chosen::places(call, visit).await?;
        content = content.add(&chosen::section(call, visit, &places, &[]));
    }
    Ok(content.add(&ending(visit, connection)))
}

/// The workspace, how it stands, and the way to mend it.
fn standing(store: &Store, visit: &Visit, connection: &Connection) -> Html {
    let grant = &connection.grant;
    let vendor = texts::vendor(&connection.provider_id);
    let missing = grant.missing_scopes.as_deref().unwrap_or_default();
    let Words { state, meaning } = texts::health(vendor, grant.status, missing, grant.expires_at);
    let class = match grant.status {
        HealthStatus::Active => "<p class=\"state good\">",
        HealthStatus::Expiring | HealthStatus::Degraded => "<p class=\"state warn\">",
        HealthStatus::NeedsReauth | HealthStatus::Revoked | HealthStatus::Broken => "<p class=\"state bad\">",
    };
    let reason = grant
        .reason
        .as_deref()
        .filter(|_| grant.status != HealthStatus::Active)
        .map(|reason| {
            Html::new()
                .raw("<p class=\"quiet\">")
                .text(texts::reason(reason))
                .raw("</p>\n")
        });
    let urgent = hosted::wants_consent(grant.status, grant.missing_scopes.as_deref());
    let workspace = &connection.workspace;
    let above = match &workspace.name {
        Some(_) => vendor.name.to_owned(),
        None => texts::unnamed(vendor, &workspace.id),
    };
    Html::new()
        .raw("<div>\n<p class=\"quiet\">")
        .text(above)
        .raw("</p>\n")
        .element("h1", called(connection))
        .raw(class)
        .text(state)
        .raw("</p>\n")
        .element("p", meaning)
        .maybe(reason.as_ref())
        .add(&form::open(store.secrets(), visit, "start"))
        .raw(if urgent { "<button class=\"main\">" } else { "<button>" })
        .text(texts::reconnect_button(vendor))
        .raw("</button></form>\n</div>\n")
}

/// The ways to leave.
fn ending(visit: &Visit, connection: &Connection) -> Html {
    let session = visit.session();
    let works = !hosted::wants_consent(connection.grant.status, connection.grant.missing_scopes.as_deref());
    let back = session
        .and_then(|session| session.back_to.as_deref())
        .filter(|_| works)
        .map(|address| {
            Html::new()
                .raw("<a class=\"button\" href=\"")
                .text(address)
                .raw("\">")
                .text(texts::back_to(visit.app()))
                .raw("</a>\n")
        });
    Html::new()
        .raw("<section class=\"row\">\n")
        .maybe(back.as_ref())
        .raw("<a class=\"button danger\" href=\"")
        .text(&visit.path)
        .raw("/disconnect\">")
        .text(texts::DISCONNECT)
        .raw("</a>\n</section>\n")
}
