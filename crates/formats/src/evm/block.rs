//! `eth_getBlockByNumber` and `eth_getBlockByHash` with full transactions.

use quarterdeck_core::{
    chain::{Block, ChainId, ChainNumber, Transaction},
    time::Timestamp,
};

use super::{
    DecodeError, TRANSACTIONS_PER_BLOCK_MAX,
    envelope::answer,
    json::{Next, Reader},
    value::{address, address_or_null, data, hash, hex_gas, hex_u64, hex_u128, hex_u256, need, once},
};

/// A block with full transactions, bare or in the JSON-RPC envelope. Fields that we do not use (signatures, roots, bloom) are
/// passed over. The chain is that of the transactions; `chain` is used where they name none, and must agree where they do.
pub fn decode_block(bytes: &[u8], chain: Option<ChainNumber>) -> Result<Block, DecodeError> {
    answer(bytes, |reader| block(reader, chain))
}

#[derive(Default)]
struct Header {
    hash: Option<alloy_primitives::B256>,
    parent: Option<alloy_primitives::B256>,
    number: Option<u64>,
    time: Option<u64>,
    miner: Option<alloy_primitives::Address>,
    base_fee: Option<u64>,
    gas_used: Option<u64>,
    gas_limit: Option<u64>,
    transactions: Option<Vec<Found>>,
}

/// A transaction with what it says about where it belongs.
struct Found {
    transaction: Transaction,
    chain: Option<ChainNumber>,
    block: Option<alloy_primitives::B256>,
    index: Option<u64>,
}

fn block(reader: &mut Reader<'_>, chain: Option<ChainNumber>) -> Result<Block, DecodeError> {
    let mut h = Header::default();
    reader.object(|r, key| match key {
        b"hash" => hash(r, "hash").and_then(|v| once(&mut h.hash, "hash", v)),
        b"parentHash" => hash(r, "parentHash").and_then(|v| once(&mut h.parent, "parentHash", v)),
        b"number" => hex_u64(r, "number").and_then(|v| once(&mut h.number, "number", v)),
        b"timestamp" => hex_u64(r, "timestamp").and_then(|v| once(&mut h.time, "timestamp", v)),
        b"miner" => address(r, "miner").and_then(|v| once(&mut h.miner, "miner", v)),
        b"gasUsed" => hex_u64(r, "gasUsed").and_then(|v| once(&mut h.gas_used, "gasUsed", v)),
        b"gasLimit" => hex_gas(r, "gasLimit").and_then(|v| once(&mut h.gas_limit, "gasLimit", v)),
        b"baseFeePerGas" if r.null()? => Ok(()),
        b"baseFeePerGas" => hex_u64(r, "baseFeePerGas").and_then(|v| once(&mut h.base_fee, "baseFeePerGas", v)),
        b"transactions" => transactions(r).and_then(|v| once(&mut h.transactions, "transactions", v)),
        _ => r.skip(),
    })?;
    let mut block = Block {
        chain: ChainId::default(),
        number: need(h.number, "number")?,
        hash: need(h.hash, "hash")?,
        parent: need(h.parent, "parentHash")?,
        time: Timestamp::from_secs(need(h.time, "timestamp")?),
        miner: need(h.miner, "miner")?,
        base_fee: h.base_fee,
        gas_used: need(h.gas_used, "gasUsed")?,
        gas_limit: need(h.gas_limit, "gasLimit")?,
        ..Block::default()
    };
    place(&mut block, need(h.transactions, "transactions")?, chain)?;
    Ok(block)
}

/// Checks that the transactions belong to this block and to one chain, and puts them in.
fn place(block: &mut Block, found: Vec<Found>, mut chain: Option<ChainNumber>) -> Result<(), DecodeError> {
    block.transactions.reserve_exact(found.len());
    for (place, mut found) in (0_u32..).zip(found) {
        if let Some(index) = found.index.filter(|index| *index != u64::from(place)) {
            return Err(DecodeError::mismatch("transactionIndex", index, place));
        }
        if let Some(hash) = found.block.filter(|hash| *hash != block.hash) {
            return Err(DecodeError::mismatch("blockHash of a transaction", hash, block.hash));
        }
        if let (Some(wanted), Some(named)) = (chain, found.chain)
            && wanted != named
        {
            return Err(DecodeError::mismatch("chainId", named, wanted));
        }
        chain = chain.or(found.chain);
        found.transaction.index = place;
        block.transactions.push(found.transaction);
    }
    block.chain = ChainId::evm(need(chain, "chainId")?);
    Ok(())
}

fn transactions(reader: &mut Reader<'_>) -> Result<Vec<Found>, DecodeError> {
    let mut all = Vec::new();
    reader.array("transactions", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        if reader.peek()? == Next::String {
            let hash = reader.string()?;
            return Err(DecodeError::bad_value("transactions", &hash, "full transactions, not hashes"));
        }
        all.push(transaction(reader)?);
        Ok(())
    })?;
    Ok(all)
}

fn transaction(reader: &mut Reader<'_>) -> Result<Found, DecodeError> {
    let (mut id, mut from, mut to, mut value, mut nonce) = (None, None, None, None, None);
    let (mut input, mut alias, mut gas, mut price, mut max_price) = (None, None, None, None, None);
    let (mut chain, mut block, mut index) = (None, None, None);
    reader.object(|r, key| match key {
        b"hash" => hash(r, "hash").and_then(|v| once(&mut id, "hash", v)),
        b"from" => address(r, "from").and_then(|v| once(&mut from, "from", v)),
        b"to" => address_or_null(r, "to").and_then(|v| once(&mut to, "to", v)),
        b"value" => hex_u256(r, "value").and_then(|v| once(&mut value, "value", v)),
        b"nonce" => hex_u64(r, "nonce").and_then(|v| once(&mut nonce, "nonce", v)),
        b"input" => data(r, "input").and_then(|v| once(&mut input, "input", v)),
        b"data" => data(r, "data").and_then(|v| once(&mut alias, "data", v)),
        b"gas" => hex_u64(r, "gas").and_then(|v| once(&mut gas, "gas", v)),
        b"gasPrice" | b"maxFeePerGas" | b"chainId" | b"blockHash" | b"transactionIndex" if r.null()? => Ok(()),
        b"gasPrice" => hex_u128(r, "gasPrice").and_then(|v| once(&mut price, "gasPrice", v)),
        b"maxFeePerGas" => hex_u128(r, "maxFeePerGas").and_then(|v| once(&mut max_price, "maxFeePerGas", v)),
        b"chainId" => hex_u64(r, "chainId").and_then(|v| once(&mut chain, "chainId", v)),
        b"blockHash" => hash(r, "blockHash").and_then(|v| once(&mut block, "blockHash", v)),
        b"transactionIndex" => hex_u64(r, "transactionIndex").and_then(|v| once(&mut index, "transactionIndex", v)),
        _ => r.skip(),
    })?;
    let transaction = Transaction {
        hash: need(id, "hash")?,
        index: 0,
        from: need(from, "from")?,
        to: to.flatten(),
        value: need(value, "value")?,
        nonce: need(nonce, "nonce")?,
        input: need(input.or(alias), "input")?,
        gas: need(gas, "gas")?,
        gas_price: need(max_price.or(price), "gasPrice")?,
        ..Transaction::default()
    };
    Ok(Found { transaction, chain, block, index })
}
