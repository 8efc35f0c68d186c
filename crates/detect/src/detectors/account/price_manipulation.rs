//! G2: a price was moved and moved back within one transaction, and somebody paid by it in between. Tests: `tests.rs`.

use std::{collections::BTreeSet, sync::Arc};

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Address, Block, ChainEvent},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Loudness, SignalChange},
};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{
        Case, Evidence,
        extraction::{Extraction, Victim},
        flow::Flow,
        prices,
        sways::{self, Sway},
    },
    rehearsal::calls,
    taking::{self, Taking},
};

#[cfg(test)]
mod tests;

/// The detector's kind.
pub struct PriceManipulation;

const ID: &str = "price_manipulation";

const MOVE_MIN_PERMILLE: ParamSpec = ParamSpec {
    name: "move_min_permille",
    unit: "thousandths of the price before",
    doc: "How far a pool's price must have been off within the transaction, upwards or as far downwards.",
    default: 200,
    min: 10,
    max: 100_000,
};
const LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "loss_min_usd",
    unit: "USD",
    doc: "Loss of an unwatched address by such a price from which on it is a warning.",
    default: 20_000,
    min: 0,
    max: 1_000_000_000,
};
const WATCHED_LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "watched_loss_min_usd",
    unit: "USD",
    doc: "Loss of a watched address by such a price from which on it is an error.",
    default: 1_000,
    min: 0,
    max: 1_000_000_000,
};

const PARAMS: &[ParamSpec] = &[MOVE_MIN_PERMILLE, LOSS_MIN_USD, WATCHED_LOSS_MIN_USD];

const DOC: &str = "\
## What it watches
Transactions that move the price of a pool by `move_min_permille` and move it back, while somebody else, in between, pays, lends, \
issues or takes back at what that price says and is poorer at the end. What a pool's price was is worked out from what the trace \
shows that it held, and from every movement in and out of it. A loan for the transaction is not needed: own money does as well.

## Why it matters
Whoever reads a price from a pool at this instant can be made to believe any price by whoever trades there first. The trade is \
undone in the same transaction, so that it costs next to nothing, and the vault that believed it is empty. With a flash loan \
`flash_loan_profit` speaks of the same transaction; this says why it worked, and both are one incident.

## When it is wrong
A pool that is traded there and back by its own users while a third party makes an honest bad trade of some size looks the same. \
For pools that do not price by the proportion of what they hold the move is that of their balance. Where the trace does not show what \
a pool held, and for prices that are moved by gifts to a vault instead of trades, nothing is said.

## First steps
Pause lending, issuing and redeeming at whatever reads the price of the pool named: the same trade works again in the next block. \
Look for other markets that read the same pool. Then put an average over time, or a second source, in the price's place.
";

impl DetectorKind for PriceManipulation {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "G2"
    }
    fn title(&self) -> &'static str {
        "A price moved and moved back, and somebody paid by it"
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
            move_min_permille: u64::try_from(params.get(&MOVE_MIN_PERMILLE)).unwrap_or(u64::MAX),
            loss_min: taking::cents(params.get(&LOSS_MIN_USD)),
            watched_loss_min: taking::cents(params.get(&WATCHED_LOSS_MIN_USD)),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        (Knowledge::default(), vec![ChainEvent::Block(Arc::new(calls::price_swayed(300_000)).into())])
    }
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    move_min_permille: u64,
    loss_min: i128,
    watched_loss_min: i128,
}

/// Two trades and what somebody paid in between: fewer movements show no price that came back.
const FLOWS_MIN: usize = 5;
/// What was paid by a wrong price brought at least a fifth less than it was worth: an honest trade loses less.
const SHORT_PART: i128 = 5;

impl Detector for Watch {
    fn observe(&mut self, _: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        out.extend(
            evidence.cases().filter(|case| taking::may_take(case.transaction)).filter_map(|case| self.judge(case)),
        );
    }
    fn snapshot(&self) -> Vec<u8> {
        // Each transaction is judged by itself: there is nothing to remember.
        Vec::new()
    }
    fn restore(&mut self, _: &[u8]) -> Result<(), SnapshotError> {
        Ok(())
    }
}

impl Watch {
    fn judge(&self, case: Case<'_>) -> Option<SignalChange> {
        if case.transaction.calls.is_empty() || case.flows().len() < FLOWS_MIN {
            return None;
        }
        let found = case.extraction();
        if found.victims.is_empty() || (found.gain() == 0 && found.profit.unpriced_gains == 0) {
            return None;
        }
        let (block, flows) = (case.block, case.flows());
        let sways = sways::sways(block.chain, flows, case.openings(), &found.side, self.move_min_permille);
        let deceived = |sway: &Sway| {
            let pays = payers(flows, sway, &found.side);
            let of_it = |victim: &&Victim| victim.address != sway.pool && pays.contains(&victim.address);
            let victim = found.victims.iter().filter(of_it).find(|victim| self.counts(block, found, victim))?;
            Some((*sway, *victim))
        };
        let (sway, victim) =
            sways.iter().filter_map(deceived).max_by_key(|(sway, victim)| (victim.loss, sway.peak_permille))?;
        Some(self.claim(case, &sway, &victim))
    }

    /// Whether a loss is more than that of an honest trade.
    fn counts(&self, block: &Block, found: &Extraction, victim: &Victim) -> bool {
        let paid = prices::value_in(&self.catalogue, block.chain, victim.asset, victim.amount).unwrap_or(0);
        let short = victim.one_sided || victim.loss.saturating_mul(SHORT_PART) >= paid.max(1);
        let watched = self.catalogue.watched(block.chain, victim.address).is_some();
        let least = if watched { self.watched_loss_min } else { self.loss_min };
        short && !found.liquidation && victim.loss >= least.max(1)
    }

    fn claim(&self, case: Case<'_>, sway: &Sway, victim: &Victim) -> SignalChange {
        let (block, transaction, found) = (case.block, case.transaction, case.extraction());
        let name = |address| taking::name(&self.catalogue, block.chain, address);
        let token = |address| symbol(&self.catalogue, block, address);
        let watched = self.catalogue.watched(block.chain, victim.address).is_some();
        let least = if watched { Loudness::Error } else { Loudness::Warning };
        let text = format!(
            "Within the transaction the price of {} at {} went to {} times what it was before and came back to {} times. In between {} paid by it. {} {}",
            token(sway.token),
            name(sway.pool),
            times(sway.peak_permille),
            times(sway.end_permille),
            name(victim.address),
            taking::victims_text(&self.catalogue, block.chain, found),
            taking::gain_text(found),
        );
        Claim::on_block(&self.voice, block, "", &[victim.address.as_slice()])
            .only()
            .transaction(transaction)
            .loudness(taking::loudness(found).max(least))
            .service(
                taking::service(&self.catalogue, block.chain, victim.address)
                    .or_else(|| taking::service(&self.catalogue, block.chain, sway.pool)),
            )
            .title(format!(
                "{} lost {} by a price that was moved {} times and back",
                name(victim.address),
                taking::loss_text(victim),
                times(sway.peak_permille)
            ))
            .text(text)
            .number("farthest price over the one before", sway.peak_permille, "thousandths")
            .number("price at the end over the one before", sway.end_permille, "thousandths")
            .numbers(taking::numbers(found))
            .facts(Taking { found, quiet: false }.facts())
            .confidence(taking::confidence(found).max(800))
            .party("pool", sway.pool)
            .parties(taking::parties(transaction, victim))
            .raised()
    }
}

/// Who gave anything to the sender's side, or to the pool, while its price was off: or whose tokens were issued to the side then.
fn payers(flows: &[Flow], sway: &Sway, side: &BTreeSet<Address>) -> BTreeSet<Address> {
    let between = flows.get(sway.from.saturating_add(1)..sway.to).unwrap_or_default();
    let to_them = between.iter().filter(|flow| side.contains(&flow.to) || flow.to == sway.pool);
    to_them.filter(|flow| !side.contains(&flow.from)).map(|flow| flow.from).collect()
}

fn symbol(catalogue: &Catalogue, block: &Block, token: Address) -> String {
    let own = catalogue.assets.get(&(block.chain, Some(token))).map(|asset| asset.symbol.clone());
    let known = || prices::find(block.chain, Some(token)).map(|asset| asset.symbol.to_owned());
    own.or_else(known).unwrap_or_else(|| token.to_string())
}

/// Thousandths as a factor in as many digits as a person needs: `9.6`, `0.79`.
fn times(permille: u64) -> String {
    let text = match permille {
        1_000.. => format!("{}.{}", permille / 1_000, permille % 1_000 / 100),
        _ => format!("0.{:02}", permille / 10),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
