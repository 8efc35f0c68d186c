//! The shape of the calls: how deep, how wide, how often the same, who asks whom, and what the sender's own code is asked to do
//! while it waits.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::chain::{CallKind, U256};

use super::feature::{Feature, log, share, whole};
use crate::{
    facts::selector::Selector,
    models::normal::{Normal, Party, Step},
};

/// What [`calls`] gives, in its order.
pub(super) const CALLS: [Feature; 40] = [
    Feature::new("calls", "it makes many calls", "it makes few calls"),
    Feature::new("depth", "its calls are deeply nested", "its calls are hardly nested"),
    Feature::new("mean_depth", "most of its calls are deep inside others", "most of its calls are near the top"),
    Feature::new("breadth", "one call makes very many others", "no call makes many others"),
    Feature::new("delegate_share", "much of it runs through proxies", "little of it runs through proxies"),
    Feature::new("creations", "it makes contracts on the spot", "it makes no contract"),
    Feature::new("in_constructors", "work is done inside a constructor", "no work is done inside a constructor"),
    Feature::new("self_destructs", "a contract destroys itself", "no contract destroys itself"),
    Feature::new("contracts", "many different contracts take part", "few contracts take part"),
    Feature::new("functions", "many different functions are used", "few functions are used"),
    Feature::new("variety", "hardly any call is a repetition", "the same calls come again and again"),
    Feature::new("same_call_max", "one call is made very often", "no call is made often"),
    Feature::new("coin_payments", "the coin is sent often", "the coin is hardly sent"),
    Feature::new("plain_payments", "coin is sent without a call more than once", "no coin is sent without a call"),
    Feature::new(
        "is_creation",
        "the transaction itself makes a contract",
        "the transaction calls an existing contract",
    ),
    Feature::new("brings_coin", "the sender pays coin in", "the sender pays no coin in"),
    Feature::new("root_words", "the sender gives many arguments", "the sender gives few arguments"),
    Feature::new("has_function", "the sender names a function", "the sender names no function"),
    Feature::new("is_proxy", "the contract called is a proxy", "the contract called runs its own code"),
    Feature::new("side_asks", "the sender's contracts make many calls", "the sender's contracts make few calls"),
    Feature::new(
        "side_share",
        "most calls are made by the sender's contracts",
        "most calls are made by other contracts",
    ),
    Feature::new(
        "side_partners",
        "the sender's contracts deal with many others",
        "the sender's contracts deal with few others",
    ),
    Feature::new(
        "side_functions",
        "the sender's contracts use many functions",
        "the sender's contracts use few functions",
    ),
    Feature::new(
        "side_same_max",
        "the sender's contracts ask the same thing again and again",
        "the sender's contracts ask nothing twice",
    ),
    Feature::new(
        "side_self",
        "the sender's contracts call one another",
        "the sender's contracts do not call one another",
    ),
    Feature::new(
        "asked_back",
        "others call the sender's contract while it waits",
        "nobody calls the sender's contract back",
    ),
    Feature::new(
        "asked_functions",
        "the sender's contract is called back by several functions",
        "the sender's contract has hardly any function that others call",
    ),
    Feature::new(
        "asked_by",
        "several contracts call the sender's contract back",
        "hardly anyone calls the sender's contract back",
    ),
    Feature::new(
        "asked_paid",
        "the sender's contract is paid coin while it waits",
        "the sender's contract is not paid coin while it waits",
    ),
    Feature::new(
        "work_when_asked",
        "the work is done while another contract waits",
        "the work is not done in a callback",
    ),
    Feature::new(
        "nested_side",
        "the sender's contract is at work several times at once",
        "the sender's contract is at work only once at a time",
    ),
    Feature::new(
        "reentries",
        "a contract is called again while it waits for the sender's side",
        "no contract is called again while it waits",
    ),
    Feature::new("nested_same", "one contract waits for itself several times over", "no contract waits for itself"),
    Feature::new("approvals", "the sender's contracts approve others", "the sender's contracts approve nobody"),
    Feature::new(
        "working_made",
        "contracts made in this transaction do the work",
        "no contract made in this transaction does any work",
    ),
    Feature::new(
        "same_function_max",
        "one function is called at many contracts",
        "no function is called at many contracts",
    ),
    Feature::new(
        "side_plain",
        "the sender's contracts send coin without a call",
        "the sender's contracts send no coin without a call",
    ),
    Feature::new("work_per_word", "much is done for few arguments", "little is done for what the sender asks"),
    Feature::new("approves_side", "others approve the sender's contract", "nobody approves the sender's contract"),
    Feature::new(
        "asked_same_max",
        "the same function of the sender's contract is called back again and again",
        "no function of the sender's contract is called back twice",
    ),
];

/// The numbers of [`CALLS`].
pub(super) fn calls(form: &Normal) -> [f64; 40] {
    let steps = &form.steps;
    let whole_shape = Tally::of(form);
    let side = SideTally::of(form);
    let waits = Waiting::of(form);
    let count = whole(steps.len());
    let root = steps.first();
    let depth = steps.iter().map(|step| step.depth).max().unwrap_or(0);
    let depths: usize = steps.iter().map(|step| step.depth).sum();
    let kind = |wanted: CallKind| whole(steps.iter().filter(|step| step.kind == wanted).count());
    let delegates = kind(CallKind::Delegate) + kind(CallKind::Code);
    let plain = steps.iter().filter(|step| is_plain(step)).count();
    let is_proxy = steps.get(1).is_some_and(|step| step.kind == CallKind::Delegate && step.depth == 1);
    [
        log(count),
        log(whole(depth)),
        share(whole(depths), count),
        log(whole(whole_shape.breadth)),
        share(delegates, count),
        log(kind(CallKind::Create)),
        share(whole(whole_shape.in_constructors), count),
        log(kind(CallKind::SelfDestruct)),
        log(whole(whole_shape.contracts.len())),
        log(whole(whole_shape.functions.len())),
        share(whole(whole_shape.same.len()), count),
        log(whole(whole_shape.same.values().copied().max().unwrap_or(0))),
        log(whole(steps.iter().filter(|step| pays(step)).count())),
        log(whole(plain)),
        f64::from(root.is_some_and(|step| step.kind == CallKind::Create)),
        f64::from(root.is_some_and(pays)),
        log(whole(root.map_or(0, |step| step.words))),
        f64::from(root.is_some_and(|step| step.selector.is_some())),
        f64::from(is_proxy),
        log(whole(side.asks)),
        share(whole(side.asks), count),
        log(whole(side.partners.len())),
        log(whole(side.functions.len())),
        log(whole(side.same.values().copied().max().unwrap_or(0))),
        log(whole(side.among)),
        log(whole(side.asked)),
        log(whole(side.asked_functions.len())),
        log(whole(side.asked_by.len())),
        log(whole(side.asked_paid)),
        share(whole(waits.asks_in_callback), whole(side.asks)),
        log(whole(waits.side_at_once)),
        log(whole(waits.reentries)),
        log(whole(waits.same_at_once)),
        log(whole(side.approvals)),
        log(whole(side.working_made.len())),
        log(whole(whole_shape.spread())),
        log(whole(side.plain)),
        log(count) - log(whole(root.map_or(0, |step| step.words))),
        log(whole(side.approves_side)),
        log(whole(side.asked_same.values().copied().max().unwrap_or(0))),
    ]
}

fn pays(step: &Step) -> bool {
    step.value > U256::ZERO && matches!(step.kind, CallKind::Call | CallKind::Create | CallKind::SelfDestruct)
}

fn is_plain(step: &Step) -> bool {
    pays(step) && step.kind == CallKind::Call && step.selector.is_none() && step.depth > 0
}

/// Whether foreign code runs in the caller's name: then nobody else was asked for anything.
fn is_delegate(step: &Step) -> bool {
    matches!(step.kind, CallKind::Delegate | CallKind::Code)
}

/// Counts over all calls.
#[derive(Default)]
struct Tally {
    contracts: BTreeSet<Party>,
    functions: BTreeSet<Option<Selector>>,
    same: BTreeMap<(Party, Party, Option<Selector>), usize>,
    breadth: usize,
    in_constructors: usize,
    places: BTreeMap<Selector, BTreeSet<Party>>,
}

impl Tally {
    /// At how many contracts the function is called that is called at most of them.
    fn spread(&self) -> usize {
        self.places.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    fn of(form: &Normal) -> Self {
        let mut tally = Self::default();
        let mut children = vec![0_usize; form.steps.len()];
        let mut below_creation = vec![false; form.steps.len()];
        for (place, step) in form.steps.iter().enumerate() {
            tally.contracts.insert(step.to);
            tally.functions.insert(step.selector);
            if let Some(function) = step.selector.filter(|_| !is_delegate(step)) {
                tally.places.entry(function).or_default().insert(step.to);
            }
            *tally.same.entry((step.from, step.to, step.selector)).or_default() += 1;
            let Some(parent) = step.parent else { continue };
            if let Some(count) = children.get_mut(parent) {
                *count += 1;
            }
            let made_above = form.steps.get(parent).is_some_and(|above| above.kind == CallKind::Create)
                || below_creation.get(parent).copied().unwrap_or(false);
            if made_above {
                tally.in_constructors += 1;
                if let Some(flag) = below_creation.get_mut(place) {
                    *flag = true;
                }
            }
        }
        tally.breadth = children.into_iter().max().unwrap_or(0);
        tally
    }
}

/// What the sender's contracts ask of others, and are asked.
#[derive(Default)]
struct SideTally {
    asks: usize,
    partners: BTreeSet<Party>,
    functions: BTreeSet<Option<Selector>>,
    same: BTreeMap<(Party, Option<Selector>), usize>,
    among: usize,
    asked: usize,
    asked_functions: BTreeSet<Option<Selector>>,
    asked_by: BTreeSet<Party>,
    asked_paid: usize,
    approvals: usize,
    working_made: BTreeSet<Party>,
    plain: usize,
    approves_side: usize,
    asked_same: BTreeMap<Option<Selector>, usize>,
}

impl SideTally {
    fn of(form: &Normal) -> Self {
        let mut tally = Self::default();
        for step in form.steps.iter().filter(|step| !is_delegate(step) && step.depth > 0) {
            match (form.is_side(step.from), form.is_side(step.to)) {
                (true, false) => {
                    tally.asks += 1;
                    tally.partners.insert(step.to);
                    tally.functions.insert(step.selector);
                    *tally.same.entry((step.to, step.selector)).or_default() += 1;
                    tally.approvals += usize::from(step.selector == Some(APPROVE));
                    tally.plain += usize::from(is_plain(step));
                    if form.is_made(step.from) {
                        tally.working_made.insert(step.from);
                    }
                }
                (true, true) => tally.among += 1,
                (false, true) => {
                    tally.asked += 1;
                    tally.asked_by.insert(step.from);
                    *tally.asked_same.entry(step.selector).or_default() += 1;
                    if step.selector.is_some() {
                        tally.asked_functions.insert(step.selector);
                    }
                    tally.asked_paid += usize::from(pays(step));
                }
                (false, false) => {
                    let names_side = step.names.is_some_and(|party| form.is_side(party));
                    tally.approves_side += usize::from(step.selector == Some(APPROVE) && names_side);
                }
            }
        }
        tally
    }
}

/// `approve(address,uint256)`.
const APPROVE: Selector = [0x09, 0x5e, 0xa7, 0xb3];

/// Who waits for whom.
#[derive(Default)]
struct Waiting {
    asks_in_callback: usize,
    side_at_once: usize,
    reentries: usize,
    same_at_once: usize,
}

impl Waiting {
    fn of(form: &Normal) -> Self {
        let mut waiting = Self::default();
        let mut stack: Vec<Party> = Vec::new();
        for step in &form.steps {
            stack.truncate(step.depth);
            let is_side = |party: &Party| form.is_side(*party);
            if !is_delegate(step) {
                let first_outsider = stack.iter().position(|party| !is_side(party));
                let called_back =
                    first_outsider.and_then(|place| stack.get(place..)).is_some_and(|above| above.iter().any(is_side));
                if called_back && form.is_side(step.from) && !form.is_side(step.to) {
                    waiting.asks_in_callback += 1;
                }
                let through_side = stack
                    .iter()
                    .position(|party| *party == step.to)
                    .and_then(|place| stack.get(place..))
                    .is_some_and(|above| above.iter().any(is_side));
                waiting.reentries += usize::from(through_side && !form.is_side(step.to));
            }
            let acting = if is_delegate(step) { step.from } else { step.to };
            let entered = stack.last() != Some(&acting);
            stack.push(acting);
            if entered {
                let mut runs: Vec<Party> = stack.clone();
                runs.dedup();
                let same = runs.iter().filter(|party| **party == acting).count();
                let at_once = runs.iter().filter(|party| is_side(party) && **party != 0).count();
                waiting.same_at_once = waiting.same_at_once.max(same);
                waiting.side_at_once = waiting.side_at_once.max(at_once);
            }
        }
        waiting
    }
}
