//! One transaction in the form that every source can give: who called whom with what, and what moved.
//!
//! Traces of attacks and of ordinary blocks come from different programs. A learner finds the difference between two formats
//! sooner than that between theft and trade, so everything that only one of them has is dropped first: gas, what calls returned,
//! logs, calls that can change nothing, calls of the machine's own contracts, calls that failed. Addresses become numbers in
//! order of appearance. Prices and chains are not looked at. Tests below.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::chain::{Address, Block, Call, CallKind, Transaction, U256};

use crate::facts::{
    flow,
    selector::{self, Selector},
};

/// A party by its number: the sender is 0.
pub type Party = usize;

/// The one who sends, in every transaction.
pub const SENDER: Party = 0;

/// One call that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How it began.
    pub kind: CallKind,
    /// 0 for the transaction itself.
    pub depth: usize,
    /// Place of the call that made it.
    pub parent: Option<usize>,
    /// Whose code called.
    pub from: Party,
    /// Who was called or created.
    pub to: Party,
    /// Coin sent along.
    pub value: U256,
    /// Function; none for a plain payment.
    pub selector: Option<Selector>,
    /// Words of call data after the function.
    pub words: usize,
    /// The first argument, where it is a party.
    pub names: Option<Party>,
}

/// An asset by the number of its token; none for the coin, wrapped or not.
pub type Asset = Option<Party>;

/// Something that moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Which asset moved.
    pub asset: Asset,
    /// Who gave; none: made.
    pub from: Option<Party>,
    /// Who got; none: destroyed.
    pub to: Option<Party>,
    /// Raw units.
    pub amount: U256,
    /// Place of the call that moved it.
    pub step: usize,
}

/// A transaction in normal form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Normal {
    /// What remained of its calls, in order; the first is the transaction itself. Empty: it failed, or there is no trace.
    pub steps: Vec<Step>,
    /// What moved, in order.
    pub moves: Vec<Move>,
    /// Number of parties; each is less.
    pub parties: usize,
    /// By party: made in this transaction.
    pub made: Vec<bool>,
    /// By party: the sender, what it called, and what these made.
    pub side: Vec<bool>,
}

/// Calls of one transaction that are looked at: ten times the longest recorded attack, which has 4,054, and time grows in proportion.
pub const STEPS_MAX: usize = 50_000;

impl Normal {
    /// The normal form of `transaction`.
    pub fn of(block: &Block, transaction: &Transaction) -> Self {
        let mut names = Names::default();
        names.number(transaction.from);
        let mut form = Self::default();
        let calls = kept(transaction);
        form.steps = steps(&calls, &mut names);
        for (step, call) in calls.iter().enumerate() {
            form.take(block, step, call, &mut names);
        }
        form.parties = names.0.len();
        form.fold_wrapped();
        form.find_side();
        form
    }

    /// Whether a party is on the sender's side.
    pub fn is_side(&self, party: Party) -> bool {
        self.side.get(party).copied().unwrap_or(false)
    }

    /// Whether a party was made in this transaction.
    pub fn is_made(&self, party: Party) -> bool {
        self.made.get(party).copied().unwrap_or(false)
    }

    /// The contract that was called, or made, by the transaction itself.
    pub fn called(&self) -> Option<Party> {
        self.steps.first().map(|step| step.to)
    }

    fn take(&mut self, block: &Block, step: usize, call: &Call, names: &mut Names) {
        let moves_coin = matches!(call.kind, CallKind::Call | CallKind::Create | CallKind::SelfDestruct);
        if let Some(to) = call.to
            && moves_coin
            && !call.value.is_zero()
        {
            let (from, to) = (Some(names.number(call.from)), Some(names.number(to)));
            self.add(Move { asset: None, from, to, amount: call.value, step });
        }
        if let Some(flow) = flow::token_flow(block.chain, call).filter(|flow| !flow.wraps) {
            let asset = flow.token.map(|token| names.number(token));
            let party = |address: Address, names: &mut Names| (!address.is_zero()).then(|| names.number(address));
            let (from, to) = (party(flow.from, names), party(flow.to, names));
            self.add(Move { asset, from, to, amount: flow.amount, step });
        }
    }

    fn add(&mut self, moved: Move) {
        if !moved.amount.is_zero() && moved.from != moved.to {
            self.moves.push(moved);
        }
    }

    /// Counts wrapped coin as the coin: who holds a wrapper's token owns what the wrapper keeps. A wrapper is known by what happens,
    /// since nobody lists those of every chain: it takes or gives coin as wrappers do, and its token is passed on as well. A bank
    /// that has the same two functions and no token is none.
    fn fold_wrapped(&mut self) {
        let is_passed_on = |party: Party| {
            let passes = |moved: &Move| moved.asset == Some(party) && moved.from.is_some() && moved.to.is_some();
            self.moves.iter().any(passes)
        };
        let wraps = (0..self.steps.len()).filter(|at| self.wraps_at(*at)).filter_map(|at| self.steps.get(at));
        let found: BTreeSet<Party> = wraps.map(|step| step.to).collect();
        let wrappers: BTreeSet<Party> = found.into_iter().filter(|party| is_passed_on(*party)).collect();
        let is_wrapper = |party: Option<Party>| party.is_some_and(|party| wrappers.contains(&party));
        // The coin that a wrapper keeps or pays out only changes its form.
        self.moves.retain(|moved| moved.asset.is_some() || !(is_wrapper(moved.from) || is_wrapper(moved.to)));
        for moved in &mut self.moves {
            if is_wrapper(moved.asset) {
                moved.asset = None;
            }
        }
    }

    /// Whether a call does what only wrappers do: `deposit()` with coin that calls nobody, or `withdraw` of an amount during which
    /// coin comes back to the caller.
    fn wraps_at(&self, at: usize) -> bool {
        let (Some(step), Some(behind)) = (self.steps.get(at), self.steps.get(at + 1..)) else { return false };
        let mut below = behind.iter().take_while(|later| later.depth > step.depth);
        match step.selector {
            Some(DEPOSIT) => !step.value.is_zero() && below.next().is_none(),
            Some(WITHDRAW) if step.words == 1 => {
                below.any(|back| back.from == step.to && back.to == step.from && !back.value.is_zero())
            }
            _ => false,
        }
    }

    fn find_side(&mut self) {
        self.made = vec![false; self.parties];
        self.side = vec![false; self.parties];
        mark(&mut self.side, SENDER);
        if let Some(called) = self.called() {
            mark(&mut self.side, called);
        }
        for step in &self.steps {
            if step.kind == CallKind::Create {
                mark(&mut self.made, step.to);
                if self.side.get(step.from).copied().unwrap_or(false) {
                    mark(&mut self.side, step.to);
                }
            }
        }
    }
}

/// `deposit()`.
const DEPOSIT: Selector = [0xd0, 0xe3, 0x0d, 0xb0];
/// `withdraw(uint256)`.
const WITHDRAW: Selector = [0x2e, 0x1a, 0x7d, 0x4d];

fn mark(flags: &mut [bool], party: Party) {
    if let Some(flag) = flags.get_mut(party) {
        *flag = true;
    }
}

/// The calls that every source tells of and that left something behind.
fn kept(transaction: &Transaction) -> Vec<&Call> {
    let failed = transaction.status == Some(false);
    let mut kept = Vec::new();
    // The depth of a call below which nothing counts.
    let mut barred: Option<u32> = None;
    for call in transaction.calls.iter().filter(|_| !failed) {
        if barred.is_some_and(|depth| call.depth > depth) {
            continue;
        }
        let dropped = call.reverted || call.kind == CallKind::Static || call.to.is_none_or(is_built_in);
        barred = dropped.then_some(call.depth);
        if !dropped && kept.len() < STEPS_MAX {
            kept.push(call);
        }
    }
    kept
}

/// The machine's own contracts have the smallest addresses; some programs do not tell of calls to them.
fn is_built_in(address: Address) -> bool {
    !address.is_zero() && address.iter().take(18).all(|byte| *byte == 0)
}

fn steps(calls: &[&Call], names: &mut Names) -> Vec<Step> {
    let mut steps = Vec::with_capacity(calls.len());
    let mut above: Vec<usize> = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        let depth = usize::try_from(call.depth).unwrap_or(usize::MAX);
        above.truncate(depth);
        steps.push(Step {
            kind: call.kind,
            depth,
            parent: above.last().copied(),
            from: names.number(call.from),
            to: names.number(call.to.unwrap_or_default()),
            value: call.value,
            selector: if call.kind == CallKind::Create { None } else { selector::of_call(call) },
            words: call.input.len().saturating_sub(4) / 32,
            names: flow::address_argument(call, 0).and_then(|address| names.0.get(&address).copied()),
        });
        above.push(place);
    }
    steps
}

/// Numbers of addresses, in order of appearance.
#[derive(Default)]
struct Names(BTreeMap<Address, Party>);

impl Names {
    fn number(&mut self, address: Address) -> Party {
        let next = self.0.len();
        *self.0.entry(address).or_insert(next)
    }
}
