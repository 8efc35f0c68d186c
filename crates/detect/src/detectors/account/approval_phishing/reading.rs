//! What one transaction says of approvals: given, used by the owner, taken by. Looks at it alone: what came before is in `grants`.

use quarterdeck_core::chain::{Address, CallKind, U256};

use crate::facts::{
    Case,
    flow::{self, APPROVAL, APPROVAL_FOR_ALL, Flow},
    selector,
};

/// An owner lets a spender take a token; nothing: no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Approval {
    pub(super) token: Address,
    pub(super) owner: Address,
    pub(super) spender: Address,
    pub(super) amount: U256,
}

/// Something was taken from an owner who did not send the transaction and got nothing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taking {
    pub(super) token: Address,
    pub(super) owner: Address,
    pub(super) to: Address,
    pub(super) amount: U256,
    /// Who may have taken it: by the trace, or where there is none whoever was called, or sent it.
    pub(super) spenders: Vec<Address>,
}

/// The approvals of a transaction: by its logs where it has a receipt, else by the calls of its trace.
pub(super) fn approvals(case: Case<'_>) -> Vec<Approval> {
    let transaction = case.transaction;
    if transaction.status == Some(false) {
        return Vec::new();
    }
    if case.block.has_receipt_of(transaction) {
        return transaction.logs.iter().filter_map(logged).collect();
    }
    let calls = transaction.calls.iter().filter(|call| !call.reverted && call.kind == CallKind::Call);
    let called = calls.filter_map(|call| {
        // approve(address,uint256), increaseAllowance(address,uint256), setApprovalForAll(address,bool)
        let known = matches!(
            selector::of_call(call),
            Some([0x09, 0x5e, 0xa7, 0xb3] | [0x39, 0x50, 0x93, 0x51] | [0xa2, 0x2c, 0xb4, 0x65])
        );
        let (token, spender) = (call.to.filter(|_| known)?, flow::address_argument(call, 0)?);
        Some(Approval { token, owner: call.from, spender, amount: flow::argument(call, 1)? })
    });
    called.collect()
}

fn logged(log: &quarterdeck_core::chain::Log) -> Option<Approval> {
    let party = |place: usize| log.topics.get(place).map(|topic| Address::from_word(*topic));
    // Items with a number of their own have it as a fourth topic: one item is no blank cheque.
    match (*log.topics.first()?, log.topics.len(), log.data.len()) {
        (APPROVAL | APPROVAL_FOR_ALL, 3, 32) => Some(Approval {
            token: log.address,
            owner: party(1)?,
            spender: party(2)?,
            amount: U256::try_from_be_slice(&log.data)?,
        }),
        _ => None,
    }
}

/// Spenders that the sender used for its own tokens: each took from it in a transaction that it sent.
pub(super) fn used_by_sender(case: Case<'_>) -> Vec<Address> {
    let sender = case.transaction.from;
    let mut found = Vec::new();
    for taking in pulled(case).filter(|(flow, _)| flow.from == sender).flat_map(|(_, spenders)| spenders) {
        if taking != sender && !found.contains(&taking) {
            found.push(taking);
        }
    }
    found
}

/// What was taken from others, for nothing.
pub(super) fn takings(case: Case<'_>) -> Vec<Taking> {
    let sender = case.transaction.from;
    let got = |owner: Address| case.flows().iter().any(|flow| flow.to == owner);
    let from_others = pulled(case).filter(|(flow, _)| flow.from != sender && Some(flow.from) != case.transaction.to);
    from_others
        .filter(|(flow, _)| !flow.from.is_zero() && !flow.to.is_zero() && !got(flow.from))
        .filter_map(|(flow, spenders)| {
            let (token, owner, to, amount) = (flow.token?, flow.from, flow.to, flow.amount);
            Some(Taking { token, owner, to, amount, spenders })
        })
        .collect()
}

/// Movements of tokens that somebody else than the owner asked for, with who that may have been.
fn pulled(case: Case<'_>) -> impl Iterator<Item = (&Flow, Vec<Address>)> {
    let transaction = case.transaction;
    let of_token = case.flows().iter().filter(|flow| flow.token.is_some() && !flow.wraps);
    of_token.filter_map(move |flow| {
        if transaction.calls.is_empty() {
            // Whoever calls the token itself moves its own, or takes by its own key.
            let called = transaction.to.filter(|to| Some(*to) != flow.token);
            let asked = called.is_some() || transaction.from != flow.from;
            return asked.then(|| (flow, called.into_iter().chain([transaction.from]).collect()));
        }
        let by = |call: &&quarterdeck_core::chain::Call| {
            !call.reverted
                && call.to == flow.token
                && call.from != flow.from
                && is_taking(call)
                && flow::address_argument(call, 0) == Some(flow.from)
        };
        let call = transaction.calls.iter().find(by)?;
        Some((flow, vec![call.from]))
    })
}

/// `transferFrom(address,address,uint256)` and its forms for items.
fn is_taking(call: &quarterdeck_core::chain::Call) -> bool {
    matches!(
        selector::of_call(call),
        Some([0x23, 0xb8, 0x72, 0xdd] | [0x42, 0x84, 0x2e, 0x0e] | [0xb8, 0x8d, 0x4f, 0xde] | [0xf2, 0x42, 0x43, 0x2a])
    )
}
