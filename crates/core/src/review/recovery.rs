//! Whether it was really over, for the review: what checks said when, and what was overridden by whom and why. Tests: `review/tests.rs`.

use super::{CheckRow, Names, Sentence};
use crate::{
    id::CheckId,
    incident::{Actor, ChecksEvent, Overridden, Recovery},
    time::Timestamp,
};

/// What the pass over the events collects of checks.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) rows: Vec<CheckRow>,
    pub(super) sentences: Vec<Sentence>,
}

impl Checked {
    pub(super) fn take(&mut self, at: Timestamp, index: u64, event: &ChecksEvent, names: &Names<'_>) {
        match event {
            ChecksEvent::ValidationAsked { by, checks } => {
                let checks: Vec<&str> = checks.iter().map(CheckId::as_str).collect();
                let text = format!("{} had {} checked at {at}.", names.actor(by), checks.join(", "));
                self.sentences.push(Sentence { text, log_indexes: vec![index] });
            }
            ChecksEvent::CheckPassed(judged)
            | ChecksEvent::CheckFailed(judged)
            | ChecksEvent::CheckUnjudged(judged) => {
                self.rows.push(CheckRow {
                    at: judged.at,
                    log_index: index,
                    check: judged.check.clone(),
                    verdict: judged.verdict.words(),
                    seen: judged.seen.clone(),
                    took_ms: judged.took_ms,
                });
            }
        }
    }

    /// It is over. Who said so in spite of what is a sentence of its own.
    pub(super) fn resolved(&mut self, index: u64, by: &Actor, recovery: Option<&Recovery>, names: &Names<'_>) {
        let Some(Overridden { reason, unmet }) = recovery.and_then(|recovery| recovery.over.as_ref()) else { return };
        let text = format!("{} resolved it IN SPITE OF {}, because: {reason}.", names.actor(by), unmet.join("; "));
        self.sentences.push(Sentence { text, log_indexes: vec![index] });
    }

    /// It was not over after all.
    pub(super) fn reopened(&mut self, index: u64, by: &Actor, reason: &str, names: &Names<'_>) {
        let text = format!("{} reopened it: {reason}.", names.actor(by));
        self.sentences.push(Sentence { text, log_indexes: vec![index] });
    }
}
