//! `quarterdeck backtest`

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use quarterdeck_core::{
    chain::{Block, ChainEvent},
    detector::Knowledge,
    signal::{Loudness, Signal, SignalChange},
};
use quarterdeck_detect::{
    detector::DetectorKind,
    detectors::DETECTORS,
    pipeline::{GivenParams, Pipeline},
};
use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{config, http::views};
use quarterdeck_sources::recorded::{self, Loaded, Unpacked};
use serde_json::{Value, json};

mod labels;
mod money;

use crate::output::{Exit, Misuse, print, print_json, say, table};

/// Run recorded blocks and traces through all detectors.
///
/// Reads geth-style JSON-RPC bodies (blocks with full transactions, receipts, callTracer and Parity traces), mev-inspect and
/// ethereum-etl files, and documents (a block with its header, transactions, receipts and traces; a transaction a line with its
/// receipt or trace; an attack played again, with its trace and logs), plain, zstd or tar, from files and folders. Blocks of one
/// chain are shown in order of height, each once; a bare trace is a block of its own. Tells every signal, counts per detector, and
/// how fast it went.
///
/// What cannot be read is named and counted, and costs nothing else: the rest is judged. Ends with 1 if there was a loud signal,
/// or anything that could not be read.
#[derive(Args)]
pub(crate) struct Backtest {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Services, assets, lists and detector parameters from here; without it every contract is judged
    #[arg(long)]
    config: Option<PathBuf>,
    /// EIP-155 number of the chain of files that do not say theirs
    #[arg(long, default_value_t = 1)]
    chain: u64,
    /// Show the blocks so many times, for measuring speed: each time to detectors that know nothing yet
    #[arg(long = "loop", default_value_t = 1)]
    times: u32,
    /// Also tell the quiet signals, which open no incident
    #[arg(long)]
    all: bool,
    /// Say precision and recall against this CSV of `hash,label`: `attack` and `1` are wanted, `ordinary` and `0` are not
    #[arg(long)]
    labels: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Backtest) -> anyhow::Result<Exit> {
    if let Some(missing) = args.paths.iter().find(|path| !path.exists()) {
        return Err(Misuse(format!("there is nothing at `{}`", missing.display())).into());
    }
    let (knowledge, given, kinds) = detectors(args)?;
    let labels = args.labels.as_deref().map(labels::read).transpose()?;
    let files = recorded::unpack(&args.paths)?;
    let times = args.times.max(1);
    let (loaded, decoding) = decode(&files, args.chain, times);
    let parsing = parse_only(&files, times);
    let mut detecting = Duration::ZERO;
    let mut result = None;
    for _ in 0..times {
        let mut pipeline = Pipeline::new(&kinds, &given, &knowledge)?;
        let events: Vec<ChainEvent> =
            loaded.blocks.iter().cloned().map(|block| ChainEvent::Block(Arc::new(block).into())).collect();
        let mut changes = Vec::new();
        let began = now();
        for event in &events {
            pipeline.observe(event, &mut changes);
        }
        detecting += began.elapsed();
        result = Some((pipeline, changes));
    }
    let Some((pipeline, changes)) = result else { return Ok(Exit::Good) };
    let signals: Vec<&Arc<Signal>> = changes
        .iter()
        .filter_map(|change| match change {
            SignalChange::Raised { signal } => Some(signal),
            SignalChange::Confirmed { .. }
            | SignalChange::Retracted { .. }
            | SignalChange::Ended { .. }
            | SignalChange::Silent { .. } => None,
        })
        .collect();
    let speed = Speed::of(&loaded, times, decoding, parsing, detecting);
    let loud = signals.iter().filter(|signal| signal.loudness >= Loudness::Warning).count();
    let score = labels.map(|labels| labels.score(&named(&signals).into_keys().collect()));
    let money = money::of(&loaded.blocks, &knowledge, &named(&signals));
    if args.json {
        let mut document = document(&loaded, &signals, &pipeline, &speed, args.all);
        if let Some(document) = document.as_object_mut() {
            document.insert(String::from("money"), money::json(&money));
            document.extend(score.iter().map(|score| (String::from("labels"), score.json())));
        }
        print_json(&document)?;
    } else {
        print(&in_words(&loaded, &signals, &pipeline, &speed, args.all))?;
        if !money.is_empty() {
            print(&money::in_words(&money))?;
        }
        if let Some(score) = &score {
            print(&score.in_words())?;
        }
    }
    let whole = loaded.left_out.is_empty() && unread_of(&loaded).next().is_none();
    Ok(if loud > 0 || !whole { Exit::Finding } else { Exit::Good })
}

type Chosen = (Knowledge, GivenParams, Vec<&'static dyn DetectorKind>);

fn detectors(args: &Backtest) -> anyhow::Result<Chosen> {
    let Some(path) = &args.config else {
        return Ok((Knowledge::default(), GivenParams::default(), DETECTORS.to_vec()));
    };
    let configuration = config::load(path, &Parts::new(SystemClock::new())?)?;
    let on = DETECTORS.iter().copied().filter(|kind| configuration.detectors.contains_key(kind.id())).collect();
    let given = configuration.detectors.iter().map(|(id, params)| (id.clone(), params.all().clone())).collect();
    Ok((Knowledge { catalogue: Arc::clone(&configuration.setting.catalogue) }, given, on))
}

#[expect(clippy::disallowed_methods, reason = "a backtest measures its own speed")]
fn now() -> Instant {
    Instant::now()
}

fn decode(files: &Unpacked, chain: u64, times: u32) -> (Loaded, Duration) {
    let began = now();
    let mut loaded = recorded::decode(files, chain);
    for _ in 1..times {
        loaded = recorded::decode(files, chain);
    }
    (loaded, began.elapsed())
}

/// What the JSON library alone needs for the same bytes: the yardstick for our decoding and detecting.
fn parse_only(files: &Unpacked, times: u32) -> Duration {
    let began = now();
    let mut values = 0_u64;
    for _ in 0..times {
        for (_, bytes) in &files.files {
            values += u64::from(serde_json::from_slice::<Value>(bytes).is_ok());
        }
    }
    std::hint::black_box(values);
    began.elapsed()
}

/// How fast it went.
struct Speed {
    blocks: u64,
    transactions: u64,
    decoding: Duration,
    parsing: Duration,
    detecting: Duration,
}

impl Speed {
    fn of(loaded: &Loaded, times: u32, decoding: Duration, parsing: Duration, detecting: Duration) -> Self {
        let transactions: usize = loaded.blocks.iter().map(|block| block.transactions.len()).sum();
        let all = |count: usize| (count as u64).saturating_mul(u64::from(times));
        Self { blocks: all(loaded.blocks.len()), transactions: all(transactions), decoding, parsing, detecting }
    }
    fn per_second(count: u64, time: Duration) -> u64 {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        count.saturating_mul(1_000_000) / micros
    }
    fn json(&self) -> Value {
        json!({
            "blocks": self.blocks,
            "transactions": self.transactions,
            "decode_ms": self.decoding.as_millis(),
            "serde_json_value_ms": self.parsing.as_millis(),
            "detect_ms": self.detecting.as_millis(),
            "blocks_per_second": Self::per_second(self.blocks, self.decoding + self.detecting),
            "transactions_per_second": Self::per_second(self.transactions, self.decoding + self.detecting),
            "transactions_per_second_decode": Self::per_second(self.transactions, self.decoding),
            "transactions_per_second_detect": Self::per_second(self.transactions, self.detecting),
        })
    }
}

fn counts(pipeline: &Pipeline) -> BTreeMap<&'static str, Value> {
    let view = |(id, counts): (&'static str, quarterdeck_detect::pipeline::Counts)| {
        let loud = counts.raised.saturating_sub(counts.info);
        (id, json!({ "raised": counts.raised, "info": counts.info, "loud": loud, "ended": counts.ended }))
    };
    pipeline.counts().map(view).collect()
}

fn wanted<'a>(signals: &'a [&Arc<Signal>], all: bool) -> impl Iterator<Item = &'a Arc<Signal>> {
    signals.iter().copied().filter(move |signal| all || signal.loudness >= Loudness::Warning)
}

/// A signal as a line of a table: what was said of which transaction, how loud and how surely.
fn verdict(signal: &Arc<Signal>) -> Value {
    let at = signal.position.as_ref();
    json!({
        "transaction": at.and_then(|at| at.transaction).map(|hash| hash.to_string()),
        "chain": at.map(|at| at.block.chain.to_string()),
        "block": at.map(|at| at.block.number),
        "detector": signal.detector.as_str(),
        "loudness": signal.loudness.word(),
        "score": f64::from(signal.confidence_permille) / 1_000.0,
    })
}

/// The transactions that loud signals name, with the detectors that name them: what an exploit search is after.
fn named(signals: &[&Arc<Signal>]) -> BTreeMap<String, Vec<String>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for signal in wanted(signals, false) {
        let Some(hash) = signal.position.as_ref().and_then(|position| position.transaction) else { continue };
        let detectors = named.entry(hash.to_string()).or_default();
        if !detectors.contains(&signal.detector.to_string()) {
            detectors.push(signal.detector.to_string());
        }
    }
    named
}

/// Whether a block is a lone trace, and whether a loud signal names its transaction.
fn lone(block: &Block) -> bool {
    block.number == 0 && block.transactions.len() == 1 && block.has_traces
}

/// The blocks of which something could not be read.
fn unread_of(loaded: &Loaded) -> impl Iterator<Item = &Block> {
    loaded.blocks.iter().filter(|block| !block.unread.is_empty())
}

/// Tells what could not be read, on stderr, and gives the line that counts it.
fn not_read(loaded: &Loaded) -> Option<String> {
    for one in &loaded.left_out {
        say(&format!("left out: {}: {}", one.name, one.why));
    }
    let (mut blocks, mut things) = (0_u64, 0_u64);
    for block in unread_of(loaded) {
        (blocks, things) = (blocks.saturating_add(1), things.saturating_add(block.unread.count()));
        for unread in block.unread.named() {
            say(&format!("not read: block {} of chain {}: {unread}", block.number, block.chain));
        }
        let more = block.unread.count().saturating_sub(block.unread.named().len() as u64);
        if more > 0 {
            say(&format!("not read: block {} of chain {}: and {more} more", block.number, block.chain));
        }
    }
    let files = loaded.left_out.len();
    (files > 0 || blocks > 0).then(|| {
        format!("not everything was read: {files} left out, {things} things in {blocks} blocks; the rest was judged")
    })
}

fn document(loaded: &Loaded, signals: &[&Arc<Signal>], pipeline: &Pipeline, speed: &Speed, all: bool) -> Value {
    let named = named(signals);
    let left_out: Vec<Value> = loaded.left_out.iter().map(|one| json!({ "file": one.name, "why": one.why })).collect();
    let not_whole: Vec<Value> = unread_of(loaded)
        .map(|block| {
            let named: Vec<String> = block.unread.named().iter().map(ToString::to_string).collect();
            let on = block.reference();
            json!({ "chain": on.chain.to_string(), "block": on.number, "hash": on.hash.to_string(), "count": block.unread.count(), "unread": named })
        })
        .collect();
    let lone_traces: Vec<String> = loaded
        .blocks
        .iter()
        .filter(|block| lone(block))
        .flat_map(|block| block.transactions.iter().map(|transaction| transaction.hash.to_string()))
        .collect();
    let found = lone_traces.iter().filter(|hash| named.contains_key(*hash)).count();
    json!({
        "signals": wanted(signals, all).map(|signal| views::signal(signal, signal.status)).collect::<Vec<_>>(),
        "verdicts": wanted(signals, all).map(verdict).collect::<Vec<_>>(),
        "detectors": counts(pipeline),
        "transactions_named": named,
        "lone_traces": { "count": lone_traces.len(), "named": found,
            "missed": lone_traces.iter().filter(|hash| !named.contains_key(*hash)).collect::<Vec<_>>() },
        "files": { "read": loaded.files, "bytes": loaded.bytes, "left_out": left_out },
        "blocks": { "judged": loaded.blocks.len(), "repeated": loaded.repeated, "not_whole": not_whole },
        "speed": speed.json(),
    })
}

fn in_words(loaded: &Loaded, signals: &[&Arc<Signal>], pipeline: &Pipeline, speed: &Speed, all: bool) -> String {
    let mut lines = Vec::new();
    for signal in wanted(signals, all) {
        let position = signal.position.as_ref();
        let block = position.map_or_else(String::new, |position| format!("block {} ", position.block.number));
        let transaction =
            position.and_then(|position| position.transaction).map_or_else(String::new, |hash| hash.to_string());
        lines.push(format!("{} {} {block}{transaction}", signal.loudness.word(), signal.detector));
        lines.push(format!("  {}", signal.title));
        lines.push(format!("  {}", signal.explanation.text));
    }
    let row = |(id, counts): (&'static str, quarterdeck_detect::pipeline::Counts)| {
        let loud = counts.raised.saturating_sub(counts.info);
        vec![id.to_owned(), loud.to_string(), counts.info.to_string()]
    };
    lines.push(table(&["DETECTOR", "LOUD", "QUIET"], &pipeline.counts().map(row).collect::<Vec<_>>()));
    lines.push(format!(
        "{} blocks, {} transactions: {} blocks/s and {} transactions/s decoded and judged on one core",
        speed.blocks,
        speed.transactions,
        Speed::per_second(speed.blocks, speed.decoding + speed.detecting),
        Speed::per_second(speed.transactions, speed.decoding + speed.detecting),
    ));
    lines.push(format!(
        "decoding {} ms, detecting {} ms; serde_json alone needs {} ms for the same bytes",
        speed.decoding.as_millis(),
        speed.detecting.as_millis(),
        speed.parsing.as_millis()
    ));
    if loaded.repeated > 0 {
        lines.push(format!("{} blocks were recorded more than once and are judged once", loaded.repeated));
    }
    lines.extend(not_read(loaded));
    lines.join("\n")
}
