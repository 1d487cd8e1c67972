//! The texts of a document are one template: a tag may open in one block and close in another, as in the original.

use campanile_liquid::{Output, RenderOptions, Template};
use serde_json::Value;

use crate::error::RenderError;

/// Renders all templates in the document's texts.
pub(super) fn fill(document: &Value, data: &Value, options: &RenderOptions) -> Result<Value, RenderError> {
    let mut source = String::new();
    write(document, &mut source);
    if !source.contains("{{") && !source.contains("{%") {
        return Ok(document.clone());
    }
    let options = RenderOptions {
        output: Output::NovuControls,
        ..options.clone()
    };
    let text = Template::parse(&source)?.render(data, &options)?;
    serde_json::from_str(&text).map_err(|error| RenderError::Blocks(error.to_string()))
}

/// JSON whose texts are escaped everywhere but inside of tags, which are Liquid.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            out.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(name));
                out.push(':');
                apart(out);
                write(value, out);
                apart(out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(text) => {
            out.push('"');
            write_text(text, out);
            out.push('"');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Two braces of JSON beside each other would begin or end a tag.
fn apart(out: &mut String) {
    if out.ends_with(['{', '}', ':']) {
        out.push(' ');
    }
}

fn write_text(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let close = if rest[start..].starts_with("{{") { "}}" } else { "%}" };
        let Some(length) = rest[start..].find(close) else { break };
        let end = start + length + close.len();
        push_escaped(&rest[..start], out);
        out.push_str(&rest[start..end]);
        rest = &rest[end..];
    }
    push_escaped(rest, out);
}

fn push_escaped(text: &str, out: &mut String) {
    let quoted = quoted(text);
    out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(document: &Value, data: &Value) -> Result<Value, RenderError> {
        fill(document, data, &RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn texts_are_filled_and_stay_texts() {
        let document = json!({ "type": "doc", "attrs": { "a": { "b": {} } }, "content": [
            { "type": "text", "text": "say \"{{ payload.x | default: \"nothing\" }}\"\n" },
            { "type": "text", "text": "{{ payload.y }}" },
        ] });
        let data = json!({ "payload": { "y": "\"q\"\n\\" } });
        let filled = filled(&document, &data).expect("fills");
        assert_eq!(filled["content"][0]["text"], "say \"nothing\"\n");
        assert_eq!(filled["content"][1]["text"], "\"q\"\n\\");
    }

    #[test]
    fn a_tag_spans_blocks() {
        let document = json!({ "type": "doc", "content": [
            { "type": "text", "text": "a{% if payload.x %}" },
            { "type": "text", "text": "b" },
            { "type": "text", "text": "{% endif %}c" },
        ] });
        let texts = |x: bool| {
            let filled = filled(&document, &json!({ "payload": { "x": x } })).expect("fills");
            let texts: Vec<String> = super::super::node::children(&filled)
                .iter()
                .map(|node| node["text"].as_str().unwrap_or_default().to_owned())
                .collect();
            texts.concat()
        };
        assert_eq!(texts(true), "abc");
        assert_eq!(texts(false), "ac");
    }

    #[test]
    fn an_unfinished_tag_is_an_error() {
        let document = json!({ "type": "doc", "content": [{ "type": "text", "text": "{% if payload.x %}a" }] });
        assert!(matches!(filled(&document, &json!({})), Err(RenderError::Template(_))));
    }
}
