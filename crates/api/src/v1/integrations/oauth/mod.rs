//! Consent: links that lead a customer to their vendor, and the way back (channels.md 1.3 and 4).

pub(crate) mod callback;
pub(crate) mod chat;
pub(crate) mod connect;
pub(crate) mod link_user;
mod page;
pub(crate) mod telegram;

use campanile_connect::oauth::GivenContext;
use serde_json::Value;
use url::Url;

use crate::call::Call;
use crate::v1::channels::{Contexts, given};
use crate::view;

view! {
    /// Where to send the customer.
    OAuthUrlResponse {
        url: String = "url";
    }
}

impl OAuthUrlResponse {
    pub(crate) fn of(url: Url) -> Self {
        Self { url: url.into() }
    }
}

/// The contexts of a request, with what its `contextHash` is made of.
pub(crate) fn context(call: &Call, contexts: Option<Contexts>, hash: Option<String>) -> GivenContext {
    let body: Option<Value> = serde_json::from_slice(&call.body).ok();
    let payload = body.and_then(|mut body| body.get_mut("context").map(Value::take));
    GivenContext {
        contexts: contexts.unwrap_or_default().0,
        payload: payload.filter(Value::is_object),
        hash: given(hash),
        verified: false,
    }
}
