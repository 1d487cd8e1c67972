//! The hashes by which a caller's own server vouches for a subscriber and for contexts: HMAC-SHA256 keyed with the
//! environment's secret (clients.md 1.2).

use campanile_model::{Ctx, Result};
use campanile_store::Store;
use ring::hmac;
use serde_json::Value;

/// The secrets of an environment that count for hashes: keys that may do everything and have not ended. A scoped key
/// signs nothing.
pub struct Signers(Vec<hmac::Key>);

impl Signers {
    /// Those of the environment.
    pub async fn of(store: &Store, ctx: &Ctx) -> Result<Self> {
        let now = store.now();
        let keys = store.api_keys(ctx).await?;
        let whole = keys
            .into_iter()
            .filter(|(key, _)| key.scopes.is_none() && !key.is_expired(now))
            .map(|(_, secret)| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        Ok(Self(whole.collect()))
    }

    /// Whether nobody can vouch for anything here.
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `hash` is that of this subscriber.
    pub fn vouch_for_subscriber(&self, subscriber_id: &str, hash: &str) -> bool {
        self.vouch(subscriber_id, hash)
    }

    /// Whether `hash` is that of these contexts, as the caller named them.
    pub fn vouch_for_context(&self, context: &Value, hash: &str) -> bool {
        canonical(context).is_some_and(|text| self.vouch(&text, hash))
    }

    fn vouch(&self, text: &str, hash: &str) -> bool {
        let Ok(hash) = hex::decode(hash) else { return false };
        self.0
            .iter()
            .any(|key| hmac::verify(key, text.as_bytes(), &hash).is_ok())
    }
}

/// The JSON that both sides sign, whatever the order of its members: keys sorted as JavaScript sorts them, no blanks,
/// and only `"` and `\` escaped. Nothing for numbers that are not whole, which have no form here.
fn canonical(value: &Value) -> Option<String> {
    let mut text = String::new();
    write(value, &mut text)?;
    Some(text)
}

fn write(value: &Value, text: &mut String) -> Option<()> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            if !(number.is_i64() || number.is_u64()) {
                return None;
            }
            text.push_str(&number.to_string());
        }
        Value::String(string) => write_text(string, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            text.push('{');
            for (at, (key, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_text(key, text);
                text.push(':');
                write(member, text)?;
            }
            text.push('}');
        }
    }
    Some(())
}

fn write_text(string: &str, text: &mut String) {
    text.push('"');
    for letter in string.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signers(secrets: &[&str]) -> Signers {
        let key = |secret: &&str| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Signers(secrets.iter().map(key).collect())
    }

    #[test]
    fn hashes_are_those_that_the_official_clients_make() {
        let signers = signers(&["another", "sk_test_secret"]);
        let subscriber = "a8604a813f2ba81b1aa1ec38fb68454c2a6df2572bc3d0d376191b7fa3ed27da";
        assert!(signers.vouch_for_subscriber("sub-1", subscriber));
        assert!(!signers.vouch_for_subscriber("sub-2", subscriber));
        let context = "466d6db37dbe161c48c33a4c5fc6fa45ef2db1d2617d4f92bb09d73150879c27";
        assert!(signers.vouch_for_context(&json!({ "tenant": "acme", "region": { "id": "eu" } }), context));
        assert!(!signers.vouch_for_context(&json!({ "tenant": "acme" }), context));
        for hash in ["", "a8", "zz", &subscriber[1..]] {
            assert!(!signers.vouch_for_subscriber("sub-1", hash), "{hash}");
        }
    }

    #[test]
    fn without_a_key_nobody_vouches() {
        let nobody = signers(&[]);
        let subscriber = "a8604a813f2ba81b1aa1ec38fb68454c2a6df2572bc3d0d376191b7fa3ed27da";
        assert!(nobody.are_none() && !nobody.vouch_for_subscriber("sub-1", subscriber));
    }

    #[test]
    fn the_signed_form_is_one_for_all_orders_of_members() {
        for (value, expected) in [
            (
                json!({ "b": 1, "a": [true, null, "x"] }),
                Some(r#"{"a":[true,null,"x"],"b":1}"#),
            ),
            (json!("a\"b\\c\nd é"), Some("\"a\\\"b\\\\c\nd é\"")),
            (
                json!({ "\u{ffff}": 1, "\u{1f600}": 2 }),
                Some("{\"\u{1f600}\":2,\"\u{ffff}\":1}"),
            ),
            (json!({ "a": 1.5 }), None),
            (json!(-3), Some("-3")),
        ] {
            assert_eq!(canonical(&value).as_deref(), expected, "{value}");
        }
    }
}
