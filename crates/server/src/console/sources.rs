//! What Quarterdeck looks through and how it is itself: chains, detectors, the log; and what a person decides about a source whose
//! node shows another chain.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use quarterdeck_api::BeginAnew;

use super::{
    Filled, On, frame, page,
    pages::{self, Documented},
    prose, sorry,
};
use crate::{
    auth::Role,
    http::{Commander, InPath, Shared, Viewer, health, log, signals, sources, wallets},
};

/// Its routes. The decision is asked for with GET only by a reload after a refusal: it leads back.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sources", get(show))
        .route("/sources/{id}/begin-anew", get(|| async { Redirect::to("/sources") }).post(begin_anew))
}

/// Headings of a detector's document stand below the detector's own, which is of the third rank.
const HEADINGS_FROM: usize = 4;

async fn show(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>) -> Response {
    let Json(log) = log::head(Viewer(visitor.clone()), State(app.clone())).await;
    let Json(detectors) = signals::detectors(Viewer(visitor.clone()), State(app.clone())).await;
    let detectors = detectors.into_iter().map(|it| Documented { doc: prose::render(&it.doc, HEADINGS_FROM), it });
    let template = pages::Sources {
        frame: frame(&app, Some(&visitor), "sources"),
        health: health::state(&app),
        log,
        chains: sources::all(&app),
        kinds: sources::all_kinds(),
        wallets: wallets::all(&app),
        may: visitor.role >= Role::Commander,
        detectors: detectors.collect(),
    };
    page(StatusCode::OK, &template)
}

async fn begin_anew(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    InPath(id): InPath,
    Filled(form): Filled<BeginAnew>,
) -> Response {
    match sources::decide(&app, &visitor, &id, form.reason.replace("\r\n", "\n")).await {
        Ok(_) => Redirect::to("/sources").into_response(),
        Err(refused) => sorry(&app, Some(&visitor), &refused),
    }
}
