//! One command for many incidents. Each is asked by itself, with the caller's right to it, and is in the log as the caller's; one
//! that is refused does not keep the others from being done. All wait for the same commits, so that five hundred cost little more
//! than one. Tests: `tests/it/bulk.rs`.

use std::collections::BTreeSet;

use axum::{Json, Router, extract::State, routing::post};
use quarterdeck_api::{Bulk, BulkAnswer, BulkDone, Command, ErrorBody, Matching};
use quarterdeck_core::limits::ASKED_AT_ONCE_MAX;

use super::{
    Body, Refused, Responder, Shared,
    commands::{carry_out, request},
    incidents::{ListQuery, listed, parse},
};
use crate::auth::Caller;

/// Its route.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/incidents/commands", post(commands))
}

/// Asks the same of many incidents: of those that are named and those that match. Each has an answer of its own.
#[utoipa::path(post, path = "/api/v1/incidents/commands", tag = "incidents", security(("token" = [])),
    request_body = Bulk, responses((status = 200, body = BulkDone), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn commands(
    Responder(caller): Responder,
    State(app): State<Shared>,
    Body(bulk): Body<Bulk>,
) -> Result<Json<BulkDone>, Refused> {
    ask_all(&app, &caller, &bulk).await.map(Json)
}

/// Asks each, and tells what came of it.
pub async fn ask_all(app: &Shared, caller: &Caller, bulk: &Bulk) -> Result<BulkDone, Refused> {
    suits_many(caller, &bulk.command)?;
    if bulk.incidents.len() > ASKED_AT_ONCE_MAX {
        let message = format!("{} incidents at once: want at most {ASKED_AT_ONCE_MAX}", bulk.incidents.len());
        return Err(Refused::bad_request(message));
    }
    let (ids, more) = named(app, bulk)?;
    let asked = ids.into_iter().map(async |incident| {
        let done = match parse(&incident) {
            Ok(id) => carry_out(app, caller, id, &bulk.command).await,
            Err(refused) => Err(refused),
        };
        match done {
            Ok(done) => BulkAnswer { incident, done: Some(done), refused: None },
            Err(refused) => BulkAnswer { incident, done: None, refused: Some(refused.body().clone()) },
        }
    });
    Ok(BulkDone { answers: futures_util::future::join_all(asked).await, more })
}

/// Whether it says the same of each: roles, facts and merges are decided one by one.
fn suits_many(caller: &Caller, command: &Command) -> Result<(), Refused> {
    let (kind, given) = request(command)?;
    if kind.for_many {
        // What is wrong with it for one is wrong for all: said once.
        return kind.command(caller.actor(), &given).map(drop).map_err(Refused::from);
    }
    let message = format!("`{}` is asked of one incident at a time", kind.word);
    Err(Refused::bad_request(message).hint("for many: acknowledge, note, mitigate, resolve, review"))
}

/// Each incident once: those that are named, then those that match. And whether more match.
fn named(app: &Shared, bulk: &Bulk) -> Result<(Vec<String>, bool), Refused> {
    let mut seen = BTreeSet::new();
    let mut ids: Vec<String> = bulk.incidents.iter().filter(|id| seen.insert((*id).clone())).cloned().collect();
    let Some(Matching { phase, severity, service, text }) = bulk.matching.clone() else { return Ok((ids, false)) };
    let mut query = ListQuery { phase, severity, service, text, after: None, limit: Some(ASKED_AT_ONCE_MAX) };
    loop {
        let page = listed(app, "", &query)?;
        for one in page.items {
            if ids.len() == ASKED_AT_ONCE_MAX {
                return Ok((ids, true));
            }
            if seen.insert(one.id.clone()) {
                ids.push(one.id);
            }
        }
        // A filter may let nothing of a page through; the address of the next one says where it goes on.
        let after = page.next.as_deref().and_then(|next| next.split_once('?')).and_then(|(_, pairs)| {
            let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
            pairs.find(|(name, _)| name == "after").map(|(_, value)| value.into_owned())
        });
        if after.is_none() {
            return Ok((ids, false));
        }
        query.after = after;
    }
}
