//! The one error of everything above storage, its kinds chosen by what the caller can do about it.
//!
//! The public `message` is for the caller; `internal` is for the log and never leaves the server.

use std::fmt;

use serde_json::{Map, Value};

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error; each kind is one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request makes no sense here.
    BadRequest,
    /// 401: no or wrong credentials.
    Unauthenticated,
    /// 403: known, but not allowed.
    Forbidden,
    /// 404: nothing there.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 409: something else is in the way.
    Conflict,
    /// 413: the body is over the route's limit.
    TooLarge,
    /// 415: a content type that is not JSON.
    UnsupportedMedia,
    /// 422: the shape of the input is wrong.
    Invalid,
    /// 429: too many calls.
    TooMany,
    /// 502: a vendor that had to be asked refused.
    BadGateway,
    /// 503: for now; try again.
    Unavailable,
    /// 500: ours.
    Internal,
}

impl Kind {
    /// The HTTP status and the name that Novu's framework gives it.
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::Unauthenticated => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::Conflict => (409, "Conflict"),
            Self::TooLarge => (413, "Payload Too Large"),
            Self::UnsupportedMedia => (415, "Unsupported Media Type"),
            Self::Invalid => (422, "Unprocessable Entity"),
            Self::TooMany => (429, "Too Many Requests"),
            Self::BadGateway => (502, "Bad Gateway"),
            Self::Unavailable => (503, "Service Unavailable"),
            Self::Internal => (500, "Internal Server Error"),
        }
    }
}

/// An error with a sentence for the caller.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    message: String,
    extras: Map<String, Value>,
    errors: Option<Value>,
    retry_after: Option<u64>,
    internal: Option<String>,
}

impl Error {
    /// An error of this kind with this sentence.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            extras: Map::new(),
            errors: None,
            retry_after: None,
            internal: None,
        }))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// 401.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, message)
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// 422 as Novu's validation pipe answers it: all texts under `errors.general`.
    pub fn invalid(messages: Vec<String>) -> Self {
        let mut error = Self::new(Kind::Invalid, "Validation Error");
        error.0.errors = Some(property_errors("general", messages, Value::from("No Value Recorded")));
        error
    }

    /// 422 as Novu's commands answer it: the texts under the property's own name.
    pub fn invalid_property(property: &str, messages: Vec<String>, value: Value) -> Self {
        let mut error = Self::new(Kind::Invalid, "Validation failed");
        error.0.errors = Some(property_errors(property, messages, value));
        error
    }

    /// 503: the server is too busy for now.
    pub fn unavailable(message: impl Into<String>, retry_after_seconds: u64) -> Self {
        let mut error = Self::new(Kind::Unavailable, message);
        error.0.retry_after = Some(retry_after_seconds);
        error
    }

    /// 429.
    pub fn too_many(retry_after_seconds: u64) -> Self {
        let mut error = Self::new(Kind::TooMany, "API rate limit exceeded");
        error.0.retry_after = Some(retry_after_seconds);
        error
    }

    /// 500: `internal` goes to the log only.
    pub fn internal(internal: impl fmt::Display) -> Self {
        let mut error = Self::new(
            Kind::Internal,
            "Internal server error, contact support and provide them with the errorId",
        );
        error.0.internal = Some(internal.to_string());
        error
    }

    /// Adds a member to the error's `ctx`, which the API repeats at the root.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.extras.insert(key.to_owned(), value.into());
        self
    }

    /// Adds all members of an object, as [`Error::with`] does with one.
    #[must_use]
    pub fn with_all(mut self, members: Map<String, Value>) -> Self {
        self.0.extras.extend(members);
        self
    }

    /// Asks the caller to wait this many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Further members for the caller.
    pub fn extras(&self) -> &Map<String, Value> {
        &self.0.extras
    }

    /// The validation errors of a 422.
    pub fn errors(&self) -> Option<&Value> {
        self.0.errors.as_ref()
    }

    /// Seconds to wait before another try.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// What only the log may see.
    pub fn for_the_log(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.internal {
            Some(internal) => write!(f, "{}: {internal}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl std::error::Error for Error {}

/// `{ <property>: { messages, value } }`.
fn property_errors(property: &str, messages: Vec<String>, value: Value) -> Value {
    let problem = Map::from_iter([
        ("messages".to_owned(), Value::from(messages)),
        ("value".to_owned(), value),
    ]);
    Value::Object(Map::from_iter([(property.to_owned(), Value::Object(problem))]))
}
