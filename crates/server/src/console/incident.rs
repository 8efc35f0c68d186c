//! One incident, whole: what it is, why it is this bad, what can be done, who was reached, and all that happened.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use quarterdeck_api as api;
use quarterdeck_core::money::Usd;

use super::{
    On, frame, page,
    pages::{self, Act, FactsForm, May, Named},
    sorry,
};
use crate::{
    auth::{Caller, Role},
    http::{
        InPath, Refused, Shared, Viewer,
        incidents::{parse, summaries},
        views,
    },
};

/// Signals shown on the incident's own page: what a person can read; all of them are among the signals.
const SIGNALS_SHOWN: usize = 50;
/// Incidents offered to merge into: what a list can hold.
const OTHERS_SHOWN: usize = 200;

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/incidents/{id}", get(show))
}

async fn show(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>, On(InPath(id)): On<InPath>) -> Response {
    render(&app, &visitor, &id, None).await.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
}

/// A command that was refused, with what was typed.
pub(super) struct Attempt {
    /// Why.
    pub refused: Refused,
    /// What was typed.
    pub typed: Typed,
}

/// What was typed into a form.
pub(super) enum Typed {
    /// Nothing that is worth keeping.
    Nothing,
    /// The text of the command with this last part of the path.
    Text(&'static str, String),
    /// The form of facts.
    Facts(FactsForm),
}

/// The page of an incident, after a refused command with the reason and the words that were typed.
pub(super) async fn render(
    app: &Shared,
    visitor: &Caller,
    id: &str,
    attempt: Option<Attempt>,
) -> Result<Response, Refused> {
    let it = views::incident(app, parse(id)?).await?;
    let status = attempt.as_ref().map_or(StatusCode::OK, |attempt| attempt.refused.parts().0);
    let refused = attempt.as_ref().map(|attempt| attempt.refused.body().clone());
    let typed = attempt.map_or(Typed::Nothing, |attempt| attempt.typed);
    let may = may(visitor, &it.summary.phase);
    let acts = acts(may, &it.summary.phase, &typed);
    let (facts_open, facts_form) = match typed {
        Typed::Facts(form) => (true, form),
        Typed::Text(..) | Typed::Nothing => (false, known(&it.facts)),
    };
    let hidden_signals = it.signals.len().saturating_sub(SIGNALS_SHOWN);
    let template = pages::Incident {
        frame: frame(app, Some(visitor), "incidents"),
        refused,
        may,
        acts,
        facts_open,
        facts_form,
        people: app
            .setting
            .roster
            .people
            .values()
            .map(|person| Named { id: person.id.to_string(), name: person.name.clone() })
            .collect(),
        me: visitor.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        others: summaries(app, false, OTHERS_SHOWN).into_iter().filter(|other| other.id != it.summary.id).collect(),
        signals: it.signals.iter().skip(hidden_signals).cloned().map(|signal| told(signal, &it.timeline)).collect(),
        hidden_signals,
        days: pages::days(&it.timeline),
        verify: format!("quarterdeck verify {}.qdbundle --key '{}'", it.summary.id, app.key),
        it,
    };
    Ok(page(status, &template))
}

/// A signal of the incident; a retracted one with the line of the timeline that says why.
fn told(mut signal: api::Signal, timeline: &[api::TimelineRow]) -> api::Signal {
    if signal.status == "retracted" && signal.fate.is_empty() {
        let says = |row: &&api::TimelineRow| row.kind.starts_with("signal_retracted") && row.text.contains(&signal.id);
        if let Some(row) = timeline.iter().rev().find(says) {
            signal.fate.clone_from(&row.text);
        }
    }
    signal
}

/// What the visitor's role allows and the phase does not make pointless. The engine decides all the same.
fn may(visitor: &Caller, phase: &str) -> May {
    let unanswered = matches!(phase, "triggered" | "acknowledged");
    May {
        respond: visitor.role >= Role::Responder,
        command: visitor.role >= Role::Commander,
        acknowledge: unanswered,
        open: unanswered || phase == "mitigated",
    }
}

/// The commands with one text that this visitor is offered in this phase.
fn acts(may: May, phase: &str, typed: &Typed) -> Vec<Act> {
    let unanswered = may.acknowledge;
    let open = may.open;
    let over = matches!(phase, "mitigated" | "resolved" | "reviewed");
    let offers = [
        (true, "note", "Add a note", "For the timeline", true),
        (unanswered, "escalate", "Escalate", "Why the next tier is needed now", true),
        (unanswered && may.command, "mitigate", "Mitigate", "What stopped the harm", false),
        (open && may.command, "resolve", "Resolve", "What was done", false),
        (over, "reopen", "Reopen", "Why it is not over", true),
        (phase == "resolved" && may.command, "reviewed", "Mark as reviewed", "Where the review is", false),
    ];
    let act = |(_, verb, label, ask, required)| {
        let draft = match typed {
            Typed::Text(typed_verb, text) if *typed_verb == verb => Some(text.clone()),
            Typed::Text(..) | Typed::Facts(_) | Typed::Nothing => None,
        };
        Act { verb, label, ask, required, open: draft.is_some(), draft: draft.unwrap_or_default() }
    };
    let typed_verb = if let Typed::Text(verb, _) = typed { Some(*verb) } else { None };
    // A form whose text was refused stays, so that the words are not lost.
    offers.into_iter().filter(|(offered, verb, ..)| *offered || typed_verb == Some(*verb)).map(act).collect()
}

/// The form of facts as things stand.
fn known(facts: &api::Facts) -> FactsForm {
    let cents = facts.money_at_risk_cents;
    let dollars = Usd::from_cents(cents).dollars();
    FactsForm {
        money: if cents.is_multiple_of(100) { dollars.to_string() } else { format!("{dollars}.{:02}", cents % 100) },
        users: facts.users.map(|users| users.to_string()).unwrap_or_default(),
        theft: facts.theft,
        key_compromise: facts.key_compromise,
        irreversible: facts.irreversible,
        replace: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDER: May = May { respond: true, command: true, acknowledge: true, open: true };

    fn verbs(may: May, phase: &str, typed: &Typed) -> Vec<&'static str> {
        acts(may, phase, typed).iter().map(|act| act.verb).collect()
    }

    #[test]
    fn what_is_offered_follows_role_and_phase() {
        assert_eq!(verbs(COMMANDER, "triggered", &Typed::Nothing), ["note", "escalate", "mitigate", "resolve"]);
        let responder = May { command: false, ..COMMANDER };
        assert_eq!(verbs(responder, "triggered", &Typed::Nothing), ["note", "escalate"]);
        let over = May { acknowledge: false, open: false, ..COMMANDER };
        assert_eq!(verbs(over, "resolved", &Typed::Nothing), ["note", "reopen", "reviewed"]);
    }

    #[test]
    fn refused_words_are_kept_even_where_the_form_is_no_longer_offered() {
        let over = May { acknowledge: false, open: false, ..COMMANDER };
        let acts = acts(over, "resolved", &Typed::Text("resolve", "we paused it".to_owned()));
        let kept = acts.iter().find(|act| act.verb == "resolve").expect("the form");
        assert!(kept.open && kept.draft == "we paused it");
    }

    #[test]
    fn known_facts_fill_the_form_to_the_cent() {
        let facts = api::Facts { money_at_risk_cents: 250_000_005, users: Some(7), ..api::Facts::default() };
        let form = known(&facts);
        assert_eq!((form.money.as_str(), form.users.as_str()), ("2500000.05", "7"));
    }
}
