//! Reads whole blocks from one node: the block, then its receipts and call traces by the block's hash, so that parts of two
//! branches can never be joined.
//!
//! A block whose receipts or traces cannot be had is handed over with what is missing: whether to wait or to go on without is
//! the follower's choice. What a node does not offer is found by trying. Tests: `follow/tests.rs`, `tests/anvil.rs`.

use std::sync::{Arc, Mutex, PoisonError};

use quarterdeck_core::chain::{B256, Block, GapKind};
use quarterdeck_formats::evm::{DecodeError, attach_receipts, attach_traces, decode_block};
use serde::Deserialize;
use serde_json::json;

use super::rpc::{Rpc, RpcError};
use crate::Traces;

/// Receipts asked for in one request where a node cannot give a block's at once: providers refuse larger batches.
const RECEIPTS_PER_REQUEST: usize = 100;
/// Refusals after which a method that never worked counts as not offered. A refusal alone may be about one block.
const REFUSALS_MAX: u8 = 3;

/// Why reading stopped.
#[derive(Debug)]
pub(super) struct Stop(pub(super) GapKind, pub(super) String);

impl From<RpcError> for Stop {
    fn from(error: RpcError) -> Self {
        let kind = match &error {
            RpcError::Unreachable { .. } | RpcError::TooMany { .. } => GapKind::Unreachable,
            RpcError::NoMethod { .. } | RpcError::Refused { .. } | RpcError::Nonsense { .. } => GapKind::BadAnswer,
        };
        Self(kind, error.to_string())
    }
}

/// A header as the follower needs it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Header {
    #[serde(with = "quantity")]
    pub(super) number: u64,
    pub(super) hash: B256,
    #[serde(rename = "parentHash")]
    pub(super) parent: B256,
}

mod quantity {
    use serde::{Deserialize, Deserializer, de::Error as _};
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or("x");
        u64::from_str_radix(digits, 16).map_err(|error| D::Error::custom(format!("number `{text}`: {error}")))
    }
}

/// A number as the node writes it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Quantity(#[serde(with = "quantity")] u64);

/// A block, and which of its parts could not be had.
pub(super) struct Fetched {
    pub(super) block: Block,
    pub(super) missing: Vec<(GapKind, String)>,
}

/// Whether the node has a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// Not known: it refused so often.
    Untried(u8),
    Yes,
    No,
}

impl Offer {
    const fn refused(self) -> Self {
        match self {
            Self::Untried(times) if times + 1 < REFUSALS_MAX => Self::Untried(times + 1),
            Self::Untried(_) | Self::No => Self::No,
            Self::Yes => Self::Yes,
        }
    }
}

/// What the node offers, as far as we know.
#[derive(Debug, Clone, Copy)]
struct Offers {
    block_receipts: Offer,
    debug_trace: Offer,
    parity_trace: Offer,
}

const UNTRIED: Offers =
    Offers { block_receipts: Offer::Untried(0), debug_trace: Offer::Untried(0), parity_trace: Offer::Untried(0) };

/// Reads blocks of one chain from one node.
pub(super) struct Reader {
    node: Arc<Rpc>,
    chain: u64,
    traces: Traces,
    offers: Mutex<Offers>,
}

impl Reader {
    pub(super) fn new(node: Arc<Rpc>, chain: u64, traces: Traces) -> Self {
        Self { node, chain, traces, offers: Mutex::new(UNTRIED) }
    }

    pub(super) fn shown(&self) -> &str {
        self.node.shown()
    }

    /// What the node offers.
    pub(super) fn capabilities(&self) -> Vec<String> {
        let offers = self.offers();
        let all = [
            ("block receipts", offers.block_receipts),
            ("call traces", offers.debug_trace),
            ("parity traces", offers.parity_trace),
        ];
        all.into_iter().filter(|(_, offer)| *offer == Offer::Yes).map(|(name, _)| name.to_owned()).collect()
    }

    /// After a lost connection it may be another node, or another version of it.
    pub(super) fn forget_offers(&self) {
        self.learn(|offers| *offers = UNTRIED);
    }

    /// Whether the node is on the chain that the configuration says.
    pub(super) async fn check_chain(&self) -> Result<(), Stop> {
        let Quantity(chain) = self.small("eth_chainId", json!([]), GapKind::BadAnswer).await?;
        if chain == self.chain {
            return Ok(());
        }
        let detail = format!("{} is on chain {chain}, the configuration says {}", self.shown(), self.chain);
        Err(Stop(GapKind::BadAnswer, detail))
    }

    pub(super) async fn head(&self) -> Result<Header, Stop> {
        self.small("eth_getBlockByNumber", json!(["latest", false]), GapKind::BadAnswer).await
    }

    /// The header of `hash`; null is ordinary while the node changes branches.
    pub(super) async fn header(&self, hash: B256) -> Result<Header, Stop> {
        self.small("eth_getBlockByHash", json!([hash, false]), GapKind::MissingBlock).await
    }

    /// The last block that the node calls final, where it knows the word.
    pub(super) async fn finalized(&self) -> Result<Option<Header>, Stop> {
        match self.node.small("eth_getBlockByNumber", json!(["finalized", false])).await {
            Ok(header) => Ok(header),
            Err(RpcError::Refused { .. } | RpcError::NoMethod { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn small<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: serde_json::Value,
        null: GapKind,
    ) -> Result<T, Stop> {
        let found = self.node.small(method, params).await?;
        found.ok_or_else(|| Stop(null, format!("{method} at {}: answered null", self.shown())))
    }

    /// The block at a height, with its parts.
    pub(super) async fn by_number(&self, number: u64) -> Result<Fetched, Stop> {
        let bytes = self.node.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await?;
        let block = self.decoded(&bytes, number)?;
        if block.number != number {
            let detail = format!("{}: asked for block {number}, got block {}", self.shown(), block.number);
            return Err(Stop(GapKind::BadAnswer, detail));
        }
        Ok(self.complete(block).await)
    }

    /// The block of a header, with its parts. The node must say the same as before.
    pub(super) async fn by_header(&self, header: Header) -> Result<Fetched, Stop> {
        let bytes = self.node.ask("eth_getBlockByHash", json!([header.hash, true])).await?;
        let block = self.decoded(&bytes, header.number)?;
        if (block.hash, block.number, block.parent) != (header.hash, header.number, header.parent) {
            let (shown, asked, got) = (self.shown(), header.hash, block.hash);
            let detail = format!("{shown}: asked for block {asked}, got {got} at {} on {}", block.number, block.parent);
            return Err(Stop(GapKind::BadAnswer, detail));
        }
        Ok(self.complete(block).await)
    }

    fn decoded(&self, bytes: &[u8], number: u64) -> Result<Block, Stop> {
        decode_block(bytes, Some(self.chain)).map_err(|error| {
            let kind = match error {
                DecodeError::NullBlock => GapKind::MissingBlock,
                _ => GapKind::BadAnswer,
            };
            Stop(kind, format!("{}: block {number}: {error}", self.shown()))
        })
    }

    async fn complete(&self, mut block: Block) -> Fetched {
        let mut missing = Vec::new();
        if block.transactions.is_empty() {
            block.has_receipts = true;
            block.has_traces = self.traces != Traces::Off;
            return Fetched { block, missing };
        }
        let (receipts, traces) = tokio::join!(self.receipts(&block), self.traces(&block));
        let (shown, number) = (self.shown(), block.number);
        let receipts = receipts
            .map_err(|error| error.to_string())
            .and_then(|bytes| attach_receipts(&mut block, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = receipts {
            missing.push((GapKind::MissingReceipts, format!("{shown}: receipts of block {number}: {error}")));
        }
        let traces = traces.map_err(|error| error.to_string()).and_then(|bytes| match bytes {
            Some(bytes) => attach_traces(&mut block, &bytes).map_err(|error| error.to_string()),
            None if self.traces == Traces::Required => Err("not offered, and the configuration requires them".into()),
            None => Ok(()),
        });
        if let Err(error) = traces {
            missing.push((GapKind::MissingTraces, format!("{shown}: traces of block {number}: {error}")));
        }
        Fetched { block, missing }
    }

    /// A block's receipts at once, or one by one where the node cannot.
    async fn receipts(&self, block: &Block) -> Result<Vec<u8>, RpcError> {
        let offer = self.offers().block_receipts;
        if offer != Offer::No {
            let answer = self.node.ask("eth_getBlockReceipts", json!([block.hash])).await;
            let (offer, answer) = tried(offer, answer);
            self.learn(|offers| offers.block_receipts = offer);
            if let Some(bytes) = answer? {
                return Ok(bytes);
            }
        }
        let mut all = vec![b'['];
        let hashes: Vec<_> = block.transactions.iter().map(|transaction| json!([transaction.hash])).collect();
        for some in hashes.chunks(RECEIPTS_PER_REQUEST) {
            for one in self.node.many("eth_getTransactionReceipt", some).await? {
                if all.len() > 1 {
                    all.push(b',');
                }
                all.extend_from_slice(one.as_bytes());
            }
        }
        all.push(b']');
        Ok(all)
    }

    /// Call traces where the node offers them, geth's form first, then Parity's; none where it offers neither.
    async fn traces(&self, block: &Block) -> Result<Option<Vec<u8>>, RpcError> {
        if self.traces == Traces::Off {
            return Ok(None);
        }
        let offers = self.offers();
        let mut refused = None;
        if offers.debug_trace != Offer::No {
            let params = json!([block.hash, {"tracer": "callTracer"}]);
            let answer = self.node.ask("debug_traceBlockByHash", params).await;
            let refusal = answer.as_ref().err().cloned();
            let (offer, answer) = tried(offers.debug_trace, answer);
            self.learn(|offers| offers.debug_trace = offer);
            if let Some(bytes) = answer? {
                return Ok(Some(bytes));
            }
            refused = refusal.filter(|_| offer != Offer::No);
        }
        if offers.parity_trace != Offer::No {
            // By height: the form has no other. Each trace names its transaction, which the block must have.
            let answer = self.node.ask("trace_block", json!([format!("{:#x}", block.number)])).await;
            let refusal = answer.as_ref().err().cloned();
            let (offer, answer) = tried(offers.parity_trace, answer);
            self.learn(|offers| offers.parity_trace = offer);
            if let Some(bytes) = answer? {
                return Ok(Some(bytes));
            }
            refused = refused.or(refusal.filter(|_| offer != Offer::No));
        }
        // A refusal may be about this block alone: until it is clear that the method is missing, the traces are.
        refused.map_or(Ok(None), Err)
    }

    fn offers(&self) -> Offers {
        *self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, change: impl FnOnce(&mut Offers)) {
        change(&mut self.offers.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What an answer says about the offer, and the answer; none where another way is to be tried. A method that worked before and
/// is refused now is no missing method.
fn tried(offer: Offer, answer: Result<Vec<u8>, RpcError>) -> (Offer, Result<Option<Vec<u8>>, RpcError>) {
    match answer {
        Ok(bytes) => (Offer::Yes, Ok(Some(bytes))),
        Err(RpcError::NoMethod { .. }) => (Offer::No, Ok(None)),
        Err(RpcError::Refused { .. }) if offer != Offer::Yes => (offer.refused(), Ok(None)),
        Err(error) => (offer, Err(error)),
    }
}
