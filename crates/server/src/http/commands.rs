//! Commands: the one way to ask something of an incident, and the older routes that lead into it.
//!
//! What can be asked, by whom and with which fields is the core's list; a route here knows no single command. The older routes keep
//! their paths, bodies and answers, make the same request, and get no younger sisters.
//! Tests: `tests/it/commands.rs`, `tests/it/permissions.rs`.

use axum::{Json, Router, extract::State, routing::post};
use quarterdeck_api::{Command, Done, ErrorBody, Incident, Merge, StateFacts, TakeRole, Text};
use quarterdeck_core::{
    board::IncidentRow,
    id::IncidentId,
    incident::{
        Command as Decided, LifeCommand, Refusal,
        offer::{BREAK_GLASS, COMMANDS, CommandKind, FieldKind, Given},
    },
};
use serde_json::Value;

use super::{Body, InPath, Refused, Responder, Shared, incidents::parse, inside, tasks, views, with_role};
use crate::{
    auth::{Caller, Role},
    engine::{Answer, Work},
};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents/{id}/commands", post(command))
        .route("/api/v1/incidents/{id}/acknowledge", post(acknowledge))
        .route("/api/v1/incidents/{id}/mitigate", post(mitigate))
        .route("/api/v1/incidents/{id}/resolve", post(resolve))
        .route("/api/v1/incidents/{id}/reopen", post(reopen))
        .route("/api/v1/incidents/{id}/escalate", post(escalate))
        .route("/api/v1/incidents/{id}/notes", post(note))
        .route("/api/v1/incidents/{id}/roles", post(take_role))
        .route("/api/v1/incidents/{id}/facts", post(state_facts))
        .route("/api/v1/incidents/{id}/merge", post(merge))
        .route("/api/v1/incidents/{id}/reviewed", post(reviewed))
}

/// Asks something of an incident. What can be asked now is in its `offers`; which role each command needs is told by the refusal.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/commands", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Command, responses((status = 200, body = Done), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn command(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(command): Body<Command>,
) -> Result<Json<Done>, Refused> {
    carry_out(&app, &caller, parse(&id)?, &command).await.map(Json)
}

/// Does it, durably, if the caller may and the rules agree.
pub async fn carry_out(app: &Shared, caller: &Caller, id: IncidentId, command: &Command) -> Result<Done, Refused> {
    let (kind, given) = request(command)?;
    with_role(caller.clone(), Role::giving(kind.right))?;
    let published = app.engine.published();
    for id in [Some(id), other(kind, &given)].into_iter().flatten() {
        // Whoever is outside asks one thing: to come in.
        let known = published.incident(id).await?.filter(|_| kind.word != BREAK_GLASS);
        if let Some(incident) = known.filter(|incident| !inside::is_inside(app, caller, incident)) {
            return Err(inside::outside(&incident).into());
        }
    }
    let mut command = kind.command(caller.actor(), &given)?;
    if let Decided::Life(LifeCommand::Resolve { closing, .. }) = &mut command {
        // What was good a moment ago need not be asked again.
        closing.ran = app.checker.said(id);
    }
    let log_index = match app.engine.ask(Work::Command { incident: id, command }).await? {
        Answer::Logged { last } => Some(last),
        Answer::Done | Answer::Heard(_) | Answer::Stranded(_) => None,
        Answer::Refused(refusal) => {
            look_first(app, caller, id, &refusal).await?;
            return Err(refused(app, caller, refusal).await);
        }
    };
    let incident = app.engine.published().incident(id).await?.ok_or(Refusal::NoSuchIncident { id })?;
    let summary = views::summary(&IncidentRow::of(&incident));
    // Whoever resolves with something still to be done is told what: the incident will not remind them.
    let left_open = if kind.word == "resolve" {
        let (board, in_force) = (app.engine.published().board(), app.live.now());
        let view = |task| tasks::view(&board, &incident, task, &in_force.setting.catalogue, app.clock.now());
        incident.open_tasks().into_iter().map(view).collect()
    } else {
        Vec::new()
    };
    let watched_until = incident.watched_until().filter(|_| kind.word == "resolve").map(|until| until.to_string());
    Ok(Done { summary, log_index, offers: views::offers(&incident, caller.role.right()), left_open, watched_until })
}

/// The second incident of a command that names one.
fn other(kind: &CommandKind, given: &Given) -> Option<IncidentId> {
    let field = kind.fields.iter().find(|field| field.kind == FieldKind::Incident)?;
    given.written(field.name)?.parse().ok()
}

/// Where checks that are out of date stand in the way of an end, they are made now, so that the next try knows.
async fn look_first(app: &Shared, caller: &Caller, id: IncidentId, refusal: &Refusal) -> Result<(), Refused> {
    let Some(command) = refusal.looks_first(&caller.actor()) else { return Ok(()) };
    if let Answer::Refused(other) = app.engine.ask(Work::Command { incident: id, command }).await? {
        tracing::info!(incident = %id, refusal = %other, "its checks are not made anew");
    }
    Ok(())
}

/// The command's row in the list, and its fields as they came.
pub fn request(command: &Command) -> Result<(&'static CommandKind, Given), Refused> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(command) else {
        return Err(Refused::bad_request("the body is no command"));
    };
    let word = fields.remove("command").unwrap_or_default();
    let word = word.as_str().unwrap_or_default();
    let kind = CommandKind::named(word).ok_or_else(|| {
        let known: Vec<&str> = COMMANDS.iter().map(|kind| kind.word).collect();
        Refused::bad_request(format!("`{word}` is no command: want one of {}", known.join(", ")))
    })?;
    Ok((kind, fields.into()))
}

/// A refusal, with what could be asked instead where it is the phase that forbids it.
async fn refused(app: &Shared, caller: &Caller, refusal: Refusal) -> Refused {
    let stuck = match &refusal {
        Refusal::WrongPhase { id, .. } | Refusal::TooLong { id, .. } => Some(*id),
        Refusal::NoSuchIncident { .. }
        | Refusal::WentOn { .. }
        | Refusal::BadText { .. }
        | Refusal::NothingSaid { .. }
        | Refusal::NothingAsked { .. }
        | Refusal::TooManyAsks { .. }
        | Refusal::BadField { .. }
        | Refusal::NoSuchPerson { .. }
        | Refusal::NoSuchPage { .. }
        | Refusal::NoSuchClaim { .. }
        | Refusal::NoSuchMessage { .. }
        | Refusal::BadMessage { .. }
        | Refusal::KeyUsed { .. }
        | Refusal::RoomFull { .. }
        | Refusal::TooFast { .. }
        | Refusal::TooManyPins { .. }
        | Refusal::NoSuchTask { .. }
        | Refusal::TaskOver { .. }
        | Refusal::NotClaimed { .. }
        | Refusal::Held { .. }
        | Refusal::TooManyTasks { .. }
        | Refusal::ChecksFail { .. }
        | Refusal::NoSuchCheck { .. }
        | Refusal::TooManyValidations { .. }
        | Refusal::OnlyAPerson { .. }
        | Refusal::Evidence(_)
        | Refusal::Restricted { .. }
        | Refusal::NotRestricted { .. }
        | Refusal::PageSettled { .. }
        | Refusal::SetAside { .. }
        | Refusal::BadMerge { .. }
        | Refusal::NoSuchSilence { .. }
        | Refusal::SilencesAll
        | Refusal::TooManyMatchers { .. }
        | Refusal::SilenceOver { .. }
        | Refusal::BadMatcher { .. }
        | Refusal::TooManySilences
        | Refusal::NoSuchService { .. }
        | Refusal::LongComment { .. } => None,
    };
    let incident = match stuck {
        // The refusal says more than why its offers cannot be read.
        Some(id) => app.engine.published().incident(id).await.unwrap_or(None),
        None => None,
    };
    let offers = incident.as_ref().map(|incident| incident.offers(caller.role.right()));
    let possible: Vec<&str> = offers.iter().flatten().map(|offer| offer.kind.word).collect();
    let refused = Refused::from(refusal);
    if possible.is_empty() { refused } else { refused.hint(&format!("possible now: {}", possible.join(", "))) }
}

/// What an older route answers: the incident after the command.
async fn answered(app: &Shared, caller: &Caller, id: &str, command: &Command) -> Result<Json<Incident>, Refused> {
    let id = parse(id)?;
    carry_out(app, caller, id, command).await?;
    views::incident(app, id, None, caller.role.right()).await.map(Json)
}

/// You are on it: the escalation stops until the acknowledgement runs out. The older way to ask `acknowledge` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn acknowledge(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(_): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Acknowledge {}).await
}

/// The harm has stopped. The older way to ask `mitigate` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/mitigate", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn mitigate(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Mitigate { note: body.text }).await
}

/// It is over. The older way to ask `resolve` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resolve", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn resolve(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Resolve { note: body.text, reason: None }).await
}

/// It was not over. The older way to ask `reopen` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn reopen(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Reopen { reason: body.text }).await
}

/// Page the next tier now. The older way to ask `escalate` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/escalate", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn escalate(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Escalate { reason: body.text }).await
}

/// A line for the timeline. The older way to ask `note` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/notes", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn note(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Note { text: body.text }).await
}

/// It was learned from. The older way to ask `review` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reviewed", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn reviewed(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Review { note: body.text }).await
}

/// Take a role. The older way to ask `take_role` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/roles", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = TakeRole, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn take_role(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<TakeRole>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::TakeRole { role: body.role, person: body.person }).await
}

/// Make it part of another. The older way to ask `merge` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/merge", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Merge, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn merge(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Merge>,
) -> Result<Json<Incident>, Refused> {
    answered(&app, &caller, &id, &Command::Merge { into: body.into }).await
}

/// State facts about impact. The older way to ask `state_facts` of `/api/v1/incidents/{id}/commands`.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/facts", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = StateFacts, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn state_facts(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<StateFacts>,
) -> Result<Json<Incident>, Refused> {
    let StateFacts { facts, replace } = body;
    let command = Command::StateFacts {
        money_at_risk_cents: facts.money_at_risk_cents,
        users: facts.users,
        irreversible: facts.irreversible,
        key_compromise: facts.key_compromise,
        theft: facts.theft,
        replace,
    };
    answered(&app, &caller, &id, &command).await
}
