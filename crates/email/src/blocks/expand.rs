//! What the data decides about blocks: which of them are shown, and how often; and variables become templates.

use campanile_liquid::{Output, RenderOptions, Template};
use serde_json::{Value, json};

use super::node;
use crate::error::RenderError;
use crate::limits::{MAX_DEPTH, MAX_NODES};

/// Attributes that name a variable while a flag beside them is set.
fn variable_attributes(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "button" => &[("text", "isTextVariable"), ("url", "isUrlVariable")],
        "image" | "inlineImage" | "logo" => &[("src", "isSrcVariable"), ("externalLink", "isExternalLinkVariable")],
        "link" => &[("href", "isUrlVariable")],
        _ => &[],
    }
}

/// The document as it is for this data.
pub(super) fn expand(document: &Value, data: &Value, options: &RenderOptions) -> Result<Value, RenderError> {
    let mut expander = Expander {
        data,
        // LiquidJS's own `json`, which is JSON.
        lengths: RenderOptions {
            output: Output::Plain,
            novu_filters: false,
            ..options.clone()
        },
        conditions: RenderOptions {
            output: Output::NovuText,
            ..options.clone()
        },
        nodes: 0,
    };
    let mut out = Vec::new();
    expander.node(document, &[], 0, &mut out)?;
    Ok(out.pop().unwrap_or_else(|| json!({ "type": "doc", "content": [] })))
}

/// A loop around the block: what is looped over, and which of it this is.
struct Turn {
    path: String,
    index: usize,
}

struct Expander<'a> {
    data: &'a Value,
    /// How lengths of loops and conditions are found; what they cost is bounded for the whole document.
    lengths: RenderOptions,
    conditions: RenderOptions,
    nodes: usize,
}

impl Expander<'_> {
    fn node(&mut self, node: &Value, turns: &[Turn], depth: usize, out: &mut Vec<Value>) -> Result<(), RenderError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(RenderError::TooLarge(format!("it has more than {MAX_NODES} blocks")));
        }
        if depth > MAX_DEPTH {
            return Err(RenderError::TooLarge(format!(
                "blocks are nested more than {MAX_DEPTH} deep"
            )));
        }
        if let Some(key) = node::text(node, "showIfKey")
            && !self.is_shown(&placed(key, turns))?
        {
            return Ok(());
        }
        let kind = node::kind(node);
        if matches!(kind, "repeat" | "for")
            && let Some(each) = node::text(node, "each")
        {
            return self.repeat(node, &placed(each, turns), turns, depth, out);
        }
        let mut made = own(node, turns);
        if kind == "variable" {
            become_text(&mut made);
        }
        if let Some(content) = node.get("content").and_then(Value::as_array) {
            let mut children = Vec::with_capacity(content.len());
            for child in content {
                self.node(child, turns, depth + 1, &mut children)?;
            }
            made["content"] = Value::Array(children);
        }
        out.push(made);
        Ok(())
    }

    fn repeat(
        &mut self,
        node: &Value,
        path: &str,
        turns: &[Turn],
        depth: usize,
        out: &mut Vec<Value>,
    ) -> Result<(), RenderError> {
        let length = self.length(path)?;
        let most = node::attribute(node, "iterations")
            .and_then(node::number)
            .filter(|most| *most > 0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive count; a larger one is no bound"
        )]
        let length = most.map_or(length, |most| length.min(most as usize));
        let mut inner: Vec<Turn> = turns
            .iter()
            .map(|turn| Turn {
                path: turn.path.clone(),
                index: turn.index,
            })
            .collect();
        inner.push(Turn {
            path: path.to_owned(),
            index: 0,
        });
        for index in 0..length {
            if let Some(last) = inner.last_mut() {
                last.index = index;
            }
            for child in node::children(node) {
                self.node(child, &inner, depth + 1, out)?;
            }
        }
        Ok(())
    }

    fn length(&mut self, path: &str) -> Result<usize, RenderError> {
        let template = Template::parse(&format!("{{{{ {path} | json }}}}"))?;
        let text = template.render_sharing(self.data, &mut self.lengths)?;
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Array(items)) => Ok(items.len()),
            _ => Err(RenderError::NotAList(path.to_owned())),
        }
    }

    fn is_shown(&mut self, key: &str) -> Result<bool, RenderError> {
        let template = Template::parse(&format!("{{{{ {key} }}}}"))?;
        let text = template.render_sharing(self.data, &mut self.conditions)?;
        Ok(is_true(&text))
    }
}

/// What a text says: nothing, `false`, `null`, `undefined`, a zero and an empty quoted text are no.
fn is_true(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    if matches!(text.as_str(), "" | "false" | "null" | "undefined" | "\"\"") {
        return false;
    }
    text.parse::<f64>() != Ok(0.0)
}

/// The block without its children, its variables as templates.
fn own(node: &Value, turns: &[Turn]) -> Value {
    let mut made = json!({});
    for name in ["type", "attrs", "text", "marks"] {
        if let Some(value) = node.get(name) {
            made[name] = value.clone();
        }
    }
    wrap(&mut made, turns);
    if let Some(marks) = made.get_mut("marks").and_then(Value::as_array_mut) {
        for mark in marks {
            wrap(mark, turns);
        }
    }
    made
}

fn wrap(node: &mut Value, turns: &[Turn]) {
    let fallback = node::text(node, "fallback").map(str::to_owned);
    let alias = node::text(node, "aliasFor").map(str::to_owned);
    let kind = node::kind(node).to_owned();
    let mut named: Vec<&str> = variable_attributes(&kind)
        .iter()
        .filter(|(_, flag)| node::is_set(node, flag))
        .map(|(attribute, _)| *attribute)
        .collect();
    if kind == "variable" {
        named.push("id");
    }
    for name in named {
        let Some(value) = node::text(node, name) else { continue };
        // What is a template already stays one.
        let template = if value.contains("{{") {
            value.to_owned()
        } else {
            let path = placed(alias.as_deref().unwrap_or(value), turns);
            output(&path, fallback.as_deref())
        };
        if let Some(attributes) = node::attributes_mut(node) {
            attributes.insert(name.to_owned(), template.into());
        }
    }
}

/// The output of a variable, with a text for when it is empty.
fn output(path: &str, fallback: Option<&str>) -> String {
    match fallback {
        None => format!("{{{{ {path} }}}}"),
        Some(text) => format!(
            "{{{{ {path} | default: '{}' }}}}",
            text.replace('\\', "\\\\").replace('\'', "\\'")
        ),
    }
}

/// A variable is a text from here on.
fn become_text(node: &mut Value) {
    let id = node::text(node, "id").unwrap_or_default().to_owned();
    // The place of the body in a layout is not a text.
    if id == "{{ content }}" {
        return;
    }
    node["type"] = "text".into();
    node["text"] = id.into();
}

/// A path inside loops: `payload.items.name` is that of the item whose turn it is.
fn placed(path: &str, turns: &[Turn]) -> String {
    let mut path = path.to_owned();
    for turn in turns {
        let Some(rest) = path.strip_prefix(&turn.path) else {
            continue;
        };
        // An index that is given, or a longer name, is something else.
        if rest.is_empty() || rest.starts_with(['.', ' ', '|']) {
            path = format!("{}[{}]{rest}", turn.path, turn.index);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(path: &str, index: usize) -> Turn {
        Turn {
            path: path.to_owned(),
            index,
        }
    }

    #[test]
    fn paths_are_placed_into_their_loops() {
        let turns = [turn("payload.items", 2), turn("payload.items[2].tags", 0)];
        assert_eq!(placed("payload.items.name", &turns[..1]), "payload.items[2].name");
        assert_eq!(placed("payload.items", &turns[..1]), "payload.items[2]");
        assert_eq!(placed("payload.items | size", &turns[..1]), "payload.items[2] | size");
        assert_eq!(placed("payload.itemsToo", &turns[..1]), "payload.itemsToo");
        assert_eq!(placed("payload.items[0].name", &turns[..1]), "payload.items[0].name");
        assert_eq!(
            placed("payload.items.tags.name", &turns),
            "payload.items[2].tags[0].name"
        );
    }

    #[test]
    fn truth_is_read_from_text() {
        for (text, expected) in [
            ("true", true),
            ("x", true),
            ("1", true),
            ("0", false),
            (" False ", false),
            ("", false),
            ("null", false),
        ] {
            assert_eq!(is_true(text), expected, "{text}");
        }
    }
}
