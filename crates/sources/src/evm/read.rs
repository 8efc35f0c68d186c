//! Reads whole blocks from one node: the block, then its receipts and call traces by the block's hash, so that parts of two
//! branches can never be joined.
//!
//! One thing that cannot be had costs that thing: a block whose receipts or traces cannot be had, or whose contents cannot be read,
//! is handed over with what is missing. Whether to wait or to go on without is the follower's choice. What a node cannot give at
//! once is asked for one by one, at once. Tests: `tests.rs`, `../follow/tests.rs`, and `anvil.rs` in the server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use quarterdeck_core::{
    chain::{B256, Block, BlockRef, ChainId, ChainNumber, GapKind},
    time::Timestamp,
};
use quarterdeck_formats::evm::{DecodeError, attach_receipts, attach_traces, decode_block};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    balances::Purses,
    offer::{Offer, Offers},
    rpc::{Room, Rpc, RpcError},
};
use crate::{
    reader::{ChainReader, Fetched, Header, Stop},
    source::Balances,
};

/// Whether to read call traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traces {
    /// If the node offers them.
    Auto,
    /// Always; their absence is a gap.
    Required,
    /// They are not asked for, and detectors that want them stay quiet.
    Off,
}

impl From<RpcError> for Stop {
    fn from(error: RpcError) -> Self {
        match &error {
            RpcError::Unreachable { .. } | RpcError::TooMany { .. } => {
                Self::new(GapKind::Unreachable, &error.to_string())
            }
            RpcError::NoMethod { .. } | RpcError::BatchTooLarge { .. } | RpcError::Nonsense { .. } => {
                Self::new(GapKind::BadAnswer, &error.to_string())
            }
            RpcError::Refused { .. } => Self::absent(GapKind::BadAnswer, &error.to_string()),
        }
    }
}

/// A header as the node writes it.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Lean {
    #[serde(with = "quantity")]
    number: u64,
    hash: B256,
    #[serde(rename = "parentHash")]
    parent: B256,
    #[serde(with = "quantity")]
    timestamp: u64,
}

impl From<Lean> for Header {
    fn from(Lean { number, hash, parent, .. }: Lean) -> Self {
        Self { number, hash, parent }
    }
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

/// A way to ask for the call traces of a block.
struct TraceForm {
    method: &'static str,
    params: fn(BlockRef) -> Value,
    offer: fn(&mut Offers) -> &mut Offer,
}

/// Geth's, then Parity's. The latter by height, since it has no other; each trace names its transaction, which the block must have.
const TRACE_FORMS: [TraceForm; 2] = [
    TraceForm {
        method: "debug_traceBlockByHash",
        params: |on| json!([on.hash, {"tracer": "callTracer"}]),
        offer: |offers| &mut offers.debug_trace,
    },
    TraceForm {
        method: "trace_block",
        params: |on| json!([format!("{:#x}", on.number)]),
        offer: |offers| &mut offers.parity_trace,
    },
];

/// What came of asking for traces.
enum Asked {
    /// The form at this place brought something to read.
    Given { place: usize, bytes: Vec<u8>, why: Option<String> },
    /// None did; with why they are missed, where they are.
    Not(Option<String>),
}

const BY_NUMBER: &str = "eth_getBlockByNumber";
const BY_HASH: &str = "eth_getBlockByHash";

/// Reads blocks of one chain from one node.
pub(super) struct EvmReader {
    node: Arc<Rpc>,
    chain: ChainNumber,
    traces: Traces,
    offers: Mutex<Offers>,
    purses: Purses,
}

#[async_trait]
impl ChainReader for EvmReader {
    fn shown(&self) -> &str {
        self.node.shown()
    }

    fn capabilities(&self) -> Vec<String> {
        let offers = self.offers();
        let all = [
            ("block receipts", &offers.block_receipts),
            ("call traces", &offers.debug_trace),
            ("parity traces", &offers.parity_trace),
            ("call traces one by one", &offers.single_trace),
        ];
        all.into_iter().filter(|(_, offer)| **offer == Offer::Yes).map(|(name, _)| name.to_owned()).collect()
    }

    fn is_resting(&self) -> bool {
        self.node.is_resting()
    }

    fn forget(&self) {
        *self.offers() = Offers::default();
    }

    async fn identity(&self) -> Result<Option<B256>, Stop> {
        let found = self.node.small("eth_chainId", json!([]), Room::Number).await?;
        let Some(Quantity(chain)) = found else {
            return Err(Stop::new(GapKind::BadAnswer, &format!("eth_chainId at {}: answered null", self.shown())));
        };
        if chain != self.chain {
            let detail = format!("{} is on chain {chain}, the configuration says {}", self.shown(), self.chain);
            return Err(Stop::new(GapKind::BadAnswer, &detail));
        }
        match self.node.small::<Lean>(BY_NUMBER, json!(["0x0", false]), Room::Header).await {
            Ok(first) => Ok(first.filter(|first| first.number == 0).map(|first| first.hash)),
            Err(error @ (RpcError::Unreachable { .. } | RpcError::TooMany { .. })) => Err(error.into()),
            // A node that has pruned it, or a chain that does not begin at zero.
            Err(_) => Ok(None),
        }
    }

    async fn head(&self) -> Result<Header, Stop> {
        self.lean(BY_NUMBER, json!("latest")).await.map(Header::from)
    }

    /// Null is ordinary while the node changes branches.
    async fn header(&self, hash: B256) -> Result<Header, Stop> {
        self.lean(BY_HASH, json!(hash)).await.map(Header::from)
    }

    async fn header_at(&self, number: u64) -> Result<Header, Stop> {
        self.lean(BY_NUMBER, json!(format!("{number:#x}"))).await.map(Header::from)
    }

    async fn finalized(&self) -> Result<Option<Header>, Stop> {
        match self.node.small::<Lean>(BY_NUMBER, json!(["finalized", false]), Room::Header).await {
            Ok(header) => Ok(header.map(Header::from)),
            Err(RpcError::Refused { .. } | RpcError::NoMethod { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn block_at(&self, number: u64) -> Result<Fetched, Stop> {
        let fetched = self.fetch(BY_NUMBER, json!(format!("{number:#x}")), number).await?;
        let got = fetched.block.reference().number;
        if got != number {
            let detail = format!("{}: asked for block {number}, got block {got}", self.shown());
            return Err(Stop::new(GapKind::BadAnswer, &detail));
        }
        Ok(fetched)
    }

    /// The node must say the same as before.
    async fn block(&self, header: Header) -> Result<Fetched, Stop> {
        let fetched = self.fetch(BY_HASH, json!(header.hash), header.number).await?;
        let (on, parent) = (fetched.block.reference(), fetched.block.parent());
        if (on.hash, on.number, parent) != (header.hash, header.number, header.parent) {
            let (shown, asked, got) = (self.shown(), header.hash, on.hash);
            let detail = format!("{shown}: asked for block {asked}, got {got} at {} on {parent}", on.number);
            return Err(Stop::new(GapKind::BadAnswer, &detail));
        }
        Ok(fetched)
    }
}

impl EvmReader {
    pub(super) fn new(node: Arc<Rpc>, chain: ChainNumber, traces: Traces, balances: Balances) -> Self {
        Self { node, chain, traces, offers: Mutex::default(), purses: Purses::new(balances) }
    }

    async fn lean(&self, method: &'static str, which: Value) -> Result<Lean, Stop> {
        let found = self.node.small(method, json!([which, false]), Room::Header).await?;
        found
            .ok_or_else(|| Stop::absent(GapKind::MissingBlock, &format!("{method} at {}: answered null", self.shown())))
    }

    /// A block with its parts. One of which only the header can be read is a header with a gap: what is in it costs nobody else.
    async fn fetch(&self, method: &'static str, which: Value, number: u64) -> Result<Fetched, Stop> {
        let bytes = self.node.ask(method, json!([which, true]), Room::Block).await?;
        let error = match decode_block(&bytes, Some(self.chain)) {
            Ok(block) => return Ok(self.complete(block).await),
            Err(error) => error,
        };
        let detail = format!("{}: block {number}: {error}", self.shown());
        match error {
            DecodeError::NullBlock => Err(Stop::absent(GapKind::MissingBlock, &detail)),
            DecodeError::Rpc { .. } => Err(Stop::absent(GapKind::BadAnswer, &detail)),
            _ => {
                let Ok(lean) = self.lean(method, which).await else {
                    return Err(Stop::new(GapKind::BadAnswer, &detail));
                };
                let block = Block {
                    chain: ChainId::evm(self.chain),
                    number: lean.number,
                    hash: lean.hash,
                    parent: lean.parent,
                    time: Timestamp::from_secs(lean.timestamp),
                    ..Block::default()
                };
                Ok(Fetched { block: Arc::new(block).into(), missing: vec![(GapKind::BadAnswer, detail)] })
            }
        }
    }

    async fn complete(&self, mut block: Block) -> Fetched {
        let mut missing = Vec::new();
        if block.transactions.is_empty() {
            block.has_receipts = true;
            block.has_traces = self.traces != Traces::Off;
            return Fetched { block: Arc::new(block).into(), missing };
        }
        let on = block.reference();
        let (receipts, asked) = tokio::join!(self.receipts(&mut block), self.ask_traces(on, 0, None));
        let traces = self.traces(&mut block, asked).await;
        let (shown, number) = (self.shown(), block.number);
        if let Err(why) = receipts {
            missing.push((GapKind::MissingReceipts, format!("{shown}: receipts of block {number}: {why}")));
        }
        if let Err(why) = traces {
            missing.push((GapKind::MissingTraces, format!("{shown}: traces of block {number}: {why}")));
        }
        block.held = self.purses.read(&self.node, &block).await;
        Fetched { block: Arc::new(block).into(), missing }
    }

    /// A block's receipts at once, and one by one those that this does not bring.
    async fn receipts(&self, block: &mut Block) -> Result<(), String> {
        let mut why = None;
        let open = self.offers().block_receipts.is_open();
        if open {
            match self.node.ask("eth_getBlockReceipts", json!([block.hash]), Room::Block).await {
                Ok(bytes) => match attach_receipts(block, &bytes) {
                    Ok(()) => self.offers().block_receipts = Offer::Yes,
                    Err(error) => why = Some(error.to_string()),
                },
                Err(error @ (RpcError::NoMethod { .. } | RpcError::Refused { .. })) => {
                    self.offers().block_receipts.refused(&error, block.hash);
                    why = Some(error.to_string());
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        let lacking = lacking(block);
        let Some(first) = lacking.first() else { return Ok(()) };
        // A node that has just heard of a block has none of its receipts: one question tells.
        let mut found = self.single(std::slice::from_ref(first)).await?;
        if found.iter().any(Result::is_ok) || lacking.len() < block.transactions.len() {
            found.extend(self.single(lacking.get(1..).unwrap_or_default()).await?);
        }
        let given: Vec<&str> = found.iter().filter_map(|one| one.as_deref().ok()).collect();
        if !given.is_empty() {
            attach_receipts(block, format!("[{}]", given.join(",")).as_bytes()).map_err(|error| error.to_string())?;
        }
        let without = found.into_iter().find_map(Result::err).map(|error| error.to_string());
        match self::lacking(block).first() {
            None => Ok(()),
            Some(hash) => Err(without.or(why).unwrap_or_else(|| format!("none of transaction {hash}"))),
        }
    }

    async fn single(&self, transactions: &[B256]) -> Result<Vec<Result<String, RpcError>>, String> {
        let params: Vec<Value> = transactions.iter().map(|hash| json!([hash])).collect();
        self.node.many("eth_getTransactionReceipt", &params).await.map_err(|error| error.to_string())
    }

    /// Asks for call traces by the forms from this one on that the node may offer. None: by no other; with why the traces are
    /// missed, where they are.
    async fn ask_traces(&self, on: BlockRef, from: usize, mut why: Option<String>) -> Result<Asked, String> {
        if self.traces == Traces::Off {
            return Ok(Asked::Not(None));
        }
        for (place, form) in TRACE_FORMS.iter().enumerate().skip(from) {
            if !(form.offer)(&mut self.offers()).is_open() {
                continue;
            }
            match self.node.ask(form.method, (form.params)(on), Room::Block).await {
                Ok(bytes) => return Ok(Asked::Given { place, bytes, why }),
                Err(error @ (RpcError::NoMethod { .. } | RpcError::Refused { .. })) => {
                    let mut offers = self.offers();
                    let offer = (form.offer)(&mut offers);
                    offer.refused(&error, on.hash);
                    // Refused for the first time it may still be offered: until that is clear the traces are missing.
                    if offer.is_open() {
                        why = why.or(Some(error.to_string()));
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(Asked::Not(why.or_else(|| {
            let required = self.traces == Traces::Required;
            required.then(|| "not offered, and the configuration requires them".to_owned())
        })))
    }

    /// Puts traces to a block. What cannot be read is no offer: then the next form is asked, at once.
    async fn traces(&self, block: &mut Block, mut asked: Result<Asked, String>) -> Result<(), String> {
        loop {
            let (place, bytes, why) = match asked? {
                Asked::Not(why) => return self.trace_singly(block).await.unwrap_or_else(|| why.map_or(Ok(()), Err)),
                Asked::Given { place, bytes, why } => (place, bytes, why),
            };
            let error = match attach_traces(block, &bytes) {
                Ok(()) => {
                    if let Some(form) = TRACE_FORMS.get(place) {
                        *(form.offer)(&mut self.offers()) = Offer::Yes;
                    }
                    return Ok(());
                }
                Err(error) => error.to_string(),
            };
            asked = self.ask_traces(block.reference(), place.saturating_add(1), why.or(Some(error))).await;
        }
    }

    /// Puts traces to a block transaction by transaction, where the node has none for blocks. None: it does not offer that either.
    async fn trace_singly(&self, block: &mut Block) -> Option<Result<(), String>> {
        {
            let mut offers = self.offers();
            // Only then: a node that is busy must not be asked a hundred questions in the place of one.
            let for_blocks = TRACE_FORMS.iter().any(|form| (form.offer)(&mut offers).is_open());
            if self.traces == Traces::Off || for_blocks || !offers.single_trace.is_open() {
                return None;
            }
        }
        let hashes: Vec<B256> = block.transactions.iter().map(|transaction| transaction.hash).collect();
        let (first, rest) = hashes.split_first()?;
        // Whether it is offered at all one question tells.
        let asked = self.single_traces(std::slice::from_ref(first)).await;
        let mut given = match asked {
            Err(error) => vec![Err(error)],
            Ok(given) => given,
        };
        match given.first() {
            Some(Err(error @ (RpcError::NoMethod { .. } | RpcError::Refused { .. }))) => {
                let mut offers = self.offers();
                offers.single_trace.refused(error, block.hash);
                return offers.single_trace.is_open().then(|| Err(error.to_string()));
            }
            Some(Err(error)) => return Some(Err(error.to_string())),
            Some(Ok(_)) | None => {}
        }
        match self.single_traces(rest).await {
            Ok(more) => given.extend(more),
            Err(error) => return Some(Err(error.to_string())),
        }
        let with_hash = |(hash, one): (&B256, Result<String, RpcError>)| {
            one.map(|result| format!("{{\"txHash\":\"{hash}\",\"result\":{result}}}"))
                .map_err(|error| error.to_string())
        };
        let given: Result<Vec<String>, String> = hashes.iter().zip(given).map(with_hash).collect();
        let attached = given.and_then(|given| {
            attach_traces(block, format!("[{}]", given.join(",")).as_bytes()).map_err(|error| error.to_string())
        });
        if attached.is_ok() {
            self.offers().single_trace = Offer::Yes;
        }
        Some(attached)
    }

    async fn single_traces(&self, transactions: &[B256]) -> Result<Vec<Result<String, RpcError>>, RpcError> {
        let params: Vec<Value> = transactions.iter().map(|hash| json!([hash, {"tracer": "callTracer"}])).collect();
        self.node.many("debug_traceTransaction", &params).await
    }

    fn offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transactions whose receipt is not there.
fn lacking(block: &Block) -> Vec<B256> {
    let without = block.transactions.iter().filter(|transaction| !block.has_receipt_of(transaction));
    without.map(|transaction| transaction.hash).collect()
}
