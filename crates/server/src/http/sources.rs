//! Sources of chain events: how each is, which kinds there are, and what a person decides about one. Tests: `tests/it/sight.rs`.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use quarterdeck_api::{BeginAnew, ErrorBody, Source, SourceKind, SourceSetting};
use quarterdeck_core::{id::SourceId, journal::JournalEvent, limits::TEXT_BYTES_MAX};
use quarterdeck_sources::{SOURCES, SourceHealth, SourceState};

use super::{Body, Commander, InPath, Refused, Shared, Viewer};
use crate::{auth::Caller, engine::Work};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/sources", get(sources))
        .route("/api/v1/sources/kinds", get(kinds))
        .route("/api/v1/sources/{id}/begin-anew", post(begin_anew))
}

/// The health of every chain source.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", security(("token" = [])), responses((status = 200, body = Vec<Source>), (status = 401, body = ErrorBody)))]
pub async fn sources(_: Viewer, State(app): State<Shared>) -> Json<Vec<Source>> {
    Json(all(&app))
}

/// The kinds of source that can be configured, with what may be set.
#[utoipa::path(get, path = "/api/v1/sources/kinds", tag = "sources", security(("token" = [])), responses((status = 200, body = Vec<SourceKind>), (status = 401, body = ErrorBody)))]
pub async fn kinds(_: Viewer) -> Json<Vec<SourceKind>> {
    Json(all_kinds())
}

/// The chain that the node of an unfit source shows is the one to follow from here on. What was claimed on the blocks that it lacks is
/// taken back, the source begins again at the node's head, and the log says who decided that.
#[utoipa::path(post, path = "/api/v1/sources/{id}/begin-anew", tag = "sources", security(("token" = [])), params(("id" = String, Path)),
    request_body = BeginAnew, responses((status = 200, body = Source), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "its node shows the chain that we know"), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn begin_anew(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(asked): Body<BeginAnew>,
) -> Result<Json<Source>, Refused> {
    decide(&app, &caller, &id, asked.reason).await.map(Json)
}

/// Carries it out for whoever may.
pub async fn decide(app: &Shared, caller: &Caller, id: &str, reason: String) -> Result<Source, Refused> {
    let unknown = || Refused::not_found(format!("no source `{id}`"));
    let source: SourceId = id.parse().map_err(|_| unknown())?;
    let health = app.sources.all().remove(&source).ok_or_else(unknown)?;
    if reason.trim().is_empty() || reason.len() > TEXT_BYTES_MAX {
        let message = format!("say why, in at most {TEXT_BYTES_MAX} bytes");
        return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_text", message));
    }
    if health.state != SourceState::Unfit {
        let message = format!("source `{source}` is {}: its node shows the chain that we know", health.state.word());
        return Err(Refused::new(StatusCode::CONFLICT, "not_unfit", message));
    }
    let (chain, by) = (health.chain, caller.actor());
    let event = JournalEvent::SourceBegunAnew { source: source.clone(), chain, by, reason };
    app.engine.ask(Work::Journal(event)).await?;
    app.reloader.followers.lock().await.begin_anew(&source);
    Ok(view(&source, health))
}

/// The health of every chain source.
pub fn all(app: &Shared) -> Vec<Source> {
    app.sources.all().into_iter().map(|(id, source)| view(&id, source)).collect()
}

/// Every kind of THE LIST.
pub fn all_kinds() -> Vec<SourceKind> {
    let setting = |spec: &quarterdeck_sources::setting::SettingSpec| SourceSetting {
        name: spec.name.to_owned(),
        doc: spec.doc.to_owned(),
        bounds: spec.form.bounds(),
        required: spec.required,
    };
    let view = |kind: &&dyn quarterdeck_sources::SourceKind| SourceKind {
        id: kind.id().to_owned(),
        title: kind.title().to_owned(),
        chains: kind.reads().word().to_owned(),
        settings: kind.settings().iter().map(setting).collect(),
    };
    SOURCES.iter().map(view).collect()
}

fn view(id: &SourceId, source: SourceHealth) -> Source {
    Source {
        id: id.to_string(),
        kind: source.kind,
        chain: source.chain.number(),
        chain_id: source.chain.to_string(),
        state: source.state.word().to_owned(),
        head: source.head.map(|head| head.number),
        node_head: source.node_head,
        last_block: source.last_block.map(|at| at.to_string()),
        blocks: source.blocks,
        reorgs: source.reorgs,
        gaps: source.gaps.iter().map(|gap| format!("{:?} since {}: {}", gap.kind, gap.since, gap.detail)).collect(),
        capabilities: source.capabilities,
        endpoint: source.endpoint,
    }
}
