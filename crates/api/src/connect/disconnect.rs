//! `GET /connect/{token}/disconnect` asks, `POST` does it. Endpoints stay and turn `broken`, and what
//! our own OAuth made is revoked at the vendor, as with the API.

use campanile_model::Result;
use campanile_providers::vendors::rotation::can_revoke;
use campanile_store::Batch;
use campanile_store::connections::lost_race;

use super::html::Html;
use super::page::{Page, see_other};
use super::texts::{self, Said};
use super::visit::{Stop, answered, visit};
use super::{form, show};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;
use crate::v1::channels::{TRIES, too_contended};

pub(super) const ASK: Route = route!(get "/connect/{token}/disconnect", "", "Ask before disconnecting", ask, .public());
pub(super) const DO: Route =
    route!(post "/connect/{token}/disconnect", "", "Disconnect", run, .public().takes_form().status(303));

async fn ask(call: Call) -> Result<Reply> {
    let result = question(&call).await;
    answered(&call, result)
}

async fn question(call: &Call) -> Result<Reply, Stop> {
    let visit = visit(call).await?;
    let (session, connection) = visit.connected()?;
    let vendor = texts::vendor(&connection.provider_id);
    let title = texts::disconnect_title(show::called(connection));
    let content = Html::new()
        .raw("<div>\n")
        .element("h1", &title)
        .element("p", texts::disconnect_text(vendor, visit.app(), session.shared))
        .raw("<div class=\"row\">")
        .add(&form::open(call.store().secrets(), &visit, "disconnect"))
        .raw("<button class=\"danger\">")
        .text(texts::DISCONNECT)
        .raw("</button></form>\n<a class=\"button\" href=\"")
        .text(&visit.path)
        .raw("\">")
        .text(texts::CANCEL)
        .raw("</a></div>\n</div>\n");
    let page = Page {
        status: 200,
        title,
        look: visit.look(),
        content,
    };
    Ok(page.reply()?)
}

async fn run(call: Call) -> Result<Reply> {
    let result = disconnect(&call).await;
    answered(&call, result)
}

async fn disconnect(call: &Call) -> Result<Reply, Stop> {
    form::check(call, "disconnect")?;
    for _ in 0..TRIES {
        let visit = visit(call).await?;
        if visit.session().is_none() {
            return Err(Stop::Gone);
        }
        let done = || Ok(see_other(&Said::Disconnected.page_of(&visit))?);
        // Clicking twice disconnects once.
        let Some(connection) = &visit.connection else {
            return done();
        };
        let mut batch = Batch::new();
        if connection.grant.is_ours() && can_revoke(&connection.grant.provider_id) {
            call.store().revoke_connection(&mut batch, &visit.ctx, connection)?;
        } else {
            call.store().delete_connection(&mut batch, &visit.ctx, connection);
        }
        call.store()
            .audit(&mut batch, &visit.ctx, "connection.delete", connection.id);
        match call.store().commit(batch).await {
            Ok(_) => return done(),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended().map_err(Stop::Failed)
}
