//! Who may look into a restricted incident, at the one door that every path of an incident goes through, whichever handler is behind it.
//! Whoever is outside is told its code name, its severity and its phase; whoever is inside is shown what they ask for once the log has
//! that they did. What shows several incidents asks nothing here: it shows of a restricted one what everybody may see.
//! Tests: below, and for every path of the program `tests/it/leaks.rs`.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use quarterdeck_core::{
    id::IncidentId,
    incident::{AccessCommand, Command, Incident, Part, Refusal, offer::BREAK_GLASS},
};

use super::{Refused, Shared, caller};
use crate::{
    auth::{Caller, Role},
    engine::{Answer, Work},
};

/// The beginning of every path of one incident, for programs and in the console.
const OF_ONE: [&str; 2] = ["/api/v1/incidents/{id}", "/incidents/{id}"];

/// What a request for something of one incident comes to.
pub enum Passage {
    /// It goes on to its handler.
    On(Request),
    /// It ends here, and why. Who asks, and of which incident, where they may read at all: a page may then offer a way in.
    Ends(Refused, Option<(Caller, Arc<Incident>)>),
}

/// The way of the request behind `matched`, with what its path names.
pub async fn pass(app: &Shared, matched: Option<&str>, params: Option<&RawPathParams>, request: Request) -> Passage {
    // A path whose parts are no text names no incident.
    let (Some(of), Some(params)) = (matched.and_then(rest), params) else { return Passage::On(request) };
    let named = params.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse::<IncidentId>().ok());
    // What names no incident, or one that is not there, is the handler's to refuse.
    let Some(id) = named else { return Passage::On(request) };
    let command = params.iter().find(|(name, _)| *name == "command").map(|(_, word)| word);
    if !app.engine.published().board().is_restricted(id) || may_ask_from_outside(request.method(), of, command) {
        return Passage::On(request);
    }
    // Of one that cannot be read now nobody is let in: the handler might read it a moment later.
    let incident = match app.engine.published().incident(id).await {
        Ok(Some(incident)) => incident,
        Ok(None) => return Passage::Ends(Refusal::NoSuchIncident { id }.into(), None),
        Err(error) => return Passage::Ends(error.into(), None),
    };
    let (parts, body) = request.into_parts();
    let who = match caller(&parts, app, Role::Viewer) {
        Ok(who) => who,
        Err(refused) => return Passage::Ends(refused, None),
    };
    match may_look(app, &who, &incident, part(of)).await {
        Ok(()) => Passage::On(Request::from_parts(parts, body)),
        Err(refused) => Passage::Ends(refused, Some((who, incident))),
    }
}

/// Asks it of every request of a program.
pub async fn guard(
    State(app): State<Shared>,
    matched: Option<MatchedPath>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    match pass(&app, matched.as_ref().map(MatchedPath::as_str), params.as_ref().ok(), request).await {
        Passage::On(request) => next.run(request).await,
        Passage::Ends(refused, _) => refused.into_response(),
    }
}

/// What comes after the incident's own part of a path; none: it is no path of one incident.
fn rest(matched: &str) -> Option<&str> {
    let rest = OF_ONE.iter().find_map(|of_one| matched.strip_prefix(of_one))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// Commands are asked about where they are carried out, since one of them is for whoever is outside: to come in.
fn may_ask_from_outside(method: &Method, of: &str, command: Option<&str>) -> bool {
    *method == Method::POST && (of == "commands" || command == Some(BREAK_GLASS))
}

/// Which part of the incident a path is about.
fn part(of: &str) -> Part {
    match of.split('/').next().unwrap_or_default() {
        "timeline" => Part::Timeline,
        "room" => Part::Room,
        "checks" => Part::Checks,
        "evidence" => Part::Evidence,
        "review" => Part::Review,
        "bundle" => Part::Bundle,
        _ => Part::Incident,
    }
}

/// Whether somebody is inside, whatever their right.
pub fn is_inside(app: &Shared, who: &Caller, incident: &Incident) -> bool {
    incident.admits(&who.actor(), &app.live.now().setting.roster)
}

/// That somebody is about to be shown a part of an incident: refused if they are outside, and in the log before they see it.
pub async fn may_look(app: &Shared, who: &Caller, incident: &Incident, part: Part) -> Result<(), Refused> {
    if !is_inside(app, who, incident) {
        return Err(outside(incident).into());
    }
    let Some(person) = who.person.clone().filter(|person| incident.is_reading(person, part, app.clock.now())) else {
        return Ok(());
    };
    let command = Command::Access(AccessCommand::Read { by: person, part });
    match app.engine.ask(Work::Command { incident: incident.id(), command }).await? {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Logged { .. } | Answer::Done | Answer::Heard(_) | Answer::Stranded(_) => Ok(()),
    }
}

/// What whoever is outside is told.
pub fn outside(incident: &Incident) -> Refusal {
    Refusal::Restricted {
        id: incident.id(),
        code_name: incident.name_outside(),
        severity: incident.severity(),
        phase: incident.phase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_incident_is_known_whatever_comes_after_it() {
        assert_eq!(rest("/api/v1/incidents/{id}"), Some(""));
        assert_eq!(rest("/incidents/{id}/room/events"), Some("room/events"));
        assert_eq!(rest("/incidents/{id}/{command}"), Some("{command}"));
        for other in ["/api/v1/incidents", "/incidents", "/api/v1/signals/{id}", "/incidents/{idle}", "/"] {
            assert_eq!(rest(other), None, "{other}");
        }
    }

    #[test]
    fn only_to_come_in_is_asked_from_outside() {
        assert!(may_ask_from_outside(&Method::POST, "{command}", Some("break_glass")));
        assert!(may_ask_from_outside(&Method::POST, "commands", None));
        for (method, of, command) in [
            (Method::GET, "commands", None),
            (Method::GET, "{command}", Some("break_glass")),
            (Method::POST, "{command}", Some("note")),
            (Method::POST, "room", None),
            (Method::POST, "", None),
        ] {
            assert!(!may_ask_from_outside(&method, of, command), "{method} {of}");
        }
    }
}
