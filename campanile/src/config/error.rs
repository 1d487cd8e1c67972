//! Why a configuration is refused, in one sentence that says what to do.
//!
//! The caller can only show the sentence and leave, so there are no variants; each constructor is named after its
//! sentence. None of them is ever given the value of a secret.

use std::io;
use std::path::Path;

use super::source::Origin;

/// A configuration that the server cannot start with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ConfigError {
    message: String,
    usage: bool,
}

impl ConfigError {
    fn new(message: String) -> Self {
        Self { message, usage: false }
    }

    /// The exit code for it: a flag that cannot be used is wrong usage (2), everything else a failure (1).
    pub(crate) fn exit_code(&self) -> u8 {
        if self.usage { 2 } else { 1 }
    }

    /// The value is not of the form that the setting needs.
    pub(super) fn unusable(origin: &Origin, shown: Option<&str>, rule: &str, example: &str) -> Self {
        let is = shown.map(|value| format!("is {value:?}, but ")).unwrap_or_default();
        let message = format!("{origin} {is}must be {rule}, for example {example}");
        Self {
            message,
            usage: matches!(origin, Origin::Flag(_)),
        }
    }

    /// The setting's feature does not exist yet.
    pub(super) fn comes_later(origin: &Origin, later: &str, default: Option<&str>) -> Self {
        let until = match default {
            Some(default) => format!("until then only the default {default} is accepted"),
            None => "until then it cannot be set".to_owned(),
        };
        Self {
            message: format!("{origin} has no effect yet, because {later}; {until}, so remove it"),
            usage: matches!(origin, Origin::Flag(_)),
        }
    }

    /// The name looks like one of ours, but is none.
    pub(super) fn unknown(source: &str, nearest: Option<&str>) -> Self {
        let advice = match nearest {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => "remove it, or look up the known names with `campanile settings`".to_owned(),
        };
        Self::new(format!("{source} is not a setting; {advice}"))
    }

    /// The provider is in no catalogue.
    pub(super) fn unknown_provider(source: &str, id: &str, nearest: Option<&str>) -> Self {
        let advice = nearest.map_or("remove it".to_owned(), |nearest| format!("did you mean {nearest}?"));
        Self::new(format!("{source} names the provider {id}, which is unknown; {advice}"))
    }

    /// The same setting is given twice, so that one of them would be ignored in silence.
    pub(super) fn both(one: &str, other: &str) -> Self {
        Self::new(format!("{one} and {other} are both set; remove one of them"))
    }

    /// A file that the configuration names cannot be read.
    pub(super) fn unreadable(named_by: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!(
            "{named_by} names {}, which cannot be read ({error}); mend the path or the file",
            path.display()
        ))
    }

    /// The configuration file is not TOML. The parser's own message is left out, because it may quote a secret.
    pub(super) fn not_toml(path: &Path, line: usize) -> Self {
        Self::new(format!(
            "{} is not valid TOML at line {line}; write settings as key = \"value\"",
            path.display()
        ))
    }

    /// The variable cannot be read as text.
    pub(super) fn not_text(variable: &str) -> Self {
        Self::new(format!("{variable} is not valid UTF-8; set it again as plain text"))
    }

    /// Two settings that cannot go together; the sentence names both and the way out.
    pub(super) fn conflict(sentence: String) -> Self {
        Self::new(sentence)
    }
}
