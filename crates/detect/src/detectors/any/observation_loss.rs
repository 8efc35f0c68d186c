//! E10: we could not look.
//!
//! Tells "quiet" from "blind": a gap that is not closed in time, a head that stands still, receipts or traces that stopped
//! coming. Must never end a claim while any stretch of it is open. Tests: `tests.rs`, and `scenarios/detectors/observation_loss.md`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::{
    chain::{AnyBlock, Block, ChainEvent, ChainId, Gap, GapKind},
    detector::{Knowledge, ParamSpec, Params},
    id::{Name, SourceId, kind},
    signal::{Loudness, SignalChange},
    time::{Timestamp, human_span},
};
use serde::{Deserialize, Serialize};

use crate::{
    at_rest,
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::Evidence,
    rehearsal::{self, Rehearsal},
    watch::Watch,
};

mod unread;
#[cfg(test)]
mod tests;

use self::unread::Unreadables;

const ID: &str = "observation_loss";
/// Sources and kinds with an open gap, kept apart. Past it, gaps of new sources are told at once and not followed.
const BLINDS_MAX: usize = 1_024;
/// Open stretches of one source and kind kept one by one; past it they are counted.
const STRETCHES_MAX: usize = 64;
/// Closed gaps remembered.
const CLOSED_MAX: usize = 256;
/// Chains whose head is followed.
const CHAINS_MAX: usize = 256;
/// The mean interval assumed before it is learned: longer than that of any chain with a coin worth watching but Bitcoin's family.
const INTERVAL_ASSUMED_MS: i64 = 60_000;
/// Intervals learned before the mean is believed.
const INTERVALS_MIN: u32 = 10;
/// An interval older than this many weighs less than 1/e.
const INTERVALS_MEMORY: u32 = 200;

const GRACE_SECONDS: ParamSpec = ParamSpec {
    name: "grace_seconds",
    unit: "seconds",
    doc: "A gap closed within this time is not told. Nonsense from a node, another chain, forks too deep to walk, and blocks without receipts or traces are told at once.",
    default: 60,
    min: 0,
    max: 86_400,
};
const STALE_MIN_SECONDS: ParamSpec = ParamSpec {
    name: "stale_min_seconds",
    unit: "seconds",
    doc: "A head is never stale before this.",
    default: 60,
    min: 5,
    max: 86_400,
};
const STALE_INTERVALS: ParamSpec = ParamSpec {
    name: "stale_intervals",
    unit: "mean block intervals",
    doc: "A head is stale after this many of the chain's mean interval, as learned. Ten: by chance once in 22,000 blocks of proof of work, never in slots.",
    default: 10,
    min: 3,
    max: 1_000,
};
const BARE_BLOCKS: ParamSpec = ParamSpec {
    name: "bare_blocks",
    unit: "blocks",
    doc: "So many blocks in a row without receipts (or traces) that used to have them are told.",
    default: 3,
    min: 1,
    max: 1_000,
};

const PARAMS: &[ParamSpec] = &[GRACE_SECONDS, STALE_MIN_SECONDS, STALE_INTERVALS, BARE_BLOCKS];

const DOC: &str = "## What it watches

Our own eyes. A gap that a source reports and does not back-fill within `grace_seconds` (nonsense from a node, forks too deep to walk,
and blocks that had to be judged without receipts or traces are told at once). A chain whose head does not move for `stale_intervals` of its own mean interval, as learned from its
headers, and at least `stale_min_seconds`. Blocks that come without receipts or traces, `bare_blocks` in a row, after earlier ones
had them. Blocks of which something was there and could not be read: a transaction without a receiver, a log, a call of a kind that
we do not know; the rest of such a block is judged. A node that shows another chain, which is not believed. It says when each is over.
A gap that we learn of only after it was closed is put on record too, if it was long.

## Why it matters

While we cannot look, the silence of every other detector means nothing. Attackers know which day a provider is down.

## When it is wrong

A development node mines only when it is used, and stands still otherwise: do not watch one in earnest. A chain that halts looks
the same as a node that hangs; ask a second node which it is. Fewer than ten blocks after the first start, the bound for a
stale head assumes a minute per block.

## First steps

1. Read which source it is and its last error. Ask the node directly for its head.
2. Switch the chain to its second endpoint, or restart the node. If the node shows another chain: find out who changed it. What was claimed
   stands until a witness agrees, or somebody says with `quarterdeck source begin-anew` that the new chain is the right one.
3. Until the gap is closed, look at your largest balances by hand, and treat withdrawals as unobserved.
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct ObservationLoss;

impl DetectorKind for ObservationLoss {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "E10"
    }
    fn title(&self) -> &'static str {
        "We could not look"
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
            limits: Limits::of(params),
            watch: Watch::new(knowledge),
            state: State::default(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let since = chain.block(vec![]).time;
        if let Ok(source) = Name::<kind::Source>::new("canary") {
            let detail = "the canary's node does not answer".to_owned();
            let gap = Gap {
                source,
                chain: rehearsal::CHAIN,
                kind: GapKind::Unreachable,
                from_block: None,
                to_block: None,
                since,
                closed: None,
                detail,
            };
            chain.events.push(ChainEvent::Gap(Arc::new(gap)));
        }
        chain.tick(Duration::from_secs(61));
        (rehearsal::knowledge(), chain.events)
    }
    fn hears_blindness(&self) -> bool {
        true
    }
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    grace: Duration,
    stale_min_ms: i64,
    stale_intervals: i64,
    bare_blocks: u32,
}

impl Limits {
    fn of(params: &Params) -> Self {
        Self {
            grace: Duration::from_secs(u64::try_from(params.get(&GRACE_SECONDS)).unwrap_or(0)),
            stale_min_ms: params.get(&STALE_MIN_SECONDS).saturating_mul(1_000),
            stale_intervals: params.get(&STALE_INTERVALS),
            bare_blocks: u32::try_from(params.get(&BARE_BLOCKS)).unwrap_or(u32::MAX),
        }
    }
}

/// What is open of one source and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Blind {
    source: SourceId,
    kind: GapKind,
    stretches: Vec<Gap>,
    /// Open stretches past the bound.
    more: u64,
    told: bool,
}

/// The head of a chain, as it reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Head {
    number: u64,
    /// The time in the last header.
    block_time: Timestamp,
    /// The first tick after the last block: it had reached us by then.
    seen: Option<Timestamp>,
    stale: bool,
    /// Mean interval of headers in milliseconds, and how many it was learned from.
    interval_ms: i64,
    intervals: u32,
    receipts: Layer,
    traces: Layer,
}

/// Receipts, or traces: whether they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Layer {
    /// They came once, so they are expected.
    expected: bool,
    /// Blocks in a row without.
    bare: u32,
    told: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct State {
    blinds: Vec<Blind>,
    heads: BTreeMap<ChainId, Head>,
    now: Timestamp,
    /// The last gaps that were closed, so that hearing of one twice is harmless.
    closed: VecDeque<(SourceId, GapKind, Stretch)>,
    /// Parts of blocks that could not be read and were told. It came later than the rest.
    #[serde(default)]
    unread: Unreadables,
}

struct Observer {
    voice: Voice,
    limits: Limits,
    watch: Watch,
    state: State,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, _: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(block) => {
                self.follow_head(block, out);
                self.tell_overdue(block.time(), out);
            }
            ChainEvent::Tick(now) => {
                self.state.now = *now;
                self.tell_overdue(*now, out);
                self.tell_stale(*now, out);
            }
            ChainEvent::Gap(gap) if self.was_closed(gap) => {}
            ChainEvent::Gap(gap) if gap.closed.is_some() => self.close(gap, out),
            ChainEvent::Gap(gap) => self.open(gap, out),
            ChainEvent::Reorg(_) | ChainEvent::Finalized(_) => {}
        }
    }
    fn watched(&mut self, sources: &BTreeMap<SourceId, ChainId>, at: Timestamp, out: &mut Vec<SignalChange>) {
        let voice = &self.voice;
        self.state.blinds.retain(|blind| {
            let watched = sources.get(&blind.source);
            // One that watches another chain now has no gap on it yet.
            let stays = watched.is_some_and(|chain| blind.stretches.first().is_none_or(|gap| gap.chain == *chain));
            if !stays && blind.told {
                let entity: [&[u8]; 2] = [blind.source.as_str().as_bytes(), kind_word(blind.kind).as_bytes()];
                out.push(voice.ended("gap", &entity, at));
            }
            stays
        });
        self.state.heads.retain(|chain, head| {
            let stays = sources.values().any(|watched| watched == chain);
            let told =
                [("stale head", head.stale), ("no receipts", head.receipts.told), ("no traces", head.traces.told)];
            for (rule, _) in told.into_iter().filter(|(_, told)| *told && !stays) {
                out.push(voice.ended(rule, &[&chain.bytes()], at));
            }
            stays
        });
        self.state.unread.end_elsewhere(sources, &self.voice, at, out);
    }
    fn snapshot(&self) -> Vec<u8> {
        at_rest::save(&self.state)
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.state = State::default();
        self.state = at_rest::load(ID, snapshot)?;
        Ok(())
    }
}

/// Whether waiting cannot help: the node lies, or blocks were handed over without a part, and the gap says up to which.
const fn at_once(gap: &Gap) -> bool {
    match gap.kind {
        GapKind::BadAnswer | GapKind::ForkTooDeep | GapKind::OtherChain => true,
        GapKind::MissingReceipts | GapKind::MissingTraces => gap.to_block.is_some(),
        GapKind::Unreachable
        | GapKind::MissingBlock
        | GapKind::StaleHead
        | GapKind::Overload
        | GapKind::Disagreement => false,
    }
}

/// What makes a stretch the same, however often it is reported: chain, beginning, first height.
type Stretch = (ChainId, Timestamp, Option<u64>);

fn stretch(gap: &Gap) -> Stretch {
    (gap.chain, gap.since, gap.from_block)
}

impl Observer {
    fn open(&mut self, gap: &Arc<Gap>, out: &mut Vec<SignalChange>) {
        let found = self.state.blinds.iter().position(|blind| blind.source == gap.source && blind.kind == gap.kind);
        let place = match found {
            Some(place) => place,
            None if self.state.blinds.len() < BLINDS_MAX => {
                let (source, kind) = (gap.source.clone(), gap.kind);
                self.state.blinds.push(Blind { source, kind, stretches: Vec::new(), more: 0, told: false });
                self.state.blinds.len() - 1
            }
            None => return out.push(self.claim_gap(gap, gap.since, 1).raised()),
        };
        let Some(blind) = self.state.blinds.get_mut(place) else { return };
        if let Some(known) = blind.stretches.iter_mut().find(|known| stretch(known) == stretch(gap)) {
            *known = Gap::clone(gap);
        } else if blind.stretches.len() < STRETCHES_MAX {
            blind.stretches.push(Gap::clone(gap));
        } else {
            blind.more += 1;
        }
        if at_once(gap) && !blind.told {
            blind.told = true;
            let open = blind.open();
            out.push(self.claim_gap(gap, gap.since, open).raised());
        } else if self.state.now > gap.since {
            self.tell_overdue(self.state.now, out);
        }
    }

    fn was_closed(&self, gap: &Gap) -> bool {
        let known = |(source, kind, at): &(SourceId, GapKind, Stretch)| {
            (source, *kind, *at) == (&gap.source, gap.kind, stretch(gap))
        };
        self.state.closed.iter().any(known)
    }

    fn close(&mut self, gap: &Gap, out: &mut Vec<SignalChange>) {
        if self.state.closed.len() >= CLOSED_MAX {
            self.state.closed.pop_front();
        }
        self.state.closed.push_back((gap.source.clone(), gap.kind, stretch(gap)));
        let at = gap.closed.unwrap_or(gap.since);
        let entity: [&[u8]; 2] = [gap.source.as_str().as_bytes(), kind_word(gap.kind).as_bytes()];
        let found = self.state.blinds.iter().position(|blind| blind.source == gap.source && blind.kind == gap.kind);
        let overdue = at_once(gap) || at.since(gap.since) >= self.limits.grace;
        let Some(blind) = found.and_then(|place| self.state.blinds.get_mut(place)) else {
            // It began and ended between two reports. If it was long, it is put on record all the same.
            if overdue {
                out.push(self.claim_gap(gap, at, 1).raised());
                out.push(self.voice.ended("gap", &entity, at));
            }
            return;
        };
        match blind.stretches.iter().position(|known| stretch(known) == stretch(gap)) {
            Some(place) => drop(blind.stretches.swap_remove(place)),
            None => blind.more = blind.more.saturating_sub(1),
        }
        let (told, open) = (blind.told, blind.open());
        if overdue && !told {
            blind.told = true;
            out.push(self.claim_gap(gap, at, open + 1).raised());
        }
        let over = found.filter(|_| open == 0).map(|place| self.state.blinds.remove(place));
        if over.is_some_and(|blind| blind.told) {
            out.push(self.voice.ended("gap", &entity, at));
        }
    }

    /// Tells the gaps that were open for longer than the grace at `now`.
    fn tell_overdue(&mut self, now: Timestamp, out: &mut Vec<SignalChange>) {
        let mut due = Vec::new();
        for blind in self.state.blinds.iter_mut().filter(|blind| !blind.told) {
            let first = blind.stretches.iter().min_by_key(|gap| gap.since);
            if let Some(first) = first.filter(|gap| now > gap.since && now.since(gap.since) >= self.limits.grace) {
                due.push((first.clone(), blind.open()));
                blind.told = true;
            }
        }
        for (gap, open) in due {
            out.push(self.claim_gap(&gap, now, open).raised());
        }
    }

    fn claim_gap(&self, gap: &Gap, now: Timestamp, open: u64) -> Claim {
        let what = match gap.kind {
            GapKind::Unreachable => "does not answer",
            GapKind::BadAnswer => "answers nonsense",
            GapKind::MissingBlock => "lacks blocks below its head",
            GapKind::MissingReceipts => "gives no receipts",
            GapKind::MissingTraces => "gives no traces",
            GapKind::ForkTooDeep => "follows a fork deeper than we walk",
            GapKind::StaleHead => "has a head that does not move",
            GapKind::Overload => "sends more than we can read",
            GapKind::Disagreement => "says other things than its witnesses",
            GapKind::OtherChain => "shows another chain",
        };
        // What is told at once has no length yet.
        let lasted = Some(now.since(gap.since)).filter(|span| *span >= Duration::from_secs(1)).map(human_span);
        let (span, by_now) =
            lasted.map_or_else(Default::default, |span| (format!(" for {span}"), format!(", {span} by now")));
        let blocks = match (gap.from_block, gap.to_block) {
            (Some(from), Some(to)) => format!("Blocks {from} to {to} were not seen."),
            (Some(from), None) => format!("Blocks from {from} on were not seen."),
            _ => "Which blocks were missed is not known yet.".to_owned(),
        };
        let entity: [&[u8]; 2] = [gap.source.as_str().as_bytes(), kind_word(gap.kind).as_bytes()];
        let claim = Claim::at_time(&self.voice, now, "gap", &entity)
            .loudness(Loudness::Error)
            .service(self.watch.only_service(gap.chain))
            .title(format!("blind on chain {}{span}: {} {what}", gap.chain, gap.source))
            .text(format!(
                "{} {what} since {}{by_now}. {blocks} Until it is back-filled, silence of the other detectors on chain {} means nothing. {}",
                gap.source, gap.since, gap.chain, gap.detail
            ))
            .number("open for", now.since(gap.since).as_secs(), "seconds")
            .number("grace", self.limits.grace.as_secs(), "seconds")
            .number("open stretches", open, "");
        match (gap.from_block, gap.to_block) {
            (Some(from), Some(to)) => {
                claim.number("blocks not seen", to.saturating_sub(from).saturating_add(1), "blocks")
            }
            _ => claim,
        }
    }

    fn follow_head(&mut self, block: &AnyBlock, out: &mut Vec<SignalChange>) {
        let (on, time) = (block.reference(), block.time());
        let chain = on.chain.bytes();
        if !self.state.heads.contains_key(&on.chain) && self.state.heads.len() >= CHAINS_MAX {
            return;
        }
        let head = self.state.heads.entry(on.chain).or_default();
        let known = head.block_time != Timestamp::default();
        if known && on.number == head.number.wrapping_add(1) && time > head.block_time {
            head.learn_interval(time.as_ms() - head.block_time.as_ms());
        }
        (head.number, head.block_time, head.seen) = (on.number, time, None);
        if std::mem::take(&mut head.stale) {
            out.push(self.voice.ended("stale head", &[&chain], time));
        }
        // Only an account chain has receipts and traces; without transactions there is nothing that could be missing.
        if let Some(block) = block.account().filter(|block| !block.transactions.is_empty()) {
            self.follow_layers(block, out);
            self.state.unread.follow(block, &self.voice, &self.watch, out);
        }
    }

    fn follow_layers(&mut self, block: &Block, out: &mut Vec<SignalChange>) {
        let chain = block.chain.bytes();
        let Some(head) = self.state.heads.get_mut(&block.chain) else { return };
        let traced = block.has_traces;
        for (layer, present, rule) in
            [(&mut head.receipts, block.has_receipts, "no receipts"), (&mut head.traces, traced, "no traces")]
        {
            match layer.follow(present, self.limits.bare_blocks) {
                LayerChange::None => {}
                LayerChange::Back => out.push(self.voice.ended(rule, &[&chain], block.time)),
                LayerChange::Gone(bare) => out.push(Claim::at_time(&self.voice, block.time, rule, &[&chain])
                    .loudness(Loudness::Error)
                    .service(self.watch.only_service(block.chain))
                    .title(format!("chain {} comes with {rule} since {bare} blocks", block.chain))
                    .text(format!(
                        "The last {bare} blocks of chain {}, up to {}, came with {rule}, and earlier ones had them. Detectors that read them see nothing.",
                        block.chain, block.number
                    ))
                    .number("blocks in a row", bare, "blocks")
                    .number("limit", self.limits.bare_blocks, "blocks")
                    .raised()),
            }
        }
    }

    fn tell_stale(&mut self, now: Timestamp, out: &mut Vec<SignalChange>) {
        for (chain, head) in &mut self.state.heads {
            let seen = *head.seen.get_or_insert(now);
            let bound = head.stale_after(&self.limits);
            if head.stale || now.since(seen) <= bound {
                continue;
            }
            head.stale = true;
            let (silent, bound) = (human_span(now.since(seen)), human_span(bound));
            let seconds = |span: Duration| span.as_secs();
            let claim = Claim::at_time(&self.voice, now, "stale head", &[&chain.bytes()])
                .loudness(Loudness::Error)
                .service(self.watch.only_service(*chain))
                .title(format!("no block of chain {chain} for {silent}"))
                .text(format!(
                    "The last block of chain {chain} that reached us is {} of {}. More than {bound} without one is not waiting but blindness, or a halted chain.",
                    head.number, head.block_time
                ))
                .number("silent for", seconds(now.since(seen)), "seconds")
                .number("mean interval", head.mean_interval_ms(), "ms")
                .number("intervals learned", head.intervals, "blocks");
            out.push(claim.raised());
        }
    }
}

impl Blind {
    fn open(&self) -> u64 {
        u64::try_from(self.stretches.len()).unwrap_or(u64::MAX).saturating_add(self.more)
    }
}

impl Head {
    fn learn_interval(&mut self, interval_ms: i64) {
        self.intervals = self.intervals.saturating_add(1);
        let weight = i64::from(self.intervals.min(INTERVALS_MEMORY));
        // A pause of hours would make the next one look usual.
        let interval_ms = interval_ms.min(self.mean_interval_ms().saturating_mul(20));
        self.interval_ms += (interval_ms - self.interval_ms) / weight;
    }
    fn mean_interval_ms(&self) -> i64 {
        if self.intervals < INTERVALS_MIN { INTERVAL_ASSUMED_MS.max(self.interval_ms) } else { self.interval_ms }
    }
    fn stale_after(&self, limits: &Limits) -> Duration {
        let bound = self.mean_interval_ms().saturating_mul(limits.stale_intervals).max(limits.stale_min_ms);
        Duration::from_millis(u64::try_from(bound).unwrap_or(u64::MAX))
    }
}

/// What a block says about receipts or traces.
enum LayerChange {
    None,
    Gone(u32),
    Back,
}

impl Layer {
    fn follow(&mut self, present: bool, bare_blocks: u32) -> LayerChange {
        if present {
            (self.expected, self.bare) = (true, 0);
            return if std::mem::take(&mut self.told) { LayerChange::Back } else { LayerChange::None };
        }
        self.bare = self.bare.saturating_add(1);
        if !self.expected || self.told || self.bare < bare_blocks {
            return LayerChange::None;
        }
        self.told = true;
        LayerChange::Gone(self.bare)
    }
}

/// A kind in a fingerprint: stable, unlike its place in the enum.
const fn kind_word(kind: GapKind) -> &'static str {
    match kind {
        GapKind::Unreachable => "unreachable",
        GapKind::BadAnswer => "bad_answer",
        GapKind::MissingBlock => "missing_block",
        GapKind::MissingReceipts => "missing_receipts",
        GapKind::MissingTraces => "missing_traces",
        GapKind::ForkTooDeep => "fork_too_deep",
        GapKind::StaleHead => "stale_head",
        GapKind::Overload => "overload",
        GapKind::Disagreement => "disagreement",
        GapKind::OtherChain => "other_chain",
    }
}
