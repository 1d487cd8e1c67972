//! The tokens of a connection as callers give them.

use campanile_model::{Error, Result, Time};
use campanile_store::Store;
use campanile_store::connections::Workspace;
use campanile_store::grants::Tokens;
use campanile_store::grants::rotation::rotates;
use campanile_store::integrations::Integration;

use super::mask::is_mask;
use crate::dto;
use crate::v1::channels::given;

dto! {
    /// What the vendor issued.
    ConnectionAuth {
        required access_token: String = "accessToken";
        /// For vendors that rotate tokens: Slack and Webex.
        optional refresh_token: String = "refreshToken";
        /// When the access token ends; at once when there is a refresh token and nothing is said.
        optional expires_at: String = "expiresAt";
        optional refresh_token_expires_at: String = "refreshTokenExpiresAt";
    }
}

dto! {
    /// The vendor's workspace, tenant or organisation.
    ConnectionWorkspace {
        required id: String = "id";
        optional name: String = "name";
    }
}

impl ConnectionWorkspace {
    pub(super) fn stored(self) -> Workspace {
        Workspace {
            id: self.id,
            name: self.name,
        }
    }
}

impl ConnectionAuth {
    /// The tokens to store, or a 400 when one of them is a mask that an earlier answer showed.
    pub(super) fn tokens(self, now: Time) -> Result<Tokens> {
        let refresh_token = given(self.refresh_token);
        for (name, token) in [
            ("accessToken", Some(&self.access_token)),
            ("refreshToken", refresh_token.as_ref()),
        ] {
            if token.is_some_and(|token| is_mask(token)) {
                return Err(Error::bad_request(format!(
                    "auth.{name} is a mask, not a token: send the token itself. Nothing was changed."
                )));
            }
        }
        let expires_at = given(self.expires_at).or_else(|| refresh_token.as_ref().map(|_| now.to_string()));
        Ok(Tokens {
            access_token: self.access_token,
            refresh_token,
            expires_at,
            refresh_token_expires_at: given(self.refresh_token_expires_at),
        })
    }
}

/// Refuses a refresh token that could never be used (channels.md 1.1.2, step 3).
pub(super) fn check_rotation(store: &Store, tokens: &Tokens, integration: &Integration) -> Result<()> {
    if tokens.refresh_token.is_none() {
        return Ok(());
    }
    let provider = integration.provider_id.as_str();
    if !rotates(provider) {
        return Err(Error::bad_request(format!(
            "Token rotation is not supported for provider \"{provider}\". Remove refreshToken from the connection auth."
        )));
    }
    // The client of the demo app is not the integration's own.
    if provider == "novu-slack" {
        return Ok(());
    }
    let credentials = store.open_credentials(integration)?;
    let filled = |key: &str| {
        credentials
            .get(key)
            .and_then(serde_json::Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    if filled("clientId") && filled("secretKey") {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "Integration \"{}\" must have clientId and secretKey configured to store a rotating refresh token.",
        integration.identifier
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(access: &str, refresh: Option<&str>, expires_at: Option<&str>) -> ConnectionAuth {
        ConnectionAuth {
            access_token: access.to_owned(),
            refresh_token: refresh.map(str::to_owned),
            expires_at: expires_at.map(str::to_owned),
            refresh_token_expires_at: None,
        }
    }

    #[test]
    fn a_refresh_token_without_an_end_is_due_at_once() {
        let now = Time::from_millis(1_769_860_800_000);
        let table = [
            (None, None, None),
            (Some("r"), None, Some("2026-01-31T12:00:00.000Z")),
            (Some("r"), Some(""), Some("2026-01-31T12:00:00.000Z")),
            (Some("r"), Some("later"), Some("later")),
            (Some(""), None, None),
            (None, Some("later"), Some("later")),
        ];
        for (refresh, expires_at, expected) in table {
            let tokens = auth("a", refresh, expires_at).tokens(now).unwrap();
            assert_eq!(tokens.expires_at.as_deref(), expected, "{refresh:?} {expires_at:?}");
        }
    }

    #[test]
    fn masks_are_not_taken_for_tokens() {
        let now = Time::default();
        assert!(auth("xoxb-********", None, None).tokens(now).is_err());
        assert!(auth("a", Some("********"), None).tokens(now).is_err());
        assert!(auth("a", None, None).tokens(now).is_ok());
    }
}
