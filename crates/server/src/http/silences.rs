//! Silences in our own words, for the console and the command line. Alertmanager's words for the same are in `alertmanager.rs`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use quarterdeck_api::{
    EndSilences, ErrorBody, Matcher as MatcherView, SetSilence, Silence as SilenceView, SilenceEnded,
};
use quarterdeck_core::{
    board::Board,
    id::{BadId, IdSource as _, SilenceId},
    incident::Refusal,
    limits::ASKED_AT_ONCE_MAX,
    signal::Signal,
    silence::{Matcher, Silence},
    time::Timestamp,
};

use super::{Body, Commander, InPath, Refused, Shared, Viewer};
use crate::{
    auth::Caller,
    engine::{Answer, Work, read},
};
use quarterdeck_host::randomness::SystemIds;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/silences", get(list).post(create))
        .route("/api/v1/silences/end", post(end_many))
        .route("/api/v1/silences/{id}/end", post(end))
}

/// Silences in force, to come and lately over; those that end last come first.
#[utoipa::path(get, path = "/api/v1/silences", tag = "silences", security(("token" = [])),
    responses((status = 200, body = Vec<SilenceView>), (status = 401, body = ErrorBody)))]
pub async fn list(_: Viewer, State(app): State<Shared>) -> Json<Vec<SilenceView>> {
    Json(all(&app))
}

/// All silences that are remembered, those that end last first.
pub fn all(app: &Shared) -> Vec<SilenceView> {
    holding(app).into_iter().map(|(silence, _)| silence).collect()
}

/// All silences that are remembered, those that end last first, each with the standing signals that it holds back now.
///
/// A signal that two silences mean is held by both: ending one of them frees nothing.
pub fn holding(app: &Shared) -> Vec<(SilenceView, Vec<Arc<Signal>>)> {
    let now = app.clock.now();
    // Copied out, so that nobody waits for the board while every silence is compared with every signal.
    let (mut silences, held) = {
        let board = read(&app.engine.published().board);
        (board.all_silences().cloned().collect::<Vec<_>>(), held(&board))
    };
    silences.sort_by_key(|silence| std::cmp::Reverse((silence.ends, silence.id)));
    silences.into_iter().map(|silence| with_signals(&silence, &held, now)).collect()
}

/// One silence as it stands.
fn shown(app: &Shared, id: SilenceId) -> Result<SilenceView, Refused> {
    let (silence, held) = {
        let board = read(&app.engine.published().board);
        (board.silence(id).cloned(), held(&board))
    };
    let silence = silence.ok_or_else(|| Refused::not_found(format!("no silence {id}")))?;
    Ok(with_signals(&silence, &held, app.clock.now()).0)
}

/// The standing signals that some silence kept from opening anything.
fn held(board: &Board) -> Vec<Arc<Signal>> {
    let held = board.loose_signals().filter(|loose| loose.silence.is_some() && loose.status.is_live());
    held.map(|loose| Arc::clone(&loose.signal)).collect()
}

fn with_signals(silence: &Silence, held: &[Arc<Signal>], now: Timestamp) -> (SilenceView, Vec<Arc<Signal>>) {
    let meant = |signal: &&Arc<Signal>| silence.is_active(now) && silence.matches(signal);
    let signals: Vec<Arc<Signal>> = held.iter().filter(meant).cloned().collect();
    (view(silence, signals.len(), now), signals)
}

/// Set a silence. Nothing is silenced in the past.
#[utoipa::path(post, path = "/api/v1/silences", tag = "silences", security(("token" = [])), request_body = SetSilence,
    responses((status = 200, body = SilenceView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn create(
    Commander(caller): Commander,
    State(app): State<Shared>,
    Body(body): Body<SetSilence>,
) -> Result<Json<SilenceView>, Refused> {
    let now = app.clock.now();
    let time = |name: &str, text: &str| {
        text.parse::<Timestamp>().map_err(|error| Refused::bad_request(format!("{name} `{text}`: {error}")))
    };
    let starts = body.starts.as_deref().map_or(Ok(now), |text| time("starts", text))?.max(now);
    let ends = time("ends", &body.ends)?;
    let matcher = |view: &MatcherView| Matcher::new(&view.name, &view.value, view.is_regex, !view.is_not);
    let matchers = body.matchers.iter().map(matcher).collect::<Result<_, Refusal>>()?;
    let id = SilenceId::from_bytes(SystemIds.fresh());
    let created_by = caller.actor().to_string();
    let owner = Some(caller.actor());
    set(&app, Silence { id, matchers, starts, ends, created_by, comment: body.comment, owner }).await?;
    shown(&app, id).map(Json)
}

/// End a silence now.
#[utoipa::path(post, path = "/api/v1/silences/{id}/end", tag = "silences", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, body = SilenceView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn end(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
) -> Result<Json<SilenceView>, Refused> {
    over(&app, &caller, &id).await.map(Json)
}

/// End many silences now. Each has an answer of its own.
#[utoipa::path(post, path = "/api/v1/silences/end", tag = "silences", security(("token" = [])), request_body = EndSilences,
    responses((status = 200, body = Vec<SilenceEnded>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn end_many(
    Commander(caller): Commander,
    State(app): State<Shared>,
    Body(wanted): Body<EndSilences>,
) -> Result<Json<Vec<SilenceEnded>>, Refused> {
    over_all(&app, &caller, wanted.silences).await.map(Json)
}

/// Ends each, and tells what came of it.
pub async fn over_all(app: &Shared, caller: &Caller, silences: Vec<String>) -> Result<Vec<SilenceEnded>, Refused> {
    if silences.len() > ASKED_AT_ONCE_MAX {
        let message = format!("{} silences at once: want at most {ASKED_AT_ONCE_MAX}", silences.len());
        return Err(Refused::bad_request(message));
    }
    let ended = silences.into_iter().map(async |silence| match over(app, caller, &silence).await {
        Ok(ended) => SilenceEnded { silence, ended: Some(ended), refused: None },
        Err(refused) => SilenceEnded { silence, ended: None, refused: Some(refused.body().clone()) },
    });
    Ok(futures_util::future::join_all(ended).await)
}

/// Ends a silence; one that is over already stays so.
pub async fn over(app: &Shared, caller: &Caller, id: &str) -> Result<SilenceView, Refused> {
    let id: SilenceId = id.parse().map_err(|error: BadId| Refused::bad_request(error.to_string()))?;
    app.engine.ask(Work::Unsilence { id, by: caller.actor() }).await?;
    shown(app, id)
}

/// Makes a silence durable.
pub async fn set(app: &Shared, silence: Silence) -> Result<(), Refused> {
    match app.engine.ask(Work::Silence(silence)).await? {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Done | Answer::Logged { .. } | Answer::Heard(_) | Answer::Stranded(_) => Ok(()),
    }
}

/// Who set it, in the client's words and, where they differ, by whose token: the words can be anybody's.
pub fn signed(words: &str, caller: &Caller) -> String {
    let actor = caller.actor().to_string();
    if words == actor { actor } else { format!("{words} ({actor})") }
}

fn view(silence: &Silence, holds: usize, now: Timestamp) -> SilenceView {
    let state = match () {
        () if silence.ends <= now => "expired",
        () if silence.starts > now => "pending",
        () => "active",
    };
    let matcher = |matcher: &Matcher| MatcherView {
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
        is_regex: matcher.is_regex(),
        is_not: !matcher.is_equal(),
    };
    SilenceView {
        id: silence.id.to_string(),
        state: state.to_owned(),
        matchers: silence.matchers.iter().map(matcher).collect(),
        starts: silence.starts.to_string(),
        ends: silence.ends.to_string(),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
        owner: silence.owner.as_ref().map(ToString::to_string),
        holds,
    }
}
