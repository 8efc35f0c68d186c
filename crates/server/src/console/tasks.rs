//! Tasks over all open incidents, and what people hold. A form about one stands on its incident's page.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use serde::Deserialize;

use super::{Asked, On, frame, page, pages};
use crate::http::{Shared, Viewer, tasks};

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/tasks", get(show))
}

/// Whose tasks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// Anything: only the visitor's.
    mine: Option<String>,
}

async fn show(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>, Asked(whose): Asked<Whose>) -> Response {
    let mine = whose.mine.is_some();
    let list = match (mine, &visitor.person) {
        (true, Some(person)) => tasks::open(&app, &visitor, Some(person)),
        // A token that belongs to no person has no tasks.
        (true, None) => Vec::new(),
        (false, _) => tasks::open(&app, &visitor, None),
    };
    let template =
        pages::Tasks { frame: frame(&app, Some(&visitor), "tasks"), mine, list, held: tasks::all_held(&app) };
    page(StatusCode::OK, &template)
}
