//! Contexts: what a notification is about. A set of contexts is always compared as a whole (channels.md 3.3).

use serde_json::{Map, Value};

/// At most this many contexts may be named by one call.
pub const MOST: usize = 5;

/// A context's data is at most this many bytes of JSON.
pub const MOST_DATA: usize = 64 * 1024;

/// The size in KB of data that is too large for a context.
pub fn oversize(data: &Map<String, Value>) -> Option<usize> {
    let bytes = serde_json::to_string(data).map_or(0, |text| text.len());
    (bytes > MOST_DATA).then(|| bytes.div_ceil(1024))
}

/// One context as a caller names it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedContext {
    /// The type, such as `tenant`.
    pub kind: String,
    /// The caller's own id within the type.
    pub id: String,
    /// Free data; used only when the context is not there yet.
    pub data: Option<Map<String, Value>>,
}

impl NamedContext {
    /// `type:id`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.id)
    }
}

/// Whether `text` may be a context's type or id: 1 to 100 characters of `a-zA-Z0-9_-`.
pub fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Reads the `context` member of a request. `Err` holds the texts of a 422, each beginning with the wire path.
pub fn parse(value: &Value) -> Result<Vec<NamedContext>, Vec<String>> {
    let Value::Object(entries) = value else {
        return Err(vec!["context must be an object".to_owned()]);
    };
    let mut contexts = Vec::new();
    let mut problems = Vec::new();
    for (kind, given) in entries {
        let (id, data) = match given {
            // Falsy values are skipped, as the original does.
            Value::Null | Value::Bool(false) => continue,
            Value::String(id) if id.is_empty() => continue,
            Value::String(id) => (id.clone(), None),
            Value::Object(object) => match (object.get("id"), object.get("data")) {
                (Some(Value::String(id)), None | Some(Value::Null)) => (id.clone(), None),
                (Some(Value::String(id)), Some(Value::Object(data))) => (id.clone(), Some(data.clone())),
                (Some(Value::String(_)), Some(_)) => {
                    problems.push(format!("context.{kind}.data must be an object"));
                    continue;
                }
                _ => {
                    problems.push(format!("context.{kind}.id must be a string"));
                    continue;
                }
            },
            _ => {
                problems.push(format!("context.{kind} must be a string or an object with an id"));
                continue;
            }
        };
        if !is_name(kind) {
            problems.push(format!(
                "context.{kind} must be named by 1 to 100 alphanumeric characters, hyphens or underscores"
            ));
        } else if !is_name(&id) {
            problems.push(format!(
                "context.{kind}.id must be 1 to 100 alphanumeric characters, hyphens or underscores"
            ));
        } else if let Some(size) = data.as_ref().and_then(oversize) {
            problems.push(format!(
                "context.{kind}.data is too large ({size}KB). Maximum size is 64KB"
            ));
        } else {
            contexts.push(NamedContext {
                kind: kind.clone(),
                id,
                data,
            });
        }
    }
    if contexts.len() > MOST {
        problems.push(format!("context must contain no more than {MOST} elements"));
    }
    if problems.is_empty() {
        contexts.sort_by_key(NamedContext::key);
        Ok(contexts)
    } else {
        Err(problems)
    }
}

/// A set of context keys in its one canonical form: sorted, without repeats. The empty set is stored as the empty
/// text, so that the database can enforce uniqueness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContextSet(Vec<String>);

impl ContextSet {
    /// The set of these keys; empty ones are dropped.
    pub fn new(keys: impl IntoIterator<Item = String>) -> Self {
        let mut keys: Vec<String> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        keys.sort_unstable();
        keys.dedup();
        Self(keys)
    }

    /// The set that these contexts make.
    pub fn of(contexts: &[NamedContext]) -> Self {
        Self::new(contexts.iter().map(NamedContext::key))
    }

    /// The stored form: keys joined by commas, which no key can hold.
    pub fn stored(&self) -> String {
        self.0.join(",")
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Self {
        Self(
            text.split(',')
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The keys, sorted.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The contexts of the keys, without data.
    pub fn named(&self) -> Vec<NamedContext> {
        let pairs = self.0.iter().filter_map(|key| key.split_once(':'));
        let named = pairs.map(|(kind, id)| NamedContext {
            kind: kind.to_owned(),
            id: id.to_owned(),
            data: None,
        });
        named.collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_are_read_and_sorted_by_key() {
        let read = parse(&json!({"tenant": "acme", "project": {"id": "p1", "data": {"a": 1}}, "gone": null})).unwrap();
        assert_eq!(ContextSet::of(&read).keys(), ["project:p1", "tenant:acme"]);
        assert_eq!(ContextSet::of(&read).stored(), "project:p1,tenant:acme");
        assert_eq!(ContextSet::from_stored("project:p1,tenant:acme"), ContextSet::of(&read));
        assert_eq!(ContextSet::of(&ContextSet::of(&read).named()), ContextSet::of(&read));
    }

    #[test]
    fn data_has_a_largest_size() {
        let data = |length| json!({ "a": "x".repeat(length) }).as_object().cloned().unwrap();
        let frame = r#"{"a":""}"#.len();
        assert_eq!(oversize(&data(MOST_DATA - frame)), None);
        assert_eq!(oversize(&data(MOST_DATA - frame + 1)), Some(65));
        let problems = parse(&json!({"tenant": {"id": "a", "data": data(MOST_DATA)}})).unwrap_err();
        assert_eq!(
            problems,
            ["context.tenant.data is too large (65KB). Maximum size is 64KB"]
        );
    }

    #[test]
    fn malformed_entries_are_named() {
        for (value, text) in [
            (json!([]), "context must be an object"),
            (json!({"tenant": 5}), "context.tenant must be"),
            (json!({"tenant": {"id": 5}}), "context.tenant.id must be a string"),
            (
                json!({"tenant": {"id": "a", "data": 5}}),
                "context.tenant.data must be an object",
            ),
            (json!({"ten ant": "a"}), "context.ten ant must be named"),
            (json!({"tenant": "a b"}), "context.tenant.id must be"),
            (
                json!({"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1"}),
                "no more than 5",
            ),
        ] {
            let problems = parse(&value).unwrap_err();
            assert!(problems[0].contains(text), "{problems:?}");
        }
    }
}
