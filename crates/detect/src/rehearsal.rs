//! Small invented chains: for canaries, which run at every start, and for tests and benchmarks.
//!
//! Hashes are digests of what they name, so the same rehearsal gives the same events everywhere.

pub(crate) mod calls;

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    account::Account,
    catalogue::{AddressRole, Asset, Catalogue, Criticality, Service, WatchedAddress},
    chain::{Address, B256, Block, ChainEvent, ChainId, Held, Log, Reorg, Transaction, U256},
    detector::Knowledge,
    id::{Id, Name, kind},
    money::{Price, Usd},
    signal::Fingerprint,
    time::Timestamp,
};

use crate::facts::flow::{APPROVAL, TRANSFER};

/// The chain rehearsals are played on: Ethereum's number, since parameters are tuned to it.
pub const CHAIN: ChainId = ChainId::evm(1);
/// The address of the watched wallet of [`knowledge`].
pub const HOT: Address = Address::repeat_byte(0x40);
/// The second watched wallet of [`knowledge`].
pub const COLD: Address = Address::repeat_byte(0xc0);
/// The watched contract of [`knowledge`].
pub const VAULT: Address = Address::repeat_byte(0x1a);
/// A priced token of [`knowledge`], with six decimals, at a dollar.
pub const TOKEN: Address = Address::repeat_byte(0x70);
/// Wei of a thousandth of a coin.
const MILLI: u64 = 1_000_000_000_000_000;

/// A chain as it grows, one block every twelve seconds.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    tip: Arc<Block>,
    spacing: Duration,
    branch: u64,
    nonces: std::collections::BTreeMap<Address, u64>,
    held: Vec<Held>,
    /// What happened so far.
    pub events: Vec<ChainEvent>,
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self::from_height(20_000_000)
    }
}

impl Rehearsal {
    /// A chain whose next block has this height.
    pub fn from_height(height: u64) -> Self {
        let time = Timestamp::from_secs(1_700_000_000);
        let tip = Block { chain: CHAIN, number: height.saturating_sub(1), time, ..Block::default() };
        let (spacing, branch) = (Duration::from_secs(12), 0);
        let nonces = std::collections::BTreeMap::new();
        Self { tip: Arc::new(tip), spacing, branch, nonces, held: Vec::new(), events: Vec::new() }
    }
    /// Lets the source say with the next block that an account held so many thousandths of a coin before it.
    pub fn holding(&mut self, account: Address, milli: u64) {
        self.held.push(Held { account, token: None, amount: U256::from(milli) * U256::from(MILLI) });
    }
    /// The last block.
    pub fn tip(&self) -> &Arc<Block> {
        &self.tip
    }
    /// Adds a block with these transactions: places are filled in, and hashes and nonces where they are zero.
    pub fn block(&mut self, transactions: Vec<Transaction>) -> Arc<Block> {
        let block = self.next(&self.tip.clone(), transactions);
        self.events.push(ChainEvent::Block(Arc::clone(&block).into()));
        self.tip = Arc::clone(&block);
        block
    }
    /// Lets time pass without a block.
    pub fn tick(&mut self, after_tip: Duration) {
        self.events.push(ChainEvent::Tick(self.tip.time.plus(after_tip)));
    }
    /// Leaves `dropped` (lowest first, ending at the tip) for as many new blocks as there are lists of transactions.
    pub fn reorg(&mut self, dropped: &[Arc<Block>], adopted: Vec<Vec<Transaction>>) -> Vec<Arc<Block>> {
        let Some(first) = dropped.first() else { return Vec::new() };
        self.branch += 1;
        let time = Timestamp::from_ms(first.time.as_ms()).minus(self.spacing);
        let ancestor = Block { chain: CHAIN, number: first.number - 1, hash: first.parent, time, ..Block::default() };
        let mut last = Arc::new(ancestor);
        let mut joined = Vec::new();
        for transactions in adopted {
            last = self.next(&last, transactions);
            joined.push(Arc::clone(&last));
        }
        let reorg = Reorg {
            chain: CHAIN,
            ancestor: quarterdeck_core::chain::BlockRef { chain: CHAIN, number: first.number - 1, hash: first.parent },
            dropped: dropped.iter().map(|block| block.reference()).collect(),
            adopted: joined.iter().cloned().map(Into::into).collect(),
            observed: last.time,
        };
        self.events.push(ChainEvent::Reorg(Arc::new(reorg)));
        self.events.extend(joined.iter().cloned().map(|block| ChainEvent::Block(block.into())));
        self.tip = last;
        joined
    }

    fn next(&mut self, parent: &Arc<Block>, mut transactions: Vec<Transaction>) -> Arc<Block> {
        let number = parent.number + 1;
        let hash = digest(&[b"block", &number.to_be_bytes(), &self.branch.to_be_bytes()]);
        for (index, transaction) in (0_u32..).zip(&mut transactions) {
            transaction.index = index;
            if transaction.hash.is_zero() {
                if transaction.nonce.is_none_or(|nonce| nonce == 0) {
                    let nonce = self.nonces.entry(transaction.from).or_default();
                    transaction.nonce = Some(*nonce);
                    *nonce += 1;
                }
                transaction.hash = digest(&[b"transaction", hash.as_slice(), &index.to_be_bytes()]);
            }
        }
        let (parent_hash, time) = (parent.hash, parent.time.plus(self.spacing));
        Arc::new(Block {
            chain: CHAIN,
            number,
            hash,
            parent: parent_hash,
            time,
            gas_limit: 30_000_000,
            transactions,
            has_receipts: true,
            held: std::mem::take(&mut self.held),
            ..Block::default()
        })
    }
}

/// A plain payment of thousandths of a coin.
pub fn coin(from: Address, to: Address, milli: u64) -> Transaction {
    let value = U256::from(milli) * U256::from(MILLI);
    Transaction { from, to: Some(to), value, gas: Some(21_000), status: Some(true), ..Transaction::default() }
}

/// A call with nothing but a selector.
pub fn call(from: Address, to: Address, selector: [u8; 4]) -> Transaction {
    Transaction { input: selector.to_vec().into(), ..coin(from, to, 0) }
}

/// A token transfer, with its log.
pub fn token(token: Address, from: Address, to: Address, amount: U256) -> Transaction {
    let amount = amount.to_be_bytes::<32>();
    let input = [&[0xa9, 0x05, 0x9c, 0xbb], to.into_word().as_slice(), &amount].concat();
    let topics = vec![TRANSFER, from.into_word(), to.into_word()];
    let logs = vec![Log { address: token, topics, data: amount.to_vec().into() }];
    Transaction { input: input.into(), logs, ..coin(from, token, 0) }
}

/// Somebody has a token issued to somebody, with its log.
pub fn issue(token: Address, by: Address, to: Address, amount: U256) -> Transaction {
    let topics = vec![TRANSFER, B256::ZERO, to.into_word()];
    let logs = vec![Log { address: token, topics, data: amount.to_be_bytes::<32>().to_vec().into() }];
    Transaction { input: calls::input("mint(address,uint256)", &[calls::word(to), amount]), logs, ..coin(by, token, 0) }
}

/// An owner lets a spender take of a token, with its log.
pub fn approval(token: Address, owner: Address, spender: Address, amount: U256) -> Transaction {
    let topics = vec![APPROVAL, owner.into_word(), spender.into_word()];
    let logs = vec![Log { address: token, topics, data: amount.to_be_bytes::<32>().to_vec().into() }];
    let input = calls::input("approve(address,uint256)", &[calls::word(spender), amount]);
    Transaction { input, logs, ..coin(owner, token, 0) }
}

/// A sender has a spender take from an owner to somebody, with its log.
pub fn taking(
    token: Address,
    (by, spender): (Address, Address),
    owner: Address,
    to: Address,
    amount: U256,
) -> Transaction {
    let topics = vec![TRANSFER, owner.into_word(), to.into_word()];
    let logs = vec![Log { address: token, topics, data: amount.to_be_bytes::<32>().to_vec().into() }];
    let words = [owner, to].map(calls::word);
    let input = calls::input("collect(address,address)", &words);
    Transaction { input, logs, ..coin(by, spender, 0) }
}

/// What an issuer told us: it watches its dollar token.
pub fn issuer() -> Knowledge {
    let address = Account::Evm(TOKEN);
    let token = WatchedAddress { chain: CHAIN, address, role: AddressRole::Token, label: "USDX".to_owned() };
    let services = service("dollar", vec![token]).into_iter().collect();
    Knowledge { catalogue: Arc::new(Catalogue::new(services, prices())) }
}

/// What the operator of a rehearsal told us: two wallets and a vault of the service `custody`, ether at $2,000, a dollar token.
pub fn knowledge() -> Knowledge {
    let place = |address, role, label: &str| WatchedAddress {
        chain: CHAIN,
        address: Account::Evm(address),
        role,
        label: label.to_owned(),
    };
    let addresses = vec![
        place(HOT, AddressRole::Wallet, "hot wallet"),
        place(COLD, AddressRole::Wallet, "cold wallet"),
        place(VAULT, AddressRole::Vault, "vault"),
    ];
    let services = service("custody", addresses).into_iter().collect();
    Knowledge { catalogue: Arc::new(Catalogue::new(services, prices())) }
}

/// The prices of [`knowledge`].
pub fn prices() -> Vec<Asset> {
    let asset = |token, symbol: &str, dollars: u64, decimals| {
        let price = Price { micro_usd: dollars * 1_000_000, decimals };
        Asset { chain: CHAIN, token, symbol: symbol.to_owned(), price }
    };
    vec![asset(None, "ETH", 2_000, 18), asset(Some(TOKEN), "USDX", 1, 6)]
}

/// A service with these addresses; none if the name is no name.
pub fn service(name: &str, addresses: Vec<WatchedAddress>) -> Option<Service> {
    Some(Service {
        id: Name::<kind::Service>::new(name).ok()?,
        title: name.to_owned(),
        criticality: Criticality::High,
        users: 1_000,
        revenue_per_hour: Usd::from_dollars(10_000),
        assets: Usd::from_dollars(50_000_000),
        regulated: false,
        depends_on: std::collections::BTreeSet::new(),
        policy: Name::<kind::Policy>::new("default").ok()?,
        addresses,
    })
}

fn digest(parts: &[&[u8]]) -> B256 {
    let half = *Fingerprint::of(parts).bytes();
    let rest = *Id::<kind::Signal>::digest(&[&half]).bytes();
    B256::left_padding_from(&[half, rest].concat())
}
