//! What Quarterdeck looks through and how it is itself: chains, detectors, the log.

use axum::{Json, Router, extract::State, http::StatusCode, response::Response, routing::get};

use super::{
    On, frame, page,
    pages::{self, Documented},
    prose,
};
use crate::http::{Shared, Viewer, health, log, signals};

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/sources", get(show))
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
        chains: health::all_sources(&app),
        detectors: detectors.collect(),
    };
    page(StatusCode::OK, &template)
}
