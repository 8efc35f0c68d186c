//! Evidence, for the review: what was kept, by whom, and who had it in hand since. Tests: `review/tests.rs`.

use super::Names;
use crate::incident::{EvidenceEvent, evidence::event::Kept};

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
