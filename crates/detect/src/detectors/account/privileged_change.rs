//! B2: somebody changed who may do what: an upgrade, an owner, a role, a signer, a pause. Tests: `privileged_change/tests.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use quarterdeck_core::{
    catalogue::{AddressRole, Catalogue},
    chain::{Address, B256, Block, Call, CallKind, ChainEvent, Log, Transaction},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Facts, Loudness, SignalChange},
};

use self::rules::{CALLS, EVENTS, Gravity};
use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{
        Case, Evidence, flow,
        selector::{self, Selector},
    },
    rehearsal::calls,
    taking,
};

mod rules;

/// The detector's kind.
pub struct PrivilegedChange;

const ID: &str = "privileged_change";

const OUTFLOW_MIN_USD: ParamSpec = ParamSpec {
    name: "outflow_min_usd",
    unit: "USD",
    doc: "What an unwatched contract must lose in the same transaction for a change on it to be more than a record.",
    default: 20_000,
    min: 0,
    max: 1_000_000_000,
};

const PARAMS: &[ParamSpec] = &[OUTFLOW_MIN_USD];

const DOC: &str = "\
## What it watches
Changes of who may do what: implementation, administrator or beacon of a proxy (EIP-1967), owner, roles, signers, threshold, \
modules and guards of a multi-signature account, delay of a time lock, minters, pauses, and initialization called again. From \
events where receipts were read, else from the calls of the trace.

## Why it matters
Whoever controls the upgrade or the keys controls the funds. Most large thefts begin with one such call, sometimes hours before \
the money moves: this is the last quiet moment.

## When it is wrong
Planned work looks the same. A change made through one of your own watched accounts is a warning; made by anyone else it is \
treated as a key in the wrong hands. On contracts that nobody told us about, changes are frequent and only recorded, unless the \
same transaction empties them, or they pay at once whoever took control.

## First steps
Ask the person named in the change plan, by voice. If nobody planned it: pause, move what can be moved, revoke what was granted, \
and treat every key of that multi-signature account as compromised until shown otherwise.
";

impl DetectorKind for PrivilegedChange {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "B2"
    }
    fn title(&self) -> &'static str {
        "Privileged change"
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
            outflow_min: taking::cents(params.get(&OUTFLOW_MIN_USD)),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut story = calls::Story::begin(calls::MACHINE);
        story.call(calls::MACHINE, calls::PROXY, "upgradeTo(address)", &[calls::word(calls::MACHINE)], |_| {});
        (Knowledge::default(), vec![ChainEvent::Block(Arc::new(story.end()).into())])
    }
}

struct Watch {
    catalogue: Arc<Catalogue>,
    voice: Voice,
    outflow_min: i128,
}

/// What happened to one contract in one transaction.
struct Changed {
    contract: Address,
    /// What, gravest first.
    what: BTreeSet<Change>,
    /// Who called; none where only events are known.
    callers: BTreeSet<Address>,
}

/// What came of a change on a contract that nobody told us about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing more.
    Changed,
    /// It paid whoever changed it, and got nothing.
    Paid,
    /// It lost more than a large sum.
    Emptied,
}

impl Detector for Watch {
    fn observe(&mut self, _: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        for case in evidence.cases().filter(|case| case.transaction.status != Some(false)) {
            self.judge(case, &changes(case.block, case.transaction), out);
        }
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
    fn judge(&self, case: Case<'_>, changes: &[Changed], out: &mut Vec<SignalChange>) {
        let (block, transaction) = (case.block, case.transaction);
        let any_watched = self.catalogue.watches_any(block.chain);
        for change in changes {
            if self.catalogue.watched(block.chain, change.contract).is_some() {
                out.push(self.watched(block, transaction, change));
                continue;
            }
            let found = case.extraction();
            let lost =
                found.victims.iter().filter(|v| v.address == change.contract && v.one_sided).map(|v| v.loss).sum();
            let grave = change.what.first().is_some_and(|(gravity, _)| *gravity == Gravity::Control);
            let between = |from: &dyn Fn(&Address) -> bool, to: &dyn Fn(&Address) -> bool| {
                case.flows().iter().any(|flow| from(&flow.from) && to(&flow.to))
            };
            let (it, side) = (|a: &Address| *a == change.contract, |a: &Address| found.side.contains(a));
            let paid = !side(&change.contract) && between(&it, &side) && !between(&side, &it);
            // Who takes control of a contract and is paid by it at once tries a door, however little comes out.
            let tried = grave && paid && change.callers.iter().any(|caller| found.side.contains(caller));
            let outcome = match (lost >= self.outflow_min && !found.side.contains(&change.contract), tried) {
                (true, _) => Outcome::Emptied,
                (false, true) => Outcome::Paid,
                (false, false) => Outcome::Changed,
            };
            if outcome != Outcome::Changed || (!any_watched && grave) {
                out.push(self.unwatched(block, transaction, change, lost, outcome));
            }
        }
    }

    /// A watched contract: never only for the record.
    fn watched(&self, block: &Block, transaction: &Transaction, change: &Changed) -> SignalChange {
        let own = self.is_own(block, transaction, change);
        let grave = change.what.first().is_some_and(|(gravity, _)| *gravity == Gravity::Control);
        let (service, watched) = match self.catalogue.watched(block.chain, change.contract) {
            Some((service, watched)) => (Some(service), watched.label.clone()),
            None => (None, change.contract.to_string()),
        };
        let exposed = service.map(|service| service.assets).unwrap_or_default();
        let compromised = grave && !own;
        let by = if own {
            "It came through one of your own watched accounts"
        } else {
            "None of your watched accounts took part in it"
        };
        let loudness = match (grave, own) {
            (true, false) => Loudness::Critical,
            (true, true) | (false, false) => Loudness::Error,
            (false, true) => Loudness::Warning,
        };
        self.claim(block, transaction, change)
            .loudness(loudness)
            .service(service.map(|service| service.id.clone()))
            .title(format!("{watched}: {}", what_text(change)))
            .text(format!("{watched} ({}) was changed: {}. {by}.", change.contract, what_text(change)))
            .number("changes", change.what.len(), "")
            .number("assets behind it", exposed.dollars(), "USD")
            .facts(Facts {
                money_at_risk: if compromised { exposed } else { taking::usd(0) },
                key_compromise: compromised,
                ..Facts::default()
            })
            .confidence(if own { 600 } else { 900 })
            .raised()
    }

    fn unwatched(
        &self,
        block: &Block,
        transaction: &Transaction,
        change: &Changed,
        lost: i128,
        outcome: Outcome,
    ) -> SignalChange {
        let money = taking::usd(lost);
        let robbed = outcome != Outcome::Changed;
        let (loudness, ending, rest) = match outcome {
            Outcome::Emptied => {
                (Loudness::Error, " and emptied", format!(", and it lost {money} in the same transaction"))
            }
            Outcome::Paid => {
                let what =
                    if lost > 0 { money.to_string() } else { String::from("assets of little or no known price") };
                (
                    Loudness::Warning,
                    " and paid",
                    format!(", and it paid whoever changed it {what} in the same transaction"),
                )
            }
            Outcome::Changed => (Loudness::Info, "", String::new()),
        };
        let facts = Facts { money_at_risk: money, irreversible: true, key_compromise: true, theft: true, users: None };
        self.claim(block, transaction, change)
            .loudness(loudness)
            .title(format!("{}: {}{ending}", change.contract, what_text(change)))
            .text(format!("{} was changed: {}{rest}.", change.contract, what_text(change)))
            .number("changes", change.what.len(), "")
            .number("lost", money.dollars(), "USD")
            .facts(if robbed { facts } else { Facts::default() })
            .confidence(if robbed { 900 } else { 500 })
            .raised()
    }

    /// What every claim about a change has: one fingerprint for each contract and gravest change.
    fn claim(&self, block: &Block, transaction: &Transaction, change: &Changed) -> Claim {
        let what = change.what.first().map_or("", |(_, what)| *what);
        Claim::on_block(&self.voice, block, "", &[change.contract.as_slice(), what.as_bytes()])
            .only()
            .transaction(transaction)
            .parties(parties(transaction, change))
    }

    /// Whether one of the operator's own accounts asked for it: the caller, or where only events are known, the transaction.
    fn is_own(&self, block: &Block, transaction: &Transaction, change: &Changed) -> bool {
        let asked = |address: &Address| {
            *address != change.contract
                && self.catalogue.watched(block.chain, *address).is_some_and(|(_, watched)| {
                    matches!(watched.role, AddressRole::Multisig | AddressRole::Wallet | AddressRole::Proxy)
                })
        };
        // A multi-signature account changes itself: then its signers have agreed, which a stranger cannot fake by calling.
        let itself = change.callers.contains(&change.contract);
        itself
            || change.callers.iter().any(asked)
            || asked(&transaction.from)
            || transaction.to.as_ref().is_some_and(asked)
    }
}

fn what_text(change: &Changed) -> String {
    let words: Vec<&str> = change.what.iter().map(|(_, what)| *what).collect();
    words.join(", ")
}

fn parties(transaction: &Transaction, change: &Changed) -> Vec<(&'static str, Address)> {
    let mut parties = vec![("sender", transaction.from), ("changed", change.contract)];
    parties.extend(change.callers.iter().take(2).map(|caller| ("caller", *caller)));
    parties
}

/// Every privileged change of a transaction, by contract. Contracts made in this transaction are being set up, not changed.
fn changes(block: &Block, transaction: &Transaction) -> Vec<Changed> {
    let mut found: BTreeMap<Address, Changed> = BTreeMap::new();
    let mut created: BTreeSet<Address> = BTreeSet::new();
    let mut add = |contract: Address, rule: Change, caller: Option<Address>| {
        let changed = found.entry(contract).or_insert_with(|| Changed {
            contract,
            what: BTreeSet::new(),
            callers: BTreeSet::new(),
        });
        changed.what.insert(rule);
        changed.callers.extend(caller);
    };
    for call in transaction.calls.iter().filter(|call| !call.reverted) {
        match (call.kind, call.to) {
            (CallKind::Create, Some(to)) => drop(created.insert(to)),
            (CallKind::Call, Some(to)) if !created.contains(&to) => {
                if let Some(rule) = call_rule(call) {
                    add(to, rule, Some(call.from));
                }
            }
            _ => {}
        }
    }
    if transaction.calls.is_empty() && !block.has_receipt_of(transaction) {
        // Only the outermost call is known, and not whether it succeeded: then nothing is claimed.
        return Vec::new();
    }
    for log in &transaction.logs {
        if !created.contains(&log.address)
            && !transaction.is_creation()
            && let Some(rule) = log_rule(log)
        {
            add(log.address, rule, None);
        }
    }
    found.into_values().collect()
}

fn call_rule(call: &Call) -> Option<Change> {
    let selector = selector::of_call(call)?;
    let (signature, (gravity, what)) = BY_SELECTOR.get(&selector)?;
    let role = flow::argument(call, 0).is_some_and(|role| role.is_zero());
    match *signature {
        "grantRole(bytes32,address)" if role => Some((Gravity::Control, "administrator role granted")),
        _ => Some((*gravity, *what)),
    }
}

fn log_rule(log: &Log) -> Option<Change> {
    let (signature, gravity, what) = BY_TOPIC.get(log.topics.first()?)?;
    let second = log.topics.get(1);
    match *signature {
        "RoleGranted(bytes32,address,address)" if second == Some(&B256::ZERO) => {
            Some((Gravity::Control, "administrator role granted"))
        }
        // From nobody: the constructor's own first owner.
        "OwnershipTransferred(address,address)" if second == Some(&B256::ZERO) => None,
        _ => Some((*gravity, *what)),
    }
}

/// What a change is: how grave, and in words.
type Change = (Gravity, &'static str);

static BY_SELECTOR: LazyLock<BTreeMap<Selector, (&'static str, Change)>> = LazyLock::new(|| {
    let rows: Vec<_> = CALLS.iter().map(|(signature, gravity, what)| (*signature, (*gravity, *what))).collect();
    selector::table(&rows)
});

static BY_TOPIC: LazyLock<BTreeMap<B256, (&'static str, Gravity, &'static str)>> = LazyLock::new(|| {
    EVENTS
        .iter()
        .map(|(signature, gravity, what)| (selector::topic(signature), (*signature, *gravity, *what)))
        .collect()
});

#[cfg(test)]
mod tests;
