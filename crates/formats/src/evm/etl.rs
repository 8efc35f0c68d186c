//! ethereum-etl lines: one JSON object per line, one file per table (blocks, transactions, logs, token transfers).
//!
//! Token transfers repeat what the logs say and are passed over.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use quarterdeck_core::{
    chain::{Block, ChainId, ChainNumber, Log, Part, Transaction, Unread},
    time::Timestamp,
};

use super::{
    DecodeError, LOGS_PER_BLOCK_MAX, TRANSACTIONS_PER_BLOCK_MAX,
    json::Reader,
    receipts::read_topics,
    value::{address, address_or_null, data, hash, int_u64, int_u64_or_null, int_u256, need, once},
};

/// Lines of one or more tables, waiting to be put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EtlRows {
    blocks: Vec<(Block, u64)>,
    transactions: Vec<(B256, Transaction)>,
    logs: Vec<LogRow>,
    /// Lines that cannot be read: how many, the first, and what is wrong with it.
    unread: Option<(u64, usize, DecodeError)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LogRow {
    block: B256,
    transaction: u64,
    index: u64,
    log: Log,
}

/// Reads the lines of one table, or of several mixed. A line that cannot be read costs itself alone; a file of such lines only is
/// refused.
pub(super) fn rows(bytes: &[u8]) -> Result<EtlRows, DecodeError> {
    let mut rows = EtlRows::default();
    let lines = (1_usize..).zip(bytes.split(|b| *b == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    let mut read = 0_u64;
    for (line, text) in lines {
        let mut reader = Reader::new(text);
        match row(&mut reader, &mut rows).and_then(|()| reader.end()) {
            Ok(()) => read += 1,
            Err(why) => match &mut rows.unread {
                Some((count, ..)) => *count += 1,
                None => rows.unread = Some((1, line, why)),
            },
        }
        if rows.logs.len() > LOGS_PER_BLOCK_MAX || rows.transactions.len() > LOGS_PER_BLOCK_MAX {
            return Err(DecodeError::TooMany { what: "lines", max: LOGS_PER_BLOCK_MAX });
        }
    }
    match rows.unread.take() {
        Some((_, _, why)) if read == 0 => Err(why),
        unread => {
            rows.unread = unread;
            Ok(rows)
        }
    }
}

/// Which table a line belongs to, by its `type`.
pub(super) fn row_type(reader: &Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut ahead = reader.clone();
    let mut found = None;
    ahead.object(|r, key| match key {
        b"type" => {
            found = Some(r.string()?.into_owned());
            Ok(())
        }
        _ => r.skip(),
    })?;
    Ok(found)
}

fn row(reader: &mut Reader<'_>, rows: &mut EtlRows) -> Result<(), DecodeError> {
    match row_type(reader)?.as_deref() {
        Some(b"block") => rows.blocks.push(block(reader)?),
        Some(b"transaction") => rows.transactions.push(transaction(reader)?),
        Some(b"log") => rows.logs.push(log(reader)?),
        Some(b"token_transfer") => reader.skip()?,
        other => {
            let want = "block, transaction, log or token_transfer";
            return Err(DecodeError::bad_value("type", other.unwrap_or(b"missing"), want));
        }
    }
    Ok(())
}

fn block(reader: &mut Reader<'_>) -> Result<(Block, u64), DecodeError> {
    let (mut id, mut parent, mut number, mut time, mut miner) = (None, None, None, None, None);
    let (mut used, mut limit, mut fee, mut count) = (None, None, None, None);
    reader.object(|r, key| match key {
        b"hash" => hash(r, "hash").and_then(|v| once(&mut id, "hash", v)),
        b"parent_hash" => hash(r, "parent_hash").and_then(|v| once(&mut parent, "parent_hash", v)),
        b"number" => int_u64(r, "number").and_then(|v| once(&mut number, "number", v)),
        b"timestamp" => int_u64(r, "timestamp").and_then(|v| once(&mut time, "timestamp", v)),
        b"miner" => address(r, "miner").and_then(|v| once(&mut miner, "miner", v)),
        b"gas_used" => int_u64(r, "gas_used").and_then(|v| once(&mut used, "gas_used", v)),
        b"gas_limit" => int_u64(r, "gas_limit").and_then(|v| once(&mut limit, "gas_limit", v)),
        b"base_fee_per_gas" => {
            int_u64_or_null(r, "base_fee_per_gas").and_then(|v| once(&mut fee, "base_fee_per_gas", v))
        }
        b"transaction_count" => int_u64(r, "transaction_count").and_then(|v| once(&mut count, "transaction_count", v)),
        _ => r.skip(),
    })?;
    let block = Block {
        number: need(number, "number")?,
        hash: need(id, "hash")?,
        parent: need(parent, "parent_hash")?,
        time: Timestamp::from_secs(need(time, "timestamp")?),
        miner: need(miner, "miner")?,
        base_fee: fee.flatten(),
        gas_used: need(used, "gas_used")?,
        gas_limit: need(limit, "gas_limit")?,
        ..Block::default()
    };
    Ok((block, need(count, "transaction_count")?))
}

fn transaction(reader: &mut Reader<'_>) -> Result<(B256, Transaction), DecodeError> {
    let (mut id, mut block, mut index, mut from, mut to) = (None, None, None, None, None);
    let (mut value, mut nonce, mut input, mut gas, mut price) = (None, None, None, None, None);
    let (mut max_price, mut status) = (None, None);
    reader.object(|r, key| match key {
        b"hash" => hash(r, "hash").and_then(|v| once(&mut id, "hash", v)),
        b"block_hash" => hash(r, "block_hash").and_then(|v| once(&mut block, "block_hash", v)),
        b"transaction_index" => int_u64(r, "transaction_index").and_then(|v| once(&mut index, "transaction_index", v)),
        b"from_address" => address(r, "from_address").and_then(|v| once(&mut from, "from_address", v)),
        b"to_address" => address_or_null(r, "to_address").and_then(|v| once(&mut to, "to_address", v)),
        b"value" => int_u256(r, "value").and_then(|v| once(&mut value, "value", v)),
        b"nonce" => int_u64(r, "nonce").and_then(|v| once(&mut nonce, "nonce", v)),
        b"input" => data(r, "input").and_then(|v| once(&mut input, "input", v)),
        b"gas" => int_u64(r, "gas").and_then(|v| once(&mut gas, "gas", v)),
        b"gas_price" | b"max_fee_per_gas" if r.null()? => Ok(()),
        b"gas_price" => int_u256(r, "gas_price").and_then(|v| once(&mut price, "gas_price", v)),
        b"max_fee_per_gas" => int_u256(r, "max_fee_per_gas").and_then(|v| once(&mut max_price, "max_fee_per_gas", v)),
        b"receipt_status" => int_u64_or_null(r, "receipt_status").and_then(|v| once(&mut status, "receipt_status", v)),
        _ => r.skip(),
    })?;
    let index = need(index, "transaction_index")?;
    let transaction = Transaction {
        hash: need(id, "hash")?,
        index: u32::try_from(index).map_err(|_| {
            DecodeError::bad_value("transaction_index", index.to_string().as_bytes(), "at most 32 bits")
        })?,
        from: need(from, "from_address")?,
        to: to.flatten(),
        value: need(value, "value")?,
        nonce: Some(need(nonce, "nonce")?),
        input: need(input, "input")?,
        gas,
        gas_price: max_price.or(price).map(|price| price.saturating_to()),
        status: status.flatten().map(|status| status == 1),
        ..Transaction::default()
    };
    Ok((need(block, "block_hash")?, transaction))
}

fn log(reader: &mut Reader<'_>) -> Result<LogRow, DecodeError> {
    let (mut block, mut transaction, mut index) = (None, None, None);
    let (mut emitter, mut topics, mut payload) = (None, None, None);
    reader.object(|r, key| match key {
        b"block_hash" => hash(r, "block_hash").and_then(|v| once(&mut block, "block_hash", v)),
        b"transaction_index" => {
            int_u64(r, "transaction_index").and_then(|v| once(&mut transaction, "transaction_index", v))
        }
        b"log_index" => int_u64(r, "log_index").and_then(|v| once(&mut index, "log_index", v)),
        b"address" => address(r, "address").and_then(|v| once(&mut emitter, "address", v)),
        b"topics" => read_topics(r).and_then(|v| once(&mut topics, "topics", v)),
        b"data" => data(r, "data").and_then(|v| once(&mut payload, "data", v)),
        _ => r.skip(),
    })?;
    Ok(LogRow {
        block: need(block, "block_hash")?,
        transaction: need(transaction, "transaction_index")?,
        index: need(index, "log_index")?,
        log: Log { address: need(emitter, "address")?, topics: need(topics, "topics")?, data: need(payload, "data")? },
    })
}

impl EtlRows {
    /// Adds the lines of another file.
    pub(super) fn extend(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
        self.transactions.extend(other.transactions);
        self.logs.extend(other.logs);
    }

    /// What could not be read of these lines, once.
    pub(super) fn take_unread(&mut self) -> Option<DecodeError> {
        let (count, line, why) = self.unread.take()?;
        Some(DecodeError::Lines { count, line, why: why.to_string() })
    }

    /// Puts blocks, transactions and logs together. Lines of a block that is not there are left out, once for each such block; a
    /// transaction that a block counts and nobody gave is noted in the block's `unread`.
    pub(super) fn assemble(self, chain: ChainNumber, left_out: &mut Vec<(String, DecodeError)>) -> Vec<Block> {
        let mut strangers = BTreeSet::new();
        let mut blocks: BTreeMap<B256, (Block, u64)> = self
            .blocks
            .into_iter()
            .map(|(block, count)| (block.hash, (Block { chain: ChainId::evm(chain), ..block }, count)))
            .collect();
        let mut transactions = self.transactions;
        transactions.sort_by_key(|(_, transaction)| transaction.index);
        for (hash, transaction) in transactions {
            match blocks.get_mut(&hash) {
                Some((block, _)) if block.transactions.len() < TRANSACTIONS_PER_BLOCK_MAX => {
                    block.has_receipts |= transaction.status.is_some();
                    block.transactions.push(transaction);
                }
                Some(_) | None => drop(strangers.insert(hash)),
            }
        }
        let has_logs = !self.logs.is_empty();
        let mut logs = self.logs;
        logs.sort_by_key(|row| row.index);
        for row in logs {
            match blocks.get_mut(&row.block) {
                Some((block, _)) => put_log(block, row),
                None => drop(strangers.insert(row.block)),
            }
        }
        left_out.extend(strangers.into_iter().map(|hash| (format!("lines of block {hash}"), unknown_block(hash))));
        let counted = |(mut block, count): (Block, u64)| {
            block.has_receipts &= has_logs;
            if u64::try_from(block.transactions.len()) != Ok(count) {
                let why = DecodeError::mismatch("number of transactions", block.transactions.len(), count).to_string();
                let (part, field) = (Part::Transaction, "transaction_count");
                block.unread.add(Unread { part, transaction: None, field, why });
            }
            block
        };
        blocks.into_values().map(counted).collect()
    }
}

fn put_log(block: &mut Block, row: LogRow) {
    let place = u32::try_from(row.transaction).ok();
    let found = place.and_then(|index| block.transactions.binary_search_by_key(&index, |found| found.index).ok());
    if let Some(transaction) = found.and_then(|place| block.transactions.get_mut(place)) {
        transaction.logs.push(row.log);
    } else {
        let why = DecodeError::mismatch("transaction_index of a log", row.transaction, "one of the block").to_string();
        block.unread.add(Unread { part: Part::Log, transaction: place, field: "transaction_index", why });
    }
}

fn unknown_block(hash: B256) -> DecodeError {
    DecodeError::mismatch("block_hash", hash, "a block of the same recording")
}
