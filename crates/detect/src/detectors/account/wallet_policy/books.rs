//! What is known of the guarded wallets: holdings, what left in the last day, whom they paid, which nonce comes next.
//!
//! Made of lessons and nothing else, so that a dropped block can be unlearnt (`crate::memory`). Must never take an unknown balance
//! for zero.

use std::collections::{BTreeMap, VecDeque};

use quarterdeck_core::{
    chain::{Address, BlockRef, ChainId, U256},
    money::Usd,
    time::Timestamp,
    wallet::Span,
};
use serde::{Deserialize, Serialize};

use crate::{
    memory::Learned,
    statistics::{Bounded, bounded},
};

/// Pairs of a wallet and somebody it paid, about 100 bytes each. The one not paid for longest goes, and would be new again.
const MEETINGS_MAX: usize = 65_536;
/// Assets of one wallet whose balance is kept. Past it a further asset counts as one whose balance is not known.
const ASSETS_MAX: usize = 64;
/// Minutes in which something left, of one wallet or of one of its assets: those of a day.
const MINUTES_MAX: usize = 24 * 60;

/// All guarded wallets.
#[derive(Debug, Clone)]
pub(super) struct Books {
    wallets: BTreeMap<Key, Wallet>,
    met: Bounded<(ChainId, Address, Address), ()>,
    runs: BTreeMap<ChainId, Run>,
}

type Key = (ChainId, Address);

/// Blocks that were seen one after the other, none left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    first: u64,
    last: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Wallet {
    /// The nonce that comes next, and the block that told.
    next: Option<(u64, u64)>,
    purses: Vec<(Option<Address>, Purse)>,
    left: VecDeque<Left>,
    /// It was told that what the wallet holds is not known.
    blind: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Purse {
    /// None: nobody said yet.
    held: Option<U256>,
    left: VecDeque<(i64, U256)>,
}

/// What left within a minute, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Left {
    minute: i64,
    lost: u64,
    gross: u64,
}

/// What a block teaches, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lesson {
    /// The block was seen; whole, or with transactions that could not be read.
    Block { whole: bool },
    /// So much the wallet held.
    Held { wallet: Address, asset: Option<Address>, amount: U256 },
    /// So much went out and came in.
    Moved { wallet: Address, asset: Option<Address>, out: U256, into: U256 },
    /// The wallet is so much poorer, and so much left, in cents.
    Left { wallet: Address, minute: i64, lost: u64, gross: u64 },
    /// So much of an asset left.
    Units { wallet: Address, asset: Option<Address>, minute: i64, amount: U256 },
    /// The wallet paid somebody.
    Met { wallet: Address, to: Address },
    /// The wallet's key signed a transaction.
    Signed { wallet: Address, nonce: u64 },
    /// It was told that what the wallet holds is not known, or that it is known again.
    Blind { wallet: Address, told: bool },
}

/// The minute of an instant, since 1970.
pub(super) const fn minute_of(at: Timestamp) -> i64 {
    at.as_ms().div_euclid(60_000)
}

impl Books {
    pub(super) fn new() -> Self {
        Self { wallets: BTreeMap::new(), met: Bounded::new(MEETINGS_MAX), runs: BTreeMap::new() }
    }

    /// What the wallet holds of an asset, where that is known.
    pub(super) fn held(&self, wallet: Key, asset: Option<Address>) -> Option<U256> {
        self.wallets.get(&wallet)?.purses.iter().find(|(of, _)| *of == asset)?.1.held
    }
    /// Everything that the wallet is known to hold.
    pub(super) fn holdings(&self, wallet: Key) -> impl Iterator<Item = (Option<Address>, U256)> {
        let purses = self.wallets.get(&wallet).into_iter().flat_map(|wallet| &wallet.purses);
        purses.filter_map(|(asset, purse)| purse.held.map(|held| (*asset, held)))
    }
    /// By how much the wallet became poorer in a span that ends with this minute, and how much left.
    pub(super) fn left(&self, wallet: Key, span: Span, minute: i64) -> (Usd, Usd) {
        let within = |one: &&Left| is_within(one.minute, span, minute);
        let all = self.wallets.get(&wallet).into_iter().flat_map(|wallet| &wallet.left);
        all.filter(within).fold((Usd::ZERO, Usd::ZERO), |(lost, gross), one| {
            (lost + Usd::from_cents(one.lost), gross + Usd::from_cents(one.gross))
        })
    }
    /// How much of an asset left in a span that ends with this minute.
    pub(super) fn units(&self, wallet: Key, asset: Option<Address>, span: Span, minute: i64) -> U256 {
        let purses = self.wallets.get(&wallet).into_iter().flat_map(|wallet| &wallet.purses);
        let all = purses.filter(|(of, _)| *of == asset).flat_map(|(_, purse)| &purse.left);
        let within = all.filter(|(at, _)| is_within(*at, span, minute));
        within.fold(U256::ZERO, |sum, (_, amount)| sum.saturating_add(*amount))
    }
    pub(super) fn has_met(&self, wallet: Key, to: Address) -> bool {
        self.met.get(&(wallet.0, wallet.1, to)).is_some()
    }
    /// The nonce that must come next, if every block was seen since the last one.
    pub(super) fn next_nonce(&self, wallet: Key) -> Option<u64> {
        let (next, block) = self.wallets.get(&wallet)?.next?;
        self.runs.get(&wallet.0).filter(|run| run.first <= block).map(|_| next)
    }
    pub(super) fn is_blind(&self, wallet: Key) -> bool {
        self.wallets.get(&wallet).is_some_and(|wallet| wallet.blind)
    }

    pub(super) fn take(&mut self, block: BlockRef, lesson: Lesson) {
        let chain = block.chain;
        match lesson {
            Lesson::Block { whole } => self.see(block, whole),
            Lesson::Held { wallet, asset, amount } => {
                if let Some(purse) = self.wallet(chain, wallet).purse(asset) {
                    purse.held = Some(amount);
                }
            }
            Lesson::Moved { wallet, asset, out, into } => {
                if let Some(purse) = self.wallet(chain, wallet).purse(asset) {
                    purse.held = purse.held.map(|held| held.saturating_add(into).saturating_sub(out));
                }
            }
            Lesson::Left { wallet, minute, lost, gross } => self.wallet(chain, wallet).leave(minute, lost, gross),
            Lesson::Units { wallet, asset, minute, amount } => {
                if let Some(purse) = self.wallet(chain, wallet).purse(asset) {
                    purse.leave(minute, amount);
                }
            }
            Lesson::Met { wallet, to } => drop(self.met.entry((chain, wallet, to), || ())),
            Lesson::Signed { wallet, nonce } => {
                self.wallet(chain, wallet).next = Some((nonce.saturating_add(1), block.number));
            }
            Lesson::Blind { wallet, told } => self.wallet(chain, wallet).blind = told,
        }
    }

    fn see(&mut self, block: BlockRef, whole: bool) {
        let number = block.number;
        let run = self.runs.entry(block.chain).or_insert(Run { first: number, last: number });
        // The same height again: several lessons of one block, or another source of the same chain.
        if number != run.last && run.last.checked_add(1) != Some(number) {
            run.first = number;
        }
        run.last = number;
        if !whole {
            run.first = number.saturating_add(1);
        }
    }

    fn wallet(&mut self, chain: ChainId, wallet: Address) -> &mut Wallet {
        self.wallets.entry((chain, wallet)).or_default()
    }
}

const fn is_within(at: i64, span: Span, minute: i64) -> bool {
    at <= minute && at > minute.saturating_sub(span.minutes())
}

impl Wallet {
    fn purse(&mut self, asset: Option<Address>) -> Option<&mut Purse> {
        let place = self.purses.iter().position(|(of, _)| *of == asset);
        if place.is_none() && self.purses.len() < ASSETS_MAX {
            self.purses.push((asset, Purse::default()));
        }
        let place = place.unwrap_or(self.purses.len().saturating_sub(1));
        self.purses.get_mut(place).filter(|(of, _)| *of == asset).map(|(_, purse)| purse)
    }
    fn leave(&mut self, minute: i64, lost: u64, gross: u64) {
        match self.left.back_mut().filter(|latest| latest.minute == minute) {
            Some(latest) => {
                latest.lost = latest.lost.saturating_add(lost);
                latest.gross = latest.gross.saturating_add(gross);
            }
            None => self.left.push_back(Left { minute, lost, gross }),
        }
        let gone = |one: &Left| one.minute <= minute.saturating_sub(Span::Day.minutes());
        while self.left.len() > MINUTES_MAX || self.left.front().is_some_and(gone) {
            self.left.pop_front();
        }
    }
}

impl Purse {
    fn leave(&mut self, minute: i64, amount: U256) {
        match self.left.back_mut().filter(|(last, _)| *last == minute) {
            Some((_, sum)) => *sum = sum.saturating_add(amount),
            None => self.left.push_back((minute, amount)),
        }
        let gone = |(at, _): &(i64, U256)| *at <= minute.saturating_sub(Span::Day.minutes());
        while self.left.len() > MINUTES_MAX || self.left.front().is_some_and(gone) {
            self.left.pop_front();
        }
    }
}

/// The books at rest.
#[derive(Serialize, Deserialize)]
pub(super) struct AtRest {
    wallets: Vec<(Key, Wallet)>,
    met: bounded::Saved<(ChainId, Address, Address), ()>,
    runs: BTreeMap<ChainId, Run>,
}

impl Learned for Books {
    type Lesson = Vec<Lesson>;
    type AtRest = AtRest;
    fn learn(&mut self, block: BlockRef, lesson: &Vec<Lesson>) {
        for lesson in lesson {
            self.take(block, *lesson);
        }
    }
    fn weight(lesson: &Vec<Lesson>) -> usize {
        // A lesson with two amounts takes the room of three sizes.
        1 + lesson.len() * 3
    }
    fn save(&self) -> AtRest {
        let wallets = self.wallets.iter().map(|(key, wallet)| (*key, wallet.clone())).collect();
        AtRest { wallets, met: self.met.save(), runs: self.runs.clone() }
    }
    fn load(&mut self, saved: AtRest) {
        self.wallets = saved.wallets.into_iter().collect();
        self.met = Bounded::load(MEETINGS_MAX, saved.met);
        self.runs = saved.runs;
    }
}
