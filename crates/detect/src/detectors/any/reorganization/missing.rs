//! Our transactions that a branch once had and the branch that stands now has not, and which claims say so.
//!
//! A claim hangs on a block, and that block may be dropped too. So each missing transaction knows the claims that name it; when
//! one falls, [`AllMissing::step_back`] says what has become of the transaction and whether it must be said again. Tests: `tests.rs` beside
//! this, and the law over fork trees in `tests/forks.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use quarterdeck_core::{
    chain::{AnyBlock, B256, BlockRef, Reorg},
    id::SignalId,
    signal::SignalChange,
};
use serde::{Deserialize, Serialize};

use super::{
    branch::{Branch, Found},
    ours::Ours,
};

/// Missing transactions that are followed; the longest followed goes first.
const MISSING_MAX: usize = 1_024;
/// Transactions named in the reason of a retraction; the rest are counted.
const NAMED_MAX: usize = 8;

/// Ours, once in a block that was dropped, and not on the branch that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Missing {
    pub(super) ours: Ours,
    /// Height of the block that had it, or of the last that a claim about it hung on: it is followed from there.
    number: u64,
    /// Another in its place that does something else. Known even while its own block is dropped as well.
    #[serde(default)]
    pub(super) rival: Option<Rival>,
    /// Claims that name it and stand.
    #[serde(default)]
    told: Vec<Told>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rival {
    pub(super) by: B256,
    /// Where it stands; none if that block was dropped.
    pub(super) block: Option<BlockRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    id: SignalId,
    block: BlockRef,
    /// Whether the claim says that it is lost, not only that it waits.
    lost: bool,
}

/// What has become of a missing transaction on the branch that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Back(u64),
    Repriced(u64),
    Replaced(u64),
    Neither,
}

/// Claims that fall, each with its block if that was dropped, and what became of the transactions that it named.
type Fallen = BTreeMap<SignalId, (Option<BlockRef>, Vec<(B256, Fate)>)>;

/// All that are missing on one chain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct AllMissing(VecDeque<Missing>);

impl Missing {
    pub(super) fn new(ours: Ours, number: u64, rival: Option<Rival>) -> Self {
        Self { ours, number, rival, told: Vec::new() }
    }

    /// Itself, or what took its place, in a branch.
    fn find<'a>(&self, branch: &Branch<'a>) -> Option<Found<'a>> {
        branch.find(self.ours.uses.slots(), self.ours.hash)
    }

    /// Whether `found` is it again: the same, or the same with another fee.
    fn returned(&self, found: Found<'_>) -> Option<Fate> {
        let number = found.block.number;
        if found.hash() == self.ours.hash {
            return Some(Fate::Back(number));
        }
        let same = self.ours.purpose.is_served_by(&found.transaction.purpose(), &self.ours.watched);
        same.then_some(Fate::Repriced(number))
    }

    /// Takes a reorganization in: the claims that hang on dropped blocks fall, and with them it gives what became of it.
    fn step(&mut self, dropped: &BTreeSet<BlockRef>, adopted: &Branch<'_>, fallen: &mut Fallen) {
        if let Some(rival) = &mut self.rival {
            rival.block = rival.block.filter(|block| !dropped.contains(block));
        }
        let fate = match self.find(adopted) {
            Some(found) => self.returned(found).unwrap_or(Fate::Replaced(found.block.number)),
            None => {
                self.rival.and_then(|rival| rival.block).map_or(Fate::Neither, |block| Fate::Replaced(block.number))
            }
        };
        for told in self.told.iter().filter(|told| dropped.contains(&told.block)) {
            let (_, fates) = fallen.entry(told.id).or_insert_with(|| (Some(told.block), Vec::new()));
            fates.push((self.ours.hash, fate));
        }
        self.told.retain(|told| !dropped.contains(&told.block));
    }

    /// Whether no claim that stands says how it is.
    fn unsaid(&self) -> bool {
        !self.told.iter().any(|told| told.lost || self.rival.is_none())
    }

    fn tell(&mut self, id: SignalId, block: BlockRef) {
        self.told.push(Told { id, block, lost: self.rival.is_some() });
        self.number = self.number.max(block.number);
    }
}

impl AllMissing {
    /// Compares all of them with the branch that stands now. Retracts the claims that fell, each with its reason, and gives what
    /// must be said again; what the adopted blocks have is met when they are seen.
    pub(super) fn step_back(
        &mut self,
        reorg: &Reorg,
        adopted: &Branch<'_>,
        out: &mut Vec<SignalChange>,
    ) -> Vec<Missing> {
        let dropped: BTreeSet<BlockRef> = reorg.dropped.iter().copied().collect();
        let (mut fallen, mut again) = (Fallen::new(), Vec::new());
        for missing in &mut self.0 {
            missing.step(&dropped, adopted, &mut fallen);
            if missing.unsaid() && missing.find(adopted).is_none() {
                again.push(missing.clone());
            }
        }
        retract(fallen, out);
        again
    }

    /// Follows one more, unless it is followed already.
    pub(super) fn follow(&mut self, missing: Missing) {
        if self.0.iter().any(|known| known.ours.hash == missing.ours.hash) {
            return;
        }
        if self.0.len() >= MISSING_MAX {
            self.0.pop_front();
        }
        self.0.push_back(missing);
    }

    /// The claim `id`, which hangs on `block`, names these.
    pub(super) fn told<'a>(&mut self, id: SignalId, block: BlockRef, named: impl IntoIterator<Item = &'a Ours>) {
        let named: BTreeSet<B256> = named.into_iter().map(|ours| ours.hash).collect();
        for missing in self.0.iter_mut().filter(|missing| named.contains(&missing.ours.hash)) {
            missing.tell(id, block);
        }
    }

    /// What a block of the branch that stands does: it brings some back and replaces others. A claim that said of what is back
    /// that it is lost, and of nothing else that still is, is retracted. Those that were last told of `reach` blocks ago are let go.
    pub(super) fn meet<'a>(&mut self, block: &'a AnyBlock, reach: u64, out: &mut Vec<SignalChange>) -> Met<'a> {
        let on = block.reference();
        self.0.retain(|missing| missing.number.saturating_add(reach) > on.number);
        if self.0.is_empty() {
            return Met::default();
        }
        let has = Branch::of([block]);
        let (mut met, mut fallen) = (Met::default(), Fallen::new());
        self.0.retain_mut(|missing| {
            let Some(found) = missing.find(&has) else { return true };
            if let Some(fate) = missing.returned(found) {
                for told in missing.told.iter().filter(|told| told.lost) {
                    fallen.entry(told.id).or_insert_with(|| (None, Vec::new())).1.push((missing.ours.hash, fate));
                }
                return false;
            }
            let rival = Rival { by: found.hash(), block: Some(on) };
            if missing.rival.replace(rival) != Some(rival) {
                met.replaced.push((missing.ours.clone(), found));
            }
            true
        });
        fallen.retain(|id, _| !self.0.iter().flat_map(|missing| &missing.told).any(|told| told.id == *id && told.lost));
        for missing in self.0.iter_mut().filter(|_| !fallen.is_empty()) {
            let before = missing.told.len();
            missing.told.retain(|told| !fallen.contains_key(&told.id));
            if missing.told.len() < before && missing.unsaid() && missing.find(&has).is_none() {
                met.unsaid.push(missing.clone());
            }
        }
        retract(fallen, out);
        met
    }
}

/// What a block did to the missing.
#[derive(Default)]
pub(super) struct Met<'a> {
    /// Replaced, each with the transaction in its place.
    pub(super) replaced: Vec<(Ours, Found<'a>)>,
    /// Still missing, and the claim that said so was retracted because of others.
    pub(super) unsaid: Vec<Missing>,
}

fn retract(fallen: Fallen, out: &mut Vec<SignalChange>) {
    for (id, (block, fates)) in fallen {
        out.push(SignalChange::Retracted { id, reason: reason(block, &fates) });
    }
}

/// Why a claim fell, for a person: where its block went, and what became of each transaction that it named.
fn reason(block: Option<BlockRef>, fates: &[(B256, Fate)]) -> String {
    let left = block.map(|block| format!("block {} ({}) left the best chain", block.number, block.hash));
    let mut parts: Vec<String> = left.into_iter().collect();
    parts.extend(fates.iter().take(NAMED_MAX).map(|(hash, fate)| match fate {
        Fate::Back(number) => format!("{hash} is back, in block {number}"),
        Fate::Repriced(number) => format!("{hash} is back with another fee, in block {number}"),
        Fate::Replaced(number) => format!("{hash} is replaced in block {number}"),
        Fate::Neither => format!("{hash} is still missing"),
    }));
    let rest = fates.len().saturating_sub(NAMED_MAX);
    parts.extend((rest > 0).then(|| format!("{rest} more")));
    parts.join("; ")
}
