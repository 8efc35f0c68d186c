//! Loans that live for one transaction, by the lender's function or callback, or by the shape of the payments. Tests: with the
//! detectors that use them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use alloy_primitives::{Address, U256};
use quarterdeck_core::chain::{Block, Call, CallKind, Transaction};

use super::{
    flow::{self, Flow},
    prices,
    selector::{self, Selector},
};

/// A loan that lives for one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashLoan {
    /// Who lent.
    pub lender: Address,
    /// What; none: the coin.
    pub asset: Option<Address>,
    /// Raw units; zero where only the call shows.
    pub amount: U256,
}

/// Loans by a known function or callback, and by their shape: a party hands the side an asset, calls the side, and has at least
/// as much of it back at the end, but hardly more.
pub fn loans(transaction: &Transaction, flows: &[Flow], side: &BTreeSet<Address>) -> Vec<FlashLoan> {
    let mut callers: BTreeSet<Address> = BTreeSet::new();
    let mut lenders: BTreeSet<Address> = BTreeSet::new();
    for call in transaction.calls.iter().filter(|call| !call.reverted && call.kind == CallKind::Call) {
        let Some(to) = call.to else { continue };
        if side.contains(&to) && !side.contains(&call.from) && call.input.len() >= 4 {
            callers.insert(call.from);
            if in_table(call, &LOAN_CALLBACKS) {
                lenders.insert(call.from);
            }
        }
        if !side.contains(&to) && (in_table(call, &LOAN_CALLS) || is_flash_swap(call)) {
            lenders.insert(to);
        }
    }
    let mut lent: BTreeMap<(Address, Option<Address>), Lending> = BTreeMap::new();
    for flow in flows {
        if side.contains(&flow.to) && !side.contains(&flow.from) {
            let lending = lent.entry((flow.from, flow.token)).or_default();
            lending.out = lending.out.saturating_add(flow.amount);
        } else if side.contains(&flow.from) {
            // Only what comes back after something was lent is a repayment.
            if let Some(lending) = lent.get_mut(&(flow.to, flow.token)) {
                lending.back = lending.back.saturating_add(flow.amount);
            }
        }
    }
    let untraced = transaction.calls.is_empty();
    let mut found: Vec<FlashLoan> = Vec::new();
    for ((lender, asset), lending) in lent {
        let named = lenders.contains(&lender);
        let shaped = (untraced || callers.contains(&lender)) && lending.is_repaid();
        if (named && !lending.back.is_zero()) || shaped {
            found.push(FlashLoan { lender, asset, amount: lending.out });
        }
    }
    for lender in lenders {
        if !found.iter().any(|loan| loan.lender == lender) {
            let (asset, amount) = there_and_back(flows, side).unwrap_or_default();
            found.push(FlashLoan { lender, asset, amount });
        }
    }
    found
}

/// The largest amount that came to the side and left it again with at most a lender's fee on top: some lenders keep their assets
/// in another contract than the one that is called, and are repaid at a third.
fn there_and_back(flows: &[Flow], side: &BTreeSet<Address>) -> Option<(Option<Address>, U256)> {
    let flows = flows.get(..FLOWS_COMPARED_MAX.min(flows.len())).unwrap_or_default();
    let mut largest: Option<(Option<Address>, U256)> = None;
    for (place, came) in flows.iter().enumerate() {
        if !side.contains(&came.to) || side.contains(&came.from) {
            continue;
        }
        if largest.is_some_and(|(_, amount)| amount >= came.amount) {
            continue;
        }
        let left = flows.iter().skip(place).any(|left| {
            let lending = Lending { out: came.amount, back: left.amount };
            left.token == came.token && side.contains(&left.from) && !side.contains(&left.to) && lending.is_repaid()
        });
        if left {
            largest = Some((came.token, came.amount));
        }
    }
    largest
}

/// Movements compared with each other to find a loan: real thefts have up to 2,000, and the work grows with the square.
const FLOWS_COMPARED_MAX: usize = 4_096;

#[derive(Default)]
struct Lending {
    out: U256,
    back: U256,
}

impl Lending {
    /// Back in full with a fee of at most 2 %: lenders ask 0 to 0.3 %.
    fn is_repaid(&self) -> bool {
        let most = self.out.saturating_add(self.out / U256::from(50)).saturating_add(U256::from(2));
        !self.out.is_zero() && self.back >= self.out && self.back <= most
    }
}

/// Whether a call that went through is to one of these functions.
pub fn in_table(call: &Call, table: &BTreeSet<Selector>) -> bool {
    !call.reverted && selector::of_call(call).is_some_and(|selector| table.contains(&selector))
}

/// `swap(uint256,uint256,address,bytes)` with data: the pool pays first and calls back.
fn is_flash_swap(call: &Call) -> bool {
    selector::of_call(call) == Some([0x02, 0x2c, 0x0d, 0x9f])
        && flow::argument(call, 4).is_some_and(|length| !length.is_zero())
}

/// The selectors of these signatures.
pub fn selectors(signatures: &[&str]) -> BTreeSet<Selector> {
    signatures.iter().map(|signature| selector::of_signature(signature)).collect()
}

/// Functions that lend for one transaction.
static LOAN_CALLS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
    selectors(&[
        "flashLoan(address,address,uint256,bytes)",
        "flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)",
        "flashLoanSimple(address,address,uint256,bytes,uint16)",
        "flashLoan(address,address[],uint256[],bytes)",
        "flashLoan(uint256,uint256,address,bytes)",
        "flashLoan(address,uint256,bytes)",
        "flashLoan(uint256,bytes)",
        "flash(address,uint256,uint256,bytes)",
        "operate((address,uint256)[],(uint8,uint256,(bool,uint8,uint8,uint256),uint256,uint256,address,uint256,bytes)[])",
    ])
});

/// What lenders call on the borrower.
static LOAN_CALLBACKS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
    selectors(&[
        "executeOperation(address,uint256,uint256,bytes)",
        "executeOperation(address[],uint256[],uint256[],address,bytes)",
        "executeOperation(address,uint256,uint256,address,bytes)",
        "callFunction(address,(address,uint256),bytes)",
        "receiveFlashLoan(address[],uint256[],uint256[],bytes)",
        "onFlashLoan(address,address,uint256,uint256,bytes)",
        "onMorphoFlashLoan(uint256,bytes)",
        "uniswapV2Call(address,uint256,uint256,bytes)",
        "pancakeCall(address,uint256,uint256,bytes)",
        "uniswapV3FlashCallback(uint256,uint256,bytes)",
        "pancakeV3FlashCallback(uint256,uint256,bytes)",
        "algebraFlashCallback(uint256,uint256,bytes)",
        "DVMFlashLoanCall(address,uint256,uint256,bytes)",
        "DPPFlashLoanCall(address,uint256,uint256,bytes)",
        "DSPFlashLoanCall(address,uint256,uint256,bytes)",
    ])
});

/// Functions that sell collateral of a debtor.
pub static LIQUIDATIONS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
    selectors(&[
        "liquidateBorrow(address,uint256,address)",
        "liquidateBorrow(address,address)",
        "liquidateBorrow(address)",
        "liquidationCall(address,address,address,uint256,bool)",
        "liquidate(address,address,uint256,uint256)",
        "absorb(address,address[])",
        "bite(bytes32,address)",
        "take(uint256,uint256,uint256,address,bytes)",
    ])
});

/// Functions that pay a debt back.
static REPAYS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
    selectors(&[
        "repayBorrow(uint256)",
        "repayBorrow()",
        "repayBorrowBehalf(address,uint256)",
        "repayBorrowBehalf(address)",
        "repay(address,uint256,address)",
        "repay(address,uint256,uint256,address)",
        "repayWithATokens(address,uint256,uint256)",
        "repay((address,address,address,address,uint256),uint256,uint256,address,bytes)",
        "frob(bytes32,address,address,address,int256,int256)",
        "closeTrove()",
    ])
});

/// Functions that open or enlarge a position.
static OPENS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
    selectors(&[
        "mint()",
        "mint(uint256)",
        "deposit()",
        "deposit(uint256)",
        "deposit(uint256,address)",
        "deposit(address,uint256)",
        "deposit(address,uint256,uint16)",
        "deposit(address,uint256,address,uint16)",
        "supply(address,uint256)",
        "supply(address,uint256,address,uint16)",
        "supplyCollateral((address,address,address,address,uint256),uint256,address,bytes)",
        "borrow(uint256)",
        "borrow(address,uint256)",
        "borrow(address,uint256,uint256,uint16)",
        "borrow(address,uint256,uint256,uint16,address)",
        "borrow((address,address,address,address,uint256),uint256,uint256,address,address)",
    ])
});

/// Whether a debt was paid back and no position opened.
pub fn closes_position(block: &Block, transaction: &Transaction) -> bool {
    let any = |table: &BTreeSet<Selector>| {
        transaction.calls.iter().any(|call| {
            let wraps = call.to.is_some_and(|to| prices::wraps_coin(block.chain, to));
            call.kind == CallKind::Call && !wraps && in_table(call, table)
        })
    };
    any(&REPAYS) && !any(&OPENS)
}
