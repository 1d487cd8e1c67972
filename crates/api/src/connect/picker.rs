//! The list to choose from: searchable, page by page, and with what cannot be chosen and why. A choice is signed, so
//! that nothing can be chosen that was not offered.

use campanile_connect::destinations::{self, Destination, Kind, Query};
use campanile_connect::hosted::{Pick, Session};
use campanile_model::channel::HealthStatus;
use campanile_store::Secrets;
use campanile_store::connections::Connection;
use campanile_store::endpoints::Endpoint;
use serde_json::{Value, json};

use super::html::Html;
use super::names::{self, Name};
use super::texts::Vendor;
use super::visit::{Stop, Visit};
use super::{form, texts};
use crate::call::Call;

const PURPOSE: &str = "connect page choice";
const PAGE: usize = 20;

/// The section, and the names of all places that are known.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) html: Option<Html>,
    pub(super) names: Vec<Name>,
}

/// What the visitor looks for.
struct Search<'a> {
    text: &'a str,
    after: Option<&'a str>,
    team: Option<&'a str>,
}

/// The section, where the connection can be asked for its places.
pub(super) async fn section(
    call: &Call,
    visit: &Visit,
    session: &Session,
    connection: &Connection,
    chosen: &[(Endpoint, Value)],
) -> Result<Picked, Stop> {
    if matches!(
        connection.grant.status,
        HealthStatus::NeedsReauth | HealthStatus::Revoked
    ) {
        return Ok(Picked::default());
    }
    let asked = |name: &str| {
        let text = call.query.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(text).filter(|text| !text.is_empty())
    };
    let search = Search {
        text: asked("q").unwrap_or_default(),
        after: asked("after"),
        team: asked("team"),
    };
    let vendor = texts::vendor(&connection.provider_id);
    let wanted = match session.pick {
        Pick::User => Kind::User,
        Pick::Channel | Pick::None => Kind::Channel,
    };
    // Some things are found only within a team: that is chosen first.
    let kind = if search.team.is_none() && destinations::within_team(connection, wanted) {
        Kind::Team
    } else {
        wanted
    };
    let names = names::of(call, visit, connection, wanted, chosen).await;
    let form = head(session.pick, vendor).add(&search_form(call, visit, connection, kind, &search).await);
    let letters = destinations::letters_wanted(connection, kind);
    if let Some(letters) = letters.filter(|letters| search.text.trim().chars().count() < *letters) {
        let html = form
            .raw("<p class=\"quiet after\">")
            .text(texts::type_a_name(letters))
            .raw("</p>\n</section>\n");
        return Ok(Picked {
            html: Some(html),
            names,
        });
    }
    let query = Query {
        kind,
        query: Some(search.text.to_owned()).filter(|text| !text.is_empty()),
        after: search.after.map(str::to_owned),
        limit: PAGE,
        parent: search.team.map(str::to_owned),
        refresh: false,
    };
    let connect = call.app.connect();
    let page = match destinations::list(connect, &visit.ctx, connection, query).await {
        Ok(page) => page,
        // The rest of the page is of use without the list.
        Err(error) => {
            let html = form
                .raw("<p class=\"after\">")
                .text(texts::cannot_list(vendor))
                .raw("</p>\n");
            let html = html.raw("<p class=\"quiet\">").text(texts::reason(error.message()));
            return Ok(Picked {
                html: Some(html.raw("</p>\n</section>\n")),
                names,
            });
        }
    };
    let mut html = form;
    if page.data.is_empty() {
        html = html.raw("<p class=\"after\">").text(texts::NOTHING_FOUND).raw("</p>\n");
    } else {
        html = html.raw("<ul class=\"choices\">\n");
        for one in &page.data {
            let place = one.endpoint.as_ref().map(|place| &place.endpoint);
            let is_chosen = place.is_some_and(|place| chosen.iter().any(|(_, address)| names::same(address, place)));
            html = html.add(&choice(call.store().secrets(), visit, one, is_chosen));
        }
        html = html.raw("</ul>\n");
    }
    if let Some(next) = &page.next {
        let more = link(
            visit,
            &Search {
                after: Some(next),
                ..search
            },
        );
        html = html
            .raw("<p class=\"after\">")
            .add(&more)
            .text(texts::MORE)
            .raw("</a></p>\n");
    }
    let explanation = page.explanation.as_deref();
    if let Some(text) = explanation.or((!page.complete).then(texts::list_is_not_complete)) {
        html = html.raw("<p class=\"quiet after\">").text(text).raw("</p>\n");
    }
    Ok(Picked {
        html: Some(html.raw("</section>\n")),
        names,
    })
}

fn head(pick: Pick, vendor: Vendor) -> Html {
    Html::new()
        .raw("<section aria-labelledby=\"choose\" id=\"picker\">\n<h2 id=\"choose\">")
        .text(texts::choose(pick, vendor))
        .raw("</h2>\n")
}

async fn search_form(call: &Call, visit: &Visit, connection: &Connection, kind: Kind, search: &Search<'_>) -> Html {
    let vendor = texts::vendor(&connection.provider_id);
    let hidden = search.team.map(|team| {
        Html::new()
            .raw("<input type=\"hidden\" name=\"team\" value=\"")
            .text(team)
            .raw("\">")
    });
    let everything = Search {
        text: "",
        after: None,
        team: search.team,
    };
    let all = (!search.text.is_empty()).then(|| {
        let link = link(visit, &everything);
        Html::new()
            .raw("<p class=\"after\">")
            .add(&link)
            .text(texts::SHOW_ALL)
            .raw("</a></p>\n")
    });
    let hint = match search.team {
        Some(team) => Some(within(call, visit, connection, team).await),
        None if kind == Kind::Team => Some(Html::new().element("p", texts::choose_team(vendor))),
        None => None,
    };
    Html::new()
        .maybe(hint.as_ref())
        .raw("<form method=\"get\" role=\"search\" action=\"")
        .text(&visit.path)
        .raw("#picker\"><label for=\"q\">")
        .text(texts::search_label(kind, vendor))
        .raw("</label><div class=\"row\"><input id=\"q\" name=\"q\" type=\"search\" autocomplete=\"off\" value=\"")
        .text(search.text)
        .raw("\">")
        .maybe(hidden.as_ref())
        .raw("<button>")
        .text(texts::SEARCH)
        .raw("</button></div></form>\n")
        .maybe(all.as_ref())
}

/// The team that was chosen, and the way to another one.
async fn within(call: &Call, visit: &Visit, connection: &Connection, team: &str) -> Html {
    let name = names::team(call, visit, connection, team).await;
    let teams = Search {
        text: "",
        after: None,
        team: None,
    };
    Html::new()
        .raw("<p>")
        .text(name.map(|name| texts::within(&name)).unwrap_or_default())
        .raw(" ")
        .add(&link(visit, &teams))
        .text(texts::other_team(texts::vendor(&connection.provider_id)))
        .raw("</a></p>\n")
}

/// The beginning of a link to this page with another search.
fn link(visit: &Visit, search: &Search<'_>) -> Html {
    let mut html = Html::new().raw("<a href=\"").text(&visit.path).raw("?");
    for (name, value) in [("q", Some(search.text)), ("after", search.after), ("team", search.team)] {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            continue;
        };
        html = html.raw(name).raw("=").text(encoded(value)).raw("&amp;");
    }
    html.raw("#picker\">")
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn choice(secrets: &Secrets, visit: &Visit, one: &Destination, is_chosen: bool) -> Html {
    let html = Html::new().raw("<li>");
    let label = names::label(one);
    if one.kind == Kind::Team {
        let team = Search {
            text: "",
            after: None,
            team: Some(&one.id),
        };
        return html.add(&link(visit, &team)).text(label).raw("</a></li>\n");
    }
    match one.endpoint.as_ref().filter(|_| one.selectable && !is_chosen) {
        Some(place) => {
            let offered = json!([place.kind, place.endpoint]).to_string();
            html.add(&form::open(secrets, visit, "pick"))
                .raw("<input type=\"hidden\" name=\"place\" value=\"")
                .text(&offered)
                .raw("\"><input type=\"hidden\" name=\"proof\" value=\"")
                .text(secrets.lookup_hash(PURPOSE, &format!("{} {offered}", visit.token)))
                .raw("\"><button>")
                .text(label)
                .raw("</button></form></li>\n")
        }
        None => html
            .raw("<span class=\"off\"><span>")
            .text(label)
            .raw("</span><span>")
            .text(if is_chosen {
                texts::CHOSEN
            } else {
                one.reason.as_deref().unwrap_or_default()
            })
            .raw("</span></span></li>\n"),
    }
}

/// The type and address of a choice, when this page offered it to this visitor.
pub(super) fn offered(secrets: &Secrets, token: &str, form: &Value) -> Option<(String, Value)> {
    let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
    if !secrets.hash_matches(PURPOSE, &format!("{token} {}", field("place")), field("proof")) {
        return None;
    }
    serde_json::from_str(field("place")).ok()
}
