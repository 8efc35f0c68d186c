//! Prometheus Alertmanager, API v2, so that an unmodified Prometheus and `amtool` work against us: alerts in and out, silences,
//! status. Errors are JSON strings, as in its published description.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use quarterdeck_core::{
    board::Board,
    id::{IdSource as _, SilenceId},
    signal::{Fingerprint, Signal},
    silence::Silence,
    time::Timestamp,
};
use quarterdeck_formats::{
    alertmanager::{
        LabelSet,
        answer::{
            AlertGroup, AlertStatus, ClusterState, ClusterStatus, Config, GettableAlert, GettableSilence, Receiver,
            ReceiverReference, SilenceCreated, SilenceState, Status, VersionInfo, error_body, silence_id, uuid,
        },
        filter::{AlertQuery, SilenceQuery},
        prometheus::Prometheus,
        silence::parse_silence,
    },
    bounds::FormatError,
};

use super::{
    Asked, Bytes, InPath, Message, Refused, Shared,
    extract::{bad_query, shortened},
    ingest,
    monitor::{Guest, Poster, Reader, Silencer},
    silences,
};
use crate::{
    engine::{Answer, Work, read},
    loops::expire::RESOLVE_TIMEOUT,
};
use quarterdeck_host::randomness::SystemIds;

/// The receiver of alerts that nobody is told of.
const NOBODY: &str = "nobody";

/// The pairs of a query string.
type Pairs = Asked<Vec<(String, String)>>;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/alerts", get(alerts).post(post_alerts))
        .route("/api/v2/alerts/groups", get(groups))
        .route("/api/v2/status", get(status))
        .route("/api/v2/receivers", get(receivers))
        .route("/api/v2/silences", get(list_silences).post(post_silence))
        .route("/api/v2/silence/{id}", get(silence).delete(delete_silence))
        .layer(middleware::map_response(in_its_words))
}

/// Our refusals as Alertmanager's clients read them.
async fn in_its_words(mut answer: Response) -> Response {
    if let Some(Message(text)) = answer.extensions_mut().remove::<Message>() {
        *answer.body_mut() = Body::from(error_body(&text));
        // Its description knows one code for what is wrong with a body.
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
        }
    }
    answer
}

fn pairs(query: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn bad(query: &[(String, String)], error: &FormatError) -> Refused {
    let pairs: Vec<_> = pairs(query).map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect();
    bad_query(&pairs, &error.to_string())
}

/// Alerts of a Prometheus. The good ones of a bad batch count.
#[utoipa::path(post, path = "/api/v2/alerts", tag = "alertmanager", security(("token" = []), ("key" = [])),
    request_body(content = String, content_type = "application/json", description = "an array of alerts, as Prometheus posts them"),
    responses((status = 200, description = "durable"), (status = 400, body = String), (status = 401, body = String), (status = 403, body = String), (status = 413, body = String), (status = 503, body = String)))]
pub async fn post_alerts(
    Poster(guest): Poster,
    State(app): State<Shared>,
    Bytes(body): Bytes,
) -> Result<Response, Refused> {
    ingest::post_as(&Prometheus, &app, &guest, &body).await
}

/// Every claim that stands, as an alert.
#[utoipa::path(get, path = "/api/v2/alerts", tag = "alertmanager", security(("token" = []), ("key" = [])),
    params(("active" = Option<bool>, Query), ("silenced" = Option<bool>, Query), ("inhibited" = Option<bool>, Query), ("unprocessed" = Option<bool>, Query), ("filter" = Option<Vec<String>>, Query, description = "matchers"), ("receiver" = Option<String>, Query, description = "a regular expression")),
    responses((status = 200, description = "alerts"), (status = 400, body = String), (status = 401, body = String)))]
pub async fn alerts(
    Reader(guest): Reader,
    State(app): State<Shared>,
    Asked(query): Pairs,
) -> Result<Response, Refused> {
    let query = AlertQuery::from_pairs(pairs(&query)).map_err(|error| bad(&query, &error))?;
    let mut alerts: Vec<GettableAlert> = standing(&app, &guest).into_iter().map(|(_, alert)| alert).collect();
    alerts.retain(|alert| query.wants(alert));
    alerts.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Ok(Json(alerts).into_response())
}

/// The same by incident, which is how we group.
#[utoipa::path(get, path = "/api/v2/alerts/groups", tag = "alertmanager", security(("token" = []), ("key" = [])),
    params(("active" = Option<bool>, Query), ("silenced" = Option<bool>, Query), ("inhibited" = Option<bool>, Query), ("muted" = Option<bool>, Query), ("filter" = Option<Vec<String>>, Query, description = "matchers"), ("receiver" = Option<String>, Query, description = "a regular expression")),
    responses((status = 200, description = "groups of alerts"), (status = 400, body = String), (status = 401, body = String)))]
pub async fn groups(
    Reader(guest): Reader,
    State(app): State<Shared>,
    Asked(query): Pairs,
) -> Result<Response, Refused> {
    let query = AlertQuery::from_pairs(pairs(&query)).map_err(|error| bad(&query, &error))?;
    let mut groups: BTreeMap<LabelSet, Vec<GettableAlert>> = BTreeMap::new();
    for (group, alert) in standing(&app, &guest) {
        if query.wants(&alert) {
            groups.entry(group).or_default().push(alert);
        }
    }
    let groups = groups.into_iter().map(|(labels, alerts)| {
        let receiver = alerts.first().and_then(|alert| alert.receivers.first());
        let receiver = receiver.cloned().unwrap_or_else(|| ReceiverReference { name: NOBODY.to_owned() });
        AlertGroup { labels, route_labels: LabelSet::new(), receiver, alerts }
    });
    let muted = |group: &AlertGroup| group.alerts.iter().all(|alert| !alert.status.silenced_by.is_empty());
    Ok(Json(groups.filter(|group| query.muted || !muted(group)).collect::<Vec<_>>()).into_response())
}

/// Every claim that stands and that they may read, with the labels of its group: its incident's, or none.
fn standing(app: &Shared, guest: &Guest) -> Vec<(LabelSet, GettableAlert)> {
    let now = app.clock.now();
    let board = read(&app.engine.published().board);
    let mut claims: BTreeMap<Fingerprint, (LabelSet, GettableAlert)> = BTreeMap::new();
    for loose in board.loose_signals().filter(|loose| loose.status.is_live() && guest.reads(&loose.signal)) {
        let status = AlertStatus::silenced_by(silences_of(&board, &loose.signal, now));
        let alert = alert(app, &loose.signal, &[NOBODY], status, now);
        claims.entry(loose.signal.fingerprint).or_insert((LabelSet::new(), alert));
    }
    // What is claimed of a restricted incident is for those inside, and a monitor's key is nobody's.
    for incident in board.incidents().filter(|incident| incident.restriction().is_none()) {
        let group: LabelSet = [("incident".to_owned(), incident.id().to_string())].into();
        let receiver = incident.escalation().policy.id.as_str();
        for attached in incident.signals().values().filter(|attached| attached.is_live()) {
            let signal = &attached.signal;
            if !guest.reads(signal) {
                continue;
            }
            // What a detector saw on a chain stays seen; when its incident is over, so is the alert.
            if incident.is_open() || app.expiries.until(&signal.fingerprint).is_some() {
                let status = AlertStatus::silenced_by(silences_of(&board, signal, now));
                let alert = alert(app, signal, &[receiver], status, now);
                claims.insert(signal.fingerprint, (group.clone(), alert));
            }
        }
    }
    claims.into_values().collect()
}

/// Whether they may read this silence: a monitor those that mean a claim of its own that stands.
fn may_read(board: &Board, silence: &Silence, guest: &Guest) -> bool {
    let own = |signal: &Signal| guest.reads(signal) && silence.matches(signal);
    let loose = || board.loose_signals().any(|loose| loose.status.is_live() && own(&loose.signal));
    let attached = || {
        let signals = board.incidents().flat_map(|incident| incident.signals().values());
        signals.filter(|attached| attached.is_live()).any(|attached| own(&attached.signal))
    };
    matches!(guest, Guest::Caller(_)) || loose() || attached()
}

fn silences_of(board: &Board, signal: &Signal, now: Timestamp) -> Vec<SilenceId> {
    board.silences(now).filter(|silence| silence.matches(signal)).map(|silence| silence.id).collect()
}

/// One without an end of its own is shown to end later than anybody will look again, as Alertmanager shows it.
fn alert(app: &Shared, signal: &Signal, receivers: &[&str], status: AlertStatus, now: Timestamp) -> GettableAlert {
    let until = app.expiries.until(&signal.fingerprint).unwrap_or_else(|| now.plus(RESOLVE_TIMEOUT));
    let mut alert = GettableAlert::of(signal, until, receivers, status);
    // What was erased stays so, whatever its monitor says of it.
    if let Some(newest) = app.expiries.annotations(&signal.fingerprint).filter(|_| signal.annotations.is_some()) {
        alert.annotations = (*newest).clone();
    }
    alert
}

/// Who we are and since when.
#[utoipa::path(get, path = "/api/v2/status", tag = "alertmanager", security(("token" = []), ("key" = [])),
    responses((status = 200, description = "status"), (status = 401, body = String)))]
pub async fn status(_: Reader, State(app): State<Shared>) -> Response {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Json(Status {
        cluster: ClusterStatus { name: None, status: ClusterState::Disabled, peers: Vec::new() },
        version_info: VersionInfo { version, ..VersionInfo::default() },
        config: Config { original: "# This is Quarterdeck; its configuration is not shown here.\n".to_owned() },
        uptime: app.started,
    })
    .into_response()
}

/// Escalation policies by name.
#[utoipa::path(get, path = "/api/v2/receivers", tag = "alertmanager", security(("token" = []), ("key" = [])),
    responses((status = 200, description = "receivers"), (status = 401, body = String)))]
pub async fn receivers(Reader(guest): Reader, State(app): State<Shared>) -> Response {
    let names: BTreeSet<String> = match guest {
        Guest::Caller(_) => app.live.now().setting.roster.policies.keys().map(ToString::to_string).collect(),
        Guest::Integration(_) => {
            standing(&app, &guest).into_iter().flat_map(|(_, alert)| alert.receivers).map(|one| one.name).collect()
        }
    };
    let receiver = |name| Receiver { name, labels: LabelSet::new() };
    Json(names.into_iter().map(receiver).collect::<Vec<_>>()).into_response()
}

/// Silences: in force first, then those to come, then those that are over.
#[utoipa::path(get, path = "/api/v2/silences", tag = "alertmanager", security(("token" = []), ("key" = [])),
    params(("filter" = Option<Vec<String>>, Query, description = "matchers")),
    responses((status = 200, description = "silences"), (status = 400, body = String), (status = 401, body = String)))]
pub async fn list_silences(
    Reader(guest): Reader,
    State(app): State<Shared>,
    Asked(query): Pairs,
) -> Result<Response, Refused> {
    let query = SilenceQuery::from_pairs(pairs(&query)).map_err(|error| bad(&query, &error))?;
    let now = app.clock.now();
    let mut silences: Vec<GettableSilence> = {
        let board = read(&app.engine.published().board);
        let readable = board.all_silences().filter(|silence| may_read(&board, silence, &guest));
        readable.map(|silence| shown(silence, now)).collect()
    };
    silences.retain(|silence| query.wants(silence));
    silences.sort_by_key(|silence| match silence.status.state {
        SilenceState::Active => (0, silence.ends_at),
        SilenceState::Pending => (1, silence.starts_at),
        SilenceState::Expired => (2, Timestamp::from_ms(0).plus(now.since(silence.ends_at))),
    });
    Ok(Json(silences).into_response())
}

fn shown(silence: &Silence, now: Timestamp) -> GettableSilence {
    GettableSilence::of(silence, silence.starts.min(now), now)
}

/// Set a silence, or change one.
#[utoipa::path(post, path = "/api/v2/silences", tag = "alertmanager", security(("token" = []), ("key" = [])),
    request_body(content = String, content_type = "application/json", description = "a silence, as `amtool` posts it"),
    responses((status = 200, description = "durable"), (status = 400, body = String), (status = 401, body = String), (status = 403, body = String), (status = 404, body = String), (status = 503, body = String)))]
pub async fn post_silence(
    Silencer(caller): Silencer,
    State(app): State<Shared>,
    Bytes(body): Bytes,
) -> Result<Response, Refused> {
    let now = app.clock.now();
    let posted = parse_silence(&body, now).map_err(|error| Refused::bad_request(error.to_string()))?;
    let known = match posted.replaces {
        None => None,
        Some(id) => {
            let known = read(&app.engine.published().board).silence(id).cloned();
            Some(known.ok_or_else(|| Refused::not_found(format!("silence {} not found", uuid(id))))?)
        }
    };
    let changed = known.as_ref().and_then(|known| posted.changing(known, now));
    // One that is over stays as it was, and one that cannot be changed into this gives way to it.
    let gives_way = known.as_ref().filter(|known| changed.is_none() && known.ends > now).map(|known| known.id);
    let mut silence = changed.unwrap_or_else(|| posted.into_silence(SilenceId::from_bytes(SystemIds.fresh()), now));
    let id = silence.id;
    // Whoever posts back what they were shown changes nobody's name.
    if known.is_none_or(|known| known.created_by != silence.created_by) {
        silence.created_by = silences::signed(&silence.created_by, &caller);
    }
    // Whoever changes one that somebody else set does not take it from them.
    silence.owner.get_or_insert_with(|| caller.actor());
    silences::set(&app, silence).await?;
    if let Some(id) = gives_way {
        // After the other one is in force: there is no moment between them.
        app.engine.ask(Work::Unsilence { id, by: caller.actor() }).await?;
    }
    Ok(Json(SilenceCreated { silence_id: uuid(id) }).into_response())
}

/// One silence.
#[utoipa::path(get, path = "/api/v2/silence/{id}", tag = "alertmanager", security(("token" = []), ("key" = [])), params(("id" = String, Path, description = "a UUID")),
    responses((status = 200, description = "a silence"), (status = 400, body = String), (status = 401, body = String), (status = 404)))]
pub async fn silence(
    Reader(guest): Reader,
    State(app): State<Shared>,
    InPath(id): InPath,
) -> Result<Response, Refused> {
    let id = parse_id(&id)?;
    let now = app.clock.now();
    let board = read(&app.engine.published().board);
    let silence = board.silence(id).filter(|silence| may_read(&board, silence, &guest));
    let silence = silence.ok_or_else(|| Refused::not_found(format!("silence {} not found", uuid(id))))?;
    Ok(Json(shown(silence, now)).into_response())
}

/// End a silence. One that is over already stays so.
#[utoipa::path(delete, path = "/api/v2/silence/{id}", tag = "alertmanager", security(("token" = []), ("key" = [])), params(("id" = String, Path, description = "a UUID")),
    responses((status = 200, description = "over"), (status = 400, body = String), (status = 401, body = String), (status = 403, body = String), (status = 404), (status = 503, body = String)))]
pub async fn delete_silence(
    Silencer(caller): Silencer,
    State(app): State<Shared>,
    InPath(id): InPath,
) -> Result<StatusCode, Refused> {
    let id = parse_id(&id)?;
    match app.engine.ask(Work::Unsilence { id, by: caller.actor() }).await? {
        Answer::Refused(_) if read(&app.engine.published().board).silence(id).is_none() => {
            Err(Refused::not_found(format!("silence {} not found", uuid(id))))
        }
        _ => Ok(StatusCode::OK),
    }
}

fn parse_id(text: &str) -> Result<SilenceId, Refused> {
    silence_id(text).ok_or_else(|| Refused::bad_request(format!("`{}` is no silence: want a UUID", shortened(text))))
}
