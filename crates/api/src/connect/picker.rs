//! The list to choose from: searchable, page by page, and with what cannot be chosen and why. A choice is signed, so
//! that nothing can be chosen that was not offered.

use campanile_connect::destinations::{self, Destination, Kind, Query};
use campanile_connect::hosted::{Pick, Session, wants_consent};
use campanile_store::Secrets;
use campanile_store::connections::Connection;
use serde_json::{Value, json};

use super::chosen::Name;
use super::html::Html;
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
) -> Result<Picked, Stop> {
    let status = connection.grant.status;
    let broken = wants_consent(status, None) && status != campanile_model::channel::HealthStatus::Expiring;
    if broken {
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
    let kind = kind(session.pick, &connection.provider_id, search.team);
    let query = Query {
        kind,
        query: Some(search.text.to_owned()).filter(|text| !text.is_empty()),
        after: search.after.map(str::to_owned),
        limit: PAGE,
        parent: search.team.map(str::to_owned),
        refresh: false,
    };
    let connect = call.app.connect();
    let listed = destinations::list(connect, &visit.ctx, connection, query.clone()).await;
    let Ok(page) = listed else {
        // The rest of the page is of use without the list.
        let vendor = texts::vendor(&connection.provider_id);
        let html = head(session.pick)
            .element("p", texts::cannot_list(vendor))
            .raw("</section>\n");
        return Ok(Picked {
            html: Some(html),
            names: Vec::new(),
        });
    };
    let names = if page.complete && kind != Kind::Team {
        let everything = Query {
            query: None,
            after: None,
            limit: usize::MAX,
            ..query
        };
        let all = destinations::list(connect, &visit.ctx, connection, everything).await;
        all.map(|all| all.data.iter().filter_map(name).collect())
            .unwrap_or_default()
    } else {
        Vec::new()
    };
    let mut html = head(session.pick).add(&search_form(visit, session.pick, kind, &search));
    if page.data.is_empty() {
        html = html.raw("<p class=\"after\">").text(texts::NOTHING_FOUND).raw("</p>\n");
    } else {
        html = html.raw("<ul class=\"choices\">\n");
        for one in &page.data {
            html = html.add(&choice(call.store().secrets(), visit, one));
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

/// What is listed: in Teams a channel is chosen within a team.
fn kind(pick: Pick, provider_id: &str, team: Option<&str>) -> Kind {
    match pick {
        Pick::User => Kind::User,
        Pick::Channel | Pick::None if provider_id == "msteams" && team.is_none() => Kind::Team,
        Pick::Channel | Pick::None => Kind::Channel,
    }
}

fn name(destination: &Destination) -> Option<Name> {
    let place = destination.endpoint.as_ref()?;
    Some((place.endpoint.clone(), label(destination)))
}

/// As the vendor's own application writes it.
fn label(destination: &Destination) -> String {
    let is_slack_channel = destination
        .endpoint
        .as_ref()
        .is_some_and(|place| place.kind == "slack_channel");
    if is_slack_channel && !destination.name.starts_with('#') {
        format!("#{}", destination.name)
    } else {
        destination.name.clone()
    }
}

fn head(pick: Pick) -> Html {
    Html::new()
        .raw("<section aria-labelledby=\"choose\" id=\"picker\">\n<h2 id=\"choose\">")
        .text(texts::choose(pick))
        .raw("</h2>\n")
}

fn search_form(visit: &Visit, pick: Pick, kind: Kind, search: &Search<'_>) -> Html {
    let team = search.team.map(|team| {
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
    let teams = search.team.map(|_| {
        let link = link(
            visit,
            &Search {
                team: None,
                ..everything
            },
        );
        Html::new()
            .raw("<p class=\"after\">")
            .add(&link)
            .text(texts::OTHER_TEAM)
            .raw("</a></p>\n")
    });
    let hint = (kind == Kind::Team).then(|| Html::new().element("p", texts::CHOOSE_TEAM));
    Html::new()
        .maybe(hint.as_ref())
        .raw("<form method=\"get\" role=\"search\" action=\"")
        .text(&visit.path)
        .raw("#picker\"><label for=\"q\">")
        .text(texts::search_label(pick))
        .raw("</label><div class=\"row\"><input id=\"q\" name=\"q\" type=\"search\" autocomplete=\"off\" value=\"")
        .text(search.text)
        .raw("\">")
        .maybe(team.as_ref())
        .raw("<button>")
        .text(texts::SEARCH)
        .raw("</button></div></form>\n")
        .maybe(all.as_ref())
        .maybe(teams.as_ref())
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

fn choice(secrets: &Secrets, visit: &Visit, one: &Destination) -> Html {
    let html = Html::new().raw("<li>");
    let label = label(one);
    if one.kind == Kind::Team {
        let team = Search {
            text: "",
            after: None,
            team: Some(&one.id),
        };
        return html.add(&link(visit, &team)).text(label).raw("</a></li>\n");
    }
    match one.endpoint.as_ref().filter(|_| one.selectable) {
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
            .text(one.reason.as_deref().unwrap_or_default())
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
