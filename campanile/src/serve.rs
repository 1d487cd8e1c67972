//! `campanile serve`: wires the parts, listens, and stops gracefully.

use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt;
use campanile_api::{App, ConnectionTokens, Metrics, Settings, TrustedProxies};
use campanile_connect::{Connect, Keeper};
use campanile_engine::{Engine, EngineMetrics, Worker};
use campanile_model::Clock;
use campanile_providers::chat::BaseUrls;
use campanile_providers::{Transport, TransportConfig, catalogue};
use campanile_store::first_start::{Chosen, FirstStart};
use campanile_store::{Address, Store, lock_data_dir};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::ServeArgs;
use crate::config::{self, Config, DatabaseUrl};
use crate::{Failure, example, first_start, keys, logging, output, tools};

/// How long requests and tasks that are under way may take to finish after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs the server until it is told to stop.
pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let loaded = tools::load(&args.flags())?;
    let known: Vec<&str> = catalogue::all().iter().map(|provider| provider.id).collect();
    loaded.check_providers(&known)?;
    if args.print_config {
        return output::text(&config::print_config(&loaded));
    }
    let config = loaded.config;
    logging::start(&config.log, config.log_format)?;
    keys::make_data_dir(&config.data_dir)?;
    // Held as long as the server runs: on SQLite a second process would undo this one's leases.
    let _lock = match &config.database {
        DatabaseUrl::Sqlite(_) => Some(lock_data_dir(&config.data_dir)?),
        DatabaseUrl::Postgres { .. } => None,
    };
    let masters = keys::master_keys(&config)?;
    let address = tools::address(&config);
    prepare(&config, &address).await?;
    let clock = Clock::system();
    let store = Store::open(&address, &masters, clock).await?;
    check_mode(&config, &store).await?;
    if config.dev {
        store.restore_clock().await?;
    }
    let made = store
        .first_start(config.dev, development(&config), production(&config))
        .await?;
    if !store.db().is_shared() {
        // No other process has this database open, so whoever held a lease is gone.
        store.reclaim_all().await?;
    }
    let listener = bind(config.listen, "CAMPANILE_LISTEN").await?;
    let bound = listener.local_addr().unwrap_or(config.listen);
    let (app, loops) = wire(&config, &store, bound)?;
    if let Some(made) = &made {
        first_start::tell(&config, made)?;
        if config.dev {
            example::seed(&app, made).await?;
        }
    }
    listen(&config, listener, &app, loops, &store, made.as_ref()).await
}

/// Brings the database up to date, or refuses to start on an old one.
async fn prepare(config: &Config, address: &Address) -> Result<(), Failure> {
    let missing = campanile_store::db::migrate::migrate(address, config.no_migrate).await?;
    if config.no_migrate && !missing.is_empty() {
        return Err(Failure::new(
            "The database is not up to date. Run `campanile migrate`, or start without --no-migrate.",
        ));
    }
    Ok(())
}

/// A database is used in the mode that it was made in.
async fn check_mode(config: &Config, store: &Store) -> Result<(), Failure> {
    match store.made_in_dev_mode().await? {
        Some(true) if !config.dev => Err(Failure::new(
            "This database was made in dev mode. Start with --dev, or choose another folder with CAMPANILE_DATA_DIR.",
        )),
        Some(false) if config.dev => Err(Failure::new(
            "This database was not made in dev mode. Start without --dev, or choose another folder with CAMPANILE_DATA_DIR.",
        )),
        _ => Ok(()),
    }
}

fn development(config: &Config) -> Chosen {
    Chosen {
        secret_key: config.bootstrap.secret_key.as_ref().map(|key| key.expose().to_owned()),
        application_identifier: config.bootstrap.application_identifier.clone(),
    }
}

fn production(config: &Config) -> Chosen {
    Chosen {
        secret_key: config
            .bootstrap
            .production_secret_key
            .as_ref()
            .map(|key| key.expose().to_owned()),
        application_identifier: config.bootstrap.production_application_identifier.clone(),
    }
}

/// What runs beside the answering of requests.
struct Loops {
    worker: Worker,
    keeper: Keeper,
}

fn wire(config: &Config, store: &Store, bound: SocketAddr) -> Result<(App, Loops), Failure> {
    let transport = Transport::new(transport_config(config)?)
        .map_err(|error| Failure::new(format!("Outgoing calls cannot be set up: {error}")))?;
    let metrics = Metrics::new();
    let engine_metrics = EngineMetrics::default();
    metrics.register(|registry| engine_metrics.register(registry));
    let settings = campanile_connect::Settings {
        public_url: config.public_url_at(bound),
        bases: bases(config)?,
        dev: config.dev,
    };
    let connect = Connect::new(store.clone(), transport, settings);
    metrics.register(|registry| connect.metrics().register(registry));
    let keeper = Keeper::new(connect.clone());
    let engine = Engine::new(
        connect,
        campanile_engine::Settings { outbox: config.dev },
        engine_metrics,
    );
    let loops = Loops {
        worker: Worker::new(engine.clone()),
        keeper,
    };
    let settings = Settings {
        dev: config.dev,
        rate_limit: config.rate_limit,
        connection_tokens: match config.connection_tokens {
            config::ConnectionTokens::Single => ConnectionTokens::Single,
            config::ConnectionTokens::Full => ConnectionTokens::Full,
            config::ConnectionTokens::Masked => ConnectionTokens::Masked,
        },
        jwt_secret: config.jwt_secret.as_ref().map(|secret| secret.expose().into()),
        inbox_session_ttl: config.inbox_session_ttl,
        metrics_on_main_port: config.metrics_listen.is_none(),
        trusted_proxies: TrustedProxies::new({
            let trusted = config.trusted_proxies.clone();
            move |address| trusted.iter().any(|network| network.contains(address))
        }),
    };
    Ok((App::new(engine, metrics, settings), loops))
}

fn transport_config(config: &Config) -> Result<TransportConfig, Failure> {
    let hosts = config
        .allowed_private_hosts
        .iter()
        .map(|host| {
            host.parse()
                .map_err(|error| Failure::new(format!("CAMPANILE_ALLOWED_PRIVATE_HOSTS: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let proxy = match &config.outbound_proxy {
        None => None,
        Some(proxy) => {
            let parsed = url::Url::parse(proxy.expose());
            Some(parsed.map_err(|error| Failure::new(format!("CAMPANILE_OUTBOUND_PROXY is not a URL: {error}")))?)
        }
    };
    Ok(TransportConfig {
        allow_private: config.allow_private_networks,
        allowed_private_hosts: hosts,
        allow_loopback: config.dev,
        proxy,
        ca_file: config.ca_file.clone(),
        ..TransportConfig::default()
    })
}

fn bases(config: &Config) -> Result<BaseUrls, Failure> {
    let mut bases = BaseUrls::default();
    for (id, urls) in &config.providers {
        let parts = [
            (id.clone(), &urls.base),
            (format!("{id}/login"), &urls.login),
            (format!("{id}/graph"), &urls.graph),
            (format!("{id}/bot"), &urls.bot),
        ];
        for (part, base) in parts {
            if let Some(base) = base {
                bases
                    .set(part, base.clone())
                    .map_err(|error| Failure::new(format!("A base URL of provider {id} cannot be used: {error}")))?;
            }
        }
    }
    Ok(bases)
}

async fn listen(
    config: &Config,
    listener: TcpListener,
    app: &App,
    Loops { worker, keeper }: Loops,
    store: &Store,
    made: Option<&FirstStart>,
) -> Result<(), Failure> {
    let bound = listener.local_addr().unwrap_or(config.listen);
    let stop = CancellationToken::new();
    if let Some(address) = config.metrics_listen {
        let metrics = bind(address, "CAMPANILE_METRICS_LISTEN").await?;
        let router = campanile_api::metrics_router(app);
        let stop = stop.clone();
        tokio::spawn(async move {
            let _ = axum::serve(metrics, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await;
        });
    }
    worker.start();
    keeper.start();
    if config.dev {
        example::tell(config, bound, made)?;
    }
    tracing::info!(address = %bound, "ready");
    let service = campanile_api::router(app).into_make_service_with_connect_info::<SocketAddr>();
    // Small answers go out at once.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let told = told_to_stop()?;
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut server = tokio::spawn(async move { server.await });
    let ended = tokio::select! {
        () = told => None,
        ended = &mut server => Some(ended),
    };
    if let Some(ended) = ended {
        return Err(Failure::new(format!("The server stopped listening: {ended:?}")));
    }
    tracing::info!("stopping");
    stop.cancel();
    // Requests and tasks finish side by side; what does not finish in time is given back.
    let (_, (), ()) = tokio::join!(
        tokio::time::timeout(PATIENCE, &mut server),
        worker.stop(PATIENCE),
        keeper.stop(PATIENCE)
    );
    if let Err(error) = store.node().release().await {
        tracing::debug!(%error, "the node's number could not be freed");
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), store.db().close()).await;
    tracing::info!("stopped");
    Ok(())
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!(
            "Cannot listen on {address}: {error}. Stop what uses it, or choose another address with {setting}."
        ))
    })
}

/// Ends at SIGTERM or SIGINT. The signals are listened for from the call on: whoever sees the server answer may stop it.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listened = |kind| signal(kind).map_err(|error| Failure::new(format!("Signals cannot be received: {error}")));
    let (mut terminate, mut interrupt) = (listened(SignalKind::terminate())?, listened(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
