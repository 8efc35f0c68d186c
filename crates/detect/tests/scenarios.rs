//! Plays the timelines of `scenarios/detectors/` through the detectors they configure: each line says all that is heard at it.
//!
//! The grammar of a line is: a time, two spaces or more, an event, `#=>`, and what is heard.
//!
//! ```text
//! line   = time [" +" days " d"] event [", every " span " until " time] "#=>" heard
//! event  = name " sends " amount " " symbol " to " name [" with nonce " number]
//!        | name " calls 0x" selector " on " name [" " number " times"]
//!        | "block" | "tick"
//!        | "reorg depth " number ": " event          (as many blocks join as were left; the event is in the first)
//!        | "source " source " gap " kind | "source " source " closed"
//! heard  = "nothing" | claim *("; " claim)
//! claim  = "signal " detector [" " loudness] | "ended " detector
//! ```
//!
//! A name is a label of the configuration or `0x` and hexadecimal digits, read as the address that ends in them. Every event
//! but `tick` and `source` makes a block of that time. The same transaction (sender, nonce, receiver, sum) has the same hash.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "a test reads the scenarios")]

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use quarterdeck_core::{
    catalogue::{AddressList, Asset, Catalogue, Role, WatchedAddress},
    chain::{Address, B256, Block, BlockRef, ChainEvent, Gap, Reorg, Transaction, U256},
    detector::{Detector, Knowledge, Params},
    id::{Name, kind},
    money::Price,
    signal::{Fingerprint, SignalChange},
    time::Timestamp,
};
use quarterdeck_detect::{detectors::DETECTORS, rehearsal};
use serde::Deserialize;

const MIDNIGHT: &str = "2026-01-05T00:00:00Z";
/// Nonces that a scenario does not name start here, above those that it does.
const NONCE_START: u64 = 1_000;

/// The detectors whose scenarios are written in this grammar. Those of attacks need traces, which it has no words for.
const PLAYED: [&str; 6] =
    ["unusual_size", "frequency_spike", "sudden_outflow", "listed_entity", "reorganization", "observation_loss"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    chains: BTreeMap<String, Chain>,
    #[serde(default)]
    services: BTreeMap<String, Service>,
    #[serde(default)]
    assets: Vec<AssetRow>,
    #[serde(default)]
    lists: Vec<List>,
    detectors: BTreeMap<String, BTreeMap<String, i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chain {
    number: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    addresses: Vec<AddressRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressRow {
    chain: String,
    address: Address,
    role: Role,
    label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetRow {
    chain: String,
    symbol: String,
    decimals: u8,
    usd: u64,
    token: Option<Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    name: String,
    age_days: u64,
    addresses: Vec<Address>,
}

/// A world in which one timeline is played.
struct Stage {
    config: Config,
    detectors: Vec<(&'static str, Box<dyn Detector>)>,
    blocks: Vec<Arc<Block>>,
    nonces: BTreeMap<Address, u64>,
    gaps: BTreeMap<String, Gap>,
    /// Whose claim a fingerprint is.
    heard: BTreeMap<Fingerprint, &'static str>,
}

impl Stage {
    fn new(config: &str) -> Self {
        let config: Config = toml::from_str(config).unwrap();
        let chain = |name: &str| config.chains[name].number;
        let midnight: Timestamp = MIDNIGHT.parse().unwrap();
        let services = config.services.iter().map(|(name, service)| {
            let watched = |row: &AddressRow| WatchedAddress {
                chain: chain(&row.chain),
                address: row.address,
                role: row.role,
                label: row.label.clone(),
            };
            rehearsal::service(name, service.addresses.iter().map(watched).collect()).unwrap()
        });
        let assets = config.assets.iter().map(|row| Asset {
            chain: chain(&row.chain),
            token: row.token,
            symbol: row.symbol.clone(),
            price: Price { micro_usd: row.usd * 1_000_000, decimals: row.decimals },
        });
        let mut catalogue = Catalogue::new(services.collect(), assets.collect());
        for list in &config.lists {
            let as_of = midnight.minus(Duration::from_hours(24 * list.age_days));
            let entries = list.addresses.iter().map(|address| (*address, list.name.clone()));
            catalogue.add_list(AddressList { name: list.name.clone(), as_of }, entries);
        }
        let knowledge = Knowledge { catalogue: Arc::new(catalogue) };
        let build = |(id, given): (&String, &BTreeMap<String, i64>)| {
            let kind = DETECTORS.iter().find(|kind| kind.id() == id).unwrap_or_else(|| panic!("no detector `{id}`"));
            (kind.id(), kind.build(&Params::resolve(id, kind.params(), given).unwrap(), &knowledge))
        };
        let detectors = config.detectors.iter().map(build).collect();
        let (blocks, nonces, gaps, heard) = (Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { config, detectors, blocks, nonces, gaps, heard }
    }

    fn chain(&self) -> u64 {
        self.config.chains.values().next().unwrap().number
    }

    fn address(&self, name: &str) -> Address {
        let rows = self.config.services.values().flat_map(|service| &service.addresses);
        if let Some(row) = rows.into_iter().find(|row| row.label == name) {
            return row.address;
        }
        let digits = name.strip_prefix("0x").unwrap_or_else(|| panic!("`{name}` is neither a label nor an address"));
        format!("0x{digits:0>40}").parse().unwrap()
    }

    /// What is heard at one event.
    fn play(&mut self, event: &str, now: Timestamp) -> Vec<String> {
        let words: Vec<&str> = event.split_whitespace().collect();
        let events = match words.as_slice() {
            ["tick"] => vec![ChainEvent::Tick(now)],
            ["source", source, "gap", gap] => vec![self.gap(source, gap, now)],
            ["source", source, "closed"] => {
                let gap = Gap { closed: Some(now), ..self.gaps.remove(*source).unwrap() };
                vec![ChainEvent::Gap(Arc::new(gap))]
            }
            ["reorg", "depth", ..] => {
                let (depth, first) = event.trim_start_matches("reorg depth ").split_once(": ").unwrap();
                self.reorg(depth.parse().unwrap(), first, now)
            }
            _ => {
                let transactions = self.transactions(event);
                vec![ChainEvent::Block(self.block(transactions, now, 0))]
            }
        };
        let mut out = Vec::new();
        for event in &events {
            for (id, detector) in &mut self.detectors {
                let mut changes = Vec::new();
                detector.observe(event, &mut changes);
                out.extend(changes.into_iter().map(|change| (*id, change)));
            }
        }
        out.into_iter().map(|(id, change)| self.name(id, change)).collect()
    }

    fn name(&mut self, id: &'static str, change: SignalChange) -> String {
        match change {
            SignalChange::Raised { signal } => {
                self.heard.insert(signal.fingerprint, id);
                format!("signal {id} {}", serde_json::to_value(signal.loudness).unwrap().as_str().unwrap())
            }
            SignalChange::Ended { fingerprint, .. } => format!("ended {}", self.heard[&fingerprint]),
            other => panic!("{id} said {other:?}"),
        }
    }

    fn transactions(&mut self, event: &str) -> Vec<Transaction> {
        let words: Vec<&str> = event.split_whitespace().collect();
        match words.as_slice() {
            ["block"] => Vec::new(),
            [from, "sends", amount, symbol, "to", to, rest @ ..] => {
                let asset = self.config.assets.iter().find(|asset| asset.symbol == *symbol).unwrap();
                let (token, amount) = (asset.token, raw(amount, asset.decimals));
                let (from, to) = (self.address(from), self.address(to));
                let mut made = match token {
                    Some(token) => rehearsal::token(token, from, to, amount),
                    None => Transaction { value: amount, ..rehearsal::coin(from, to, 0) },
                };
                made.nonce = match rest {
                    ["with", "nonce", nonce] => nonce.parse().unwrap(),
                    [] => self.nonce(from),
                    other => panic!("cannot read `{}`", other.join(" ")),
                };
                vec![made]
            }
            [from, "calls", selector, "on", to, rest @ ..] => {
                let times: u64 = match rest {
                    [times, "times"] => times.parse().unwrap(),
                    [] => 1,
                    other => panic!("cannot read `{}`", other.join(" ")),
                };
                let selector = u32::from_str_radix(selector.trim_start_matches("0x"), 16).unwrap().to_be_bytes();
                let (from, to) = (self.address(from), self.address(to));
                (0..times)
                    .map(|_| Transaction { nonce: self.nonce(from), ..rehearsal::call(from, to, selector) })
                    .collect()
            }
            _ => panic!("cannot read the event `{event}`"),
        }
    }

    fn nonce(&mut self, from: Address) -> u64 {
        let next = self.nonces.entry(from).or_insert(NONCE_START);
        *next += 1;
        *next
    }

    /// A block on the last one.
    fn block(&mut self, mut transactions: Vec<Transaction>, time: Timestamp, branch: u64) -> Arc<Block> {
        let parent = self.blocks.last().map_or((19_999_999, B256::ZERO), |block| (block.number, block.hash));
        for (index, transaction) in (0_u32..).zip(&mut transactions) {
            let Transaction { from, to, value, nonce, .. } = transaction;
            transaction.index = index;
            transaction.hash = hash(&format!("{from} {to:?} {value} {nonce}"));
        }
        let number = parent.0 + 1;
        let hash = hash(&format!("block {number} {} {branch}", time.as_ms()));
        let (chain, has_receipts) = (self.chain(), true);
        let block =
            Block { chain, number, hash, parent: parent.1, time, transactions, has_receipts, ..Block::default() };
        self.blocks.push(Arc::new(block));
        Arc::clone(self.blocks.last().unwrap())
    }

    fn reorg(&mut self, depth: usize, first: &str, now: Timestamp) -> Vec<ChainEvent> {
        let dropped = self.blocks.split_off(self.blocks.len() - depth);
        let ancestor = BlockRef { chain: self.chain(), number: dropped[0].number - 1, hash: dropped[0].parent };
        if self.blocks.is_empty() {
            // The ancestor is below what the timeline showed.
            let (number, hash) = (ancestor.number, ancestor.hash);
            self.blocks.push(Arc::new(Block { chain: ancestor.chain, number, hash, ..Block::default() }));
        }
        let mut transactions = self.transactions(first);
        let adopted: Vec<Arc<Block>> =
            (0..depth).map(|_| self.block(std::mem::take(&mut transactions), now, 1)).collect();
        let dropped = dropped.iter().map(|block| block.reference()).collect();
        let reorg = Reorg { chain: self.chain(), ancestor, dropped, adopted: adopted.clone(), observed: now };
        std::iter::once(ChainEvent::Reorg(Arc::new(reorg))).chain(adopted.into_iter().map(ChainEvent::Block)).collect()
    }

    fn gap(&mut self, source: &str, gap: &str, now: Timestamp) -> ChainEvent {
        let kind = serde_json::from_value(serde_json::Value::from(gap)).unwrap();
        let gap = Gap {
            source: Name::<kind::Source>::new(source).unwrap(),
            chain: self.chain(),
            kind,
            from_block: None,
            to_block: None,
            since: now,
            closed: None,
            detail: "by the scenario".to_owned(),
        };
        self.gaps.insert(source.to_owned(), gap.clone());
        ChainEvent::Gap(Arc::new(gap))
    }
}

/// `49.999` with so many decimals.
fn raw(text: &str, decimals: u8) -> U256 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{}{rest:0<width$}", whole.replace('_', ""), width = usize::from(decimals));
    U256::from_str_radix(&digits, 10).unwrap()
}

fn hash(text: &str) -> B256 {
    let half = *Fingerprint::of(&[text.as_bytes()]).bytes();
    B256::left_padding_from(&half)
}

/// Milliseconds after midnight of `12:00:00` or `12:00:00 +6 d`.
fn instant(text: &str) -> i64 {
    let (clock, days) =
        text.split_once(" +").map_or((text, 0), |(clock, days)| (clock, days.trim_end_matches(" d").parse().unwrap()));
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    (((days * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2]) * 1_000
}

fn span(text: &str) -> i64 {
    let (count, unit) = text.split_once(' ').unwrap();
    let unit = match unit {
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        other => panic!("no unit `{other}`"),
    };
    count.parse::<i64>().unwrap() * unit
}

/// Plays one line and compares what was heard. A loudness that is not written is not compared.
fn play_line(stage: &mut Stage, line: &str) -> Result<(), String> {
    let (told, wanted) = line.split_once("#=>").ok_or("the line says not what is heard")?;
    let (at, event) = told.split_once("  ").ok_or("no two spaces after the time")?;
    let (event, every) = match event.trim().split_once(", every ") {
        Some((event, rest)) => (event, rest.split_once(" until ").map(|(step, end)| (span(step), instant(end.trim())))),
        None => (event.trim(), None),
    };
    let first = instant(at.trim());
    let (step, end) = every.unwrap_or((1, first));
    let midnight: Timestamp = MIDNIGHT.parse().unwrap();
    let mut heard = Vec::new();
    for ms in (first..=end).step_by(usize::try_from(step).unwrap()) {
        heard.extend(stage.play(event, Timestamp::from_ms(midnight.as_ms() + ms)));
    }
    let wanted: Vec<&str> = wanted.trim().split("; ").filter(|claim| *claim != "nothing").collect();
    let agree = |(heard, wanted): (&String, &&str)| {
        heard == wanted || heard.rsplit_once(' ').is_some_and(|(short, _)| short == *wanted)
    };
    if heard.len() == wanted.len() && heard.iter().zip(&wanted).all(agree) {
        Ok(())
    } else {
        Err(format!("heard {heard:?}"))
    }
}

#[test]
fn every_timeline_is_as_written() {
    for id in PLAYED {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/detectors").join(format!("{id}.md"));
        let text = std::fs::read_to_string(&path).unwrap();
        let fenced = |fence: &str| -> Vec<String> {
            text.split(&format!("```{fence}\n"))
                .skip(1)
                .map(|rest| rest.split("\n```").next().unwrap().to_owned())
                .collect()
        };
        let config = fenced("toml config").remove(0);
        for timeline in fenced("timeline") {
            let mut stage = Stage::new(&config);
            for line in timeline.lines().filter(|line| !line.trim().is_empty()) {
                if let Err(why) = play_line(&mut stage, line) {
                    panic!("{}:\n  {line}\n  {why}", path.display());
                }
            }
        }
    }
}
