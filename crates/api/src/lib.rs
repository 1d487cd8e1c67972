//! The API: one table of routes, one way for every call, one module for each endpoint.

mod answer;
mod auth;
mod call;
mod connect;
mod cors;
mod dev;
mod dispatch;
mod example;
mod health;
mod metrics;
mod openapi;
mod paging;
mod rate;
mod route;
mod shape;
mod table;
mod v1;
mod v2;

use std::net::IpAddr;
use std::sync::Arc;

use campanile_connect::Connect;
use campanile_engine::Engine;
use campanile_store::Store;

pub use example::seed_example;
pub use health::metrics_router;
pub use metrics::Metrics;
pub use openapi::document as openapi_document;
pub use table::router;

/// What callers with an API key see of a connection's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionTokens {
    /// In full when one connection is read or written, masked in lists.
    Single,
    /// Always in full.
    Full,
    /// Never.
    Masked,
}

/// What the API is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Dev mode.
    pub dev: bool,
    /// Whether rate limits are on.
    pub rate_limit: bool,
    /// What callers see of tokens.
    pub connection_tokens: ConnectionTokens,
    /// Whether `/metrics` is served on the main port to loopback callers.
    pub metrics_on_main_port: bool,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: TrustedProxies,
}

impl Settings {
    pub(crate) fn trusts_proxy(&self, address: IpAddr) -> bool {
        (self.trusted_proxies.0)(address)
    }
}

/// Tells whether an address is a trusted proxy's.
#[derive(Clone)]
pub struct TrustedProxies(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl TrustedProxies {
    /// Trusts what this says.
    pub fn new(trusts: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(trusts))
    }
}

impl std::fmt::Debug for TrustedProxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrustedProxies")
    }
}

/// The running API; clones are handles to the same one.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    engine: Engine,
    settings: Settings,
    keys: auth::Keys,
    limiter: Option<rate::Limiter>,
    failures: rate::Failures,
    metrics: Metrics,
}

impl App {
    /// An API over this engine and its store.
    pub fn new(engine: Engine, metrics: Metrics, settings: Settings) -> Self {
        let limiter = settings.rate_limit.then(rate::Limiter::default);
        Self {
            inner: Arc::new(Inner {
                store: engine.store().clone(),
                engine,
                settings,
                keys: auth::Keys::new(),
                limiter,
                failures: rate::Failures::default(),
                metrics,
            }),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn connect(&self) -> &Connect {
        self.inner.engine.connect()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn keys(&self) -> &auth::Keys {
        &self.inner.keys
    }

    pub(crate) fn limiter(&self) -> Option<&rate::Limiter> {
        self.inner.limiter.as_ref()
    }

    pub(crate) fn failures(&self) -> &rate::Failures {
        &self.inner.failures
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }
}
