//! The list of incidents: on the front page what is open, the worst first, and below a fold what was over last; on a page of its own
//! all of them, with a filter, page by page.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};

use super::{Asked, On, frame, page, pages, sorry};
use crate::auth::Role;
use crate::http::{
    Shared, Viewer,
    incidents::{ListQuery, listed},
    sources,
};

/// Open incidents on the front page: more than anybody can work on; the rest is on the list's own page.
const OPEN_SHOWN: usize = 200;
/// What is over and still on the front page: a shift's worth.
const OVER_SHOWN: usize = 50;
/// Incidents on a page of the list: a screen or two.
const LISTED: usize = 50;
/// The list's own page.
const LIST: &str = "/incidents";

/// Its routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/", get(front)).route(LIST, get(list))
}

async fn front(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>) -> Response {
    let part = |phase: &str, limit| {
        let query = ListQuery { phase: Some(phase.to_owned()), limit: Some(limit), ..ListQuery::default() };
        listed(&app, LIST, &query)
    };
    let (open, over) = match (part("open", OPEN_SHOWN), part("over", OVER_SHOWN)) {
        (Ok(open), Ok(over)) => (open, over),
        (Err(refused), _) | (_, Err(refused)) => return sorry(&app, Some(&visitor), &refused),
    };
    let board = app.engine.published().board();
    let sources = sources::all(&app);
    let blind = sources.iter().any(|source| matches!(source.state.as_str(), "blind" | "unfit"));
    let template = pages::Incidents {
        frame: frame(&app, Some(&visitor), "incidents"),
        open_count: board.open_incidents(),
        over_count: board.len().saturating_sub(board.open_incidents()),
        open,
        over,
        sources,
        blind,
        may_act: visitor.role >= Role::Responder,
        commands: visitor.role >= Role::Commander,
        query: ListQuery::default(),
        all_of: "all that are open",
    };
    page(StatusCode::OK, &template)
}

async fn list(
    On(Viewer(visitor)): On<Viewer>,
    State(app): State<Shared>,
    Asked(mut query): Asked<ListQuery>,
) -> Response {
    query.limit = Some(LISTED);
    query.phase = query.phase.filter(|phase| !phase.is_empty()).or_else(|| Some("all".to_owned()));
    let first_page = query.after.is_none();
    match listed(&app, LIST, &query) {
        Ok(list) => {
            let services = app.live.now().setting.catalogue.services.keys().map(ToString::to_string).collect();
            let frame = frame(&app, Some(&visitor), "incidents");
            let (may_act, commands) = (visitor.role >= Role::Responder, visitor.role >= Role::Commander);
            let all_of = "all that this filter shows, on every page";
            let template = pages::IncidentList { frame, list, query, services, first_page, may_act, commands, all_of };
            page(StatusCode::OK, &template)
        }
        Err(refused) => sorry(&app, Some(&visitor), &refused),
    }
}
