//! Documents of blocks: read, filled with data, written as HTML.

mod element;
mod expand;
mod node;
mod style;
mod template;
mod write;

use campanile_liquid::RenderOptions;
use serde_json::Value;

use crate::error::RenderError;

/// What is around the blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame<'a> {
    /// A page of their own.
    Page,
    /// Nothing: they go into a layout.
    Piece,
    /// A page of their own, in which this is the content.
    Layout {
        /// The HTML of the body.
        content: &'a str,
    },
}

/// The document that this text is, if it is one.
pub(crate) fn parse(body: &str) -> Option<Value> {
    if !body.trim_start().starts_with('{') {
        return None;
    }
    let document: Value = serde_json::from_str(body).ok()?;
    let is_document = document["type"] == "doc" && document["content"].is_array();
    is_document.then_some(document)
}

/// Refuses a document whose blocks are nested so deeply that it cannot be read as one: it is no HTML either.
pub(crate) fn check_depth(body: &str) -> Result<(), RenderError> {
    if !body.trim_start().starts_with('{') {
        return Ok(());
    }
    match serde_json::from_str::<Value>(body) {
        Err(error) if error.to_string().starts_with("recursion limit exceeded") => Err(RenderError::TooLarge(format!(
            "blocks are nested more than {} deep",
            crate::limits::MAX_DEPTH
        ))),
        _ => Ok(()),
    }
}

/// Whether this text is a document of blocks.
pub fn is_document(body: &str) -> bool {
    parse(body).is_some()
}

/// Whether a variable of this name is anywhere in the document, as a block or in a text.
pub(crate) fn has_variable(document: &Value, name: &str) -> bool {
    if document["type"] == "variable" && document["attrs"]["id"] == name {
        return true;
    }
    if let Some(text) = document["text"].as_str()
        && let Ok(template) = campanile_liquid::Template::parse(text)
        && template.variables().iter().any(|variable| variable.path == name)
    {
        return true;
    }
    node::children(document).iter().any(|child| has_variable(child, name))
}

/// Fills a document with data and writes it as HTML.
pub(crate) fn render(
    document: &Value,
    data: &Value,
    options: &RenderOptions,
    frame: Frame<'_>,
) -> Result<String, RenderError> {
    let expanded = expand::expand(document, data, options)?;
    let filled = template::fill(&expanded, data, options)?;
    Ok(write::document(&filled, frame))
}
