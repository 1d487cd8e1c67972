//! What the table of routes says about each route: authentication, permission, rate category, limits, shapes, handler.

use axum::http::Method;
use campanile_model::{Permission, Result};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::call::{Call, Reply};
use crate::shape::{Schemas, Shape, View};

/// How a caller proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `Authorization: ApiKey <secret>`.
    ApiKey,
    /// `Authorization: Bearer <token of an inbox session>`.
    Subscriber,
    /// Anybody.
    Public,
    /// Dev mode only, same origin only.
    Dev,
}

/// Which bucket a call is counted in (api.md 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Category {
    Trigger,
    Configuration,
    Global,
}

impl Category {
    pub(crate) const fn wire(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Configuration => "configuration",
            Self::Global => "global",
        }
    }
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    /// As a browser sends the fields of a form.
    Form,
    /// As a browser sends a form with files.
    Files,
}

impl Format {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Files => "multipart/form-data",
        }
    }
}

/// When the record of an `Idempotency-Key` is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Before the handler.
    Early,
    /// Only when the handler's commit conflicts with it: one read less for each trigger.
    Late,
}

/// 100 kB, as the reference counts it.
pub(crate) const SMALL_BODY: usize = 100 * 1024;
/// 20 MB, as the reference counts it.
pub(crate) const LARGE_BODY: usize = 20 * 1024 * 1024;

type Describe = fn(&mut Schemas) -> Value;
pub(crate) type Run = fn(Call) -> BoxFuture<'static, Result<Reply>>;

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Novu's operation id, or one in its form for routes of ours; empty for what is not part of the API.
    pub(crate) operation: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) auth: Auth,
    pub(crate) permission: Option<Permission>,
    pub(crate) category: Category,
    /// What a call costs in its bucket.
    pub(crate) cost: u32,
    pub(crate) body_limit: usize,
    /// How its body is written.
    pub(crate) format: Format,
    pub(crate) lookup: Lookup,
    pub(crate) status: u16,
    pub(crate) query: Option<Describe>,
    pub(crate) body: Option<Describe>,
    pub(crate) answer: Option<Describe>,
    /// What a dry run answers, where the route has one.
    pub(crate) dry_run: Option<Describe>,
    pub(crate) enveloped: bool,
    pub(crate) run: Run,
}

impl Route {
    const fn new(method: Method, path: &'static str, operation: &'static str, summary: &'static str, run: Run) -> Self {
        Self {
            method,
            path,
            operation,
            summary,
            auth: Auth::ApiKey,
            permission: None,
            category: Category::Global,
            cost: 1,
            body_limit: SMALL_BODY,
            format: Format::Json,
            lookup: Lookup::Early,
            status: 200,
            query: None,
            body: None,
            answer: None,
            dry_run: None,
            enveloped: true,
            run,
        }
    }

    pub(crate) const fn get(path: &'static str, operation: &'static str, summary: &'static str, run: Run) -> Self {
        Self::new(Method::GET, path, operation, summary, run)
    }

    pub(crate) const fn post(path: &'static str, operation: &'static str, summary: &'static str, run: Run) -> Self {
        let mut route = Self::new(Method::POST, path, operation, summary, run);
        route.status = 201;
        route
    }

    pub(crate) const fn put(path: &'static str, operation: &'static str, summary: &'static str, run: Run) -> Self {
        Self::new(Method::PUT, path, operation, summary, run)
    }

    pub(crate) const fn patch(path: &'static str, operation: &'static str, summary: &'static str, run: Run) -> Self {
        Self::new(Method::PATCH, path, operation, summary, run)
    }

    pub(crate) const fn delete(path: &'static str, operation: &'static str, summary: &'static str, run: Run) -> Self {
        Self::new(Method::DELETE, path, operation, summary, run)
    }

    /// Who may call it, and in which bucket it counts.
    pub(crate) const fn permit(mut self, permission: Permission, category: Category) -> Self {
        self.permission = Some(permission);
        self.category = category;
        self
    }

    /// Anybody may call it.
    pub(crate) const fn public(mut self) -> Self {
        self.auth = Auth::Public;
        self
    }

    /// A subscriber calls it from an inbox session, for themselves.
    pub(crate) const fn subscriber(mut self) -> Self {
        self.auth = Auth::Subscriber;
        self
    }

    /// It exists in dev mode only.
    pub(crate) const fn dev(mut self) -> Self {
        self.auth = Auth::Dev;
        self
    }

    pub(crate) const fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    pub(crate) const fn large_body(mut self) -> Self {
        self.body_limit = LARGE_BODY;
        self
    }

    /// Its body is what a form of a page sends.
    pub(crate) const fn takes_form(mut self) -> Self {
        self.format = Format::Form;
        self
    }

    /// Its body is fields and files.
    pub(crate) const fn takes_files(mut self) -> Self {
        self.format = Format::Files;
        self
    }

    pub(crate) const fn late_lookup(mut self) -> Self {
        self.lookup = Lookup::Late;
        self
    }

    pub(crate) const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) const fn takes_query<T: Shape>(mut self) -> Self {
        self.query = Some(T::schema);
        self
    }

    pub(crate) const fn takes<T: Shape>(mut self) -> Self {
        self.body = Some(T::schema);
        self
    }

    /// It answers `{"data": T}`.
    pub(crate) const fn answers<T: View>(mut self) -> Self {
        self.answer = Some(T::schema);
        self
    }

    /// With `dryRun` in the query it changes nothing, takes no note of an `Idempotency-Key`, and answers
    /// 200 `{"data": T}`.
    pub(crate) const fn dry_run<T: View>(mut self) -> Self {
        self.dry_run = Some(T::schema);
        self
    }

    /// It answers a `T` without envelope.
    pub(crate) const fn answers_raw<T: View>(mut self) -> Self {
        self.answer = Some(T::schema);
        self.enveloped = false;
        self
    }
}

/// Declares the route of a module: `route!(ROUTE = Route::get("/v1/x", "Operation", "Summary") .permit(…) => run)`.
#[macro_export]
macro_rules! route {
    ($verb:ident $path:literal, $operation:literal, $summary:literal, $handler:expr $(, $($rest:tt)*)?) => {
        $crate::route::Route::$verb($path, $operation, $summary, |call| Box::pin($handler(call))) $($($rest)*)?
    };
}
