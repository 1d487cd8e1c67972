//! Why a body cannot be rendered, in words for the activity feed.

/// What is wrong with a body, a layout or their data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template does not parse or does not come to an end.
    #[error("{0}")]
    Template(String),
    /// A loop over something that is no list.
    #[error("Iterable \"{0}\" is not an array")]
    NotAList(String),
    /// The blocks are no document.
    #[error("the blocks are not valid: {0}")]
    Blocks(String),
    /// A bound was reached.
    #[error("the e-mail is too large: {0}")]
    TooLarge(String),
}

impl From<campanile_liquid::ParseError> for RenderError {
    fn from(error: campanile_liquid::ParseError) -> Self {
        Self::Template(error.to_string())
    }
}

impl From<campanile_liquid::RenderError> for RenderError {
    fn from(error: campanile_liquid::RenderError) -> Self {
        Self::Template(error.to_string())
    }
}
