//! The problems of one request, with the wire paths that they are about.

use campanile_model::Error;

/// Where in the input something is: `steps.0.name`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// The whole body or query.
    Root,
    /// A member of an object.
    Field(&'a Path<'a>, &'a str),
    /// An element of a list.
    Item(&'a Path<'a>, usize),
    /// Each element of a list of plain values; the reference words these differently.
    Each(&'a Path<'a>),
}

impl<'a> Path<'a> {
    pub(crate) const fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) const fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    pub(crate) const fn each(&'a self) -> Self {
        Self::Each(self)
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("body"),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}.{index}"),
            Self::Each(parent) => write!(f, "each value in {parent}"),
        }
    }
}

/// More problems than this are not listed: the answer to a hostile body stays small.
const MOST: usize = 50;
/// A path or a text is cut at this length for the same reason.
const LONGEST: usize = 300;

/// What is wrong with a request.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    /// Adds `<path> <text>`; the same problem is listed once.
    pub(crate) fn add(&mut self, path: &Path<'_>, text: &str) {
        self.add_text(format!("{path} {text}"));
    }

    /// Adds a whole sentence.
    pub(crate) fn add_text(&mut self, mut text: String) {
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
        }
        if self.0.len() < MOST && !self.0.contains(&text) {
            self.0.push(text);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The 422.
    pub(crate) fn into_error(self) -> Error {
        Error::invalid(self.0)
    }
}
