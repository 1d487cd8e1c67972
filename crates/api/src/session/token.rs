//! The token of an inbox session: a JWT signed with HS256, with Novu's claims and a few of ours. Clients never read it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use serde::{Deserialize, Serialize};

/// `{"alg":"HS256","typ":"JWT"}`: what is signed otherwise is not ours.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const ISSUER: &str = "novu_api";
const AUDIENCE: &str = "widget_user";
/// Longer tokens are not looked at: five contexts and a long name fit.
const LONGEST: usize = 16 * 1024;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claims {
    /// The subscriber by our id.
    #[serde(rename = "_id")]
    pub(crate) id: String,
    /// The subscriber by the caller's id.
    pub(crate) subscriber_id: String,
    pub(crate) organization_id: String,
    pub(crate) environment_id: String,
    pub(crate) context_keys: Vec<String>,
    /// Whether an HMAC has shown that the caller's own server vouches for the subscriber.
    pub(crate) verified: bool,
    /// The same for the contexts.
    pub(crate) context_verified: bool,
    /// How often the subscriber's sessions had been ended when this one began.
    pub(crate) epoch: i64,
    /// Who the subscriber is, told only to whom the caller's server vouches for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) email: Option<String>,
    /// In seconds since 1970.
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(flatten)]
    claims: Claims,
    iss: String,
    aud: String,
}

/// The token with these claims.
pub(crate) fn sign(key: &hmac::Key, claims: &Claims) -> serde_json::Result<String> {
    let signed = Signed {
        claims: claims.clone(),
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
    };
    let body = format!("{HEADER}.{}", BASE64.encode(serde_json::to_vec(&signed)?));
    let signature = hmac::sign(key, body.as_bytes());
    Ok(format!("{body}.{}", BASE64.encode(signature)))
}

/// The claims of a token that this key signed; whether it has ended is not looked at.
pub(crate) fn read(key: &hmac::Key, token: &str) -> Option<Claims> {
    if token.len() > LONGEST {
        return None;
    }
    let (body, signature) = token.rsplit_once('.')?;
    let signature = BASE64.decode(signature).ok()?;
    hmac::verify(key, body.as_bytes(), &signature).ok()?;
    let (header, claims) = body.split_once('.')?;
    if header != HEADER {
        return None;
    }
    let signed: Signed = serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?;
    (signed.iss == ISSUER && signed.aud == AUDIENCE).then_some(signed.claims)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(text: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
    }

    fn claims() -> Claims {
        Claims {
            id: "6615943e7ace93b0540ae377".to_owned(),
            subscriber_id: "ann".to_owned(),
            organization_id: "6615943e7ace93b0540ae378".to_owned(),
            environment_id: "6615943e7ace93b0540ae379".to_owned(),
            context_keys: vec!["tenant:acme".to_owned()],
            verified: true,
            context_verified: false,
            epoch: 3,
            first_name: None,
            last_name: None,
            email: Some("ann@example.com".to_owned()),
            iat: 1,
            exp: 2,
        }
    }

    fn signed(header: &str, body: &serde_json::Value) -> String {
        let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(body.to_string()));
        let signature = hmac::sign(&key("a"), text.as_bytes());
        format!("{text}.{}", BASE64.encode(signature))
    }

    #[test]
    fn a_token_is_read_with_its_own_key_only() {
        let token = sign(&key("a"), &claims()).unwrap();
        assert_eq!(read(&key("a"), &token), Some(claims()));
        assert_eq!(read(&key("b"), &token), None);
        assert_eq!(BASE64.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn a_changed_token_is_no_token() {
        let token = sign(&key("a"), &claims()).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let other = BASE64.encode(r#"{"_id":"x"}"#);
        let unsigned = BASE64.encode(r#"{"alg":"none"}"#);
        for text in [
            String::new(),
            "..".to_owned(),
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{unsigned}.{}.", parts[1]),
            format!("{unsigned}.{}.{}", parts[1], parts[2]),
            format!("{token}A"),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}{}", "A".repeat(LONGEST)),
        ] {
            assert_eq!(read(&key("a"), &text), None, "{text}");
        }
    }

    #[test]
    fn what_the_key_signed_for_others_is_not_taken() {
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let mut body = serde_json::to_value(claims()).unwrap();
        body["iss"] = json!(ISSUER);
        body["aud"] = json!("dashboard");
        assert_eq!(read(&key("a"), &signed(header, &body)), None);
        body["aud"] = json!(AUDIENCE);
        assert_eq!(read(&key("a"), &signed(header, &body)), Some(claims()));
        assert_eq!(read(&key("a"), &signed(r#"{"alg":"HS512"}"#, &body)), None);
    }
}
