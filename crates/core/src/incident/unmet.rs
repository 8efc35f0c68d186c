//! What a check said, and what stands in the way of the end of an incident. A file of its own, as a refusal and an event name it.
//! Tests: `board/tests/checks.rs`.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::CheckId,
    limits::SEEN_BYTES_MAX,
    time::{Timestamp, human_span},
};

/// What came of a check. Only the first is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All is as it must be.
    Passed,
    /// Something is not.
    Failed,
    /// Nobody knows: no answer in time, an error, an answer that says nothing. Never taken for passed.
    Unjudged,
}

impl Verdict {
    /// In words, to read after the check's name.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unjudged => "could not be judged",
        }
    }
    /// One word, for clients.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unjudged => "unjudged",
        }
    }
}

/// What a check said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Which check.
    pub check: CheckId,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen, or why nothing could be.
    pub seen: String,
    /// When it began to look.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Judged {
    /// With a text that is cut to what is kept, at a character boundary.
    pub fn new(check: CheckId, verdict: Verdict, seen: &str, at: Timestamp, took: Duration) -> Self {
        let end = seen.floor_char_boundary(SEEN_BYTES_MAX);
        let seen = seen.get(..end).unwrap_or_default().to_owned();
        Self { check, verdict, seen, at, took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// Why something stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A monitor says that its claim goes on.
    Fires,
    /// A monitor that must repeat its claim fell silent: nobody said that it is over.
    Silent(Timestamp),
    /// A check did not pass.
    Judged(Verdict, String, Timestamp),
    /// A check was never made here.
    NeverRun,
    /// A check was asked for, and has not answered.
    Asked(Timestamp),
    /// What a check said is too old.
    OutOfDate(Timestamp, Duration),
}

/// Something that stands in the way of the end of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The check; none: a claim of a monitor.
    pub check: Option<CheckId>,
    /// What it is about: the check's name, or the claim's title.
    pub what: String,
    /// Why it is in the way.
    pub why: Why,
    /// Whether looking again may be all that is needed.
    pub stale: bool,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match &self.why {
            Why::Fires => write!(f, "`{what}` still fires"),
            Why::Silent(since) => {
                write!(
                    f,
                    "`{what}` could not be judged: its monitor is silent since {since} and did not say that it is over"
                )
            }
            Why::Judged(verdict, seen, at) => write!(f, "check `{what}` {} at {at}: {seen}", verdict.words()),
            Why::NeverRun => write!(f, "check `{what}` was never made"),
            Why::Asked(since) => write!(f, "check `{what}` is being made since {since}"),
            Why::OutOfDate(at, max) => {
                write!(f, "check `{what}` passed at {at}, longer ago than {}", human_span(*max))
            }
        }
    }
}
