//! Liquid templates as LiquidJS 10 understands them.
//!
//! Novu renders its templates with LiquidJS, so that package is the specification, oddities included; the test
//! `liquidjs` runs both against each other. Nothing here reads files, the clock or the environment, and every rendering
//! is bounded by [`Limits`].
//!
//! ```
//! use campanile_liquid::{RenderOptions, Template};
//!
//! let template = Template::parse("Hello {{ subscriber.firstName | default: 'friend' }}!").unwrap();
//! let options = RenderOptions::new(jiff::Timestamp::UNIX_EPOCH);
//! let data = serde_json::json!({ "subscriber": { "firstName": "Ada" } });
//! assert_eq!(template.render(&data, &options).unwrap(), "Hello Ada!");
//! ```

mod ast;
mod compare;
mod convert;
mod error;
mod evaluate;
mod expression;
mod filters;
mod lexer;
mod limits;
mod number;
mod parser;
mod render;
pub mod script;
mod value;
mod variables;

use std::sync::Arc;

pub use error::{ParseError, Position, RenderError, RenderErrorKind};
pub use limits::Limits;
pub use render::{Output, RenderOptions};
pub use variables::{Segment, Variable};

/// A parsed template: shared between threads, cheap to clone, rendered any number of times.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Arc<[ast::Node]>,
}

impl Template {
    /// Reads a template. Unknown filters are accepted, unknown tags are not.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        match parser::parse(source) {
            Ok(nodes) => Ok(Self { nodes: nodes.into() }),
            Err(fault) => Err(fault.into_parse_error()),
        }
    }

    /// Renders the template with `globals` as its data. Missing variables print nothing.
    pub fn render(&self, globals: &serde_json::Value, options: &RenderOptions) -> Result<String, RenderError> {
        let mut out = String::new();
        let mut renderer = render::Renderer::new(globals, options);
        renderer
            .nodes(&self.nodes, &mut out)
            .map_err(error::Fault::into_render_error)?;
        Ok(out)
    }

    /// Renders as [`Template::render`] does, and leaves in the options what is left of their limits: many renderings of
    /// one message share one bound.
    pub fn render_sharing(
        &self,
        globals: &serde_json::Value,
        options: &mut RenderOptions,
    ) -> Result<String, RenderError> {
        let mut out = String::new();
        let mut renderer = render::Renderer::new(globals, options);
        let result = renderer.nodes(&self.nodes, &mut out);
        let left = renderer.budget.left();
        options.limits = left;
        result.map_err(error::Fault::into_render_error)?;
        Ok(out)
    }

    /// Every place where the template reads from its data, in the order of the source. Names that the template itself
    /// sets (loop variables, `assign`, `capture`, counters) are left out once they are set.
    pub fn variables(&self) -> Vec<Variable> {
        variables::of(&self.nodes)
    }
}
