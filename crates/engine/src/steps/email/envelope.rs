//! Whom a mail goes to and from whom it comes (engine.md a.4). Values in, values out.

use serde_json::{Map, Value, json};

/// What decides.
pub(super) struct Input<'a> {
    /// The subscriber's address.
    pub(super) address: Option<&'a str>,
    /// `overrides.email` with the provider's own on top.
    pub(super) overrides: &'a Value,
    /// The rendered controls.
    pub(super) controls: &'a Value,
    /// The integration's credentials: its sender.
    pub(super) credentials: &'a Value,
    /// What names the files that go along.
    pub(super) attachments: Vec<Value>,
}

/// The addresses of one mail.
#[derive(Debug, PartialEq)]
pub(super) struct Envelope {
    /// Whom the message is shown to go to.
    pub(super) first: Option<String>,
    /// `{to, cc, bcc, from, senderName, replyTo, text, headers, …}` as providers take them.
    pub(super) address: Value,
}

/// Members of the overrides that go along as they are.
const ALONG: [&str; 7] = [
    "senderName",
    "replyTo",
    "text",
    "headers",
    "customData",
    "ipPoolName",
    "alias",
];

/// The envelope; nothing when there is nobody to send to.
pub(super) fn envelope(input: &Input<'_>) -> Option<Envelope> {
    let over = input.overrides;
    let from = text(over, "from")
        .or_else(|| text(&input.controls["from"], "email"))
        .or_else(|| text(input.credentials, "from"));
    let (cc, bcc) = (list(over.get("cc")), list(over.get("bcc")));
    let given = over.get("to").filter(|to| !to.is_null());
    let asked = list(given);
    let to = if over["replaceToRecipient"] == true {
        if asked.is_empty() && cc.is_empty() && bcc.is_empty() {
            return None;
        }
        match given {
            Some(_) => asked,
            // Somebody has to be in this line: the sender.
            None => from.iter().cloned().collect(),
        }
    } else {
        let base = text(over, "toRecipient").or_else(|| {
            let address = input.address.map(str::trim).filter(|address| !address.is_empty());
            address.map(str::to_owned)
        })?;
        let mut to = vec![base];
        for address in asked {
            if !to.contains(&address) {
                to.push(address);
            }
        }
        to
    };
    let mut address = Map::new();
    address.insert("to".to_owned(), json!(to));
    address.insert("cc".to_owned(), json!(cc));
    address.insert("bcc".to_owned(), json!(bcc));
    if let Some(from) = from {
        address.insert("from".to_owned(), from.into());
    }
    if let Some(name) = text(&input.controls["from"], "name") {
        address.insert("senderName".to_owned(), name.into());
    }
    for name in ALONG {
        if let Some(value) = over.get(name).filter(|value| !value.is_null()) {
            address.insert(name.to_owned(), value.clone());
        }
    }
    if !input.attachments.is_empty() {
        address.insert("attachments".to_owned(), json!(input.attachments));
    }
    Some(Envelope {
        first: to.first().cloned(),
        address: Value::Object(address),
    })
}

/// A text member that is not empty.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A list of texts; a text alone is a list of one.
fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(address: Option<&str>, overrides: &Value) -> Option<Envelope> {
        envelope(&Input {
            address,
            overrides,
            controls: &json!({}),
            credentials: &json!({ "from": "us@x.y" }),
            attachments: Vec::new(),
        })
    }

    fn to(address: Option<&str>, overrides: &Value) -> Option<Value> {
        made(address, overrides).map(|envelope| envelope.address["to"].clone())
    }

    /// The cases 154 to 158 of engine.md j, and what is said before them.
    #[test]
    fn recipients() {
        let own = Some("ann@x.y");
        assert_eq!(to(own, &json!({})), Some(json!(["ann@x.y"])));
        assert_eq!(to(own, &json!({ "toRecipient": "t@x.y" })), Some(json!(["t@x.y"])));
        assert_eq!(to(None, &json!({ "toRecipient": "t@x.y" })), Some(json!(["t@x.y"])));
        assert_eq!(
            to(own, &json!({ "replaceToRecipient": true, "to": ["x@x.y"] })),
            Some(json!(["x@x.y"]))
        );
        let nobody = json!({ "replaceToRecipient": true, "to": [], "bcc": ["b@x.y"] });
        assert_eq!(to(own, &nobody), Some(json!([])));
        assert_eq!(made(own, &nobody).unwrap().address["bcc"], json!(["b@x.y"]));
        assert_eq!(
            to(own, &json!({ "replaceToRecipient": true, "cc": ["c@x.y"] })),
            Some(json!(["us@x.y"]))
        );
        let both = json!({ "replaceToRecipient": false, "to": ["x@x.y", "ann@x.y"] });
        assert_eq!(to(own, &both), Some(json!(["ann@x.y", "x@x.y"])));
        for nobody in [
            json!({ "replaceToRecipient": true }),
            json!({ "replaceToRecipient": true, "to": [] }),
        ] {
            assert_eq!(to(None, &nobody), None);
            assert_eq!(to(own, &nobody), None);
        }
        assert_eq!(to(None, &json!({ "cc": ["c@x.y"] })), None);
    }

    #[test]
    fn the_sender_is_the_triggers_else_the_steps_else_the_integrations() {
        let from = |overrides: Value, controls: Value| {
            let made = envelope(&Input {
                address: Some("ann@x.y"),
                overrides: &overrides,
                controls: &controls,
                credentials: &json!({ "from": "us@x.y" }),
                attachments: Vec::new(),
            });
            let address = made.unwrap().address;
            (address["from"].clone(), address["senderName"].clone())
        };
        let step = json!({ "from": { "email": "step@x.y", "name": "Step" } });
        assert_eq!(from(json!({}), json!({})), (json!("us@x.y"), Value::Null));
        assert_eq!(from(json!({}), step.clone()), (json!("step@x.y"), json!("Step")));
        assert_eq!(
            from(json!({ "from": "t@x.y", "senderName": "T" }), step),
            (json!("t@x.y"), json!("T"))
        );
    }
}
