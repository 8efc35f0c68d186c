//! Every page as a value: the API's view types in, HTML out. Nothing here asks the engine, the store or the clock.
//!
//! Templates escape all text; what carries markup of its own is in `filters` and `prose`. Tests: below.

use askama::Template;
use quarterdeck_api as api;
use serde::Deserialize;

use super::{filters, prose::Prose};
use crate::http::{incidents::ListQuery, paged::Paged};

/// What every page has around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// Which entry of the menu: `incidents`, `tasks`, `signals`, `silences`, `oncall`, `sources`.
    pub here: &'static str,
    /// Who looks; none: nobody is logged in.
    pub who: Option<Who>,
    /// Incidents open.
    pub open: usize,
    /// Silences in force.
    pub silences: usize,
    /// What does not work.
    pub faults: Vec<String>,
    /// The server's time, for countdowns on machines whose clock is off.
    pub now: String,
    /// The program's version.
    pub version: &'static str,
    /// Address of the style sheet.
    pub style: &'static str,
    /// Address of the script.
    pub script: &'static str,
    /// Address of the icon.
    pub icon: &'static str,
}

/// Who looks.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// The person's name, else the token's.
    pub name: String,
    /// How the log calls the token.
    pub token: String,
    /// What they may do.
    pub role: String,
    /// A responder or more.
    pub responds: bool,
    /// A commander or more.
    pub commands: bool,
}

/// `/login`
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct Login {
    /// Around it.
    pub frame: Frame,
    /// What was wrong with the last try.
    pub fault: Option<String>,
    /// Where to go afterwards.
    pub next: String,
}

/// Sends a browser that came from another site on to the same address, now as our own visitor.
#[derive(Template)]
#[template(path = "bounce.html")]
pub(super) struct Bounce {
    /// Where to.
    pub next: String,
}

/// Nothing here, not allowed, not possible.
#[derive(Template)]
#[template(path = "lost.html")]
pub(super) struct Lost {
    /// Around it.
    pub frame: Frame,
    /// In two or three words.
    pub title: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// An incident for whoever may not look into it.
#[derive(Template)]
#[template(path = "outside.html")]
pub(super) struct Outside {
    /// Around it.
    pub frame: Frame,
    /// Which incident.
    pub id: String,
    /// Its code name.
    pub name: String,
    /// How bad it is.
    pub severity: String,
    /// Where it stands.
    pub phase: String,
    /// Whether the visitor may come in uninvited.
    pub breaks_glass: bool,
}

/// What is filled into the form by which somebody declares an incident. A box that is not ticked is not sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeclareForm {
    /// One line.
    pub title: String,
    /// The guess.
    pub severity: String,
    /// The service; empty: not known.
    pub service: String,
    /// Ticked: an exercise.
    pub drill: String,
    /// US dollars at risk.
    pub money: String,
    /// How many feel it.
    pub users: String,
    /// Ticked: funds are leaving now.
    pub theft: String,
    /// Ticked: a key is in the wrong hands.
    pub key_compromise: String,
    /// Ticked: it cannot be undone.
    pub irreversible: String,
    /// Makes a form that is sent twice one declaration.
    pub key: String,
}

impl DeclareForm {
    /// Whether something was said of its impact.
    fn has_facts(&self) -> bool {
        let Self { money, users, theft, key_compromise, irreversible, .. } = self;
        [money, users, theft, key_compromise, irreversible].iter().any(|text| !text.is_empty())
    }
}

/// `/declare`
#[derive(Template)]
#[template(path = "declare.html")]
pub(super) struct Declare {
    /// Around it.
    pub frame: Frame,
    /// Why it was not done.
    pub refused: Option<api::ErrorBody>,
    /// What a guess can be, the worst first, each with what it means.
    pub guesses: Vec<(String, &'static str)>,
    /// Services to choose from.
    pub services: Vec<Choice>,
    /// What was typed.
    pub form: DeclareForm,
}

/// `/`
#[derive(Template)]
#[template(path = "incidents.html")]
pub(super) struct Incidents {
    /// Around it.
    pub frame: Frame,
    /// Open ones, worst first.
    pub open: Paged<api::IncidentSummary>,
    /// How many are open.
    pub open_count: usize,
    /// The last that are over, the latest first.
    pub over: Paged<api::IncidentSummary>,
    /// How many are over.
    pub over_count: usize,
    /// What we look through, for when all is quiet.
    pub sources: Vec<api::Source>,
    /// Some source cannot look.
    pub blind: bool,
    /// The visitor's role may act at all.
    pub may_act: bool,
    /// The visitor may say that something is over.
    pub commands: bool,
    /// What the list is asked for.
    pub query: ListQuery,
    /// All that it shows, in words.
    pub all_of: &'static str,
}

/// `/incidents/commands`, where not all was done.
#[derive(Template)]
#[template(path = "bulk_done.html")]
pub(super) struct BulkDone {
    /// Around it.
    pub frame: Frame,
    /// For how many it was done.
    pub done: usize,
    /// For which not.
    pub refused: Vec<api::BulkAnswer>,
    /// More match than were asked.
    pub more: bool,
}

/// `/incidents`
#[derive(Template)]
#[template(path = "incident_list.html")]
pub(super) struct IncidentList {
    /// Around it.
    pub frame: Frame,
    /// A page of the list.
    pub list: Paged<api::IncidentSummary>,
    /// What is asked for.
    pub query: ListQuery,
    /// Services to choose from.
    pub services: Vec<String>,
    /// Nothing stands before it.
    pub first_page: bool,
    /// The visitor's role may act at all.
    pub may_act: bool,
    /// The visitor may say that something is over.
    pub commands: bool,
    /// All that it shows, in words.
    pub all_of: &'static str,
}

/// `/incidents/{id}`
#[derive(Template)]
#[template(path = "incident.html")]
pub(super) struct Incident {
    /// Its evidence.
    pub evidence: api::Evidence,
    /// What it must pass before it is over.
    pub recovery: api::Checks,
    /// Whether its checks may be made now.
    pub can_validate: bool,
    /// Around it.
    pub frame: Frame,
    /// The incident.
    pub it: api::Incident,
    /// Why the last command was not done.
    pub refused: Option<api::ErrorBody>,
    /// Its room, with the last that was said.
    pub room: api::Room,
    /// What the visitor is offered.
    pub acts: Vec<Act>,
    /// The visitor's role may act at all.
    pub may_act: bool,
    /// The visitor, if a person.
    pub me: String,
    /// People still work on it.
    pub open: bool,
    /// How the log calls the visitor: what their claims say.
    pub mine: Option<String>,
    /// People of the roster.
    pub people: Vec<Choice>,
    /// The signals shown.
    pub signals: Vec<api::Signal>,
    /// Signals not shown here.
    pub hidden_signals: usize,
    /// The timeline by day.
    pub days: Vec<Day>,
    /// The timeline ends before this place of the incident's history; none: it ends with the last event.
    pub before: Option<u64>,
    /// The command that checks the evidence bundle.
    pub verify: String,
}

/// A command that the visitor is offered.
#[derive(Debug, Clone)]
pub(super) struct Act {
    /// Its name, and the last part of its path.
    pub word: String,
    /// On its button.
    pub title: String,
    /// Shown open: its last content was refused.
    pub open: bool,
    /// Its fields; none: one button does it.
    pub inputs: Vec<Input>,
}

/// A field of a form.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// The field.
    pub it: api::Field,
    /// What it begins with: what is known, or what was typed and refused.
    pub content: String,
    /// What can be chosen, where it is a choice.
    pub options: Vec<Choice>,
}

/// Something to choose.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// As the request has it.
    pub value: String,
    /// As people read it.
    pub label: String,
}

/// The rows of a timeline on one day (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Day {
    /// The day in UTC, `2026-07-01` for instance.
    pub date: String,
    /// Oldest first.
    pub rows: Vec<Row>,
}

/// A row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The row.
    pub it: api::TimelineRow,
    /// What it is about, for the filter.
    pub group: &'static str,
}

/// A timeline by day, in the order of the log.
pub(super) fn days(rows: &[api::TimelineRow]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for row in rows {
        let date = row.at.split('T').next().unwrap_or_default();
        let row = Row { group: group(&row.kind), it: row.clone() };
        match days.last_mut() {
            Some(day) if day.date == date => day.rows.push(row),
            _ => days.push(Day { date: date.to_owned(), rows: vec![row] }),
        }
    }
    days
}

/// What a kind of event is about. Kinds that are not known here show under `people`, so that no filter but theirs hides them.
fn group(kind: &str) -> &'static str {
    match kind {
        "opened" | "signal_attached" | "signals_absorbed" | "signal_confirmed" | "signal_retracted"
        | "signal_ended" | "ending_late" | "signal_silent" | "signal_taken_up" | "check_passed" | "check_failed"
        | "check_unjudged" => "signals",
        "escalated"
        | "page_requested"
        | "page_impossible"
        | "page_settled"
        | "acknowledgement_expired"
        | "signal_unanswered"
        | "claim_expired"
        | "task_overdue" => "pages",
        "severity_changed" => "severity",
        "message_written" | "message_edited" | "message_withdrawn" | "message_pinned" | "message_unpinned"
        | "room_entered" | "room_left" => "room",
        _ => "people",
    }
}

/// `/signals`
#[derive(Template)]
#[template(path = "signals.html")]
pub(super) struct Signals {
    /// Around it.
    pub frame: Frame,
    /// Newest first.
    pub list: Vec<api::Signal>,
    /// Names of detectors to choose from.
    pub detectors: Vec<String>,
    /// Only those that stand like this.
    pub status: Option<String>,
    /// Only this detector's.
    pub detector: Option<String>,
    /// Only this incident's.
    pub incident: Option<String>,
    /// Nothing newer is left out.
    pub first_page: bool,
    /// This page's address.
    pub here: String,
    /// The first page's address.
    pub newest: String,
    /// The next page's address.
    pub older: Option<String>,
}

/// `/silences`
#[derive(Template)]
#[template(path = "silences.html")]
pub(super) struct Silences {
    /// Around it.
    pub frame: Frame,
    /// Why the last command was not done.
    pub refused: Option<api::ErrorBody>,
    /// In force, to come, lately over.
    pub parts: [SilencePart; 3],
    /// The visitor may set and end them.
    pub may: bool,
    /// The form is open: something is in it.
    pub form_open: bool,
    /// Its content.
    pub form: SilenceForm,
}

/// Silences that stand alike.
#[derive(Debug, Clone)]
pub(super) struct SilencePart {
    /// `active`, `pending`, `expired`.
    pub state: &'static str,
    /// In words.
    pub title: &'static str,
    /// What is said where there are none.
    pub none: &'static str,
    /// How many there are.
    pub count: usize,
    /// Those shown.
    pub shown: Vec<SilenceCard>,
}

/// A silence with what it holds back.
#[derive(Debug, Clone)]
pub(super) struct SilenceCard {
    /// The silence.
    pub it: api::Silence,
    /// Identifiers and titles of signals that it holds back now: the first few.
    pub held: Vec<(String, String)>,
}

impl SilenceCard {
    /// Signals that it holds back and that are not shown.
    pub(super) fn hidden(&self) -> usize {
        self.it.holds.saturating_sub(self.held.len())
    }
}

/// The form of a silence as a person fills it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SilenceForm {
    /// One matcher to a line.
    pub matchers: String,
    /// For how long: `2h`.
    pub span: String,
    /// From when, in UTC, as a browser writes it; empty: now.
    pub starts: String,
    /// Why, for those who wonder later why nobody was paged.
    pub comment: String,
}

/// `/tasks`
#[derive(Template)]
#[template(path = "tasks.html")]
pub(super) struct Tasks {
    /// Around it.
    pub frame: Frame,
    /// Only the visitor's.
    pub mine: bool,
    /// What is still to be done.
    pub list: Vec<api::Task>,
    /// What people hold.
    pub held: Vec<api::Held>,
}

/// `/oncall`
#[derive(Template)]
#[template(path = "oncall.html")]
pub(super) struct OnCall {
    /// Around it.
    pub frame: Frame,
    /// Every schedule.
    pub schedules: Vec<Rota>,
    /// How every way to people does.
    pub channels: Vec<api::Channel>,
    /// Failures in a row after which a channel is not tried.
    pub failures_max: u32,
}

/// A schedule with its next fortnight.
#[derive(Debug, Clone)]
pub(super) struct Rota {
    /// Its name.
    pub id: String,
    /// IANA name.
    pub zone: String,
    /// Who answers now.
    pub now: Shift,
    /// Who answers next; none: the present turn never ends.
    pub next: Option<Shift>,
    /// The next fortnight.
    pub turns: Vec<Shift>,
    /// Who is in the strip, once each.
    pub legend: Vec<Shift>,
    /// The next fortnight as a strip, 1400 units wide.
    pub bars: Vec<Bar>,
    /// Where days begin in it.
    pub midnights: Vec<u64>,
}

/// A stretch with the same person.
#[derive(Debug, Clone)]
pub(super) struct Shift {
    /// Who; none: a hole.
    pub name: Option<String>,
    /// Which of the shades: `0` to `5`, or `hole`.
    pub shade: &'static str,
    /// Since when.
    pub from: String,
    /// Until when.
    pub until: String,
    /// In the schedule's zone.
    pub from_local: String,
    /// In the schedule's zone.
    pub until_local: String,
    /// It never ends.
    pub endless: bool,
}

/// A stretch in the strip.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    /// Where it begins.
    pub x: u64,
    /// How wide it is.
    pub width: u64,
    /// Which of the shades: `0` to `5`, or `hole`.
    pub shade: &'static str,
}

/// `/sources`
#[derive(Template)]
#[template(path = "sources.html")]
pub(super) struct Sources {
    /// Around it.
    pub frame: Frame,
    /// The product itself.
    pub health: api::Health,
    /// The log.
    pub log: api::LogHead,
    /// Sources of chain events.
    pub chains: Vec<api::Source>,
    /// Kinds of source that can be configured.
    pub kinds: Vec<api::SourceKind>,
    /// Watched wallets with what guards them.
    pub wallets: Vec<api::Wallet>,
    /// Whether the visitor may decide about a source.
    pub may: bool,
    /// Every detector of the list, on or off.
    pub detectors: Vec<Documented>,
}

/// A detector with its document.
pub(super) struct Documented {
    /// The detector.
    pub it: api::Detector,
    /// Its document, rendered.
    pub doc: Prose,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: &str, kind: &str) -> api::TimelineRow {
        api::TimelineRow { at: at.to_owned(), kind: kind.to_owned(), version: 1, text: String::new(), log_index: 0 }
    }

    #[test]
    fn a_timeline_is_cut_at_midnight_and_nowhere_else() {
        let rows = [
            row("2026-07-01T23:59:59.999Z", "opened"),
            row("2026-07-02T00:00:00.000Z", "page_requested"),
            row("2026-07-02T00:00:01.000Z", "note_added"),
        ];
        let days = days(&rows);
        assert_eq!(days.iter().map(|day| day.rows.len()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            days.iter().flat_map(|day| &day.rows).map(|row| row.group).collect::<Vec<_>>(),
            ["signals", "pages", "people"]
        );
    }
}
