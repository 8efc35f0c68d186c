//! The API: a handler says who may call it, parses, asks the engine or reads the published board, and renders a view. No rule
//! and no SQL lives here.
//!
//! Permissions are argument types ([`Viewer`], [`Responder`], [`Commander`], [`Admin`]): a handler without one is open, and
//! `tests/it/permissions.rs` compares every route of the OpenAPI document with the cases it tries.

pub mod refused;
pub mod app;
pub mod access;
pub mod extract;
pub mod paged;
pub mod inside;
pub mod tasks;
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
pub mod wallets;
pub mod incidents;
pub mod checks;
pub mod evidence;
pub mod commands;
pub mod declare;
pub mod room;
pub mod bulk;
pub mod erase;
pub mod alertmanager;
pub mod openapi;

pub use self::{
    access::{
        Admin, COOKIE, CameFrom, Commander, Presented, Responder, Viewer, caller, holder, integration, presented,
        with_role,
    },
    app::{App, Shared},
    extract::{Asked, Body, Bytes, InPath},
    refused::{Message, Refused},
};

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::header,
    middleware::{self, Next},
    response::Response,
};
use quarterdeck_core::limits::BODY_BYTES_MAX;
use tower_http::catch_panic::CatchPanicLayer;

/// All routes: API, ingest, and the console's `pages` with their answer where there is nothing.
pub fn router(app: Shared, pages: Router<Shared>) -> Router {
    Router::new()
        .merge(incidents::routes())
        .merge(commands::routes())
        .merge(declare::routes())
        .merge(room::routes())
        .merge(bulk::routes())
        .merge(erase::routes())
        .merge(signals::routes())
        .merge(sources::routes())
        .merge(wallets::routes())
        .merge(silences::routes())
        .merge(tasks::routes())
        .merge(checks::routes())
        .merge(evidence::routes())
        .merge(oncall::routes())
        .merge(log::routes())
        .merge(health::routes())
        .merge(configuration::routes())
        .merge(stream::routes())
        .merge(ingest::routes())
        .merge(alertmanager::routes())
        .merge(openapi::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), inside::guard))
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
