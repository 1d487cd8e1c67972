//! Bodies with files. They are in memory already, within the route's limit.

use std::convert::Infallible;

use axum::http::header;
use bytes::Bytes;
use campanile_model::{Error, Result, locale};
use multer::{Field, Multipart};
use serde_json::{Map, Value};

use crate::call::{Call, shaped};

/// More files in one call are refused.
const MOST_FILES: usize = 1000;

/// A form with files.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// The fields: texts, and the names of files, as a list where the field takes several.
    pub(super) fields: Map<String, Value>,
    /// The files of all fields, in their order.
    pub(super) files: Vec<File>,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    content: Bytes,
}

impl File {
    /// The locale that the file is named after, and its texts; `Err` says what is wrong with it.
    pub(super) fn texts(&self) -> Result<(String, Map<String, Value>), String> {
        let name = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let locale = name
            .strip_suffix(".json")
            .and_then(locale::parse)
            .ok_or_else(|| format!("The file name must be a locale, such as en_US.json: {name}"))?;
        let content: Value =
            serde_json::from_slice(&self.content).map_err(|error| format!("Invalid JSON in file: {name}: {error}"))?;
        let content = shaped(&content)
            .map_err(|_| format!("The texts must be an object without NUL characters in file: {name}"))?;
        Ok((locale, content))
    }
}

/// Reads the body of a call.
pub(super) async fn read(call: &Call) -> Result<Form> {
    let kind = call
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if call.body.is_empty() {
        return Ok(Form::default());
    }
    let boundary = multer::parse_boundary(kind).map_err(|error| refused(&error))?;
    let body = call.body.clone();
    let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut parts = Multipart::new(stream, boundary);
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(|error| refused(&error))? {
        add(&mut form, part).await?;
        if form.files.len() + form.fields.len() > MOST_FILES {
            return Err(Error::bad_request(format!(
                "At most {MOST_FILES} files are taken at once"
            )));
        }
    }
    Ok(form)
}

async fn add(form: &mut Form, part: Field<'static>) -> Result<()> {
    let field = part.name().unwrap_or_default().to_owned();
    let Some(name) = part.file_name().map(str::to_owned) else {
        let text = part.text().await.map_err(|error| refused(&error))?;
        form.fields.insert(field, text.into());
        return Ok(());
    };
    let content = part.bytes().await.map_err(|error| refused(&error))?;
    // Some clients mark what takes several.
    match field.strip_suffix("[]").unwrap_or(&field) {
        "file" => {
            form.fields.insert(field, name.as_str().into());
        }
        several => {
            let names = form.fields.entry(several).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(names) = names {
                names.push(name.as_str().into());
            }
        }
    }
    form.files.push(File { name, content });
    Ok(())
}

fn refused(error: &multer::Error) -> Error {
    Error::bad_request(format!("The files could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, content: &'static str) -> Result<(String, Map<String, Value>), String> {
        let file = File {
            name: name.to_owned(),
            content: Bytes::from_static(content.as_bytes()),
        };
        file.texts()
    }

    #[test]
    fn a_file_is_named_after_its_locale_and_holds_an_object() {
        assert_eq!(texts("de-DE.json", "{}"), Ok(("de_DE".to_owned(), Map::new())));
        assert_eq!(texts("dir/de_DE.json", "{}").unwrap().0, "de_DE");
        for (name, content, wanted) in [
            ("german.json", "{}", "name must be a locale"),
            ("de_DE.txt", "{}", "name must be a locale"),
            ("de_DE.json", "{", "Invalid JSON in file: de_DE.json"),
            ("de_DE.json", "[]", "must be an object without NUL"),
            ("de_DE.json", "{\"a\":\"\\u0000\"}", "NUL"),
        ] {
            let problem = texts(name, content).unwrap_err();
            assert!(problem.contains(wanted), "{problem}");
        }
    }
}
