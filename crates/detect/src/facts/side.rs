//! Which addresses act for the sender of a transaction. Tests: `flow/tests.rs`, and below.
//!
//! By who controls whom: what the sender called and what it made, contracts that were only a way through, and where the proceeds
//! went. A wrong member is a theft that nets to nothing; a missing one hides a gain.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, Call, CallKind, Transaction},
};

use super::{
    flow::Flow,
    prices,
    rates::Values,
    sheet::{self, Sheet},
};

/// Who acts for the sender.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// Everybody: what they gain and lose is the sender's.
    pub members: BTreeSet<Address>,
    /// Those whose code, or key, does what the sender wants: without pockets and beneficiaries.
    pub core: BTreeSet<Address>,
    /// Contracts that were made in this transaction, by whomever.
    pub made: BTreeSet<Address>,
}

/// The addresses that act for the sender.
///
/// The called contract is left out where it is poorer afterwards by more than small change: then it is what was acted upon. Whether
/// the operator watches it changes nothing. An address that only receives, from this side only, and calls nobody is taken for the
/// sender's own pocket: an ordinary payment then nets to nothing, and hidden proceeds come to light. So does one that others paid,
/// that gave nothing to anybody and ran no code, where the side's own calls name it.
pub fn sender_side(catalogue: &Catalogue, block: &Block, transaction: &Transaction, flows: &[Flow]) -> Side {
    let mut core = BTreeSet::from([transaction.from]);
    let created = |call: &&Call| call.kind == CallKind::Create && !call.reverted;
    match transaction.to {
        None if !transaction.is_creation() => {}
        None => core.extend(transaction.calls.iter().filter(created).take(1).filter_map(|call| call.to)),
        Some(called) => {
            if !is_acted_upon(catalogue, block, flows, called) {
                core.insert(called);
            }
        }
    }
    // In the order of the trace, so that what a creature creates belongs to the side too.
    for call in transaction.calls.iter().filter(created) {
        if core.contains(&call.from) {
            core.extend(call.to);
        }
    }
    core.extend(ways_through(block, transaction, flows, &core));
    let mut members = core.clone();
    let own = |address: &Address| catalogue.watched(block.chain, *address).is_some();
    members.extend(receivers(transaction, flows, &core).into_iter().filter(|address| !own(address)));
    let made = transaction.calls.iter().filter(created).filter_map(|call| call.to).collect();
    Side { members, core, made }
}

/// A hundredth of what went through it may stay behind or be missing: fees and rounding are no loss.
const TOLERANCE_PART: i128 = 100;

fn is_acted_upon(catalogue: &Catalogue, block: &Block, flows: &[Flow], called: Address) -> bool {
    let values = Values { catalogue, chain: block.chain, rates: None };
    let alone = Sheet::new(block.chain, flows, &BTreeSet::new(), Address::ZERO);
    let net = sheet::worth(&values, &alone, called).net();
    let into =
        alone.of(called).filter_map(|(asset, net)| values.cents(asset, net.got)).fold(0_i128, i128::saturating_add);
    net < 0 && -net > into / TOLERANCE_PART
}

/// Helpers that were there before: called by the side and fed by it, paid by others too, and all that they had of what they were
/// fed went back to the side. What they are short of otherwise went to others. Tokens are none: their books are not the sender's.
fn ways_through(
    block: &Block,
    transaction: &Transaction,
    flows: &[Flow],
    core: &BTreeSet<Address>,
) -> BTreeSet<Address> {
    let mut called: BTreeSet<Address> = BTreeSet::new();
    let mut busy: BTreeSet<Address> = BTreeSet::new();
    for call in transaction.calls.iter().filter(|call| !call.reverted && call.kind == CallKind::Call) {
        busy.insert(call.from);
        if core.contains(&call.from) && call.input.len() >= 4 {
            called.extend(call.to.filter(|to| !core.contains(to)));
        }
    }
    let tokens: BTreeSet<Address> = flows.iter().filter_map(|flow| flow.token).collect();
    let mut candidates: BTreeSet<Address> =
        called.into_iter().filter(|address| busy.contains(address) && !tokens.contains(address)).collect();
    if candidates.is_empty() {
        return candidates;
    }
    let asset = |flow: &Flow| flow.token.filter(|token| !prices::wraps_coin(block.chain, *token));
    // By helper and asset: whether others paid it too. Only what the side gave first can be handed back.
    let mut fed: BTreeMap<(Address, Option<Address>), bool> = BTreeMap::new();
    let mut handed: BTreeSet<Address> = BTreeSet::new();
    let looked_at = candidates.clone();
    for flow in flows.iter().filter(|flow| looked_at.contains(&flow.from) || looked_at.contains(&flow.to)) {
        let from_side = core.contains(&flow.from);
        if from_side {
            fed.entry((flow.to, asset(flow))).or_insert(false);
        } else if let Some(by_others) = fed.get_mut(&(flow.to, asset(flow))) {
            *by_others = true;
        }
        if core.contains(&flow.to) {
            if fed.contains_key(&(flow.from, asset(flow))) {
                handed.insert(flow.from);
            } else {
                candidates.remove(&flow.from);
            }
        }
    }
    let sheet = Sheet::new(block.chain, flows, &BTreeSet::new(), Address::ZERO);
    let passes = |address: &Address| {
        handed.contains(address)
            && sheet.of(*address).all(|(asset, net)| {
                let short = if fed.contains_key(&(*address, asset)) { net.loss() } else { U256::ZERO };
                net.gain().max(short) <= net.got.max(net.gave) / U256::from(TOLERANCE_PART.unsigned_abs())
            })
            && fed.range((*address, None)..).take_while(|((of, _), _)| of == address).any(|(_, by_others)| *by_others)
    };
    candidates.into_iter().filter(passes).collect()
}

/// Pockets, which only the side paid, and beneficiaries, whom others paid on its word.
fn receivers(transaction: &Transaction, flows: &[Flow], core: &BTreeSet<Address>) -> Vec<Address> {
    let mut paid: BTreeMap<Address, bool> = BTreeMap::new();
    let mut gave: BTreeSet<Address> = BTreeSet::new();
    for flow in flows {
        gave.insert(flow.from);
        *paid.entry(flow.to).or_insert(true) &= core.contains(&flow.from);
    }
    // What runs code of its own is no pocket but somebody's contract.
    let mut busy: BTreeSet<Address> = transaction.calls.iter().map(|call| call.from).collect();
    busy.extend(gave);
    // So is what wrote a log, or is itself a token: without a trace nothing else tells a vault from a wallet.
    busy.extend(transaction.logs.iter().map(|log| log.address));
    busy.extend(flows.iter().filter_map(|flow| flow.token));
    let asked: BTreeSet<Address> =
        transaction.calls.iter().filter(|call| call.input.len() >= 4).filter_map(|call| call.to).collect();
    let mut found = Vec::new();
    for (address, only_us) in paid {
        if address.is_zero() || busy.contains(&address) || core.contains(&address) {
            continue;
        }
        if only_us || (!asked.contains(&address) && is_named(transaction, core, address)) {
            found.push(address);
        }
    }
    found
}

/// Whether a call that the side made names an address as one of its words.
fn is_named(transaction: &Transaction, core: &BTreeSet<Address>, address: Address) -> bool {
    let word = address.into_word();
    let of_side = transaction.calls.iter().filter(|call| !call.reverted && core.contains(&call.from));
    of_side
        .take(CALLS_LOOKED_AT_MAX)
        .filter_map(|call| call.input.get(4..))
        .any(|words| words.chunks_exact(32).take(WORDS_LOOKED_AT_MAX).any(|found| found == word.as_slice()))
}

/// Calls of the side looked through for a name, and words of each: enough for the largest thefts on record.
const CALLS_LOOKED_AT_MAX: usize = 1_024;
const WORDS_LOOKED_AT_MAX: usize = 256;
