//! `eth_getBlockByNumber` and `eth_getBlockByHash` with full transactions.
//!
//! Nodes of other networks leave fields out, repeat them, or write what others do not. What names the block must be there: its
//! hash, parent, height and time. Of a transaction its hash and sender must be: without them nothing can be said of it, and it is
//! left out. Any other field costs itself alone. What was there and could not be read is in the block's `unread`.

use alloy_primitives::{Address, B256, Bytes, U256};
use quarterdeck_core::{
    chain::{Block, ChainId, ChainNumber, Part, Transaction, Unread, UnreadParts},
    time::Timestamp,
};

use super::{
    DecodeError, TRANSACTIONS_PER_BLOCK_MAX,
    envelope::answer,
    json::{Next, Reader},
    value::{Slot, address, data, hash, hex_gas, hex_u64, hex_u128, hex_u256, noted, receiver},
};

/// A block with full transactions, bare or in the JSON-RPC envelope. Fields that we do not use (signatures, roots, bloom) are
/// passed over. The chain is that of the transactions; `chain` is used where they name none, and must agree where they do.
///
/// A list of hashes where transactions belong is refused: the node did not answer what it was asked. So is a block of which every
/// transaction that names a block, or a chain, names another one.
pub fn decode_block(bytes: &[u8], chain: Option<ChainNumber>) -> Result<Block, DecodeError> {
    answer(bytes, |reader| block(reader, chain))
}

#[derive(Default)]
struct Header {
    hash: Slot<B256>,
    parent: Slot<B256>,
    number: Slot<u64>,
    time: Slot<u64>,
    miner: Slot<Address>,
    base_fee: Slot<u64>,
    gas_used: Slot<u64>,
    gas_limit: Slot<u64>,
    transactions: Option<Vec<Element>>,
}

/// A transaction with what it says about where it belongs; or why it cannot be used, with the field.
pub(super) type Element = Result<Found, (&'static str, DecodeError)>;

pub(super) struct Found {
    transaction: Transaction,
    chain: Slot<ChainNumber>,
    block: Slot<B256>,
    unread: Vec<(&'static str, DecodeError)>,
}

impl Found {
    /// Forgets which fields are missing: where the source has them of no transaction, that is no loss.
    pub(super) fn as_the_source_has_it(&mut self) {
        self.unread.retain(|(_, why)| !matches!(why, DecodeError::Missing { .. }));
    }
}

fn block(reader: &mut Reader<'_>, chain: Option<ChainNumber>) -> Result<Block, DecodeError> {
    let mut h = Header::default();
    reader.object(|r, key| match key {
        b"hash" => h.hash.read(r, "hash", hash),
        b"parentHash" => h.parent.read(r, "parentHash", hash),
        b"number" => h.number.read(r, "number", hex_u64),
        b"timestamp" => h.time.read(r, "timestamp", hex_u64),
        b"miner" => h.miner.read(r, "miner", address),
        b"gasUsed" => h.gas_used.read(r, "gasUsed", hex_u64),
        b"gasLimit" => h.gas_limit.read(r, "gasLimit", hex_gas),
        b"baseFeePerGas" => h.base_fee.read(r, "baseFeePerGas", hex_u64),
        b"transactions" if h.transactions.is_some() => Err(DecodeError::Duplicate { field: "transactions" }),
        b"transactions" => transactions(r).map(|all| h.transactions = Some(all)),
        _ => r.skip(),
    })?;
    let mut unread = UnreadParts::default();
    let mut block = Block {
        chain: ChainId::default(),
        number: h.number.need("number")?,
        hash: h.hash.need("hash")?,
        parent: h.parent.need("parentHash")?,
        time: Timestamp::from_secs(h.time.need("timestamp")?),
        miner: noted(h.miner.need("miner"), Part::Header, None, "miner", &mut unread),
        base_fee: noted(h.base_fee.optional(), Part::Header, None, "baseFeePerGas", &mut unread),
        gas_used: noted(h.gas_used.need("gasUsed"), Part::Header, None, "gasUsed", &mut unread),
        gas_limit: noted(h.gas_limit.need("gasLimit"), Part::Header, None, "gasLimit", &mut unread),
        unread,
        ..Block::default()
    };
    place(&mut block, h.transactions.ok_or(DecodeError::Missing { field: "transactions" })?, chain)?;
    Ok(block)
}

/// Checks that the transactions belong to this block and to one chain, and puts them in.
pub(super) fn place(block: &mut Block, elements: Vec<Element>, chain: Option<ChainNumber>) -> Result<(), DecodeError> {
    let found = || elements.iter().filter_map(|element| element.as_ref().ok());
    let named = |found: &Found| match &found.chain {
        Slot::Read(chain) if *chain != 0 => Some(*chain),
        _ => None,
    };
    // Some nodes write zeros where they have nothing to say.
    let within = |found: &Found| match &found.block {
        Slot::Read(hash) if !hash.is_zero() => Some(*hash),
        _ => None,
    };
    let Some(wanted) = chain.or_else(|| found().find_map(named)) else {
        return Err(DecodeError::Missing { field: "chainId" });
    };
    if let Some(other) = all_differ(found().filter_map(named), &wanted) {
        return Err(DecodeError::mismatch("chainId", other, wanted));
    }
    if let Some(other) = all_differ(found().filter_map(within), &block.hash) {
        return Err(DecodeError::mismatch("blockHash of a transaction", other, block.hash));
    }
    block.chain = ChainId::evm(wanted);
    block.transactions.reserve_exact(elements.len());
    for (place, element) in (0_u32..).zip(elements) {
        let found = match element {
            Ok(found) => found,
            Err((field, why)) => {
                note(block, place, field, &why);
                continue;
            }
        };
        if let Some(other) = named(&found).filter(|chain| *chain != wanted) {
            note(block, place, "chainId", &DecodeError::mismatch("chainId", other, wanted));
        }
        if let Some(other) = within(&found).filter(|hash| *hash != block.hash) {
            note(block, place, "blockHash", &DecodeError::mismatch("blockHash", other, block.hash));
        }
        for (field, why) in found.unread {
            note(block, place, field, &why);
        }
        block.transactions.push(Transaction { index: place, ..found.transaction });
    }
    Ok(())
}

/// What they say instead, if there are any and none agrees.
fn all_differ<T: PartialEq>(mut said: impl Iterator<Item = T>, wanted: &T) -> Option<T> {
    let first = said.next().filter(|first| first != wanted)?;
    said.all(|other| other != *wanted).then_some(first)
}

fn note(block: &mut Block, place: u32, field: &'static str, why: &DecodeError) {
    block.unread.add(Unread { part: Part::Transaction, transaction: Some(place), field, why: why.to_string() });
}

fn transactions(reader: &mut Reader<'_>) -> Result<Vec<Element>, DecodeError> {
    let (mut all, mut hashes) = (Vec::new(), None);
    reader.array("transactions", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        let element = if reader.peek()? == Next::String {
            let hash = reader.string()?;
            let why = DecodeError::bad_value("transactions", &hash, "full transactions, not hashes");
            hashes.get_or_insert_with(|| why.clone());
            Err(("transactions", why))
        } else {
            match reader.attempt(fields)? {
                Ok(fields) => judged(fields),
                Err(why) => Err(("transactions", why)),
            }
        };
        all.push(element);
        Ok(())
    })?;
    let only_hashes = hashes.filter(|_| all.iter().all(Result::is_err));
    only_hashes.map_or(Ok(all), Err)
}

/// What a transaction says of itself.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) hash: Slot<B256>,
    pub(super) from: Slot<Address>,
    pub(super) to: Slot<Option<Address>>,
    pub(super) value: Slot<U256>,
    nonce: Slot<u64>,
    pub(super) input: Slot<Bytes>,
    alias: Slot<Bytes>,
    gas: Slot<u64>,
    price: Slot<u128>,
    price_max: Slot<u128>,
    chain: Slot<ChainNumber>,
    pub(super) block: Slot<B256>,
    calls: Slot<u64>,
}

impl Fields {
    /// Takes from elsewhere what is not said here.
    pub(super) fn fill(&mut self, known: Self) {
        self.hash.fill(known.hash);
        self.from.fill(known.from);
        self.to.fill(known.to);
        self.value.fill(known.value);
        self.input.fill(known.input);
    }
}

/// Its place is where it stands in the list: what it says about that itself is not read, since some networks count otherwise.
pub(super) fn fields(reader: &mut Reader<'_>) -> Result<Fields, DecodeError> {
    let mut f = Fields::default();
    reader.object(|r, key| match key {
        b"hash" => f.hash.read(r, "hash", hash),
        b"from" => f.from.read(r, "from", address),
        b"to" => {
            let to = r.attempt(|r| receiver(r, "to"))?;
            f.to.put("to", to);
            Ok(())
        }
        b"value" => f.value.read(r, "value", hex_u256),
        b"nonce" => f.nonce.read(r, "nonce", hex_u64),
        b"input" => f.input.read(r, "input", data),
        b"data" => f.alias.read(r, "data", data),
        b"gas" => f.gas.read(r, "gas", hex_u64),
        b"gasPrice" => f.price.read(r, "gasPrice", hex_u128),
        b"maxFeePerGas" => f.price_max.read(r, "maxFeePerGas", hex_u128),
        b"chainId" => f.chain.read(r, "chainId", hex_u64),
        b"blockHash" => f.block.read(r, "blockHash", hash),
        b"calls" => f.calls.read(r, "calls", count),
        _ => r.skip(),
    })?;
    Ok(f)
}

/// What of a transaction can be judged.
pub(super) fn judged(f: Fields) -> Element {
    let hash = f.hash.need("hash").map_err(|why| ("hash", why))?;
    let from = f.from.need("from").map_err(|why| ("from", why))?;
    let mut unread = Vec::new();
    // A batch of calls under one signature has no receiver, value or data of its own: they are the calls'.
    let batch = matches!(f.calls, Slot::Read(1..)) && matches!(f.to, Slot::Missing | Slot::Read(None));
    if let Slot::Read(calls) = f.calls
        && batch
    {
        let calls = format!("{calls} calls");
        unread.push(("calls", DecodeError::bad_value("calls", calls.as_bytes(), "one receiver, value and input")));
    }
    let mut lost = |field, why| {
        if !batch {
            unread.push((field, why));
        }
    };
    let (to, lacks_to) = match f.to.need("to") {
        Ok(to) => (to, batch),
        Err(why) => {
            lost("to", why);
            (None, true)
        }
    };
    let value = f.value.need("value").unwrap_or_else(|why| {
        lost("value", why);
        U256::ZERO
    });
    let nonce = f.nonce.optional().unwrap_or_else(|why| {
        lost("nonce", why);
        None
    });
    let input = match f.input.optional().and_then(|input| input.map_or_else(|| f.alias.need("input"), Ok)) {
        Ok(input) => input,
        Err(why) => {
            lost("input", why);
            Bytes::new()
        }
    };
    let transaction = Transaction {
        hash,
        from,
        to,
        lacks_to,
        value,
        nonce,
        input,
        gas: f.gas.any(),
        gas_price: f.price_max.any().or(f.price.any()),
        ..Transaction::default()
    };
    Ok(Found { transaction, chain: f.chain, block: f.block, unread })
}

fn count(reader: &mut Reader<'_>, what: &'static str) -> Result<u64, DecodeError> {
    let mut count = 0;
    reader.array(what, TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        count += 1;
        reader.skip()
    })?;
    Ok(count)
}
