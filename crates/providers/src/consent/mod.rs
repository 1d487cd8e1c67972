//! Consent: where a customer is sent to give it, and how a vendor's answer to it is read. Addresses and requests are
//! built, and answers read, by pure functions.

pub mod msteams;
pub mod slack;
pub mod telegram;
pub mod webex;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use crate::chat::BaseUrls;
use crate::transport::{Request, Secretish};

/// An app that asks for consent.
#[derive(Clone, Copy)]
pub struct App<'a> {
    /// The client id.
    pub client_id: &'a str,
    /// The client secret; no address carries it.
    pub secret: &'a str,
    /// Where the vendor sends the browser back to.
    pub redirect: &'a str,
}

/// What comes back with the browser, and what proves that the same server asked.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The app.
    pub app: App<'a>,
    /// The signed state.
    pub state: &'a str,
    /// The PKCE challenge (S256), where the vendor takes one.
    pub challenge: Option<&'a str>,
}

/// The PKCE challenge of a verifier: the SHA-256 hash, as RFC 7636 writes it.
pub fn challenge(verifier: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

/// `id` and `secret` as a client says them to a token endpoint: each percent-encoded first (RFC 6749 2.3.1).
fn basic(request: &mut Request, id: &str, secret: &str) {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    request.set_header("authorization", Secretish::Secret(format!("Basic {pair}")));
}

fn address(bases: &BaseUrls, id: &str, address: &str, query: &[(&str, &str)]) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|_| format!("{id} has no address for this"))?;
    let mut url = bases.of_vendor(id, &url);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn seconds(value: &Value, member: &str) -> Option<u64> {
    let member = value.get(member)?;
    // Some vendors write numbers as texts.
    member.as_u64().or_else(|| member.as_str()?.trim().parse().ok())
}

/// The answer without the members that are kept elsewhere.
fn rest(mut answer: Value, taken: &[&str]) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.retain(|name, _| !taken.contains(&name.as_str()));
    }
    answer
}

/// What a vendor's error code may look like where it is shown: a word.
fn code(text: &str) -> &str {
    let is_word = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if is_word { text } else { "unknown_error" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_specification() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn only_words_are_shown_as_codes() {
        assert_eq!(code("invalid_code"), "invalid_code");
        for text in ["", "<script>", "call +1 555", &"x".repeat(65)] {
            assert_eq!(code(text), "unknown_error");
        }
    }

    #[test]
    fn seconds_are_numbers_or_texts() {
        let answer = serde_json::json!({ "a": 5, "b": "6", "c": "x", "d": -1 });
        let read = |name| seconds(&answer, name);
        assert_eq!(
            (read("a"), read("b"), read("c"), read("d"), read("e")),
            (Some(5), Some(6), None, None, None)
        );
    }
}
