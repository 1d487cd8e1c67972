//! OAuth: a customer is sent to their vendor with a signed state, and comes back with a consent, which becomes a
//! connection, an endpoint, or both.
//!
//! Nothing is stored when a link is made but the contexts that it names. The state says everything else; it lives for
//! fifteen minutes and works once. Its use is recorded before the vendor is asked to exchange the code: of two browsers
//! that come with one state only one gets that far. A process that dies between the exchange and its own commit loses
//! the vendor's answer; the customer is told that the link was used, starts again, and consents a second time, for
//! which every vendor issues tokens anew. The other order would let one state bring two consents.

mod address;
mod context;
mod finish;
mod landing;
mod msteams;
mod place;
mod slack;
mod start;
mod state;
mod webex;

pub use context::GivenContext;
pub(crate) use context::check as check_context;
pub use finish::{Answer, Outcome, Page, finish, way_back};
pub use start::{Mode, StartConnect, StartLink, check, start, start_link};
pub use state::BAD_STATE;

use std::collections::BTreeSet;

/// What was asked for and not given. Where the vendor does not tell, nothing is missing.
fn missing(asked: &[String], given: Option<&[String]>) -> Vec<String> {
    let Some(given) = given else { return Vec::new() };
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    let asked = asked.iter().filter(|scope| !given.contains(scope.as_str()));
    asked.cloned().collect()
}
