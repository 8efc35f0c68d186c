//! The API: a handler says who may call it, parses, asks the engine or reads the published board, and renders a view. No rule
//! and no SQL lives here.
//!
//! Permissions are argument types ([`Viewer`], [`Responder`], [`Commander`], [`Admin`]): a handler without one is open, and
//! `tests/it/permissions.rs` compares every route of the OpenAPI document with the cases it tries.

pub mod extract;
pub mod paged;
pub mod views;
pub mod health;
pub mod configuration;
pub mod stream;
pub mod log;
pub mod oncall;
pub mod monitor;
pub mod ingest;
pub mod silences;
pub mod signals;
pub mod sources;
pub mod incidents;
pub mod commands;
pub mod erase;
pub mod alertmanager;
pub mod openapi;

pub use extract::{Asked, Body, Bytes, InPath};

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use quarterdeck_api::ErrorBody;
use quarterdeck_core::{id::SourceId, incident::Refusal, limits::BODY_BYTES_MAX, time::Timestamp};
use quarterdeck_ledger::note::VerifierKey;
use subtle::ConstantTimeEq;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    auth::{self, Caller, Role, identify},
    config::Integration,
    doors::Peer,
    engine::{EngineError, LoadError},
    guesses::{Guesses, Wait},
    history::HistoryError,
    in_force::Live,
    loops::{
        audit::Audited, engine::EngineHandle, expire::Expiries, heartbeat::Heartbeats, pulse::Pulse, steps::Steps,
        watchdog::Watched,
    },
    reaching::Reaching,
    reload::Reloader,
    sessions::Sessions,
    writing::Writing,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_sources::Sources;
use quarterdeck_store::{Store, StoreError};

/// What handlers may use.
pub struct App {
    /// The write path and the published board.
    pub engine: EngineHandle,
    /// For lists that the board does not hold.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is in force of the configuration.
    pub live: Arc<Live>,
    /// Has the configuration read anew.
    pub reloader: Arc<Reloader>,
    /// Until when what monitors claim holds.
    pub expiries: Arc<Expiries>,
    /// Which monitors are heard of.
    pub heartbeats: Arc<Heartbeats>,
    /// When the program started.
    pub started: Timestamp,
    /// The health of the chain sources.
    pub sources: Arc<Sources>,
    /// Detectors that did not hear their canary at the start.
    pub deaf: Vec<quarterdeck_core::id::DetectorId>,
    /// How the ways to people do.
    pub reaching: Arc<Reaching>,
    /// How writing does.
    pub writing: Arc<Writing>,
    /// Steps of the machine's clock.
    pub steps: Arc<Steps>,
    /// What the signs of life rest on.
    pub pulse: Arc<Pulse>,
    /// What the watchdog saw.
    pub watched: Arc<Watched>,
    /// What the audit of the log found.
    pub audited: Arc<Audited>,
    /// The log's verifier key.
    pub key: VerifierKey,
    /// Told when the program stops: streams end then, so that stopping does not wait for listeners.
    pub stopping: tokio::sync::watch::Receiver<bool>,
    /// Who is logged in to the console.
    pub sessions: Arc<Sessions>,
    /// What was tried at the doors.
    pub guesses: Arc<Guesses>,
    /// Places for those who listen to a stream.
    pub streams: Arc<tokio::sync::Semaphore>,
    /// Renders the metrics.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
}

/// Shared by all handlers.
pub type Shared = Arc<App>;

/// All routes: API, ingest, and the console's `pages` with their answer where there is nothing.
pub fn router(app: Shared, pages: Router<Shared>) -> Router {
    Router::new()
        .merge(incidents::routes())
        .merge(commands::routes())
        .merge(erase::routes())
        .merge(signals::routes())
        .merge(sources::routes())
        .merge(silences::routes())
        .merge(oncall::routes())
        .merge(log::routes())
        .merge(health::routes())
        .merge(configuration::routes())
        .merge(stream::routes())
        .merge(ingest::routes())
        .merge(alertmanager::routes())
        .merge(openapi::routes())
        .method_not_allowed_fallback(extract::not_like_this)
        .merge(pages)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(headers))
        .layer(CatchPanicLayer::custom(extract::panicked))
        .with_state(app)
}

/// Headers that every answer carries unless it says otherwise: no sniffing, no framing, nothing loaded from elsewhere, nothing kept.
async fn headers(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ] {
        answer.headers_mut().entry(name).or_insert(header::HeaderValue::from_static(value));
    }
    answer
}

/// An answer that says no: what is wrong is the caller's to fix (4xx) or ours (5xx).
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    body: ErrorBody,
    /// After how many seconds to ask again.
    retry_after: Option<u64>,
}

impl Refused {
    /// With a stable code and a sentence.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let body = ErrorBody { code: code.to_owned(), message: message.into(), hint: String::new() };
        Self { status, body, retry_after: None }
    }
    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.body.hint);
        self
    }
    /// Status 400: the request itself is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
    /// Status 404: what it names is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }
    /// The caller may ask again at once.
    #[must_use]
    pub const fn passing(mut self) -> Self {
        self.retry_after = Some(1);
        self
    }
    /// What it says.
    pub const fn body(&self) -> &ErrorBody {
        &self.body
    }
    /// Status and message, for pages that show them.
    pub fn parts(&self) -> (StatusCode, &str) {
        (self.status, &self.body.message)
    }
}

/// Goes with every refusal, for formats with error bodies of their own.
#[derive(Clone)]
pub struct Message(pub String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let message = Message(self.body.message.clone());
        let mut answer = (self.status, Json(self.body)).into_response();
        answer.extensions_mut().insert(message);
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::NoSuchIncident { .. } | Refusal::NoSuchPage { .. } | Refusal::NoSuchSilence { .. } => {
                StatusCode::NOT_FOUND
            }
            Refusal::BadField { .. } => StatusCode::BAD_REQUEST,
            Refusal::BadText { .. }
            | Refusal::NoSuchPerson { .. }
            | Refusal::SilencesAll
            | Refusal::TooManyMatchers { .. }
            | Refusal::SilenceOver { .. }
            | Refusal::BadMatcher { .. }
            | Refusal::TooManySilences
            | Refusal::LongComment { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::WrongPhase { .. }
            | Refusal::WentOn { .. }
            | Refusal::SetAside { .. }
            | Refusal::PageSettled { .. }
            | Refusal::BadMerge { .. }
            | Refusal::TooLong { .. } => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        let mut refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_durable", error.to_string())
            .hint("nothing was kept; send it again");
        refused.retry_after = Some(1);
        refused
    }
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Damaged { .. } => {
                tracing::error!(%error, "a stored history cannot be followed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", error.to_string())
            }
        }
    }
}

impl From<HistoryError> for Refused {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NoSuch { id } => Refusal::NoSuchIncident { id }.into(),
            HistoryError::Store { source, .. } => source.into(),
            HistoryError::Unreadable { .. } | HistoryError::OutOfOrder { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "a history cannot be read");
                // Which event it is, and what is wrong with it.
                let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", format!("{error}{why}"))
            }
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a read failed");
        let mut refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, "store", error.to_string());
        refused.retry_after = Some(1);
        refused
    }
}

/// The name of the console's cookie.
pub const COOKIE: &str = "quarterdeck_session";

/// With what somebody says who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// A token, or a key.
    Token(&'a str),
    /// What a browser holds of its session.
    Session(&'a str),
}

/// With what a request says who is asking: the header, else the console's cookie.
pub fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) =
        bearer.and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
    {
        return Some(Presented::Token(token.trim()));
    }
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok())?;
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, held)| Presented::Session(held))
}

/// The address that a request came from. What a proxy says of it is believed where one was announced, and on this machine.
pub struct CameFrom(pub IpAddr);

impl FromRequestParts<Shared> for CameFrom {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        Ok(Self(came_from(parts, app)))
    }
}

fn came_from(parts: &Parts, app: &App) -> IpAddr {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = parts.extensions.get::<Peer>().map_or(nowhere, |peer| peer.0.ip().to_canonical());
    if !peer.is_loopback() && !app.live.now().behind_proxy {
        return peer;
    }
    // Each proxy adds at the end: the last is what ours saw itself.
    let said = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    said.and_then(|said| said.rsplit(',').next()?.trim().parse().ok()).unwrap_or(peer)
}

/// Who is asking, if what they present is right and they may do what `least` may.
pub fn caller(parts: &Parts, app: &App, least: Role) -> Result<Caller, Refused> {
    let caller = match presented(&parts.headers) {
        None => {
            return Err(Refused::new(StatusCode::UNAUTHORIZED, "no_token", "this needs a token")
                .hint("send `Authorization: Bearer …`, or log in to the console"));
        }
        Some(Presented::Token(token)) => holder(app, came_from(parts, app), token)?,
        Some(Presented::Session(held)) => {
            let caller = app.sessions.holder(held, &app.live.now().tokens, app.clock.now()).ok_or_else(|| {
                Refused::new(StatusCode::UNAUTHORIZED, "no_session", "this session is over").hint("log in again")
            })?;
            if !matches!(parts.method, Method::GET | Method::HEAD) && !same_origin(&parts.headers) {
                let message = "this request came from another site";
                return Err(Refused::new(StatusCode::FORBIDDEN, "foreign_origin", message));
            }
            caller
        }
    };
    with_role(caller, least)
}

/// Whose token it is, if we listen to it from there.
pub fn holder(app: &App, from: IpAddr, token: &str) -> Result<Caller, Refused> {
    let unknown = || Refused::new(StatusCode::UNAUTHORIZED, "bad_token", "this token is not known");
    // A monitor's key in the wrong place is a mistake, and no guess.
    if integration(&app.live.now().integrations, token).is_some() {
        return Err(unknown().hint("it is the key of a monitor, which may post and read its own claims"));
    }
    let (digest, elapsed, now) = (auth::digest(token), app.clock.elapsed(), app.clock.now());
    if let Err(Wait(wait)) = app.guesses.may_try(from, &digest, elapsed, now) {
        let seconds = wait.as_secs().saturating_add(1);
        let message = format!("too many wrong tokens came from {from}: try again in {seconds} s");
        let mut refused = Refused::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", message);
        refused.retry_after = Some(seconds);
        return Err(refused);
    }
    if let Some(caller) = identify(&app.live.now().tokens, token) {
        app.guesses.right(from, digest, elapsed);
        return Ok(caller);
    }
    app.guesses.wrong(from, elapsed, now);
    Err(unknown())
}

/// The integration that a key belongs to. Looks at every one, so that the time tells nothing.
pub fn integration(integrations: &[Integration], key: &str) -> Option<SourceId> {
    let digest = auth::digest(key);
    let mut found = None;
    for integration in integrations {
        if bool::from(integration.digest.ct_eq(&digest)) {
            found = Some(integration);
        }
    }
    found.map(|integration| integration.id.clone())
}

/// The caller, if they may do what `least` may.
pub fn with_role(caller: Caller, least: Role) -> Result<Caller, Refused> {
    if caller.role < least {
        let message = format!("this needs the role {least}; token `{}` has {}", caller.token, caller.role);
        return Err(Refused::new(StatusCode::FORBIDDEN, "role", message));
    }
    Ok(caller)
}

/// A form or script of another site cannot act with the console's cookie.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        _ => false,
    }
}

macro_rules! permission {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(pub Caller);
        impl FromRequestParts<Shared> for $name {
            type Rejection = Refused;
            async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
                caller(parts, app, Role::$name).map($name)
            }
        }
    };
}
permission! {
    /// May read.
    Viewer
}
permission! {
    /// May acknowledge, note, take roles, post signals.
    Responder
}
permission! {
    /// May mitigate, resolve, merge, escalate, state facts, silence.
    Commander
}
permission! {
    /// May do everything.
    Admin
}
