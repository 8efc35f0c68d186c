//! The list of incidents: open ones first, worst first; what is over below a fold.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};

use super::{On, frame, page, pages};
use crate::http::{Shared, Viewer, health, incidents::summaries};

/// What is over and still shown: a shift's worth; the rest is in the API and the log.
const OVER_SHOWN: usize = 50;

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/", get(list))
}

async fn list(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>) -> Response {
    let open = summaries(&app, false, usize::MAX);
    let mut over = summaries(&app, true, usize::MAX).split_off(open.len());
    let over_count = over.len();
    // RFC 3339 in UTC with milliseconds sorts as text.
    over.sort_by(|a, b| b.changed.cmp(&a.changed));
    over.truncate(OVER_SHOWN);
    let sources = health::all_sources(&app);
    let blind = sources.iter().any(|source| source.state == "blind");
    let frame = frame(&app, Some(&visitor), "incidents");
    page(StatusCode::OK, &pages::Incidents { frame, open, over, over_count, sources, blind })
}
