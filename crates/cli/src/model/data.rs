//! A folder of recorded transactions with labels, read into examples.
//!
//! Honest before all else: a transaction counts once however many files have it, known thefts are no ordinary transactions,
//! addresses and digests go into groups and never into numbers. docs/models.md says what a folder holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use quarterdeck_core::{
    chain::{Block, ChainEvent, ChainId, Transaction},
    detector::Knowledge,
    signal::{Loudness, SignalChange},
};
use quarterdeck_detect::{
    detectors::DETECTORS,
    models::{examples::Example, features, model::SetCard, normal::Normal},
    pipeline::{GivenParams, Pipeline},
};
use quarterdeck_sources::recorded;

use super::{
    day::DAY_MS,
    labels::{Known, number},
};

/// Thefts, each a lone trace.
const THEFTS: &str = "evm-exploit-traces";
/// Ordinary transactions with traces.
const ORDINARY: [&str; 4] = ["evm-mainnet-blocks-traced", "evm-blocks-full", "evm-blocks-partial", "evm-mev-labelled"];

/// What a folder holds.
#[derive(Default)]
pub(crate) struct Labelled {
    /// Thefts first, then ordinary transactions in order of set, chain and height.
    pub(crate) examples: Vec<Example>,
    /// The sets, each with its licence.
    pub(crate) sets: Vec<SetCard>,
    /// What could not be read, and why.
    pub(crate) left_out: Vec<String>,
    /// How long it took to work out the numbers of each transaction.
    pub(crate) times: Vec<Duration>,
    seen: BTreeSet<String>,
}

/// Reads a folder. `ruled`: also runs the rules.
pub(crate) fn load(folder: &Path, ruled: bool) -> anyhow::Result<Labelled> {
    let known = Known::of(folder)?;
    let mut found = Labelled::default();
    let way = Way { folder, known: &known, ruled };
    let thefts = found.blocks(&folder.join(THEFTS))?;
    found.add(&way, THEFTS, &thefts, &Calendar::default())?;
    let mut sets = Vec::new();
    for set in ORDINARY {
        sets.push((set, found.blocks(&folder.join(set))?));
    }
    let calendar = Calendar::of(sets.iter().flat_map(|(_, blocks)| blocks));
    for (set, blocks) in &sets {
        found.add(&way, set, blocks, &calendar)?;
    }
    Ok(found)
}

/// How sets are read.
struct Way<'a> {
    folder: &'a Path,
    known: &'a Known,
    ruled: bool,
}

impl Labelled {
    /// The blocks of one set, with their traces.
    fn blocks(&mut self, folder: &Path) -> anyhow::Result<Vec<Block>> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let loaded = recorded::load(&[folder.to_owned()], 1)?;
        self.left_out.extend(loaded.left_out.into_iter().map(|one| format!("{}: {}", one.name, one.why)));
        Ok(loaded.blocks)
    }

    fn add(&mut self, way: &Way<'_>, set: &str, blocks: &[Block], calendar: &Calendar) -> anyhow::Result<()> {
        let Way { folder, known, ruled } = *way;
        let is_theft = set == THEFTS;
        let told = if ruled { told(blocks, is_theft)? } else { BTreeSet::new() };
        let before = self.examples.len();
        for (block, transaction) in
            blocks.iter().flat_map(|block| block.transactions.iter().map(move |one| (block, one)))
        {
            let hash = transaction.hash.to_string();
            let theft = known.thefts.get(&hash);
            let is_known = theft.is_some() || known.classes.contains_key(&hash);
            let wanted = if is_theft { theft.is_some() } else { !is_known };
            if transaction.calls.is_empty() || !wanted || !self.seen.insert(hash.clone()) {
                continue;
            }
            let example = Example {
                theft: is_theft,
                class: known.classes.get(&hash).cloned().unwrap_or_default(),
                ruled: told.contains(&hash),
                ..self.example(block, transaction)
            };
            self.examples.push(match theft {
                Some(theft) => Example { name: theft.name.clone(), day: theft.day, group: theft.group, ..example },
                None => Example {
                    name: hash,
                    day: calendar.day(block),
                    group: number(&[block.chain.to_string().as_bytes(), &block.number.to_be_bytes()]),
                    ..example
                },
            });
        }
        let examples = u32::try_from(self.examples.len() - before).unwrap_or(u32::MAX);
        if examples > 0 {
            self.sets.push(SetCard { name: set.to_owned(), licence: licence(&folder.join(set))?, examples });
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "how long a verdict takes is one of the figures")]
    fn example(&mut self, block: &Block, transaction: &Transaction) -> Example {
        let began = Instant::now();
        let features = features::of(&Normal::of(block, transaction));
        self.times.push(began.elapsed());
        Example { features, ..Example::default() }
    }
}

/// The transactions of which a detector tells aloud. Each theft is shown to detectors that know nothing yet, as it is recorded
/// alone.
fn told(blocks: &[Block], alone: bool) -> anyhow::Result<BTreeSet<String>> {
    let fresh = || Pipeline::new(DETECTORS, &GivenParams::new(), &Knowledge::default());
    let mut pipeline = fresh()?;
    let mut changes = Vec::new();
    for block in blocks {
        if alone {
            pipeline = fresh()?;
        }
        pipeline.observe(&ChainEvent::Block(Arc::new(block.clone()).into()), &mut changes);
    }
    let named = changes.iter().filter_map(|change| match change {
        SignalChange::Raised { signal } if signal.loudness >= Loudness::Warning => {
            signal.position.as_ref().and_then(|position| position.transaction).map(|hash| hash.to_string())
        }
        _ => None,
    });
    Ok(named.collect())
}

/// When blocks were: some sets do not say, and then the nearest blocks of the chain that do say it are asked.
#[derive(Default)]
struct Calendar(BTreeMap<ChainId, BTreeMap<u64, i64>>);

impl Calendar {
    fn of<'a>(blocks: impl Iterator<Item = &'a Block>) -> Self {
        let mut calendar = Self::default();
        for block in blocks.filter(|block| block.time.as_ms() > 0) {
            calendar.0.entry(block.chain).or_default().insert(block.number, block.time.as_ms());
        }
        calendar
    }

    fn day(&self, block: &Block) -> i64 {
        if block.time.as_ms() > 0 {
            return block.time.as_ms().div_euclid(DAY_MS);
        }
        let Some(told) = self.0.get(&block.chain) else { return 0 };
        let (below, above) = (told.range(..block.number).next_back(), told.range(block.number..).next());
        let ms = match (below, above) {
            (Some((low, from)), Some((high, to))) => {
                let part = i128::from(block.number - low) * i128::from(to - from) / i128::from(high - low);
                from + i64::try_from(part).unwrap_or(0)
            }
            (Some((_, ms)), None) | (None, Some((_, ms))) => *ms,
            (None, None) => 0,
        };
        ms.div_euclid(DAY_MS)
    }
}

/// What the description of a set says of licences.
fn licence(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("PROVENANCE.md");
    let text = recorded::unpack_file(&path).with_context(|| format!("read `{}`", path.display()))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    // Where a set has several sources, each states its own licence beside its name.
    let tells = |line: &&str| line.to_lowercase().contains("licence") || line.starts_with("- Source");
    let said: Vec<&str> = text.lines().filter(tells).map(str::trim).collect();
    let brief: Vec<String> =
        said.iter().map(|line| line.trim_start_matches("- ").chars().take(300).collect()).collect();
    Ok(if brief.is_empty() { String::from("not said") } else { brief.join(" ") })
}
