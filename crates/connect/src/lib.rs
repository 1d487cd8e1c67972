//! Connections that live: how a customer's consent becomes a grant, how the grant is kept alive, how it is known to be
//! well, and how it is mended.
//!
//! What is decided is decided by pure functions; the store keeps what was decided, and `campanile-providers` builds and
//! reads the calls to vendors.

pub mod app_tokens;
pub mod destinations;
pub mod health;
pub mod hooks;
pub mod hosted;
mod keeper;
pub mod links;
mod metrics;
pub mod oauth;
pub mod rotation;
pub mod telegram;

use std::sync::Arc;

use campanile_providers::Transport;
use campanile_providers::chat::BaseUrls;
use campanile_store::Store;
use url::Url;

pub use keeper::Keeper;
pub use metrics::ConnectMetrics;

/// What connections are told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What customers' browsers and vendors see; without it, on an address that others can reach, OAuth and hosted
    /// pages refuse to work.
    pub public_url: Option<Url>,
    /// Other hosts of vendors.
    pub bases: BaseUrls,
    /// Dev mode.
    pub dev: bool,
}

/// The running connections; clones are handles to the same ones.
#[derive(Clone)]
pub struct Connect {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    transport: Transport,
    settings: Settings,
    app_tokens: app_tokens::Cache,
    telegram_names: telegram::Names,
    bot_keys: hooks::openid::Keys,
    rotation: rotation::State,
    metrics: ConnectMetrics,
    destinations: destinations::Cache,
}

impl Connect {
    /// Connections over this store.
    pub fn new(store: Store, transport: Transport, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                transport,
                settings,
                app_tokens: app_tokens::Cache::new(),
                telegram_names: telegram::names(),
                bot_keys: hooks::openid::Keys::default(),
                rotation: rotation::State::default(),
                metrics: ConnectMetrics::default(),
                destinations: destinations::Cache::new(),
            }),
        }
    }

    /// The store under the connections.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The door out.
    pub fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    pub(crate) fn telegram_names(&self) -> &telegram::Names {
        &self.inner.telegram_names
    }

    /// What the connections count.
    pub fn metrics(&self) -> &ConnectMetrics {
        &self.inner.metrics
    }

    /// The lists for pickers.
    pub(crate) fn destinations(&self) -> &destinations::Cache {
        &self.inner.destinations
    }

    /// What the configuration says.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }
}
