//! Follows one EVM chain over JSON-RPC: heads, full blocks, receipts, call traces.
//!
//! The cursor moves only over a verified parent link. A block that does not link is a reorganization: the walk goes back by
//! parent hashes until a block we know, and everything between is told. What cannot be read stays where the cursor is and is a
//! gap until it can: nothing is skipped in silence. WebSocket heads only wake us; what the head is we ask ourselves.
//!
//! Tests: `follow/tests.rs` against a scripted node that lies, `tests/it/anvil.rs` against a real one.

pub mod follow;
pub mod heads;
pub mod rpc;

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{ChainEvent, Gap, GapKind},
    time::Timestamp,
};
use tokio::sync::{Notify, mpsc, watch};

use self::{
    follow::{Follower, Step},
    rpc::Rpc,
};
use super::{SourceState, Sources};
use crate::{clock::Clock, config::ChainSource, loops::detect::Seen, store::Store};

/// The pause after a step that could not look. The node's own back-off comes on top.
const AFTER_GAP: Duration = Duration::from_millis(500);
/// With a subscription, the head is still asked for this many times less often: a subscription can fall silent.
const POLL_LESS_WITH_HEADS: u32 = 10;

/// Follows the chain until `stop` says so.
pub async fn run(
    source: ChainSource,
    seen: mpsc::Sender<Seen>,
    store: Arc<dyn Store>,
    sources: Arc<Sources>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let http = match rpc::client() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(%error, source = %source.id, "cannot make an HTTP client: this source stays blind");
            return;
        }
    };
    let node = Rpc::new(http.clone(), &source.http, source.requests_per_second);
    let witnesses =
        source.witnesses.iter().map(|url| Rpc::new(http.clone(), url, source.requests_per_second)).collect();
    let cursor = match store.cursor(source.id.as_str()).await {
        Ok(cursor) => cursor,
        Err(error) => {
            tracing::error!(%error, source = %source.id, "cannot read where this source stood: it begins at the head");
            None
        }
    };
    let shown = node.shown().to_owned();
    sources.update(&source.id, |health| {
        health.chain = source.chain;
        health.endpoint = shown;
    });
    let mut teller = Teller { seen, sources, clock: Arc::clone(&clock), gaps: Vec::new(), source: source.clone() };
    let mut follower = Follower::new(source.clone(), node, witnesses, cursor.as_deref());
    let heard = Arc::new(Notify::new());
    let heads = source.ws.clone().map(|url| tokio::spawn(heads::run(url, Arc::clone(&heard), stop.clone())));
    let poll = if heads.is_some() { source.poll_every * POLL_LESS_WITH_HEADS } else { source.poll_every };
    loop {
        let step = tokio::select! {
            biased;
            _ = stop.changed() => break,
            step = follower.step(clock.now()) => step,
        };
        let more = step.more;
        let pause = if step.gap.is_some() { AFTER_GAP } else { poll };
        if !teller.tell(step, &follower).await {
            break;
        }
        if more {
            continue;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            () = heard.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some(heads) = heads {
        heads.abort();
    }
}

/// Hands over what a step saw, and keeps the gaps that are open.
struct Teller {
    seen: mpsc::Sender<Seen>,
    sources: Arc<Sources>,
    clock: Arc<dyn Clock>,
    gaps: Vec<Gap>,
    source: ChainSource,
}

impl Teller {
    /// False: nobody listens any more.
    async fn tell(&mut self, step: Step, follower: &Follower) -> bool {
        let now = self.clock.now();
        let mut going = true;
        for event in step.events {
            let cursor = matches!(event, ChainEvent::Block(_)).then(|| follower.cursor());
            self.note(&event, now);
            going &= self.send(event, cursor).await;
        }
        match step.gap {
            Some((kind, detail)) => going &= self.open(kind, detail, step.wanted, now).await,
            None => going &= self.close(|kind| kind != GapKind::Disagreement && kind != GapKind::StaleHead, now).await,
        }
        match step.stale {
            Some(detail) => going &= self.open(GapKind::StaleHead, detail, step.wanted, now).await,
            None => going &= self.close(|kind| kind == GapKind::StaleHead, now).await,
        }
        match step.disagreement {
            Some(Some(detail)) => going &= self.open(GapKind::Disagreement, detail, None, now).await,
            Some(None) => going &= self.close(|kind| kind == GapKind::Disagreement, now).await,
            None => {}
        }
        let (gaps, more) = (self.gaps.clone(), step.more);
        let capabilities = follower.capabilities();
        self.sources.update(&self.source.id, |health| {
            health.node_head = step.node_head.or(health.node_head);
            let blind = gaps.iter().any(|gap| !matches!(gap.kind, GapKind::MissingReceipts | GapKind::MissingTraces));
            health.state = match (blind, more) {
                (true, _) => SourceState::Blind,
                (false, true) => SourceState::CatchingUp,
                (false, false) => SourceState::Live,
            };
            health.gaps = gaps;
            health.capabilities = capabilities;
        });
        going
    }

    fn note(&self, event: &ChainEvent, now: Timestamp) {
        self.sources.update(&self.source.id, |health| match event {
            ChainEvent::Block(block) => {
                health.head = Some(block.reference());
                health.last_block = Some(now);
                health.blocks += 1;
            }
            ChainEvent::Reorg(_) => health.reorgs += 1,
            ChainEvent::Finalized(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        });
    }

    async fn send(&self, event: ChainEvent, cursor: Option<String>) -> bool {
        self.seen.send(Seen { source: self.source.id.clone(), event, cursor }).await.is_ok()
    }

    /// A gap is told once when it opens and once when it closes.
    async fn open(&mut self, kind: GapKind, detail: String, wanted: Option<(u64, u64)>, now: Timestamp) -> bool {
        if self.gaps.iter().any(|gap| gap.kind == kind) {
            return true;
        }
        let gap = Gap {
            source: self.source.id.clone(),
            chain: self.source.chain,
            kind,
            from_block: wanted.map(|(from, _)| from),
            to_block: wanted.map(|(_, to)| to),
            since: now,
            closed: None,
            detail,
        };
        tracing::warn!(source = %gap.source, kind = ?gap.kind, detail = %gap.detail, "cannot look");
        self.gaps.push(gap.clone());
        self.send(ChainEvent::Gap(Arc::new(gap)), None).await
    }

    async fn close(&mut self, which: impl Fn(GapKind) -> bool, now: Timestamp) -> bool {
        let mut going = true;
        for mut gap in self.gaps.extract_if(.., |gap| which(gap.kind)).collect::<Vec<_>>() {
            gap.closed = Some(now);
            tracing::info!(source = %gap.source, kind = ?gap.kind, "can look again");
            going &= self.send(ChainEvent::Gap(Arc::new(gap)), None).await;
        }
        going
    }
}
