//! What a review says, before it is a document.

use serde::Serialize;

use crate::{
    id::{ChannelId, CheckId, DetectorId, IncidentId, PageId, PersonId, ServiceId, SignalId, TaskId},
    incident::{IncidentEvent, Phase, ResponseRole, Severity, evidence::Digest},
    priority::Term,
    signal::{Number, SignalStatus},
    time::Timestamp,
};

/// One event of the incident: its index in the log, its version in the incident's stream, when it was decided, and what it is.
pub type Entry = (u64, u64, Timestamp, IncidentEvent);

/// How to call services and people.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// How people call a service; none: by its name.
    pub service_title: &'a dyn Fn(&ServiceId) -> Option<String>,
    /// How people call a person; none: by their name in the configuration, or because theirs was erased.
    pub person_name: &'a dyn Fn(&PersonId) -> Option<String>,
}

/// What a review needs besides the events: which incident it is, how to call services and people, and which log it cites.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The incident that the events are of.
    pub incident: IncidentId,
    /// How to call services and people.
    pub names: Names<'a>,
    /// The log's origin, as its checkpoints have it.
    pub log_origin: &'a str,
    /// The log's size at the checkpoint cited. Every index is below it.
    pub log_size: u64,
    /// The root at that size, in hex.
    pub log_root: &'a str,
}

/// Why there can be no review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreviewable {
    /// An incident without events.
    #[error("incident {id} has no events")]
    NoEvents {
        /// The incident that was to be reviewed.
        id: IncidentId,
    },
    /// The first event, and only the first, must be `opened`.
    #[error("incident {id}: the event at log index {index} is `opened` and not the first, or first and not `opened`")]
    BadOpening {
        /// The incident that was to be reviewed.
        id: IncidentId,
        /// Its place in the log.
        index: u64,
    },
    /// Events must come in the order of the log.
    #[error("incident {id}: log index {index} comes after {before}")]
    OutOfOrder {
        /// The incident that was to be reviewed.
        id: IncidentId,
        /// The index.
        index: u64,
        /// The index before it in the list.
        before: u64,
    },
    /// An index that the cited log does not have.
    #[error("incident {id}: log index {index} is not in a log of size {size}")]
    BeyondLog {
        /// The incident that was to be reviewed.
        id: IncidentId,
        /// The index.
        index: u64,
        /// The size.
        size: u64,
    },
}

/// The post-incident document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Which incident.
    pub id: IncidentId,
    /// One line: what it was.
    pub title: String,
    /// An exercise.
    pub drill: bool,
    /// Where it stands.
    pub phase: Phase,
    /// The log that the indexes are of.
    pub log: CitedLog,
    /// How bad it was.
    pub severity: Severities,
    /// Composed sentences.
    pub summary: Vec<Sentence>,
    /// What it cost or could have.
    pub impact: Impact,
    /// How fast it went.
    pub durations: Durations,
    /// Every event, in log order.
    pub timeline: Vec<Row>,
    /// Every page.
    pub pages: Vec<PageRow>,
    /// Every signal kept one by one.
    pub signals: Vec<SignalRow>,
    /// Every score.
    pub scores: Vec<ScoreRow>,
    /// Who took which role.
    pub roles: Vec<RoleRow>,
    /// What people wrote.
    pub notes: Vec<NoteRow>,
    /// What was decided in the room and not taken back.
    pub decisions: Vec<NoteRow>,
    /// What was asked in the room and nobody answered.
    pub open_questions: Vec<NoteRow>,
    /// What was to be done, and what became of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskRow>,
    /// Which tasks were still to be done each time it was resolved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_open: Vec<Sentence>,
    /// What was kept as evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRow>,
    /// Bundles that were taken out, and holds that were put on it and lifted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custody: Vec<Sentence>,
    /// Who had it checked, who resolved it in spite of what, and why it was not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<Sentence>,
    /// What checks said that was recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckRow>,
    /// Who could look and who did, where it was restricted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Sentence>,
    /// What this document cannot show because it was not seen, not kept or not learned.
    pub gaps: Vec<Sentence>,
    /// For people to fill.
    pub contributing_factors: Vec<String>,
    /// For people to fill.
    pub action_items: Vec<String>,
}

/// What a check said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckRow {
    /// When it began to look.
    pub at: Timestamp,
    /// Where that is in the log.
    pub log_index: u64,
    /// Which check.
    pub check: CheckId,
    /// What came of it, in words.
    pub verdict: &'static str,
    /// What was seen, or why nothing could be.
    pub seen: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// The log that a review cites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CitedLog {
    /// Its origin.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root at that size, in hex.
    pub root: String,
    /// Of the first event cited.
    pub first_index: u64,
    /// Of the last event cited.
    pub last_index: u64,
}

/// The severities that matter afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Severities {
    /// At opening.
    pub first: SeverityAt,
    /// The worst, where it was first reached.
    pub worst: SeverityAt,
    /// The last.
    pub last: SeverityAt,
}

/// A severity and where it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SeverityAt {
    /// The severity that was reached.
    pub severity: Severity,
    /// The place in the log of the score that gave it.
    pub log_index: u64,
}

/// A sentence with the log indexes behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Where its figures come from.
    pub log_indexes: Vec<u64>,
}

/// A figure with the log index it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// As people read it: `$2.5 M`.
    pub text: String,
    /// Exact: `250000000`.
    pub value: String,
    /// Of the value: `US cents`; empty for a plain count, a name or a yes.
    pub unit: String,
    /// Where it comes from.
    pub log_index: u64,
}

/// What it cost or could have. Claims of signals that were retracted since, and of people who restated theirs, are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// The highest money at risk of any score.
    pub money_at_risk_highest: Figure,
    /// The money at risk of the last score.
    pub money_at_risk_last: Figure,
    /// The most users that a claim names; none: no claim names any.
    pub users: Option<Figure>,
    /// Services that signals and the opening name.
    pub services: Vec<Figure>,
    /// The first claim that something cannot be undone.
    pub irreversible: Option<Figure>,
    /// The first claim that a key is in the wrong hands.
    pub key_compromise: Option<Figure>,
    /// The first claim that funds were leaving.
    pub theft: Option<Figure>,
}

/// How fast it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Durations {
    /// From the time that the opening signal's source gives to our seeing it.
    pub detect: Interval,
    /// From opening to the first acknowledgement.
    pub acknowledge: Interval,
    /// From opening to the first mitigation since it was last reopened.
    pub mitigate: Interval,
    /// From opening to the first resolution since it was last reopened.
    pub resolve: Interval,
}

/// The time between two instants of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interval {
    /// `detect`, `acknowledge`, `mitigate`, `resolve`.
    pub name: &'static str,
    /// Where it begins: the earlier instant, as the log has it.
    pub from: Point,
    /// To; none: it has not happened, or was not recorded.
    pub to: Option<Point>,
    /// `to` less `from`, in milliseconds. Negative where two clocks disagree.
    pub span_ms: Option<i64>,
    /// How much less it may be, in milliseconds, by the coarseness of the first clock.
    pub uncertainty_ms: u64,
    /// As people read it; `not yet` or `not recorded` without an end.
    pub text: String,
    /// What the reader must know about the first clock.
    pub note: Option<&'static str>,
}

/// An instant with where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// `opened`, `block time`.
    pub what: &'static str,
    /// The instant, in milliseconds since 1970.
    pub at: Timestamp,
    /// The place in the log of the event that says so.
    pub log_index: u64,
}

/// One event of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// When it was decided, by our clock.
    pub at: Timestamp,
    /// Its place in the log.
    pub log_index: u64,
    /// Its place in the incident's stream.
    pub version: u64,
    /// What happened.
    pub text: String,
    /// What other clocks said about it.
    pub readings: Vec<Reading>,
}

/// What a clock said: some instant from `from` until before `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Whose clock and what it timed: `block time`, `event time by alertmanager`, `observed`.
    pub clock: String,
    /// The earliest it can have meant.
    pub from: Timestamp,
    /// Before this it must have been.
    pub until: Timestamp,
    /// What the reader must know about the clock.
    pub note: Option<&'static str>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageRow {
    /// The page; a repeat is another one.
    pub page: PageId,
    /// To whom.
    pub person: PersonId,
    /// How people call them.
    pub name: String,
    /// By which notifier.
    pub channel: ChannelId,
    /// Why, as people read it.
    pub reason: &'static str,
    /// From 0.
    pub tier: usize,
    /// From 1.
    pub round: u32,
    /// The page that this one repeats.
    pub repeat_of: Option<PageId>,
    /// When it was decided.
    pub requested: Timestamp,
    /// The place in the log where it was decided.
    pub requested_log_index: u64,
    /// `delivered`, `failed`, `unknown`; none while it is under way.
    pub outcome: Option<&'static str>,
    /// The channel's receipt or error.
    pub detail: Option<String>,
    /// From hand-over to answer, in milliseconds.
    pub latency_ms: Option<u64>,
    /// When the outcome was known.
    pub settled: Option<Timestamp>,
    /// The place in the log where its outcome is; none while it is under way.
    pub settled_log_index: Option<u64>,
}

/// One signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignalRow {
    /// The signal.
    pub id: SignalId,
    /// Who said so.
    pub detector: DetectorId,
    /// What is wrong with what.
    pub title: String,
    /// What the detector saw and why that is wrong, in its own words.
    pub explanation: String,
    /// The numbers behind it.
    pub numbers: Vec<Number>,
    /// How sure the detector was, in thousandths.
    pub confidence_permille: u16,
    /// The block it stands on, by height and hash.
    pub block: Option<String>,
    /// The transaction it is about.
    pub transaction: Option<String>,
    /// Where it was attached.
    pub log_index: u64,
    /// How it stands now.
    pub status: SignalStatus,
    /// Where it got that status.
    pub status_log_index: u64,
    /// Why it was retracted.
    pub retracted_because: Option<String>,
    /// How often the same claim came again, by the counts of the log.
    pub repeats: u64,
    /// Where those counts are.
    pub repeats_log_indexes: Vec<u64>,
}

/// One score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreRow {
    /// The instant, in milliseconds since 1970.
    pub at: Timestamp,
    /// The place in the log of the event that says so.
    pub log_index: u64,
    /// What it gives.
    pub severity: Severity,
    /// 0 to 1000.
    pub points: u32,
    /// The facts in short.
    pub vector: String,
    /// Facts that decide alone.
    pub gates: Vec<String>,
    /// The addends.
    pub terms: Vec<Term>,
}

/// Somebody took a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleRow {
    /// The instant, in milliseconds since 1970.
    pub at: Timestamp,
    /// The place in the log of the event that says so.
    pub log_index: u64,
    /// The role that was taken.
    pub role: ResponseRole,
    /// Who took it.
    pub person: PersonId,
    /// How people call them.
    pub name: String,
}

/// Something that was to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRow {
    /// The task.
    pub task: TaskId,
    /// Its number in the incident.
    pub number: u32,
    /// What it was.
    pub title: String,
    /// Who added it.
    pub by: String,
    /// When it was added, by our clock.
    pub at: Timestamp,
    /// The place in the log where it began.
    pub log_index: u64,
    /// What it acted on.
    pub resources: Vec<String>,
    /// Who was on it, each with the place in the log where that began.
    pub claims: Vec<Sentence>,
    /// Numbers of the evidence that belongs to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u32>,
    /// `open`, `claimed`, `done`, `dropped`.
    pub state: &'static str,
    /// Who ended it and how, with the place in the log; none: it is still to be done.
    pub ending: Option<Sentence>,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceRow {
    /// Its number in the incident.
    pub number: u32,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
    /// What kind of bytes, as their sender says.
    pub media_type: String,
    /// What it is.
    pub what: String,
    /// Where it comes from; empty: nobody said.
    pub source: String,
    /// When it was made, as far as somebody said so, by a clock that is not ours.
    pub made: Option<Timestamp>,
    /// Who kept it.
    pub by: String,
    /// When it was kept, by our clock.
    pub at: Timestamp,
    /// The place in the log of the event that says so.
    pub log_index: u64,
    /// Its words were erased, and its bytes with them.
    pub erased: bool,
    /// Who had it in hand since, each with the place in the log.
    pub custody: Vec<Sentence>,
}

/// What somebody wrote, in the words that it has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteRow {
    /// The instant, in milliseconds since 1970.
    pub at: Timestamp,
    /// The place in the log of the event that says so.
    pub log_index: u64,
    /// Who wrote it, as the log names them.
    pub by: String,
    /// The line.
    pub text: String,
}
