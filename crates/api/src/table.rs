//! The table of routes. Each module of an endpoint exports its `ROUTE`; what is not listed here is not served.

use std::future::ready;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::App;
use crate::dispatch::not_found;
use crate::route::{Auth, Route};
use crate::{connect, cors, dev, health, openapi, v1, v2};

/// All routes.
pub(crate) fn routes() -> Vec<&'static Route> {
    [
        v1::channel_connections::ROUTES,
        v1::channel_endpoints::ROUTES,
        v1::environment_variables::ROUTES,
        v1::environments::ROUTES,
        v1::events::ROUTES,
        v1::inbox::ROUTES,
        v1::integrations::ROUTES,
        v1::messages::ROUTES,
        v1::notifications::ROUTES,
        v1::subscribers::ROUTES,
        v1::subscribers::credentials::ROUTES,
        v1::topics::ROUTES,
        v1::webhooks::ROUTES,
        v1::webhooks::deliveries::ROUTES,
        v2::contexts::ROUTES,
        v2::environments::ROUTES,
        v2::layouts::ROUTES,
        v2::subscribers::ROUTES,
        v2::topics::ROUTES,
        v2::topics::subscriptions::ROUTES,
        v2::subscribers::preferences::ROUTES,
        v2::translations::ROUTES,
        v2::workflows::ROUTES,
        connect::ROUTES,
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
        .method_not_allowed_fallback(move |request: Request| ready(not_found(&missing_method, &request)))
        .fallback(move |request: Request| ready(not_found(&missing, &request)))
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_with_a_key_names_the_permission_that_it_needs() {
        for route in routes() {
            let place = format!("{} {}", route.method, route.path);
            match route.auth {
                Auth::ApiKey => assert!(route.permission.is_some(), "{place} may be called with any key"),
                // Nobody has permissions there: one that is named would not be looked at.
                Auth::Subscriber | Auth::Public | Auth::Dev => assert!(route.permission.is_none(), "{place}"),
            }
        }
    }

    #[test]
    fn only_these_routes_can_be_called_by_anybody() {
        let public = routes().into_iter().filter(|route| route.auth == Auth::Public);
        let mut public: Vec<&str> = public.map(|route| route.path).collect();
        public.sort_unstable();
        public.dedup();
        assert_eq!(
            public,
            [
                "/connect/{token}",
                "/connect/{token}/disconnect",
                "/connect/{token}/pick",
                "/connect/{token}/remove",
                "/connect/{token}/start",
                "/connect/{token}/test",
                "/openapi.json",
                "/v1/health-check",
                "/v1/inbox/session",
                "/v1/integrations/chat/oauth/callback",
                "/v1/integrations/{integrationId}/hooks",
            ]
        );
    }

    #[test]
    fn only_dev_mode_has_routes_under_dev() {
        for route in routes() {
            assert_eq!(
                route.auth == Auth::Dev,
                route.path.starts_with("/dev"),
                "{}",
                route.path
            );
        }
    }

    #[test]
    fn places_and_operation_ids_are_unique() {
        let (mut places, mut operations) = (HashSet::new(), HashSet::new());
        for route in routes() {
            assert!(
                places.insert((&route.method, route.path)),
                "{} {}",
                route.method,
                route.path
            );
            if !route.operation.is_empty() {
                assert!(operations.insert(route.operation), "{}", route.operation);
            }
        }
    }

    #[test]
    fn reads_do_not_need_the_permission_to_write() {
        for route in routes() {
            let Some(permission) = route.permission else { continue };
            let writes = permission.wire().ends_with(":write");
            // A layout's preview and a comparison are POSTs because of their bodies; they change nothing.
            let only_reads = [
                "/v2/layouts/{layoutId}/preview",
                "/v2/environments/{targetEnvironmentId}/diff",
            ];
            let reads = route.method == Method::GET || only_reads.contains(&route.path);
            assert_eq!(writes, !reads, "{} {}", route.method, route.path);
        }
    }
}
