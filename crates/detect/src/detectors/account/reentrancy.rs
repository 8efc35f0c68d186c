//! G3: a contract was called again while it waited, and somebody got nothing for what he lost. Tests: `reentrancy/tests.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::ChainEvent,
    detector::{Knowledge, ParamSpec, Params},
    signal::{Loudness, SignalChange},
};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Case, Evidence, extraction::Victim},
    rehearsal::calls,
    taking::{self, Taking},
};

/// The detector's kind.
pub struct Reentrancy;

const ID: &str = "reentrancy";

const REENTRIES_MIN: ParamSpec = ParamSpec {
    name: "reentries_min",
    unit: "calls",
    doc: "Calls into a contract that still waits, from which on a transaction that robbed somebody is a warning, however little was lost.",
    default: 1,
    min: 1,
    max: 10_000,
};

const PARAMS: &[ParamSpec] = &[REENTRIES_MIN];

const DOC: &str = "\
## What it watches
Contracts that pay or call somebody and are called again by him before they have booked the first call, in a transaction after which \
somebody has less and got nothing for it. The amount does not matter: the first try of such a theft is often a few dollars.

## Why it matters
Whoever may call again while the books are open can be paid again for what was paid already, until nothing is left. The \
code stays open to it: the small try is followed by the large one, often within minutes, and sometimes by somebody else.

## When it is wrong
Lenders, tokens with receivers' hooks and exchanges that work only while they wait are called back as a matter of course: lenders \
and those hosts are left out, and where nobody was robbed nothing is said. A contract that books elsewhere and pays twice by \
intention looks the same.

## First steps
Pause the contract that was called again, if it is yours, before you look for the cause: the next call may come in the next block. \
Then look for the payment before the book entry in the function named, and in every other function that shares its books.
";

impl DetectorKind for Reentrancy {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "G3"
    }
    fn title(&self) -> &'static str {
        "A contract called again while it waited"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        Box::new(Watch {
            catalogue: Arc::clone(&knowledge.catalogue),
            voice: Voice::new(ID, params),
            reentries_min: u32::try_from(params.get(&REENTRIES_MIN)).unwrap_or(u32::MAX),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        (Knowledge::default(), vec![ChainEvent::Block(Arc::new(calls::reentrant_drain(30)).into())])
    }
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    reentries_min: u32,
}

impl Detector for Watch {
    fn observe(&mut self, _: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        out.extend(
            evidence.cases().filter(|case| taking::may_take(case.transaction)).filter_map(|case| self.judge(case)),
        );
    }
    fn snapshot(&self) -> Vec<u8> {
        // Each transaction is judged by itself: there is nothing to remember.
        Vec::new()
    }
    fn restore(&mut self, _: &[u8]) -> Result<(), SnapshotError> {
        Ok(())
    }
}

impl Watch {
    fn judge(&self, case: Case<'_>) -> Option<SignalChange> {
        let (block, transaction, found) = (case.block, case.transaction, case.extraction());
        let again = found.signs.reentered.filter(|_| found.signs.reentries >= self.reentries_min)?;
        // Tokens that pay dividends call their own book-keeping back: there only what has a price is a loss.
        let robbed = if found.called_token { found.one_sided_loss() > 0 } else { found.robbed() };
        if !robbed {
            return None;
        }
        let unknown = Victim::unknown(again);
        let victim = taking::victim(found).unwrap_or(&unknown);
        let watched = [again, victim.address].into_iter().find(|a| self.catalogue.watched(block.chain, *a).is_some());
        let least = if watched.is_some() { Loudness::Error } else { Loudness::Warning };
        let name = |address| taking::name(&self.catalogue, block.chain, address);
        let function = if found.signs.same_function { ", in the function that was waiting" } else { "" };
        let text = format!(
            "{} was called again {} while it waited{function}. {}",
            name(again),
            times(found.signs.reentries),
            taking::victims_text(&self.catalogue, block.chain, found),
        );
        let claim = Claim::on_block(&self.voice, block, "", &[again.as_slice()])
            .only()
            .transaction(transaction)
            .loudness(taking::loudness(found).max(least))
            .service(taking::service(&self.catalogue, block.chain, watched.unwrap_or(again)))
            .title(format!(
                "{} called again while it waited; {} lost {}",
                name(again),
                name(victim.address),
                taking::loss_text(victim)
            ))
            .text(text)
            .numbers(taking::numbers(found))
            .facts(Taking { found, quiet: false }.facts())
            .confidence(taking::confidence(found))
            .party("called again", again)
            .parties(taking::parties(transaction, victim));
        Some(claim.raised())
    }
}

fn times(count: u32) -> String {
    if count == 1 { String::from("once") } else { format!("{count} times") }
}

#[cfg(test)]
mod tests;
