//! Hands over what a follower saw, and keeps the gaps that are open.
//!
//! A gap is told once when it opens and once when it closes. Trouble that is over within [`GRACE`] is not told: near the head a
//! node often knows of a block before it has its receipts, and nothing is lost meanwhile, since the place stands still. A gap
//! of blocks closes when they have been read, not when the node answers again. Open gaps are kept with the place, so that a
//! restart can still close them.
//!
//! Being behind is a gap of its own once it gets no better: the node's chain grows as fast as we read it, or the detectors take
//! nothing in. Nothing is skipped then, but what we say is old. Tests: `tell/tests.rs`, and through `follow/tests.rs`.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{ChainEvent, ChainId, Gap, GapKind},
    id::SourceId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, error::SendTimeoutError};

use crate::{
    follow::{Follower, Place, Step},
    health::{SourceState, Sources},
    seen::Seen,
};

/// How long trouble may last before it is told.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How long we may be behind without getting nearer to the head, and how long the detectors may take nothing in, until that is
/// told: a few blocks of most chains, and more than a full disk takes to be noticed.
const NO_BETTER: Duration = Duration::from_secs(30);

/// Parts of a block without which it is judged all the same.
const PARTS: [GapKind; 2] = [GapKind::MissingReceipts, GapKind::MissingTraces];

/// What is kept of a source.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Cursor {
    #[serde(flatten)]
    pub(super) place: Place,
    #[serde(default)]
    pub(super) gaps: Vec<Gap>,
}

/// Hands over what steps saw.
pub(super) struct Teller {
    seen: mpsc::Sender<Seen>,
    sources: Arc<Sources>,
    source: SourceId,
    chain: ChainId,
    cursor: Cursor,
    /// When the trouble began that lasts.
    trouble: Option<Timestamp>,
    /// How we fare while we are behind.
    behind: Option<Behind>,
    /// Opened while nobody could be told.
    untold: Option<Gap>,
}

/// How we fare while we are behind.
struct Behind {
    /// Since when.
    since: Timestamp,
    /// The height we stood at then.
    from: u64,
    /// The head that the node had then.
    head: u64,
    /// The fewest blocks to the head since then …
    nearest: u64,
    /// … and when that was.
    at: Timestamp,
}

/// A gap that should be open.
struct Wanted {
    kind: GapKind,
    detail: String,
    from: Option<u64>,
    to: Option<u64>,
}

impl Teller {
    pub(super) fn new(
        seen: mpsc::Sender<Seen>,
        sources: Arc<Sources>,
        source: SourceId,
        chain: ChainId,
        cursor: Cursor,
    ) -> Self {
        Self { seen, sources, source, chain, cursor, trouble: None, behind: None, untold: None }
    }

    /// Tells a step that began at `began` and ended `now`. False: nobody listens any more.
    pub(super) async fn tell(&mut self, step: Step, follower: &Follower, began: Timestamp, now: Timestamp) -> bool {
        let mut going = true;
        let (wanted, blind, more) = (self.wanted(&step, follower, began, now), step.gap.is_some(), step.more);
        for told in step.events {
            self.note(&told.event, now);
            self.cursor.place = told.place;
            going &= self.send(told.event, now).await;
        }
        if let Some(gap) = self.untold.take() {
            going &= self.send(ChainEvent::Gap(Arc::new(gap)), now).await;
        }
        // While we are blind or behind, nothing that was open is over.
        if !blind && !more {
            let to = follower.last().map(|block| block.number);
            going &= self.close_others(&wanted, to, now).await;
        }
        for one in wanted {
            // What is given up again is another stretch: the one before ends here.
            if step.given_up && step.gap.as_ref().is_some_and(|(kind, _)| *kind == one.kind) {
                going &= self.close_if(|gap| gap.kind == one.kind, None, now).await;
            }
            going &= self.open(one, began, now).await;
        }
        let capabilities = follower.capabilities();
        let gaps = self.cursor.gaps.clone();
        self.sources.update(&self.source, |health| {
            health.node_head = step.node_head.or(health.node_head);
            health.looked = Some(now);
            let sightless = gaps.iter().any(|gap| !PARTS.contains(&gap.kind));
            health.state = match (sightless, blind || more) {
                _ if follower.unfit().is_some() => SourceState::Unfit,
                (true, _) if blind || !more => SourceState::Blind,
                // Until the first block is read nothing was caught up with.
                _ if follower.last().is_none() => SourceState::Connecting,
                (_, true) => SourceState::CatchingUp,
                _ => SourceState::Live,
            };
            health.gaps = gaps;
            health.capabilities = capabilities;
        });
        going
    }

    /// The gaps that a step and the follower's state ask for.
    fn wanted(&mut self, step: &Step, follower: &Follower, began: Timestamp, now: Timestamp) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let (from, to) = step.wanted.map_or((None, None), |(from, to)| (Some(from), to));
        match &step.gap {
            None => self.trouble = None,
            Some((kind, detail)) => {
                let since = *self.trouble.get_or_insert(began);
                let at_once = step.given_up || *kind == GapKind::OtherChain;
                if at_once || now.since(since) >= GRACE {
                    // A part that is waited for is not given up yet: up to where, nobody knows.
                    let to = to.filter(|_| !PARTS.contains(kind));
                    wanted.push(Wanted { kind: *kind, detail: detail.clone(), from, to });
                }
            }
        }
        wanted.extend(self.overload(step, follower, now));
        for (kind, bare) in follower.bare() {
            let (from, to) = (Some(bare.from), Some(bare.to));
            wanted.push(Wanted { kind: *kind, detail: bare.detail.clone(), from, to });
        }
        if let Some(detail) = &step.stale {
            wanted.push(Wanted { kind: GapKind::StaleHead, detail: detail.clone(), from, to: None });
        }
        if let Some(detail) = follower.disagreement() {
            wanted.push(Wanted { kind: GapKind::Disagreement, detail: detail.to_owned(), from: None, to: None });
        }
        wanted
    }

    /// Whether we are behind and get no nearer to the head. A step that could not look says nothing about it.
    fn overload(&mut self, step: &Step, follower: &Follower, now: Timestamp) -> Option<Wanted> {
        if step.gap.is_some() {
            return None;
        }
        let (Some(head), Some(last), true) = (step.node_head, follower.last(), step.more) else {
            self.behind = None;
            return None;
        };
        let (last, lag) = (last.number, head.saturating_sub(last.number));
        let behind = self.behind.get_or_insert(Behind { since: now, from: last, head, nearest: lag, at: now });
        if lag < behind.nearest {
            (behind.nearest, behind.at) = (lag, now);
        }
        if lag == 0 || now.since(behind.at) < NO_BETTER {
            return None;
        }
        let (read, made) = (last.saturating_sub(behind.from), head.saturating_sub(behind.head));
        let seconds = now.since(behind.since).as_secs();
        let detail = format!(
            "{}: {lag} blocks behind its head {head}; in {seconds} s it made {made} and {read} were read",
            follower.shown()
        );
        Some(Wanted { kind: GapKind::Overload, detail, from: Some(last.saturating_add(1)), to: Some(head) })
    }

    fn note(&self, event: &ChainEvent, now: Timestamp) {
        self.sources.update(&self.source, |health| match event {
            ChainEvent::Block(block) => {
                health.head = Some(block.reference());
                health.last_block = Some(now);
                health.blocks += 1;
            }
            ChainEvent::Reorg(_) => health.reorgs += 1,
            ChainEvent::Finalized(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        });
    }

    /// Hands over an event, and waits for the detectors as long as they need: a block is never dropped. That they need too long
    /// is shown at once, and told as soon as they take something in again.
    async fn send(&mut self, event: ChainEvent, now: Timestamp) -> bool {
        let cursor = match serde_json::to_string(&self.cursor) {
            Ok(cursor) => Some(cursor),
            Err(error) => {
                // Without it the older one stays: blocks are read again, none is skipped.
                tracing::error!(%error, source = %self.source, "cannot write down where this source stands");
                None
            }
        };
        let seen = Seen { source: self.source.clone(), event, cursor, drill: false };
        match self.seen.send_timeout(seen, NO_BETTER).await {
            Ok(()) => true,
            Err(SendTimeoutError::Closed(_)) => false,
            Err(SendTimeoutError::Timeout(seen)) => {
                self.note_full_queue(now);
                self.seen.send(seen).await.is_ok()
            }
        }
    }

    fn note_full_queue(&mut self, now: Timestamp) {
        if self.cursor.gaps.iter().any(|gap| gap.kind == GapKind::Overload) {
            return;
        }
        let gap = Gap {
            source: self.source.clone(),
            chain: self.chain,
            kind: GapKind::Overload,
            from_block: Some(self.cursor.place.last),
            to_block: None,
            since: now,
            closed: None,
            detail: format!(
                "{} events wait for the detectors, which took none in for {} s; block {} is the next",
                self.seen.max_capacity(),
                NO_BETTER.as_secs(),
                self.cursor.place.last
            ),
        };
        tracing::warn!(source = %gap.source, detail = %gap.detail, "the detectors do not keep up");
        self.cursor.gaps.push(gap.clone());
        let gaps = self.cursor.gaps.clone();
        self.sources.update(&self.source, |health| {
            health.state = SourceState::Blind;
            health.gaps = gaps;
        });
        self.untold = Some(gap);
    }

    async fn open(&mut self, wanted: Wanted, began: Timestamp, now: Timestamp) -> bool {
        if let Some(gap) = self.cursor.gaps.iter_mut().find(|gap| gap.kind == wanted.kind) {
            let given_up = gap.to_block.is_none() && wanted.to.is_some() && PARTS.contains(&gap.kind);
            gap.to_block = wanted.to.or(gap.to_block);
            if !given_up {
                return true;
            }
            // What was waited for went without: that is said at once.
            gap.detail = wanted.detail;
            let gap = gap.clone();
            tracing::warn!(source = %gap.source, kind = ?gap.kind, detail = %gap.detail, "handed over without");
            return self.send(ChainEvent::Gap(Arc::new(gap)), now).await;
        }
        let gap = Gap {
            source: self.source.clone(),
            chain: self.chain,
            kind: wanted.kind,
            from_block: wanted.from,
            to_block: wanted.to,
            since: self.trouble.unwrap_or(began),
            closed: None,
            detail: wanted.detail,
        };
        tracing::warn!(source = %gap.source, kind = ?gap.kind, detail = %gap.detail, "cannot look");
        self.cursor.gaps.push(gap.clone());
        self.send(ChainEvent::Gap(Arc::new(gap)), now).await
    }

    /// Closes what is open and not wanted any more. A gap of blocks ends with the last one read.
    async fn close_others(&mut self, wanted: &[Wanted], last: Option<u64>, now: Timestamp) -> bool {
        self.close_if(|gap| !wanted.iter().any(|one| one.kind == gap.kind), last, now).await
    }

    async fn close_if(&mut self, over: impl Fn(&Gap) -> bool, last: Option<u64>, now: Timestamp) -> bool {
        let mut going = true;
        for mut gap in self.cursor.gaps.extract_if(.., |gap| over(gap)).collect::<Vec<_>>() {
            gap.closed = Some(now);
            let of_blocks = matches!(
                gap.kind,
                GapKind::Unreachable | GapKind::BadAnswer | GapKind::MissingBlock | GapKind::Overload
            );
            if of_blocks {
                gap.to_block = last.or(gap.to_block).max(gap.from_block);
            }
            tracing::info!(source = %gap.source, kind = ?gap.kind, "can look again");
            going &= self.send(ChainEvent::Gap(Arc::new(gap)), now).await;
        }
        going
    }
}
