//! B3: somebody on a dated list takes part in a transaction.
//!
//! Must never use a list in silence when it is old. Tests: `tests.rs`, and `scenarios/detectors/listed_entity.md`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy_primitives::{b256, map::HashMap};
use quarterdeck_core::{
    catalogue::{AddressList, Catalogue, ListedAddress},
    chain::{Address, B256, Block, ChainEvent, Log, Transaction},
    detector::{Knowledge, ParamSpec, Params},
    money::Usd,
    signal::{Facts, Loudness, SignalChange},
    time::{Timestamp, human_span},
};
use serde::{Deserialize, Serialize};

use crate::{
    at_rest,
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{
        Case, Evidence,
        flow::{Flow, TRANSFER, TRANSFER_SINGLE},
    },
    rehearsal::{self, Rehearsal},
    watch::{Watch, short},
};

#[cfg(test)]
mod tests;

const ID: &str = "listed_entity";
const STALE_RULE: &str = "stale list";
/// `TransferBatch(address,address,address,uint256[],uint256[])` (ERC-1155).
const TRANSFER_BATCH: B256 = b256!("4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb");
/// Listed addresses told of one transaction: a mass payment to more says nothing new.
const PER_TRANSACTION_MAX: usize = 16;
const DAY_MS: i64 = 86_400_000;

const LIST_AGE_MAX_DAYS: ParamSpec = ParamSpec {
    name: "list_age_max_days",
    unit: "days",
    doc: "A list older than this is said to be stale, by the signal of a hit and by one of its own each day.",
    default: 7,
    min: 1,
    max: 365,
};
const DUST_USD: ParamSpec = ParamSpec {
    name: "dust_usd",
    unit: "USD",
    doc: "What a listed address sends to a watched one below this is a warning: anyone can send dust to anyone.",
    default: 100,
    min: 0,
    max: 1_000_000,
};

const PARAMS: &[ParamSpec] = &[LIST_AGE_MAX_DAYS, DUST_USD];

const DOC: &str = "## What it watches

Every address that takes part in a transaction, against the dated lists of the catalogue: sender, receiver, both sides of token
transfers, and both sides of calls where traces are read. Only direct hits count here; distance in hops is another detector's work.

An error when something moved or was called directly between a listed and a watched address. A warning when both are in one
transaction, when it failed, when only dust below `dust_usd` arrived, or when the token has no price. For the record when none of
yours took part. A list older than `list_age_max_days` is said to be stale in every hit, and by a warning of its own each day.

## Why it matters

Receiving from or paying to a sanctioned address has legal consequences within hours, and a listed exploiter at your contract is
an attack in its first minute.

## When it is wrong

Anyone can send coins to anyone: an incoming payment from a listed address is no deed of yours, but has to be dealt with all the
same. Lists contain errors and contracts that many honest people used. A list that is days old misses what happened since.

## First steps

1. Read the list's label and date, and open the transaction: who paid whom?
2. Outgoing: find out who approved it, and stop further payments to this address. Incoming: hold the deposit, do not return it.
3. Tell compliance; keep the transaction and the version of the list as evidence.
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct ListedEntity;

impl DetectorKind for ListedEntity {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "B3"
    }
    fn title(&self) -> &'static str {
        "A listed address takes part"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        let days = u64::try_from(params.get(&LIST_AGE_MAX_DAYS)).unwrap_or(7);
        Box::new(Observer {
            voice: Voice::new(ID, params),
            age_max: Duration::from_secs(days * 86_400),
            dust: Usd::from_dollars(u64::try_from(params.get(&DUST_USD)).unwrap_or(0)),
            watch: Watch::new(knowledge),
            listed: knowledge.catalogue.listed.iter().map(|(address, entry)| (*address, entry.clone())).collect(),
            lists: knowledge.catalogue.lists.clone(),
            stale: Stale::default(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let listed = Address::repeat_byte(0xbd);
        let mut catalogue = Catalogue::clone(&rehearsal::knowledge().catalogue);
        let list = AddressList { name: "canary-list".to_owned(), as_of: chain.tip().time };
        catalogue.add_list(list, [(listed, "canary".to_owned())]);
        chain.block(vec![rehearsal::coin(rehearsal::HOT, listed, 1_000)]);
        (Knowledge { catalogue: Arc::new(catalogue) }, chain.events)
    }
}

/// The day since 1970 on which each stale list was last told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Stale {
    told: BTreeMap<String, i64>,
    /// The day up to which all lists were checked: staleness changes slowly, transactions come fast.
    checked_ms: i64,
}

struct Observer {
    voice: Voice,
    age_max: Duration,
    dust: Usd,
    watch: Watch,
    listed: HashMap<Address, ListedAddress>,
    lists: Vec<AddressList>,
    stale: Stale,
}

/// How a listed address met ours, the closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Contact {
    /// Something moved or was called between it and a watched address.
    Direct,
    /// A watched address received less than dust from it.
    Dust,
    /// Both took part in one transaction.
    Same,
    /// None of ours took part.
    None,
}

/// One listed address in one transaction.
struct Hit<'a> {
    entry: &'a ListedAddress,
    contact: Contact,
    /// The watched address it met.
    ours: Option<Address>,
    /// What moved between the two, as people read it.
    what: Option<String>,
    worth: Usd,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(block) => {
                self.check_lists(block.time(), out);
                if !self.listed.is_empty() {
                    evidence.cases().for_each(|case| self.look(case, out));
                }
            }
            ChainEvent::Tick(now) => self.check_lists(*now, out),
            _ => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        at_rest::save(&self.stale)
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.stale = Stale::default();
        self.stale = at_rest::load(ID, snapshot)?;
        Ok(())
    }
}

impl Observer {
    /// Says once a day which lists are stale, and that a list is fresh again.
    fn check_lists(&mut self, now: Timestamp, out: &mut Vec<SignalChange>) {
        // Once a minute of event time is often enough for an age in days.
        if (now.as_ms() - self.stale.checked_ms).abs() < 60_000 && self.stale.checked_ms != 0 {
            return;
        }
        self.stale.checked_ms = now.as_ms();
        let today = now.as_ms().div_euclid(DAY_MS);
        for list in &self.lists {
            let age = now.since(list.as_of);
            let told = self.stale.told.get(&list.name).copied();
            if age <= self.age_max {
                if told.is_some() {
                    self.stale.told.remove(&list.name);
                    out.push(self.voice.ended(STALE_RULE, &[list.name.as_bytes()], now));
                }
            } else if told != Some(today) {
                self.stale.told.insert(list.name.clone(), today);
                let (age, limit) = (human_span(age), human_span(self.age_max));
                let claim = Claim::at_time(&self.voice, now, STALE_RULE, &[list.name.as_bytes()])
                    .title(format!("the list {} is {age} old", list.name))
                    .text(format!(
                        "The list {} is of {}, {age} ago; older than {limit} counts as stale. Addresses listed since then are not noticed.",
                        list.name, list.as_of
                    ))
                    .number("age", now.since(list.as_of).as_secs() / 3_600, "hours")
                    .number("limit", self.age_max.as_secs() / 3_600, "hours");
                out.push(claim.raised());
            }
        }
    }

    fn look(&self, case: Case<'_>, out: &mut Vec<SignalChange>) {
        let (block, transaction) = (case.block, case.transaction);
        let mut met: Vec<&ListedAddress> = Vec::new();
        let mut note = |address: Address| {
            if let Some(entry) = self.listed.get(&address)
                && met.len() < PER_TRANSACTION_MAX
                && !met.iter().any(|had| had.address == address)
            {
                met.push(entry);
            }
        };
        each_party(transaction, &mut note);
        for entry in met {
            let hit = self.weigh(case, entry);
            out.push(self.claim(block, transaction, &hit).raised());
        }
    }

    /// How near the listed address came to ours.
    fn weigh<'a>(&self, case: Case<'_>, entry: &'a ListedAddress) -> Hit<'a> {
        let (block, transaction) = (case.block, case.transaction);
        let mut hit = Hit { entry, contact: Contact::None, ours: None, what: None, worth: Usd::ZERO };
        let Some(ours) = self.watch.chain(block.chain) else { return hit };
        each_party(transaction, &mut |address| {
            if hit.contact == Contact::None && ours.contains_key(&address) {
                (hit.contact, hit.ours) = (Contact::Same, Some(address));
            }
        });
        let between = |a: Address, b: Address| match (a == entry.address, b == entry.address) {
            (true, false) => ours.contains_key(&b).then_some(b),
            (false, true) => ours.contains_key(&a).then_some(a),
            _ => None,
        };
        if let Some(watched) = transaction.to.and_then(|to| between(transaction.from, to)) {
            (hit.contact, hit.ours) = (Contact::Direct, Some(watched));
        }
        for call in &transaction.calls {
            if let Some(watched) = call.to.and_then(|to| between(call.from, to)) {
                (hit.contact, hit.ours) = (Contact::Direct, Some(watched));
            }
        }
        // A plain payment from a listed address is weighed by what it moved, not by its being a call.
        let payment = transaction.input.is_empty() && transaction.from == entry.address;
        if payment && hit.contact == Contact::Direct {
            hit.contact = Contact::Same;
        }
        for flow in case.flows() {
            if let Some(watched) = between(flow.from, flow.to) {
                self.weigh_flow(block, flow, watched, &mut hit);
            }
        }
        hit
    }

    fn weigh_flow(&self, block: &Block, flow: &Flow, watched: Address, hit: &mut Hit<'_>) {
        let worth = self.watch.value(block.chain, flow.token, flow.amount);
        let incoming = flow.to == watched;
        let contact = match worth {
            Some(worth) if incoming && worth < self.dust => Contact::Dust,
            // A token that is not priced may be anyone's invention, and so may its transfers from either side.
            None if flow.token.is_some() => Contact::Same,
            _ => Contact::Direct,
        };
        if contact <= hit.contact {
            (hit.contact, hit.ours) = (contact, Some(watched));
            let verb = if incoming { "received" } else { "sent" };
            hit.what = Some(format!("{verb} {}", self.watch.amount(block.chain, flow.token, flow.amount)));
            hit.worth = hit.worth.max(worth.unwrap_or_default());
        }
    }

    fn claim(&self, block: &Block, transaction: &Transaction, hit: &Hit<'_>) -> Claim {
        let failed = transaction.status == Some(false);
        let loudness = match hit.contact {
            Contact::Direct if !failed => Loudness::Error,
            Contact::Direct | Contact::Dust | Contact::Same => Loudness::Warning,
            Contact::None => Loudness::Info,
        };
        let list = self.lists.get(hit.entry.list);
        let name = list.map_or("unnamed", |list| list.name.as_str());
        let age = list.map(|list| block.time.since(list.as_of)).unwrap_or_default();
        let watched = hit.ours.and_then(|ours| self.watch.find(block.chain, ours));
        let ours = watched.map(|watched| watched.label.as_str());
        let who = short(hit.entry.address);
        let title = match (ours, &hit.what) {
            (Some(ours), Some(what)) => format!("{ours} {what}: the other side, {who}, is on {name}"),
            (Some(ours), None) => format!("{ours} and {who}, which is on {name}, are in one transaction"),
            _ => format!("{who}, which is on {name}, takes part in a transaction"),
        };
        // Lists are dated by the day.
        let day = |list: &AddressList| list.as_of.to_string().split('T').next().unwrap_or_default().to_owned();
        let dated =
            list.map_or_else(|| "a list that is not on record".to_owned(), |list| format!("{name} of {}", day(list)));
        let label = if hit.entry.label.is_empty() { String::new() } else { format!(" as `{}`", hit.entry.label) };
        let stale = if age > self.age_max {
            format!(" That list is {} old: what was listed since is unknown.", human_span(age))
        } else {
            String::new()
        };
        let outcome = if failed { " The transaction failed, so nothing moved." } else { "" };
        let entity: [&[u8]; 3] =
            [&block.chain.bytes(), hit.entry.address.as_slice(), hit.ours.as_ref().map_or(&[], |o| o.as_slice())];
        let claim = Claim::on_block(&self.voice, block, "listed", &entity)
            .transaction(transaction)
            .loudness(loudness)
            .service(watched.map(|watched| watched.service.clone()))
            .title(title)
            .text(format!("{} is on {dated}{label}.{outcome}{stale}", hit.entry.address))
            .number("age of the list", age.as_secs() / 3_600, "hours")
            .number("hops", 0, "")
            .party("listed", hit.entry.address)
            .party("sender", transaction.from)
            .facts(Facts { money_at_risk: if failed { Usd::ZERO } else { hit.worth }, ..Facts::default() })
            .confidence(if age > self.age_max { 900 } else { 1_000 });
        match hit.ours {
            Some(ours) => claim.party("watched", ours),
            None => claim,
        }
    }
}

/// Everyone who takes part: sender, receiver, both sides of token transfers, and both sides of calls.
fn each_party(transaction: &Transaction, note: &mut impl FnMut(Address)) {
    note(transaction.from);
    if let Some(to) = transaction.to {
        note(to);
    }
    for log in &transaction.logs {
        let (from, to) = transfer_parties(log);
        from.into_iter().chain(to).for_each(&mut *note);
    }
    for call in transaction.calls.iter().skip(1) {
        note(call.from);
        if let Some(to) = call.to {
            note(to);
        }
    }
}

/// From and to of a token transfer; ERC-20, ERC-721 and ERC-1155.
fn transfer_parties(log: &Log) -> (Option<Address>, Option<Address>) {
    let topic = |place: usize| log.topics.get(place).map(|word| Address::from_word(*word));
    match log.topics.first() {
        Some(kind) if *kind == TRANSFER => (topic(1), topic(2)),
        Some(kind) if *kind == TRANSFER_SINGLE || *kind == TRANSFER_BATCH => (topic(2), topic(3)),
        _ => (None, None),
    }
}
