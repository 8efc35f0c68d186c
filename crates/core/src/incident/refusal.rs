//! The two ways to say no. A refusal is the caller's to fix; an illegal history is ours, and somebody is paged for it.

use crate::{
    id::{CheckId, IncidentId, MessageId, PageId, PersonId, SignalId, SilenceId, TaskId},
    incident::{Actor, Phase, Severity, evidence_refusal::EvidenceRefusal, holding::Holding, unmet::Unmet},
    limits::{
        ASKS_PER_INCIDENT_MAX, MATCHERS_MAX, PINS_MAX, ROOM_PACE_MAX, SILENCES_MAX, TASKS_PER_INCIDENT_MAX,
        TEXT_BYTES_MAX, VALIDATIONS_MAX,
    },
    resource::Resource,
    time::Timestamp,
};

/// Why something that was asked was refused. Each has a stable code for clients ([`Refusal::code`]) and a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such incident.
    #[error("no incident {id}")]
    NoSuchIncident {
        /// What was asked for.
        id: IncidentId,
    },
    /// The command makes no sense in this phase.
    #[error("cannot {verb} incident {id}: it is {}", phase.word())]
    WrongPhase {
        /// Which incident.
        id: IncidentId,
        /// What was asked.
        verb: &'static str,
        /// Where it stands.
        phase: Phase,
    },
    /// Too long, or empty where something is needed.
    #[error("{field} is {bytes} bytes: want 1 to {max}")]
    BadText {
        /// Which field.
        field: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// It is to end, and nobody says what was done.
    #[error("cannot {verb} without a sentence: field `note` with value `{value}` says nothing")]
    NothingSaid {
        /// What was asked.
        verb: &'static str,
        /// As it was given, cut short.
        value: String,
    },
    /// A field of a request is not what it should be.
    #[error("field `{field}` with value `{value}`: {want}")]
    BadField {
        /// The field's name, as the request spells it.
        field: &'static str,
        /// As it was given, cut short.
        value: String,
        /// What is wrong with it, or what it should be.
        want: String,
    },
    /// Nobody of that name.
    #[error("no person `{person}` in the roster")]
    NoSuchPerson {
        /// Who was named.
        person: PersonId,
    },
    /// Nothing was asked of them, or they have answered.
    #[error("nothing is asked of {by} in incident {id}{}", ask.map_or_else(String::new, |ask| format!(" under number {ask}")))]
    NothingAsked {
        /// Which incident.
        id: IncidentId,
        /// Who answers.
        by: Actor,
        /// Which they mean; none: any.
        ask: Option<u32>,
    },
    /// So many were asked to come that nobody knows any more who.
    #[error("{ASKS_PER_INCIDENT_MAX} people and teams were asked to come into incident {id} already")]
    TooManyAsks {
        /// Which incident.
        id: IncidentId,
    },
    /// No such page here.
    #[error("incident {id} has no page {page}")]
    NoSuchPage {
        /// Which incident.
        id: IncidentId,
        /// What was asked for.
        page: PageId,
    },
    /// No such claim here, or it is over.
    #[error("incident {id} has no signal {signal} that goes on")]
    NoSuchClaim {
        /// Which incident.
        id: IncidentId,
        /// What was asked for.
        signal: SignalId,
    },
    /// No such message here.
    #[error("incident {id} has no message {message}")]
    NoSuchMessage {
        /// Which incident.
        id: IncidentId,
        /// What was asked for.
        message: MessageId,
    },
    /// The message is not one that this can be done with.
    #[error("message {message}: {why}")]
    BadMessage {
        /// The message that was named.
        message: MessageId,
        /// Why not.
        why: &'static str,
    },
    /// The key tells another message from all others.
    #[error("key `{key}` was used for message {message}, which says something else")]
    KeyUsed {
        /// The key that was given.
        key: String,
        /// The message that it was used for.
        message: MessageId,
    },
    /// The room has as many messages as it may have.
    #[error("the room of incident {id} has {events} events: a note is still possible")]
    RoomFull {
        /// Which incident.
        id: IncidentId,
        /// How many.
        events: u64,
    },
    /// Somebody does too much at once.
    #[error("{by} wrote {ROOM_PACE_MAX} times within a minute: again from {again}")]
    TooFast {
        /// Who wrote so much.
        by: Actor,
        /// From when on they may go on.
        again: Timestamp,
    },
    /// Too much is kept in sight.
    #[error("{PINS_MAX} messages of incident {id} are pinned: unpin one first")]
    TooManyPins {
        /// Which incident.
        id: IncidentId,
    },
    /// No such task here.
    #[error("incident {id} has no task {task}")]
    NoSuchTask {
        /// Which incident.
        id: IncidentId,
        /// What was asked for, by number or identifier.
        task: String,
    },
    /// The task was done or dropped.
    #[error("task {number} of incident {id} is {state} already")]
    TaskOver {
        /// Which incident.
        id: IncidentId,
        /// Which task.
        number: u32,
        /// How it ended.
        state: &'static str,
    },
    /// Nobody is on the task.
    #[error("nobody is on task {number} of incident {id}, or their time is up: claim it first")]
    NotClaimed {
        /// Which incident.
        id: IncidentId,
        /// Which task.
        number: u32,
    },
    /// Whoever asks may not look, and so may not ask.
    #[error("incident {id} is restricted: outside it is {code_name}, {severity} and {}, and no more", phase.word())]
    Restricted {
        /// Which incident.
        id: IncidentId,
        /// Its name outside.
        code_name: String,
        /// How bad it is.
        severity: Severity,
        /// Where it stands.
        phase: Phase,
    },
    /// It is not restricted.
    #[error("incident {id} is not restricted: everybody who may read may look")]
    NotRestricted {
        /// Which incident.
        id: IncidentId,
    },
    /// Others are in the way.
    #[error("{}", words(held))]
    Held {
        /// Their claims.
        held: Vec<Holding>,
    },
    /// The incident has as many tasks as one may have.
    #[error("incident {id} has {count} tasks: want at most {TASKS_PER_INCIDENT_MAX}")]
    TooManyTasks {
        /// Which incident.
        id: IncidentId,
        /// How many.
        count: usize,
    },
    /// It is not over: something fires, or a check does not pass.
    #[error("cannot resolve incident {id}: {}", obstacles(unmet, again))]
    ChecksFail {
        /// Which incident.
        id: IncidentId,
        /// What stands in the way.
        unmet: Vec<Unmet>,
        /// When it begins again if somebody resolves it all the same, a sentence each.
        again: Vec<String>,
    },
    /// No such check is to be passed here.
    #[error("incident {id} has no check `{check}` that is made outside: it must pass {}", named(known))]
    NoSuchCheck {
        /// Which incident.
        id: IncidentId,
        /// What was asked for.
        check: CheckId,
        /// Those that it must pass.
        known: Vec<String>,
    },
    /// So many validations were asked for that the log holds little else.
    #[error("{VALIDATIONS_MAX} validations were asked for in incident {id} already")]
    TooManyValidations {
        /// Which incident.
        id: IncidentId,
    },
    /// It is about evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceRefusal),
    /// A machine wants what only somebody with a name may.
    #[error("{by} is no person: only a person may {what}")]
    OnlyAPerson {
        /// Who asked.
        by: Actor,
        /// For what.
        what: &'static str,
    },
    /// The page has an outcome already.
    #[error("page {page} is settled already")]
    PageSettled {
        /// The page that was tried.
        page: PageId,
    },
    /// An incident cannot be merged into itself, into a merged one, or into one that is over.
    #[error("cannot merge incident {from} into {into}: {why}")]
    BadMerge {
        /// The incident that was to be merged.
        from: IncidentId,
        /// Into which.
        into: IncidentId,
        /// Why not.
        why: &'static str,
    },
    /// The incident is not what it was when the request was made ready.
    #[error("incident {id} went on meanwhile, to event {version}")]
    WentOn {
        /// The incident that was asked about.
        id: IncidentId,
        /// Its last event now.
        version: u64,
    },
    /// Its history does not fold; the journal says so, and people were told.
    #[error("the history of incident {id} was set aside: {reason}")]
    SetAside {
        /// The incident that was asked about.
        id: IncidentId,
        /// What is wrong with it.
        reason: String,
    },
    /// The incident has too many events for this command.
    #[error(
        "incident {id} has {events} events: only acknowledge, merge, resolve, its room and what ends a task are accepted now"
    )]
    TooLong {
        /// The incident whose history is full.
        id: IncidentId,
        /// How many.
        events: u64,
    },
    /// No such silence, or it is over already.
    #[error("no silence {id} is in force or to come")]
    NoSuchSilence {
        /// What was asked for.
        id: SilenceId,
    },
    /// A silence of everything.
    #[error("at least one matcher must not match the empty string")]
    SilencesAll,
    /// A silence with too many matchers.
    #[error("{count} matchers: want at most {MATCHERS_MAX}")]
    TooManyMatchers {
        /// How many.
        count: usize,
    },
    /// A silence that ends before it begins, or is over already.
    #[error("it ends at {ends}, not after {after}")]
    SilenceOver {
        /// When it would end.
        ends: Timestamp,
        /// When it begins, or now.
        after: Timestamp,
    },
    /// A matcher without a name, with a text that is too long, or with a bad expression.
    #[error("matcher `{name}`: {why}")]
    BadMatcher {
        /// Its label.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A silence that means a service which is not there.
    #[error("{} `{name}`, and no claim that stands speaks of it: {known}", if *is_regex { "no service is like" } else { "there is no service" })]
    NoSuchService {
        /// What the silence says of it, cut short.
        name: String,
        /// Whether that is a regular expression.
        is_regex: bool,
        /// Those that are, in words.
        known: String,
    },
    /// There are too many silences.
    #[error("there are {SILENCES_MAX} silences already")]
    TooManySilences,
    /// The comment of a silence is too long.
    #[error("comment of {bytes} bytes: want at most {TEXT_BYTES_MAX}")]
    LongComment {
        /// How long.
        bytes: usize,
    },
}

/// Why a restricted incident is not merged.
pub(crate) const MERGES_RESTRICTED: &str =
    "one of them is restricted, and who may look at both nobody has said: lift the restriction first";

/// Characters of a value that a refusal repeats: enough to see which it was.
pub(super) const VALUE_SHOWN_CHARS: usize = 60;

impl Refusal {
    /// A field of a request that is not what it should be.
    pub(crate) fn bad_field(field: &'static str, value: &str, want: String) -> Self {
        Self::BadField { field, value: value.chars().take(VALUE_SHOWN_CHARS).collect(), want }
    }

    /// What to do instead, where the refusal itself does not say it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NothingSaid { .. } => Some(
                "say in a sentence what was done, for example `bridge paused by the signers`: who is paged next reads it",
            ),
            Self::KeyUsed { .. } => Some("send it with another key"),
            Self::Held { .. } => {
                Some("ask them, or wait; who cannot wait claims with an `override`, a sentence why, and they are told")
            }
            Self::ChecksFail { .. } => Some(
                "mend what fails and ask again; checks that were never made, or longer ago than holds, are being made now: ask again in a moment; a person resolves all the same with an `override`, a sentence why, which stands in log and review",
            ),
            Self::Evidence(refusal) => refusal.hint(),
            Self::Restricted { .. } => Some(
                "whoever is inside lets you in; an administrator breaks the glass with a reason, which those inside are shown",
            ),
            Self::OnlyAPerson { .. } => Some("sign in, or use a token that belongs to a person"),
            Self::NoSuchIncident { .. }
            | Self::NotRestricted { .. }
            | Self::NoSuchCheck { .. }
            | Self::TooManyValidations { .. }
            | Self::NoSuchMessage { .. }
            | Self::BadMessage { .. }
            | Self::RoomFull { .. }
            | Self::TooFast { .. }
            | Self::TooManyPins { .. }
            | Self::NoSuchTask { .. }
            | Self::TaskOver { .. }
            | Self::NotClaimed { .. }
            | Self::TooManyTasks { .. }
            | Self::WrongPhase { .. }
            | Self::BadText { .. }
            | Self::BadField { .. }
            | Self::NoSuchPerson { .. }
            | Self::NothingAsked { .. }
            | Self::TooManyAsks { .. }
            | Self::NoSuchPage { .. }
            | Self::NoSuchClaim { .. }
            | Self::PageSettled { .. }
            | Self::BadMerge { .. }
            | Self::WentOn { .. }
            | Self::SetAside { .. }
            | Self::TooLong { .. }
            | Self::NoSuchService { .. }
            | Self::NoSuchSilence { .. }
            | Self::SilencesAll
            | Self::TooManyMatchers { .. }
            | Self::SilenceOver { .. }
            | Self::BadMatcher { .. }
            | Self::TooManySilences
            | Self::LongComment { .. } => None,
        }
    }

    /// A stable code for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchIncident { .. } => "no_such_incident",
            Self::WrongPhase { .. } => "wrong_phase",
            Self::BadText { .. } => "bad_text",
            Self::NothingSaid { .. } => "nothing_said",
            Self::BadField { .. } => "bad_request",
            Self::NoSuchPerson { .. } => "no_such_person",
            Self::NothingAsked { .. } => "nothing_asked",
            Self::TooManyAsks { .. } => "too_many_asks",
            Self::NoSuchPage { .. } => "no_such_page",
            Self::NoSuchClaim { .. } => "no_such_signal",
            Self::NoSuchMessage { .. } => "no_such_message",
            Self::BadMessage { .. } => "bad_message",
            Self::KeyUsed { .. } => "key_used",
            Self::RoomFull { .. } => "room_full",
            Self::TooFast { .. } => "too_fast",
            Self::TooManyPins { .. } => "too_many_pins",
            Self::NoSuchTask { .. } => "no_such_task",
            Self::TaskOver { .. } => "task_over",
            Self::NotClaimed { .. } => "not_claimed",
            Self::Held { .. } => "held",
            Self::TooManyTasks { .. } => "too_many_tasks",
            Self::ChecksFail { .. } => "checks_fail",
            Self::NoSuchCheck { .. } => "no_such_check",
            Self::TooManyValidations { .. } => "too_many_validations",
            Self::Evidence(refusal) => refusal.code(),
            Self::OnlyAPerson { .. } => "only_a_person",
            Self::Restricted { .. } => "restricted",
            Self::NotRestricted { .. } => "not_restricted",
            Self::PageSettled { .. } => "page_settled",
            Self::BadMerge { .. } => "bad_merge",
            Self::WentOn { .. } => "went_on",
            Self::SetAside { .. } => "set_aside",
            Self::TooLong { .. } => "incident_too_long",
            Self::NoSuchService { .. } => "no_such_service",
            Self::NoSuchSilence { .. } => "no_such_silence",
            Self::SilencesAll
            | Self::TooManyMatchers { .. }
            | Self::SilenceOver { .. }
            | Self::BadMatcher { .. }
            | Self::TooManySilences
            | Self::LongComment { .. } => "bad_silence",
        }
    }
}

/// Who holds what, for which task and until when. Of many the first are named: a person reads no more in a hurry.
fn words(held: &[Holding]) -> String {
    const NAMED: usize = 3;
    let each = held.iter().take(NAMED).map(|one| {
        let Holding { incident, number, title, claim, resources, .. } = one;
        let of = format!("task {number} of {incident} ({title})");
        if resources.is_empty() {
            return format!("{} is on {of} until {}", claim.by, claim.until);
        }
        let what: Vec<&str> = resources.iter().map(Resource::as_str).collect();
        format!("{} is held by {} for {of} until {}", what.join(", "), claim.by, claim.until)
    });
    let mut said: Vec<String> = each.collect();
    if held.len() > NAMED {
        said.push(format!("{} more are in the way", held.len().saturating_sub(NAMED)));
    }
    said.join("; ")
}

/// What stands in the way. Of many the first are named: a person reads no more in a hurry.
fn obstacles(unmet: &[Unmet], again: &[String]) -> String {
    const NAMED: usize = 8;
    let mut said: Vec<String> = unmet.iter().take(NAMED).map(ToString::to_string).collect();
    if unmet.len() > NAMED {
        said.push(format!("{} more", unmet.len().saturating_sub(NAMED)));
    }
    let ways = if again.is_empty() { String::new() } else { format!(" (overridden: {})", again.join("; ")) };
    format!("{}{ways}", said.join("; "))
}

fn named(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

/// A stored history that `decide` could not have written. The stream is set aside and the fallback contact is paged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalHistory {
    /// The first event must be `opened`, and only the first.
    #[error("event {version} of incident {id} is `opened`, or the first is not")]
    BadOpening {
        /// Which incident.
        id: IncidentId,
        /// Which event.
        version: u64,
    },
    /// Events must follow each other without holes.
    #[error("incident {id}: want event {want}, got {got}")]
    BadVersion {
        /// Which incident.
        id: IncidentId,
        /// The next version.
        want: u64,
        /// What came.
        got: u64,
    },
    /// What was set aside takes nothing in any more.
    #[error("the history of incident {id} was set aside")]
    SetAside {
        /// Which incident.
        id: IncidentId,
    },
    /// Events of the journal must follow each other without holes.
    #[error("journal: want event {want}, got {got}")]
    BadJournalVersion {
        /// The next version.
        want: u64,
        /// What came.
        got: u64,
    },
    /// An incident's event on the journal, or the reverse.
    #[error("event {version} of {stream} is `{kind}`, which does not belong there")]
    WrongStream {
        /// Whose history.
        stream: String,
        /// Which event.
        version: u64,
        /// Its type.
        kind: &'static str,
    },
    /// The event names something that is not there.
    #[error("event {version} of incident {id} names {what}, which is not there")]
    Dangling {
        /// Which incident.
        id: IncidentId,
        /// Which event.
        version: u64,
        /// What it names.
        what: Named,
    },
    /// The event makes no sense in this phase.
    #[error("event {version} of incident {id} does not fit phase {}", phase.word())]
    WrongPhase {
        /// Which incident.
        id: IncidentId,
        /// Which event.
        version: u64,
        /// Where it stands.
        phase: Phase,
    },
}

/// What a dangling event names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Named {
    /// A page.
    #[error("page {0}")]
    Page(PageId),
    /// Something that was asked.
    #[error("ask {0}")]
    Ask(u32),
    /// A piece of evidence, or the number that the next one has.
    #[error("evidence {0}")]
    Evidence(u32),
    /// A signal.
    #[error("signal {0}")]
    Signal(SignalId),
    /// A message that stands, of its author where it is to be changed.
    #[error("message {0}")]
    Message(MessageId),
    /// A task that is not here, is here already, or does not stand so that this could happen to it.
    #[error("task {0}")]
    Task(TaskId),
}
