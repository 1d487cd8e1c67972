//! Layouts: frames around e-mail bodies (api.md 7.1).

mod body;
mod create;
mod delete;
mod duplicate;
mod list;
mod preview;
mod retrieve;
mod update;
mod usage;
mod view;

use campanile_model::slug::{Reference, is_identifier, slugify};
use campanile_model::{Error, Result};
use campanile_store::layouts::{EXISTS, Layout, SECOND_DEFAULT};
use campanile_store::secrets::random_word;
use campanile_store::translations::Translation;
use campanile_store::{Batch, StoreError};

use crate::call::{Call, Reply};
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &create::ROUTE,
    &list::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &duplicate::ROUTE,
    &preview::ROUTE,
    &usage::ROUTE,
];

/// How often a lost race is run again before the caller is asked to.
const TRIES: usize = 8;
/// Longer identifiers are refused: an index holds them.
const LONGEST: usize = 255;

/// The layout that the path names, or a 404.
async fn named(call: &Call) -> Result<Layout> {
    let name = call.parameter("layoutId");
    let found = call.store().layout(&call.ctx, &Reference::parse(name, "lt")).await?;
    found.ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Error {
    Error::not_found(format!("Layout not found for id {name}")).with("layoutId", name)
}

/// The answer when every race was lost.
fn too_contended<T>() -> Result<T> {
    Err(Error::unavailable(
        "The layout is being changed by others; please try again.",
        1,
    ))
}

/// The rule for identifiers in requests.
fn identifier_rule(text: &str) -> Option<String> {
    if text.chars().count() > LONGEST {
        return Some(format!("must be shorter than or equal to {LONGEST} characters"));
    }
    (!is_identifier(text))
        .then(|| "must be a valid slug format (letters, numbers, hyphens, underscores and dots only)".to_owned())
}

/// An identifier made from a name; random where the name has no Latin letter or digit.
fn identifier_from(name: &str) -> Result<String> {
    let slug = slugify(name);
    if slug.is_empty() {
        return Ok(random_word(8)?);
    }
    // Slugs are ASCII: any index is a boundary.
    Ok(slug[..slug.len().min(LONGEST)].trim_end_matches('-').to_owned())
}

/// Stores a new layout with these texts. The first of an environment becomes the default; a taken identifier gets a suffix.
async fn add(call: &Call, mut layout: Layout, texts: &[Translation]) -> Result<Reply> {
    let store = call.store();
    let wanted = layout.layout_id.clone();
    for _ in 0..TRIES {
        layout.is_default = store.default_layout(&call.ctx).await?.is_none();
        let mut batch = Batch::new();
        store.insert_layout(&mut batch, &call.ctx, &layout);
        store.copy_translations(&mut batch, &call.ctx, texts, layout.id);
        let reply = Reply::data(201, &view::one(&layout))?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if is_taken(&error) => layout.layout_id = format!("{wanted}-{}", random_word(4)?),
            Err(error) if error.is_conflict(SECOND_DEFAULT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

fn is_taken(error: &StoreError) -> bool {
    error.is_conflict(EXISTS)
}
