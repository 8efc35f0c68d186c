//! Where a branch that does not link leaves the chain that we know, and what other nodes say of it.

use std::sync::Arc;

use futures_util::future::join_all;
use quarterdeck_core::{
    chain::{BlockRef, GapKind},
    limits::FORK_WALK_BLOCKS_MAX,
};

use super::track::Track;
use crate::reader::{ChainReader, Header, Stop};

/// A branch that does not extend what we know.
pub(super) struct Branch {
    /// The block that both share; none: not within what we know.
    pub(super) ancestor: Option<BlockRef>,
    /// Its headers down to there, highest first.
    pub(super) headers: Vec<Header>,
}

/// Walks back from `tip` by parent hashes to a block we know.
pub(super) async fn walk(reader: &dyn ChainReader, track: &Track, tip: Header) -> Result<Branch, Stop> {
    let mut headers = vec![tip];
    let mut lowest = tip;
    loop {
        if let Some(known) = track.find(lowest.parent) {
            if known.number < lowest.number {
                return Ok(Branch { ancestor: Some(known), headers });
            }
            return Err(no_parent(reader, lowest));
        }
        let below = track.first().is_none_or(|first| lowest.number <= first.number);
        if below || headers.len() as u64 >= FORK_WALK_BLOCKS_MAX {
            return Ok(Branch { ancestor: None, headers });
        }
        let parent = reader.header(lowest.parent).await?;
        if parent.hash != lowest.parent || parent.number >= lowest.number {
            return Err(no_parent(reader, lowest));
        }
        headers.push(parent);
        lowest = parent;
    }
}

fn no_parent(reader: &dyn ChainReader, header: Header) -> Stop {
    let detail = format!("{}: what it gives as parent of block {} is none", reader.shown(), header.number);
    Stop::new(GapKind::BadAnswer, &detail)
}

/// Whether other nodes have this block where the node has it: at least one that answers, and none that has another.
pub(super) async fn agreed(witnesses: &[Arc<dyn ChainReader>], tip: Header) -> bool {
    let asked = witnesses.iter().filter(|witness| !witness.is_resting());
    let heard = join_all(asked.map(|witness| witness.header_at(tip.number))).await;
    let mut said = heard.into_iter().filter_map(Result::ok).map(|header| header.hash == tip.hash).peekable();
    said.peek().is_some() && said.all(|agrees| agrees)
}
