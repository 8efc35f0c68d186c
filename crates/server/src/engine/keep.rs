//! Keeping evidence: its bytes are in the transaction of the event that names them, so the log never names what is not there, and no
//! bytes are there that it does not name. Tests: `tests/it/evidence.rs`, `tests/crash.rs`.

use quarterdeck_core::{incident::Command, time::Timestamp};
use quarterdeck_store::EvidenceBytes;

use super::{Answer, Engine, work::Keep};

impl Engine {
    /// What was kept before is not written again.
    pub(super) fn keep(&mut self, keep: Keep, now: Timestamp) -> Answer {
        let Keep { incident, command, digest, bytes } = keep;
        let answer = self.command(incident, Command::Evidence(command), now);
        if matches!(answer, Answer::Logged { .. }) {
            self.draft.batch.evidence.push(EvidenceBytes { incident, digest, bytes });
        }
        answer
    }
}
