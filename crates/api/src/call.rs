//! One call of the API on its way through a handler, and its reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::http::HeaderMap;
use bytes::Bytes;
use campanile_model::{Ctx, Error, Result};
use campanile_store::idempotency::{CONFLICT, Key};
use campanile_store::{Batch, Done, Store, StoreError};
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::session::Session;
use crate::shape::{Path, Problems, Shape, parse_query};

/// A call that is authenticated, permitted and within its limits.
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) ctx: Ctx,
    pub(crate) headers: HeaderMap,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) query: Value,
    pub(crate) body: Bytes,
    pub(crate) idempotency: Option<Arc<Idempotency>>,
    /// Whose call it is, on routes of subscribers.
    pub(crate) session: Option<Session>,
}

/// The `Idempotency-Key` of a call, and what has become of it.
pub(crate) struct Idempotency {
    pub(crate) key: Key,
    state: AtomicU8,
}

const OPEN: u8 = 0;
const RECORDED: u8 = 1;
const CONFLICTED: u8 = 2;

impl Idempotency {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            state: AtomicU8::new(OPEN),
        }
    }

    /// Whether the answer was stored with the change that it answers.
    pub(crate) fn is_recorded(&self) -> bool {
        self.state.load(Ordering::Relaxed) == RECORDED
    }

    /// Whether another request with the same key was quicker.
    pub(crate) fn is_conflicted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CONFLICTED
    }

    /// Takes note of how the commit ended that held the record.
    pub(crate) fn settle<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => self.state.store(RECORDED, Ordering::Relaxed),
            Err(error) if error.is_conflict(CONFLICT) => self.state.store(CONFLICTED, Ordering::Relaxed),
            Err(_) => {}
        }
    }
}

impl Call {
    /// The store.
    pub(crate) fn store(&self) -> &Store {
        self.app.store()
    }

    /// Whose call it is. Routes of subscribers always have one.
    pub(crate) fn session(&self) -> Result<&Session> {
        let missing = || Error::unauthenticated("An inbox session is needed");
        self.session.as_ref().ok_or_else(missing)
    }

    /// A parameter of the path, decoded.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// The body read into its shape; an absent body counts as an empty object.
    pub(crate) fn body<T: Shape>(&self) -> Result<T> {
        let value: Value = if self.body.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_slice(&self.body).map_err(|error| {
                Error::bad_request(format!("The body is not valid JSON: {error}")).with("error", "Bad Request")
            })?
        };
        shaped(&value)
    }

    /// The body of a form: its fields as texts, or lists of texts.
    pub(crate) fn form(&self) -> Value {
        parse_query(&String::from_utf8_lossy(&self.body))
    }

    /// The query string read into its shape.
    pub(crate) fn query<T: Shape>(&self) -> Result<T> {
        shaped(&self.query)
    }

    /// Commits a change together with the record of its answer, so that neither is there without the other.
    pub(crate) async fn commit(&self, mut batch: Batch, reply: &Reply) -> Result<Done, StoreError> {
        if let Some(idempotency) = &self.idempotency {
            self.store()
                .record_answer(&mut batch, &self.ctx, &idempotency.key, reply.status, &reply.body)?;
        }
        let result = self.store().commit(batch).await;
        if let Some(idempotency) = &self.idempotency {
            idempotency.settle(&result);
        }
        result
    }
}

/// A value read into its shape.
pub(crate) fn shaped<T: Shape>(value: &Value) -> Result<T> {
    let mut problems = Problems::default();
    match T::read(value, &Path::Root, &mut problems) {
        Some(read) if problems.is_empty() => Ok(read),
        _ => Err(problems.into_error()),
    }
}

/// A successful answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Beyond those of every answer: what makes it a page, a file or a way to another address.
    pub(crate) headers: HeaderMap,
}

impl Reply {
    /// `{"data": …}`.
    pub(crate) fn data(status: u16, data: &impl Serialize) -> Result<Self> {
        #[derive(Serialize)]
        struct Data<'a, T> {
            data: &'a T,
        }
        Self::raw(status, &Data { data })
    }

    /// A body that goes out as it is, such as a page.
    pub(crate) fn raw(status: u16, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_string(body).map_err(Error::internal)?;
        Ok(Self {
            status,
            body,
            headers: HeaderMap::new(),
        })
    }

    /// 204.
    pub(crate) fn empty() -> Self {
        Self {
            status: 204,
            body: String::new(),
            headers: HeaderMap::new(),
        }
    }
}
