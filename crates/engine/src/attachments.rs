//! Files that a trigger brings along (engine.md a.1 and a.4): in `payload.attachments`, and in `attachments` of the
//! overrides of a channel or provider. They are kept once, beside the event; what everybody else reads (templates,
//! traces, the activity feed) has in their place what they are called and how large they are.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use campanile_model::Id;
use campanile_store::attachments::Attachment;
use serde_json::{Map, Value, json};

/// More files are refused. How large they are together is bounded by the size of a request.
const MOST: usize = 50;

/// As Node.js reads base64: with padding or without.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What is wrong with the files of a trigger: sentences for people.
pub fn faults(payload: &Map<String, Value>, overrides: Option<&Map<String, Value>>) -> Vec<String> {
    let mut faults = faults_of(payload.get("attachments"), "payload.attachments");
    for (name, part) in overrides.into_iter().flatten() {
        faults.extend(faults_of(
            part.get("attachments"),
            &format!("overrides.{name}.attachments"),
        ));
    }
    faults
}

fn faults_of(list: Option<&Value>, path: &str) -> Vec<String> {
    let Some(list) = list.and_then(Value::as_array) else {
        return Vec::new();
    };
    let files = list.iter().filter(|one| one.get("file").is_some()).count();
    if files > MOST {
        return vec![format!("{path} must contain no more than {MOST} files")];
    }
    list.iter()
        .enumerate()
        .filter_map(|(index, one)| match decoded(one.get("file")?) {
            None => Some(format!(
                "{path}.{index}.file must be base64, or a Buffer as JSON has it"
            )),
            Some(_) => None,
        })
        .collect()
}

/// The content of a file: base64, or what `JSON.stringify` makes of a Buffer.
fn decoded(file: &Value) -> Option<Vec<u8>> {
    match file {
        Value::String(text) => {
            let text = match text.strip_prefix("data:") {
                Some(url) => url.split_once(";base64,")?.1,
                None => text,
            };
            let text: Cow<'_, str> = if text.contains(char::is_whitespace) {
                text.split_whitespace().collect::<String>().into()
            } else {
                text.into()
            };
            let read = PLAIN.decode(text.as_bytes());
            read.or_else(|_| URL_SAFE.decode(text.as_bytes())).ok()
        }
        Value::Object(buffer) if buffer.get("type").and_then(Value::as_str) == Some("Buffer") => {
            let bytes = buffer.get("data")?.as_array()?;
            bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect()
        }
        _ => None,
    }
}

/// A trigger without its files, and the files.
pub(crate) struct Taken<'a> {
    pub(crate) payload: Cow<'a, Value>,
    pub(crate) overrides: Cow<'a, Value>,
    pub(crate) files: Vec<Attachment>,
}

/// Takes the files out of a trigger.
pub(crate) fn take<'a>(payload: &'a Value, overrides: &'a Value, new_id: &dyn Fn() -> Id) -> Taken<'a> {
    let has_list = |value: &Value| value.get("attachments").is_some_and(Value::is_array);
    let mut taken = Taken {
        payload: Cow::Borrowed(payload),
        overrides: Cow::Borrowed(overrides),
        files: Vec::new(),
    };
    if has_list(payload) {
        take_from(taken.payload.to_mut(), &mut taken.files, new_id);
    }
    if overrides.as_object().is_some_and(|parts| parts.values().any(has_list)) {
        let parts = taken.overrides.to_mut().as_object_mut();
        for part in parts.into_iter().flat_map(Map::values_mut) {
            take_from(part, &mut taken.files, new_id);
        }
    }
    taken
}

fn take_from(holder: &mut Value, files: &mut Vec<Attachment>, new_id: &dyn Fn() -> Id) {
    let list = holder.get_mut("attachments").and_then(Value::as_array_mut);
    for one in list.into_iter().flatten().filter_map(Value::as_object_mut) {
        // Nobody names a file that they did not bring.
        one.remove("storagePath");
        let Some(content) = one.remove("file").as_ref().and_then(decoded) else {
            continue;
        };
        let id = new_id();
        let name = one.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        one.insert("storagePath".to_owned(), format!("{PREFIX}{id}").into());
        one.insert("size".to_owned(), content.len().into());
        files.push(Attachment { id, name, content });
    }
}

const PREFIX: &str = "attachments/";

/// The entries of a payload and of overrides whose files go along on this channel.
pub(crate) fn of_channel(payload: &Value, overrides: &Value, channel: &str) -> Vec<Value> {
    let lists = [payload.get("attachments"), overrides.get("attachments")];
    let entries = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
    let goes = |entry: &&Value| match entry.get("channels").and_then(Value::as_array) {
        Some(channels) => channels.iter().any(|one| one.as_str() == Some(channel)),
        None => true,
    };
    entries
        .filter(|entry| file_of(entry).is_some())
        .filter(goes)
        .cloned()
        .collect()
}

/// The id of the file that an entry stands for.
pub(crate) fn file_of(entry: &Value) -> Option<Id> {
    entry.get("storagePath")?.as_str()?.strip_prefix(PREFIX)?.parse().ok()
}

/// What is shown of an entry: what the file is called, of what kind it is, and how large.
pub(crate) fn shown(entry: &Value) -> Value {
    let mut shown = json!({});
    for name in ["name", "mime", "size", "cid", "disposition"] {
        if let Some(value) = entry.get(name) {
            shown[name] = value.clone();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn taken<'a>(payload: &'a Value, overrides: &'a Value) -> Taken<'a> {
        let last = Cell::new(0);
        take(payload, overrides, &|| {
            last.set(last.get() + 1);
            Id::from_bytes([last.get(); 12])
        })
    }

    #[test]
    fn files_are_taken_out_and_named_in_their_place() {
        let payload = json!({ "x": 1, "attachments": [
            { "name": "a.txt", "mime": "text/plain", "file": "aGVsbG8" },
            { "name": "b", "file": { "type": "Buffer", "data": [1, 2, 255] }, "channels": ["sms"] },
            { "name": "not a file", "storagePath": "attachments/somebody-else's" },
            "anything",
        ] });
        let overrides =
            json!({ "email": { "attachments": [{ "name": "c", "file": "data:text/plain;base64,8J+YgA==" }] } });
        let taken = taken(&payload, &overrides);
        let contents: Vec<_> = taken.files.iter().map(|file| file.content.as_slice()).collect();
        assert_eq!(contents, [b"hello".as_slice(), &[1, 2, 255], "😀".as_bytes()]);
        let left = &taken.payload["attachments"];
        assert_eq!((&left[0]["size"], &left[0]["file"]), (&json!(5), &Value::Null));
        assert_eq!(left[2], json!({ "name": "not a file" }));
        assert_eq!(left[3], "anything");
        let names = |channel| -> Vec<Value> {
            let entries = of_channel(&taken.payload, &taken.overrides["email"], channel);
            entries.iter().map(|entry| entry["name"].clone()).collect()
        };
        assert_eq!(names("email"), ["a.txt", "c"]);
        assert_eq!(names("sms"), ["a.txt", "b", "c"]);
        assert_eq!(file_of(&left[0]), Some(taken.files[0].id));
        assert_eq!(
            shown(&left[0]),
            json!({ "name": "a.txt", "mime": "text/plain", "size": 5 })
        );
    }

    #[test]
    fn without_files_nothing_is_copied() {
        let (payload, overrides) = (
            json!({ "attachments": "none" }),
            json!({ "email": { "to": ["a"] }, "severity": "high" }),
        );
        let taken = taken(&payload, &overrides);
        assert!(matches!(
            (taken.payload, taken.overrides),
            (Cow::Borrowed(_), Cow::Borrowed(_))
        ));
    }

    #[test]
    fn what_is_no_file_is_said() {
        let wrong = |file: Value| {
            let payload = json!({ "attachments": [{ "name": "ok" }, { "file": file }] });
            faults(payload.as_object().unwrap(), None)
        };
        for good in [json!(""), json!("YQ"), json!("YQ=="), json!("_-_-"), json!("Y Q\n")] {
            assert!(wrong(good).is_empty());
        }
        let text = "payload.attachments.1.file must be base64, or a Buffer as JSON has it";
        for bad in [
            json!("ä"),
            json!(1),
            json!({ "type": "Buffer", "data": [256] }),
            json!("data:text/plain,x"),
        ] {
            assert_eq!(wrong(bad), [text]);
        }
        let overrides = json!({ "email": { "attachments": [{ "file": 1 }] }, "severity": "high" });
        assert_eq!(
            faults(&Map::new(), overrides.as_object()),
            ["overrides.email.attachments.0.file must be base64, or a Buffer as JSON has it"]
        );
        let many: Vec<Value> = (0..=MOST).map(|_| json!({ "file": "" })).collect();
        assert_eq!(
            faults(json!({ "attachments": many }).as_object().unwrap(), None),
            ["payload.attachments must contain no more than 50 files"]
        );
    }
}
