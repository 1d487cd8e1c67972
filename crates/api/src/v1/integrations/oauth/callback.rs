//! `GET /v1/integrations/chat/oauth/callback`: where vendors send browsers back to. Anybody may call it; what counts is
//! the signed state. A browser is answered with a page, also when something went wrong.

use axum::http::header;
use campanile_connect::oauth::{self, Answer, Outcome, Page};
use campanile_model::error::Kind;
use campanile_model::{Error, Result};

use super::page;
use crate::call::{Call, Reply};
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
    let text = match (error.kind(), denial) {
        (Kind::Internal, _) => {
            format!("Something went wrong on our side. If it happens again, tell them {request_id}.")
        }
        (_, Some("access_denied")) => "The permission was not given, so nothing was connected.".to_owned(),
        (_, Some(_)) => "The permission could not be given, so nothing was connected.".to_owned(),
        (_, None) => error.message().to_owned(),
    };
    Page {
        success: false,
        heading: "This did not work".to_owned(),
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
    }
}
