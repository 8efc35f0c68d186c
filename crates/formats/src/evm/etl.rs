//! ethereum-etl lines: one JSON object per line, one file per table (blocks, transactions, logs, token transfers).
//!
//! Token transfers repeat what the logs say and are passed over.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use quarterdeck_core::{
    chain::{Block, ChainId, ChainNumber, Log, Transaction},
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LogRow {
    block: B256,
    transaction: u64,
    index: u64,
    log: Log,
}

/// Reads the lines of one table, or of several mixed.
pub(super) fn rows(bytes: &[u8]) -> Result<EtlRows, DecodeError> {
    let mut rows = EtlRows::default();
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let mut reader = Reader::new(line);
        row(&mut reader, &mut rows)?;
        reader.end()?;
        if rows.logs.len() > LOGS_PER_BLOCK_MAX || rows.transactions.len() > LOGS_PER_BLOCK_MAX {
            return Err(DecodeError::TooMany { what: "lines", max: LOGS_PER_BLOCK_MAX });
        }
    }
    Ok(rows)
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

    /// Puts blocks, transactions and logs together. A transaction or log of a block that is not there, a hole or a wrong count
    /// is an error.
    pub(super) fn assemble(self, chain: ChainNumber) -> Result<Vec<Block>, DecodeError> {
        let mut blocks: BTreeMap<B256, (Block, u64)> = self
            .blocks
            .into_iter()
            .map(|(block, count)| (block.hash, (Block { chain: ChainId::evm(chain), ..block }, count)))
            .collect();
        let mut transactions = self.transactions;
        transactions.sort_by_key(|(_, transaction)| transaction.index);
        for (hash, transaction) in transactions {
            let Some((block, _)) = blocks.get_mut(&hash) else { return Err(unknown_block(hash)) };
            if block.transactions.len() >= TRANSACTIONS_PER_BLOCK_MAX {
                return Err(DecodeError::TooMany { what: "transactions", max: TRANSACTIONS_PER_BLOCK_MAX });
            }
            block.has_receipts |= transaction.status.is_some();
            block.transactions.push(transaction);
        }
        for (block, count) in blocks.values() {
            if u64::try_from(block.transactions.len()) != Ok(*count) {
                return Err(DecodeError::mismatch("number of transactions", block.transactions.len(), count));
            }
        }
        let has_logs = !self.logs.is_empty();
        let mut logs = self.logs;
        logs.sort_by_key(|row| row.index);
        for row in logs {
            let Some((block, _)) = blocks.get_mut(&row.block) else { return Err(unknown_block(row.block)) };
            let place = usize::try_from(row.transaction).unwrap_or(usize::MAX);
            let Some(transaction) = block.transactions.get_mut(place) else {
                return Err(DecodeError::mismatch("transaction_index of a log", row.transaction, "one of the block"));
            };
            transaction.logs.push(row.log);
        }
        Ok(blocks
            .into_values()
            .map(|(mut block, _)| {
                block.has_receipts &= has_logs;
                block
            })
            .collect())
    }
}

fn unknown_block(hash: B256) -> DecodeError {
    DecodeError::mismatch("block_hash", hash, "a block of the same recording")
}
