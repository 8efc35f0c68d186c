//! G9: tokens were issued for nothing, by somebody who does not issue them, or far more than ever. Tests: `tests.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::{
    catalogue::{Catalogue, WatchedAddress},
    chain::{Address, AnyBlock, Block, ChainEvent, U256},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Facts, Loudness, SignalChange},
};

use self::issuers::{Issuers, Lesson, Record};
use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{
        Case, Evidence,
        extraction::Victim,
        flow::Flow,
        prices,
        sheet::{Net, Sheet},
    },
    memory::Memory,
    rehearsal::{self, Rehearsal},
    taking,
};

mod issuers;
#[cfg(test)]
mod tests;

/// The detector's kind.
pub struct UnbackedMint;

const ID: &str = "unbacked_mint";

const WORTH_MIN_USD: ParamSpec = ParamSpec {
    name: "worth_min_usd",
    unit: "USD",
    doc: "Tokens that are worth less are not told of, however they were issued.",
    default: 10_000,
    min: 0,
    max: 1_000_000_000,
};
const UNKNOWN_MIN_USD: ParamSpec = ParamSpec {
    name: "unknown_min_usd",
    unit: "USD",
    doc: "Worth from which an issue is told while it is not known yet who issues the token as a rule.",
    default: 1_000_000,
    min: 0,
    max: 100_000_000_000,
};
const KNOWN_AFTER_ISSUES: ParamSpec = ParamSpec {
    name: "known_after_issues",
    unit: "issues",
    doc: "Issues of a token after which it counts as known who issues it, and how much.",
    default: 5,
    min: 1,
    max: 10_000,
};
const ISSUERS_MAX: ParamSpec = ParamSpec {
    name: "issuers_max",
    unit: "accounts",
    doc: "A token that more accounts than this had issued for nothing is one that anybody may: then only the amount is judged.",
    default: 8,
    min: 1,
    max: 64,
};
const JUMP_TIMES: ParamSpec = ParamSpec {
    name: "jump_times",
    unit: "times the largest issue before",
    doc: "An issue by somebody who issues as a rule is told from this on.",
    default: 20,
    min: 2,
    max: 1_000_000,
};
const SOLD_MIN_USD: ParamSpec = ParamSpec {
    name: "sold_min_usd",
    unit: "USD",
    doc: "What tokens that were issued for nothing must have brought in the same transaction, where nobody watches the token.",
    default: 20_000,
    min: 0,
    max: 1_000_000_000,
};

const PARAMS: &[ParamSpec] =
    &[WORTH_MIN_USD, UNKNOWN_MIN_USD, KNOWN_AFTER_ISSUES, ISSUERS_MAX, JUMP_TIMES, SOLD_MIN_USD];

const DOC: &str = "\
## What it watches
Tokens that come into being while whoever asked for it gives less than a tenth of what they are worth: no payment, no deposit, no other token. Of a watched token it \
remembers who had it issued and how much. It speaks when an account that never did has it issued though only a few do; when one that \
does has more than `jump_times` the largest amount before issued; and, as long as that is not known, from `unknown_min_usd` on. Of \
tokens that nobody watches it speaks when they are issued for nothing and sold at once into a pool that loses half of what it held.

## Why it matters
A bridge or an issuer promises something behind each token. Tokens without it are somebody else's money: whoever has them sells them for what \
is behind the others, and in minutes. Forged messages, unproven messages and stolen issuers' keys all end in such an issue.

## When it is wrong
A new issuer, a new relayer, or an issue that is larger than ever looks the same until it is known. Whether something was locked on another \
chain is not looked up: both ends of a bridge are judged apart. A token that the trace and the logs do not show as issued is not seen. Of \
each token 64 issuers are remembered.

## First steps
Ask the issuer, or whoever runs the bridge, whether this issue was theirs. If nobody knows it, pause issuing and the bridge, then the pools \
and markets that take the token: it is being sold now. Find the message or the key that it came by before you open again.
";

impl DetectorKind for UnbackedMint {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "G9"
    }
    fn title(&self) -> &'static str {
        "Tokens issued for nothing"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        Box::new(Watch {
            catalogue: Arc::clone(&knowledge.catalogue),
            voice: Voice::new(ID, params),
            limits: Limits::of(params),
            issuers: Memory::new(Issuers::default()),
            taught: Vec::new(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let (relayer, stranger) = (Address::repeat_byte(0x4e), Address::repeat_byte(0xee));
        for n in 0..6 {
            chain.block(vec![rehearsal::issue(rehearsal::TOKEN, relayer, rehearsal::HOT, dollars(1_000 + n))]);
        }
        chain.block(vec![rehearsal::issue(rehearsal::TOKEN, stranger, stranger, dollars(400_000))]);
        (rehearsal::issuer(), chain.events)
    }
}

/// Dollars as raw units of the rehearsal's token.
fn dollars(amount: u64) -> U256 {
    U256::from(amount) * U256::from(1_000_000)
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    worth_min: i128,
    unknown_min: i128,
    known_after: u64,
    issuers_max: usize,
    jump_times: u64,
    sold_min: i128,
}

impl Limits {
    fn of(params: &Params) -> Self {
        let whole = |spec: &ParamSpec| u64::try_from(params.get(spec)).unwrap_or(0);
        Self {
            worth_min: taking::cents(params.get(&WORTH_MIN_USD)),
            unknown_min: taking::cents(params.get(&UNKNOWN_MIN_USD)),
            known_after: whole(&KNOWN_AFTER_ISSUES),
            issuers_max: usize::try_from(whole(&ISSUERS_MAX)).unwrap_or(usize::MAX),
            jump_times: whole(&JUMP_TIMES),
            sold_min: taking::cents(params.get(&SOLD_MIN_USD)),
        }
    }
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    limits: Limits,
    issuers: Memory<Issuers>,
    /// What the block that is being looked at teaches.
    taught: Vec<Lesson>,
}

/// What is odd about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// Nobody is known to issue it yet.
    NothingKnown,
    /// An account that never did, where only these do.
    Newcomer { issuers: usize },
    /// So many times the largest before.
    Jump { times: u64 },
}

impl Detector for Watch {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(AnyBlock::Account(block)) => {
                for case in evidence.cases() {
                    self.look(case, out);
                }
                let taught = std::mem::take(&mut self.taught);
                self.issuers.keep(block.reference(), (!taught.is_empty()).then_some(taught));
            }
            // What a dropped block taught is unlearnt. Of a fork too deep for that some issuers stay known, who then are.
            ChainEvent::Reorg(reorg) => {
                self.issuers.unlearn(reorg);
            }
            ChainEvent::Finalized(block) => self.issuers.finalized(*block),
            ChainEvent::Block(AnyBlock::Output(_)) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        self.issuers.save()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.issuers = Memory::new(Issuers::default());
        self.issuers.load(snapshot).map_err(|source| {
            self.issuers = Memory::new(Issuers::default());
            SnapshotError { detector: ID, source }
        })
    }
}

/// What a transaction brought into being of each token, less what it destroyed of it.
fn issued(flows: &[Flow]) -> BTreeMap<Address, U256> {
    let mut all: BTreeMap<Address, (U256, U256)> = BTreeMap::new();
    for flow in flows.iter().filter(|flow| flow.from.is_zero()) {
        if let Some(token) = flow.token {
            let sum = &mut all.entry(token).or_default().0;
            *sum = sum.saturating_add(flow.amount);
        }
    }
    if all.is_empty() {
        return BTreeMap::new();
    }
    for flow in flows.iter().filter(|flow| flow.to.is_zero()) {
        if let Some((_, gone)) = flow.token.and_then(|token| all.get_mut(&token)) {
            *gone = gone.saturating_add(flow.amount);
        }
    }
    let left = all.into_iter().map(|(token, (made, gone))| (token, made.saturating_sub(gone)));
    left.filter(|(_, amount)| !amount.is_zero()).collect()
}

impl Watch {
    fn look(&mut self, case: Case<'_>, out: &mut Vec<SignalChange>) {
        let (block, transaction) = (case.block, case.transaction);
        for (token, amount) in issued(case.flows()) {
            if self.was_paid(case, token, amount) {
                continue;
            }
            let key = (block.chain, token);
            let Some((_, watched)) = self.catalogue.watched(block.chain, token) else {
                out.extend(self.sold(case, token, amount));
                continue;
            };
            let watched = watched.clone();
            let record = self.issuers.now().of(key);
            if let Some(odd) = self.odd(block, token, amount, transaction.from, record) {
                out.push(self.claim(case, &watched, (token, amount), odd, record.map(|record| record.largest)));
            }
            let lesson = Lesson { token, issuer: transaction.from, amount };
            self.issuers.now_mut().take(block.reference(), lesson);
            self.taught.push(lesson);
        }
    }

    fn odd(&self, block: &Block, token: Address, amount: U256, by: Address, record: Option<&Record>) -> Option<Odd> {
        let worth = prices::value_in(&self.catalogue, block.chain, Some(token), amount);
        if worth.is_some_and(|worth| worth < self.limits.worth_min) {
            return None;
        }
        let known = record.filter(|record| record.issues >= self.limits.known_after);
        let Some(record) = known else {
            let before = record.is_some_and(|record| record.knows(by));
            return (!before && worth? >= self.limits.unknown_min).then_some(Odd::NothingKnown);
        };
        let open = record.issuers.len() > self.limits.issuers_max;
        if !open && !record.knows(by) {
            return Some(Odd::Newcomer { issuers: record.issuers.len() });
        }
        let times = amount.checked_div(record.largest)?.saturating_to::<u64>();
        (times >= self.limits.jump_times).then_some(Odd::Jump { times })
    }

    fn claim(
        &self,
        case: Case<'_>,
        watched: &WatchedAddress,
        (token, amount): (Address, U256),
        odd: Odd,
        largest: Option<U256>,
    ) -> SignalChange {
        let (block, transaction) = (case.block, case.transaction);
        let worth = prices::value_in(&self.catalogue, block.chain, Some(token), amount);
        let text = |raw| prices::display_in(&self.catalogue, block.chain, Some(token), raw);
        let money = taking::usd(worth.unwrap_or(0));
        let by = transaction.from;
        let (why, confidence) = match odd {
            Odd::NothingKnown => {
                (format!("It is not known yet who issues {} as a rule: {by} had not before.", watched.label), 600)
            }
            Odd::Newcomer { issuers: 1 } => {
                (format!("One account has {} issued as a rule, and {by} is not that one.", watched.label), 900)
            }
            Odd::Newcomer { issuers } => {
                (format!("{issuers} accounts have {} issued as a rule, and {by} is none of them.", watched.label), 900)
            }
            Odd::Jump { times } => {
                (format!("{by} has it issued as a rule; this is {times} times the largest amount before."), 700)
            }
        };
        let (raw, unit) = prices::exact_in(&self.catalogue, block.chain, Some(token), amount);
        let mut claim = Claim::on_block(&self.voice, block, "", &[token.as_slice()])
            .only()
            .transaction(transaction)
            .loudness(loudness(worth, odd))
            .service(taking::service(&self.catalogue, block.chain, token))
            .title(format!("{}: {} issued for nothing", watched.label, text(amount)))
            .text(format!("{} came into being and whoever asked for it gave next to nothing. {why}", text(amount)))
            .number("issued", raw, &unit)
            .number("worth", money.dollars(), "USD");
        if let Some(largest) = largest {
            let (raw, unit) = prices::exact_in(&self.catalogue, block.chain, Some(token), largest);
            claim = claim.number("largest issue before", raw, &unit);
        }
        claim
            .facts(Facts { money_at_risk: money, irreversible: true, theft: true, ..Facts::default() })
            .confidence(confidence)
            .party("sender", by)
            .party("token", token)
            .parties(receivers(case, token).map(|to| ("receiver", to)))
            .raised()
    }

    /// Issued for nothing and sold at once, where nobody watches the token: a pool lost half of what it held.
    fn sold(&self, case: Case<'_>, token: Address, amount: U256) -> Option<SignalChange> {
        let (block, transaction, found) = (case.block, case.transaction, case.extraction());
        if !taking::may_take(transaction) {
            return None;
        }
        let pools: BTreeSet<Address> = case
            .flows()
            .iter()
            .filter(|flow| flow.token == Some(token) && !flow.to.is_zero() && !found.side.contains(&flow.to))
            .map(|flow| flow.to)
            .collect();
        let lost = pools.into_iter().filter_map(|pool| self.emptied(case, token, pool)).max_by_key(|pool| pool.loss)?;
        let loudness = match lost.loss {
            MILLION_CENTS.. => Loudness::Critical,
            ERROR_CENTS.. => Loudness::Error,
            _ => Loudness::Warning,
        };
        let money = taking::usd(lost.loss);
        let name = taking::name(&self.catalogue, block.chain, lost.address);
        Some(
            Claim::on_block(&self.voice, block, "", &[token.as_slice(), b"sold"])
                .only()
                .transaction(transaction)
                .loudness(loudness)
                .service(taking::service(&self.catalogue, block.chain, lost.address))
                .title(format!("{} issued for nothing and sold; {name} lost {money}", crate::watch::short(token)))
                .text(format!(
                    "{} came into being, whoever asked for it gave next to nothing, and it was sold at once: {name} paid {} for it, {} thousandths of what it held.",
                    prices::display_in(&self.catalogue, block.chain, Some(token), amount),
                    prices::display_in(&self.catalogue, block.chain, lost.asset, lost.amount),
                    lost.share_permille.unwrap_or_default(),
                ))
                .number("share of what the pool held", lost.share_permille.unwrap_or_default(), "thousandths")
                .number("paid by the pool", money.dollars(), "USD")
                .facts(Facts { money_at_risk: money, irreversible: true, theft: true, ..Facts::default() })
                .confidence(800)
                .party("token", token)
                .parties(taking::parties(transaction, &lost))
                .raised(),
        )
    }

    /// What a pool paid for the token, where that is half of what it held and worth enough.
    fn emptied(&self, case: Case<'_>, token: Address, pool: Address) -> Option<Victim> {
        let chain = case.block.chain;
        let sheet = Sheet::new(chain, case.flows(), &BTreeSet::new(), Address::ZERO);
        let paid = |(asset, net): (Option<Address>, Net)| {
            let of = asset.or(prices::wrapped_coin(chain)).filter(|of| *of != token && !net.loss().is_zero())?;
            let held = case.openings().held(pool, of, Some([token, of])).filter(|held| !held.is_zero())?;
            let share = (net.loss().saturating_mul(U256::from(1_000)) / held).saturating_to::<u32>();
            let loss = prices::value_in(&self.catalogue, chain, asset, net.loss())?;
            let enough = share >= EMPTIED_PERMILLE && loss >= self.limits.sold_min.max(1);
            let amount = net.loss();
            enough.then(|| Victim { loss, asset, amount, share_permille: Some(share), ..Victim::unknown(pool) })
        };
        sheet.of(pool).filter_map(paid).max_by_key(|lost| lost.loss)
    }

    /// Whether the sender, its side, or whoever got it, paid others at least a tenth of what it is worth: then it was bought, well or
    /// badly. What has no price pays for anything.
    fn was_paid(&self, case: Case<'_>, token: Address, amount: U256) -> bool {
        let (chain, profit) = (case.block.chain, case.extraction().profit);
        let mut hands: BTreeSet<Address> = receivers(case, token).collect();
        hands.insert(case.transaction.from);
        let sheet = Sheet::new(chain, case.flows(), &hands, case.transaction.from);
        let given =
            sheet.of(case.transaction.from).filter(|(asset, net)| *asset != Some(token) && !net.loss().is_zero());
        let mut paid = profit.lost;
        for (asset, net) in given {
            match prices::value_in(&self.catalogue, chain, asset, net.loss()) {
                Some(cents) => paid = paid.saturating_add(cents),
                None => return true,
            }
        }
        match prices::value_in(&self.catalogue, chain, Some(token), amount) {
            Some(worth) => profit.unpriced_losses > 0 || paid.saturating_mul(PAID_PART) >= worth.max(1),
            None => profit.unpriced_losses > 0 || paid > 0,
        }
    }
}

/// Who got what came into being.
fn receivers(case: Case<'_>, token: Address) -> impl Iterator<Item = Address> {
    let made = case.flows().iter().filter(move |flow| flow.token == Some(token) && flow.from.is_zero());
    made.map(|flow| flow.to).take(RECEIVERS_MAX)
}

/// How loud: without a price nobody can say how much was made.
fn loudness(worth: Option<i128>, odd: Odd) -> Loudness {
    let million = worth.is_some_and(|worth| worth >= MILLION_CENTS);
    match odd {
        Odd::Newcomer { .. } if million => Loudness::Critical,
        Odd::Newcomer { .. } if worth.is_some_and(|worth| worth >= ERROR_CENTS) => Loudness::Error,
        Odd::NothingKnown | Odd::Jump { .. } if million => Loudness::Error,
        Odd::NothingKnown | Odd::Newcomer { .. } | Odd::Jump { .. } => Loudness::Warning,
    }
}

const MILLION_CENTS: i128 = 1_000_000 * 100;
/// From this loss on nobody waits for the morning.
const ERROR_CENTS: i128 = MILLION_CENTS / 10;
/// A tenth of the worth is a bad price; less is none.
const PAID_PART: i128 = 10;
/// A pool that lost this share of what it held by a sale was sold more than it ever dealt in.
const EMPTIED_PERMILLE: u32 = 500;
/// Receivers of one issue that are looked at and named.
const RECEIVERS_MAX: usize = 16;
