//! SMS: a text.

use serde_json::{Value, json};

use super::{Controls, form, object};

pub(super) const CONTROLS: Controls =
    Controls::plain(schema, || form("SMS", &[("body", "SMS_BODY", json!(""))]), |_| schema());

fn schema() -> Value {
    object(&json!({ "body": { "type": "string" } }), &["body"])
}
