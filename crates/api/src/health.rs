//! Is the server alive, is it ready, and how is it doing.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use campanile_model::Result;
use serde_json::json;

use crate::App;
use crate::answer::status_response;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&HEALTH_CHECK];

const HEALTH_CHECK: Route = route!(get "/v1/health-check", "HealthController_healthCheck", "Health, in the form of Novu's server", run, .public());

async fn run(call: Call) -> Result<Reply> {
    let word = if is_ready(&call.app).await { "up" } else { "down" };
    let details =
        json!({ "db": { "status": word }, "apiVersion": { "version": env!("CARGO_PKG_VERSION"), "status": "up" } });
    let status = if word == "up" { 200 } else { 503 };
    let overall = if word == "up" { "ok" } else { "error" };
    Reply::data(
        status,
        &json!({ "status": overall, "info": details, "error": {}, "details": details }),
    )
}

/// Whether the database answers.
async fn is_ready(app: &App) -> bool {
    app.store().made_in_dev_mode().await.is_ok()
}

/// Routes for machines that are not part of the API and carry no envelope.
pub(crate) fn plain_routes(router: Router, app: &App) -> Router {
    let (ready, metrics) = (app.clone(), app.clone());
    let router = router
        .route("/healthz", get(|| async { status_response(200, "ok") }))
        .route(
            "/readyz",
            get(move || async move {
                if is_ready(&ready).await {
                    status_response(200, "ready")
                } else {
                    status_response(503, "the database does not answer")
                }
            }),
        );
    if !app.settings().metrics_on_main_port {
        return router;
    }
    router.route(
        "/metrics",
        get(move |request: Request| async move {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            // Behind a proxy every caller looks like loopback: a forwarding header means that the caller is not.
            let local = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
            let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip"]
                .iter()
                .any(|name| request.headers().contains_key(*name));
            if local && !forwarded {
                metrics_response(&metrics)
            } else {
                status_response(404, "not found")
            }
        }),
    )
}

/// The routes of the separate address for Prometheus.
pub fn metrics_router(app: &App) -> Router {
    let app = app.clone();
    Router::new().route("/metrics", get(move || async move { metrics_response(&app) }))
}

fn metrics_response(app: &App) -> Response<Body> {
    let mut response = Response::new(Body::from(app.metrics().text()));
    *response.status_mut() = StatusCode::OK;
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
