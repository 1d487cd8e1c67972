//! Query strings as the official clients write them: repeated keys, `key[]`, `key[0]`, and numbers such as `10.0`.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::problems::{Path, Problems};
use super::schema::Schemas;
use super::types::Shape;

/// Reads a query string into an object: a key given once is a text, one given more often (or with `[]`) a list.
pub(crate) fn parse_query(query: &str) -> Value {
    let mut object = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key), Value::String(decode(value)));
        let (name, is_list) = match key.split_once('[') {
            Some((name, rest)) if rest.ends_with(']') => (name.to_owned(), true),
            _ => (key, false),
        };
        match object.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None if is_list => drop(object.insert(name, Value::Array(vec![value]))),
            None => drop(object.insert(name, value)),
        }
    }
    Value::Object(object)
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// A whole number in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) i64);

impl Shape for Number {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        // Some clients write whole numbers as floats: 10.0.
        let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
        match number {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked to be a whole number in the exact range"
            )]
            Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(Self(number as i64)),
            Some(_) => {
                problems.add(path, "must be an integer number");
                None
            }
            None => {
                problems.add(path, "must be a number conforming to the specified constraints");
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "number" })
    }
}

/// `true` or `false` in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Shape for Flag {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match value.as_str() {
            Some("true" | "1") => Some(Self(true)),
            Some("false" | "0" | "") => Some(Self(false)),
            _ => {
                problems.add(path, "must be a boolean value");
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "boolean" })
    }
}

/// What is switched on by being named in a query, unless its value says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl Shape for Switch {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match value.as_str() {
            Some("") => Some(Self(true)),
            _ => Flag::read(value, path, problems).map(|flag| Self(flag.0)),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Flag::schema(schemas)
    }
}

/// One or many values of a key: a single one is a list of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T: Shape> Shape for Many<T> {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::Array(items) => {
                let read: Vec<_> = items.iter().map(|item| T::read(item, &path.each(), problems)).collect();
                read.into_iter().collect::<Option<_>>().map(Self)
            }
            one => T::read(one, path, problems).map(|one| Self(vec![one])),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": T::schema(schemas) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_lists_are_read() {
        for query in [
            "tags=a&tags=b",
            "tags[]=a&tags[]=b",
            "tags%5B%5D=a&tags%5B%5D=b",
            "tags[0]=a&tags[1]=b",
        ] {
            assert_eq!(parse_query(query), json!({ "tags": ["a", "b"] }), "{query}");
        }
        assert_eq!(parse_query("tags=a"), json!({ "tags": "a" }));
        assert_eq!(parse_query("tags[]=a"), json!({ "tags": ["a"] }));
        assert_eq!(
            parse_query("contextKeys=&x=a%3Ab+c"),
            json!({ "contextKeys": "", "x": "a:b c" })
        );
        assert_eq!(parse_query(""), json!({}));
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        let read = |text: &str| Number::read(&json!(text), &Path::Root, &mut Problems::default());
        assert_eq!(read("10.0"), Some(Number(10)));
        assert_eq!(read("10"), Some(Number(10)));
        for text in ["ten", "", "1.5", "NaN", "1e99"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
