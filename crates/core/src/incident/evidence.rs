//! The evidence of an incident: what was kept, who had it in hand since, and whether the law holds it. The bytes are the store's; here is
//! only what names them. Nothing of it is ever taken back: only an erasure of the incident does, and a hold refuses that. What may be
//! asked is decided in `decide/evidence.rs`. Tests: `board/tests/evidence.rs`, `scenarios/evidence/`.

mod digest;
pub mod event;
pub mod command;

use imbl::OrdMap;
use serde::Serialize;

pub use self::digest::{BadDigest, Digest};
use self::event::{EvidenceEvent, Handling, Kept};
use crate::{
    incident::{Actor, Phase, hold::Hold, refusal::Named},
    time::Timestamp,
};

/// One piece of evidence, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its number in the incident, from 1.
    pub number: u32,
    /// Who kept it.
    pub by: Actor,
    /// The instant of it.
    pub at: Timestamp,
    /// What is kept.
    pub kept: Kept,
    /// What somebody did with it since, in order.
    pub custody: imbl::Vector<Custody>,
}

impl Item {
    /// Its words and its bytes are gone; the digest stays.
    pub const fn is_erased(&self) -> bool {
        self.kept.erased
    }
}

/// What somebody did with a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Custody {
    /// Who did it.
    pub by: Actor,
    /// The instant of it.
    pub at: Timestamp,
    /// What they did.
    pub handling: Handling,
}

/// All pieces were taken out in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    /// Who took them out.
    pub by: Actor,
    /// The instant of it.
    pub at: Timestamp,
    /// The number of the last piece that there was.
    pub last: u32,
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Evidence {
    pub(super) items: OrdMap<u32, Item>,
    /// Bytes of all items that are not erased.
    pub(super) bytes: u64,
    /// Entries of custody of all items, and of exports.
    pub(super) entries: u32,
    /// Bundles that were taken out with the bytes, in order.
    pub(super) exports: imbl::Vector<Export>,
    pub(super) hold: Option<Hold>,
    /// How often a hold was stated or lifted.
    pub(super) turns: u32,
}

impl Evidence {
    /// Whether this could happen in this phase.
    pub(super) const fn fits(phase: Phase, event: &EvidenceEvent) -> bool {
        match event {
            EvidenceEvent::EvidenceKept { .. } => !matches!(phase, Phase::Merged),
            EvidenceEvent::EvidenceHandled { .. }
            | EvidenceEvent::EvidenceExported { .. }
            | EvidenceEvent::Held { .. }
            | EvidenceEvent::HoldLifted { .. } => true,
        }
    }

    /// What the event is about and is not there.
    pub(super) fn missing(&self, event: &EvidenceEvent) -> Option<Named> {
        match event {
            EvidenceEvent::EvidenceKept { number, .. } => {
                (*number != self.next()).then_some(Named::Evidence(self.next()))
            }
            EvidenceEvent::EvidenceHandled { number, .. } | EvidenceEvent::EvidenceExported { last: number, .. } => {
                (!self.items.contains_key(number)).then_some(Named::Evidence(*number))
            }
            EvidenceEvent::Held { .. } | EvidenceEvent::HoldLifted { .. } => None,
        }
    }

    /// The number of the item that comes next.
    pub(super) fn next(&self) -> u32 {
        self.items.get_max().map_or(1, |(number, _)| number.saturating_add(1))
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &EvidenceEvent) {
        match event {
            EvidenceEvent::EvidenceKept { number, by, kept } => {
                // What was erased takes no room any more.
                if !kept.erased {
                    self.bytes = self.bytes.saturating_add(kept.bytes);
                }
                let custody = imbl::Vector::new();
                self.items
                    .insert(*number, Item { number: *number, by: by.clone(), at, kept: (**kept).clone(), custody });
            }
            EvidenceEvent::EvidenceHandled { number, by, handling } => {
                self.entries = self.entries.saturating_add(1);
                if let Some(item) = self.items.get_mut(number) {
                    item.custody.push_back(Custody { by: by.clone(), at, handling: handling.clone() });
                }
            }
            EvidenceEvent::EvidenceExported { by, last } => {
                self.entries = self.entries.saturating_add(1);
                self.exports.push_back(Export { by: by.clone(), at, last: *last });
            }
            EvidenceEvent::Held { by, reason } => {
                self.turns = self.turns.saturating_add(1);
                // The first hold says since when; a later one says why now.
                let since = self.hold.as_ref().map_or(at, |hold| hold.since);
                self.hold = Some(Hold { by: by.clone(), since, reason: reason.clone() });
            }
            EvidenceEvent::HoldLifted { .. } => {
                self.turns = self.turns.saturating_add(1);
                self.hold = None;
            }
        }
    }
}
