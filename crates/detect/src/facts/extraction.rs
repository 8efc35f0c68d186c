//! What the sender of a transaction took from others, and how: the evidence that the asset detectors weigh.
//!
//! An honest trade gives something for what it takes; an honest withdrawal is one call. Theft by code takes without giving and
//! shows a machine at work: borrowed money, a callback into the victim, the same payment again and again, helpers made on the
//! spot, other people's approvals spent. Nothing here decides; detectors do. Tests: below and in the detectors that use it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use alloy_primitives::{Address, U256};
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, Call, CallKind, Transaction},
};

use super::{
    flow::{self, Flow},
    openings::Openings,
    prices,
    selector::{self, Selector},
    sheet::{self, Sheet, Worth},
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

/// Someone outside the sender's side who is poorer afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Victim {
    /// The account that gave or got.
    pub address: Address,
    /// Net loss in cents.
    pub loss: i128,
    /// Whether it got nothing in return.
    pub one_sided: bool,
    /// The asset of which it lost most, and how much.
    pub asset: Option<Address>,
    /// Raw units lost of it.
    pub amount: U256,
    /// Share of its balance of that asset, in thousandths, where the trace shows the balance.
    pub share_permille: Option<u32>,
}

impl Victim {
    /// Someone of whom only the address is known: what it lost has no price.
    pub const fn unknown(address: Address) -> Self {
        Self { address, loss: 0, one_sided: true, asset: None, amount: U256::ZERO, share_permille: None }
    }
}

/// The evidence of one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extraction {
    /// The sender and what acts for it.
    pub side: BTreeSet<Address>,
    /// Gains and losses of the side.
    pub profit: Worth,
    /// Who lost, largest loss first.
    pub victims: Vec<Victim>,
    /// Loans of this transaction.
    pub loans: Vec<FlashLoan>,
    /// What the loans were worth in cents, as far as prices are known.
    pub borrowed: i128,
    /// Times that a contract was called while it was waiting for the side to return.
    pub reentries: u32,
    /// The first contract that this happened to.
    pub reentered: Option<Address>,
    /// The largest number of payments of one asset from one party to the side, each asked for by a call of its own.
    pub payments: u32,
    /// Contracts made in this transaction on the side's behalf that then called others.
    pub helpers: u32,
    /// Payments out of accounts that took no part, by approval.
    pub pulls: u32,
    /// A liquidation function was called: paying a debt for collateral at a discount is a trade.
    pub liquidation: bool,
    /// The contract called is itself a token that moved: then being called back may be its own book-keeping.
    pub called_token: bool,
    /// A debt was paid back and no position opened: what comes out is the sender's own collateral.
    pub closing: bool,
}

impl Extraction {
    /// Looks at a transaction whose flows are known.
    pub fn of(
        catalogue: &Catalogue,
        block: &Block,
        transaction: &Transaction,
        flows: &[Flow],
        openings: &Openings,
    ) -> Self {
        let chain = block.chain;
        let side = sheet::sender_side(catalogue, block, transaction, flows);
        let sheet = Sheet::new(chain, flows, &side, transaction.from);
        let profit = sheet::worth(catalogue, chain, &sheet, transaction.from);
        let loans = loans(transaction, flows, &side);
        let victims = victims(catalogue, block, transaction, &sheet, openings);
        let shape = call_shape(transaction, &side, &loans);
        let borrowed =
            loans.iter().filter_map(|loan| prices::value_in(catalogue, chain, loan.asset, loan.amount)).sum();
        Self {
            profit,
            victims,
            borrowed,
            reentries: shape.reentries,
            reentered: shape.reentered,
            helpers: shape.helpers,
            payments: payments(flows, &side).min(repeats(transaction, &side)),
            pulls: pulls(transaction, flows, &side),
            liquidation: transaction.calls.iter().any(|call| in_table(call, &LIQUIDATIONS)),
            called_token: transaction.to.is_some_and(|to| flows.iter().any(|flow| flow.token == Some(to))),
            closing: closes_position(block, transaction),
            loans,
            side,
        }
    }

    /// What the side is richer by, in cents; zero for a loss.
    pub fn gain(&self) -> i128 {
        self.profit.net().max(0)
    }

    /// Whether the side gave up next to nothing of known price for what it got.
    pub fn gave_nothing(&self) -> bool {
        self.profit.gained > 0 && self.profit.lost <= self.profit.gained / 10
    }

    /// Losses of those who got nothing in return, in cents.
    pub fn one_sided_loss(&self) -> i128 {
        self.victims.iter().filter(|victim| victim.one_sided).map(|victim| victim.loss).sum()
    }
}

fn victims(
    catalogue: &Catalogue,
    block: &Block,
    transaction: &Transaction,
    sheet: &Sheet,
    openings: &Openings,
) -> Vec<Victim> {
    let coin = prices::wrapped_coin(block.chain);
    let sender = transaction.from;
    let mut victims = Vec::new();
    for party in sheet.parties().into_iter().filter(|party| !party.is_zero() && *party != sender) {
        let worth = sheet::worth(catalogue, block.chain, sheet, party);
        if worth.net() >= 0 {
            continue;
        }
        // A vault that is its own share token: shares from before this transaction were handed in for what it paid.
        let got_shares_back = sheet.nets.get(&(sender, Some(party))).is_some_and(|shares| !shares.loss().is_zero());
        let value = |asset, net: sheet::Net| prices::value_in(catalogue, block.chain, asset, net.loss()).unwrap_or(0);
        let most = sheet.of(party).max_by_key(|(asset, net)| value(*asset, *net));
        let (asset, net) = most.unwrap_or_default();
        let tokens: Vec<Address> = sheet.of(party).filter_map(|(asset, _)| asset.or(coin)).collect();
        let pair = <[Address; 2]>::try_from(tokens).ok();
        let held = asset.or(coin).and_then(|token| openings.held(party, token, pair)).filter(|held| !held.is_zero());
        let share_permille =
            held.map(|held| (net.loss().saturating_mul(U256::from(1_000)) / held).saturating_to::<u32>().min(1_000));
        victims.push(Victim {
            address: party,
            loss: -worth.net(),
            one_sided: worth.unpriced_gains == 0 && worth.gained <= worth.lost / 10 && !got_shares_back,
            asset,
            amount: net.loss(),
            share_permille,
        });
    }
    victims.sort_by_key(|victim| std::cmp::Reverse(victim.loss));
    victims
}

/// Loans by a known function or callback, and by their shape: a party hands the side an asset, calls the side, and has at least
/// as much of it back at the end, but hardly more.
fn loans(transaction: &Transaction, flows: &[Flow], side: &BTreeSet<Address>) -> Vec<FlashLoan> {
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

impl Extraction {
    /// Whether an asset was lent and came back, rather than paid for with another.
    pub fn repaid_in_kind(&self) -> bool {
        self.loans.iter().any(|loan| !loan.amount.is_zero())
    }
}

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

fn in_table(call: &Call, table: &BTreeSet<Selector>) -> bool {
    !call.reverted && selector::of_call(call).is_some_and(|selector| table.contains(&selector))
}

/// `swap(uint256,uint256,address,bytes)` with data: the pool pays first and calls back.
fn is_flash_swap(call: &Call) -> bool {
    selector::of_call(call) == Some([0x02, 0x2c, 0x0d, 0x9f])
        && flow::argument(call, 4).is_some_and(|length| !length.is_zero())
}

fn selectors(signatures: &[&str]) -> BTreeSet<Selector> {
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

/// Callbacks of contracts that work only while they wait for the caller: being called then is how they are used.
static HOST_CALLBACKS: LazyLock<BTreeSet<Selector>> =
    LazyLock::new(|| selectors(&["unlockCallback(bytes)", "lockAcquired(bytes)", "lockAcquired(address,bytes)"]));

/// Functions that sell collateral of a debtor.
static LIQUIDATIONS: LazyLock<BTreeSet<Selector>> = LazyLock::new(|| {
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

fn closes_position(block: &Block, transaction: &Transaction) -> bool {
    let any = |table: &BTreeSet<Selector>| {
        transaction.calls.iter().any(|call| {
            let wraps = call.to.is_some_and(|to| prices::wraps_coin(block.chain, to));
            call.kind == CallKind::Call && !wraps && in_table(call, table)
        })
    };
    any(&REPAYS) && !any(&OPENS)
}

/// Counts calls into a contract that waits for the side to return (view calls and lenders left out: being called back is their
/// trade), and helpers at work.
fn call_shape(transaction: &Transaction, side: &BTreeSet<Address>, loans: &[FlashLoan]) -> CallShape {
    let mut shape = CallShape::default();
    let mut stack: Vec<Address> = Vec::new();
    let hosts: BTreeSet<Address> =
        transaction.calls.iter().filter(|call| in_table(call, &HOST_CALLBACKS)).map(|call| call.from).collect();
    let is_lender = |address: &Address| loans.iter().any(|loan| loan.lender == *address);
    let mut created: BTreeSet<Address> = BTreeSet::new();
    let mut helpers: BTreeSet<Address> = BTreeSet::new();
    for call in &transaction.calls {
        let to = call.to.unwrap_or_default();
        stack.truncate(usize::try_from(call.depth).unwrap_or(usize::MAX));
        let alive = !call.reverted;
        if alive && call.kind == CallKind::Create && side.contains(&to) {
            created.insert(to);
        }
        if alive && call.kind == CallKind::Call {
            if created.contains(&call.from) && !side.contains(&to) {
                helpers.insert(call.from);
            }
            let waits = stack.iter().position(|waiting| *waiting == to);
            let through_side = waits
                .and_then(|place| stack.get(place..))
                .is_some_and(|above| above.iter().any(|waiting| side.contains(waiting)));
            if through_side && !side.contains(&to) && !hosts.contains(&to) && !is_lender(&to) {
                shape.reentries += 1;
                shape.reentered = shape.reentered.or(Some(to));
            }
        }
        let context = if matches!(call.kind, CallKind::Delegate | CallKind::Code) { call.from } else { to };
        stack.push(context);
    }
    shape.helpers = u32::try_from(helpers.len()).unwrap_or(u32::MAX);
    shape
}

#[derive(Default)]
struct CallShape {
    reentries: u32,
    reentered: Option<Address>,
    helpers: u32,
}

fn payments(flows: &[Flow], side: &BTreeSet<Address>) -> u32 {
    let mut counts: BTreeMap<(Address, Option<Address>), u32> = BTreeMap::new();
    for flow in flows {
        if side.contains(&flow.to) && !side.contains(&flow.from) && !flow.from.is_zero() {
            *counts.entry((flow.from, flow.token)).or_default() += 1;
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

/// Payments to the side by `transferFrom` out of accounts that neither sent this transaction nor ran code nor got anything.
fn pulls(transaction: &Transaction, flows: &[Flow], side: &BTreeSet<Address>) -> u32 {
    let took_part: BTreeSet<Address> =
        transaction.calls.iter().flat_map(|call| [Some(call.from), call.to]).flatten().collect();
    let got: BTreeSet<Address> = flows.iter().map(|flow| flow.to).collect();
    let pulled = flows.iter().filter(|flow| {
        flow.token.is_some()
            && !flow.from.is_zero()
            && !side.contains(&flow.from)
            && !took_part.contains(&flow.from)
            && !got.contains(&flow.from)
    });
    if transaction.calls.is_empty() { 0 } else { u32::try_from(pulled.count()).unwrap_or(u32::MAX) }
}
