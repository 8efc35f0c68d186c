//! Evidence, for the review: what was kept, by whom, and who had it in hand since. Tests: `review/tests.rs`.

use super::{EvidenceRow, Names, Sentence};
use crate::{
    id::TaskId,
    incident::{EvidenceEvent, evidence::event::Kept},
    time::Timestamp,
};

/// What the pass over the events collects of evidence.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) rows: Vec<EvidenceRow>,
    pub(super) custody: Vec<Sentence>,
}

impl Evidence {
    /// Takes an event in. A piece that belongs to a task: which, and its number.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        index: u64,
        event: &EvidenceEvent,
        names: &Names<'_>,
    ) -> Option<(TaskId, u32)> {
        let said = |text: String| Sentence { text, log_indexes: vec![index] };
        match event {
            EvidenceEvent::EvidenceKept { number, by, kept } => {
                self.rows.push(EvidenceRow {
                    number: *number,
                    digest: kept.digest,
                    bytes: kept.bytes,
                    media_type: kept.media_type.clone(),
                    what: kept.what.clone(),
                    source: kept.source.clone(),
                    made: kept.made,
                    by: names.actor(by),
                    at,
                    log_index: index,
                    erased: kept.erased,
                    custody: Vec::new(),
                });
                return kept.task.map(|task| (task, *number));
            }
            EvidenceEvent::EvidenceHandled { number, by, handling } => {
                let row = self.rows.iter_mut().find(|row| row.number == *number);
                if let Some(row) = row {
                    row.custody.push(said(format!("{} {}", names.actor(by), handling.words())));
                }
            }
            EvidenceEvent::EvidenceExported { .. } | EvidenceEvent::Held { .. } | EvidenceEvent::HoldLifted { .. } => {
                self.custody.push(said(line(event, names)));
            }
        }
        None
    }
}

/// One line of the timeline.
pub(super) fn line(event: &EvidenceEvent, names: &Names<'_>) -> String {
    match event {
        EvidenceEvent::EvidenceKept { number, by, kept } => {
            let Kept { digest, bytes, media_type, what, source, made, task: _, signal: _, message: _, erased: _ } =
                &**kept;
            let source = if source.is_empty() { String::new() } else { format!(", from {source}") };
            let made = made.map_or_else(String::new, |made| format!(", made at {made}"));
            format!(
                "{} kept evidence {number}: {what}{source}{made}; {bytes} bytes of {media_type}, SHA-256 {digest}",
                names.actor(by)
            )
        }
        EvidenceEvent::EvidenceHandled { number, by, handling } => {
            format!("Evidence {number}: {} {}", names.actor(by), handling.words())
        }
        EvidenceEvent::EvidenceExported { by, last } => {
            format!("{} took evidence 1 to {last} out in a bundle", names.actor(by))
        }
        EvidenceEvent::Held { by, reason } => format!("{} put it under a hold: {reason}", names.actor(by)),
        EvidenceEvent::HoldLifted { by, reason } => format!("{} lifted the hold: {reason}", names.actor(by)),
    }
}
