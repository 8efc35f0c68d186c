//! B6: a watched wallet does what its policy does not allow.
//!
//! Nothing has to be learnt: the lines are fixed and hold from the first block on. Balances are known where the source reads them, where
//! a transaction asked for them, and from there on by every movement seen; an unknown one is told, never taken for zero. Tests:
//! `tests.rs`, and `scenarios/detectors/wallet_policy.md`.

use std::sync::Arc;

use quarterdeck_core::{
    catalogue::{Catalogue, WatchedAddress},
    chain::{Address, AnyBlock, Block, ChainEvent, ChainId, Reorg},
    detector::{Knowledge, ParamSpec, Params},
    money::Usd,
    signal::{Facts, Loudness, SignalChange},
    wallet::{Spans, WalletPolicy},
};

use self::{
    books::{Books, Lesson, minute_of},
    guard::{Deed, Guard},
    lines::{Broken, Judge, Usual},
};
use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Case, Evidence},
    memory::{Memory, Unlearnt},
    rehearsal::{self, Rehearsal},
};

mod guard;
mod books;
mod lines;
mod words;
#[cfg(test)]
mod tests;

/// Its name.
pub const ID: &str = "wallet_policy";
/// The rule of the claim that a balance is not known.
const BLIND: &str = "unknown_balance";

const SHARE_TRANSACTION_PERMILLE: ParamSpec = ParamSpec {
    name: "share_transaction_permille",
    unit: "thousandths of what the wallet holds",
    doc: "Share of a wallet that is told when it leaves in one transaction, where its policy sets no share.",
    default: 500,
    min: 1,
    max: 1_000,
};
const SHARE_HOUR_PERMILLE: ParamSpec = ParamSpec {
    name: "share_hour_permille",
    unit: "thousandths of what the wallet holds",
    doc: "Share of a wallet that is told when it leaves within an hour, where its policy sets no share.",
    default: 500,
    min: 1,
    max: 1_000,
};
const SHARE_MIN_USD: ParamSpec = ParamSpec {
    name: "share_min_usd",
    unit: "USD",
    doc: "A loss that is worth less is told as no share: a wallet kept for fees is emptied every day.",
    default: 1_000,
    min: 0,
    max: 1_000_000_000,
};

const PARAMS: &[ParamSpec] = &[SHARE_TRANSACTION_PERMILLE, SHARE_HOUR_PERMILLE, SHARE_MIN_USD];

const DOC: &str = "## What it watches

Every watched address of role `wallet` or `multisig`, by the policy that its `[[wallet]]` block states: where it may send to
and whom it may let take from it, how much may leave in a transaction, an hour or a day (dollars, units of an asset, share of what it
holds), at which hours it may be used, from which amount on a payment to where it never paid before is told, and whether its key may be
used outside of a transaction. Without any policy it speaks when `share_transaction_permille` of what a wallet holds leaves in one
transaction, or `share_hour_permille` within an hour, and that is worth `share_min_usd`. Nothing is learnt: all of it holds from the
first block on.

What moves between watched addresses counts for no limit. What came back in the same transaction is taken off a share, so a trade is no
loss; dollar and unit limits count all that left. An hour and a day are counted in whole minutes. Tokens without a price count only
where the wallet itself acted, since anyone can make a token that says what one likes. What a wallet holds is read from the node
before a block in which it pays, at most once a minute, and kept up to date by every movement seen between; where the node does not
say, that is told once, and shares are not judged until it is known.

A change of the owners or the threshold of a multi-signature account is told by `privileged_change`.

## Why it matters

A stolen key signs like its owner. What it cannot know is the policy: the thief's address is on no allow-list, and the thief wants more
than half. In most thefts of keys the first payment alone breaks a line.

## When it is wrong

The policy is older than the business: a new exchange, a larger day, a payment at night. A wallet that is retired loses all it holds.
What a wallet holds is counted in assets with a price; one that is held and not on record makes the share look larger. Nonces are
judged only where every block since the last one was seen and read. The 65,536 latest pairs of payer and receiver are remembered; who
was not paid for longer is new again.

## First steps

1. Call the wallet's owner, by voice: was this payment ordered, and by whom?
2. If nobody knows it, the key is lost: move what is left to an address of another key before the next block.
3. Give the receiver's address to the exchanges and to the analysts; most stolen funds move on within the hour.
4. If it was ordered, put the address on the allow-list or raise the limit, and reload.
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct WalletGuard;

impl DetectorKind for WalletGuard {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "B6"
    }
    fn title(&self) -> &'static str {
        "A wallet does what its policy does not allow"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        Box::new(Observer {
            voice: Voice::new(ID, params),
            usual: usual(params),
            guard: Arc::new(Guard::new(knowledge)),
            books: Memory::new(Books::new()),
            taught: Vec::new(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let stranger = Address::repeat_byte(0xee);
        chain.holding(rehearsal::HOT, 200_000);
        chain.block(vec![rehearsal::coin(rehearsal::HOT, stranger, 150_000)]);
        (rehearsal::knowledge(), chain.events)
    }
}

fn usual(params: &Params) -> Usual {
    let permille = |spec: &ParamSpec| u32::try_from(params.get(spec)).ok();
    let share =
        Spans { transaction: permille(&SHARE_TRANSACTION_PERMILLE), hour: permille(&SHARE_HOUR_PERMILLE), day: None };
    Usual { share, loss_min: Usd::from_dollars(u64::try_from(params.get(&SHARE_MIN_USD)).unwrap_or(0)) }
}

/// The lines that hold for a watched wallet, in words: of its policy, and of these parameters where it has none. None: the
/// detector is off.
pub fn guarded_by(catalogue: &Catalogue, wallet: &WatchedAddress, params: Option<&Params>) -> Vec<String> {
    params.map(|params| words::guarded_by(catalogue, wallet, usual(params))).unwrap_or_default()
}

struct Observer {
    voice: Voice,
    usual: Usual,
    guard: Arc<Guard>,
    books: Memory<Books>,
    /// What the block that is being looked at teaches.
    taught: Vec<Lesson>,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(AnyBlock::Account(block)) if self.guard.watches(block.chain) => {
                self.look(block, evidence, out);
            }
            ChainEvent::Reorg(reorg) => self.step_back(reorg),
            ChainEvent::Finalized(block) => self.books.finalized(*block),
            ChainEvent::Block(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        self.books.save()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.books = Memory::new(Books::new());
        self.books.load(snapshot).map_err(|source| {
            self.books = Memory::new(Books::new());
            SnapshotError { detector: ID, source }
        })
    }
}

impl Observer {
    fn look(&mut self, block: &Block, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        let guard = Arc::clone(&self.guard);
        // Of a block without transactions and without receipts only the header was read.
        let whole = block.unread.is_empty() && (block.has_receipts || !block.transactions.is_empty());
        self.learn(block, Lesson::Block { whole });
        for held in block.held.iter().filter(|held| guard.wallet(block.chain, held.account).is_some()) {
            self.learn(block, Lesson::Held { wallet: held.account, asset: held.token, amount: held.amount });
        }
        for case in evidence.cases() {
            for deed in guard.deeds(case) {
                self.ask(case, &deed);
                self.judge(case, &deed, out);
                self.book(case, &deed);
            }
        }
        let taught = std::mem::take(&mut self.taught);
        self.books.keep(block.reference(), Some(taught));
    }

    /// What a dropped block taught is unlearnt. Of a fork too deep for that, only the nonces would be wrong.
    fn step_back(&mut self, reorg: &Reorg) {
        if self.books.unlearn(reorg) == Unlearnt::Part {
            self.books.learn(reorg.ancestor, vec![Lesson::Block { whole: false }]);
        }
    }

    fn learn(&mut self, block: &Block, lesson: Lesson) {
        self.books.now_mut().take(block.reference(), lesson);
        self.taught.push(lesson);
    }

    /// What the transaction itself was told that the wallet holds.
    fn ask(&mut self, case: Case<'_>, deed: &Deed) {
        if case.transaction.calls.is_empty() {
            return;
        }
        for (owner, token, amount) in case.openings().balances().filter(|(owner, ..)| *owner == deed.wallet) {
            if deed.moved.contains_key(&Some(token)) {
                self.learn(case.block, Lesson::Held { wallet: owner, asset: Some(token), amount });
            }
        }
    }

    fn judge(&mut self, case: Case<'_>, deed: &Deed, out: &mut Vec<SignalChange>) {
        let (guard, none) = (Arc::clone(&self.guard), WalletPolicy::default());
        let policy = guard.policy(case.block.chain, deed.wallet).unwrap_or(&none);
        let (block, transaction) = (case.block, case.transaction);
        let judge =
            Judge { guard: &guard, books: self.books.now(), block, transaction, deed, policy, usual: self.usual };
        let broken = judge.broken();
        let (unknown, holdings) = (!judge.unknown().is_empty(), judge.holdings());
        let blind = (unknown && judge.worth_knowing()).then(|| self.blind(case, deed, &judge));
        if let Some(first) = broken.first() {
            out.push(self.claim(case, deed, (first, &broken), holdings));
        }
        let key = (block.chain, deed.wallet);
        match (self.books.now().is_blind(key), blind) {
            (false, Some(claim)) => {
                self.learn(block, Lesson::Blind { wallet: deed.wallet, told: true });
                out.push(claim);
            }
            (true, None) if !unknown && deed.leaves() => {
                self.learn(block, Lesson::Blind { wallet: deed.wallet, told: false });
                out.push(self.voice.ended(BLIND, &[&entity(block.chain, deed.wallet)], block.time));
            }
            _ => {}
        }
    }

    /// One claim for a wallet and a transaction, by the gravest line; it names them all.
    fn claim(&self, case: Case<'_>, deed: &Deed, (first, all): (&Broken, &[Broken]), holdings: Usd) -> SignalChange {
        let (block, transaction) = (case.block, case.transaction);
        let service = self.guard.catalogue.watched(block.chain, deed.wallet).map(|(service, _)| service);
        let behind = if holdings > Usd::ZERO { holdings } else { service.map(|s| s.assets).unwrap_or_default() };
        let key = all.iter().any(|broken| broken.key);
        let mut claim = Claim::on_block(&self.voice, block, first.rule, &[&entity(block.chain, deed.wallet)])
            .transaction(transaction)
            .loudness(first.loudness)
            .service(service.map(|service| service.id.clone()))
            .title(first.title.clone())
            .text(all.iter().map(|broken| broken.sentence.clone()).collect::<Vec<_>>().join(" "))
            .number("net loss of the wallet", deed.lost.dollars(), "USD")
            .facts(Facts {
                // Whoever has the key has all that it controls.
                money_at_risk: if key { deed.lost.max(behind) } else { deed.lost },
                irreversible: deed.leaves(),
                key_compromise: key,
                theft: deed.leaves() && all.iter().any(|broken| broken.theft),
                ..Facts::default()
            })
            .confidence(first.confidence)
            .party("watched", deed.wallet)
            .party("sender", transaction.from);
        for broken in all {
            claim = claim.numbers(broken.numbers.iter().cloned());
            claim = broken.to.into_iter().fold(claim, |claim, to| claim.party("receiver", to));
        }
        claim.raised()
    }

    /// A balance that nobody knows: what hangs on it is not judged, and that is said.
    fn blind(&self, case: Case<'_>, deed: &Deed, judge: &Judge<'_>) -> SignalChange {
        let (block, transaction) = (case.block, case.transaction);
        let service = self.guard.catalogue.watched(block.chain, deed.wallet).map(|(service, _)| service.id.clone());
        let asked = judge.policy.share_permille != Spans::default();
        let assets = judge.unknown().into_iter().map(|asset| match asset {
            None => "the chain's coin".to_owned(),
            Some(token) => self.guard.symbol(block.chain, token),
        });
        let (name, assets) = (judge.name(), crate::figures::listed(assets.collect()));
        Claim::on_block(&self.voice, block, BLIND, &[&entity(block.chain, deed.wallet)])
            .transaction(transaction)
            .loudness(if asked { Loudness::Warning } else { Loudness::Info })
            .service(service)
            .title(format!("what {name} holds is not known: its share limits are not judged"))
            .text(format!(
                "{name} paid, and nobody says how much {assets} it held before: the source does not read balances, or its node did not answer. Allow-list, fixed limits and hours are judged as ever."
            ))
            .party("watched", deed.wallet)
            .raised()
    }

    fn book(&mut self, case: Case<'_>, deed: &Deed) {
        let (block, wallet, minute) = (case.block, deed.wallet, minute_of(case.block.time));
        for (asset, net) in &deed.moved {
            self.learn(block, Lesson::Moved { wallet, asset: *asset, out: net.gave, into: net.got });
        }
        if deed.lost > Usd::ZERO || deed.gross > Usd::ZERO {
            let (lost, gross) = (deed.lost.cents(), deed.gross.cents());
            self.learn(block, Lesson::Left { wallet, minute, lost, gross });
        }
        let guard = Arc::clone(&self.guard);
        let limited = guard.policy(block.chain, wallet).map(|policy| &policy.units);
        for one in deed.leaving() {
            if limited.is_some_and(|units| units.contains_key(&one.asset)) {
                self.learn(block, Lesson::Units { wallet, asset: one.asset, minute, amount: one.amount });
            }
            if !self.books.now().has_met((block.chain, wallet), one.to) {
                self.learn(block, Lesson::Met { wallet, to: one.to });
            }
        }
        if let Some(nonce) = case.transaction.nonce.filter(|_| deed.signed) {
            self.learn(block, Lesson::Signed { wallet, nonce });
        }
    }
}

/// What a claim is about: the wallet on its chain.
fn entity(chain: ChainId, wallet: Address) -> Vec<u8> {
    [&chain.bytes(), wallet.as_slice()].concat()
}
