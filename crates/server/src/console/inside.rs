//! The page of an incident for whoever may not look into it: its code name, and for an administrator the way in. Who may look is asked in
//! `http::inside`.

use axum::{
    extract::{MatchedPath, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{frame, page, pages, visit::turn_away};
use crate::{
    auth::Role,
    http::{
        Shared,
        inside::{Passage, pass},
    },
};

/// Asks of every page of an incident whether the visitor may look.
pub(super) async fn guard(
    State(app): State<Shared>,
    matched: Option<MatchedPath>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let (refused, who) =
        match pass(&app, matched.as_ref().map(MatchedPath::as_str), params.as_ref().ok(), request).await {
            Passage::On(request) => return next.run(request).await,
            Passage::Ends(refused, who) => (refused, who),
        };
    let accepts = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A script, and whoever listens, is answered as a program is.
    if accepts.contains("application/json") || accepts.contains("text/event-stream") {
        return refused.into_response();
    }
    match who.filter(|_| refused.parts().0 == StatusCode::FORBIDDEN) {
        Some((who, incident)) => {
            let template = pages::Outside {
                frame: frame(&app, Some(&who), "incidents"),
                id: incident.id().to_string(),
                name: incident.name_outside(),
                severity: incident.severity().to_string(),
                phase: incident.phase().word().to_owned(),
                breaks_glass: who.role >= Role::Admin && who.person.is_some(),
            };
            page(StatusCode::FORBIDDEN, &template)
        }
        None => turn_away(&parts, &app, &refused),
    }
}
