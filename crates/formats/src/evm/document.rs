//! Recordings that are no node's own answers: a block as one document with its header, transactions, receipts and traces; one
//! transaction a line, with its receipt or its trace; an attack that was played again, as a tree with logs.
//!
//! A recording has what its source had. A field that it has of no transaction stays at its default and is no loss; one that is there
//! and cannot be read is noted in the block's `unread`, as everywhere. What the block does not say of a transaction its receipt or
//! trace does: hash, sender, receiver, and from the trace the value and the call data. Where no block hash is recorded, one is made
//! from what is. Tests: below, and `crates/formats/tests/evm_recorded.rs` over every recorded set.

use std::collections::{BTreeMap, btree_map::Entry};

use alloy_primitives::{Address, B256};
use quarterdeck_core::{
    chain::{Block, CallKind, ChainId, ChainNumber, Log, Part, Unread, UnreadParts},
    signal::Fingerprint,
    time::Timestamp,
};

use super::{
    CALLS_PER_BODY_MAX, DecodeError, LOGS_PER_BLOCK_MAX, TRANSACTIONS_PER_BLOCK_MAX, Traced,
    block::{self, Element, Fields},
    json::Reader,
    receipts::{self, Receipt, join_receipts},
    traces::join_traces,
    tree::{self, TracedTransaction},
    value::{Slot, address, hash, hex_gas, hex_u64, noted, receiver},
};

/// Names of chains in recordings, with their numbers.
const NAMES: [(&str, ChainNumber); 11] = [
    ("eth", 1),
    ("ethereum", 1),
    ("bsc", 56),
    ("polygon", 137),
    ("arbitrum", 42_161),
    ("gnosis", 100),
    ("avalanche", 43_114),
    ("optimism", 10),
    ("base", 8_453),
    ("linea", 59_144),
    ("scroll", 534_352),
];

/// The blocks of a file of lines, and what of it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// Lines of one block are put together.
    pub blocks: Vec<Block>,
    /// How many lines cannot be read, and what is wrong with the first.
    pub unread: Option<DecodeError>,
}

/// Reads a whole block. `chain` is used where it does not name its own.
pub(super) fn block(bytes: &[u8], chain: Option<ChainNumber>) -> Result<Block, DecodeError> {
    let mut reader = Reader::new(bytes);
    let document = document(&mut reader)?;
    reader.end()?;
    document.block(chain)
}

/// Reads documents, one a line. A line that cannot be read costs itself alone; a file of such lines only is refused.
pub(super) fn lines(bytes: &[u8], chain: Option<ChainNumber>) -> Result<Lines, DecodeError> {
    let (mut found, mut alone) = (BTreeMap::new(), Vec::new());
    let mut unread: Option<(u64, usize, DecodeError)> = None;
    let lines = (1_usize..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    for (line, text) in lines {
        let mut reader = Reader::new(text);
        match document(&mut reader).and_then(|document| reader.end().map(|()| document)) {
            Ok(document) => match document.place(chain) {
                Some(place) => match found.entry(place) {
                    Entry::Vacant(free) => drop(free.insert(document)),
                    Entry::Occupied(known) => known.into_mut().absorb(document),
                },
                None => alone.push(document),
            },
            Err(why) => match &mut unread {
                Some((count, ..)) => *count = count.saturating_add(1),
                None => unread = Some((1, line, why)),
            },
        }
        if found.len() + alone.len() > TRANSACTIONS_PER_BLOCK_MAX {
            return Err(DecodeError::TooMany { what: "lines", max: TRANSACTIONS_PER_BLOCK_MAX });
        }
    }
    let mut blocks = Vec::new();
    for document in found.into_values().chain(alone) {
        match document.block(chain) {
            Ok(block) => blocks.push(block),
            Err(why) => {
                let (count, line, first) = unread.take().unwrap_or((0, 0, why));
                unread = Some((count.saturating_add(1), line, first));
            }
        }
    }
    match unread {
        Some((_, _, why)) if blocks.is_empty() => Err(why),
        unread => {
            let told = |(count, line, why): (u64, usize, DecodeError)| DecodeError::Lines {
                count,
                line,
                why: why.to_string(),
            };
            Ok(Lines { blocks, unread: unread.map(told) })
        }
    }
}

/// An attack that was played again: its calls, its logs, the hash of the transaction and the chain, where they are told.
pub(super) struct Again {
    pub(super) traced: Traced,
    pub(super) logs: Vec<Log>,
    pub(super) hash: Option<B256>,
    pub(super) chain: Option<ChainNumber>,
}

/// Reads an attack that was played again.
pub(super) fn again(bytes: &[u8]) -> Result<Again, DecodeError> {
    let mut reader = Reader::new(bytes);
    let (mut traced, mut logs, mut hash, mut chain) = (None, Vec::new(), None, None);
    let mut unread = Vec::new();
    reader.object(|r, key| match key {
        b"trace" => {
            traced = Some(tree::frames(r, CALLS_PER_BODY_MAX)?);
            Ok(())
        }
        b"logs" => receipts::logs(r, &mut unread).map(|all| logs = all),
        b"attack_txs" => first_hash(r).map(|first| hash = first),
        b"chain" => r.string().map(|name| chain = chain_named(&name)),
        _ => r.skip_deep(),
    })?;
    reader.end()?;
    let mut traced = traced.ok_or(DecodeError::Missing { field: "trace" })?;
    for (field, why) in unread {
        traced.unread.add(Unread { part: Part::Log, transaction: Some(0), field, why: why.to_string() });
    }
    Ok(Again { traced, logs, hash, chain })
}

fn first_hash(reader: &mut Reader<'_>) -> Result<Option<B256>, DecodeError> {
    let mut first = None;
    reader.array("attack_txs", LOGS_PER_BLOCK_MAX, |r| {
        let read = r.attempt(|r| hash(r, "attack_txs"))?;
        first = first.or(read.ok());
        Ok(())
    })?;
    Ok(first)
}

/// The chain whose name this is, or begins with: `bsc`, `BSC_Raw`, `ethereum-2024`, but not `baseline`.
pub(super) fn chain_named(name: &[u8]) -> Option<ChainNumber> {
    let name = name.to_ascii_lowercase();
    let letters = name.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = name.get(..letters)?;
    NAMES.iter().find(|(known, _)| known.as_bytes() == word).map(|(_, chain)| *chain)
}

/// A hash for a block of which none is recorded. The same content always gives the same.
fn made_hash(block: &Block) -> B256 {
    let number = block.number.to_be_bytes();
    let chain = block.chain.to_string();
    let mut parts: Vec<&[u8]> = vec![b"recorded block", chain.as_bytes(), &number];
    parts.extend(block.transactions.iter().map(|transaction| transaction.hash.as_slice()));
    let mut padded = [0; 32];
    for (to, from) in padded.iter_mut().zip(Fingerprint::of(&parts).bytes()) {
        *to = *from;
    }
    B256::from(padded)
}

/// Whether the block's hash was made here.
pub(super) fn is_made(block: &Block) -> bool {
    block.hash == made_hash(block)
}

#[derive(Default)]
struct Document {
    chain: Slot<ChainNumber>,
    called: Option<ChainNumber>,
    /// Whether it is a block, which then has a height.
    headed: bool,
    header: Header,
    transactions: Vec<Fields>,
    receipts: Vec<Result<Receipt, DecodeError>>,
    traces: Vec<TracedTransaction>,
}

#[derive(Default)]
struct Header {
    number: Slot<u64>,
    hash: Slot<B256>,
    parent: Slot<B256>,
    time: Slot<u64>,
    miner: Slot<Address>,
    base_fee: Slot<u64>,
    gas_used: Slot<u64>,
    gas_limit: Slot<u64>,
}

fn document(reader: &mut Reader<'_>) -> Result<Document, DecodeError> {
    let mut d = Document::default();
    let (mut known, mut id, mut trace) = (Vec::new(), Slot::Missing, None);
    reader.object(|r, key| match key {
        b"chainId" => d.chain.read(r, "chainId", hex_u64),
        b"chain" => r.attempt(Reader::string).map(|name| d.called = name.ok().and_then(|name| chain_named(&name))),
        b"blockNumber" => d.header.number.read(r, "blockNumber", hex_u64),
        b"timestamp" => d.header.time.read(r, "timestamp", hex_u64),
        b"header" | b"transactions" | b"tx" | b"receipts" | b"receipt" | b"traces" | b"result" if r.null()? => Ok(()),
        b"header" => {
            d.headed = true;
            header(r, &mut d.header)
        }
        b"transactions" => r.array("transactions", TRANSACTIONS_PER_BLOCK_MAX, |r| one(r, &mut d.transactions)),
        b"tx" => one(r, &mut d.transactions),
        b"receipts" => {
            let mut ahead = r.clone();
            ahead.array("receipts", TRANSACTIONS_PER_BLOCK_MAX, |r| parties(r, &mut known))?;
            receipts::receipts(r).map(|all| d.receipts = all)
        }
        b"receipt" => {
            parties(&mut r.clone(), &mut known)?;
            r.attempt(receipts::receipt).map(|receipt| d.receipts.push(receipt))
        }
        b"traces" => tree::block_traces(r).map(|all| d.traces = all),
        b"txHash" => id.read(r, "txHash", hash),
        b"result" => r.attempt(|r| tree::frames(r, CALLS_PER_BODY_MAX)).map(|read| trace = Some(read)),
        _ => r.skip_deep(),
    })?;
    if let Some(trace) = trace {
        d.traces.push(TracedTransaction { hash: Some(id.need("txHash")?), trace });
    }
    d.join(known);
    Ok(d)
}

fn one(reader: &mut Reader<'_>, all: &mut Vec<Fields>) -> Result<(), DecodeError> {
    // One that is no object keeps its place: it has no name, and is noted as such.
    let read = reader.attempt(block::fields)?;
    all.push(read.unwrap_or_default());
    Ok(())
}

/// What a receipt says of its transaction.
fn parties(reader: &mut Reader<'_>, known: &mut Vec<Fields>) -> Result<(), DecodeError> {
    let mut party = Fields::default();
    // A receipt that cannot be read is noted where it is attached.
    reader
        .attempt(|r| {
            r.object(|r, key| match key {
                b"transactionHash" => party.hash.read(r, "transactionHash", hash),
                b"from" => party.from.read(r, "from", address),
                b"to" => {
                    let to = r.attempt(|r| receiver(r, "to"))?;
                    party.to.put("to", to);
                    Ok(())
                }
                _ => r.skip(),
            })
        })?
        .unwrap_or_default();
    known.push(party);
    Ok(())
}

fn header(reader: &mut Reader<'_>, h: &mut Header) -> Result<(), DecodeError> {
    reader.object(|r, key| match key {
        b"number" => h.number.read(r, "number", hex_u64),
        b"hash" => h.hash.read(r, "hash", hash),
        b"parentHash" => h.parent.read(r, "parentHash", hash),
        b"timestamp" => h.time.read(r, "timestamp", hex_u64),
        b"miner" | b"coinbase" => h.miner.read(r, "miner", address),
        b"baseFee" | b"baseFeePerGas" => h.base_fee.read(r, "baseFeePerGas", hex_u64),
        b"gasUsed" => h.gas_used.read(r, "gasUsed", hex_u64),
        b"gasLimit" => h.gas_limit.read(r, "gasLimit", hex_gas),
        _ => r.skip(),
    })
}

impl Document {
    /// What receipts and traces say of transactions. They stand in the same order; without a list of transactions they are it.
    fn join(&mut self, known: Vec<Fields>) {
        if self.transactions.is_empty() {
            self.transactions.extend((0..known.len()).map(|_| Fields::default()));
        }
        if self.transactions.len() == known.len() {
            for (transaction, known) in self.transactions.iter_mut().zip(known) {
                transaction.fill(known);
            }
        }
        if self.transactions.is_empty() {
            self.transactions.extend(self.traces.iter().map(|_| Fields::default()));
        }
        if self.transactions.len() == self.traces.len() {
            for (transaction, traced) in self.transactions.iter_mut().zip(&self.traces) {
                transaction.fill(shown(traced));
            }
        }
    }

    fn chain(&self, given: Option<ChainNumber>) -> Result<ChainNumber, DecodeError> {
        match &self.chain {
            Slot::Read(chain) if *chain != 0 => Ok(*chain),
            Slot::Odd(why) => Err(why.clone()),
            Slot::Read(_) | Slot::Missing => self.called.or(given).ok_or(DecodeError::Missing { field: "chainId" }),
        }
    }

    /// Chain and height, where both are told.
    fn place(&self, given: Option<ChainNumber>) -> Option<(ChainNumber, u64)> {
        match self.header.number {
            Slot::Read(number) => Some((self.chain(given).ok()?, number)),
            Slot::Odd(_) | Slot::Missing => None,
        }
    }

    /// Takes in another part of the same block.
    fn absorb(&mut self, other: Self) {
        self.header.time.fill(other.header.time);
        self.header.parent.fill(other.header.parent);
        self.transactions.extend(other.transactions);
        self.receipts.extend(other.receipts);
        self.traces.extend(other.traces);
    }

    fn block(self, given: Option<ChainNumber>) -> Result<Block, DecodeError> {
        let chain = self.chain(given)?;
        let Self { headed, header: h, transactions, mut receipts, traces, .. } = self;
        if headed && matches!(h.number, Slot::Missing) {
            return Err(DecodeError::Missing { field: "number" });
        }
        let mut unread = UnreadParts::default();
        let part = |unread: &mut UnreadParts, found, field| noted(found, Part::Header, None, field, unread);
        let mut block = Block {
            chain: ChainId::evm(chain),
            number: h.number.optional()?.unwrap_or_default(),
            parent: h.parent.optional()?.unwrap_or_default(),
            time: Timestamp::from_secs(h.time.optional()?.unwrap_or_default()),
            miner: noted(h.miner.optional(), Part::Header, None, "miner", &mut unread).unwrap_or_default(),
            base_fee: part(&mut unread, h.base_fee.optional(), "baseFeePerGas").filter(|fee| *fee > 0),
            gas_used: part(&mut unread, h.gas_used.optional(), "gasUsed").unwrap_or_default(),
            gas_limit: part(&mut unread, h.gas_limit.optional(), "gasLimit").unwrap_or_default(),
            unread,
            ..Block::default()
        };
        let known = h.hash.optional()?.filter(|hash| !hash.is_zero());
        block.hash = known.unwrap_or_default();
        let elements = transactions.into_iter().map(|fields| element(fields, known, !traces.is_empty())).collect();
        block::place(&mut block, elements, Some(chain))?;
        block.hash = known.unwrap_or_else(|| made_hash(&block));
        for receipt in receipts.iter_mut().flatten() {
            // Where the block has no hash of its own, what the receipt says cannot be compared.
            let named = receipt.block.filter(|named| !named.is_zero() && known.is_some());
            receipt.block = Some(named.unwrap_or(block.hash));
        }
        if !receipts.is_empty() {
            let joined = join_receipts(&mut block, receipts);
            note(&mut block, Part::Receipt, "receipts", joined);
        }
        if !traces.is_empty() {
            let joined = join_traces(&mut block, traces);
            note(&mut block, Part::Trace, "traces", joined);
        }
        Ok(block)
    }
}

/// What the outermost call of a trace says of its transaction.
fn shown(traced: &TracedTransaction) -> Fields {
    let mut fields = Fields::default();
    fields.hash = traced.hash.map_or(Slot::Missing, Slot::Read);
    let outermost = traced.trace.as_ref().ok().and_then(|trace| trace.calls.first());
    if let Some(call) = outermost.filter(|call| call.kind != CallKind::Other) {
        fields.from = Slot::Read(call.from);
        fields.to = Slot::Read(call.to.filter(|_| call.kind != CallKind::Create));
        fields.value = Slot::Read(call.value);
        fields.input = Slot::Read(call.input.clone());
    }
    fields
}

fn element(mut fields: Fields, block: Option<B256>, traced: bool) -> Element {
    if block.is_none() {
        fields.block = Slot::Missing;
    }
    let mut element = block::judged(fields);
    if let Ok(found) = &mut element
        && !traced
    {
        found.as_the_source_has_it();
    }
    element
}

fn note(block: &mut Block, part: Part, field: &'static str, joined: Result<(), DecodeError>) {
    if let Err(why) = joined {
        block.unread.add(Unread { part, transaction: None, field, why: why.to_string() });
    }
}
