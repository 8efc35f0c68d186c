//! The console: pages for people, rendered here, from the API's own view types.
//!
//! Every page works without a script; with it, pages follow the log (`assets/console.js`). No rule lives here: a form becomes the
//! same command as an API call, and what the engine refuses is shown on the page with what was typed. A page hides buttons that
//! the visitor's role forbids, and the permission in the handler's signature forbids them all the same.
//!
//! Must never: render text unescaped, load anything from elsewhere, act on a request that came from another site.
//! Tests: beside the code, and `tests/console.mjs` in a browser.

mod assets;
mod prose;
mod filters;
mod pages;
mod talk;
mod visit;
mod upload;
pub(crate) mod filled;
mod incident;
mod inside;
mod evidence;
mod room;
mod commands;
mod declare;
mod bulk;
mod incidents;
mod login;
mod tasks;
mod oncall;
mod signals;
mod silences;
mod sources;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware,
    response::Response,
};

use self::visit::{Asked, Filled, On, frame, from_elsewhere, local, page, query, sorry};
use crate::{
    auth::Role,
    http::{Refused, Shared, caller, extract},
};

/// All pages, what they load, and what is said where there is nothing.
pub fn routes(app: &Shared) -> Router<Shared> {
    Router::new()
        .merge(assets::routes())
        .merge(login::routes())
        .merge(incidents::routes())
        .merge(incident::routes())
        .merge(evidence::routes())
        .merge(bulk::routes())
        .merge(commands::routes())
        .merge(declare::routes())
        .merge(room::routes())
        .merge(signals::routes())
        .merge(silences::routes())
        .merge(tasks::routes())
        .merge(oncall::routes())
        .merge(sources::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(app), inside::guard))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_here)
}

/// Nothing at this path.
async fn nothing_here(State(app): State<Shared>, request: Request) -> Response {
    let message = format!("there is nothing at `{}`", extract::shortened(request.uri().path()));
    unmet(&app, request, &Refused::new(StatusCode::NOT_FOUND, "no_such_path", message))
}

/// A page that is there, asked in a way that it is not.
async fn wrong_method(State(app): State<Shared>, request: Request) -> Response {
    let refused = extract::wrong_method(request.method());
    unmet(&app, request, &refused)
}

/// What no route met: a page for browsers, JSON for programs.
fn unmet(app: &Shared, request: Request, refused: &Refused) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.uri().path().starts_with("/api/") || !accepts.contains("text/html") {
        return extract::unmet(request.uri().path(), refused);
    }
    let (parts, _) = request.into_parts();
    sorry(app, caller(&parts, app, Role::Viewer).ok().as_ref(), refused)
}
