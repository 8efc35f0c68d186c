//! The log from the outside: its head, proofs, evidence bundles, erasure.

use std::sync::MutexGuard;

use axum::{Json, Router, extract::{Query, State}, routing::get};
use quarterdeck_api::{ErrorBody, LogHead};
use quarterdeck_core::{id::IncidentId, journal::Stream};
use quarterdeck_ledger::{
    bundle::{Bundle, BundleEvent},
    tree::{Tree, consistency_proof, inclusion_proof},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{App, Refused, Shared, Viewer};
use crate::engine::{entry_of, read};

/// Events read at once while the tree follows the log.
const EVENTS: usize = 10_000;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/log", get(head))
        .route("/api/v1/log/inclusion", get(inclusion))
        .route("/api/v1/log/consistency", get(consistency))
}

/// Where the log stands, with its signed checkpoint.
#[utoipa::path(get, path = "/api/v1/log", tag = "log", security(("token" = [])), responses((status = 200, body = LogHead), (status = 401, body = ErrorBody)))]
pub async fn head(_: Viewer, State(app): State<Shared>) -> Json<LogHead> {
    let head = read(&app.engine.published().head).clone();
    Json(LogHead { size: head.size, root: head.root, checkpoint: head.checkpoint, vkey: app.vkey.clone() })
}

/// A proof: hashes in base64, from the leaf towards the root.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proof {
    /// The size of the log that it is for.
    size: u64,
    /// The hashes.
    hashes: Vec<String>,
}

/// Which leaf.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionQuery {
    index: u64,
    size: Option<u64>,
}

/// That the event at `index` is in the log of `size` events (default: now).
#[utoipa::path(get, path = "/api/v1/log/inclusion", tag = "log", security(("token" = [])), params(("index" = u64, Query), ("size" = Option<u64>, Query)),
    responses((status = 200, body = Proof), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn inclusion(_: Viewer, State(app): State<Shared>, Query(query): Query<InclusionQuery>) -> Result<Json<Proof>, Refused> {
    follow(&app).await?;
    let tree = lock(&app);
    let size = query.size.unwrap_or_else(|| tree.size());
    let hashes = inclusion_proof(&*tree, query.index, size).map_err(|error| Refused::bad_request(error.to_string()))?;
    Ok(Json(Proof { size, hashes: hashes.iter().map(ToString::to_string).collect() }))
}

/// From which size to which.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyQuery {
    from: u64,
    size: Option<u64>,
}

/// That the log of `size` events (default: now) only added to the log of `from` events.
#[utoipa::path(get, path = "/api/v1/log/consistency", tag = "log", security(("token" = [])), params(("from" = u64, Query), ("size" = Option<u64>, Query)),
    responses((status = 200, body = Proof), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn consistency(_: Viewer, State(app): State<Shared>, Query(query): Query<ConsistencyQuery>) -> Result<Json<Proof>, Refused> {
    follow(&app).await?;
    let tree = lock(&app);
    let size = query.size.unwrap_or_else(|| tree.size());
    let hashes = consistency_proof(&*tree, query.from, size).map_err(|error| Refused::bad_request(error.to_string()))?;
    Ok(Json(Proof { size, hashes: hashes.iter().map(ToString::to_string).collect() }))
}

/// The evidence bundle of an incident.
pub async fn bundle(app: &Shared, incident: IncidentId) -> Result<String, Refused> {
    let head = read(&app.engine.published().head).clone();
    let Some(checkpoint) = head.checkpoint else { return Err(Refused::not_found("the log is empty")) };
    follow(app).await?;
    let stream = Stream::Incident(incident).to_string();
    let stored = app.store.stream(&stream).await?;
    if stored.is_empty() {
        return Err(quarterdeck_core::incident::Refusal::NoSuchIncident { id: incident }.into());
    }
    let tree = lock(app);
    let mut events = Vec::new();
    for event in stored.iter().filter(|event| event.index < head.size) {
        let entry = entry_of(event).map_err(|error| ours(&error))?;
        let proof = inclusion_proof(&*tree, event.index, head.size).map_err(|error| ours(&error))?;
        let content = event.content.as_ref().map(|(body, salt)| (*salt, body.clone().into_bytes()));
        events.push(BundleEvent { index: event.index, entry, content, proof });
    }
    Ok(Bundle { stream, checkpoint, vkey: app.vkey.clone(), events }.encode())
}

fn ours(error: &dyn std::error::Error) -> Refused {
    tracing::error!(%error, "a bundle cannot be made");
    Refused::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "bundle", error.to_string())
}

/// Brings the tree in memory to where the log stands.
async fn follow(app: &Shared) -> Result<(), Refused> {
    loop {
        let from = lock(app).size();
        let events = app.store.events(from, EVENTS).await?;
        if events.is_empty() {
            return Ok(());
        }
        let mut leaves = Vec::with_capacity(events.len());
        for event in &events {
            leaves.push(entry_of(event).map_err(|error| ours(&error))?.leaf_hash());
        }
        let mut tree = lock(app);
        if tree.size() == from {
            tree.extend(leaves);
        }
    }
}

fn lock(app: &App) -> MutexGuard<'_, Tree> {
    app.tree.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

