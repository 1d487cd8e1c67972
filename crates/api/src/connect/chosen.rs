//! The endpoints of the visitor on this connection: how each stands, and what can be done with it.

use campanile_model::channel::HealthStatus;
use campanile_store::connections::Connection;
use campanile_store::endpoints::{Endpoint, EndpointFilter};
use campanile_store::page::Cursor;
use serde_json::Value;

use super::html::Html;
use super::names::{self, Name};
use super::visit::{Stop, Visit};
use super::{form, texts};
use crate::call::Call;

/// More endpoints than this are not shown: nobody chooses that many by hand.
const MOST: u32 = 100;

/// The visitor's own endpoints on the connection of the link: those of others are out of its reach.
pub(super) async fn endpoints(call: &Call, visit: &Visit) -> Result<Vec<Endpoint>, Stop> {
    let (session, connection) = visit.connected()?;
    let Some(subscriber) = &visit.subscriber else {
        return Ok(Vec::new());
    };
    let filter = EndpointFilter {
        subscriber: Some(subscriber.id),
        connection_identifier: Some(connection.identifier.clone()),
        contexts: Some(session.context_set().stored()),
        ..EndpointFilter::default()
    };
    let page = call
        .store()
        .list_endpoints(&visit.ctx, &filter, &Cursor::first(MOST))
        .await?;
    let mut rows = page.rows;
    rows.retain(|endpoint| endpoint.connection_id == Some(connection.id));
    Ok(rows)
}

/// The same with their addresses.
pub(super) async fn places(call: &Call, visit: &Visit) -> Result<Vec<(Endpoint, Value)>, Stop> {
    let endpoints = endpoints(call, visit).await?.into_iter();
    let opened = endpoints.map(|endpoint| call.store().open_address(&endpoint).map(|address| (endpoint, address)));
    Ok(opened.collect::<Result<_, _>>()?)
}

/// The list of them.
pub(super) fn section(call: &Call, visit: &Visit, places: &[(Endpoint, Value)], names: &[Name]) -> Html {
    let mut html = Html::new()
        .raw("<section aria-labelledby=\"chosen\">\n<h2 id=\"chosen\">")
        .text(texts::DESTINATIONS)
        .raw("</h2>\n");
    if places.is_empty() {
        return html.element("p", texts::NO_CHOICES_YET).raw("</section>\n");
    }
    html = html.raw("<ul class=\"chosen\">\n");
    for (endpoint, address) in places {
        html = html.add(&item(call, visit, endpoint, &name(address, names)));
    }
    html.raw("</ul>\n</section>\n")
}

/// What the vendor's list calls it, or else its id.
fn name(address: &Value, names: &[Name]) -> String {
    if let Some((_, name)) = names.iter().find(|(known, _)| names::same(known, address)) {
        return name.clone();
    }
    let texts = address
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_str());
    texts.collect::<Vec<_>>().join(" / ")
}

fn item(call: &Call, visit: &Visit, endpoint: &Endpoint, name: &str) -> Html {
    let secrets = call.store().secrets();
    let works = endpoint.status == HealthStatus::Active;
    let trouble = endpoint.reason.as_deref().filter(|_| !works).map(|reason| {
        Html::new()
            .raw("<p class=\"state bad\">")
            .text(texts::reason(reason))
            .raw("</p>\n")
    });
    // Nothing can be sent with a grant that its customer has to mend first.
    let dead = |connection: &Connection| {
        matches!(
            connection.grant.status,
            HealthStatus::NeedsReauth | HealthStatus::Revoked
        )
    };
    let reachable = !visit.connection.as_ref().is_some_and(dead);
    let button = |action: &'static str, text: &str| {
        form::open(secrets, visit, action)
            .raw("<input type=\"hidden\" name=\"endpoint\" value=\"")
            .text(&endpoint.identifier)
            .raw("\"><button aria-label=\"")
            .text(texts::action_on(text, name))
            .raw("\">")
            .text(text)
            .raw("</button></form>\n")
    };
    Html::new()
        .raw("<li><span class=\"name\">")
        .text(name)
        .raw("</span>\n")
        .maybe(trouble.as_ref())
        .raw("<div class=\"row\">")
        .maybe(reachable.then(|| button("test", texts::TEST)).as_ref())
        .add(&button("remove", texts::REMOVE))
        .raw("</div></li>\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_without_a_name_shows_its_id() {
        let names = [(json!({ "channelId": "C1" }), "#general".to_owned())];
        assert_eq!(name(&json!({ "channelId": "C1" }), &names), "#general");
        assert_eq!(name(&json!({ "channelId": "C2" }), &names), "C2");
        assert_eq!(name(&json!({ "teamId": "T", "channelId": "C" }), &names), "T / C");
    }
}
