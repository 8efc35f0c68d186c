//! mev-inspect files: a block's number, miner, flat traces and gas receipts, without header, logs or status.
//!
//! What the file does not have stays at its default: the parent hash, the gas limit, and in most files the time.

use alloy_primitives::{Address, B256};
use quarterdeck_core::{
    chain::{Block, Call, CallKind, ChainId, ChainNumber, Part, Transaction, Unread},
    time::Timestamp,
};

use super::{
    DecodeError, TRANSACTIONS_PER_BLOCK_MAX,
    flat::{self, FlatTraces, Spelling},
    json::Reader,
    value::{address, hash, int_u64, int_u64_or_null, int_u256, need, noted, once},
};

/// Reads one file.
pub(super) fn block(reader: &mut Reader<'_>, chain: ChainNumber) -> Result<Block, DecodeError> {
    let (mut number, mut time, mut miner, mut base_fee) = (None, None, None, None);
    let (mut traces, mut receipts) = (None, None);
    reader.object(|r, key| match key {
        b"block_number" => int_u64(r, "block_number").and_then(|v| once(&mut number, "block_number", v)),
        b"block_timestamp" => int_u64_or_null(r, "block_timestamp").and_then(|v| once(&mut time, "block_timestamp", v)),
        b"miner" => address(r, "miner").and_then(|v| once(&mut miner, "miner", v)),
        b"base_fee_per_gas" => {
            int_u64_or_null(r, "base_fee_per_gas").and_then(|v| once(&mut base_fee, "base_fee_per_gas", v))
        }
        b"traces" => flat::traces(r, Spelling::Stored).and_then(|v| once(&mut traces, "traces", v)),
        b"receipts" => gas_receipts(r).and_then(|v| once(&mut receipts, "receipts", v)),
        _ => r.skip(),
    })?;
    let traces: FlatTraces = need(traces, "traces")?;
    let receipts = receipts.unwrap_or_default();
    let mut block = Block {
        chain: ChainId::evm(chain),
        number: need(number, "block_number")?,
        hash: need(traces.block, "block_hash")?,
        time: Timestamp::from_secs(time.flatten().unwrap_or(0)),
        miner: miner.unwrap_or(Address::ZERO),
        base_fee: base_fee.flatten().filter(|fee| *fee > 0),
        gas_used: receipts.iter().map(|receipt| receipt.gas_used).fold(0, u64::saturating_add),
        has_traces: true,
        ..Block::default()
    };
    block.unread.extend(traces.stray);
    for (index, (hash, trace)) in (0_u32..).zip(traces.traces) {
        let trace = noted(trace, Part::Trace, Some(index), "traces", &mut block.unread);
        for call in trace.unread.named() {
            block.unread.add(Unread { transaction: Some(index), ..call.clone() });
        }
        block.transactions.push(transaction(hash, index, trace.calls));
    }
    for receipt in receipts {
        let place = usize::try_from(receipt.index).unwrap_or(usize::MAX);
        let there = block.transactions.get_mut(place).filter(|transaction| transaction.hash == receipt.hash);
        let Some(transaction) = there else {
            return Err(DecodeError::mismatch("transaction_index of a receipt", receipt.index, receipt.hash));
        };
        transaction.gas_price = Some(receipt.gas_price);
    }
    Ok(block)
}

/// A transaction as its outermost call shows it.
pub(super) fn transaction(hash: B256, index: u32, calls: Vec<Call>) -> Transaction {
    let outermost = calls.first().cloned().unwrap_or_default();
    Transaction {
        hash,
        index,
        from: outermost.from,
        to: outermost.to.filter(|_| outermost.kind != CallKind::Create),
        value: outermost.value,
        input: outermost.input,
        status: Some(!outermost.reverted),
        calls,
        ..Transaction::default()
    }
}

struct GasReceipt {
    hash: B256,
    index: u64,
    gas_used: u64,
    gas_price: u128,
}

fn gas_receipts(reader: &mut Reader<'_>) -> Result<Vec<GasReceipt>, DecodeError> {
    let mut all = Vec::new();
    reader.array("receipts", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        let (mut id, mut index, mut used, mut price) = (None, None, None, None);
        reader.object(|r, key| match key {
            b"transaction_hash" => hash(r, "transaction_hash").and_then(|v| once(&mut id, "transaction_hash", v)),
            b"transaction_index" => {
                int_u64(r, "transaction_index").and_then(|v| once(&mut index, "transaction_index", v))
            }
            b"gas_used" => int_u64(r, "gas_used").and_then(|v| once(&mut used, "gas_used", v)),
            b"effective_gas_price" => {
                int_u256(r, "effective_gas_price").and_then(|v| once(&mut price, "effective_gas_price", v))
            }
            _ => r.skip(),
        })?;
        all.push(GasReceipt {
            hash: need(id, "transaction_hash")?,
            index: need(index, "transaction_index")?,
            gas_used: need(used, "gas_used")?,
            gas_price: price.unwrap_or_default().saturating_to(),
        });
        Ok(())
    })?;
    Ok(all)
}
