//! Evidence: to keep bytes, to see what was kept, to take a copy, to compare the stored bytes with their digest. Whoever takes a copy is
//! in its custody before they have the first byte. Tests: `tests/it/evidence.rs`, `tests/it/permissions.rs`.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use quarterdeck_api::{CustodyEntry, ErrorBody, Evidence, EvidenceHold, EvidenceItem, EvidenceVerified};
use quarterdeck_core::{
    id::IncidentId,
    incident::{
        Command, EvidenceCommand, Incident, Refusal,
        evidence::{
            Digest, Export, Item,
            command::Keeping,
            event::{Handling, Kept},
        },
        evidence_refusal::EvidenceRefusal,
    },
};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Asked, Bytes, InPath, Refused, Responder, Shared, Viewer, extract::parameter, incidents::parse};
use crate::{
    auth::{Caller, Role},
    engine::{Answer, Keep, Work},
};

/// Its routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents/{id}/bundle", get(bundle))
        .route("/api/v1/incidents/{id}/evidence", get(list).post(keep))
        .route("/api/v1/incidents/{id}/evidence/{number}", get(take))
        .route("/api/v1/incidents/{id}/evidence/{number}/verify", post(verify))
}

/// What the sender says of the bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    #[serde(default)]
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) source: String,
    pub(crate) made: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) signal: Option<String>,
    pub(crate) message: Option<String>,
}

impl Said {
    /// All but digest and length, which are the bytes' own.
    pub(crate) fn keeping(self, media_type: String) -> Result<Keeping, Refused> {
        Ok(Keeping {
            digest: Digest::of(&[]),
            bytes: 0,
            media_type,
            what: self.what,
            source: self.source,
            made: self.made.as_deref().map(|made| parameter("made", made)).transpose()?,
            task: self.task.as_deref().map(|task| parameter("task", task)).transpose()?,
            signal: self.signal.as_deref().map(|signal| parameter("signal", signal)).transpose()?,
            message: self.message.as_deref().map(|message| parameter("message", message)).transpose()?,
        })
    }
}

/// What was kept of an incident, who had it in hand, and whether the law holds it.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/evidence", tag = "evidence", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Evidence), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn list(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
) -> Result<Json<Evidence>, Refused> {
    let incident = found(&app, &caller, parse(&id)?).await?;
    Ok(Json(view(&incident)))
}

/// Keeps the body as evidence; the content type says what kind of bytes it is. What the same sender sent before for the same task, signal
/// or message is not kept twice.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/evidence", tag = "evidence", security(("token" = [])),
    params(("id" = String, Path), ("what" = String, Query, description = "what it is, in a line"), ("source" = Option<String>, Query, description = "where it comes from"), ("made" = Option<String>, Query, description = "when it was made, RFC 3339"), ("task" = Option<String>, Query, description = "the task that it belongs to: its number, or its identifier"), ("signal" = Option<String>, Query, description = "the signal that it belongs to, `sig_…`"), ("message" = Option<String>, Query, description = "the message of the room that it belongs to, `msg_…`")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = EvidenceItem), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn keep(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Asked(said): Asked<Said>,
    headers: HeaderMap,
    Bytes(bytes): Bytes,
) -> Result<Json<EvidenceItem>, Refused> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let keeping = said.keeping(media_type.unwrap_or("application/octet-stream").to_owned())?;
    Ok(Json(kept(&app, &caller, parse(&id)?, keeping, &bytes).await?))
}

/// Keeps bytes, and waits until they are durable.
pub(crate) async fn kept(
    app: &Shared,
    caller: &Caller,
    id: IncidentId,
    keeping: Keeping,
    bytes: &[u8],
) -> Result<EvidenceItem, Refused> {
    found(app, caller, id).await?;
    let keeping = Keeping { digest: Digest::of(bytes), ..keeping };
    let keep = Keep::new(id, caller.actor(), keeping.clone(), bytes.into());
    if let Answer::Refused(refusal) = app.engine.keep(keep).await? {
        return Err(refusal.into());
    }
    let incident = found(app, caller, id).await?;
    let kept = incident.kept_before(&caller.actor(), &keeping).ok_or_else(|| {
        let message = format!("evidence {} of incident {id} was erased meanwhile", keeping.digest);
        Refused::new(StatusCode::CONFLICT, "went_on", message)
    })?;
    Ok(item(&incident, kept))
}

/// The bytes of a piece of evidence. Whoever takes them is in its custody.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/evidence/{number}", tag = "evidence", security(("token" = [])), params(("id" = String, Path), ("number" = u32, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 410, body = ErrorBody), (status = 500, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn take(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath((id, number)): InPath<(String, u32)>,
) -> Result<Response, Refused> {
    let id = parse(&id)?;
    let (kept, bytes) = taken(&app, &caller, id, number).await?;
    let headers = [
        (header::CONTENT_TYPE, kept.media_type),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}-evidence-{number}\"")),
        // Should a browser open it all the same, nothing in it runs or loads.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// The bytes of a piece, with its entry of custody durable before anybody has the first of them.
pub(crate) async fn taken(
    app: &Shared,
    caller: &Caller,
    id: IncidentId,
    number: u32,
) -> Result<(Kept, Vec<u8>), Refused> {
    let (kept, bytes) = stored(app, caller, id, number).await?;
    let bytes = bytes.filter(|bytes| Digest::of(bytes) == kept.digest).ok_or_else(|| {
        let message = format!("the stored bytes of evidence {number} are not those of its digest {}", kept.digest);
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", message).hint("take them from a back-up")
    })?;
    ask(app, id, EvidenceCommand::Handle { by: caller.actor(), number, handling: Handling::Read }).await?;
    Ok((kept, bytes))
}

/// What a bundle carries.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    evidence: Option<String>,
}

/// The incident's events with their proofs and the signed checkpoint, and the bytes of its evidence: for `quarterdeck verify`, offline.
/// Whoever takes the bytes is in their custody, and must be allowed to respond.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/bundle", tag = "incidents", security(("token" = [])),
    params(("id" = String, Path), ("evidence" = Option<String>, Query, description = "`bytes`, the default, or `digests`: without the bytes of its evidence")),
    responses((status = 200, description = "an evidence bundle"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn bundle(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    Asked(carried): Asked<Carried>,
) -> Result<Response, Refused> {
    let incident = parse(&id)?;
    let bundle = match carried.evidence.as_deref() {
        None | Some("bytes") => bundled(&app, &caller, incident).await?,
        Some("digests") => super::log::bundle(&app, incident, Vec::new()).await?,
        Some(other) => {
            let other = super::extract::shortened(other);
            return Err(Refused::bad_request(format!(
                "parameter `evidence` with value `{other}`: want bytes or digests"
            )));
        }
    };
    let name = format!("attachment; filename=\"{incident}.qdbundle\"");
    Ok(([(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, name)], bundle)
        .into_response())
}

/// Bundles with bytes are made one at a time: each is in memory as a whole.
static BUNDLING: Semaphore = Semaphore::const_new(1);

/// The bundle of an incident with the bytes of its evidence. Its events say who took it out. Bytes that are not those of their digest are
/// left out: the rest must not be held back for them, and `quarterdeck verify` says which are missing.
pub(crate) async fn bundled(app: &Shared, caller: &Caller, id: IncidentId) -> Result<Vec<u8>, Refused> {
    let mut digests = digests_of(&*found(app, caller, id).await?);
    if digests.is_empty() {
        return super::log::bundle(app, id, Vec::new()).await;
    }
    if caller.role < Role::Responder {
        let message = format!("the bundle of incident {id} has the bytes of evidence: only a responder may take them");
        return Err(Refused::new(StatusCode::FORBIDDEN, "forbidden", message).hint("ask with `evidence=digests`"));
    }
    let _alone = BUNDLING.acquire().await;
    ask(app, id, EvidenceCommand::Export { by: caller.actor() }).await?;
    loop {
        let mut attachments = Vec::new();
        for digest in &digests {
            match app.store.evidence(*digest.bytes()).await? {
                Some(bytes) if Digest::of(&bytes) == *digest => attachments.push(bytes),
                Some(_) | None => tracing::error!(%id, %digest, "bytes of evidence are damaged or missing"),
            }
        }
        let bundle = super::log::bundle(app, id, attachments).await?;
        // What was kept or erased meanwhile is in the events, and must be in the bytes. Each round takes room that is bounded.
        let after = digests_of(&*found(app, caller, id).await?);
        if after == digests {
            return Ok(bundle);
        }
        digests = after;
    }
}

fn digests_of(incident: &Incident) -> BTreeSet<Digest> {
    incident.evidence().values().filter(|item| !item.is_erased()).map(|item| item.kept.digest).collect()
}

/// Compares the stored bytes with the digest that the log has. What came of it is in the custody.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/evidence/{number}/verify", tag = "evidence", security(("token" = [])), params(("id" = String, Path), ("number" = u32, Path)),
    responses((status = 200, body = EvidenceVerified), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 410, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn verify(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath((id, number)): InPath<(String, u32)>,
) -> Result<Json<EvidenceVerified>, Refused> {
    let id = parse(&id)?;
    let (kept, bytes) = stored(&app, &caller, id, number).await?;
    let same = bytes.is_some_and(|bytes| Digest::of(&bytes) == kept.digest);
    let handling = Handling::Verified { same };
    ask(&app, id, EvidenceCommand::Handle { by: caller.actor(), number, handling }).await?;
    Ok(Json(EvidenceVerified { number, sha256: kept.digest.to_string(), same }))
}

/// A piece of evidence, and the bytes that the store has of it.
async fn stored(
    app: &Shared,
    caller: &Caller,
    id: IncidentId,
    number: u32,
) -> Result<(Kept, Option<Vec<u8>>), Refused> {
    let incident = found(app, caller, id).await?;
    let item = incident.evidence().get(&number).ok_or(Refusal::from(EvidenceRefusal::NoSuch { id, number }))?;
    if item.is_erased() {
        return Err(Refusal::from(EvidenceRefusal::Erased { id, number }).into());
    }
    Ok((item.kept.clone(), app.store.evidence(*item.kept.digest.bytes()).await?))
}

/// The incident, as far as whoever asks may see it: every route of evidence goes by here.
pub(crate) async fn found(app: &Shared, _caller: &Caller, id: IncidentId) -> Result<std::sync::Arc<Incident>, Refused> {
    Ok(app.engine.published().incident(id).await?.ok_or(Refusal::NoSuchIncident { id })?)
}

/// Waits until it is durable.
async fn ask(app: &Shared, incident: IncidentId, command: EvidenceCommand) -> Result<(), Refused> {
    match app.engine.ask(Work::Command { incident, command: Command::Evidence(command) }).await? {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Logged { .. } | Answer::Done | Answer::Heard(_) | Answer::Stranded(_) => Ok(()),
    }
}

/// The answer of [`list`].
pub fn view(incident: &Incident) -> Evidence {
    Evidence {
        incident: incident.id().to_string(),
        items: incident.evidence().values().map(|kept| item(incident, kept)).collect(),
        exports: incident.evidence_exports().iter().map(exported).collect(),
        bytes: incident.evidence_bytes(),
        hold: incident.hold().map(|hold| EvidenceHold {
            by: hold.by.to_string(),
            since: hold.since.to_string(),
            reason: hold.reason.clone(),
        }),
    }
}

fn exported(export: &Export) -> CustodyEntry {
    CustodyEntry {
        by: export.by.to_string(),
        at: export.at.to_string(),
        handling: "exported".to_owned(),
        words: format!("took 1 to {} out in a bundle", export.last),
    }
}

/// One of them.
pub(crate) fn item(incident: &Incident, item: &Item) -> EvidenceItem {
    let kept = &item.kept;
    EvidenceItem {
        number: item.number,
        sha256: kept.digest.to_string(),
        bytes: kept.bytes,
        media_type: kept.media_type.clone(),
        what: kept.what.clone(),
        source: kept.source.clone(),
        made: kept.made.map(|made| made.to_string()),
        task: kept.task.and_then(|task| incident.tasks().get(&task)).map(|task| task.number),
        signal: kept.signal.map(|signal| signal.to_string()),
        message: kept.message.map(|message| message.to_string()),
        by: item.by.to_string(),
        at: item.at.to_string(),
        custody: item
            .custody
            .iter()
            .map(|entry| CustodyEntry {
                by: entry.by.to_string(),
                at: entry.at.to_string(),
                handling: entry.handling.word().to_owned(),
                words: entry.handling.words(),
            })
            .collect(),
        erased: item.is_erased(),
    }
}
