//! The HTTP API as types, and a typed client. What the console, the command line and foreign programs read and send.
//!
//! Times are RFC 3339 in UTC with milliseconds; spans are whole milliseconds in fields that end in `_ms`; money is whole US cents
//! in fields that end in `_cents`. Identifiers are text: `inc_…`, `sig_…`, `pag_…`.

pub mod access;
pub mod check;
pub mod evidence;
pub mod task;
pub mod command;
pub mod declare;
pub mod roles;
pub mod page;
pub mod source;
pub mod bulk;
pub mod room;
pub mod listening;
pub mod client;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    access::{Reading, Restriction},
    bulk::{Bulk, BulkAnswer, BulkDone, EndSilences, Matching, SilenceEnded},
    check::{Check, Checks, OverriddenChecks},
    command::{Command, Done, Erase, Erased, ErasedCopy, Field, Merge, Offer, StateFacts, TakeRole, Text},
    declare::{Declare, Declared},
    evidence::{CustodyEntry, Evidence, EvidenceHold, EvidenceItem, EvidenceVerified},
    page::Page,
    roles::{Ask, Chair, HandedOver},
    room::{Message, Mirrored, Present, Room, Withdrawn},
    source::{BeginAnew, Source, SourceKind, SourceSetting},
    task::{Held, Holding, Overriding, Task, TaskResource},
};

/// One incident in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSummary {
    /// `inc_…`
    pub id: String,
    /// One line.
    pub title: String,
    /// `SEV1` to `SEV5`.
    pub severity: String,
    /// `triggered`, `acknowledged`, `mitigated`, `resolved`, `reviewed`, `merged`.
    pub phase: String,
    /// The service it is about.
    pub service: Option<String>,
    /// An exercise.
    pub drill: bool,
    /// When it opened.
    pub opened: String,
    /// When it last changed.
    pub changed: String,
    /// Signals attached.
    pub signals: usize,
    /// Signals counted, not kept one by one.
    pub absorbed: u64,
    /// What it may cost.
    pub money_at_risk_cents: u64,
    /// Who acknowledged, while that holds.
    pub acknowledged_by: Option<String>,
    /// When the next step of the escalation is due.
    pub next_step: Option<String>,
    /// When it resolves by itself: all of it was undone while a page waited for its answer. Not if it comes back before.
    pub stands_down: Option<String>,
    /// How many times in a row everybody was tried and no page is known to have reached anybody; 0: somebody was, or nobody tried.
    #[serde(default)]
    pub unreached: u32,
    /// When it begins again, though a person resolved it: a monitor still said that it goes on, and may say so then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_again: Option<String>,
    /// Whether only those inside see more: then `title` is its code name, and what it is about is not told here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

/// One incident, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// What a list shows.
    pub summary: IncidentSummary,
    /// Why it is this bad.
    pub score: Score,
    /// What is claimed about impact.
    pub facts: Facts,
    /// Its signals, the loudest and surest first.
    pub signals: Vec<Signal>,
    /// Its pages, oldest first.
    pub pages: Vec<Page>,
    /// Roles taken: role → person.
    pub roles: BTreeMap<String, String>,
    /// Every role, who has it, and what is expected of whoever does.
    #[serde(default)]
    pub chairs: Vec<Chair>,
    /// All that people and teams were asked in it, in the order of asking.
    #[serde(default)]
    pub asks: Vec<Ask>,
    /// That it was handed over last, by whom and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_over: Option<HandedOver>,
    /// The policy by which it pages.
    #[serde(default)]
    pub policy: String,
    /// What is to be done, and who is on it, in the order in which it was added.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// That it is restricted, and who is inside; none: everybody who may read may look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<Restriction>,
    /// The incident that it is part of.
    pub merged_into: Option<String>,
    /// Who declared it; none: a signal opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_by: Option<String>,
    /// Until when the acknowledgement holds.
    pub acknowledged_until: Option<String>,
    /// Tier of the escalation, from 1, and round, from 1.
    pub tier: Option<usize>,
    /// Round of the escalation, from 1.
    pub round: u32,
    /// The end of what happened, in the order of the log: the last 100 events.
    pub timeline: Vec<TimelineRow>,
    /// `before` of `/api/v1/incidents/{id}/timeline` for the rows before these; none: these begin with the first.
    #[serde(default)]
    pub earlier: Option<u64>,
    /// What the caller may ask of it now.
    #[serde(default)]
    pub offers: Vec<Offer>,
}

/// Part of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// Its rows, in the order of the log.
    pub rows: Vec<TimelineRow>,
    /// `before` for the part before this one; none: this one begins with the first event.
    pub earlier: Option<u64>,
}

/// Why an incident is this bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// 0 to 1000.
    pub points: u32,
    /// The severity that follows.
    pub severity: String,
    /// The addends.
    pub terms: Vec<Term>,
    /// Facts that decide alone.
    pub gates: Vec<String>,
    /// The facts in short. Empty: nothing counts any more.
    pub vector: String,
    /// The version of the weights that gave it: the same facts under the same weights give the same score.
    #[serde(default)]
    pub weights: String,
}

/// One addend of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// What counts: `money at risk`, `criticality`, `users`, `irreversible` and so on.
    pub name: String,
    /// The fact it came from.
    pub fact: String,
    /// What it adds.
    pub points: u32,
}

/// What is claimed about impact.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// Money lost or in danger.
    pub money_at_risk_cents: u64,
    /// People and institutions who feel it; none: the service's.
    pub users: Option<u64>,
    /// Cannot be undone by us.
    pub irreversible: bool,
    /// A key or a privileged role is in the wrong hands.
    pub key_compromise: bool,
    /// Funds are leaving now.
    pub theft: bool,
}

/// A signal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// `sig_…`
    pub id: String,
    /// Same claim, same fingerprint.
    pub fingerprint: String,
    /// Who says so.
    pub detector: String,
    /// The integration or token that posted it; none: a detector of ours, or it came before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it is grouped by where it is about no known service: values of its labels. None: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `provisional`, `confirmed`, `retracted`, `ended`.
    pub status: String,
    /// `info`, `warning`, `error`, `critical`.
    pub loudness: String,
    /// The service.
    pub service: Option<String>,
    /// One line.
    pub title: String,
    /// Why, in words.
    pub explanation: String,
    /// The numbers behind them.
    pub numbers: Vec<Number>,
    /// What it claims about impact.
    pub facts: Facts,
    /// How sure the detector is, in thousandths: 0 to 1000.
    pub confidence_permille: u16,
    /// EIP-155 chain number.
    pub chain: Option<u64>,
    /// Height of the block that it stands on.
    pub block: Option<u64>,
    /// Block hash.
    pub block_hash: Option<String>,
    /// Transaction hash.
    pub transaction: Option<String>,
    /// Addresses with their parts.
    pub parties: Vec<Party>,
    /// Labels of an outside monitor.
    pub labels: BTreeMap<String, String>,
    /// A link back.
    pub link: Option<String>,
    /// When it happened, by its source.
    pub event_time: String,
    /// When we saw it.
    pub observed: String,
    /// The incident it belongs to.
    pub incident: Option<String>,
    /// Why it belongs to this one, or to none; of one that was retracted, in its incident: why.
    pub fate: String,
    /// The same in one word, as far as a list of signals says it: `opened`, `joined`, `silenced`, `noted`.
    #[serde(default)]
    pub became: Option<String>,
    /// The silence that kept it quiet.
    #[serde(default)]
    pub silence: Option<String>,
    /// Since when its source, which must repeat it, says nothing. It stands: nobody said that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<String>,
    /// Who says that somebody at the source's end works on it. That acknowledges nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_up_by: Option<String>,
    /// Who is on this one claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// Until when that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_until: Option<String>,
    /// How often the same claim came again, as of the last doubling.
    pub repeats: u64,
    /// In a list: why nothing more of it is shown than its place. What is stored of it is not what was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// An address and its part in a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Party {
    /// `victim`, `beneficiary`, `sender`, `listed` …
    pub part: String,
    /// The address.
    pub address: String,
}

/// A number of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Number {
    /// What it is.
    pub name: String,
    /// The exact value, in decimal digits.
    pub value: String,
    /// Its unit.
    pub unit: String,
}

/// A row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineRow {
    /// When it was decided, by the server's clock: RFC 3339 in UTC.
    pub at: String,
    /// `opened`, `page_requested` …: the event's type without its version.
    pub kind: String,
    /// Version of the event's form: 1 for an `opened.v1` of the log.
    #[serde(default = "first_version")]
    pub version: u32,
    /// For a person.
    pub text: String,
    /// Place in the log.
    pub log_index: u64,
}

/// What programs of before this field meant.
const fn first_version() -> u32 {
    1
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnCall {
    /// The schedule.
    pub schedule: String,
    /// Who; none: a hole.
    pub person: Option<String>,
    /// Their name among people.
    pub name: Option<String>,
    /// Since when.
    pub from: String,
    /// Until when.
    pub until: String,
}

/// A detector with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Detector {
    /// Its name.
    pub id: String,
    /// Its row in the catalogue of detectors.
    pub code: String,
    /// One line.
    pub title: String,
    /// Markdown under four headings: what it watches, why it matters, when it is wrong, first steps.
    pub doc: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it heard its canary at the start.
    pub canary_heard: bool,
    /// Why it cannot hear now, whatever happens: no source is watched, or none shows anything. None: it can.
    #[serde(default)]
    pub cannot_hear: Option<String>,
    /// Its parameters.
    pub params: Vec<Param>,
}

/// A parameter of a detector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// The value in force.
    pub value: i64,
    /// Its unit.
    pub unit: String,
    /// The value without configuration.
    pub default: i64,
    /// The least.
    pub min: i64,
    /// The greatest.
    pub max: i64,
    /// What it decides.
    pub doc: String,
}

/// A watched address that people sign for, and what it is guarded by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wallet {
    /// How people call it.
    pub label: String,
    /// The service it belongs to.
    pub service: String,
    /// The chain, `1` for instance.
    pub chain: String,
    /// The account.
    pub address: String,
    /// `wallet` or `multisig`.
    pub role: String,
    /// Whether a `[[wallet]]` of the configuration sets its policy.
    pub has_policy: bool,
    /// Every line that holds for it, in words; none where the detector `wallet_policy` is off.
    pub lines: Vec<String>,
}

/// Where the log stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogHead {
    /// How many events are in the log.
    pub size: u64,
    /// Root, hex.
    pub root: String,
    /// The signed checkpoint.
    pub checkpoint: Option<String>,
    /// The verifier key.
    pub vkey: String,
}

/// How the product itself is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether requests may be sent here. A node that is down, or a chain that cannot be seen, does not change that: then the
    /// console is needed most.
    pub ready: bool,
    /// What does not work.
    pub faults: Vec<String>,
    /// What cannot be seen now: sources that are blind, stand still or have not begun, detectors that do not hear.
    #[serde(default)]
    pub unseen: Vec<String>,
    /// Incidents open.
    pub open_incidents: usize,
    /// Duties overdue, by the watchdog.
    pub overdue: Option<u64>,
    /// How every way to people does.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// When the store last took a commit.
    #[serde(default)]
    pub last_commit: Option<String>,
    /// Commits that it has refused one after another since.
    #[serde(default)]
    pub commits_refused: u64,
    /// Events of the log that are not in the published folder yet.
    #[serde(default)]
    pub unpublished: u64,
    /// The program's version.
    pub version: String,
}

/// How one way to people does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its name in the configuration.
    pub id: String,
    /// `works`, `failing` (its last attempts failed), `not tried` (too many failed in a row; one goes now and then to see), `untried`
    /// (nothing was handed to it since the start).
    pub state: String,
    /// Since when it is not tried.
    pub since: Option<String>,
    /// Deliveries under way.
    pub under_way: usize,
    /// Deliveries that wait for a place, or for another attempt.
    pub waiting: usize,
    /// Deliveries that it took since the start.
    pub delivered: u64,
    /// Deliveries that it did not take, or perhaps not, since the start.
    pub failed: u64,
    /// When an attempt failed last.
    pub last_failed: Option<String>,
    /// Why it failed, in words.
    pub last_error: Option<String>,
}

/// What is in force of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// SHA-256 of the file, in hex: what `sha256sum` says of it.
    pub digest: String,
    /// Since when.
    pub since: String,
    /// Settings of the file that count only after a restart, because they changed since the program started.
    pub needs_restart: Vec<String>,
    /// What the file allows and probably does not mean; told when it is read.
    pub warnings: Vec<String>,
}

/// What an error answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// For programs: it stays the same when the message is reworded.
    pub code: String,
    /// For a person.
    pub message: String,
    /// What to do; may be empty.
    #[serde(default)]
    pub hint: String,
}

/// What became of one posted signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The incident it opened or joined.
    pub incident: Option<String>,
    /// What was done with it.
    pub fate: String,
    /// What makes two messages the same claim: the fingerprint of its signals.
    pub claim: String,
}

/// A silence: for a while, signals of some kind open nothing and page nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Silence {
    /// `sil_…`
    pub id: String,
    /// `active`, `pending`, `expired`.
    pub state: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Since when.
    pub starts: String,
    /// Until when.
    pub ends: String,
    /// Who set it, in the words of their client.
    pub created_by: String,
    /// Why it was set, in the words of whoever set it.
    pub comment: String,
    /// Whose it is: the person, or the token that is nobody's, by whom it was set. Not known of older ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Standing signals that it keeps from opening or joining an incident now; 0 unless it is in force.
    #[serde(default)]
    pub holds: usize,
}

/// One condition of a silence on a label. Every signal has `detector`, `service` and `fingerprint` besides its own labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether the value is a regular expression, for the whole label.
    #[serde(default)]
    pub is_regex: bool,
    /// Whether the label must not match.
    #[serde(default)]
    pub is_not: bool,
}

/// As Prometheus and its tools write it: `name=~"value"`, with `\"`, `\\` and `\n` escaped.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted =
            |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
        let plain =
            !self.name.is_empty() && !self.name.contains(|c: char| c.is_whitespace() || "{}!=~,\"'`\\".contains(c));
        let name = if plain { self.name.clone() } else { quoted(&self.name) };
        let sign = match (self.is_not, self.is_regex) {
            (false, false) => "=",
            (true, false) => "!=",
            (false, true) => "=~",
            (true, true) => "!~",
        };
        write!(f, "{name}{sign}{}", quoted(&self.value))
    }
}

/// A silence to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSilence {
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Since when; none: now.
    #[serde(default)]
    pub starts: Option<String>,
    /// Until when.
    pub ends: String,
    /// Why, for those who wonder later why nobody was paged.
    pub comment: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_written_as_prometheus_writes_it() {
        let written = |name: &str, value: &str, is_regex, is_not| {
            Matcher { name: name.to_owned(), value: value.to_owned(), is_regex, is_not }.to_string()
        };
        assert_eq!(written("service", "rpc", false, false), r#"service="rpc""#);
        assert_eq!(written("alertname", r"Node\d+", true, false), r#"alertname=~"Node\\d+""#);
        assert_eq!(written("env", "de\"v\n", false, true), r#"env!="de\"v\n""#);
        assert_eq!(written("two words", "", true, true), r#""two words"!~"""#);
    }
}
