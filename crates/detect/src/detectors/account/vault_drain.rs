//! G4: a vault, pool or account emptied in one transaction, or a watched one over a few blocks. Tests: `vault_drain/tests.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, ChainEvent, Transaction},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Loudness, SignalChange},
};

use self::reserves::{Fall, Limits, Reserves};
use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{
        Evidence,
        extraction::{Extraction, Victim},
        prices,
    },
    rehearsal::calls,
    taking::{self, Taking},
};

mod reserves;

/// The detector's kind.
pub struct VaultDrain;

const ID: &str = "vault_drain";

const LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "loss_min_usd",
    unit: "USD",
    doc: "Loss of an unwatched address from which on a drain is a warning.",
    default: 20_000,
    min: 0,
    max: 1_000_000_000,
};
const WATCHED_LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "watched_loss_min_usd",
    unit: "USD",
    doc: "Loss of a watched address from which on a drain, or a fall of its reserve, is a signal.",
    default: 1_000,
    min: 0,
    max: 1_000_000_000,
};
const FALL_TRANSACTION_PERMILLE: ParamSpec = ParamSpec {
    name: "fall_transaction_permille",
    unit: "thousandths of the reserve",
    doc: "Fall of a watched reserve in one transaction that is a signal whatever the way.",
    default: 200,
    min: 1,
    max: 1_000,
};
const FALL_WINDOW_PERMILLE: ParamSpec = ParamSpec {
    name: "fall_window_permille",
    unit: "thousandths of the reserve",
    doc: "Fall of a watched reserve over the window that is a signal whatever the way.",
    default: 350,
    min: 1,
    max: 1_000,
};
const WINDOW_BLOCKS: ParamSpec = ParamSpec {
    name: "window_blocks",
    unit: "blocks",
    doc: "Length of the window for watched reserves.",
    default: 10,
    min: 2,
    max: 1_000,
};

const PARAMS: &[ParamSpec] =
    &[LOSS_MIN_USD, WATCHED_LOSS_MIN_USD, FALL_TRANSACTION_PERMILLE, FALL_WINDOW_PERMILLE, WINDOW_BLOCKS];

const DOC: &str = "\
## What it watches
Transactions that take assets out of a contract or an account and give nothing back, by a way no honest user goes: calling into \
a contract that is still waiting for an answer, asking for the same payment again and again, through helper contracts made in \
the same transaction, with other people's approvals, with a flash loan, or out of several markets at once. Where the way alone is \
a machine's (contracts made on the spot, the sender's own contract taken for a token, three payments and nothing given) little is enough, and so is what has no price. For watched vaults, \
pools and bridges also any fall of the reserve by a fifth in one transaction or by a third over ten blocks.

## Why it matters
This is what a theft looks like after the fact, whatever the bug was. Nothing that left comes back by itself, and what is still \
there goes next.

## When it is wrong
A keeper or a custodian may move funds through machinery of their own, and a migration empties a vault by intention: it comes with \
a privileged change. A very large honest withdrawal makes a watched reserve fall. Without traces or receipts nothing is judged.

## First steps
Compare the receiver with your own addresses. If it is not yours: pause what can be paused, revoke the approval or role that was \
used, and move what is left. Then find the function in the trace; the same one is open in every contract of the same code.
";

impl DetectorKind for VaultDrain {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "G4"
    }
    fn title(&self) -> &'static str {
        "Vault or pool drained"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        let permille = |spec: &ParamSpec| u32::try_from(params.get(spec)).unwrap_or(u32::MAX);
        Box::new(Watch {
            catalogue: Arc::clone(&knowledge.catalogue),
            voice: Voice::new(ID, params),
            loss_min: taking::cents(params.get(&LOSS_MIN_USD)),
            watched_loss_min: taking::cents(params.get(&WATCHED_LOSS_MIN_USD)),
            reserves: Reserves::new(Limits {
                transaction_permille: permille(&FALL_TRANSACTION_PERMILLE),
                window_permille: permille(&FALL_WINDOW_PERMILLE),
                window_blocks: u64::try_from(params.get(&WINDOW_BLOCKS)).unwrap_or(1),
            }),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        (Knowledge::default(), vec![ChainEvent::Block(Arc::new(calls::reentrant_drain(300_000)).into())])
    }
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    loss_min: i128,
    watched_loss_min: i128,
    reserves: Reserves,
}

impl Detector for Watch {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(_) => {
                for case in evidence.cases() {
                    let (block, transaction) = (case.block, case.transaction);
                    let way = taking::may_take(transaction)
                        .then(|| case.extraction())
                        .and_then(|found| self.judge(block, transaction, found));
                    let falls = self.reserves.observe(&self.catalogue, case);
                    // One claim per transaction: the way it was done says more than the share that is gone.
                    match way {
                        Some(signal) => out.push(signal),
                        None => out.extend(falls.iter().filter_map(|fall| self.fall(block, transaction, fall))),
                    }
                }
            }
            ChainEvent::Reorg(reorg) => self.reserves.rewind(reorg.ancestor),
            ChainEvent::Finalized(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        self.reserves.snapshot()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.reserves.restore(snapshot).map_err(|source| SnapshotError { detector: ID, source })
    }
}

impl Watch {
    fn judge(&self, block: &Block, transaction: &Transaction, found: &Extraction) -> Option<SignalChange> {
        let ways = ways(found);
        if ways.is_empty() {
            return None;
        }
        let watched = taking::watched_victim(&self.catalogue, block.chain, found, self.watched_loss_min)
            .filter(|victim| victim.one_sided);
        if watched.is_none() && !self.unwatched(found) {
            return None;
        }
        let reentered = Victim::unknown(found.signs.reentered.unwrap_or_default());
        let victim = watched.or_else(|| taking::victim(found)).unwrap_or(&reentered);
        let least = if watched.is_some() { Loudness::Error } else { Loudness::Warning };
        let text = format!(
            "{} {} Signs: {}.",
            taking::victims_text(&self.catalogue, block.chain, found),
            taking::gain_text(found),
            ways.join(", "),
        );
        let title = format!(
            "{} drained of {}",
            taking::name(&self.catalogue, block.chain, victim.address),
            taking::loss_text(victim)
        );
        let claim = Claim::on_block(&self.voice, block, "", &[victim.address.as_slice()])
            .only()
            .transaction(transaction)
            .loudness(taking::loudness(found).max(least))
            .service(taking::service(&self.catalogue, block.chain, victim.address))
            .title(title)
            .text(text)
            .numbers(taking::numbers(found))
            .facts(Taking { found, quiet: false }.facts())
            .confidence(taking::confidence(found))
            .parties(taking::parties(transaction, victim));
        Some(claim.raised())
    }

    /// Whether it is a drain where nobody told us whose addresses these are.
    fn unwatched(&self, found: &Extraction) -> bool {
        let (gain, taken) = (found.gain(), found.one_sided_loss());
        let kept = gain >= self.loss_min && found.gave_nothing() && found.kept_what_was_taken();
        // Whoever is called again while it waits is robbed even where the proceeds go astray.
        let astray = found.signs.reentries >= 2 && taken >= self.loss_min;
        let unpriced = found.signs.reentries > 0 && took_unpriced(found);
        let at_least = if found.repaid_in_kind() { taken } else { gain };
        let emptied = emptied_pools(found) >= POOLS_MIN && found.gave_nothing_at_all() && at_least >= self.loss_min;
        kept || astray || unpriced || emptied || by_its_way(found)
    }

    /// A watched reserve fell, by whatever way.
    fn fall(&self, block: &Block, transaction: &Transaction, fall: &Fall) -> Option<SignalChange> {
        let (service, watched) = self.catalogue.watched(block.chain, fall.address)?;
        let loss = prices::value_in(&self.catalogue, block.chain, fall.asset, fall.lost);
        if loss.is_some_and(|loss| loss < self.watched_loss_min) {
            return None;
        }
        let percent = format!("{}.{} %", fall.permille / 10, fall.permille % 10);
        let amount = prices::display_in(&self.catalogue, block.chain, fall.asset, fall.lost);
        let over = if fall.blocks <= 1 { String::from("one transaction") } else { format!("{} blocks", fall.blocks) };
        let asset = fall.asset.unwrap_or_default();
        let exact = |raw| prices::exact_in(&self.catalogue, block.chain, fall.asset, raw);
        let ((paid_out, unit), (held, _)) = (exact(fall.lost), exact(fall.held));
        let claim =
            Claim::on_block(&self.voice, block, "", &[fall.address.as_slice(), b"reserve", asset.as_slice()])
                .only()
                .transaction(transaction)
                .loudness(Loudness::Warning)
                .service(Some(service.id.clone()))
                .title(format!("{}: reserve fell by {percent} in {over}", watched.label))
                .text(format!(
                    "{} paid out {amount} in {over}, {percent} of what it held. That may be one large withdrawal or a drain.",
                    watched.label
                ))
                .number("fall of the reserve", fall.permille, "thousandths")
                .number("paid out", paid_out, &unit)
                .number("held before", held, &unit)
                .number("over", fall.blocks, "blocks")
                .money(taking::usd(loss.unwrap_or(0)))
                .confidence(500)
                .party("sender", transaction.from)
                .party("victim", fall.address);
        Some(claim.raised())
    }
}

/// By a way that no honest user goes little is enough, and so is loot that nobody prices.
fn by_its_way(found: &Extraction) -> bool {
    let signs = &found.signs;
    let nothing = found.gave_nothing_at_all();
    // What was made on the spot has no owner who could have earned anything.
    let born_rich = signs.newborn > 0 || (found.by_creation && nothing && found.robbed());
    let machine = signs.helpers > 0 || (signs.payments >= PAYMENTS_MIN && nothing) || signs.payments >= MANY_PAYMENTS;
    let loot = found.one_sided_loss() >= MACHINE_LOSS_CENTS || found.robbed_of_unpriced();
    // Tokens ask each other as a matter of course: only what has a price shows that one of them is none.
    let posed = signs.posed > 0 && found.gave_nothing() && found.one_sided_loss() >= MACHINE_LOSS_CENTS;
    born_rich || posed || (machine && found.robbed() && loot)
}

/// The signs that a machine took it.
fn ways(found: &Extraction) -> Vec<&'static str> {
    let mut markets: Vec<_> =
        found.victims.iter().filter(|v| v.one_sided && v.loss >= MARKET_CENTS).map(|v| v.asset).collect();
    markets.sort_unstable();
    markets.dedup();
    [
        (found.signs.reentries > 0, "called into a contract that was still waiting"),
        (found.signs.payments >= PAYMENTS_MIN, "asked for the same payment again and again"),
        (found.signs.helpers > 0, "helper contracts made on the spot"),
        (found.signs.posed > 0, "the sender's own contract taken for a token"),
        (found.signs.newborn > 0, "a contract made on the spot is richer"),
        (found.by_creation && found.gave_nothing_at_all(), "all of it done by a contract's creation"),
        (found.signs.pulls > 0, "spent other people's approvals"),
        (found.repaid_in_kind() && !found.closing && !found.liquidation, "a flash loan"),
        (markets.len() >= MARKETS_MIN, "several markets at once"),
        (emptied_pools(found) >= POOLS_MIN && found.gave_nothing_at_all(), "several pools left all but empty"),
    ]
    .into_iter()
    .filter_map(|(shown, way)| shown.then_some(way))
    .collect()
}

/// Taken in a way that is a machine's, this much is more than what an ordinary user of old contracts moves by such means.
const MACHINE_LOSS_CENTS: i128 = 1_000 * 100;
/// The same payment asked for so many times is a machine's work.
const PAYMENTS_MIN: u32 = 3;
/// So many of them are, whatever was given: no trade is repeated so often in one transaction.
const MANY_PAYMENTS: u32 = 10;
/// Different assets taken from different parties at once that no single withdrawal explains.
const MARKETS_MIN: usize = 3;
/// A market counts from this loss on: less is a reward claimed on the way.
const MARKET_CENTS: i128 = 10_000 * 100;
/// One pool left by its only owner is ordinary; several at once are not.
const POOLS_MIN: usize = 2;

/// A pool that lost this share of an asset was not merely brought back into line.
const EMPTIED_PERMILLE: u32 = 500;

/// Pools that lost at least half of an asset.
fn emptied_pools(found: &Extraction) -> usize {
    found.victims.iter().filter(|victim| victim.share_permille.is_some_and(|share| share >= EMPTIED_PERMILLE)).count()
}

/// Assets of unknown value came for nothing at all.
fn took_unpriced(found: &Extraction) -> bool {
    found.profit.unpriced_gains > 0 && found.profit.gained == 0 && found.gave_nothing_at_all() && !found.called_token
}

#[cfg(test)]
mod tests;
