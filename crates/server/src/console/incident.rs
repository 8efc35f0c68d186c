//! One incident, whole: what it is, why it is this bad, what can be done, who was reached, and all that happened.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use quarterdeck_api as api;
use quarterdeck_core::{
    incident::{
        Part, Refusal,
        offer::{CommandKind, Offer},
    },
    money::Usd,
};
use serde::Deserialize;

use super::{
    Asked, On,
    filled::Typed,
    frame, page,
    pages::{self, Act, Choice, Input},
    sorry,
};
use crate::{
    auth::{Caller, Role},
    http::{
        InPath, Refused, Shared, Viewer, checks, evidence,
        incidents::{open, parse},
        inside,
        room::{RoomQuery, view},
        views,
    },
};

/// Signals shown on the incident's own page: what a person can read; all of them are among the signals.
const SIGNALS_SHOWN: usize = 50;
/// Incidents offered to merge into, and claims to be on: what a list can hold.
const OTHERS_SHOWN: usize = 200;

/// Messages of the room shown there: the last few say whether something goes on.
const SAID_SHOWN: usize = 5;

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/incidents/{id}", get(show))
}

/// Which part of the timeline.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    before: Option<u64>,
}

async fn show(
    On(Viewer(visitor)): On<Viewer>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let shown = render(&app, &visitor, &id, wanted.before, None).await;
    shown.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
}

/// A command that was refused, with what was typed.
pub(super) struct Attempt {
    /// Why it was refused.
    pub refused: Refused,
    /// Which command.
    pub kind: &'static CommandKind,
    /// What was typed.
    pub typed: Typed,
}

/// The page of an incident, after a refused command with the reason and the words that were typed.
pub(super) async fn render(
    app: &Shared,
    visitor: &Caller,
    id: &str,
    before: Option<u64>,
    attempt: Option<Attempt>,
) -> Result<Response, Refused> {
    // Asked here, too: a command that is refused ends in this page, and one of them is asked by whoever is outside.
    let whole = app.engine.published().incident(parse(id)?).await?.ok_or(Refusal::NoSuchIncident { id: parse(id)? })?;
    inside::may_look(app, visitor, &whole, Part::Incident).await?;
    let it = views::incident(app, parse(id)?, before, visitor.role.right()).await?;
    let status = attempt.as_ref().map_or(StatusCode::OK, |attempt| attempt.refused.parts().0);
    let refused = attempt.as_ref().map(|attempt| attempt.refused.body().clone());
    let choices = Choices {
        people: people(app),
        whom: whom(app),
        policies: policies(app, &it.policy),
        me: visitor.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        others: others(app, &it.summary.id),
        claims: claims(&it),
        tasks: tasks(&it),
    };
    let said = RoomQuery { before: None, limit: Some(SAID_SHOWN) };
    let room = view(app, parse(id)?, &said, visitor.role).await?;
    let template = pages::Incident {
        evidence: evidence::view(&whole),
        recovery: checks::view(app, &whole),
        can_validate: it.offers.iter().any(|offer| offer.command == "validate"),
        room,
        frame: frame(app, Some(visitor), "incidents"),
        refused,
        acts: acts(app, &it, attempt.as_ref(), &choices).await,
        may_act: visitor.role >= Role::Responder,
        me: visitor.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        mine: Some(visitor.actor().to_string()),
        people: choices.people.clone(),
        open: matches!(it.summary.phase.as_str(), "triggered" | "acknowledged" | "mitigated"),
        signals: it.signals.iter().take(SIGNALS_SHOWN).cloned().collect(),
        hidden_signals: it.signals.len().saturating_sub(SIGNALS_SHOWN),
        days: pages::days(&it.timeline),
        before,
        verify: format!("quarterdeck verify {}.qdbundle --key '{}'", it.summary.id, app.key),
        it,
    };
    Ok(page(status, &template))
}

/// People of the roster as a form offers them.
fn people(app: &Shared) -> Vec<Choice> {
    let in_force = app.live.now();
    let people = in_force.setting.roster.people.values();
    people.map(|person| Choice { value: person.id.to_string(), label: person.name.clone() }).collect()
}

/// People, policies and schedules of the roster as a form offers them to be asked.
fn whom(app: &Shared) -> Vec<Choice> {
    let in_force = app.live.now();
    let roster = &in_force.setting.roster;
    let of = |sort: &str, name: &str, label: String| Choice { value: format!("{sort}:{name}"), label };
    let people = roster.people.values().map(|one| of("person", one.id.as_str(), one.name.clone()));
    let policies = roster.policies.keys().map(|id| of("policy", id.as_str(), format!("the team of policy {id}")));
    let schedules = roster.schedules.keys().map(|id| of("schedule", id.as_str(), format!("on call in {id}")));
    people.chain(policies).chain(schedules).collect()
}

/// Policies of the roster as a form offers them, but for the one that it has.
fn policies(app: &Shared, has: &str) -> Vec<Choice> {
    let in_force = app.live.now();
    let others = in_force.setting.roster.policies.keys().filter(|id| id.as_str() != has);
    others.map(|id| Choice { value: id.to_string(), label: id.to_string() }).collect()
}

/// Other open incidents as a form offers them.
fn others(app: &Shared, this: &str) -> Vec<Choice> {
    let others = open(app, OTHERS_SHOWN).into_iter().filter(|other| other.id != this);
    others.map(|other| Choice { label: format!("{} {}", other.severity, other.title), value: other.id }).collect()
}

/// Claims that go on as a form offers them, those that nobody is on first.
fn claims(it: &api::Incident) -> Vec<Choice> {
    let mut live: Vec<&api::Signal> =
        it.signals.iter().filter(|one| matches!(one.status.as_str(), "provisional" | "confirmed")).collect();
    live.sort_by_key(|one| one.acknowledged_by.is_some());
    let choice = |one: &api::Signal| {
        let on_it = one.acknowledged_by.as_ref().map_or_else(String::new, |by| format!(" ({by} is on it)"));
        Choice { value: one.id.clone(), label: format!("{}{on_it}", one.title) }
    };
    live.into_iter().take(OTHERS_SHOWN).map(choice).collect()
}

/// Tasks that are still to be done, as a form offers them.
fn tasks(it: &api::Incident) -> Vec<Choice> {
    let open = it.tasks.iter().filter(|task| task.ended.is_none());
    open.map(|task| Choice { value: task.number.to_string(), label: format!("{}. {}", task.number, task.title) })
        .collect()
}

/// The choices that the configuration, the board and the incident give.
struct Choices {
    people: Vec<Choice>,
    whom: Vec<Choice>,
    policies: Vec<Choice>,
    me: String,
    others: Vec<Choice>,
    claims: Vec<Choice>,
    tasks: Vec<Choice>,
}

/// The forms of what the visitor is offered. One whose content was refused stays, so that the words are not lost.
async fn acts(app: &Shared, it: &api::Incident, attempt: Option<&Attempt>, choices: &Choices) -> Vec<Act> {
    let mut offers = it.offers.clone();
    if let Some(attempt) = attempt
        && !offers.iter().any(|offer| offer.command == attempt.kind.word)
    {
        let id = it.summary.id.parse().ok();
        let incident = match id {
            Some(id) => app.engine.published().incident(id).await.unwrap_or(None),
            None => None,
        };
        offers.extend(incident.map(|incident| views::offer(&Offer::of(attempt.kind, &incident))));
    }
    // Forms about tasks stand beside the tasks, and what has the checks made beside these; one that was refused is here, with what was typed.
    let refused = attempt.map(|attempt| attempt.kind.word);
    let elsewhere = |word: &str| word.ends_with("_task") || word == "validate";
    offers.retain(|offer| !elsewhere(&offer.command) || Some(offer.command.as_str()) == refused);
    let typed = |offer: &api::Offer| attempt.filter(|attempt| attempt.kind.word == offer.command);
    // What is about a message has its place beside that, in the room.
    offers.retain(|offer| CommandKind::named(&offer.command).is_none_or(|kind| !kind.in_room));
    offers.iter().map(|offer| act(offer, typed(offer).map(|attempt| &attempt.typed), choices)).collect()
}

fn act(offer: &api::Offer, typed: Option<&Typed>, choices: &Choices) -> Act {
    let inputs = offer.fields.iter().map(|field| {
        let known = match (typed, field.kind.as_str()) {
            (Some(typed), _) => typed.get(&field.name).cloned(),
            (None, "cents") => field.value.as_deref().and_then(|cents| cents.parse().ok()).map(in_dollars),
            // Who adds a task usually wants it done by whoever has a hand free.
            (None, "person") if field.name == "assignee" => None,
            (None, "person") => Some(choices.me.clone()),
            (None, _) => field.value.clone(),
        };
        let options = match field.kind.as_str() {
            "person" if field.name == "assignee" => {
                let nobody = Choice { value: String::new(), label: "nobody yet".to_owned() };
                std::iter::once(nobody).chain(choices.people.iter().cloned()).collect()
            }
            "person" => choices.people.clone(),
            "whom" => choices.whom.clone(),
            "policy" => choices.policies.clone(),
            "task" => choices.tasks.clone(),
            "incident" => choices.others.clone(),
            "signal" => choices.claims.clone(),
            _ => field.choices.iter().map(|word| Choice { value: word.clone(), label: word.clone() }).collect(),
        };
        Input { it: field.clone(), content: known.unwrap_or_default(), options }
    });
    Act { word: offer.command.clone(), title: offer.title.clone(), open: typed.is_some(), inputs: inputs.collect() }
}

/// Cents as a person types dollars.
fn in_dollars(cents: u64) -> String {
    let dollars = Usd::from_cents(cents).dollars();
    if cents.is_multiple_of(100) { dollars.to_string() } else { format!("{dollars}.{:02}", cents % 100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Choices {
        let choice = |value: &str| Choice { value: value.to_owned(), label: value.to_uppercase() };
        Choices {
            people: vec![choice("ana"), choice("bo")],
            whom: vec![choice("person:ana"), choice("policy:all")],
            policies: vec![choice("other")],
            me: "bo".to_owned(),
            others: vec![choice("inc_2")],
            claims: vec![choice("sig_1")],
            tasks: vec![choice("3")],
        }
    }

    fn field(kind: &str, value: Option<&str>) -> api::Field {
        api::Field {
            name: "one".to_owned(),
            ask: "One?".to_owned(),
            kind: kind.to_owned(),
            choices: vec!["red".to_owned()],
            required: true,
            value: value.map(ToOwned::to_owned),
        }
    }

    fn input(kind: &str, value: Option<&str>, typed: Option<&Typed>) -> Input {
        let fields = vec![field(kind, value)];
        let offer = api::Offer { command: "do".to_owned(), title: "Do".to_owned(), doc: String::new(), fields };
        act(&offer, typed, &choices()).inputs.remove(0)
    }

    #[test]
    fn a_form_begins_with_what_is_known_and_keeps_what_was_refused() {
        assert_eq!(input("cents", Some("250000005"), None).content, "2500000.05");
        assert_eq!(input("count", Some("7"), None).content, "7");
        assert_eq!(input("flag", None, None).content, "");
        let typed = [("one".to_owned(), "a lot".to_owned())].into();
        assert_eq!(input("cents", Some("5"), Some(&typed)).content, "a lot");
        assert_eq!(input("flag", Some("yes"), Some(&Typed::new())).content, "", "it was unticked");
    }

    #[test]
    fn a_choice_offers_what_there_is() {
        assert_eq!(input("whom", None, None).options[1].value, "policy:all");
        assert_eq!(input("policy", None, None).options[0].value, "other");
        let person = input("person", None, None);
        assert_eq!((person.content.as_str(), person.options.len()), ("bo", 2));
        assert_eq!(input("incident", None, None).options[0].value, "inc_2");
        assert_eq!(input("signal", None, None).options[0].value, "sig_1");
        assert_eq!(input("choice", None, None).options[0].value, "red");
        assert_eq!(input("task", None, None).options[0].value, "3");
    }
}
