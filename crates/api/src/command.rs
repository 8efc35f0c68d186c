//! What people ask of an incident, and what they are answered.
//!
//! A command is one JSON object: `command` says which, the rest are its fields. What can be asked of an incident now, by whom and
//! with which fields, is in its `offers`; a program that reads them needs no list of its own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Facts, IncidentSummary, task::Task};

/// What somebody asks of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// You are on it: the escalation stops until the acknowledgement runs out.
    Acknowledge {},
    /// You are on one claim of it; the others go on paging.
    AcknowledgeClaim {
        /// A signal of the incident that goes on, `sig_…`.
        signal: String,
    },
    /// Add a line to the timeline.
    Note {
        /// The line.
        text: String,
    },
    /// Page the next tier now.
    Escalate {
        /// Why it is needed.
        reason: String,
    },
    /// Ask a person or a team to come, beside the escalation.
    Page {
        /// A person, a policy or a schedule of the roster; where a name is several of them: `person:NAME`, `policy:NAME`, `schedule:NAME`.
        whom: String,
        /// What for; it stands in the page.
        reason: String,
    },
    /// You were asked to come, and do.
    Accept {
        /// The number of the ask; none: all that you were asked and have not answered.
        #[serde(default)]
        ask: Option<u64>,
    },
    /// You were asked to come, and cannot.
    Decline {
        /// Why not.
        #[serde(default)]
        reason: String,
        /// The number of the ask; none: all that you were asked and have not answered.
        #[serde(default)]
        ask: Option<u64>,
    },
    /// Make it another team's: their first tier is paged at the severity that it has.
    HandOver {
        /// A policy of the roster.
        to: String,
        /// Why to them; it stands in their page.
        reason: String,
    },
    /// The harm has stopped.
    Mitigate {
        /// What stopped it, in words: blanks and punctuation alone are refused.
        #[serde(default)]
        #[schema(required)]
        note: String,
    },
    /// It is over.
    Resolve {
        /// What was done, in words: blanks and punctuation alone are refused.
        #[serde(default)]
        #[schema(required)]
        note: String,
        /// Why it is over though something fires or a check does not pass; a person says so, and log and review have it.
        #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Make its checks now.
    Validate {
        /// Which; none: all that it must pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<String>,
    },
    /// Legal hold: nothing of it may be erased until an administrator lifts the hold.
    Hold {
        /// Who asks for it, in which matter.
        reason: String,
    },
    /// It may be erased again.
    LiftHold {
        /// Why, and who says so.
        reason: String,
    },
    /// A piece of evidence was given to somebody outside.
    HandOut {
        /// Which piece, by its number.
        number: u32,
        /// To whom.
        to: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// It was not over.
    Reopen {
        /// Why not.
        reason: String,
    },
    /// It was learned from.
    Review {
        /// Where the review is.
        #[serde(default)]
        note: String,
    },
    /// Take a role, or give it to somebody.
    TakeRole {
        /// `commander`, `deputy`, `operations`, `communications`, `scribe`, `security`, `compliance`, `liaison`, `signer`.
        role: String,
        /// Who; none: the caller.
        #[serde(default)]
        person: Option<String>,
    },
    /// Say what is to be done, or that you are doing it now.
    AddTask {
        /// One line.
        title: String,
        /// Who is to do it.
        #[serde(default)]
        assignee: Option<String>,
        /// By when: an instant, or a span from now such as `45m`.
        #[serde(default)]
        due: Option<String>,
        /// What it acts on: `contract:1/0x…`, `wallet:LABEL`, `dns:NAME`, `service:NAME`, or a kind of your own.
        #[serde(default)]
        resources: Vec<String>,
        /// The caller is on it at once.
        #[serde(default)]
        claim: bool,
        /// Until when the claim holds: an instant, or a span from now; none: 30 minutes.
        #[serde(default)]
        until: Option<String>,
        /// Why the caller goes ahead in spite of claims that are in the way; their holders are told.
        #[serde(default, rename = "override")]
        going_ahead: Option<String>,
    },
    /// The caller is on a task, alone; or goes on with it.
    ClaimTask {
        /// Its number in the incident, or `tsk_…`.
        task: String,
        /// Until when: an instant, or a span from now; none: 30 minutes.
        #[serde(default)]
        until: Option<String>,
        /// Why the caller goes ahead in spite of claims that are in the way; their holders are told.
        #[serde(default, rename = "override")]
        going_ahead: Option<String>,
    },
    /// The caller is not on it any more.
    ReleaseTask {
        /// Its number in the incident, or `tsk_…`.
        task: String,
    },
    /// It was done.
    FinishTask {
        /// Its number in the incident, or `tsk_…`.
        task: String,
        /// What was done.
        note: String,
    },
    /// It will not be done.
    DropTask {
        /// Its number in the incident, or `tsk_…`.
        task: String,
        /// Why not.
        note: String,
    },
    /// Give it to somebody, or another time by which it is to be done.
    ChangeTask {
        /// Its number in the incident, or `tsk_…`.
        task: String,
        /// Who is to do it; none: as it was.
        #[serde(default)]
        assignee: Option<String>,
        /// By when: an instant, or a span from now; none: as it was.
        #[serde(default)]
        due: Option<String>,
    },
    /// Ask a person or a team to take a role; whoever has it stays until they accept.
    RequestRole {
        /// One of those of `take_role`.
        role: String,
        /// A person, a policy or a schedule of the roster; where a name is several of them: `person:NAME`, `policy:NAME`, `schedule:NAME`.
        whom: String,
        /// Why; it stands in the page.
        reason: String,
    },
    /// Nobody has the role any more.
    GiveUpRole {
        /// One of those of `take_role`.
        role: String,
    },
    /// From now on only those inside see more than its code name, its severity and its phase.
    Restrict {
        /// Its name outside; empty: one is drawn.
        #[serde(default)]
        code_name: String,
        /// Why, for the log and those inside.
        reason: String,
        /// Who is inside besides you and those who have a role: people, policies and schedules of the roster.
        #[serde(default)]
        members: Vec<String>,
    },
    /// Somebody, or a team, may look into what is restricted.
    LetIn {
        /// A person, a policy or a schedule of the roster.
        whom: String,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Somebody, or a team, may not look any more.
    PutOut {
        /// A person, a policy or a schedule of the roster.
        whom: String,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Everybody who may read may look again.
    LiftRestriction {
        /// Why, for the log and those inside.
        reason: String,
    },
    /// An administrator looks though nobody let them in.
    BreakGlass {
        /// Why; those inside are shown it.
        reason: String,
    },
    /// State facts about impact.
    StateFacts {
        /// Money lost or in danger.
        #[serde(default)]
        money_at_risk_cents: u64,
        /// People and institutions who feel it; none: the service's.
        #[serde(default)]
        users: Option<u64>,
        /// Cannot be undone by us.
        #[serde(default)]
        irreversible: bool,
        /// A key or a privileged role is in the wrong hands.
        #[serde(default)]
        key_compromise: bool,
        /// Funds are leaving now.
        #[serde(default)]
        theft: bool,
        /// Instead of what signals claimed.
        #[serde(default)]
        replace: bool,
    },
    /// Make it part of another.
    Merge {
        /// `inc_…`
        into: String,
    },
    /// Write a message in the room.
    Say {
        /// Its words.
        text: String,
        /// The message that it replies to, `msg_…`.
        #[serde(default)]
        reply_to: Option<String>,
        /// A word of your own that tells this message from all others of yours: sent again with it, it is written once.
        #[serde(default)]
        key: Option<String>,
    },
    /// Say what is decided.
    Decide {
        /// What is decided.
        text: String,
        /// As in `say`.
        #[serde(default)]
        key: Option<String>,
    },
    /// Ask a question, which is open until an answer stands.
    Ask {
        /// What you want to know.
        text: String,
        /// As in `say`.
        #[serde(default)]
        key: Option<String>,
    },
    /// Answer a question, which closes it.
    Answer {
        /// The question, `msg_…`.
        question: String,
        /// The answer.
        text: String,
        /// As in `say`.
        #[serde(default)]
        key: Option<String>,
    },
    /// Change the words of a message of your own.
    Edit {
        /// The message, `msg_…`.
        message: String,
        /// Its words from now on.
        text: String,
    },
    /// Take a message back.
    Withdraw {
        /// The message, `msg_…`.
        message: String,
        /// Why; needed where it is not your own.
        #[serde(default)]
        reason: String,
    },
    /// Keep a message in sight.
    Pin {
        /// The message, `msg_…`.
        message: String,
    },
    /// Keep a message in sight no longer.
    Unpin {
        /// The message, `msg_…`.
        message: String,
    },
}

/// It was done, and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// The incident after it.
    pub summary: IncidentSummary,
    /// Place in the log of the last event that it added; none: it was so already, and nothing was added.
    pub log_index: Option<u64>,
    /// What the caller may ask next.
    pub offers: Vec<Offer>,
    /// Tasks that were still to be done when it was resolved by this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_open: Vec<Task>,
    /// Until when its checks go on, where it was resolved by this and there is something to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched_until: Option<String>,
}

/// A note, a reason, what was done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The text.
    #[serde(default)]
    pub text: String,
}

/// Into which incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// `inc_…`
    pub into: String,
}

/// Who takes which role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeRole {
    /// `commander`, `operations`, `communications`, `scribe`.
    pub role: String,
    /// Who; none: the caller.
    pub person: Option<String>,
}

/// Facts that a person states.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateFacts {
    /// The facts.
    pub facts: Facts,
    /// Instead of what signals claimed.
    #[serde(default)]
    pub replace: bool,
}

/// What is to be erased of an incident, of a signal or of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// The events of the incident, by their number in it, from 0; none named: all. Of a signal or a silence: none.
    #[serde(default)]
    pub events: Vec<u64>,
    /// On what ground. It is kept.
    pub reason: String,
}

/// What was erased, durably.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// The events that held something, by their number in the incident.
    pub events: Vec<u64>,
    /// Place in the log of the (last) event that says so.
    pub log_index: u64,
    /// Copies of the same words in other histories, erased with it.
    #[serde(default)]
    pub copies: Vec<ErasedCopy>,
}

/// Events of another history that held the same words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedCopy {
    /// An incident, or `journal`.
    pub stream: String,
    /// The events, by their number in it.
    pub events: Vec<u64>,
    /// Place in the log of the event that says so.
    pub log_index: u64,
}

/// A command that makes sense now and that the caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// Its name in a request.
    pub command: String,
    /// On its button.
    pub title: String,
    /// What it does.
    pub doc: String,
    /// What it is asked with.
    pub fields: Vec<Field>,
}

/// A field of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Field {
    /// Its name in a request.
    pub name: String,
    /// What a person is asked.
    pub ask: String,
    /// `text`, `choice`, `person`, `incident`, `signal`, `message`, `key`, `cents`, `count`, `flag`, `task`, `check`, `resources`, `people`, `when`.
    pub kind: String,
    /// The words of a `choice`.
    pub choices: Vec<String>,
    /// Whether the command means nothing without it.
    pub required: bool,
    /// What a form begins with: the value as it is now.
    pub value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_object_and_nothing_is_overlooked_in_it() {
        let read = |text: &str| serde_json::from_str::<Command>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"command":"acknowledge"}"#), Ok(Command::Acknowledge {}));
        assert_eq!(read(r#"{"command":"resolve"}"#), Ok(Command::Resolve { note: String::new(), reason: None }));
        for (bad, about) in [
            (r#"{"command":"acknowledge","text":"x"}"#, "unknown field `text`"),
            (r#"{"command":"note","text":"x","by":"me"}"#, "unknown field `by`"),
            (r#"{"command":"note"}"#, "missing field `text`"),
            (r#"{"command":"explode"}"#, "unknown variant `explode`"),
            (r#"{"text":"x"}"#, "missing field `command`"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(about), "{bad}: {error}");
        }
    }
}
