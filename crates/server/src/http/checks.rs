//! What an incident must pass before it is over, and what stands in the way now. To have it checked is a command.
//! Tests: `tests/it/checks.rs`, `tests/it/permissions.rs`.

use axum::{Json, Router, extract::State, routing::get};
use quarterdeck_api::{Check, Checks, ErrorBody, OverriddenChecks};
use quarterdeck_core::{
    incident::{
        Incident, Refusal,
        unmet::{Judged, Verdict, Why},
    },
    setting::Setting,
    time::Timestamp,
    validation::{self, Judge},
};

use super::{InPath, Refused, Shared, Viewer, incidents::parse};

/// Its route.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/incidents/{id}/checks", get(checks))
}

/// What an incident must pass before it is over, how each check stands, and what stands in the way now.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/checks", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Checks), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn checks(_: Viewer, State(app): State<Shared>, InPath(id): InPath) -> Result<Json<Checks>, Refused> {
    let id = parse(&id)?;
    let incident = app.engine.published().incident(id).await?.ok_or(Refusal::NoSuchIncident { id })?;
    Ok(Json(view(&app, &incident)))
}

/// The answer of [`checks`].
pub fn view(app: &Shared, incident: &Incident) -> Checks {
    let (in_force, now, ran) = (app.live.now(), app.clock.now(), app.checker.said(incident.id()));
    let setting = &in_force.setting;
    let unmet = if incident.is_open() { incident.unmet(setting, now, &ran) } else { Vec::new() };
    let rows = incident.must_pass(setting).map(|check| row(incident, check, (setting, now), &ran));
    let mut checks = vec![monitors(incident, setting, now)];
    checks.extend(rows);
    let next = app.checker.owed_of(incident);
    for check in &mut checks {
        let owed = next.iter().find(|(_, id)| id.as_str() == check.name);
        check.next = owed.filter(|(at, _)| *at > now).map(|(at, _)| at.to_string());
    }
    let by = incident.resolved_by().map(|(by, _)| by.to_string()).unwrap_or_default();
    Checks {
        incident: incident.id().to_string(),
        checks,
        unmet: unmet.iter().map(ToString::to_string).collect(),
        watched_until: incident.watched_until().filter(|until| *until > now).map(|until| until.to_string()),
        overridden: incident.resolved_over().map(|over| OverriddenChecks {
            by,
            reason: over.reason.clone(),
            unmet: over.unmet.clone(),
        }),
    }
}

/// That nothing fires any more, which every incident must pass.
fn monitors(incident: &Incident, setting: &Setting, now: Timestamp) -> Check {
    let unmet = incident.unmet(setting, now, &[]);
    let in_the_way: Vec<_> = unmet.iter().filter(|one| one.check.is_none()).collect();
    let fires = in_the_way.iter().any(|one| matches!(one.why, Why::Fires));
    let state = match (in_the_way.is_empty(), fires) {
        (true, _) => Verdict::Passed,
        (false, true) => Verdict::Failed,
        (false, false) => Verdict::Unjudged,
    };
    let seen: Vec<String> = in_the_way.iter().map(ToString::to_string).collect();
    Check {
        name: "monitors".to_owned(),
        title: "nothing fires any more".to_owned(),
        kind: "monitors".to_owned(),
        state: state.word().to_owned(),
        fresh: true,
        seen: seen.join("; "),
        since: None,
        at: Some(now.to_string()),
        took_ms: None,
        asked_by: None,
        next: None,
    }
}

fn row(incident: &Incident, check: &validation::Check, (setting, now): (&Setting, Timestamp), ran: &[Judged]) -> Check {
    let mut view = Check {
        name: check.id.to_string(),
        title: check.title.clone(),
        kind: check.judge.word().to_owned(),
        state: "never".to_owned(),
        fresh: false,
        seen: String::new(),
        since: None,
        at: None,
        took_ms: None,
        asked_by: incident.check_asked(&check.id).map(|asked| asked.by.to_string()),
        next: None,
    };
    if let Judge::Quiet(span) = check.judge {
        let (verdict, seen) = incident.quiet(span, now);
        (view.state, view.seen, view.fresh) = (verdict.word().to_owned(), seen, true);
        view.at = Some(now.to_string());
        return view;
    }
    let stood = incident.check_stood(&check.id);
    let known = stood.map(|stood| &stood.last).into_iter().chain(ran.iter().filter(|one| one.check == check.id));
    let Some(last) = known.max_by_key(|one| one.at) else { return view };
    (view.state, view.seen) = (last.verdict.word().to_owned(), last.seen.clone());
    view.fresh = now.since(last.at) <= setting.rules.validation.max_age;
    (view.at, view.took_ms) = (Some(last.at.to_string()), Some(last.took_ms));
    view.since = stood.filter(|stood| stood.last.verdict == last.verdict).map(|stood| stood.since.to_string());
    view
}
