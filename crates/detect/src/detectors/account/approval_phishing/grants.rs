//! Who allowed whom to take, and what spenders did with it. Made of lessons and nothing else (`crate::memory`).

use quarterdeck_core::chain::{Address, BlockRef, ChainId};
use serde::{Deserialize, Serialize};

use crate::{
    memory::Learned,
    statistics::{Bounded, bounded},
};

/// Approvals remembered, about 120 bytes each, and as much again as they were settled. The ones not used for longest go first.
const GRANTS_MAX: usize = 131_072;
/// Spenders remembered: those not used for longest go first.
const SPENDERS_MAX: usize = 16_384;
/// Owners remembered of one spender. Past it nobody new is added: it was told long before.
const VICTIMS_MAX: usize = 64;
/// Uses by owners themselves after which a spender is one that people use: further ones are not counted.
const USES_MAX: u32 = 3;

/// Chain, token, owner, spender.
pub(super) type Grant = (ChainId, Address, Address, Address);

/// An approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Given {
    /// The owner sent it, and is no machine's address.
    pub(super) by_owner: bool,
}

/// What a spender did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Spender {
    /// How often owners used it themselves, up to a bound.
    pub(super) uses: u32,
    /// From whom it took for nothing, and how much, in cents.
    pub(super) victims: Vec<(Address, u64)>,
    /// How many there were when it was told last.
    pub(super) told: usize,
}

impl Spender {
    /// Owners use it themselves: at least one did.
    pub(super) const fn is_used(&self) -> bool {
        self.uses > 0
    }
    /// So many did that nothing more need be remembered of it.
    pub(super) const fn is_established(&self) -> bool {
        self.uses >= USES_MAX
    }
    fn lose(&mut self, owner: Address, cents: u64) {
        if let Some((_, sum)) = self.victims.iter_mut().find(|(had, _)| *had == owner) {
            *sum = sum.saturating_add(cents);
        } else if self.victims.len() < VICTIMS_MAX {
            self.victims.push((owner, cents));
        }
    }
    /// What it took, in cents.
    pub(super) fn lost(&self) -> i128 {
        self.victims.iter().map(|(_, cents)| i128::from(*cents)).sum()
    }
}

/// All approvals and spenders.
#[derive(Debug, Clone)]
pub(super) struct Grants {
    grants: Bounded<Grant, Option<Given>>,
    spenders: Bounded<(ChainId, Address), Spender>,
}

/// What a block teaches, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lesson {
    /// The owner lets the spender take.
    Approved { token: Address, owner: Address, spender: Address, by_owner: bool },
    /// No longer.
    Revoked { token: Address, owner: Address, spender: Address },
    /// An owner used the spender itself.
    Used { spender: Address },
    /// The spender took for nothing.
    Took { spender: Address, owner: Address, cents: u64 },
    /// That was told.
    Told { spender: Address, victims: u32 },
}

impl Grants {
    pub(super) fn new() -> Self {
        Self { grants: Bounded::new(GRANTS_MAX), spenders: Bounded::new(SPENDERS_MAX) }
    }
    pub(super) fn grant(&self, key: Grant) -> Option<Given> {
        self.grants.get(&key).copied().flatten()
    }
    pub(super) fn spender(&self, key: (ChainId, Address)) -> Option<&Spender> {
        self.spenders.get(&key)
    }

    pub(super) fn take(&mut self, block: BlockRef, lesson: Lesson) {
        let chain = block.chain;
        match lesson {
            Lesson::Approved { token, owner, spender, by_owner } => {
                if let (Some(given), _) = self.grants.entry((chain, token, owner, spender), || None) {
                    *given = Some(Given { by_owner });
                }
            }
            Lesson::Revoked { token, owner, spender } => {
                if let Some(given) = self.grants.get_mut(&(chain, token, owner, spender)) {
                    *given = None;
                }
            }
            Lesson::Used { spender } => self.of(chain, spender, |known| known.uses = known.uses.saturating_add(1)),
            Lesson::Took { spender, owner, cents } => self.of(chain, spender, |known| known.lose(owner, cents)),
            Lesson::Told { spender, victims } => {
                self.of(chain, spender, |known| known.told = usize::try_from(victims).unwrap_or(usize::MAX));
            }
        }
    }

    fn of(&mut self, chain: ChainId, spender: Address, change: impl FnOnce(&mut Spender)) {
        if let (Some(known), _) = self.spenders.entry((chain, spender), Spender::default) {
            change(known);
        }
    }
}

/// Everything at rest.
#[derive(Serialize, Deserialize)]
pub(super) struct AtRest {
    grants: bounded::Saved<Grant, Option<Given>>,
    spenders: bounded::Saved<(ChainId, Address), Spender>,
}

impl Learned for Grants {
    type Lesson = Vec<Lesson>;
    type AtRest = AtRest;
    fn learn(&mut self, block: BlockRef, lesson: &Vec<Lesson>) {
        for lesson in lesson {
            self.take(block, *lesson);
        }
    }
    fn weight(lesson: &Vec<Lesson>) -> usize {
        // Three addresses take the room of two sizes.
        1 + lesson.len() * 2
    }
    fn save(&self) -> AtRest {
        AtRest { grants: self.grants.save(), spenders: self.spenders.save() }
    }
    fn load(&mut self, saved: AtRest) {
        self.grants = Bounded::load(GRANTS_MAX, saved.grants);
        self.spenders = Bounded::load(SPENDERS_MAX, saved.spenders);
    }
}
