//! Follows one EVM chain over JSON-RPC: heads, full blocks, receipts, call traces.
//!
//! The place moves only over a verified parent link. A block that does not link is a reorganization: the walk goes back by
//! parent hashes until a block we know, and everything between is told. What cannot be read stays above the place and is a
//! gap until it can: nothing is skipped in silence. WebSocket heads only wake us; what the head is we ask ourselves.
//!
//! Tests: `follow/tests.rs` against a scripted node that lies, `tests/anvil.rs` against a real one.

pub mod rpc;
pub mod heads;
mod read;
pub mod follow;
mod tell;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use self::{
    follow::{Follower, Place},
    heads::Heads,
    rpc::Rpc,
    tell::{Cursor, Teller},
};
use super::{ChainSource, Seen, SourceState, Sources};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::Store;

/// The pause after a step that could not look. The node's own back-off comes on top.
const AFTER_GAP: Duration = Duration::from_millis(500);
/// With a subscription, the head is still asked for this many times less often: a subscription can fall silent.
const POLL_LESS_WITH_HEADS: u32 = 10;
/// How long a witness may take: the chain is not held up by those who only confirm it.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(2);

/// Follows the chain until `stop` says so.
pub async fn run(
    source: ChainSource,
    seen: mpsc::Sender<Seen>,
    store: Arc<dyn Store>,
    sources: Arc<Sources>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    sources.update(&source.id, |health| {
        health.chain = source.chain;
        health.endpoint = rpc::shown(&source.http);
        health.began = Some(clock.now());
    });
    let http = match rpc::client() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(%error, source = %source.id, "cannot make an HTTP client: this source stays blind");
            sources.update(&source.id, |health| health.state = SourceState::Blind);
            return;
        }
    };
    let Some(kept) = kept(&source, &*store, &sources, &mut stop).await else { return };
    let node = Rpc::new(http.clone(), &source.http, source.requests_per_second);
    let witness = |url: &String| Rpc::with_timeout(http.clone(), url, source.requests_per_second, WITNESS_TIMEOUT);
    let witnesses = source.witnesses.iter().map(witness).collect();
    let (place, cursor) = taken_up(kept.as_deref());
    let mut teller = Teller::new(seen, sources, source.id.clone(), source.chain, cursor);
    let mut follower = Follower::new(source.clone(), node, witnesses, place);
    let heads = Arc::new(Heads::default());
    let listening = source.ws.clone().map(|url| tokio::spawn(heads::run(url, Arc::clone(&heads), stop.clone())));
    loop {
        let began = clock.now();
        let found = tokio::select! {
            biased;
            _ = stop.changed() => break,
            found = follower.step(began) => found,
        };
        let (more, failed) = (found.more, found.gap.is_some());
        if !teller.tell(found, &follower, began, clock.now()).await {
            break;
        }
        if more {
            continue;
        }
        let pause = match (failed, heads.listening.load(Ordering::Relaxed)) {
            (true, _) => AFTER_GAP,
            (false, true) => source.poll_every * POLL_LESS_WITH_HEADS,
            (false, false) => source.poll_every,
        };
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            () = heads.heard.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some(listening) = listening {
        listening.abort();
    }
}

/// What the store kept of this source; waits for a store that does not answer, since beginning at the head would skip blocks.
/// None: the program stops.
async fn kept(
    source: &ChainSource,
    store: &dyn Store,
    sources: &Sources,
    stop: &mut watch::Receiver<bool>,
) -> Option<Option<String>> {
    loop {
        match store.cursor(source.id.as_str()).await {
            Ok(cursor) => return Some(cursor),
            Err(error) => tracing::error!(%error, source = %source.id, "cannot read where this source stood, waiting"),
        }
        sources.update(&source.id, |health| health.state = SourceState::Blind);
        tokio::select! {
            biased;
            _ = stop.changed() => return None,
            () = tokio::time::sleep(AFTER_GAP) => {}
        }
    }
}

/// Where to begin, and the gaps that were open.
fn taken_up(kept: Option<&str>) -> (Result<Option<Place>, String>, Cursor) {
    let Some(text) = kept else { return (Ok(None), Cursor::default()) };
    match serde_json::from_str::<Cursor>(text) {
        // Gaps can be kept before the first block was read.
        Ok(cursor) => (Ok(Some(cursor.place.clone()).filter(|place| !place.hashes.is_empty())), cursor),
        Err(error) => (Err(format!("where this source stood cannot be read: {error}")), Cursor::default()),
    }
}
