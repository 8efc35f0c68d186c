//! Who may look, as a timeline says it. Tests: `scenarios/access/`.

use quarterdeck_core::incident::{AccessCommand, Actor};

use crate::scenario::happening::OfAccess;

/// As a command.
pub(super) fn command(by: Actor, deed: OfAccess) -> Result<AccessCommand, String> {
    Ok(match deed {
        OfAccess::Restricts { code_name, reason, members } => {
            AccessCommand::Restrict { by, code_name, reason, members }
        }
        OfAccess::LetsIn(whom, reason) => AccessCommand::LetIn { by, whom, reason },
        OfAccess::PutsOut(whom, reason) => AccessCommand::PutOut { by, whom, reason },
        OfAccess::Lifts(reason) => AccessCommand::Lift { by, reason },
        OfAccess::BreaksGlass(reason) => AccessCommand::BreakGlass { by, reason },
        OfAccess::Reads(part) => match by {
            Actor::Person(by) => AccessCommand::Read { by, part },
            Actor::Token(_) | Actor::System => return Err("only a person reads".to_owned()),
        },
    })
}
