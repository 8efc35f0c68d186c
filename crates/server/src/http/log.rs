//! The log from the outside: its head, proofs, evidence bundles, erasure.

use axum::{Json, Router, extract::State, routing::get};
use quarterdeck_api::{ErrorBody, LogHead};
use quarterdeck_core::{id::IncidentId, journal::Stream};
use quarterdeck_ledger::{
    bundle::Bundle,
    folder::{Body as Kept, Sealed},
    tree::{consistency_proof, inclusion_proof},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asked, Refused, Shared, Viewer};
use crate::{
    engine::{entry_of, read},
    log_tree::NodesError,
};
use quarterdeck_store::{Content, StoredEvent};

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
    Json(LogHead { size: head.size, root: head.root, checkpoint: head.checkpoint, vkey: app.key.to_string() })
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
pub async fn inclusion(
    _: Viewer,
    State(app): State<Shared>,
    Asked(query): Asked<InclusionQuery>,
) -> Result<Json<Proof>, Refused> {
    let tree = &app.engine.published().tree;
    let size = query.size.unwrap_or_else(|| tree.size());
    let nodes = tree.around(&*app.store, [query.index, size.saturating_sub(1)]).await?;
    let hashes = inclusion_proof(&nodes, query.index, size).map_err(|error| Refused::bad_request(error.to_string()))?;
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
pub async fn consistency(
    _: Viewer,
    State(app): State<Shared>,
    Asked(query): Asked<ConsistencyQuery>,
) -> Result<Json<Proof>, Refused> {
    let tree = &app.engine.published().tree;
    let size = query.size.unwrap_or_else(|| tree.size());
    let nodes = tree.around(&*app.store, [query.from.saturating_sub(1), size.saturating_sub(1)]).await?;
    let hashes =
        consistency_proof(&nodes, query.from, size).map_err(|error| Refused::bad_request(error.to_string()))?;
    Ok(Json(Proof { size, hashes: hashes.iter().map(ToString::to_string).collect() }))
}

/// The evidence bundle of an incident, with these bytes of its evidence.
pub async fn bundle(app: &Shared, incident: IncidentId, attachments: Vec<Vec<u8>>) -> Result<Vec<u8>, Refused> {
    let head = read(&app.engine.published().head).clone();
    let Some(checkpoint) = head.checkpoint else { return Err(Refused::not_found("the log is empty")) };
    let stored = app.store.stream(&Stream::Incident(incident).to_string()).await?;
    if stored.is_empty() {
        return Err(quarterdeck_core::incident::Refusal::NoSuchIncident { id: incident }.into());
    }
    let stored: Vec<StoredEvent> = stored.into_iter().filter(|event| event.index < head.size).collect();
    app.engine.published().told(&stored).await?.into_iter().try_for_each(|said| match said {
        Ok(_) => Ok(()),
        Err(error) => Err(ours(&error)),
    })?;
    let mut events = Vec::new();
    for event in &stored {
        let entry = entry_of(event).map_err(|error| ours(&error))?;
        let body = match &event.content {
            Content::Whole { json, salt } => Kept::Kept { salt: *salt, bytes: json.clone().into_bytes() },
            Content::Redacted { .. } | Content::Erased => Kept::Erased,
        };
        events.push((event.index, Sealed { entry, body }));
    }
    let leaves: Vec<u64> = events.iter().map(|(index, _)| *index).chain([head.size.saturating_sub(1)]).collect();
    let nodes = app.engine.published().tree.around(&*app.store, leaves).await?;
    let bundle = Bundle::build(&app.key, &checkpoint, events, &nodes).map_err(|error| ours(&error))?;
    Ok(bundle.with_attachments(attachments).encode())
}

impl From<NodesError> for Refused {
    fn from(error: NodesError) -> Self {
        match error {
            NodesError::Store(error) => error.into(),
            NodesError::Damaged { .. } => {
                tracing::error!(%error, "the stored log is damaged");
                Self::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "damaged", error.to_string())
            }
        }
    }
}

fn ours(error: &dyn std::error::Error) -> Refused {
    tracing::error!(%error, "a bundle cannot be made");
    Refused::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "bundle", error.to_string())
}
