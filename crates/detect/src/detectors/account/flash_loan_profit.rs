//! G1: borrowed for one transaction, and richer afterwards at somebody's expense. Tests: `flash_loan_profit/tests.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, ChainEvent, Transaction},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Loudness, SignalChange},
};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{
        Case, Evidence,
        extraction::{Extraction, Victim},
    },
    rehearsal::calls,
    taking::{self, Taking},
};

/// The detector's kind.
pub struct FlashLoanProfit;

const ID: &str = "flash_loan_profit";

const PROFIT_MIN_USD: ParamSpec = ParamSpec {
    name: "profit_min_usd",
    unit: "USD",
    doc: "Gain of the sender from which on a transaction with a flash loan is a warning, if half of it came from those who got nothing in return.",
    default: 5_000,
    min: 0,
    max: 1_000_000_000,
};
const ARBITRAGE_MAX_USD: ParamSpec = ParamSpec {
    name: "arbitrage_max_usd",
    unit: "USD",
    doc: "Up to this gain a flash loan whose losers all traded both ways is taken for arbitrage and only recorded. One pool that lost most of what it held is never arbitrage.",
    default: 50_000,
    min: 0,
    max: 1_000_000_000,
};
const WATCHED_LOSS_MIN_USD: ParamSpec = ParamSpec {
    name: "watched_loss_min_usd",
    unit: "USD",
    doc: "Loss of a watched address from which on a transaction with a flash loan is an error, whatever anyone gained.",
    default: 1_000,
    min: 0,
    max: 1_000_000_000,
};

const PARAMS: &[ParamSpec] = &[PROFIT_MIN_USD, ARBITRAGE_MAX_USD, WATCHED_LOSS_MIN_USD];

const DOC: &str = "\
## What it watches
Transactions in which the sender borrows assets and pays them back at once (a flash loan, by the lender's function or callback, \
or by the shape of the payments) and is richer afterwards. Who lost is worked out from every movement of the coin and of tokens.

## Why it matters
A flash loan gives anyone a hundred million dollars for one transaction. Most thefts by price manipulation, re-entrance or a \
wrong share price use one. An honest use pays for what it takes; here somebody got nothing in return.

## When it is wrong
Arbitrage and liquidations use flash loans too: there every loser traded both ways and the gain is small, and they are only \
recorded. A very large honest arbitrage, or a trade against a token whose transfers the trace does not show, can look like theft.

## First steps
Open the transaction and the victim named. If it is yours, pause it: the same call works again in the next block. Move what is \
left, tell the lender and the venues where the proceeds went, and keep the trace.
";

impl DetectorKind for FlashLoanProfit {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "G1"
    }
    fn title(&self) -> &'static str {
        "Profit with a flash loan"
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
            profit_min: taking::cents(params.get(&PROFIT_MIN_USD)),
            arbitrage_max: taking::cents(params.get(&ARBITRAGE_MAX_USD)),
            watched_loss_min: taking::cents(params.get(&WATCHED_LOSS_MIN_USD)),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        (Knowledge::default(), vec![ChainEvent::Block(Arc::new(calls::flash_loan_theft(400_000)).into())])
    }
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    profit_min: i128,
    arbitrage_max: i128,
    watched_loss_min: i128,
}

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
        let (block, transaction, found) = (case.block, case.transaction, case.extraction());
        if found.loans.is_empty() {
            return None;
        }
        let watched = taking::watched_victim(&self.catalogue, block.chain, found, self.watched_loss_min);
        let loudness = match watched {
            Some(_) => Loudness::Error.max(taking::loudness(found)),
            None => self.unwatched(found)?,
        };
        let victim = watched.or_else(|| taking::victim(found))?;
        Some(self.claim(block, transaction, found, victim, loudness).raised())
    }

    /// How loud, where nobody told us whose addresses these are; none: nothing worth recording.
    fn unwatched(&self, found: &Extraction) -> Option<Loudness> {
        let (gain, taken) = (found.gain(), found.one_sided_loss());
        if !found.gave_nothing() || gain < self.profit_min / RECORD_PART {
            return None;
        }
        let bonus = found.liquidation && gain <= found.borrowed / LIQUIDATION_BONUS_PART;
        // Where unpriced assets were given too, only a loan that came back in kind shows that the rest is gain.
        let is_gain = found.profit.unpriced_losses == 0 || found.repaid_in_kind();
        if bonus || found.closing || !is_gain || gain < self.profit_min {
            return Some(Loudness::Info);
        }
        let lost_most = |v: &&Victim| v.share_permille.is_some_and(|share| share >= EMPTIED_PERMILLE);
        // What is emptied to the profit of others was only moved between them.
        let emptied = found.victims.iter().filter(lost_most).any(|v| v.loss <= gain.saturating_mul(EMPTIED_KEPT_PART));
        let robbed = taken * 2 >= gain && found.kept_what_was_taken();
        if robbed || emptied || gain > self.arbitrage_max {
            return Some(taking::loudness(found));
        }
        Some(Loudness::Info)
    }

    fn claim(
        &self,
        block: &Block,
        transaction: &Transaction,
        found: &Extraction,
        victim: &Victim,
        loudness: Loudness,
    ) -> Claim {
        let quiet = loudness == Loudness::Info;
        let gain = taking::usd(found.gain());
        let title = if quiet {
            format!("arbitrage with a flash loan, gain {gain}")
        } else {
            format!(
                "flash loan: {} lost {}",
                taking::name(&self.catalogue, block.chain, victim.address),
                taking::usd(victim.loss)
            )
        };
        let text = format!(
            "The sender borrowed {} for one transaction, paid it back and is {gain} richer. {}",
            taking::loans_text(&self.catalogue, block.chain, found),
            taking::victims_text(&self.catalogue, block.chain, found),
        );
        Claim::on_block(&self.voice, block, "", &[victim.address.as_slice()])
            .only()
            .transaction(transaction)
            .loudness(loudness)
            .service(taking::service(&self.catalogue, block.chain, victim.address))
            .title(title)
            .text(text)
            .number("flash loans", found.loans.len(), "")
            .numbers(taking::numbers(found))
            .facts(Taking { found, quiet }.facts())
            .confidence(if quiet { 900 } else { taking::confidence(found) })
            .parties(taking::parties(transaction, victim))
            .parties(found.loans.first().map(|loan| ("lender", loan.lender)))
    }
}

/// A gain of a tenth of the least that warns is still worth a line in the record.
const RECORD_PART: i128 = 10;
/// A liquidator's bonus is at most a fifth of the debt it repays: markets grant 5 to 15 %.
const LIQUIDATION_BONUS_PART: i128 = 5;
/// A pool that lost this share of an asset was not merely brought back into line.
const EMPTIED_PERMILLE: u32 = 500;
/// And a tenth of its loss must be the sender's gain.
const EMPTIED_KEPT_PART: i128 = 10;

#[cfg(test)]
mod tests;
