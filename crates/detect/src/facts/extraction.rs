//! What the sender of a transaction took from others, and how: the evidence that the asset detectors weigh.
//!
//! An honest trade gives something for what it takes; an honest withdrawal is one call. Theft by code takes without giving and
//! shows a machine at work: borrowed money, a callback into the victim, the same payment again and again, helpers made on the
//! spot, other people's approvals spent. Nothing here decides; detectors do. Tests: below and in the detectors that use it.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, Transaction},
};

use super::{
    flow::Flow,
    loans::{self, FlashLoan},
    openings::Openings,
    pools, prices,
    rates::{Rates, Values},
    sheet::{self, Net, Sheet, Worth},
    side,
    signs::Signs,
};

/// Someone outside the sender's side who is poorer afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Victim {
    /// The account that gave or got.
    pub address: Address,
    /// Net loss in cents; zero where nothing that it lost has a price.
    pub loss: i128,
    /// Whether it got nothing in return.
    pub one_sided: bool,
    /// Whether it lent for this transaction.
    pub lender: bool,
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
        let (asset, amount, share_permille) = (None, U256::ZERO, None);
        Self { address, loss: 0, one_sided: true, lender: false, asset, amount, share_permille }
    }
}

/// The evidence of one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extraction {
    /// Who signed.
    pub sender: Address,
    /// The sender and what acts for it.
    pub side: BTreeSet<Address>,
    /// Gains and losses of the side.
    pub profit: Worth,
    /// Who lost: whoever was robbed before whoever traded, lenders that traded last, and the largest loss first.
    pub victims: Vec<Victim>,
    /// Loans of this transaction.
    pub loans: Vec<FlashLoan>,
    /// What the loans were worth in cents, as far as prices are known.
    pub borrowed: i128,
    /// Signs of a machine at work.
    pub signs: Signs,
    /// A liquidation function was called: paying a debt for collateral at a discount is a trade.
    pub liquidation: bool,
    /// The contract called is itself a token that moved: then being called back may be its own book-keeping.
    pub called_token: bool,
    /// A debt was paid back and no position opened: what comes out is the sender's own collateral.
    pub closing: bool,
    /// The transaction is its own machine: it made the contract that did it all.
    pub by_creation: bool,
    /// Prices of tokens that only the pools of this transaction know.
    pub rates: Rates,
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
        let side = side::sender_side(catalogue, block, transaction, flows);
        // What was made on the spot is worth nothing, whatever it is paid with.
        let real: Vec<Flow>;
        let counted = if side.made.is_empty() {
            flows
        } else {
            real = flows.iter().copied().filter(|flow| !flow.token.is_some_and(|t| side.made.contains(&t))).collect();
            &real
        };
        let sheet = Sheet::new(chain, counted, &side.members, transaction.from);
        let rates = pools::rates(catalogue, chain, counted, openings, &side.members);
        let values = Values { catalogue, chain, rates: Some(&rates) };
        let profit = sheet::worth(&values, &sheet, transaction.from);
        let loans = loans::loans(transaction, counted, &side.members);
        let victims = victims(&values, transaction, &sheet, openings, &loans);
        let signs = Signs::of(&values, transaction, counted, &side, &loans);
        let borrowed = loans.iter().filter_map(|loan| values.cents(loan.asset, loan.amount)).sum();
        Self {
            profit,
            victims,
            borrowed,
            signs,
            liquidation: transaction.calls.iter().any(|call| loans::in_table(call, &loans::LIQUIDATIONS)),
            called_token: transaction.to.is_some_and(|to| flows.iter().any(|flow| flow.token == Some(to))),
            closing: loans::closes_position(block, transaction),
            by_creation: transaction.is_creation(),
            loans,
            sender: transaction.from,
            side: side.members,
            rates,
        }
    }

    /// What the side is richer by, in cents; zero for a loss.
    pub fn gain(&self) -> i128 {
        self.profit.net().max(0)
    }

    /// Whether the side gave up next to nothing of known price for what it got. What only the transaction's own pools price was sold
    /// there, and the gain is less by it already.
    pub fn gave_nothing(&self) -> bool {
        self.profit.gained > 0 && self.profit.lost - self.profit.lost_by_estimate <= self.profit.gained / 10
    }

    /// Whether the side gave nothing whatever: not even a share token.
    pub fn gave_nothing_at_all(&self) -> bool {
        self.profit.unpriced_losses == 0 && self.profit.lost == 0
    }

    /// Whether what was taken for nothing is of the size of what the side kept: where it kept next to nothing of it, others got it
    /// and funds only moved between them.
    pub fn kept_what_was_taken(&self) -> bool {
        let (taken, gain) = (self.one_sided_loss(), self.gain());
        taken.saturating_mul(KEPT_PART) >= gain && gain.saturating_mul(KEPT_PART) >= taken
    }

    /// Whether somebody who got nothing in return lost something, priced or not.
    pub fn robbed(&self) -> bool {
        self.victims.iter().any(|victim| victim.one_sided)
    }

    /// Whether somebody was robbed of what has no price, and the side has more of such.
    pub fn robbed_of_unpriced(&self) -> bool {
        let lost = |victim: &Victim| victim.one_sided && victim.loss == 0 && !victim.amount.is_zero();
        self.profit.unpriced_gains > 0 && self.victims.iter().any(lost)
    }

    /// Losses of those who got nothing in return, in cents.
    pub fn one_sided_loss(&self) -> i128 {
        self.victims.iter().filter(|victim| victim.one_sided).map(|victim| victim.loss).sum()
    }

    /// Whether an asset was lent and came back, rather than paid for with another.
    pub fn repaid_in_kind(&self) -> bool {
        self.loans.iter().any(|loan| !loan.amount.is_zero())
    }
}

/// A tenth of the one must be in the other; the rest may have been made with it, or have gone elsewhere.
const KEPT_PART: i128 = 10;

fn victims(
    values: &Values<'_>,
    transaction: &Transaction,
    sheet: &Sheet,
    openings: &Openings,
    loans: &[FlashLoan],
) -> Vec<Victim> {
    let sender = transaction.from;
    let mut victims = Vec::new();
    for party in sheet.parties().into_iter().filter(|party| !party.is_zero() && *party != sender) {
        let worth = sheet::worth(values, sheet, party);
        let without_price = worth.unpriced_losses > 0 && worth.unpriced_gains == 0 && worth.gained == 0;
        if worth.net() > 0 || (worth.net() == 0 && !without_price) {
            continue;
        }
        let lender = loans.iter().any(|loan| loan.lender == party);
        victims.push(Victim { lender, ..victim(values, sheet, openings, party, worth, sender) });
    }
    victims.sort_by_key(|victim| (victim.lender && !victim.one_sided, std::cmp::Reverse(victim.loss)));
    victims
}

fn victim(
    values: &Values<'_>,
    sheet: &Sheet,
    openings: &Openings,
    party: Address,
    worth: Worth,
    sender: Address,
) -> Victim {
    let coin = prices::wrapped_coin(values.chain);
    // A vault that is its own share token: shares from before this transaction were handed in for what it paid, or destroyed.
    let gone = |net: Option<&Net>, left: fn(Net) -> U256| net.is_some_and(|shares| !left(*shares).is_zero());
    let got_shares_back = gone(sheet.nets.get(&(sender, Some(party))), Net::loss)
        || gone(sheet.nets.get(&(Address::ZERO, Some(party))), Net::gain);
    let value = |asset, net: Net| (values.cents(asset, net.loss()).unwrap_or(0), net.loss());
    let most = sheet.of(party).max_by_key(|(asset, net)| value(*asset, *net));
    let (asset, net) = most.unwrap_or_default();
    let tokens: Vec<Address> = sheet.of(party).filter_map(|(asset, _)| asset.or(coin)).collect();
    let pair = <[Address; 2]>::try_from(tokens).ok();
    let held = asset.or(coin).and_then(|token| openings.held(party, token, pair)).filter(|held| !held.is_zero());
    let share_permille =
        held.map(|held| (net.loss().saturating_mul(U256::from(1_000)) / held).saturating_to::<u32>().min(1_000));
    Victim {
        address: party,
        loss: -worth.net(),
        one_sided: worth.unpriced_gains == 0 && worth.gained <= worth.lost / 10 && !got_shares_back,
        lender: false,
        asset,
        amount: net.loss(),
        share_permille,
    }
}
