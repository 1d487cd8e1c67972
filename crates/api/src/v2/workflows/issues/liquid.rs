//! Templates that cannot be read, and variables that a step does not have.

use campanile_liquid::{Segment, Template};
use serde_json::{Map, Value};

use super::super::templates::{Piece, find};
use super::super::variables::{allows, segments};
use super::{Issues, Kind, filters};

/// Longer texts are cut in messages.
const LONGEST: usize = 100;

pub(super) fn check(values: &Map<String, Value>, variables: &Value, issues: &mut Issues) {
    for found in find(values) {
        match &found.piece {
            // Most texts hold no template at all.
            Piece::Template(text) if !text.contains("{{") && !text.contains("{%") => {}
            Piece::Template(text) => template(&found.path, text, variables, issues),
            // Inside a loop of the block editor, `current` is the loop's own.
            Piece::Path(path) if path == "current" || path.starts_with("current.") => {}
            Piece::Path(path) => variable(&found.path, path, &segments(path), variables, issues),
        }
    }
}

fn template(path: &str, text: &str, variables: &Value, issues: &mut Issues) {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => return unreadable(path, text, &error.message, error.line, issues),
    };
    for read in template.variables() {
        variable(path, &read.path, &read.segments, variables, issues);
    }
    for output in outputs(text) {
        if let Some(fault) = filters::fault(output) {
            let message = format!("Variable {output} {fault}");
            issues.add(path, Kind::InvalidFilterArgument, &message, output);
        }
    }
}

fn variable(path: &str, name: &str, segments: &[Segment], variables: &Value, issues: &mut Issues) {
    if allows(variables, segments) {
        return;
    }
    let shown = format!("{{{{{}}}}}", cut(name));
    let has_namespace =
        matches!(segments.first(), Some(Segment::Name(root)) if variables["properties"].get(root.as_str()).is_some());
    let message = if has_namespace {
        format!("Variable {shown} is not supported")
    } else {
        format!(
            "Variable {shown} invalid or missing namespace. Did you mean {{{{payload.{}}}}}?",
            cut(name)
        )
    };
    issues.add(path, Kind::IllegalVariable, &message, &shown);
}

/// Names the outputs that cannot be read; when each can, the fault is in a tag.
fn unreadable(path: &str, text: &str, fault: &str, line: u32, issues: &mut Issues) {
    let mut named = false;
    for output in outputs(text) {
        if let Err(error) = Template::parse(output) {
            let shown = cut(output);
            let message = format!("Variable {shown} {}", error.message);
            issues.add(path, Kind::IllegalVariable, &message, shown);
            named = true;
        }
    }
    if !named {
        let line = usize::try_from(line).unwrap_or(1).max(1);
        let shown = cut(text.lines().nth(line - 1).unwrap_or(text).trim());
        issues.add(path, Kind::IllegalVariable, &format!("Variable {shown} {fault}"), shown);
    }
}

/// The `{{…}}` of a text; one that is never closed reaches to the end.
fn outputs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find("{{")?;
        let end = rest[start..].find("}}").map_or(rest.len(), |length| start + length + 2);
        let output = &rest[start..end];
        rest = &rest[end..];
        Some(output)
    })
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}
