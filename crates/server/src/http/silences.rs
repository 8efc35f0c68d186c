//! Silences in our own words, for the console and the command line. Alertmanager's words for the same are in `alertmanager.rs`.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use quarterdeck_api::{ErrorBody, Matcher as MatcherView, SetSilence, Silence as SilenceView};
use quarterdeck_core::{
    id::{IdSource as _, SilenceId},
    silence::{BadSilence, Matcher, Silence},
    time::Timestamp,
};

use super::{Body, Commander, Refused, Shared, Viewer};
use crate::{
    auth::Caller,
    engine::{Answer, Work, read},
    ids::SystemIds,
};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/silences", get(list).post(create)).route("/api/v1/silences/{id}/end", post(end))
}

/// Silences in force, to come and lately over; those that end last come first.
#[utoipa::path(get, path = "/api/v1/silences", tag = "silences", security(("token" = [])),
    responses((status = 200, body = Vec<SilenceView>), (status = 401, body = ErrorBody)))]
pub async fn list(_: Viewer, State(app): State<Shared>) -> Json<Vec<SilenceView>> {
    Json(all(&app))
}

/// All silences that are remembered.
pub fn all(app: &Shared) -> Vec<SilenceView> {
    let now = app.clock.now();
    let board = read(&app.engine.published().board);
    let mut silences: Vec<&Silence> = board.all_silences().collect();
    silences.sort_by_key(|silence| std::cmp::Reverse((silence.ends, silence.id)));
    silences.into_iter().map(|silence| view(silence, now)).collect()
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
    let matchers = body.matchers.iter().map(matcher).collect::<Result<_, _>>().map_err(|bad| refused(&bad))?;
    let id = SilenceId::from_bytes(SystemIds.fresh());
    let created_by = caller.actor().to_string();
    let silence = Silence { id, matchers, starts, ends, created_by, comment: body.comment };
    set(&app, silence.clone()).await?;
    Ok(Json(view(&silence, now)))
}

/// End a silence now.
#[utoipa::path(post, path = "/api/v1/silences/{id}/end", tag = "silences", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, body = SilenceView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn end(
    Commander(caller): Commander,
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<SilenceView>, Refused> {
    let id: SilenceId =
        id.parse().map_err(|error: quarterdeck_core::id::BadId| Refused::bad_request(error.to_string()))?;
    app.engine.ask(Work::Unsilence { id, by: caller.actor() }).await?;
    let board = read(&app.engine.published().board);
    let silence = board.silence(id).ok_or_else(|| Refused::not_found(format!("no silence {id}")))?;
    Ok(Json(view(silence, app.clock.now())))
}

/// Makes a silence durable.
pub async fn set(app: &Shared, silence: Silence) -> Result<(), Refused> {
    match app.engine.ask(Work::Silence(silence)).await? {
        Answer::BadSilence(bad) => Err(refused(&bad)),
        Answer::Done | Answer::Heard(_) | Answer::Refused(_) | Answer::NoSuchSilence(_) => Ok(()),
    }
}

fn refused(bad: &BadSilence) -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_silence", bad.to_string())
}

/// Who set it, in the client's words and, where they differ, by whose token: the words can be anybody's.
pub fn signed(words: &str, caller: &Caller) -> String {
    let actor = caller.actor().to_string();
    if words == actor { actor } else { format!("{words} ({actor})") }
}

fn view(silence: &Silence, now: Timestamp) -> SilenceView {
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
    }
}
