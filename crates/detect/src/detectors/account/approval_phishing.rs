//! B5: what people allowed a spender to take is taken by it, for nothing, from one after the other. Tests: `tests.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Address, AnyBlock, Block, ChainEvent, Transaction, U256},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Facts, Loudness, SignalChange},
};

use self::{
    grants::{Grants, Lesson, Spender},
    reading::{Approval, Taking},
};
use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Case, Evidence, prices},
    figures,
    memory::Memory,
    rehearsal::{self, Rehearsal},
    taking,
};

mod grants;
mod reading;
#[cfg(test)]
mod tests;

/// The detector's kind.
pub struct ApprovalPhishing;

const ID: &str = "approval_phishing";

const VICTIMS_MIN: ParamSpec = ParamSpec {
    name: "victims_min",
    unit: "owners",
    doc: "Owners from whom a spender must have taken for nothing, where none of them is watched.",
    default: 3,
    min: 1,
    max: 16,
};
const LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "loss_min_usd",
    unit: "USD",
    doc: "What all of them together must have lost, where none of them is watched.",
    default: 10_000,
    min: 0,
    max: 1_000_000_000,
};
const WATCHED_LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "watched_loss_min_usd",
    unit: "USD",
    doc: "What a watched owner must have lost by an approval; one is enough.",
    default: 1_000,
    min: 0,
    max: 1_000_000_000,
};
const NONCE_MIN: ParamSpec = ParamSpec {
    name: "nonce_min",
    unit: "transactions",
    doc: "An owner that sent fewer before its approval is taken for a machine's: exchanges make deposit addresses that only approve.",
    default: 3,
    min: 0,
    max: 1_000,
};

const PARAMS: &[ParamSpec] = &[VICTIMS_MIN, LOSS_MIN_USD, WATCHED_LOSS_MIN_USD, NONCE_MIN];

const DOC: &str = "\
## What it watches
Who allowed whom to take which token, and what is then taken by that approval in a transaction that the owner did not send and in \
which the owner got nothing. It speaks when one spender has taken so from `victims_min` owners, together worth `loss_min_usd`, and again \
each time their number has doubled; of a watched owner at once. A spender that people use in transactions of their own, as exchanges and \
lending markets are used, is none. The 131,072 latest approvals and the 16,384 spenders last used are remembered.

## Why it matters
An approval is a cheque without a date. A false page asks for it, or a safe contract is replaced by another, and all who signed lose what \
they hold, today or in a year. After the first three the others can still be warned.

## When it is wrong
A service that collects from its customers by approval, and gives on another chain or not at all on a chain, looks the same until its \
customers use it themselves. Approvals by signed message that somebody else hands in count for watched owners only. Approvals that are older than \
what is remembered are not known.

## First steps
1. If the owner is yours: revoke the approval of the spender named, in every token, before anything else; then move what is left.
2. Warn the others who approved this spender; the tools that revoke approvals take its address.
3. Give the receiver's address to exchanges and to the list of addresses that you hold deposits from.
";

impl DetectorKind for ApprovalPhishing {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "B5"
    }
    fn title(&self) -> &'static str {
        "Taken by approvals from one owner after the other"
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
            least: Least {
                victims: usize::try_from(params.get(&VICTIMS_MIN)).unwrap_or(usize::MAX),
                loss: taking::cents(params.get(&LOSS_MIN_USD)),
                watched_loss: taking::cents(params.get(&WATCHED_LOSS_MIN_USD)),
                nonce: u64::try_from(params.get(&NONCE_MIN)).unwrap_or(0),
            },
            grants: Memory::new(Grants::new()),
            taught: Vec::new(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let (spender, token) = (Address::repeat_byte(0xee), rehearsal::TOKEN);
        let owners = [1_u8, 2, 3].map(Address::repeat_byte);
        for owner in owners {
            let approval = rehearsal::approval(token, owner, spender, U256::MAX);
            chain.block(vec![Transaction { nonce: Some(40), ..approval }]);
        }
        for owner in owners {
            let amount = U256::from(9_000_000_000_u64);
            chain.block(vec![rehearsal::taking(token, (spender, spender), owner, spender, amount)]);
        }
        (rehearsal::knowledge(), chain.events)
    }
}

#[derive(Debug, Clone, Copy)]
struct Least {
    victims: usize,
    loss: i128,
    watched_loss: i128,
    nonce: u64,
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    least: Least,
    grants: Memory<Grants>,
    /// What the block that is being looked at teaches.
    taught: Vec<Lesson>,
}

impl Detector for Watch {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(AnyBlock::Account(block)) => {
                for case in evidence.cases() {
                    self.look(case, out);
                }
                let taught = std::mem::take(&mut self.taught);
                self.grants.keep(block.reference(), (!taught.is_empty()).then_some(taught));
            }
            // What a dropped block taught is unlearnt. Of a fork too deep for that some approvals stay remembered: a taking by one
            // that was never given fails, and is none.
            ChainEvent::Reorg(reorg) => {
                self.grants.unlearn(reorg);
            }
            ChainEvent::Finalized(block) => self.grants.finalized(*block),
            ChainEvent::Block(AnyBlock::Output(_)) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        self.grants.save()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.grants = Memory::new(Grants::new());
        self.grants.load(snapshot).map_err(|source| {
            self.grants = Memory::new(Grants::new());
            SnapshotError { detector: ID, source }
        })
    }
}

/// What a transaction took by one spender.
struct Loot {
    spender: Address,
    takings: Vec<Taking>,
}

impl Watch {
    fn look(&mut self, case: Case<'_>, out: &mut Vec<SignalChange>) {
        let block = case.block;
        let approvals = reading::approvals(case);
        // First what is given and last what is taken back: some tokens tell with each taking what is left of the approval.
        for approval in approvals.iter().filter(|approval| !approval.amount.is_zero()) {
            self.remember(case, approval);
        }
        for spender in reading::used_by_sender(case) {
            if !self.grants.now().spender((block.chain, spender)).is_some_and(Spender::is_established) {
                self.learn(block, Lesson::Used { spender });
            }
        }
        for loot in self.loot(case) {
            out.extend(self.judge(case, &loot));
        }
        for approval in approvals.iter().filter(|approval| approval.amount.is_zero()) {
            let Approval { token, owner, spender, .. } = *approval;
            if self.grants.now().grant((block.chain, token, owner, spender)).is_some() {
                self.learn(block, Lesson::Revoked { token, owner, spender });
            }
        }
    }

    fn learn(&mut self, block: &Block, lesson: Lesson) {
        self.grants.now_mut().take(block.reference(), lesson);
        self.taught.push(lesson);
    }

    fn remember(&mut self, case: Case<'_>, approval: &Approval) {
        let (block, transaction) = (case.block, case.transaction);
        let Approval { token, owner, spender, .. } = *approval;
        let (grants, key) = (self.grants.now(), (block.chain, token, owner, spender));
        if owner == spender || grants.spender((block.chain, spender)).is_some_and(Spender::is_established) {
            return;
        }
        let by_owner = transaction.from == owner && transaction.nonce.is_none_or(|nonce| nonce >= self.least.nonce);
        // One that the owner gave stays that, whoever else hands in a further one.
        if grants.grant(key).is_none_or(|known| by_owner && !known.by_owner) {
            self.learn(block, Lesson::Approved { token, owner, spender, by_owner });
        }
    }

    /// What was taken by remembered approvals, by spender.
    fn loot(&self, case: Case<'_>) -> Vec<Loot> {
        let chain = case.block.chain;
        let mut all: Vec<Loot> = Vec::new();
        for taking in reading::takings(case) {
            let grant = |spender: &&Address| self.grants.now().grant((chain, taking.token, taking.owner, **spender));
            let Some((spender, known)) = taking.spenders.iter().find_map(|one| Some((*one, grant(&one)?))) else {
                continue;
            };
            let watched = self.catalogue.watched(chain, taking.owner).is_some();
            let established = self.grants.now().spender((chain, spender)).is_some_and(Spender::is_used);
            if established || !(known.by_owner || watched) || self.catalogue.watched(chain, taking.to).is_some() {
                continue;
            }
            match all.iter_mut().find(|loot| loot.spender == spender) {
                Some(loot) => loot.takings.push(taking),
                None => all.push(Loot { spender, takings: vec![taking] }),
            }
        }
        all
    }

    fn judge(&mut self, case: Case<'_>, loot: &Loot) -> Option<SignalChange> {
        let (block, spender) = (case.block, loot.spender);
        for taking in &loot.takings {
            let worth = prices::value_in(&self.catalogue, block.chain, Some(taking.token), taking.amount).unwrap_or(0);
            let cents = u64::try_from(worth.max(0)).unwrap_or(u64::MAX);
            self.learn(block, Lesson::Took { spender, owner: taking.owner, cents });
        }
        let known = self.grants.now().spender((block.chain, spender))?;
        let victims = known.victims.len();
        let mine = |taking: &&Taking| {
            let worth = prices::value_in(&self.catalogue, block.chain, Some(taking.token), taking.amount);
            let watched = self.catalogue.watched(block.chain, taking.owner).is_some();
            watched && worth.is_none_or(|worth| worth >= self.least.watched_loss)
        };
        let ours = loot.takings.iter().find(mine).cloned();
        let many = victims >= self.least.victims
            && known.lost() >= self.least.loss
            && victims >= known.told.saturating_mul(2).max(1);
        if !many && ours.is_none() {
            return None;
        }
        let claim = self.claim(case, loot, known, ours.as_ref());
        let told = Lesson::Told { spender, victims: u32::try_from(victims).unwrap_or(u32::MAX) };
        self.learn(block, told);
        Some(claim)
    }

    fn claim(&self, case: Case<'_>, loot: &Loot, known: &Spender, ours: Option<&Taking>) -> SignalChange {
        let (block, transaction, spender) = (case.block, case.transaction, loot.spender);
        let sum = known.lost();
        let money = taking::usd(sum);
        let named = ours.or(loot.takings.first());
        let name = |address| taking::name(&self.catalogue, block.chain, address);
        let sums: Vec<String> = loot
            .takings
            .iter()
            .take(NAMED_MAX)
            .map(|taking| {
                let amount = prices::display_in(&self.catalogue, block.chain, Some(taking.token), taking.amount);
                format!("{amount} of {}", name(taking.owner))
            })
            .collect();
        let more = loot.takings.len().saturating_sub(NAMED_MAX);
        let rest = if more > 0 { format!(", and of {more} more") } else { String::new() };
        let owners = match known.victims.len() {
            1 => String::from("one owner"),
            count => format!("{count} owners"),
        };
        let mut loudness = match sum {
            CRITICAL_CENTS.. => Loudness::Critical,
            ERROR_CENTS.. => Loudness::Error,
            _ => Loudness::Warning,
        };
        if ours.is_some() {
            loudness = loudness.max(Loudness::Error);
        }
        let watched = named.and_then(|taking| {
            taking::service(&self.catalogue, block.chain, taking.owner)
                .or_else(|| taking::service(&self.catalogue, block.chain, taking.token))
        });
        Claim::on_block(&self.voice, block, "", &[&block.chain.bytes(), spender.as_slice()])
            .only()
            .transaction(transaction)
            .loudness(loudness)
            .service(watched)
            .title(format!("{} took {money} by approvals of {owners} for nothing in return", crate::watch::short(spender)))
            .text(format!(
                "{spender} was allowed to take and took {}{rest}; they sent none of it and got nothing. So far it took {money} from {owners}, and nobody is known to use it otherwise.",
                figures::listed(sums)
            ))
            .number("owners", known.victims.len(), "")
            .number("taken from them", money.dollars(), "USD")
            .facts(Facts { money_at_risk: money, irreversible: true, theft: true, ..Facts::default() })
            .confidence(if ours.is_some() { 700 } else { 800 })
            .party("spender", spender)
            .party("sender", transaction.from)
            .parties(loot.takings.iter().map(|taking| ("victim", taking.owner)))
            .parties(named.map(|taking| ("receiver", taking.to)))
            .raised()
    }
}

/// Owners named in a text: more than a person reads at night.
const NAMED_MAX: usize = 3;
/// From this sum on nobody waits for the morning.
const ERROR_CENTS: i128 = 100_000 * 100;
/// From this sum on it is critical.
const CRITICAL_CENTS: i128 = 1_000_000 * 100;
