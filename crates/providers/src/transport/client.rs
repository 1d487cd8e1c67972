//! The HTTP client behind the door.

use std::{
    error::Error,
    fmt, fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Certificate, Client, NoProxy, Proxy, redirect};
use url::{Host, Url};

use super::{
    AllowedHost, BlockReason, Request, Response, TransportError, Trust,
    guard::Guard,
    resolver::{GuardedResolver, Lookup, Names, Refused, admitted},
};
use crate::redact;

/// Longer answers are cut: nothing that we read from a provider needs more.
const MAX_BODY: usize = 1024 * 1024;

/// How the door is set up; see the configuration table of the design.
#[derive(Clone)]
pub struct TransportConfig {
    /// Customers' addresses may reach private networks (never cloud metadata services).
    pub allow_private: bool,
    /// What they may reach instead.
    pub allowed_private_hosts: Vec<AllowedHost>,
    /// Customers' addresses may reach this machine (dev mode).
    pub allow_loopback: bool,
    /// A proxy for everything but loopback addresses. With a proxy, the proxy connects: a customer's name is then
    /// resolved and checked here first, but cannot be pinned.
    pub proxy: Option<Url>,
    /// Further root certificates, PEM.
    pub ca_file: Option<PathBuf>,
    /// For a whole call, from the first packet to the last byte of the answer.
    pub timeout: Duration,
    /// Tells the addresses of customers' names instead of the system: for tests with names that move.
    pub lookup: Option<Lookup>,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            allow_private: false,
            allowed_private_hosts: Vec::new(),
            allow_loopback: false,
            proxy: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
            lookup: None,
        }
    }
}

impl fmt::Debug for TransportConfig {
    /// The proxy's address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("allow_private", &self.allow_private)
            .field("allowed_private_hosts", &self.allowed_private_hosts)
            .field("allow_loopback", &self.allow_loopback)
            .field("proxy", &self.proxy.as_ref().map(redact::url))
            .field("ca_file", &self.ca_file)
            .field("timeout", &self.timeout)
            .field("lookup", &self.lookup.is_some())
            .finish()
    }
}

/// Why the door could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Setup {
    #[error("the CA file {} cannot be read: {source}", path.display())]
    CaFile { path: PathBuf, source: std::io::Error },
    #[error("the CA file {} holds no usable PEM certificate", path.display())]
    Certificates { path: PathBuf },
    #[error("the outbound proxy must be an http or https address")]
    Proxy,
    #[error("outgoing calls cannot be set up: {0}")]
    Client(String),
}

/// The one way out. Cheap to clone.
#[derive(Clone)]
pub struct Transport {
    guard: Arc<Guard>,
    names: Names,
    /// Two clients, so that a customer's call never reuses a connection that was made without the guard.
    operator: Client,
    customer: Client,
    proxied: bool,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("guard", &self.guard)
            .field("proxied", &self.proxied)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Sets up the clients. The process must have a default TLS provider by then.
    pub fn new(mut config: TransportConfig) -> Result<Self, Setup> {
        let proxied = config.proxy.is_some();
        let guard = Arc::new(Guard {
            allow_private: config.allow_private,
            allow_loopback: config.allow_loopback,
            allowed: std::mem::take(&mut config.allowed_private_hosts),
        });
        let names = Names(config.lookup.take());
        let operator = client(&config, None)?;
        // With a proxy the connector resolves only the proxy's own name, which the operator chose.
        let resolver = (!proxied).then(|| GuardedResolver {
            guard: Arc::clone(&guard),
            names: names.clone(),
        });
        let customer = client(&config, resolver)?;
        Ok(Self {
            guard,
            names,
            operator,
            customer,
            proxied,
        })
    }

    /// Whether a customer's URL could be called, as far as this shows without DNS. For refusing it when it is saved;
    /// [`Transport::send`] checks again.
    pub fn check(&self, url: &Url) -> Result<(), BlockReason> {
        self.guard.check_url(url)
    }

    /// Makes one call. Redirects are answers like any other: they are never followed.
    pub async fn send(&self, request: &Request, trust: Trust) -> Result<Response, TransportError> {
        let client = match trust {
            Trust::Operator => &self.operator,
            Trust::Customer => {
                self.admit(&request.url).await?;
                &self.customer
            }
        };
        let left = Arc::new(AtomicBool::new(false));
        let mut call = client.request(request.method.clone(), request.url.clone());
        for (name, value) in &request.headers {
            call = call.header(name, value.expose());
        }
        if let Some(content_type) = request.content_type {
            call = call.header(CONTENT_TYPE, content_type);
        }
        if let Some(timeout) = request.timeout {
            call = call.timeout(timeout);
        }
        if !request.body.is_empty() {
            call = call
                .header(CONTENT_LENGTH, request.body.len())
                .body(watched(request.body.clone(), Arc::clone(&left)));
        }
        match call.send().await {
            Ok(response) => Ok(read(response).await),
            Err(error) => {
                let left = if request.body.is_empty() {
                    !certainly_unsent(&error)
                } else {
                    left.load(Ordering::SeqCst)
                };
                Err(classify(error, left))
            }
        }
    }

    async fn admit(&self, url: &Url) -> Result<(), TransportError> {
        self.guard.check_url(url).map_err(TransportError::Blocked)?;
        let Some(Host::Domain(host)) = url.host() else {
            return Ok(());
        };
        // A name that the operator opened may be one that only the proxy can resolve.
        if !self.proxied || self.guard.names(host) {
            return Ok(());
        }
        match admitted(&self.guard, &self.names, host).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.downcast_ref::<Refused>() {
                Some(Refused(reason)) => TransportError::Blocked(reason.clone()),
                None => TransportError::NotSent(error.to_string()),
            }),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door that the rule names")]
fn client(config: &TransportConfig, resolver: Option<GuardedResolver>) -> Result<Client, Setup> {
    let mut builder = Client::builder()
        .user_agent(concat!("Campanile/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(reqwest::retry::never())
        .timeout(config.timeout)
        // Shorter than the whole, so that a connection that never comes about is told from an answer that never comes.
        .connect_timeout(config.timeout.min(Duration::from_secs(5)).mul_f32(0.8))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(16);
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(Arc::new(resolver));
    }
    if let Some(path) = &config.ca_file {
        let pem = fs::read(path).map_err(|source| Setup::CaFile {
            path: path.clone(),
            source,
        })?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| Setup::Certificates { path: path.clone() })?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(proxy) = &config.proxy {
        if !matches!(proxy.scheme(), "http" | "https") {
            return Err(Setup::Proxy);
        }
        let local = NoProxy::from_string("localhost,127.0.0.0/8,::1");
        let proxy = Proxy::all(proxy.clone()).map_err(|_| Setup::Proxy)?;
        builder = builder.proxy(proxy.no_proxy(local));
    }
    builder
        .build()
        .map_err(|error| Setup::Client(story(&error.without_url())))
}

/// A body that notes when the connection asks for it: before that, no byte of the message can have left.
fn watched(body: Bytes, left: Arc<AtomicBool>) -> Body {
    Body::wrap_stream(stream::once(async move {
        left.store(true, Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(body)
    }))
}

/// For calls without a body: the error itself says that no connection came about.
fn certainly_unsent(error: &reqwest::Error) -> bool {
    error.is_connect() || error.is_builder()
}

fn classify(error: reqwest::Error, left: bool) -> TransportError {
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(Refused(reason)) = cause.downcast_ref::<Refused>() {
            return TransportError::Blocked(reason.clone());
        }
        source = cause.source();
    }
    let story = story(&error.without_url());
    if left {
        TransportError::Unknown(story)
    } else {
        TransportError::NotSent(story)
    }
}

/// An error with its causes, outermost first.
fn story(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Reads the body up to the bound. Once the status is known, a body that breaks off is an incomplete answer and not an
/// error: what it means depends on the provider.
async fn read(mut response: reqwest::Response) -> Response {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    let complete = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = MAX_BODY - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break false;
                }
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    Response {
        status,
        headers,
        body: body.freeze(),
        complete,
    }
}
