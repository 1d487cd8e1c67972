//! Texts in the subscriber's language (engine.md f.5): templates see them as `t`.
//!
//! What a template uses is known before it is rendered, so only those texts are looked up, and one that is missing shows
//! its key. A text may be a template itself; it is rendered by itself, so that what it prints is never read as one.

use std::collections::HashMap;

use campanile_liquid::Template;
use campanile_model::channel::Translated;
use campanile_model::{Id, Time, locale};
use campanile_store::layouts::Layout;
use campanile_store::translations::Translation;
use serde_json::{Map, Value};

use crate::render;

/// The name under which templates see texts.
const NAME: &str = "t";

/// The texts of one resource in all locales.
#[derive(Debug, Default)]
pub struct Texts {
    by_locale: HashMap<String, Map<String, Value>>,
}

/// A layout with its texts.
#[derive(Debug)]
pub struct Frame {
    /// The layout.
    pub layout: Layout,
    /// Its texts, when translations are on.
    texts: Option<Texts>,
    /// The keys of texts that it uses.
    keys: Vec<String>,
}

impl Texts {
    /// Gathers the texts of one resource.
    pub fn new(translations: Vec<Translation>) -> Self {
        let by_locale = translations.into_iter().map(|one| (one.locale, one.content));
        Self {
            by_locale: by_locale.collect(),
        }
    }

    /// Puts the texts of these keys into the data, in the locale of its subscriber or else in the default one; which of
    /// them are in neither.
    pub fn give(&self, keys: &[String], data: &mut Value, now: Time) -> Result<Vec<String>, String> {
        let wanted = data["subscriber"]["locale"].as_str().and_then(locale::parse);
        let locales: Vec<&Map<String, Value>> = [wanted.as_deref(), Some(locale::DEFAULT)]
            .into_iter()
            .flatten()
            .filter_map(|locale| self.by_locale.get(locale))
            .collect();
        let mut found = Map::new();
        let mut missing = Vec::new();
        for key in keys {
            let text = locales.iter().find_map(|texts| find(texts, key));
            let text = text.unwrap_or_else(|| {
                missing.push(key.clone());
                format!("[Translation missing: {key}]")
            });
            found.insert(key.clone(), text.into());
        }
        let found = filled(found, data, now)?;
        if let Some(names) = data.as_object_mut() {
            names.insert(NAME.to_owned(), nested(&found));
        }
        Ok(missing)
    }
}

impl Frame {
    /// A layout; `texts` are there when translations are on.
    pub fn new(mut layout: Layout, texts: Option<Texts>) -> Self {
        let keys = match &texts {
            Some(_) => prepare(&mut layout.controls),
            None => Vec::new(),
        };
        Self { layout, texts, keys }
    }

    /// The data that the layout's templates see, when it is not the body's own; with the keys of texts that are missing.
    pub fn data(&self, data: &Value, now: Time) -> Result<(Option<Value>, Vec<String>), String> {
        let Some(texts) = &self.texts else {
            return Ok((None, Vec::new()));
        };
        let mut data = data.clone();
        let missing = texts.give(&self.keys, &mut data, now)?;
        Ok((Some(data), missing))
    }
}

/// Layouts with those of these translations that belong to them.
pub fn frames(layouts: Vec<Layout>, translations: Vec<Translation>) -> Vec<Frame> {
    let mut by_layout: HashMap<Id, Vec<Translation>> = HashMap::new();
    for translation in translations {
        if translation.kind == Translated::Layout {
            by_layout.entry(translation.resource_id).or_default().push(translation);
        }
    }
    let frame = |layout: Layout| {
        let found = by_layout.remove(&layout.id).unwrap_or_default();
        let texts = layout.translated.then(|| Texts::new(found));
        Frame::new(layout, texts)
    };
    layouts.into_iter().map(frame).collect()
}

/// Makes texts in arguments of filters, which are written `'t.key'`, what they mean; the keys that the controls use.
pub(crate) fn prepare(controls: &mut Map<String, Value>) -> Vec<String> {
    let mut keys = Vec::new();
    for value in controls.values_mut() {
        prepare_value(value, &mut keys);
    }
    keys
}

fn prepare_value(value: &mut Value, keys: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("t.") => {
            if text.contains("'t.") || text.contains("\"t.") {
                *text = unquoted(text);
            }
            add_keys(text, keys);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prepare_value(item, keys)),
        Value::Object(members) => members.values_mut().for_each(|item| prepare_value(item, keys)),
        _ => {}
    }
}

/// The pieces of a text: whether each is inside of `{{ }}` or `{% %}`.
fn pieces(text: &str) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = [rest.find("{{"), rest.find("{%")].into_iter().flatten().min() {
        let (before, tag) = rest.split_at(start);
        let close = if tag.starts_with("{{") { "}}" } else { "%}" };
        let Some(end) = tag.find(close) else { break };
        let (inside, after) = tag.split_at(end);
        pieces.push((false, before));
        pieces.push((true, inside));
        rest = after;
    }
    pieces.push((false, rest));
    pieces
}

/// The text without the quotes around keys in tags.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (is_tag, piece) in pieces(text) {
        if !is_tag {
            out.push_str(piece);
            continue;
        }
        let mut rest = piece;
        while let Some(start) = rest.find(['\'', '"']) {
            let (before, quoted) = rest.split_at(start);
            out.push_str(before);
            let (quote, inside) = quoted.split_at(1);
            let end = inside.find(quote);
            let (content, after) = match end {
                Some(end) => (
                    inside.get(..end).unwrap_or_default(),
                    inside.get(end + 1..).unwrap_or_default(),
                ),
                None => (inside, ""),
            };
            let is_key = content
                .strip_prefix("t.")
                .is_some_and(|key| !key.is_empty() && key.chars().all(is_of_key));
            if is_key && end.is_some() {
                out.push_str(content);
            } else {
                out.push_str(quote);
                out.push_str(content);
                out.push_str(if end.is_some() { quote } else { "" });
            }
            rest = after;
        }
        out.push_str(rest);
    }
    out
}

/// Adds the keys that a template uses: in its tags, and where a document of blocks names a variable.
fn add_keys(text: &str, keys: &mut Vec<String>) {
    let is_document = campanile_email::is_document(text);
    for (is_tag, piece) in pieces(text) {
        for (place, found) in piece.match_indices("t.") {
            let before = piece.get(..place).and_then(|head| head.chars().next_back());
            let is_named = is_document && before == Some('"');
            if before.is_some_and(is_of_key) || !(is_tag || is_named) {
                continue;
            }
            let tail = piece.get(place + found.len()..).unwrap_or_default();
            let end = tail.find(|c| !is_of_key(c)).unwrap_or(tail.len());
            let key = tail.get(..end).unwrap_or_default().trim_end_matches(['.', '-']);
            if !key.is_empty() && !keys.iter().any(|known| known == key) {
                keys.push(key.to_owned());
            }
        }
    }
}

fn is_of_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The text of a key, whose dots may be in names as well as between them.
fn find(texts: &Map<String, Value>, key: &str) -> Option<String> {
    match texts.get(key) {
        Some(Value::String(text)) => return Some(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => return Some(value.to_string()),
        _ => {}
    }
    key.match_indices('.').find_map(|(dot, _)| {
        let inner = texts.get(key.get(..dot)?)?.as_object()?;
        find(inner, key.get(dot + 1..)?)
    })
}

/// The texts rendered. One that is no template stands as it is.
fn filled(mut texts: Map<String, Value>, data: &Value, now: Time) -> Result<Map<String, Value>, String> {
    let is_template = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| (text.contains("{{") || text.contains("{%")) && Template::parse(text).is_ok())
    };
    let templates: Map<String, Value> = texts
        .iter()
        .filter(|(_, value)| is_template(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if templates.is_empty() {
        return Ok(texts);
    }
    // All at once, so that one bound holds for all.
    let template = Template::parse(&Value::Object(templates).to_string()).map_err(|error| error.to_string())?;
    if let Value::Object(rendered) = render::rendered(&template, data, now)? {
        texts.extend(rendered);
    }
    Ok(texts)
}

/// Keys with dots as names within names. Where one key is the beginning of another, the first one counts.
fn nested(texts: &Map<String, Value>) -> Value {
    let mut all = Value::Object(Map::new());
    for (key, text) in texts {
        let mut place = &mut all;
        let mut names = key.split('.').peekable();
        while let (Some(name), Value::Object(members)) = (names.next(), place) {
            if names.peek().is_none() {
                members.entry(name).or_insert_with(|| text.clone());
                break;
            }
            place = members.entry(name).or_insert_with(|| Value::Object(Map::new()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(contents: Value) -> Texts {
        let Value::Object(contents) = contents else {
            return Texts::default();
        };
        let by_locale = contents
            .into_iter()
            .filter_map(|(locale, content)| Some((locale, content.as_object()?.clone())));
        Texts {
            by_locale: by_locale.collect(),
        }
    }

    fn keys(control: &str) -> (String, Vec<String>) {
        let mut controls = Map::from_iter([("body".to_owned(), json!(control))]);
        let keys = prepare(&mut controls);
        (controls["body"].as_str().unwrap().to_owned(), keys)
    }

    #[test]
    fn the_keys_that_a_template_uses_are_known() {
        for (control, wanted) in [
            ("{{t.a}} and {{ t.b.c | upcase }}", vec!["a", "b.c"]),
            ("{% if t.x-y %}{{ t.x-y }}{% endif %}", vec!["x-y"]),
            ("don't.do this, it.is no key", vec![]),
            ("{{ payload.t.a }} {{ part.b }} {{ cat.t }}", vec![]),
            ("{{ t.open", vec![]),
        ] {
            assert_eq!(
                keys(control),
                (control.to_owned(), wanted.into_iter().map(str::to_owned).collect())
            );
        }
        let document = json!({ "type": "doc", "content": [
            { "type": "variable", "attrs": { "id": "t.title" } }, { "type": "text", "text": "{{ t.body }}" },
        ] });
        assert_eq!(keys(&document.to_string()).1, ["title", "body"]);
    }

    #[test]
    fn keys_in_quotes_are_texts_in_tags_only() {
        let (control, keys) = keys("{{ payload.n | pluralize: 't.one', \"t.many\", 'it' }} 't.no'");
        assert_eq!(control, "{{ payload.n | pluralize: t.one, t.many, 'it' }} 't.no'");
        assert_eq!(keys, ["one", "many"]);
    }

    #[test]
    fn a_text_is_the_subscribers_else_the_default_ones_else_its_key() {
        let texts = texts(json!({
            "en_US": { "title": "Hello {{ subscriber.firstName }}", "deep": { "a.b": "AB" }, "flat.key": "F", "broken": "{{ x" },
            "de_DE": { "title": "Hallo {{ subscriber.firstName }}" },
        }));
        let wanted: Vec<String> = ["title", "deep.a.b", "flat.key", "broken", "gone"]
            .map(str::to_owned)
            .into();
        let now = Time::from_millis(0);
        for (locale, title) in [
            ("de_DE", "Hallo {{ 1 }}\""),
            ("de-de", "Hallo {{ 1 }}\""),
            ("fr_FR", "Hello {{ 1 }}\""),
        ] {
            let mut data = json!({ "subscriber": { "locale": locale, "firstName": "{{ 1 }}\"" } });
            assert_eq!(texts.give(&wanted, &mut data, now), Ok(vec!["gone".to_owned()]));
            assert_eq!(
                data["t"],
                json!({
                    "title": title, "deep": { "a": { "b": "AB" } }, "flat": { "key": "F" }, "broken": "{{ x",
                    "gone": "[Translation missing: gone]",
                })
            );
        }
    }
}
