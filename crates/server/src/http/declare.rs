//! Declaring: somebody says that something is wrong, and an incident of its own is open. What they say becomes a signal of theirs, within
//! the bounds of their token. Tests: `tests/it/declare.rs`, `tests/it/permissions.rs`.

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use quarterdeck_api::{Declare, Declared, ErrorBody};
use quarterdeck_core::{
    board::{Fate, IncidentRow},
    id::{IdSource as _, Kind, Name},
    incident::{Declaration, Refusal, Severity},
    money::Usd,
    signal::{Facts, SignalChange},
};
use quarterdeck_host::randomness::SystemIds;

use super::{Body, Refused, Responder, Shared, extract::shortened, inside, views};
use crate::{
    auth::{Caller, hex, source_of},
    engine::{incident_of, words},
};

/// Its route.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/incidents", post(declare))
}

/// How bad it is taken for where nobody guesses: bad enough that somebody is paged.
pub const GUESS: Severity = Severity::Sev3;

/// Opens an incident: a title and a guess of how bad it is; facts come later. Who is paged says the policy of the service.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents", security(("token" = [])),
    request_body = Declare, responses((status = 201, body = Declared, description = "it is open"), (status = 200, body = Declared, description = "the same was declared before, or it was gathered because the token is over a bound"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn declare(
    Responder(caller): Responder,
    State(app): State<Shared>,
    Body(declare): Body<Declare>,
) -> Result<(StatusCode, Json<Declared>), Refused> {
    let declared = open(&app, &caller, declare).await?;
    let status = if declared.opened { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(declared)))
}

/// Opens it, durably.
pub async fn open(app: &Shared, caller: &Caller, declare: Declare) -> Result<Declared, Refused> {
    let declaration = read(caller, declare)?;
    let signal = declaration.signal(&app.live.now().setting, app.clock.now())?;
    let fates = app.engine.hear(vec![SignalChange::Raised { signal }]).await?;
    let fate = fates.first().copied().unwrap_or(Fate::Unknown);
    let lost = || Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "not_opened", "what was declared opened no incident");
    let id = incident_of(&fate).ok_or_else(lost)?;
    let incident = app.engine.published().incident(id).await?.ok_or(Refusal::NoSuchIncident { id })?;
    let fate_in_words = match &fate {
        Fate::Repeated(id) => format!("declared before: {id}"),
        other => words(other),
    };
    Ok(Declared {
        summary: views::summary(&IncidentRow::of(&incident)),
        opened: matches!(fate, Fate::Opened(_)),
        fate: fate_in_words,
        // What is asked and known of a restricted incident is for those inside, whoever declared it.
        offers: if inside::is_inside(app, caller, &incident) {
            views::offers(&incident, caller.role.right())
        } else {
            Vec::new()
        },
    })
}

fn read(caller: &Caller, declare: Declare) -> Result<Declaration, Refused> {
    let Declare { title, severity, service, facts, drill, key } = declare;
    let wrong =
        |field, value: &str, want: String| Refused::from(Refusal::BadField { field, value: shortened(value), want });
    let severity = match severity.as_deref().filter(|text| !text.is_empty()) {
        None => GUESS,
        Some(text) => {
            text.to_uppercase().parse().map_err(|_| wrong("severity", text, "want SEV1 to SEV5".to_owned()))?
        }
    };
    let service = match service.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(name(text).map_err(|why| wrong("service", text, why))?),
    };
    let key = key.unwrap_or_else(|| hex(&SystemIds.fresh()));
    let facts = Facts {
        money_at_risk: Usd::from_cents(facts.money_at_risk_cents),
        users: facts.users,
        irreversible: facts.irreversible,
        key_compromise: facts.key_compromise,
        theft: facts.theft,
    };
    Ok(Declaration {
        by: caller.actor(),
        source: source_of(&caller.token),
        title,
        severity,
        service,
        facts,
        drill,
        key,
    })
}

fn name<K: Kind>(text: &str) -> Result<Name<K>, String> {
    Name::new(text).map_err(|error| error.to_string())
}
