//! The way of every call: identify, permit, limit, look up its idempotency key, run its handler, answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use bytes::{Bytes, BytesMut};
use campanile_model::error::Kind;
use campanile_model::{Actor, Ctx, Error, Id, Result};
use campanile_store::idempotency::Key;
use campanile_store::secrets::random_hex;
use futures_util::StreamExt;
use ring::digest;

use crate::answer::{Answer, IDEMPOTENCY_LINK, mask_secrets, nothing_here};
use crate::call::{Call, Idempotency};
use crate::rate::Standing;
use crate::route::{Auth, Format, Lookup, Route};
use crate::shape::parse_query;
use crate::v1::events::dry_run;
use crate::v1::integrations::oauth::callback::ROUTE as CALLBACK;
use crate::{App, Settings};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAY: HeaderName = HeaderName::from_static("idempotency-replay");
const LONGEST_KEY: usize = 255;
/// Of a body that is refused for its size, this much is read nevertheless: many clients look for an answer only when
/// they have written all, and take a connection that closes before that for a failure.
const MOST_READ: usize = 32 * 1024 * 1024;

/// What the answer says besides its body.
#[derive(Default)]
struct Extras {
    idempotency_key: Option<String>,
    replayed: bool,
    link: bool,
    standing: Option<Standing>,
}

/// Answers one request.
pub(crate) async fn dispatch(app: App, route: &'static Route, request: Request) -> Response<Body> {
    let started = Instant::now();
    let request_id = request_id(request.headers(), &app);
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let client = client(app.settings(), &request);
    let shown_client = client.map(|client| client.to_string());
    let mut extras = Extras::default();
    let answer = Box::pin(handle(&app, route, request, &request_id, &mut extras)).await;
    let answer = answer.map_err(|error| {
        if is_guess(route, &error) && !app.failures().admits(client, app.store().clock().real()) {
            return Error::too_many(crate::rate::FAILURES_SECONDS);
        }
        error
    });
    let answer = answer.and_then(|answer| {
        if is_guessed_page(route, answer.status) && !app.failures().admits(client, app.store().clock().real()) {
            return Err(Error::too_many(crate::rate::FAILURES_SECONDS));
        }
        Ok(answer)
    });
    let answer = answer.unwrap_or_else(|error| error_answer(&app, &error, &path, &request_id));
    let status = answer.status;
    let mut response = answer.into_response();
    decorate(&mut response, &request_id, extras);
    app.metrics()
        .answered(route.method.as_str(), route.path, status, started.elapsed());
    // Logs hold the route's template: what a path or a query carries may be secret.
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if route.category == crate::route::Category::Trigger || route.auth == Auth::Public {
        tracing::debug!(%request_id, client = shown_client, method = %route.method, route = route.path, status, millis, "answered");
    } else {
        tracing::info!(%request_id, client = shown_client, method = %route.method, route = route.path, status, millis, "answered");
    }
    response
}

/// Whether a call that anybody may make failed to prove who makes it: then its address may not try for ever. Calls that
/// succeed are never limited.
fn is_guess(route: &Route, error: &Error) -> bool {
    let is_refusal = match error.kind() {
        Kind::Unauthenticated | Kind::Forbidden => true,
        // A session's unknown application and its wrong hash are 400s, as Novu's are; a body that cannot be read guesses
        // nothing, and says more of itself.
        Kind::BadRequest if route.path == CALLBACK.path => true,
        Kind::BadRequest => route.path == crate::v1::inbox::SESSION && error.extras().is_empty(),
        _ => false,
    };
    route.auth == Auth::Public && is_refusal
}

/// The same for pages, which are answers also when they refuse: a link that was not made here, a consent that does not
/// fit its state.
fn is_guessed_page(route: &Route, status: u16) -> bool {
    match status {
        404 => route.path.starts_with("/connect/"),
        400 => route.path == CALLBACK.path,
        _ => false,
    }
}

/// Who calls: the peer, or whom a trusted proxy names as the one before it.
fn client(settings: &Settings, request: &Request) -> Option<IpAddr> {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()?
        .0
        .ip()
        .to_canonical();
    let forwarded = request
        .headers()
        .get("x-forwarded-for")
        .and_then(|list| list.to_str().ok());
    let mut client = peer;
    // The list grows to the right; each address counts as long as the one after it is trusted.
    for hop in forwarded.unwrap_or_default().rsplit(',') {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        if !settings.trusts_proxy(client) {
            break;
        }
        client = hop.to_canonical();
    }
    Some(client)
}

/// The answer to a path or a method that is not there.
pub(crate) fn not_found(app: &App, request: &Request) -> Response<Body> {
    let request_id = request_id(request.headers(), app);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let error = nothing_here(request.method().as_str(), path);
    let mut response = error_answer(app, &error, path, &request_id).into_response();
    decorate(&mut response, &request_id, Extras::default());
    // The path may be anything, also a secret: the log names only the method.
    tracing::info!(%request_id, method = %request.method(), status = 404, "no such route");
    response
}

/// An error as an answer; those that are ours are logged with an id that the answer repeats.
pub(crate) fn error_answer(app: &App, error: &Error, path: &str, request_id: &str) -> Answer {
    let now = app.store().now();
    if error.kind() != Kind::Internal {
        return Answer::of_error(error, &mask_secrets(path), now, None);
    }
    let error_id = random_hex(16).unwrap_or_default();
    tracing::error!(%request_id, %error_id, error = error.for_the_log().unwrap_or_default(), "a request failed");
    Answer::of_error(error, &mask_secrets(path), now, Some(&error_id))
}

async fn handle(
    app: &App,
    route: &'static Route,
    request: Request,
    request_id: &str,
    extras: &mut Extras,
) -> Result<Answer> {
    let (mut parts, body) = request.into_parts();
    let mut session = None;
    let ctx = match route.auth {
        Auth::ApiKey => app.keys().authenticate(app.store(), &parts.headers, request_id).await?,
        Auth::Subscriber => {
            let sessions = app.sessions();
            let (ctx, known) = sessions.authenticate(app.store(), &parts.headers, request_id).await?;
            session = Some(known);
            ctx
        }
        Auth::Public => nobody(request_id),
        Auth::Dev => {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
            crate::dev::check_origin(&parts.headers, peer)?;
            nobody(request_id)
        }
    };
    if let Some(permission) = route.permission
        && !ctx.permissions.allows(permission)
    {
        return Err(Error::forbidden(format!(
            "This API key lacks the permission {}",
            permission.wire()
        )));
    }
    if route.auth == Auth::ApiKey
        && let Some(limiter) = app.limiter()
    {
        let (standing, taken) = limiter.take(ctx.environment, route.category, route.cost, app.store().now());
        extras.standing = Some(standing);
        taken?;
    }
    let parameters = path_parameters(&mut parts, app).await?;
    let body = read_body(&parts.headers, body, route).await?;
    let query = parse_query(parts.uri.query().unwrap_or_default());
    // What a dry run answers is not what the same call answers that is meant.
    let idempotency = if route.dry_run.is_some() && dry_run::is_asked(&query) {
        None
    } else {
        idempotency(route, &parts.headers, parts.uri.path(), &body)?
    };
    extras.idempotency_key = idempotency.as_ref().map(|idempotency| idempotency.key.key.clone());
    if let Some(idempotency) = &idempotency
        && route.lookup == Lookup::Early
        && let Some(answer) = replay(app, &ctx, &idempotency.key, extras).await?
    {
        return Ok(answer);
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let call = Call {
        app: app.clone(),
        ctx: ctx.clone(),
        headers: std::mem::take(&mut parts.headers),
        parameters,
        query,
        body,
        idempotency: idempotency.clone(),
        session,
    };
    let result = (route.run)(call).await;
    let Some(idempotency) = idempotency else {
        return result.map(Answer::of_reply);
    };
    if idempotency.is_conflicted() {
        // Another request with this key was quicker; what it was answered is the answer.
        if let Some(first) = replay(app, &ctx, &idempotency.key, extras).await? {
            return Ok(first);
        }
        // The key's old answer is past its time: the caller tries again, and then it is free.
        app.store().forget_old_answer(&ctx, &idempotency.key.key).await?;
        return Err(in_progress(&idempotency.key.key));
    }
    let answer = match result {
        Ok(reply) => Answer::of_reply(reply),
        Err(error) => error_answer(app, &error, &path, request_id),
    };
    if idempotency.is_recorded() || !answer.may_be_kept() {
        return Ok(answer);
    }
    // Nothing was changed, so nothing carried the record yet: it is stored by itself.
    let mut batch = campanile_store::Batch::new();
    app.store()
        .record_answer(&mut batch, &ctx, &idempotency.key, answer.status, &answer.body)?;
    let result = app.store().commit(batch).await;
    idempotency.settle(&result);
    if idempotency.is_conflicted()
        && let Some(first) = replay(app, &ctx, &idempotency.key, extras).await?
    {
        return Ok(first);
    }
    Ok(answer)
}

fn in_progress(key: &str) -> Error {
    Error::conflict(format!(
        "Request with key \"{key}\" is currently being processed. Please retry after 1 second"
    ))
    .retry_after(1)
}

/// What the key was answered before, if it was used for the same request.
async fn replay(app: &App, ctx: &Ctx, key: &Key, extras: &mut Extras) -> Result<Option<Answer>> {
    let Some(record) = app.store().idempotent_answer(ctx, &key.key).await? else {
        return Ok(None);
    };
    if record.fingerprint != key.fingerprint {
        extras.link = true;
        let message = format!("Request with key \"{}\" is being reused for a different body", key.key);
        return Err(Error::new(Kind::Invalid, message));
    }
    let body = match record.event_id {
        Some(event) => crate::v1::events::accept::answer_again(app, ctx, event).await?,
        None => app.store().open_answer(&key.key, &record)?.unwrap_or_default(),
    };
    extras.replayed = true;
    Ok(Some(Answer {
        status: record.status,
        body,
        retry_after: None,
        headers: HeaderMap::new(),
    }))
}

fn idempotency(route: &Route, headers: &HeaderMap, path: &str, body: &Bytes) -> Result<Option<Arc<Idempotency>>> {
    if route.auth != Auth::ApiKey || !matches!(route.method, Method::POST | Method::PATCH) {
        return Ok(None);
    }
    let Some(header) = headers.get(&IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = header
        .to_str()
        .map_err(|_| Error::bad_request("The Idempotency-Key header must hold visible ASCII characters only"))?;
    if key.is_empty() {
        return Ok(None);
    }
    if key.len() > LONGEST_KEY {
        return Err(Error::bad_request(format!(
            "idempotencyKey \"{key}\" has exceeded the maximum allowed length of {LONGEST_KEY} characters"
        )));
    }
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [route.method.as_str().as_bytes(), path.as_bytes(), body] {
        hash.update(part);
        hash.update(b"\n");
    }
    let fingerprint = hex::encode(hash.finish());
    Ok(Some(Arc::new(Idempotency::new(Key {
        key: key.to_owned(),
        fingerprint,
    }))))
}

async fn path_parameters(parts: &mut axum::http::request::Parts, app: &App) -> Result<Vec<(String, String)>> {
    use axum::extract::FromRequestParts;
    let parameters = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| Error::bad_request("The path must be valid UTF-8 when it is percent-decoded"))?;
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if parameters.iter().any(|(_, value)| value.contains('\0')) {
        return Err(Error::bad_request("The path must not contain NUL characters"));
    }
    Ok(parameters)
}

async fn read_body(headers: &HeaderMap, body: Body, route: &Route) -> Result<Bytes> {
    if !matches!(
        route.method,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    ) {
        return Ok(Bytes::new());
    }
    let too_large = || Error::new(Kind::TooLarge, "Payload Too Large");
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut is_over = announced.is_some_and(|length| length > route.body_limit);
    if is_over && waits_for_leave(headers) {
        return Err(too_large());
    }
    let (mut body, mut kept, mut read) = (body.into_data_stream(), BytesMut::new(), 0_usize);
    while let Some(chunk) = body.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(_) if is_over => break,
            Err(_) => return Err(Error::bad_request("The body could not be read")),
        };
        read = read.saturating_add(chunk.len());
        if read > route.body_limit {
            is_over = true;
            // The rest may be long in coming; what came before is of no use any more.
            kept = BytesMut::new();
        }
        if !is_over {
            kept.extend_from_slice(&chunk);
        } else if read >= MOST_READ {
            break;
        }
    }
    if is_over {
        return Err(too_large());
    }
    let body = kept.freeze();
    let expected = route.format.content_type();
    let fits = match route.format {
        Format::Json => is_json(headers),
        Format::Form | Format::Files => content_type(headers).is_some_and(|kind| kind == expected),
    };
    if !body.is_empty() && !fits {
        let text = format!("The content type must be {expected}");
        return Err(Error::new(Kind::UnsupportedMedia, text));
    }
    Ok(body)
}

/// Whether the client writes its body only when it is told to: then a refusal reaches it at once.
fn waits_for_leave(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A body without content type is taken for JSON, as a body with a JSON one.
fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers)
        .is_none_or(|kind| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}

/// The content type without its parameters.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn nobody(request_id: &str) -> Ctx {
    let none = Id::from_bytes([0; 12]);
    Ctx {
        organization: none,
        environment: none,
        actor: Actor::System,
        permissions: campanile_model::Permissions::ALL,
        request_id: request_id.to_owned(),
    }
}

/// The caller's request id when it is a plain word, else a new one.
fn request_id(headers: &HeaderMap, app: &App) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    given.map_or_else(|| format!("req_{}", app.store().new_id()), str::to_owned)
}

fn decorate(response: &mut Response<Body>, request_id: &str, extras: Extras) {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(REQUEST_ID, request_id);
    if let Some(key) = &extras.idempotency_key {
        set(IDEMPOTENCY_KEY, key);
    }
    if extras.replayed {
        set(IDEMPOTENCY_REPLAY, "true");
    }
    if extras.link {
        set(header::LINK, IDEMPOTENCY_LINK);
    }
    if let Some(standing) = extras.standing {
        set(HeaderName::from_static("ratelimit-limit"), &standing.limit.to_string());
        set(
            HeaderName::from_static("ratelimit-remaining"),
            &standing.remaining.to_string(),
        );
        set(HeaderName::from_static("ratelimit-reset"), &standing.reset.to_string());
        set(HeaderName::from_static("ratelimit-policy"), &standing.policy);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn settings() -> Settings {
        Settings {
            dev: false,
            rate_limit: false,
            connection_tokens: crate::ConnectionTokens::Single,
            jwt_secret: None,
            inbox_session_ttl: std::time::Duration::from_hours(1),
            metrics_on_main_port: true,
            trusted_proxies: crate::TrustedProxies::new(|address| address.to_string().starts_with("10.")),
        }
    }

    fn seen(peer: [u8; 4], forwarded: &str) -> Option<String> {
        let mut request = Request::new(Body::empty());
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from((peer, 5000))));
        if let Ok(value) = HeaderValue::from_str(forwarded) {
            request.headers_mut().insert("x-forwarded-for", value);
        }
        client(&settings(), &request).map(|client| client.to_string())
    }

    fn route_of_small_bodies() -> &'static Route {
        crate::table::routes()
            .into_iter()
            .find(|route| route.method == Method::POST && route.body_limit == crate::route::SMALL_BODY)
            .unwrap()
    }

    /// What becomes of a body of so many bytes, and how many of them were read.
    async fn read(size: usize, headers: &[(HeaderName, &str)]) -> (Result<Bytes>, usize) {
        const CHUNK: usize = 1000;
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let chunks = futures_util::stream::iter((0..size).step_by(CHUNK)).map(move |start| {
            let chunk = vec![b' '; CHUNK.min(size - start)];
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
            Ok::<_, std::io::Error>(chunk)
        });
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let body = read_body(&headers, Body::from_stream(chunks), route_of_small_bodies()).await;
        (body, taken.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_read_on_before_it_is_refused() {
        let limit = crate::route::SMALL_BODY;
        let (body, taken) = read(limit, &[]).await;
        assert_eq!((body.unwrap().len(), taken), (limit, limit));
        for size in [limit + 1, 3 * limit] {
            let announced = size.to_string();
            for headers in [&[][..], &[(header::CONTENT_LENGTH, announced.as_str())]] {
                let (body, taken) = read(size, headers).await;
                assert_eq!(body.unwrap_err().kind(), Kind::TooLarge);
                assert_eq!(taken, size, "all was read");
            }
        }
        let (body, taken) = read(2 * MOST_READ, &[]).await;
        assert_eq!(body.unwrap_err().kind(), Kind::TooLarge);
        assert!((MOST_READ..MOST_READ + limit).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn a_client_that_waits_for_leave_is_refused_at_once() {
        let size = crate::route::SMALL_BODY + 1;
        let announced = size.to_string();
        let headers = [
            (header::CONTENT_LENGTH, announced.as_str()),
            (header::EXPECT, "100-Continue"),
        ];
        let (body, taken) = read(size, &headers).await;
        assert_eq!(body.unwrap_err().kind(), Kind::TooLarge);
        assert_eq!(taken, 0);
    }

    #[test]
    fn only_trusted_proxies_say_who_calls() {
        for (peer, forwarded, expected) in [
            ([203, 0, 113, 9], "198.51.100.1", "203.0.113.9"),
            ([10, 0, 0, 1], "198.51.100.1", "198.51.100.1"),
            ([10, 0, 0, 1], "192.0.2.7, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
            ([10, 0, 0, 1], "nonsense", "10.0.0.1"),
            ([10, 0, 0, 1], "", "10.0.0.1"),
        ] {
            assert_eq!(seen(peer, forwarded).as_deref(), Some(expected), "{forwarded}");
        }
    }
}
