//! `GET /v1/integrations/chat/oauth/callback`: where vendors send browsers back to. Anybody may call it; what counts is
//! the signed state. A browser is answered with a page, also when something went wrong.

use axum::http::header;
use campanile_connect::oauth::{self, Answer, Outcome, Page};
use campanile_model::error::Kind;
use campanile_model::{Error, Result};

use super::page;
use crate::call::{Call, Reply};
use crate::connect::sentence;
use crate::route::Route;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/integrations/chat/oauth/callback", "", "Take a customer back from their vendor", run,
    .public()
    .takes_query::<OAuthCallbackQuery>()
);

dto! {
    /// What a vendor sends along.
    OAuthCallbackQuery {
        optional code: String = "code";
        optional tenant: String = "tenant";
        optional admin_consent: String = "admin_consent";
        optional state: String = "state";
        optional error: String = "error";
        optional error_description: String = "error_description";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let refusal = match answer(&call).await {
        Ok(reply) => return Ok(reply),
        Err(error) => error,
    };
    if !wants_page(&call) {
        return Err(refusal);
    }
    if let Some(internal) = refusal.for_the_log() {
        tracing::error!(request_id = %call.ctx.request_id, error = internal, "a customer could not be taken back");
    }
    let (status, _) = refusal.kind().status();
    let denial = call.query.get("error").and_then(serde_json::Value::as_str);
    page::reply(status, &failure(&refusal, denial, &call.ctx.request_id))
}

async fn answer(call: &Call) -> Result<Reply> {
    let query: OAuthCallbackQuery = call.query()?;
    let answer = Answer {
        code: query.code,
        tenant: query.tenant,
        admin_consent: query.admin_consent,
        state: query.state,
        error: query.error,
        error_description: query.error_description,
    };
    if let Some(page) = oauth::way_back(call.app.connect(), &answer) {
        return page::redirect(&page);
    }
    match oauth::finish(call.app.connect(), &answer, &call.ctx.request_id).await? {
        Outcome::Page(page) => page::reply(200, &page),
        Outcome::Redirect(url) => page::redirect(&url),
    }
}

fn wants_page(call: &Call) -> bool {
    let accepted = call
        .headers
        .get(header::ACCEPT)
        .and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The page of a refusal. What the browser brought along is not repeated on it: anybody can make a link to here, and
/// the page should not say for them what they like.
fn failure(error: &Error, denial: Option<&str>, request_id: &str) -> Page {
    let message = error.message();
    let (heading, text) = match (error.kind(), denial) {
        (Kind::Internal, _) => (
            "This did not work",
            format!("Something went wrong on our side. If it happens again, tell those who run the app: {request_id}."),
        ),
        // Microsoft says it in words of its own when an administrator cancels.
        (_, Some("access_denied" | "permission_denied")) => (
            "Nothing was connected",
            "The permission was not given, so nothing was changed.".to_owned(),
        ),
        (_, Some(_)) => (
            "Nothing was connected",
            "The permission could not be given, so nothing was changed.".to_owned(),
        ),
        (_, None) => match message.strip_prefix(oauth::BAD_STATE) {
            Some(why) => (
                "This link does not work",
                format!("{}.", sentence(why.trim_end_matches('.'))),
            ),
            // What is missing has names that only programs know.
            None if message.starts_with("Missing ") => (
                "This link does not work",
                "A part of its address is missing.".to_owned(),
            ),
            None => ("This did not work", message.to_owned()),
        },
    };
    Page {
        success: false,
        heading: heading.to_owned(),
        text,
        facts: Vec::new(),
        next: "Go back to the app that you came from and start again. If that does not help, ask those who run it."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_does_not_say_what_a_link_wants_it_to() {
        let error = Error::bad_request("OAuth error: x - call +1 555 now");
        for denial in ["access_denied", "call +1 555 now"] {
            let page = failure(&error, Some(denial), "r1");
            assert!(!page.text.contains("555"), "{}", page.text);
        }
        assert!(failure(&Error::internal("canary"), None, "r1").text.contains("r1"));
        assert_eq!(failure(&Error::not_found("Gone: x"), None, "r1").text, "Gone: x");
        let old = Error::bad_request("Invalid OAuth state parameter: the link is older than 15 minutes");
        assert_eq!(failure(&old, None, "r1").text, "The link is older than 15 minutes.");
        let cut = Error::bad_request("Missing required OAuth parameter: state");
        assert_eq!(failure(&cut, None, "r1").text, "A part of its address is missing.");
    }
}
