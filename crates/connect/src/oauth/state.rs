//! The state that goes to the vendor and comes back with the browser: everything that was decided when the link was
//! made, signed with a key of its own purpose.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Error, Id, Result, Time};
use campanile_store::secrets::random_hex;
use campanile_store::{Secrets, Store};
use serde::{Deserialize, Serialize};

const PURPOSE: &str = "oauth state";
const PKCE: &str = "oauth pkce";
/// How long a customer has for their consent.
const LIVES: Duration = Duration::from_mins(15);
/// Clocks of two nodes may differ by so much.
const SKEW: Duration = Duration::from_secs(30);

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Aim {
    /// A connection.
    Connect,
    /// An endpoint of the person who consents.
    LinkUser,
}

/// What was decided when the link was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    /// Makes each state another one, and is what its use is recorded by.
    pub(super) nonce: String,
    /// Milliseconds since 1970.
    pub(super) timestamp: i64,
    #[serde(with = "id")]
    pub(super) organization_id: Id,
    #[serde(with = "id")]
    pub(super) environment_id: Id,
    #[serde(with = "id")]
    pub(super) integration_id: Id,
    pub(super) provider_id: String,
    pub(super) mode: Aim,
    /// The requested identifier of the connection, or the one to link to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subscriber_id: Option<String>,
    /// The connection will be nobody's own, whoever makes it.
    #[serde(default)]
    pub(super) shared: bool,
    #[serde(default)]
    pub(super) context_keys: Vec<String>,
    #[serde(default)]
    pub(super) auto_link_user: bool,
    /// A subscriber session made it.
    #[serde(default)]
    pub(super) session: bool,
    /// What was asked for, when it is not what is asked for by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Vec<String>>,
    /// The connection that alone may come of it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "opt_id")]
    pub(super) reconnect: Option<Id>,
    /// The link to the hosted page that the customer comes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hosted: Option<String>,
    /// Where a person of Microsoft's signs in, when it is not at our user's own tenant: the tenant of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
}

impl State {
    /// A fresh one for this integration.
    pub(super) fn new(store: &Store, ctx: &Ctx, integration_id: Id, provider_id: &str, mode: Aim) -> Result<Self> {
        Ok(Self {
            nonce: random_hex(16)?,
            timestamp: store.now().millis(),
            organization_id: ctx.organization,
            environment_id: ctx.environment,
            integration_id,
            provider_id: provider_id.to_owned(),
            mode,
            identifier: None,
            subscriber_id: None,
            shared: false,
            context_keys: Vec::new(),
            auto_link_user: false,
            session: false,
            scope: None,
            reconnect: None,
            hosted: None,
            tenant: None,
        })
    }

    /// The state as it goes to the vendor.
    pub(super) fn sign(&self, secrets: &Secrets) -> Result<String> {
        let json = serde_json::to_string(self).map_err(Error::internal)?;
        let signature = secrets.lookup_hash(PURPOSE, &json);
        Ok(URL_SAFE_NO_PAD.encode(format!("{json}.{signature}")))
    }

    /// The state that came back; a 400 when it is not one of ours or past its time.
    pub(super) fn verify(secrets: &Secrets, text: &str, now: Time) -> Result<Self> {
        let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        // The payload may hold dots, the signature none.
        let parts = decoded.as_deref().and_then(|text| text.rsplit_once('.'));
        let Some((json, _)) = parts.filter(|(json, signature)| secrets.hash_matches(PURPOSE, json, signature)) else {
            return Err(invalid("it was not made by this server, or it was changed on its way"));
        };
        let state: Self = serde_json::from_str(json).map_err(|_| invalid("it is of another version of this server"))?;
        let made = Time::from_millis(state.timestamp);
        if made > now.plus(SKEW) {
            return Err(invalid("it was made in the future"));
        }
        if made.plus(LIVES) < now {
            return Err(invalid("the link is older than 15 minutes"));
        }
        Ok(state)
    }

    /// The PKCE verifier: whoever has the root key can make it again, so it is stored nowhere.
    pub(super) fn verifier(&self, secrets: &Secrets) -> String {
        secrets.lookup_hash(PKCE, &self.nonce)
    }

    /// What the link is for.
    pub(super) fn contexts(&self) -> ContextSet {
        ContextSet::new(self.context_keys.iter().cloned())
    }
}

/// What the refusal of a state begins with; the reason follows.
pub const BAD_STATE: &str = "Invalid OAuth state parameter: ";

/// The refusal of a state.
pub(super) fn invalid(why: &str) -> Error {
    Error::bad_request(format!("{BAD_STATE}{why}"))
}

mod id {
    use campanile_model::Id;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &Id, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("not an id"))
    }
}

mod opt_id {
    use campanile_model::Id;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
    pub(super) fn serialize<S: Serializer>(id: &Option<Id>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.collect_str(id),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom("not an id")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_769_860_800_000);

    fn secrets(root: u8) -> Secrets {
        Secrets::new(&[root; 32]).unwrap()
    }

    fn state() -> State {
        State {
            nonce: "n".to_owned(),
            timestamp: NOW.millis(),
            organization_id: Id::from_bytes([1; 12]),
            environment_id: Id::from_bytes([2; 12]),
            integration_id: Id::from_bytes([3; 12]),
            provider_id: "slack".to_owned(),
            mode: Aim::Connect,
            identifier: Some("a.b".to_owned()),
            subscriber_id: Some("ann@x.example".to_owned()),
            shared: false,
            context_keys: vec!["tenant:acme".to_owned()],
            auto_link_user: true,
            session: false,
            scope: None,
            reconnect: Some(Id::from_bytes([4; 12])),
            hosted: Some("a.b".to_owned()),
            tenant: None,
        }
    }

    fn refused(text: &str, now: Time) -> String {
        let error = State::verify(&secrets(7), text, now).unwrap_err();
        assert_eq!(error.kind(), campanile_model::error::Kind::BadRequest);
        error.message().to_owned()
    }

    #[test]
    fn what_was_signed_comes_back() {
        let text = state().sign(&secrets(7)).unwrap();
        assert_eq!(State::verify(&secrets(7), &text, NOW).unwrap(), state());
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
    }

    #[test]
    fn a_forged_state_is_refused() {
        let text = state().sign(&secrets(7)).unwrap();
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(&text).unwrap()).unwrap();
        let changed = URL_SAFE_NO_PAD.encode(plain.replace("ann@", "bob@"));
        let other_server = state().sign(&secrets(8)).unwrap();
        let (json, signature) = plain.rsplit_once('.').unwrap();
        // The same key, for another purpose.
        let other_purpose = format!("{json}.{}", secrets(7).lookup_hash("api key", json));
        let unsigned = format!("{json}.");
        let truncated = format!("{json}.{}", &signature[..62]);
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for forged in [
            changed.as_str(),
            &other_server,
            &encoded(&other_purpose),
            &encoded(&unsigned),
            &encoded(&truncated),
            "",
            "!",
            "e30",
            &text[1..],
        ] {
            assert!(refused(forged, NOW).contains("not made by this server"), "{forged}");
        }
    }

    #[test]
    fn a_state_lives_for_fifteen_minutes() {
        let text = state().sign(&secrets(7)).unwrap();
        let at = |millis: i64| Time::from_millis(NOW.millis() + millis);
        assert!(State::verify(&secrets(7), &text, at(900_000)).is_ok());
        assert!(refused(&text, at(900_001)).contains("older than 15 minutes"));
        assert!(State::verify(&secrets(7), &text, at(-30_000)).is_ok());
        assert!(refused(&text, at(-30_001)).contains("in the future"));
        let never = State {
            timestamp: i64::MAX,
            ..state()
        };
        assert!(refused(&never.sign(&secrets(7)).unwrap(), NOW).contains("in the future"));
    }

    #[test]
    fn a_verifier_is_one_that_rfc_7636_allows() {
        let verifier = state().verifier(&secrets(7));
        assert!((43..=128).contains(&verifier.len()) && verifier.bytes().all(|b| b.is_ascii_alphanumeric()));
        let other = State {
            nonce: "m".to_owned(),
            ..state()
        };
        assert_ne!(other.verifier(&secrets(7)), verifier);
    }
}
