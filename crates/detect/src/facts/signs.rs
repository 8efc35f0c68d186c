//! Signs of a machine at work in the calls of a transaction: what an honest user's wallet does not do.
//!
//! Nothing here decides; a sign alone may be innocent. Must be cheap where nothing was taken: the detectors ask only about
//! transactions that called others. Tests: below and in the detectors that use them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use alloy_primitives::{Address, U256};
use quarterdeck_core::chain::{Call, CallKind, Transaction};

use super::{
    flow::{self, Flow},
    loans::{FlashLoan, in_table, selectors},
    rates::Values,
    selector::{self, Selector},
    sheet::{self, Sheet},
    side::Side,
};

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Times that a contract was called while it was waiting for the side to return.
    pub reentries: u32,
    /// The first contract that this happened to.
    pub reentered: Option<Address>,
    /// Whether it was called again in the very function that was waiting.
    pub same_function: bool,
    /// Contracts made in this transaction on the side's behalf that then called others.
    pub helpers: u32,
    /// Contracts made in this transaction on the side's behalf that are richer at the expense of outsiders.
    pub newborn: u32,
    /// The largest number of payments of one asset from one party to the side, each asked for by a call of its own.
    pub payments: u32,
    /// Payments out of accounts that took no part, by approvals that they had given to somebody else than the sender.
    pub pulls: u32,
    /// The first who had given the approvals so used.
    pub pulled: Option<Address>,
    /// Somebody else's contract that approved the side, in this transaction.
    pub approved_by: Option<Address>,
    /// Times that an outsider asked the side's own code to act as a token.
    pub posed: u32,
}

impl Signs {
    /// Looks through the calls.
    pub fn of(
        values: &Values<'_>,
        transaction: &Transaction,
        flows: &[Flow],
        side: &Side,
        loans: &[FlashLoan],
    ) -> Self {
        let mut signs = Self::default();
        shape(&mut signs, transaction, side, loans);
        signs.newborn = newborn(values, flows, side);
        signs.payments = payments(flows, side).min(repeats(transaction, &side.members));
        (signs.pulls, signs.pulled) = pulls(transaction, flows, side);
        signs.approved_by = approved_by(transaction, side);
        signs
    }
}

/// Callbacks of contracts that work only while they wait for the caller: being called then is how they are used.
static HOST_CALLBACKS: LazyLock<BTreeSet<Selector>> =
    LazyLock::new(|| selectors(&["unlockCallback(bytes)", "lockAcquired(bytes)", "lockAcquired(address,bytes)"]));

/// What only a token is asked to do.
static TOKEN_CALLS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
    selectors(&[
        "transfer(address,uint256)",
        "transferFrom(address,address,uint256)",
        "mint(address,uint256)",
        "burn(address,uint256)",
        "burnFrom(address,uint256)",
    ])
});

/// A call that has not returned.
struct Waiting {
    context: Address,
    function: Option<Selector>,
}

/// Calls into a contract that waits for the side to return (view calls and lenders left out: being called back is their trade),
/// helpers at work, and the side's code asked to be a token.
fn shape(signs: &mut Signs, transaction: &Transaction, side: &Side, loans: &[FlashLoan]) {
    let mut stack: Vec<Waiting> = Vec::new();
    let hosts: BTreeSet<Address> =
        transaction.calls.iter().filter(|call| in_table(call, &HOST_CALLBACKS)).map(|call| call.from).collect();
    let is_lender = |address: &Address| loans.iter().any(|loan| loan.lender == *address);
    let mut helpers: BTreeSet<Address> = BTreeSet::new();
    for call in &transaction.calls {
        let to = call.to.unwrap_or_default();
        stack.truncate(usize::try_from(call.depth).unwrap_or(usize::MAX));
        let function = selector::of_call(call);
        let outside = !side.members.contains(&to);
        if !call.reverted && call.kind == CallKind::Call {
            if side.made.contains(&call.from) && side.core.contains(&call.from) && outside {
                helpers.insert(call.from);
            }
            let asked_by_outsider = !side.members.contains(&call.from);
            if !outside && asked_by_outsider && in_table(call, &TOKEN_CALLS) {
                signs.posed += 1;
            }
            let waits = stack.iter().position(|waiting| waiting.context == to);
            let above = waits.and_then(|place| stack.get(place..)).unwrap_or_default();
            let through_side = above.iter().any(|waiting| side.members.contains(&waiting.context));
            if through_side && outside && !hosts.contains(&to) && !is_lender(&to) {
                signs.reentries += 1;
                signs.reentered = signs.reentered.or(Some(to));
                signs.same_function |=
                    function.is_some() && above.iter().any(|w| w.context == to && w.function == function);
            }
        }
        let context = if matches!(call.kind, CallKind::Delegate | CallKind::Code) { call.from } else { to };
        stack.push(Waiting { context, function });
    }
    signs.helpers = u32::try_from(helpers.len()).unwrap_or(u32::MAX);
}

/// What was made in this transaction for the side and is richer by what outsiders paid it than by what it paid them.
fn newborn(values: &Values<'_>, flows: &[Flow], side: &Side) -> u32 {
    let is_new = |address: &Address| side.made.contains(address) && side.core.contains(address);
    let outside = |address: &Address| !side.members.contains(address) && !address.is_zero();
    let dealt = flows
        .iter()
        .copied()
        .filter(|flow| (is_new(&flow.from) && outside(&flow.to)) || (is_new(&flow.to) && outside(&flow.from)));
    let dealt: Vec<Flow> = if side.made.is_empty() { Vec::new() } else { dealt.collect() };
    let sheet = Sheet::new(values.chain, &dealt, &BTreeSet::new(), Address::ZERO);
    let richer = |party: &Address| {
        let worth = sheet::worth(values, &sheet, *party);
        worth.net() > 0 || (worth.net() == 0 && worth.unpriced_losses == 0 && worth.unpriced_gains > 0)
    };
    let count = sheet.parties().into_iter().filter(is_new).filter(richer).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Payments of one asset by one party, to the core of the side together or to one other member.
fn payments(flows: &[Flow], side: &Side) -> u32 {
    let mut counts: BTreeMap<(Address, Option<Address>, Option<Address>), u32> = BTreeMap::new();
    for flow in flows {
        if side.members.contains(&flow.to) && !side.members.contains(&flow.from) && !flow.from.is_zero() {
            let to = Some(flow.to).filter(|to| !side.core.contains(to));
            *counts.entry((flow.from, flow.token, to)).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

/// The largest number of times that the side called one function of one outsider.
fn repeats(transaction: &Transaction, side: &BTreeSet<Address>) -> u32 {
    let mut counts: BTreeMap<(Address, Option<Selector>), u32> = BTreeMap::new();
    for call in transaction.calls.iter().filter(|call| !call.reverted && call.kind == CallKind::Call && call.depth > 0)
    {
        if let Some(to) = call.to
            && side.contains(&call.from)
            && !side.contains(&to)
        {
            *counts.entry((to, selector::of_call(call))).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

/// Functions that move what belongs to somebody else than the caller, with that somebody as the first word.
const PULLS: [Selector; 5] = [
    [0x23, 0xb8, 0x72, 0xdd], // transferFrom(address,address,uint256)
    [0x62, 0xad, 0x1b, 0x83], // operatorSend(address,address,uint256,bytes,bytes)
    [0x42, 0x84, 0x2e, 0x0e], // safeTransferFrom(address,address,uint256)
    [0xb8, 0x8d, 0x4f, 0xde], // safeTransferFrom(address,address,uint256,bytes)
    [0xf2, 0x42, 0x43, 0x2a], // safeTransferFrom(address,address,uint256,uint256,bytes)
];

/// Payments out of accounts that neither sent this transaction nor ran code nor got anything, by approvals that are not
/// the sender's to use.
///
/// Whoever spends an approval that was given to himself, or to the contract of his that he calls, does what it was given for: an
/// issuer, a custodian, a collector of fees. A contract that stands between is a third party's, and so is a called one
/// that is handed the very call to make.
fn pulls(transaction: &Transaction, flows: &[Flow], side: &Side) -> (u32, Option<Address>) {
    let mut took_part: Option<BTreeSet<Address>> = None;
    let (mut count, mut first) = (0, None);
    for call in transaction.calls.iter().filter(|call| !call.reverted && call.kind == CallKind::Call) {
        if !selector::of_call(call).is_some_and(|function| PULLS.contains(&function)) {
            continue;
        }
        let Some(payer) = flow::address_argument(call, 0) else { continue };
        let spender = call.from;
        let is_his = spender == transaction.from
            || (transaction.to == Some(spender) && !hands_over(&transaction.input, payer))
            || payer == spender;
        if is_his || payer.is_zero() || side.members.contains(&payer) {
            continue;
        }
        let active = took_part.get_or_insert_with(|| {
            let calls = transaction.calls.iter().flat_map(|call| [Some(call.from), call.to]).flatten();
            calls.chain(flows.iter().map(|flow| flow.to)).collect()
        });
        if !active.contains(&payer) {
            count += 1;
            first = first.or(Some(payer));
        }
    }
    (count, first)
}

/// Whether call data carries inside it the whole call that takes from `payer`: then the one called runs what it is told to run.
fn hands_over(input: &[u8], payer: Address) -> bool {
    let word = payer.into_word();
    let tail = input.get(4..).unwrap_or_default();
    tail.windows(36)
        .take(HANDED_OVER_BYTES_MAX)
        .any(|part| part.starts_with(&[0x23, 0xb8, 0x72, 0xdd]) && part.get(4..) == Some(word.as_slice()))
}

/// Call data looked through for a call inside it.
const HANDED_OVER_BYTES_MAX: usize = 64 * 1_024;

/// Somebody else's contract that let the side spend what it has.
fn approved_by(transaction: &Transaction, side: &Side) -> Option<Address> {
    let grants = transaction.calls.iter().filter(|call| {
        !call.reverted
            && call.kind == CallKind::Call
            && call.depth > 0
            && !side.members.contains(&call.from)
            && !side.made.contains(&call.from)
            && is_grant(call)
            && flow::address_argument(call, 0).is_some_and(|spender| side.members.contains(&spender))
    });
    grants.map(|call| call.from).next()
}

fn is_grant(call: &Call) -> bool {
    let function = selector::of_call(call);
    // approve(address,uint256), increaseAllowance(address,uint256), setApprovalForAll(address,bool)
    let known =
        matches!(function, Some([0x09, 0x5e, 0xa7, 0xb3] | [0x39, 0x50, 0x93, 0x51] | [0xa2, 0x2c, 0xb4, 0x65]));
    known && flow::argument(call, 1).is_some_and(|amount| amount > U256::ZERO)
}
