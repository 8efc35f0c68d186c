//! How the product itself is: for load balancers, for Prometheus, for people.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use quarterdeck_api::{Channel, ErrorBody, Health};
use quarterdeck_core::{board::OverBound, id::SourceId, time::human_span};
use std::time::Duration;

use super::{Shared, Viewer};
use crate::{engine::read, loops::certificate, reaching::Shown};
use quarterdeck_sources::SourceHealth;

/// A watchdog that has not looked for this long is itself a fault.
const WATCHDOG_SILENT: Duration = Duration::from_secs(15);

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/seeing", get(seeing))
        .route("/metrics", get(metrics))
        .route("/api/v1/health", get(health))
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200)))]
pub async fn live() -> StatusCode {
    StatusCode::OK
}

/// Requests may be sent here; 503 otherwise, without details: those need a token.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses((status = 200), (status = 503)))]
pub async fn ready(State(app): State<Shared>) -> StatusCode {
    if state(&app).ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Everything that is watched can be seen; 503 otherwise, without details: those need a token.
#[utoipa::path(get, path = "/health/seeing", tag = "health", responses((status = 200), (status = 503)))]
pub async fn seeing(State(app): State<Shared>) -> StatusCode {
    if unseen(&app).is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// What works, what does not, and what cannot be seen.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", security(("token" = [])), responses((status = 200, body = Health), (status = 401, body = ErrorBody)))]
pub async fn health(_: Viewer, State(app): State<Shared>) -> Json<Health> {
    Json(state(&app))
}

/// The state of the product.
pub fn state(app: &Shared) -> Health {
    let now = app.clock.now();
    let mut faults = Vec::new();
    match (app.watched.looked(), app.watched.overdue()) {
        (Some(looked), _) if now.since(looked) > WATCHDOG_SILENT => {
            faults.push(format!("the watchdog has not looked since {looked}"));
        }
        (Some(_), None) => faults.push("the store does not answer".to_owned()),
        (Some(_), Some(overdue)) if overdue > 0 => faults.push(format!("{overdue} duties are overdue")),
        _ => {}
    }
    faults.extend(app.writing.blocked(now));
    let board = app.engine.published().board();
    let ready = faults.is_empty();
    let size = read(&app.engine.published().head).size;
    faults.extend(app.writing.faults(size, now, app.clock.elapsed()));
    faults.extend(board.over_bounds().map(|one| over_bound(&one)));
    faults.extend(app.mirroring.faults());
    faults.extend(app.pulse.fault());
    faults.extend(app.steps.fault(&*app.clock));
    // Everything else runs, and starting again would not mend it.
    faults.extend(board.damage());
    faults.extend(app.audited.finding().map(|finding| format!("the log was read whole and compared: {finding}")));
    let in_force = app.live.now();
    faults.extend(certificate::fault(in_force.encryption.as_ref(), now));
    // First of all: that people are not reached.
    faults.splice(0..0, app.reaching.faults(&board, &in_force.setting.roster, now));
    Health {
        ready,
        faults,
        unseen: unseen(app),
        open_incidents: board.open_incidents(),
        overdue: app.watched.overdue(),
        channels: channels(app),
        last_commit: app.writing.last_commit().map(|(at, _)| at.to_string()),
        commits_refused: app.writing.refusals(),
        unpublished: size.saturating_sub(app.writing.published_upto()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// That a monitor says more than it may.
fn over_bound(one: &OverBound) -> String {
    let OverBound { incident, title, signals, since, until } = one;
    let span = human_span(until.since(*since));
    format!("{title}: {signals} signals in {span}, gathered in {incident}")
}

/// What cannot be seen now. No reason to send requests elsewhere: another program with the same nodes sees no more.
fn unseen(app: &Shared) -> Vec<String> {
    let now = app.clock.now();
    let blind = |(id, source): (SourceId, SourceHealth)| source.unseen(now).map(|why| format!("source {id} {why}"));
    let mut unseen: Vec<String> = app.sources.all().into_iter().filter_map(blind).collect();
    unseen.extend(app.deaf.iter().map(|detector| format!("detector {detector} does not hear its canary")));
    unseen
}

/// Why no detector that reads chains can hear now; none: at least one source shows something.
pub fn silent(app: &Shared) -> Option<String> {
    let (now, sources) = (app.clock.now(), app.sources.all());
    if sources.is_empty() {
        return Some("no source is watched".to_owned());
    }
    let why = |(id, source): (&SourceId, &SourceHealth)| source.idle(now).map(|why| format!("{id} {why}"));
    let idle: Option<Vec<String>> = sources.iter().map(why).collect();
    idle.map(|idle| idle.join("; "))
}

/// How every way to people does.
pub fn channels(app: &Shared) -> Vec<Channel> {
    let in_force = app.live.now();
    let view = |one: Shown| Channel {
        id: one.id.to_string(),
        state: if one.shut_since.is_some() {
            "not tried"
        } else if one.failures > 0 {
            "failing"
        } else if one.delivered > 0 {
            "works"
        } else {
            "untried"
        }
        .to_owned(),
        since: one.shut_since.map(|at| at.to_string()),
        under_way: one.under_way,
        waiting: one.waiting,
        delivered: one.delivered,
        failed: one.failed,
        last_failed: one.last_failed.map(|at| at.to_string()),
        last_error: one.last_error,
    };
    app.reaching.show(in_force.channels.keys()).into_iter().map(view).collect()
}

/// What renders the process' metrics. Installed once; a second program in one process (tests) shares them.
pub fn renderer() -> Option<metrics_exporter_prometheus::PrometheusHandle> {
    static HANDLE: std::sync::OnceLock<Option<metrics_exporter_prometheus::PrometheusHandle>> =
        std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| match metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder() {
            Ok(handle) => Some(handle),
            Err(error) => {
                tracing::warn!(%error, "no metrics");
                None
            }
        })
        .clone()
}

/// Metrics in Prometheus' text form.
#[utoipa::path(get, path = "/metrics", tag = "health", security(("token" = [])), responses((status = 200), (status = 401, body = ErrorBody)))]
pub async fn metrics(_: Viewer, State(app): State<Shared>) -> Response {
    let health = state(&app);
    metrics::gauge!("quarterdeck_incidents_open")
        .set(f64::from(u32::try_from(health.open_incidents).unwrap_or(u32::MAX)));
    metrics::gauge!("quarterdeck_ready").set(if health.ready { 1.0 } else { 0.0 });
    let count = |things: &[String]| f64::from(u32::try_from(things.len()).unwrap_or(u32::MAX));
    metrics::gauge!("quarterdeck_faults").set(count(&health.faults));
    metrics::gauge!("quarterdeck_unseen").set(count(&health.unseen));
    let now = app.clock.now();
    for (id, source) in app.sources.all() {
        let sees = if source.unseen(now).is_none() { 1.0 } else { 0.0 };
        metrics::gauge!("quarterdeck_source_sees", "source" => id.to_string()).set(sees);
    }
    for channel in &health.channels {
        let name = channel.id.clone();
        metrics::gauge!("quarterdeck_channel_tried", "channel" => name.clone()).set(if channel.since.is_none() {
            1.0
        } else {
            0.0
        });
        let waiting = u32::try_from(channel.waiting).unwrap_or(u32::MAX);
        metrics::gauge!("quarterdeck_deliveries_waiting", "channel" => name).set(f64::from(waiting));
    }
    metrics::gauge!("quarterdeck_commits_refused")
        .set(f64::from(u32::try_from(health.commits_refused).unwrap_or(u32::MAX)));
    metrics::gauge!("quarterdeck_log_unpublished_events")
        .set(f64::from(u32::try_from(health.unpublished).unwrap_or(u32::MAX)));
    let since_commit = app.writing.last_commit().map(|(_, last)| app.clock.elapsed().saturating_sub(last));
    metrics::gauge!("quarterdeck_last_commit_age_seconds").set(since_commit.unwrap_or_default().as_secs_f64());
    let board = app.engine.published().board();
    let gathered =
        board.over_bounds().map(|one| u32::try_from(one.signals).unwrap_or(u32::MAX)).fold(0, u32::saturating_add);
    metrics::gauge!("quarterdeck_signals_over_bound").set(f64::from(gathered));
    let unreached = u32::try_from(board.unreached_count()).unwrap_or(u32::MAX);
    metrics::gauge!("quarterdeck_incidents_unreached").set(f64::from(unreached));
    let text = app.metrics.as_ref().map(metrics_exporter_prometheus::PrometheusHandle::render).unwrap_or_default();
    ([("content-type", "text/plain; version=0.0.4")], text).into_response()
}
