//! To whom a trigger goes: reads every shape of `to` (engine.md a.2).

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One recipient as the trigger names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// The caller's id of the subscriber.
    pub id: String,
    /// The profile members that were given, nulls included.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub profile: Map<String, Value>,
    /// Legacy channel credentials that were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Value>,
}

/// All recipients of an event, as they are stored with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipients {
    /// Who is named; each once.
    pub to: Vec<Recipient>,
    /// The keys of the topics whose members are notified besides; each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Who is left out of all topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Whether every subscriber of the environment is notified.
    #[serde(default, skip_serializing_if = "is_false")]
    pub everybody: bool,
    /// Who caused it; stored like a recipient, not notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Recipient>,
    /// How many were left out because their id is malformed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Recipients {
    /// Every subscriber there is.
    pub fn everybody() -> Self {
        Self {
            everybody: true,
            ..Self::default()
        }
    }

    /// Whether nobody is meant.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty() && !self.is_stream()
    }

    /// Whether it takes reading to know who is meant: members of topics, or everybody.
    pub fn is_stream(&self) -> bool {
        self.everybody || !self.topics.is_empty()
    }

    /// Members of a topic who are not notified as such: because somebody said so, because they are named themselves, or
    /// because it was them who caused the event.
    pub fn left_out(&self) -> HashSet<&str> {
        let named = self.to.iter().chain(&self.actor).map(|one| one.id.as_str());
        named.chain(self.exclude.iter().map(String::as_str)).collect()
    }
}

/// Profile members that a recipient may bring, and whether they are texts.
const MEMBERS: [&str; 7] = [
    "firstName",
    "lastName",
    "email",
    "phone",
    "avatar",
    "locale",
    "timezone",
];

/// Reads `to`. `Err` holds the texts of a 422. Recipients whose id is malformed are counted and left out; duplicates
/// collapse, the last one's profile wins.
pub fn parse(to: &Value) -> Result<Recipients, Vec<String>> {
    let mut reader = Reader::default();
    match to {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                reader.add(item, &format!("to.{index}"));
            }
        }
        one => reader.add(one, "to"),
    }
    if reader.problems.is_empty() {
        Ok(reader.recipients)
    } else {
        Err(reader.problems)
    }
}

/// Reads `actor`: one recipient.
pub fn parse_actor(actor: &Value) -> Result<Option<Recipient>, Vec<String>> {
    let mut reader = Reader::default();
    reader.add(actor, "actor");
    if reader.recipients.is_stream() {
        reader.problems.push("actor must not be a topic".to_owned());
    }
    if reader.problems.is_empty() {
        Ok(reader.recipients.to.pop())
    } else {
        Err(reader.problems)
    }
}

#[derive(Default)]
struct Reader {
    recipients: Recipients,
    /// Where in `to` each subscriber is.
    places: HashMap<String, usize>,
    problems: Vec<String>,
}

impl Reader {
    fn add(&mut self, value: &Value, path: &str) {
        let read = match value {
            Value::String(id) => Recipient {
                id: id.trim().to_owned(),
                profile: Map::new(),
                channels: Vec::new(),
            },
            Value::Object(object) if object.get("type").and_then(Value::as_str) == Some("Topic") => {
                return self.add_topic(object, path);
            }
            Value::Object(object) => match read_object(object, path, &mut self.problems) {
                Some(recipient) => recipient,
                None => return,
            },
            _ => {
                self.problems.push(format!(
                    "{path} must be a subscriberId, a subscriber object, a topic, or an array of these"
                ));
                return;
            }
        };
        if !is_id(&read.id) {
            self.recipients.dropped += 1;
            return;
        }
        let known = self
            .places
            .get(&read.id)
            .and_then(|place| self.recipients.to.get_mut(*place));
        if let Some(known) = known {
            *known = read;
        } else {
            self.places.insert(read.id.clone(), self.recipients.to.len());
            self.recipients.to.push(read);
        }
    }

    fn add_topic(&mut self, object: &Map<String, Value>, path: &str) {
        let Some(key) = object.get("topicKey").and_then(Value::as_str) else {
            self.problems.push(format!("{path}.topicKey must be a string"));
            return;
        };
        let exclude = match object.get("exclude") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(ids)) => ids.iter().map(|id| id.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        let Some(exclude) = exclude else {
            self.problems
                .push(format!("{path}.exclude must be an array of strings"));
            return;
        };
        let key = key.trim();
        if !is_id(key) {
            self.recipients.dropped += 1;
            return;
        }
        let recipients = &mut self.recipients;
        if !recipients.topics.iter().any(|known| known == key) {
            recipients.topics.push(key.to_owned());
        }
        recipients.exclude.extend(exclude);
    }
}

fn read_object(object: &Map<String, Value>, path: &str, problems: &mut Vec<String>) -> Option<Recipient> {
    if object.contains_key("topicKey") && !object.contains_key("subscriberId") {
        problems.push(format!("{path}.type must be Topic"));
        return None;
    }
    let id = match object.get("subscriberId") {
        Some(Value::String(id)) => id.trim().to_owned(),
        Some(Value::Array(_)) => {
            problems.push(
                "subscriberId under property to is type array, which is not allowed please make sure all subscribers \
                 ids are strings"
                    .to_owned(),
            );
            return None;
        }
        _ => {
            problems.push(
                "subscriberId under property to is not configured, please make sure all subscribers contains \
                 subscriberId property"
                    .to_owned(),
            );
            return None;
        }
    };
    let before = problems.len();
    let mut profile = Map::new();
    for member in MEMBERS {
        match object.get(member) {
            None => {}
            Some(text @ (Value::String(_) | Value::Null)) => drop(profile.insert(member.to_owned(), text.clone())),
            Some(_) => problems.push(format!("{path}.{member} must be a string")),
        }
    }
    match object.get("data") {
        None => {}
        Some(data @ (Value::Object(_) | Value::Null)) => drop(profile.insert("data".to_owned(), data.clone())),
        Some(_) => problems.push(format!("{path}.data must be an object")),
    }
    let channels = match object.get("channels") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(channels)) if channels.iter().all(Value::is_object) => channels.clone(),
        Some(_) => {
            problems.push(format!("{path}.channels must be an array of objects"));
            Vec::new()
        }
    };
    (problems.len() == before).then_some(Recipient { id, profile, channels })
}

/// The id rule of `to`, for subscribers and topics: letters, digits and `_ : . -`, or the shape of an e-mail address.
pub fn is_id(id: &str) -> bool {
    if id.is_empty() || id.len() > 512 {
        return false;
    }
    let word = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'.' | b'-'));
    let mail = || {
        !id.contains(char::is_whitespace)
            && !id.contains(char::is_control)
            && id.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && domain
                        .split_once('.')
                        .is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty())
            })
    };
    word || mail()
}

/// The profile that a recipient's members make of a known one: only what was given changes, a null e-mail clears the
/// address, other nulls change nothing, and a new subscriber keeps no empty members (engine.md c).
pub fn merged_profile(known: Option<&Map<String, Value>>, given: &Map<String, Value>) -> Map<String, Value> {
    let mut profile = known.cloned().unwrap_or_default();
    for (member, value) in given {
        let clears = value.is_null() && known.is_some() && member == "email" && profile.contains_key("email");
        let sets = match value {
            Value::Null => false,
            Value::String(text) => known.is_some() || !text.is_empty(),
            _ => true,
        };
        if clears || sets {
            profile.insert(member.clone(), value.clone());
        }
    }
    if known.is_none() {
        profile.entry("data").or_insert_with(|| Value::Object(Map::new()));
    }
    profile
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn ids(to: &Value) -> Vec<String> {
        parse(to)
            .unwrap()
            .to
            .into_iter()
            .map(|recipient| recipient.id)
            .collect()
    }

    #[test]
    fn every_shape_is_read_and_duplicates_collapse() {
        assert_eq!(ids(&json!("a")), ["a"]);
        assert_eq!(ids(&json!({"subscriberId": "a", "email": "a@b.co"})), ["a"]);
        assert_eq!(ids(&json!(["a", {"subscriberId": "b"}, "a", " b "])), ["a", "b"]);
        let read =
            parse(&json!([{"subscriberId": "a", "firstName": "x"}, {"subscriberId": "a", "firstName": "y"}])).unwrap();
        assert_eq!(read.to[0].profile["firstName"], "y");
    }

    #[test]
    fn topics_count_once_and_what_they_exclude_is_excluded_from_all() {
        let read = parse(&json!([
            {"type": "Topic", "topicKey": "news", "exclude": ["ann"]},
            "bob",
            {"type": "Topic", "topicKey": "sport", "exclude": ["eve"]},
            {"type": "Topic", "topicKey": "news"},
        ]))
        .unwrap();
        assert_eq!(read.topics, ["news", "sport"]);
        assert_eq!(read.exclude, ["ann", "eve"]);
        let actor = parse_actor(&json!("joe")).unwrap();
        let read = Recipients { actor, ..read };
        let left_out = ["ann", "bob", "eve", "joe", "max"].map(|id| read.left_out().contains(id));
        assert_eq!(left_out, [true, true, true, true, false]);
        assert!(parse_actor(&json!({"type": "Topic", "topicKey": "news"})).is_err());
    }

    #[test]
    fn what_was_stored_before_there_were_topics_is_read() {
        let read: Recipients = serde_json::from_value(json!({"to": [{"id": "ann"}]})).unwrap();
        assert_eq!((read.to.len(), read.is_stream(), read.is_empty()), (1, false, false));
        assert_eq!(serde_json::to_value(&read).unwrap(), json!({"to": [{"id": "ann"}]}));
        assert!(Recipients::default().is_empty() && !Recipients::everybody().is_empty());
    }

    #[test]
    fn malformed_ids_are_left_out() {
        let read = parse(&json!(["ok", "not ok", "", "a@b.co", "a@b"])).unwrap();
        assert_eq!((read.to.len(), read.dropped), (2, 3));
    }

    #[test]
    fn wrong_shapes_are_named() {
        for (to, text) in [
            (json!(5), "to must be"),
            (json!({"subscriberId": ["a"]}), "is type array"),
            (json!({"firstName": "a"}), "is not configured"),
            (
                json!([{"subscriberId": "a", "email": 5}]),
                "to.0.email must be a string",
            ),
            (json!({"topicKey": "t"}), "to.type must be Topic"),
            (json!([{"type": "Topic"}]), "to.0.topicKey must be a string"),
            (
                json!({"type": "Topic", "topicKey": "t", "exclude": "a"}),
                "to.exclude must be an array of strings",
            ),
        ] {
            assert!(parse(&to).unwrap_err()[0].contains(text), "{to}");
        }
    }

    #[test]
    fn a_known_profile_changes_only_where_something_was_given() {
        let known = json!({"firstName": "A", "email": "a@b.co", "data": {"x": 1}});
        let given = json!({"email": null, "firstName": null, "lastName": "L", "data": {"y": 2}});
        let merged = merged_profile(known.as_object(), given.as_object().unwrap());
        assert_eq!(
            Value::Object(merged),
            json!({"firstName": "A", "email": null, "data": {"y": 2}, "lastName": "L"})
        );
        let fresh = merged_profile(
            None,
            json!({"email": "", "firstName": "F", "phone": null})
                .as_object()
                .unwrap(),
        );
        assert_eq!(Value::Object(fresh), json!({"firstName": "F", "data": {}}));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in any::<String>()) {
            let _ = parse(&json!([text.clone(), {"subscriberId": text}]));
        }
    }
}
