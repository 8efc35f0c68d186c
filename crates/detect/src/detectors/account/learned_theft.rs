//! C5: a learned model takes a transaction for a theft. Says nothing where no model is configured. Tests below, and the model's own
//! in `crates/detect/tests/models.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Address, ChainEvent},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Loudness, SignalChange},
};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Case, Evidence, extraction::Victim},
    figures,
    models::{
        model::{Model, Verdict},
        normal::Normal,
    },
    rehearsal::calls,
    taking::{self, Taking},
};

/// The detector's kind.
pub struct LearnedTheft;

const ID: &str = "learned_theft";

const LOUD_PER_MILLION: ParamSpec = ParamSpec {
    name: "loud_per_million",
    unit: "ordinary transactions in a million",
    doc: "A transaction that takes something from a watched address is an error where at most so many ordinary transactions in a million look as much like a theft.",
    default: 1_000,
    min: 0,
    max: 1_000_000,
};
const RECORD_PER_MILLION: ParamSpec = ParamSpec {
    name: "record_per_million",
    unit: "ordinary transactions in a million",
    doc: "Any other transaction is recorded where at most so many ordinary transactions in a million look as much like a theft.",
    default: 200,
    min: 0,
    max: 1_000_000,
};

const PARAMS: &[ParamSpec] = &[LOUD_PER_MILLION, RECORD_PER_MILLION];

const DOC: &str = "\
## What it watches
Every transaction with a trace, by a model that learnt from recorded thefts and ordinary blocks (`quarterdeck model train`; \
`[models] theft` names its file; without one this detector says nothing). The model sees the shape of calls and payments, never \
an address, a price or a list of functions. It tells how rare such a score is among ordinary transactions.

## Why it matters
Rules find what somebody thought of. A model finds what looks like the thefts that it learnt from, also where no amount is known \
and no rule fits. Both together find more than either.

## When it is wrong
One in a thousand ordinary transactions looks as strange as the limit allows, most of them bots that trade. Therefore only a \
transaction that takes from a watched address is loud; the others are recorded, and tell more beside another signal. A theft by \
one plain call looks like a withdrawal and is missed.

## First steps
Open the transaction and read what spoke for a theft. If a watched address lost something in it that nobody meant it to lose, \
treat it as a theft: pause the contract and move what is left. If it is your own bot, tell the people who train the model.
";

impl DetectorKind for LearnedTheft {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "C5"
    }
    fn title(&self) -> &'static str {
        "Looks like a theft to a learned model"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        // Whoever reads the configuration has refused what is no model; what is refused here all the same is none.
        let model = match knowledge.catalogue.theft_model.as_deref().map(|text| Model::read(text.as_bytes())) {
            Some(Ok(model)) => Some(model),
            Some(Err(_)) | None => None,
        };
        Box::new(Watch {
            catalogue: Arc::clone(&knowledge.catalogue),
            voice: Voice::new(ID, params),
            loud: per_million(params.get(&LOUD_PER_MILLION)),
            record: per_million(params.get(&RECORD_PER_MILLION)),
            model,
        })
    }
    /// With a model made by hand: it shows that transactions reach the model and its verdict reaches us, not that the model which
    /// is configured is any good.
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let theft_model = Model::by_hand().written().map(|text| String::from_utf8_lossy(&text).into());
        let mut catalogue = Catalogue::default();
        catalogue.theft_model = theft_model.ok();
        let knowledge = Knowledge { catalogue: Arc::new(catalogue) };
        (knowledge, vec![ChainEvent::Block(Arc::new(calls::reentrant_drain(400_000)).into())])
    }
}

/// A parameter as a share.
fn per_million(value: i64) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(0)) / 1e6
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    loud: f64,
    record: f64,
    model: Option<Model>,
}

impl Detector for Watch {
    fn observe(&mut self, _: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        let Some(model) = &self.model else { return };
        let cases =
            evidence.cases().filter(|case| taking::may_take(case.transaction) && !case.transaction.calls.is_empty());
        out.extend(cases.filter_map(|case| self.judge(model, case)));
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
    fn judge(&self, model: &Model, case: Case<'_>) -> Option<SignalChange> {
        let verdict = model.verdict(&Normal::of(case.block, case.transaction));
        if verdict.p_value > self.loud.max(self.record) {
            return None;
        }
        let loser = self.watched_loser(case);
        let loudness = match loser {
            Some(_) if verdict.p_value <= self.loud => Loudness::Error,
            _ if verdict.p_value <= self.record => Loudness::Info,
            _ => return None,
        };
        Some(self.claim(case, &verdict, loser, loudness).raised())
    }

    /// The first watched address that something left.
    fn watched_loser(&self, case: Case<'_>) -> Option<Address> {
        let chain = case.block.chain;
        let from = case.flows().iter().map(|flow| flow.from);
        let mut outside = from.filter(|from| *from != case.transaction.from);
        outside.find(|from| self.catalogue.watched(chain, *from).is_some())
    }

    fn claim(&self, case: Case<'_>, verdict: &Verdict, loser: Option<Address>, loudness: Loudness) -> Claim {
        let (block, transaction, found) = (case.block, case.transaction, case.extraction());
        let quiet = loudness == Loudness::Info;
        let subject = loser.or(transaction.to).unwrap_or(transaction.from);
        let name = taking::name(&self.catalogue, block.chain, subject);
        let title = match loser {
            Some(_) if !quiet => format!("looks like a theft from {name}"),
            _ => format!("looks like a theft: a transaction with {name}"),
        };
        let reasons: Vec<String> = verdict.reasons.iter().map(|reason| (*reason).to_owned()).collect();
        let why = if reasons.is_empty() { String::from("no single trait") } else { figures::listed(reasons) };
        let text = format!(
            "A learned model takes this transaction for a theft: at most {:.0} of a million ordinary transactions look as much \
             like one. What spoke for it: {why}.",
            (verdict.p_value * 1e6).ceil()
        );
        let victim = loser.map(Victim::unknown);
        Claim::on_block(&self.voice, block, "", &[subject.as_slice()])
            .transaction(transaction)
            .loudness(loudness)
            .service(loser.and_then(|loser| taking::service(&self.catalogue, block.chain, loser)))
            .title(title)
            .text(text)
            .number("ordinary transactions like it", (verdict.p_value * 1e6).ceil(), "in a million")
            .number("share of thefts among examples like it", (verdict.probability * 1e3).round(), "‰")
            .facts(Taking { found, quiet }.facts())
            .confidence(if quiet { 300 } else { 700 })
            .parties(victim.iter().flat_map(|victim| taking::parties(transaction, victim)))
            .parties(loser.is_none().then_some(("sender", transaction.from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn without_a_model_it_says_nothing() {
        let (_, events) = LearnedTheft.canary();
        assert_eq!(testing::observe(&LearnedTheft, &Knowledge::default(), &events), []);
    }

    #[test]
    fn a_stranger_is_recorded_and_what_is_below_the_limit_is_not() {
        let (knowledge, events) = LearnedTheft.canary();
        let told = testing::observe(&LearnedTheft, &knowledge, &events);
        let [SignalChange::Raised { signal }] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(signal.loudness, Loudness::Info);
        assert!(signal.explanation.text.contains("others call the sender's contract while it waits"), "{signal:?}");
        let mut strict =
            testing::build(&LearnedTheft, &knowledge, &[("record_per_million", 50), ("loud_per_million", 0)]);
        let mut out = Vec::new();
        for event in &events {
            strict.observe(event, &mut out);
        }
        assert_eq!(out, []);
    }
}
