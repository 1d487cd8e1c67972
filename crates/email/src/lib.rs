//! E-mail bodies: from what an author wrote, in blocks or in HTML, and a layout around it, to an HTML and a text part.
//!
//! Blocks are the document format of the Maily editor, which Novu's dashboard stores; `@maily-to/render` is the
//! specification of their HTML, and the test `maily` compares the two. Nothing here reads files or opens connections,
//! and all work is bounded: templates by the limits of Liquid, documents by [`limits`].

mod blocks;
mod compose;
mod error;
mod escape;
mod inline;
pub mod limits;
mod sanitise;
mod scan;
mod text;

pub use blocks::is_document;
pub use compose::{Content, Email, finished, has_content_slot, is_whole_page, render};
pub use error::RenderError;
pub use sanitise::fragment as sanitised_fragment;
