//! Who had which watched token issued for nothing, and how much at most. Made of lessons and nothing else (`crate::memory`).

use std::collections::BTreeMap;

use quarterdeck_core::chain::{Address, BlockRef, ChainId, U256};
use serde::{Deserialize, Serialize};

use crate::memory::Learned;

/// Issuers remembered of one token. Past it nobody new is added: the token is one that anybody may have issued.
const ISSUERS_MAX: usize = 64;

/// What is known of one token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// Accounts that had it issued for nothing, in the order in which they first did.
    pub(super) issuers: Vec<Address>,
    /// How often.
    pub(super) issues: u64,
    /// The most at once.
    pub(super) largest: U256,
}

impl Record {
    pub(super) fn knows(&self, issuer: Address) -> bool {
        self.issuers.contains(&issuer)
    }
}

/// All watched tokens: as many as the catalogue has, which is bounded.
#[derive(Debug, Clone, Default)]
pub(super) struct Issuers(BTreeMap<(ChainId, Address), Record>);

/// A token was issued for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lesson {
    pub(super) token: Address,
    pub(super) issuer: Address,
    pub(super) amount: U256,
}

impl Issuers {
    pub(super) fn of(&self, token: (ChainId, Address)) -> Option<&Record> {
        self.0.get(&token)
    }
    pub(super) fn take(&mut self, block: BlockRef, lesson: Lesson) {
        let record = self.0.entry((block.chain, lesson.token)).or_default();
        record.issues = record.issues.saturating_add(1);
        record.largest = record.largest.max(lesson.amount);
        if !record.knows(lesson.issuer) && record.issuers.len() < ISSUERS_MAX {
            record.issuers.push(lesson.issuer);
        }
    }
}

impl Learned for Issuers {
    type Lesson = Vec<Lesson>;
    type AtRest = Vec<((ChainId, Address), Record)>;
    fn learn(&mut self, block: BlockRef, lesson: &Vec<Lesson>) {
        for lesson in lesson {
            self.take(block, *lesson);
        }
    }
    fn weight(lesson: &Vec<Lesson>) -> usize {
        // Two addresses and an amount take the room of two sizes.
        1 + lesson.len() * 2
    }
    fn save(&self) -> Self::AtRest {
        self.0.iter().map(|(key, record)| (*key, record.clone())).collect()
    }
    fn load(&mut self, saved: Self::AtRest) {
        self.0 = saved.into_iter().collect();
    }
}
