//! A start without the whole log: the board that was kept, the tree of its events, and then only the events that came after.
//!
//! What is kept is never trusted more than the log. Another build's is not read; bytes that are not those that were written are not;
//! what is warm is folded from its events anew; and the tree with the tail must have the root that the checkpoint is signed for. Where
//! any of this fails the whole log is folded, and that is said. What only the whole log can tell (a row of a cold incident that lies) is
//! found by the audit (`loops/audit.rs`). Tests: `tests/it/start.rs`.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use quarterdeck_core::board::{BadKept, Board, Kept};
use quarterdeck_ledger::{hash::Hash, tree::Frontier};
use quarterdeck_store::{Store, StoreError};
use sha2::{Digest as _, Sha256};

use super::{
    published::Standing,
    replay::{LoadError, load},
};
use crate::log_tree::Nodes;

/// What the bytes are, and in which form.
const FORM: &str = "quarterdeck board 1";
/// The rules of this build, by the hash of their sources (`build.rs`).
const RULES: &str = env!("QUARTERDECK_RULES");
/// Bytes of the digest at the end.
const DIGEST_BYTES: usize = 32;
/// Histories read at once while warm incidents are folded: as many as the store has connections that read.
const HISTORIES_AT_ONCE: usize = 4;
/// Incidents that are not cold; with more of them a board is not kept. Each costs the start a look into its history, about 50 µs,
/// and then the whole log is folded as fast.
pub const WARM_MAX: usize = 10_000;

/// Why what was kept is not taken up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// The store did not answer.
    #[error("read it: {0}")]
    Store(#[from] StoreError),
    /// Another build kept it.
    #[error("another build of the program wrote it")]
    Other,
    /// Not the bytes that were written.
    #[error("its bytes are not those that were written")]
    Changed,
    /// The log is shorter than it.
    #[error("it is of {kept} events, and the log has {size}")]
    Ahead {
        /// Of how many events it is.
        kept: u64,
        /// How many there are.
        size: u64,
    },
    /// It is no board.
    #[error(transparent)]
    Bad(#[from] BadKept),
    /// An incident cannot be folded from its events.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// What was kept, ready to go on from.
pub(super) struct TakenUp {
    pub(super) board: Board,
    pub(super) nodes: Nodes,
    pub(super) frontier: Frontier,
    pub(super) size: u64,
}

/// Everything of a moment, as bytes.
pub fn bytes_of(standing: &Standing) -> Vec<u8> {
    let (slices, last) = standing.nodes.leaves();
    let mut bytes = format!("{FORM}\n{RULES}\n").into_bytes();
    bytes.extend(standing.size.to_le_bytes());
    for hashes in [slices, last] {
        bytes.extend((hashes.len() as u64).to_le_bytes());
        for hash in hashes {
            bytes.extend(hash.bytes());
        }
    }
    bytes.extend(standing.board.keep());
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

/// What the store has kept, made good with what is in the log; none: nothing was kept.
pub(super) async fn take_up(store: &dyn Store) -> Result<Option<TakenUp>, Unfit> {
    let Some(bytes) = store.kept_board().await? else { return Ok(None) };
    let (size, nodes, kept) = parse(&bytes)?;
    drop(bytes);
    let stored = store.size().await?;
    if size > stored {
        return Err(Unfit::Ahead { kept: size, size: stored });
    }
    let frontier = Frontier::of(&nodes, size).map_err(|_| Unfit::Changed)?;
    let (warm, partial) = (kept.warm().to_vec(), kept.board());
    let folding = warm.into_iter().map(|(id, version)| load(store, Some(partial), id, version.saturating_add(1)));
    let incidents: Vec<_> = stream::iter(folding).buffered(HISTORIES_AT_ONCE).try_collect().await?;
    Ok(Some(TakenUp { board: kept.with(incidents)?, nodes, frontier, size }))
}

fn parse(bytes: &[u8]) -> Result<(u64, Nodes, Kept), Unfit> {
    let mut rest = bytes;
    if line(&mut rest)? != FORM.as_bytes() || line(&mut rest)? != RULES.as_bytes() {
        return Err(Unfit::Other);
    }
    let (said, digest) = bytes.split_at_checked(bytes.len().saturating_sub(DIGEST_BYTES)).ok_or(Unfit::Changed)?;
    if Sha256::digest(said)[..] != *digest {
        return Err(Unfit::Changed);
    }
    let mut rest = rest.get(..rest.len().saturating_sub(DIGEST_BYTES)).ok_or(Unfit::Changed)?;
    let size = number(&mut rest)?;
    let (slices, last) = (hashes(&mut rest)?, hashes(&mut rest)?);
    let nodes = Nodes::of(slices, last);
    if nodes.size() != size {
        return Err(Unfit::Changed);
    }
    Ok((size, nodes, Kept::read(rest)?))
}

fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Unfit> {
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or(Unfit::Changed)?;
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    Ok(line)
}

fn number(rest: &mut &[u8]) -> Result<u64, Unfit> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Unfit::Changed)?;
    *rest = after;
    Ok(u64::from_le_bytes(*bytes))
}

fn hashes(rest: &mut &[u8]) -> Result<Vec<Hash>, Unfit> {
    let count = number(rest)?;
    let mut hashes = Vec::new();
    for _ in 0..count {
        let (bytes, after) = rest.split_first_chunk().ok_or(Unfit::Changed)?;
        hashes.push(Hash::from_bytes(*bytes));
        *rest = after;
    }
    Ok(hashes)
}
