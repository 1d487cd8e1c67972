//! The table of routes. Each module of an endpoint exports its `ROUTE`; what is not listed here is not served.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::App;
use crate::route::{Auth, Route};
use crate::{cors, dev, health, openapi, v1, v2};

/// All routes.
pub(crate) fn routes() -> Vec<&'static Route> {
    [
        v1::channel_connections::ROUTES,
        v1::channel_endpoints::ROUTES,
        v1::environments::ROUTES,
        v1::events::ROUTES,
        v1::integrations::ROUTES,
        v1::messages::ROUTES,
        v1::notifications::ROUTES,
        v1::subscribers::ROUTES,
        v1::subscribers::credentials::ROUTES,
        v2::contexts::ROUTES,
        v2::subscribers::ROUTES,
        v2::workflows::ROUTES,
        health::ROUTES,
        openapi::ROUTES,
        dev::ROUTES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

/// The server's routes over this app.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in routes() {
        if route.auth == Auth::Dev && !app.settings().dev {
            continue;
        }
        router = router.route(route.path, method_router(app, route));
    }
    router = dev::pages(router, app);
    router = health::plain_routes(router, app);
    let missing = app.clone();
    let missing_method = app.clone();
    router
        .method_not_allowed_fallback(move |request: Request| not_found(missing_method.clone(), request))
        .fallback(move |request: Request| not_found(missing.clone(), request))
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn(cors::allow))
}

fn method_router(app: &App, route: &'static Route) -> MethodRouter {
    let app = app.clone();
    let filter = match route.method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    on(filter, move |request: Request| {
        crate::dispatch::dispatch(app.clone(), route, request)
    })
}

async fn not_found(app: App, request: Request) -> axum::response::Response {
    crate::dispatch::not_found(&app, &request)
}
