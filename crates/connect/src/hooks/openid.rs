//! Tokens that the Bot Connector service signs for us, checked against the keys that it publishes.
//! Source: learn.microsoft.com, "Authenticate requests with the Bot Connector API", connector to bot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use campanile_model::{Error, Result, Time};
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Request, Trust};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::Connect;

/// How long published keys are used without looking again.
const OLDEST_KEYS: Duration = Duration::from_hours(24);
/// A key that is not known is looked for again at most this often: who forges tokens may invent keys.
const LOOK_AGAIN: Duration = Duration::from_mins(5);
/// By how much clocks may differ.
const SKEW_SECONDS: i64 = 300;

/// A cloud of Microsoft's.
struct Cloud {
    metadata: &'static str,
    issuer: &'static str,
}

const PUBLIC: Cloud = Cloud {
    metadata: "https://login.botframework.com/v1/.well-known/openidconfiguration",
    issuer: "https://api.botframework.com",
};
const GOVERNMENT: Cloud = Cloud {
    metadata: "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
    issuer: "https://api.botframework.us",
};

/// Where bots are called in Microsoft's clouds: the public one, GCC, GCC High and DoD.
const SERVICE_HOSTS: [&str; 4] = [
    "smba.trafficmanager.net",
    "smba.infra.gcc.teams.microsoft.com",
    "smba.infra.gov.teams.microsoft.us",
    "smba.infra.dod.teams.microsoft.us",
];

fn cloud(bases: &BaseUrls) -> Cloud {
    let host = bases.get("msteams/bot").and_then(Url::host_str).unwrap_or_default();
    if host.ends_with(".microsoft.us") {
        GOVERNMENT
    } else {
        PUBLIC
    }
}

/// A Microsoft host keeps its own metadata; any other base of the operator's stands in for the whole service.
fn placed(bases: &BaseUrls, url: &Url) -> Url {
    let base = bases.get("msteams/bot").and_then(Url::host_str);
    if base.is_some_and(|host| SERVICE_HOSTS.contains(&host)) {
        return url.clone();
    }
    bases.of_vendor("msteams/bot", url)
}

/// Whether Microsoft, or the operator's own base, is called there.
pub(super) fn is_service_url(bases: &BaseUrls, text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let base = bases.get("msteams/bot");
    let is_base = base.is_some_and(|base| base.origin() == url.origin());
    let is_microsofts = url.scheme() == "https"
        && url.port().is_none()
        && url.host_str().is_some_and(|host| SERVICE_HOSTS.contains(&host));
    (is_base || is_microsofts) && url.username().is_empty() && url.password().is_none()
}

#[derive(Clone)]
struct Key {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    /// The channels that it speaks for; all of them when it does not say.
    endorsements: Option<Vec<String>>,
}

struct Kept {
    keys: HashMap<String, Key>,
    at: Time,
}

/// The published keys. Who holds the lock fetches them, the others wait.
#[derive(Default)]
pub(crate) struct Keys {
    kept: Mutex<Option<Arc<Kept>>>,
}

/// What a token must say.
pub(super) struct Wanted<'a> {
    pub(super) audience: &'a str,
    pub(super) service_url: &'a str,
    pub(super) channel: &'a str,
}

/// Whether this is a token of the Bot Connector's that says what is wanted.
pub(super) async fn is_proven(connect: &Connect, token: &str, wanted: &Wanted<'_>) -> Result<bool> {
    let now = connect.store().clock().real();
    let Some(parsed) = Parsed::of(token) else {
        return Ok(false);
    };
    // What costs nothing comes first: a token that is not for us makes us fetch no keys.
    if !says(&parsed.claims, wanted, cloud(&connect.settings().bases).issuer, now) {
        return Ok(false);
    }
    let Some(key) = key(connect, &parsed.key_id, now).await? else {
        return Ok(false);
    };
    Ok(is_endorsed(&key, wanted.channel) && is_signed(&key, &parsed))
}

struct Parsed<'a> {
    key_id: String,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parsed<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let header = json(header)?;
        // The one algorithm that the service uses: a token does not choose how it is checked.
        if header["alg"] != "RS256" {
            return None;
        }
        Some(Self {
            key_id: header["kid"].as_str()?.to_owned(),
            claims: json(claims)?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }
}

fn says(claims: &Value, wanted: &Wanted<'_>, issuer: &str, now: Time) -> bool {
    let now = now.millis() / 1000;
    let ends = claims["exp"]
        .as_i64()
        .is_some_and(|end| now <= end.saturating_add(SKEW_SECONDS));
    let begun = claims["nbf"]
        .as_i64()
        .is_none_or(|start| now >= start.saturating_sub(SKEW_SECONDS));
    // Both spellings are in use.
    let service_url = [&claims["serviceurl"], &claims["serviceUrl"]]
        .into_iter()
        .find_map(Value::as_str);
    claims["iss"] == issuer
        && !wanted.audience.is_empty()
        && claims["aud"] == wanted.audience
        && ends
        && begun
        && service_url == Some(wanted.service_url)
}

fn is_endorsed(key: &Key, channel: &str) -> bool {
    key.endorsements
        .as_ref()
        .is_none_or(|channels| channels.iter().any(|one| one == channel))
}

fn is_signed(key: &Key, parsed: &Parsed<'_>) -> bool {
    let public = RsaPublicKeyComponents {
        n: key.modulus.as_slice(),
        e: key.exponent.as_slice(),
    };
    public
        .verify(&RSA_PKCS1_2048_8192_SHA256, parsed.signed.as_bytes(), &parsed.signature)
        .is_ok()
}

async fn key(connect: &Connect, id: &str, now: Time) -> Result<Option<Key>> {
    let mut kept = connect.inner.bot_keys.kept.lock().await;
    if let Some(kept) = kept.as_ref() {
        let known = kept.keys.get(id);
        let age = if known.is_some() { OLDEST_KEYS } else { LOOK_AGAIN };
        if now < kept.at.plus(age) {
            return Ok(known.cloned());
        }
    }
    let keys = fetch(connect).await?;
    let key = keys.get(id).cloned();
    *kept = Some(Arc::new(Kept { keys, at: now }));
    Ok(key)
}

async fn fetch(connect: &Connect) -> Result<HashMap<String, Key>> {
    let bases = &connect.settings().bases;
    let metadata = Url::parse(cloud(bases).metadata).map_err(Error::internal)?;
    let document = get(connect, placed(bases, &metadata)).await?;
    let address = document["jwks_uri"].as_str().and_then(|text| Url::parse(text).ok());
    // The keys are where the metadata is: nothing else may vouch for them.
    let address = address
        .map(|url| placed(bases, &url))
        .filter(|url| url.origin() == placed(bases, &metadata).origin())
        .ok_or_else(unreadable)?;
    let document = get(connect, address).await?;
    let keys = document["keys"].as_array().ok_or_else(unreadable)?;
    Ok(keys.iter().filter_map(read_key).collect())
}

fn read_key(key: &Value) -> Option<(String, Key)> {
    let bytes = |member: &str| URL_SAFE_NO_PAD.decode(key[member].as_str()?.trim_end_matches('=')).ok();
    let endorsements = key["endorsements"].as_array().map(|list| {
        let texts = list.iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    });
    if key["kty"] != "RSA" {
        return None;
    }
    let id = key["kid"].as_str()?.to_owned();
    Some((
        id,
        Key {
            modulus: bytes("n")?,
            exponent: bytes("e")?,
            endorsements,
        },
    ))
}

async fn get(connect: &Connect, url: Url) -> Result<Value> {
    let request = Request::get(url);
    let answer = connect.transport().send(&request, Trust::Operator).await;
    let response = answer.map_err(|error| {
        tracing::warn!(%error, "the keys of the Bot Connector could not be fetched");
        unreadable()
    })?;
    response.json().filter(|_| response.is_success()).ok_or_else(unreadable)
}

fn unreadable() -> Error {
    Error::unavailable(
        "The keys of the Bot Connector service cannot be read at the moment.",
        30,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WANTED: Wanted<'_> = Wanted {
        audience: "app-1",
        service_url: "https://smba.trafficmanager.net/emea/",
        channel: "msteams",
    };

    fn claims() -> Value {
        json!({
            "iss": PUBLIC.issuer, "aud": "app-1", "nbf": 1000, "exp": 4600,
            "serviceurl": "https://smba.trafficmanager.net/emea/",
        })
    }

    fn says_with(member: &str, value: Value, now: i64) -> bool {
        let mut claims = claims();
        claims[member] = value;
        says(&claims, &WANTED, PUBLIC.issuer, Time::from_millis(now * 1000))
    }

    #[test]
    fn each_claim_must_hold() {
        assert!(says_with("ok", json!(1), 1000));
        for (member, value) in [
            ("iss", json!("https://api.botframework.us")),
            ("aud", json!("app-2")),
            ("aud", json!(["app-1"])),
            ("serviceurl", json!("https://smba.trafficmanager.net/amer/")),
            ("serviceurl", Value::Null),
            ("exp", Value::Null),
        ] {
            assert!(!says_with(member, value, 1000), "{member}");
        }
        assert!(says_with("ok", json!(1), 4900) && !says_with("ok", json!(1), 4901));
        assert!(says_with("ok", json!(1), 700) && !says_with("ok", json!(1), 699));
    }

    #[test]
    fn an_app_without_an_id_is_nobodys_audience() {
        let wanted = Wanted { audience: "", ..WANTED };
        let mut claims = claims();
        claims["aud"] = json!("");
        assert!(!says(&claims, &wanted, PUBLIC.issuer, Time::from_millis(1_000_000)));
    }

    #[test]
    fn only_microsofts_hosts_and_the_operators_base_are_service_urls() {
        let mut bases = BaseUrls::default();
        for good in [
            "https://smba.trafficmanager.net/emea/",
            "https://smba.infra.gov.teams.microsoft.us/teams",
        ] {
            assert!(is_service_url(&bases, good), "{good}");
        }
        for bad in [
            "http://smba.trafficmanager.net/emea/",
            "https://smba.trafficmanager.net.evil.example/",
            "https://smba.trafficmanager.net:444/",
            "https://x@smba.trafficmanager.net/",
            "https://evil.example/",
            "http://127.0.0.1:4100/",
            "",
        ] {
            assert!(!is_service_url(&bases, bad), "{bad}");
        }
        bases
            .set("msteams/bot", "http://127.0.0.1:4100".parse().unwrap())
            .unwrap();
        assert!(is_service_url(&bases, "http://127.0.0.1:4100/teams/"));
        assert!(!is_service_url(&bases, "http://127.0.0.1:4101/teams/"));
    }

    #[test]
    fn a_token_does_not_choose_how_it_is_checked() {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        for alg in ["none", "HS256", "RS512"] {
            let token = format!("{}.{}.AA", part(&json!({ "alg": alg, "kid": "k" })), part(&claims()));
            assert!(Parsed::of(&token).is_none(), "{alg}");
        }
        for token in ["", "a", "a.b", "a.b.c", "..", "e30.e30.e30"] {
            assert!(Parsed::of(token).is_none(), "{token}");
        }
    }
}
