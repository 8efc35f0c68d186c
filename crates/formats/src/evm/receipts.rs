//! `eth_getBlockReceipts`: what each transaction did.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use quarterdeck_core::chain::{Block, Log};

use super::{
    DecodeError, LOGS_PER_BLOCK_MAX, TRANSACTIONS_PER_BLOCK_MAX,
    envelope::answer,
    json::Reader,
    value::{address, data, hash, hex_u64, need, once},
};

/// A log has at most four topics (LOG4).
pub(super) const TOPICS_MAX: usize = 4;

/// Attaches the receipts of `block`, an array bare or in the JSON-RPC envelope. Matched by transaction hash; a receipt of
/// another block, a missing or second one, or one in another place is an error, and then nothing is attached.
pub fn attach_receipts(block: &mut Block, bytes: &[u8]) -> Result<(), DecodeError> {
    let receipts = answer(bytes, receipts)?;
    if receipts.len() != block.transactions.len() {
        return Err(DecodeError::mismatch("number of receipts", receipts.len(), block.transactions.len()));
    }
    let mut seen = BTreeSet::new();
    for receipt in &receipts {
        if !seen.insert(receipt.hash) {
            return Err(DecodeError::mismatch("transactionHash of a receipt", receipt.hash, "each once"));
        }
        if receipt.block != block.hash {
            return Err(DecodeError::mismatch("blockHash of a receipt", receipt.block, block.hash));
        }
        let place = usize::try_from(receipt.index).unwrap_or(usize::MAX);
        let there = block.transactions.get(place).map(|transaction| transaction.hash);
        if there != Some(receipt.hash) {
            let there = there.map_or_else(|| String::from("no transaction"), |hash| hash.to_string());
            return Err(DecodeError::mismatch("transactionHash of a receipt", receipt.hash, there));
        }
    }
    for receipt in receipts {
        let place = usize::try_from(receipt.index).unwrap_or(usize::MAX);
        if let Some(transaction) = block.transactions.get_mut(place) {
            transaction.status = receipt.status;
            transaction.logs = receipt.logs;
        }
    }
    block.has_receipts = true;
    Ok(())
}

struct Receipt {
    hash: B256,
    block: B256,
    index: u64,
    /// None before Byzantium (EIP-658), where the receipt has a state root instead.
    status: Option<bool>,
    logs: Vec<Log>,
}

fn receipts(reader: &mut Reader<'_>) -> Result<Vec<Receipt>, DecodeError> {
    let (mut all, mut logs) = (Vec::new(), 0);
    reader.array("receipts", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        let receipt = receipt(reader)?;
        logs += receipt.logs.len();
        if logs > LOGS_PER_BLOCK_MAX {
            return Err(DecodeError::TooMany { what: "logs", max: LOGS_PER_BLOCK_MAX });
        }
        all.push(receipt);
        Ok(())
    })?;
    Ok(all)
}

fn receipt(reader: &mut Reader<'_>) -> Result<Receipt, DecodeError> {
    let (mut id, mut block, mut index, mut status, mut all) = (None, None, None, None, None);
    reader.object(|r, key| match key {
        b"transactionHash" => hash(r, "transactionHash").and_then(|v| once(&mut id, "transactionHash", v)),
        b"blockHash" => hash(r, "blockHash").and_then(|v| once(&mut block, "blockHash", v)),
        b"transactionIndex" => hex_u64(r, "transactionIndex").and_then(|v| once(&mut index, "transactionIndex", v)),
        b"status" if r.null()? => Ok(()),
        b"status" => hex_u64(r, "status").and_then(|v| once(&mut status, "status", v)),
        b"logs" => logs(r).and_then(|v| once(&mut all, "logs", v)),
        _ => r.skip(),
    })?;
    let status = match status {
        None => None,
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(other) => return Err(DecodeError::bad_value("status", other.to_string().as_bytes(), "0x0 or 0x1")),
    };
    Ok(Receipt {
        hash: need(id, "transactionHash")?,
        block: need(block, "blockHash")?,
        index: need(index, "transactionIndex")?,
        status,
        logs: need(all, "logs")?,
    })
}

fn logs(reader: &mut Reader<'_>) -> Result<Vec<Log>, DecodeError> {
    let mut all = Vec::new();
    reader.array("logs", LOGS_PER_BLOCK_MAX, |reader| {
        let (mut emitter, mut topics, mut payload, mut removed) = (None, None, None, None);
        reader.object(|r, key| match key {
            b"address" => address(r, "address").and_then(|v| once(&mut emitter, "address", v)),
            b"topics" => read_topics(r).and_then(|v| once(&mut topics, "topics", v)),
            b"data" => data(r, "data").and_then(|v| once(&mut payload, "data", v)),
            b"removed" => r.bool().and_then(|v| once(&mut removed, "removed", v)),
            _ => r.skip(),
        })?;
        if removed == Some(true) {
            return Err(DecodeError::bad_value("removed", b"true", "false: these are the logs of one block"));
        }
        all.push(Log {
            address: need(emitter, "address")?,
            topics: need(topics, "topics")?,
            data: need(payload, "data")?,
        });
        Ok(())
    })?;
    Ok(all)
}

/// The topics of a log.
pub(super) fn read_topics(reader: &mut Reader<'_>) -> Result<Vec<B256>, DecodeError> {
    let mut topics = Vec::with_capacity(TOPICS_MAX);
    reader.array("topics", TOPICS_MAX, |reader| {
        topics.push(hash(reader, "topics")?);
        Ok(())
    })?;
    Ok(topics)
}
