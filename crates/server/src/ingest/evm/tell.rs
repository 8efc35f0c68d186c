//! Hands over what a follower saw, and keeps the gaps that are open.
//!
//! A gap is told once when it opens and once when it closes. Trouble that is over within [`GRACE`] is not told: near the head a
//! node often knows of a block before it has its receipts, and nothing is lost meanwhile, since the place stands still. A gap
//! of blocks closes when they have been read, not when the node answers again. Open gaps are kept with the place, so that a
//! restart can still close them.

use std::sync::Arc;

use quarterdeck_core::{
    chain::{ChainEvent, Gap, GapKind},
    id::SourceId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    super::{SourceState, Sources},
    follow::{Follower, Place, Step},
};
use crate::loops::detect::Seen;

/// How long trouble may last before it is told.
pub(super) const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

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
    chain: u64,
    cursor: Cursor,
    /// When the trouble began that lasts.
    trouble: Option<Timestamp>,
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
        chain: u64,
        cursor: Cursor,
    ) -> Self {
        Self { seen, sources, source, chain, cursor, trouble: None }
    }

    /// Tells a step that began at `began` and ended `now`. False: nobody listens any more.
    pub(super) async fn tell(&mut self, step: Step, follower: &Follower, began: Timestamp, now: Timestamp) -> bool {
        let mut going = true;
        let (wanted, blind, more) = (self.wanted(&step, follower, began, now), step.gap.is_some(), step.more);
        for told in step.events {
            self.note(&told.event, now);
            self.cursor.place = told.place;
            going &= self.send(told.event).await;
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
            going &= self.open(one, began).await;
        }
        let capabilities = follower.capabilities();
        let gaps = self.cursor.gaps.clone();
        self.sources.update(&self.source, |health| {
            health.node_head = step.node_head.or(health.node_head);
            let parts = [GapKind::MissingReceipts, GapKind::MissingTraces];
            let sightless = gaps.iter().any(|gap| !parts.contains(&gap.kind));
            health.state = match (sightless, blind || more) {
                (true, _) if blind || !more => SourceState::Blind,
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
                if step.given_up || now.since(since) >= GRACE {
                    wanted.push(Wanted { kind: *kind, detail: detail.clone(), from, to });
                }
            }
        }
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

    async fn send(&self, event: ChainEvent) -> bool {
        let cursor = match serde_json::to_string(&self.cursor) {
            Ok(cursor) => Some(cursor),
            Err(error) => {
                // Without it the older one stays: blocks are read again, none is skipped.
                tracing::error!(%error, source = %self.source, "cannot write down where this source stands");
                None
            }
        };
        self.seen.send(Seen { source: self.source.clone(), event, cursor }).await.is_ok()
    }

    async fn open(&mut self, wanted: Wanted, began: Timestamp) -> bool {
        if let Some(gap) = self.cursor.gaps.iter_mut().find(|gap| gap.kind == wanted.kind) {
            gap.to_block = wanted.to.or(gap.to_block);
            return true;
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
        self.send(ChainEvent::Gap(Arc::new(gap))).await
    }

    /// Closes what is open and not wanted any more. A gap of blocks ends with the last one read.
    async fn close_others(&mut self, wanted: &[Wanted], last: Option<u64>, now: Timestamp) -> bool {
        self.close_if(|gap| !wanted.iter().any(|one| one.kind == gap.kind), last, now).await
    }

    async fn close_if(&mut self, over: impl Fn(&Gap) -> bool, last: Option<u64>, now: Timestamp) -> bool {
        let mut going = true;
        for mut gap in self.cursor.gaps.extract_if(.., |gap| over(gap)).collect::<Vec<_>>() {
            gap.closed = Some(now);
            if matches!(gap.kind, GapKind::Unreachable | GapKind::BadAnswer | GapKind::MissingBlock) {
                gap.to_block = last.or(gap.to_block).max(gap.from_block);
            }
            tracing::info!(source = %gap.source, kind = ?gap.kind, "can look again");
            going &= self.send(ChainEvent::Gap(Arc::new(gap))).await;
        }
        going
    }
}
