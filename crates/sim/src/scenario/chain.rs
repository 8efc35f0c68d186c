//! What happens on a chain: from words to blocks, reorganizations and gaps.
//!
//! The same transaction (sender, receiver, sum, nonce) has the same hash wherever it is, so that a reorganization can lose it or
//! keep it. Never invents a time: every block has that of its line. Tests: `scenarios/detectors/`, `tests/scenarios.rs`.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::address;
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{
        Address, AnyBlock, B256, Block, BlockRef, ChainEvent, ChainId, Gap, GapKind, Held, Reorg, Transaction, U256,
    },
    id::{Name, kind},
    signal::Fingerprint,
    time::Timestamp,
};
use quarterdeck_detect::rehearsal;

use super::{
    attack::{self, Act, Places, Sum},
    words::{Words, whole},
};

/// What happens on a chain.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum OnChain {
    /// A block with this in it.
    Block(Made),
    /// Time passes without a block.
    Tick,
    /// As many blocks join as were left; this is in the first.
    Reorg { depth: usize, first: Made },
    /// A source cannot look.
    Gap { source: String, kind: GapKind },
    /// It can again.
    Closed { source: String },
}

/// What is in a block.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Made {
    /// A block without transactions.
    Empty,
    /// A payment; with what the source says that the sender held before it.
    Sends { from: String, amount: String, of: Option<String>, symbol: String, to: String, nonce: Option<u64> },
    /// An owner lets a spender take.
    Approves { owner: String, spender: String, sum: Sum },
    /// The same call, as often as this.
    Calls { from: String, selector: [u8; 4], to: String, times: u64 },
    /// One transaction that does all this, with its trace.
    Acts(Vec<Act>),
}

/// Calls of one line: more than any block holds.
const CALLS_MAX: u64 = 10_000;
/// Blocks that one line may leave.
const DEPTH_MAX: u64 = 256;
/// Nonces that a scenario does not name start here, above those that it does.
const NONCE_START: u64 = 1_000;
/// The height of a timeline's first block.
const FIRST_HEIGHT: u64 = 20_000_000;

/// Reads what happens on a chain; none: nothing that happens there begins so.
pub(super) fn read(mut words: Words) -> Result<Option<OnChain>, String> {
    if words.takes("tick") {
        words.end()?;
        return Ok(Some(OnChain::Tick));
    }
    if words.takes("source") {
        return source(words).map(Some);
    }
    if words.takes("reorg depth") {
        let text = words.next("how many blocks are left")?;
        let depth = text.strip_suffix(':').and_then(whole).filter(|depth| (1..=DEPTH_MAX).contains(depth));
        let depth = depth.ok_or_else(|| format!("expected 1 to {DEPTH_MAX} blocks and a colon, found `{text}`"))?;
        let first = made(words)?.ok_or("expected what the first new block holds, or `block`")?;
        return Ok(Some(OnChain::Reorg { depth: usize::try_from(depth).unwrap_or(1), first }));
    }
    Ok(made(words)?.map(OnChain::Block))
}

fn source(mut words: Words) -> Result<OnChain, String> {
    let source = words.next("the name of a source")?;
    if words.takes("closed") {
        words.end()?;
        return Ok(OnChain::Closed { source });
    }
    words.expect("gap")?;
    let text = words.next("a kind of gap")?;
    words.end()?;
    let kind = serde_json::from_value(serde_json::Value::from(text.as_str()));
    let kind = kind.map_err(|_| format!("expected a kind of gap such as `unreachable`, found `{text}`"))?;
    Ok(OnChain::Gap { source, kind })
}

fn made(mut words: Words) -> Result<Option<Made>, String> {
    if words.takes("block") || words.takes("nothing happens") {
        words.end()?;
        return Ok(Some(Made::Empty));
    }
    match words.peek(1) {
        "sends" => sends(words).map(Some),
        "approves" => approves(words).map(Some),
        "calls" if words.peek(2).starts_with("0x") => calls(words).map(Some),
        _ => Ok(attack::read(words)?.map(Made::Acts)),
    }
}

fn sends(mut words: Words) -> Result<Made, String> {
    let from = words.next("who sends")?;
    words.expect("sends")?;
    let amount = words.next("an amount")?;
    let symbol = words.next("the symbol of an asset")?;
    let of = if words.takes("of") { Some(words.next("what the sender held")?) } else { None };
    words.expect("to")?;
    let to = words.next("who receives")?;
    let nonce = if words.takes("with nonce") { Some(words.number("a nonce")?) } else { None };
    words.end()?;
    Ok(Made::Sends { from, amount, of, symbol, to, nonce })
}

fn approves(mut words: Words) -> Result<Made, String> {
    let owner = words.next("who approves")?;
    words.expect("approves")?;
    let spender = words.next("who may take")?;
    words.expect("for")?;
    let (amount, symbol) = (words.next("an amount")?, words.next("the symbol of an asset")?);
    words.end()?;
    Ok(Made::Approves { owner, spender, sum: Sum { amount, symbol } })
}

fn calls(mut words: Words) -> Result<Made, String> {
    let from = words.next("who calls")?;
    words.expect("calls")?;
    let text = words.next("a selector")?;
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8);
    let selector = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let selector = selector.ok_or_else(|| format!("expected a selector such as `0x64726177`, found `{text}`"))?;
    words.expect("on")?;
    let to = words.next("what is called")?;
    let mut times = 1;
    if !words.is_over() {
        times = words.number("how often")?;
        words.expect("times")?;
    }
    words.end()?;
    if times == 0 || times > CALLS_MAX {
        return Err(format!("expected 1 to {CALLS_MAX} times, found {times}"));
    }
    Ok(Made::Calls { from, selector: selector.to_be_bytes(), to, times })
}

/// The chain of a timeline as it grows.
pub(super) struct Chain {
    number: ChainId,
    blocks: Vec<Arc<Block>>,
    nonces: BTreeMap<Address, u64>,
    /// What the source says with the next block that accounts held before it.
    held: Vec<Held>,
    gaps: BTreeMap<String, Gap>,
    branch: u64,
}

impl Chain {
    /// The chain on which the catalogue has addresses or assets; else Ethereum.
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let watched = catalogue.services.values().flat_map(|service| &service.addresses).map(|watched| watched.chain);
        let number = watched.chain(catalogue.assets.keys().map(|(chain, _)| *chain)).next().unwrap_or(rehearsal::CHAIN);
        let (blocks, nonces, held, gaps) = (Vec::new(), BTreeMap::new(), Vec::new(), BTreeMap::new());
        Self { number, blocks, nonces, held, gaps, branch: 0 }
    }

    /// The events that a happening comes to.
    pub(super) fn play(
        &mut self,
        what: &OnChain,
        now: Timestamp,
        catalogue: &Catalogue,
    ) -> Result<Vec<ChainEvent>, String> {
        Ok(match what {
            OnChain::Tick => vec![ChainEvent::Tick(now)],
            OnChain::Gap { source, kind } => vec![self.gap(source, *kind, now)?],
            OnChain::Closed { source } => {
                let gap = self.gaps.remove(source).ok_or_else(|| format!("source `{source}` has no gap"))?;
                vec![ChainEvent::Gap(Arc::new(Gap { closed: Some(now), ..gap }))]
            }
            OnChain::Block(made) => {
                let transactions = self.transactions(made, catalogue)?;
                vec![ChainEvent::Block(self.block(transactions, now).into())]
            }
            OnChain::Reorg { depth, first } => self.reorg(*depth, first, now, catalogue)?,
        })
    }

    fn transactions(&mut self, made: &Made, catalogue: &Catalogue) -> Result<Vec<Transaction>, String> {
        match made {
            Made::Empty => Ok(Vec::new()),
            Made::Sends { from, amount, of, symbol, to, nonce } => {
                let (from, to) = (address(from, catalogue)?, address(to, catalogue)?);
                let map = Map { chain: self.number, catalogue };
                let sum = |amount: &String| map.asset(&Sum { amount: amount.clone(), symbol: symbol.clone() });
                let (token, amount) = sum(amount)?;
                if let Some(of) = of {
                    self.held.push(Held { account: from, token, amount: sum(of)?.1 });
                }
                let mut transaction = match token {
                    Some(token) => rehearsal::token(token, from, to, amount),
                    None => Transaction { value: amount, ..rehearsal::coin(from, to, 0) },
                };
                transaction.nonce = Some(nonce.unwrap_or_else(|| self.nonce(from)));
                Ok(vec![transaction])
            }
            Made::Approves { owner, spender, sum } => {
                let (owner, spender) = (address(owner, catalogue)?, address(spender, catalogue)?);
                let (token, amount) = Map { chain: self.number, catalogue }.asset(sum)?;
                let token = token.ok_or("nobody is allowed to take coin: name a token")?;
                let approval = rehearsal::approval(token, owner, spender, amount);
                Ok(vec![Transaction { nonce: Some(self.nonce(owner)), ..approval }])
            }
            Made::Calls { from, selector, to, times } => {
                let (from, to) = (address(from, catalogue)?, address(to, catalogue)?);
                let call = |_| Transaction { nonce: Some(self.nonce(from)), ..rehearsal::call(from, to, *selector) };
                Ok((0..*times).map(call).collect())
            }
            Made::Acts(acts) => {
                let mut transaction = attack::transaction(acts, &Map { chain: self.number, catalogue })?;
                transaction.nonce = Some(self.nonce(transaction.from));
                Ok(vec![transaction])
            }
        }
    }

    fn nonce(&mut self, from: Address) -> u64 {
        let next = self.nonces.entry(from).or_insert(NONCE_START);
        *next = next.saturating_add(1);
        *next
    }

    /// A block on the last one.
    fn block(&mut self, mut transactions: Vec<Transaction>, time: Timestamp) -> Arc<Block> {
        let parent = self.blocks.last().map_or((FIRST_HEIGHT - 1, B256::ZERO), |block| (block.number, block.hash));
        for (index, transaction) in (0_u32..).zip(&mut transactions) {
            let Transaction { from, to, value, nonce, input, .. } = &*transaction;
            let nonce = nonce.unwrap_or_default();
            let hash = digest(&format!("{from} {to:?} {value} {nonce} {input}"));
            (transaction.index, transaction.hash) = (index, hash);
        }
        let number = parent.0.saturating_add(1);
        // What has a trace says all in it: the logs are left out rather than told twice.
        let has_traces = transactions.iter().any(|transaction| !transaction.calls.is_empty());
        let block = Block {
            chain: self.number,
            number,
            hash: digest(&format!("block {number} {} {}", time.as_ms(), self.branch)),
            parent: parent.1,
            time,
            gas_limit: 30_000_000,
            has_receipts: !has_traces,
            has_traces,
            transactions,
            held: std::mem::take(&mut self.held),
            ..Block::default()
        };
        let block = Arc::new(block);
        self.blocks.push(Arc::clone(&block));
        block
    }

    fn reorg(
        &mut self,
        depth: usize,
        first: &Made,
        now: Timestamp,
        catalogue: &Catalogue,
    ) -> Result<Vec<ChainEvent>, String> {
        let keep = self.blocks.len().checked_sub(depth);
        let keep =
            keep.ok_or_else(|| format!("the timeline has {} blocks, and {depth} should be left", self.blocks.len()))?;
        let dropped = self.blocks.split_off(keep);
        let Some(lowest) = dropped.first() else { return Ok(Vec::new()) };
        let ancestor = BlockRef { chain: self.number, number: lowest.number.saturating_sub(1), hash: lowest.parent };
        if self.blocks.is_empty() {
            // The ancestor is below what the timeline showed.
            let BlockRef { chain, number, hash } = ancestor;
            self.blocks.push(Arc::new(Block { chain, number, hash, ..Block::default() }));
        }
        self.branch = self.branch.saturating_add(1);
        let mut transactions = self.transactions(first, catalogue)?;
        let adopted: Vec<AnyBlock> =
            (0..depth).map(|_| self.block(std::mem::take(&mut transactions), now).into()).collect();
        let dropped = dropped.iter().map(|block| block.reference()).collect();
        let reorg = Reorg { chain: self.number, ancestor, dropped, adopted: adopted.clone(), observed: now };
        let joined = adopted.into_iter().map(ChainEvent::Block);
        Ok(std::iter::once(ChainEvent::Reorg(Arc::new(reorg))).chain(joined).collect())
    }

    fn gap(&mut self, source: &str, kind: GapKind, now: Timestamp) -> Result<ChainEvent, String> {
        let gap = Gap {
            source: Name::<kind::Source>::new(source).map_err(|error| error.to_string())?,
            chain: self.number,
            kind,
            from_block: None,
            to_block: None,
            since: now,
            closed: None,
            detail: "by the scenario".to_owned(),
        };
        self.gaps.insert(source.to_owned(), gap.clone());
        Ok(ChainEvent::Gap(Arc::new(gap)))
    }
}

/// Names and symbols of a chain.
struct Map<'a> {
    chain: ChainId,
    catalogue: &'a Catalogue,
}

impl Places for Map<'_> {
    fn address(&self, party: &str) -> Result<Address, String> {
        address(party, self.catalogue)
    }

    /// The configured asset of this symbol; else the coin or a well-known token; else a token that nobody has a price for.
    fn asset(&self, sum: &Sum) -> Result<(Option<Address>, U256), String> {
        let Sum { amount, symbol } = sum;
        let mut of_chain = self.catalogue.assets.values().filter(|asset| asset.chain == self.chain);
        let known = of_chain.find(|asset| asset.symbol == *symbol).map(|asset| (asset.token, asset.price.decimals));
        let (token, decimals) = match (known, symbol.as_str()) {
            (Some(known), _) => known,
            (None, "ETH") => (None, 18),
            (None, "DAI") => (Some(DAI), 18),
            (None, _) => (Some(Address::from_word(digest(&format!("token {symbol}")))), 18),
        };
        Ok((token, raw(amount, decimals)?))
    }
}

/// A dollar token of Ethereum with 18 decimals, for which detectors know a reference price.
const DAI: Address = address!("6B175474E89094C44Da98b954EedeAC495271d0F");

/// The watched address of this label; `0x` and the digits in which an address ends; any other word is a stranger's name.
fn address(name: &str, catalogue: &Catalogue) -> Result<Address, String> {
    let mut watched = catalogue.services.values().flat_map(|service| &service.addresses);
    if let Some(found) = watched.find(|watched| watched.label == name) {
        return found.address.evm().ok_or_else(|| format!("`{name}` is no address of an account chain"));
    }
    if let Some(digits) = name.strip_prefix("0x") {
        let parsed = format!("0x{digits:0>40}").parse();
        return parsed.map_err(|_| format!("expected a label, a name or an address, found `{name}`"));
    }
    Ok(Address::from_word(digest(name)))
}

/// `49.999` with so many decimals.
fn raw(text: &str, decimals: u8) -> Result<U256, String> {
    let bad = || format!("expected an amount with at most {decimals} decimals, found `{text}`");
    let plain = text.replace('_', "");
    let (units, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let width = usize::from(decimals);
    let digits = format!("{units}{rest:0<width$}");
    if units.is_empty() || rest.len() > width || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    U256::from_str_radix(&digits, 10).map_err(|_| bad())
}

fn digest(text: &str) -> B256 {
    let halves = [b"first".as_slice(), b"second"].map(|half| *Fingerprint::of(&[half, text.as_bytes()]).bytes());
    B256::left_padding_from(halves.as_flattened())
}
