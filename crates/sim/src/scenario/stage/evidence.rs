//! What people do with evidence. Tests: `scenarios/evidence/`.

use quarterdeck_core::incident::{
    Actor, EvidenceCommand,
    evidence::{Digest, command::Keeping, event::Handling},
    tasks::command::Which,
};

use crate::scenario::happening::OfEvidence;

pub(super) fn command(by: Actor, of_evidence: OfEvidence) -> EvidenceCommand {
    match of_evidence {
        OfEvidence::Keeps(what, says, task) => {
            let keeping = Keeping {
                digest: Digest::of(says.as_bytes()),
                bytes: says.len() as u64,
                media_type: "text/plain; charset=utf-8".to_owned(),
                what,
                source: String::new(),
                made: None,
                task: task.map(Which::Number),
                signal: None,
                message: None,
            };
            EvidenceCommand::Keep { by, keeping: Box::new(keeping) }
        }
        OfEvidence::HandsOut(number, to, reason) => {
            EvidenceCommand::Handle { by, number, handling: Handling::HandedOut { to, reason } }
        }
        OfEvidence::Holds(reason) => EvidenceCommand::Hold { by, reason },
        OfEvidence::Lifts(reason) => EvidenceCommand::LiftHold { by, reason },
    }
}
