//! Files of a recording: says what a file is, and puts the files of a folder together into blocks.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, address};
use quarterdeck_core::{
    chain::{Block, Call, ChainId, ChainNumber},
    signal::Fingerprint,
};

use super::{
    CALLS_PER_BODY_MAX, DecodeError, Traced, attach_receipts, attach_traces, decode_block, decode_call_trace,
    document::{self, Lines},
    envelope::{self, answer},
    etl::{self, EtlRows},
    json::{Next, Reader},
    mev,
};

/// Contracts that stand for a chain: a bare trace does not say which chain it is from, but nearly all of them touch one.
const LANDMARKS: [(Address, ChainNumber); 12] = [
    (address!("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"), 1),
    (address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), 1),
    (address!("dAC17F958D2ee523a2206206994597C13D831ec7"), 1),
    (address!("6B175474E89094C44Da98b954EedeAC495271d0F"), 1),
    (address!("bb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c"), 56),
    (address!("e9e7CEA3DedcA5984780Bafc599bD69ADd087D56"), 56),
    (address!("55d398326f99059fF775485246999027B3197955"), 56),
    (address!("0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"), 137),
    (address!("2791Bca1f2de4661ED88A30C99A7a9449Aa84174"), 137),
    (address!("82aF49447D8a07e3bd95BD0d56f35241523fBab1"), 42_161),
    (address!("e91D153E0b41518A2Ce8Dd3D7944Fa863463a97d"), 100),
    (address!("B31f66AA3C1e785363F0875A1B74E27b85FD66c7"), 43_114),
];

/// What one file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// A block, with whatever came with it.
    Block(Box<Block>),
    /// One transaction known by its trace only: a block of its own, without number, time or neighbours.
    Trace(Box<Block>),
    /// Receipts of a block that another file holds: the body.
    Receipts(Vec<u8>),
    /// Traces of a block that another file holds: the body.
    Traces(Vec<u8>),
    /// ethereum-etl lines.
    Rows(EtlRows),
    /// Documents, one a line.
    Lines(Lines),
    /// Receipts or traces of a block without transactions: they say nothing that is not known.
    Nothing,
}

/// Blocks put together, and what of the recording could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finished {
    /// In order of chain and height, then the lone traces in the order in which they were added.
    pub blocks: Vec<Block>,
    /// By file, or by block where lines are put together. Everything else is used.
    pub left_out: Vec<(String, DecodeError)>,
    /// Blocks that were there before: the one that tells most is used, once.
    pub repeated: usize,
}

/// Says what a file is and reads it. `name` is its path: `56_123.json`, `bsc_123.json` or a folder `bsc` gives the chain of a block that does
/// not name its own, and a trace file named by a transaction hash gives the hash. `chain` is used where nothing says.
pub fn sniff(name: &str, bytes: &[u8], chain: Option<ChainNumber>) -> Result<Recorded, DecodeError> {
    let stem = stem(name);
    let said = |(chain, _): (&str, &str)| chain.parse().ok().or_else(|| document::chain_named(chain.as_bytes()));
    let named = stem.split_once('_').and_then(said).or_else(|| chain_of_folder(name));
    match form(bytes, name)? {
        Form::Block => match decode_block(bytes, None) {
            Err(DecodeError::Missing { field: "chainId" }) => decode_block(bytes, named.or(chain)),
            decoded => decoded,
        }
        .map(|block| Recorded::Block(Box::new(block))),
        Form::Mev => answer(bytes, |reader| mev::block(reader, named.or(chain).unwrap_or(1)))
            .map(|block| Recorded::Block(Box::new(block))),
        Form::Tree => {
            let traced = decode_call_trace(bytes)?;
            Ok(Recorded::Trace(Box::new(lone(stem, bytes, traced, named.or(chain)))))
        }
        Form::Document => document::block(bytes, named.or(chain)).map(|block| Recorded::Block(Box::new(block))),
        Form::Lines => document::lines(bytes, named.or(chain)).map(Recorded::Lines),
        Form::Again => {
            let again = document::again(bytes)?;
            let mut block = lone(stem, bytes, again.traced, named.or(chain));
            block.chain = again.chain.map_or(block.chain, ChainId::evm);
            block.has_receipts = true;
            for transaction in &mut block.transactions {
                transaction.logs.clone_from(&again.logs);
                transaction.hash = again.hash.unwrap_or(transaction.hash);
            }
            Ok(Recorded::Trace(Box::new(block)))
        }
        Form::Receipts => Ok(Recorded::Receipts(bytes.to_vec())),
        Form::Traces => Ok(Recorded::Traces(bytes.to_vec())),
        Form::Rows => etl::rows(bytes).map(Recorded::Rows),
        Form::Nothing => Ok(Recorded::Nothing),
    }
}

/// The files of a recording, put together.
#[derive(Debug, Default)]
pub struct Recording {
    chain: Option<ChainNumber>,
    blocks: Vec<Block>,
    lone: Vec<Block>,
    receipts: Vec<(String, Vec<u8>)>,
    traces: Vec<(String, Vec<u8>)>,
    rows: EtlRows,
    left_out: Vec<(String, DecodeError)>,
}

impl Recording {
    /// An empty recording. `chain` is used for files that do not say theirs.
    pub fn new(chain: Option<ChainNumber>) -> Self {
        Self { chain, ..Self::default() }
    }

    /// Adds a file. The order does not matter.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), DecodeError> {
        match sniff(name, bytes, self.chain)? {
            Recorded::Block(block) => self.blocks.push(*block),
            Recorded::Trace(block) => self.lone.push(*block),
            Recorded::Receipts(body) => self.receipts.push((name.to_owned(), body)),
            Recorded::Traces(body) => self.traces.push((name.to_owned(), body)),
            Recorded::Rows(mut rows) => {
                self.left_out.extend(rows.take_unread().map(|why| (name.to_owned(), why)));
                self.rows.extend(rows);
            }
            Recorded::Lines(lines) => {
                self.left_out.extend(lines.unread.map(|why| (name.to_owned(), why)));
                self.blocks.extend(lines.blocks);
            }
            Recorded::Nothing => {}
        }
        Ok(())
    }

    /// Puts everything together. Receipts and traces find their block by the hashes that they name. What fits nowhere is left out
    /// and named, and costs nothing else.
    pub fn finish(mut self) -> Finished {
        self.blocks.extend(self.rows.assemble(self.chain.unwrap_or(1), &mut self.left_out));
        let by_hash: BTreeMap<B256, usize> =
            self.blocks.iter().enumerate().map(|(place, block)| (block.hash, place)).collect();
        let parts = self.receipts.iter().map(|(name, body)| (name, body, attach_receipts as Attach));
        let parts = parts.chain(self.traces.iter().map(|(name, body)| (name, body, attach_traces as Attach)));
        for (name, body, how) in parts {
            if let Err(why) = attach(&mut self.blocks, &by_hash, name, body, how) {
                self.left_out.push((name.clone(), why));
            }
        }
        let (mut blocks, mut repeated) = each_once(self.blocks);
        let mut seen = BTreeSet::new();
        for lone in self.lone {
            if seen.insert((lone.chain, lone.hash)) {
                blocks.push(lone);
            } else {
                repeated += 1;
            }
        }
        Finished { blocks, left_out: self.left_out, repeated }
    }
}

/// The blocks in order, each once, and how many there were besides. Where a block is recorded twice, the one that tells more is kept.
fn each_once(mut blocks: Vec<Block>) -> (Vec<Block>, usize) {
    blocks.sort_by_key(|block| (block.chain, block.number, block.hash));
    let (mut kept, mut repeated): (Vec<Block>, usize) = (Vec::new(), 0);
    for block in blocks {
        let height = (block.chain, block.number);
        let there = kept.iter().rposition(|known| (known.chain, known.number) != height).map_or(0, |place| place + 1);
        let same = kept.iter_mut().skip(there).find(|known| is_same(known, &block));
        match same {
            Some(known) => {
                repeated += 1;
                if tells(&block) > tells(known) {
                    *known = block;
                }
            }
            None => kept.push(block),
        }
    }
    (kept, repeated)
}

/// Whether two blocks of one height are the same. Two real blocks may have the same transactions; one whose hash was made here, because
/// none was recorded, is then a recording of the other.
fn is_same(a: &Block, b: &Block) -> bool {
    let hashes = |block: &Block| block.transactions.iter().map(|transaction| transaction.hash).collect::<Vec<_>>();
    a.hash == b.hash
        || a.transactions.len() == b.transactions.len()
            && (document::is_made(a) || document::is_made(b))
            && hashes(a) == hashes(b)
}

/// How much a recording of a block tells.
fn tells(block: &Block) -> (usize, usize, bool) {
    let parts = usize::from(block.has_receipts) + usize::from(block.has_traces);
    (parts, block.transactions.len(), !document::is_made(block))
}

type Attach = fn(&mut Block, &[u8]) -> Result<(), DecodeError>;

/// Finds the block of a body by the first block or transaction hash it names.
fn attach(
    blocks: &mut [Block],
    by_hash: &BTreeMap<B256, usize>,
    name: &str,
    body: &[u8],
    how: Attach,
) -> Result<(), DecodeError> {
    let named = answer(body, first_hashes)?;
    let place = named.iter().find_map(|hash| by_hash.get(hash).copied()).or_else(|| {
        blocks.iter().position(|block| block.transactions.iter().any(|transaction| named.contains(&transaction.hash)))
    });
    match place.and_then(|place| blocks.get_mut(place)) {
        Some(block) => how(block, body),
        // A block without transactions has empty receipts and traces: they say nothing that is not known.
        None if named.is_empty() => Ok(()),
        None => Err(DecodeError::mismatch("block of a file", name, "a block of the same recording")),
    }
}

fn first_hashes(reader: &mut Reader<'_>) -> Result<Vec<B256>, DecodeError> {
    let mut found = Vec::new();
    reader.array("elements", CALLS_PER_BODY_MAX, |reader| {
        if reader.peek()? != Next::Object {
            return reader.skip_deep();
        }
        reader.object(|r, key| match key {
            b"blockHash" | b"transactionHash" | b"txHash" if found.len() < 2 && !r.null()? => {
                // One that cannot be read names no block; the next may.
                found.extend(r.attempt(|r| super::value::hash(r, "blockHash"))?.ok());
                Ok(())
            }
            _ => r.skip_deep(),
        })
    })?;
    Ok(found)
}

enum Form {
    Block,
    Mev,
    Tree,
    Receipts,
    Traces,
    Rows,
    Document,
    Lines,
    Again,
    Nothing,
}

/// The form of a body, from the keys of its first object.
fn form(bytes: &[u8], name: &str) -> Result<Form, DecodeError> {
    let unknown = || DecodeError::Unrecognised { name: name.chars().take(120).collect() };
    let is_line = etl::row_type(&Reader::new(bytes.split(|b| *b == b'\n').next().unwrap_or_default()));
    if let Ok(Some(kind)) = is_line
        && matches!(&*kind, b"block" | b"transaction" | b"log" | b"token_transfer")
    {
        return Ok(Form::Rows);
    }
    let found = if envelope::is_enveloped(&Reader::new(bytes)) {
        let mut found = None;
        let mut reader = Reader::new(bytes);
        // `answer` wants the value read to its end; a null or an error of the node is reported as such.
        reader.object(|reader, key| {
            if key == b"result" && !matches!(reader.peek()?, Next::Null) {
                found = Some(keys(&mut reader.clone())?);
            }
            if key == b"error" && reader.peek()? == Next::Object {
                return Err(envelope::rpc_error(reader)?);
            }
            reader.skip_deep()
        })?;
        found.ok_or(DecodeError::NullBlock)?
    } else {
        keys(&mut Reader::new(bytes))?
    };
    let has = |key: &str| found.names.iter().any(|known| known == key.as_bytes());
    match (found.array, ()) {
        (false, ()) if has("header") && (has("transactions") || has("receipts") || has("traces")) => {
            Ok(if is_one_a_line(bytes) { Form::Lines } else { Form::Document })
        }
        (false, ()) if has("receipt") && has("blockNumber") || has("txHash") && has("result") => {
            Ok(if is_one_a_line(bytes) { Form::Lines } else { Form::Document })
        }
        (false, ()) if has("trace") && has("logs") => Ok(Form::Again),
        (false, ()) if has("transactions") => Ok(Form::Block),
        (false, ()) if has("traces") && has("block_number") => Ok(Form::Mev),
        (false, ()) if has("from") && has("type") => Ok(Form::Tree),
        (true, ()) if found.empty => Ok(Form::Nothing),
        (true, ()) if has("transactionHash") && has("logs") => Ok(Form::Receipts),
        (true, ()) if has("action") || has("result") => Ok(Form::Traces),
        _ => Err(unknown()),
    }
}

/// Whether the first of several lines is a value by itself.
fn is_one_a_line(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let Some(first) = lines.next() else { return false };
    let mut reader = Reader::new(first);
    lines.next().is_some() && reader.skip_deep().and_then(|()| reader.end()).is_ok()
}

struct Keys {
    array: bool,
    /// An array without elements.
    empty: bool,
    names: Vec<Vec<u8>>,
}

/// The keys of an object, or of an array's first object.
fn keys(reader: &mut Reader<'_>) -> Result<Keys, DecodeError> {
    /// No form that we read has more keys.
    const KEYS_MAX: usize = 64;
    let array = reader.peek()? == Next::Array;
    let mut names = Vec::new();
    if array {
        reader.enter_array()?;
        if !reader.element(&mut true)? {
            return Ok(Keys { array, empty: true, names });
        }
    }
    if reader.peek()? != Next::Object {
        return Ok(Keys { array, empty: false, names });
    }
    reader.object(|reader, key| {
        if names.len() < KEYS_MAX {
            names.push(key.to_vec());
        }
        reader.skip_deep()
    })?;
    Ok(Keys { array, empty: false, names })
}

fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split_once('.').map_or(file, |(stem, _)| stem)
}

fn chain_of_folder(name: &str) -> Option<ChainNumber> {
    let mut folders = name.split(['/', '\\']).rev().skip(1).map(str::to_ascii_lowercase);
    folders.find_map(|folder| document::chain_named(folder.as_bytes()))
}

/// A block of one transaction. Its hash is a digest of the body: the same file always gives the same signals.
fn lone(stem: &str, bytes: &[u8], traced: Traced, chain: Option<ChainNumber>) -> Block {
    let digest = Fingerprint::of(&[b"lone trace", bytes]);
    let mut padded = [0; 32];
    for (to, from) in padded.iter_mut().zip(digest.bytes()) {
        *to = *from;
    }
    let block_hash = B256::from(padded);
    let hash = stem.split('_').find_map(|part| part.parse::<B256>().ok()).unwrap_or(block_hash);
    let Traced { calls, unread } = traced;
    let chain = chain_of(&calls).or(chain).unwrap_or(1);
    let transaction = mev::transaction(hash, 0, calls);
    Block {
        chain: ChainId::evm(chain),
        hash: block_hash,
        transactions: vec![transaction],
        has_traces: true,
        unread,
        ..Block::default()
    }
}

/// The chain whose landmarks a trace touches most.
fn chain_of(calls: &[Call]) -> Option<ChainNumber> {
    let mut touched: BTreeMap<ChainNumber, usize> = BTreeMap::new();
    for call in calls {
        if let Some((_, chain)) = LANDMARKS.iter().find(|(address, _)| call.to == Some(*address)) {
            *touched.entry(*chain).or_default() += 1;
        }
    }
    touched.into_iter().max_by_key(|(_, count)| *count).map(|(chain, _)| chain)
}
