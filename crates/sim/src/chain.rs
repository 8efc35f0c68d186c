//! The embedded chain: a deterministic EVM in this process, on which demo and drills run real contracts.
//!
//! It executes with revm (Cancun rules), keeps EIP-1559 base fees and parent links, and hands out core [`Block`]s with
//! receipts and full call traces, as a node would. The same seed and the same calls give the same bytes: no clock, no
//! randomness, no hash-table order. What is not there, because nothing of ours reads it: signatures (a transaction names
//! its sender), a state root, blobs, withdrawals, the beacon chain's system calls. [`seal`] says what the hashes cover.
//!
//! It must never refuse in silence: a transaction that the EVM will not execute is listed by [`EmbeddedChain::take_refused`].
//! Tests: `chain/tests.rs`.

pub mod abi;
pub mod contracts;
pub mod seal;
mod state;
#[cfg(test)]
mod tests;
mod trace;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use quarterdeck_core::{
    chain::{AnyBlock, Block, BlockRef, ChainId, ChainNumber, Log, Reorg, Transaction},
    time::Timestamp,
};
use revm::{
    Context, ExecuteEvm, InspectEvm, MainBuilder, MainContext,
    context::{BlockEnv, TxEnv, result::ExecutionResult},
    context_interface::result::ResultAndState,
    primitives::{KECCAK_EMPTY, TxKind, hardfork::SpecId},
};

pub use state::REORG_BLOCKS_MAX;
use state::{Account, State};
use trace::Tracer;

/// The chain number of the embedded chain where nobody chose another: unassigned, and the port of the console.
pub const CHAIN: ChainNumber = 7117;
/// Between blocks, as on Ethereum.
pub const BLOCK_TIME: Duration = Duration::from_secs(12);
/// Gas of a block: ordinary traffic fills about half, so that the base fee stays of a size.
pub const BLOCK_GAS: u64 = 4_000_000;
/// Transactions waiting: the set-up of the largest world needs about a thousand.
pub const PENDING_MAX: usize = 16_384;
/// What a validator gets per gas, in wei.
const TIP: u128 = 100_000_000;
/// The base fee of the first block, in wei.
pub const BASE_FEE: u64 = 1_000_000_000;
/// How far the base fee may rise before a waiting transaction is refused: sixteen full blocks.
const FEE_HEADROOM: u128 = 7;
/// Validators who take turns.
const VALIDATORS: u64 = 16;
/// Transaction type of EIP-1559.
const DYNAMIC_FEE: u8 = 2;

/// A transaction as a wallet asks for it: nonce and fees are the chain's to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// The account that sends it, and pays.
    pub from: Address,
    /// Receiver; none for a contract creation.
    pub to: Option<Address>,
    /// Wei sent.
    pub value: U256,
    /// Call data, or init code.
    pub input: Bytes,
    /// Gas limit.
    pub gas: u64,
}

/// A transaction that waits, or waited, to be mined.
#[derive(Debug, Clone)]
struct Sent {
    hash: B256,
    nonce: u64,
    fee_max: u128,
    draft: Draft,
}

/// A transaction that the EVM would not execute: it is in no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its hash.
    pub hash: B256,
    /// Why, in the EVM's words.
    pub reason: String,
}

/// Why the chain could not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The queue is full.
    #[error("submit a transaction: {PENDING_MAX} are waiting already")]
    Full,
    /// No block can hold it.
    #[error("submit a transaction with gas limit {gas}: a block has {BLOCK_GAS}")]
    TooMuchGas {
        /// What it asked for.
        gas: u64,
    },
    /// A view that failed.
    #[error("call {to}: reverted with {output}")]
    Reverted {
        /// The contract.
        to: Address,
        /// What it returned.
        output: Bytes,
    },
    /// A reorganization that goes nowhere or too deep.
    #[error("reorganize {depth} blocks: want 1 to {possible}")]
    Depth {
        /// What was asked.
        depth: usize,
        /// How many blocks are not final and remembered.
        possible: usize,
    },
    /// A replacement for what is not there, or from somebody else.
    #[error("replace transaction {hash}: the blocks left have none of that hash and sender")]
    NoSuchTransaction {
        /// What was asked.
        hash: B256,
    },
}

/// A block and the transactions as they were sent, so that another branch can have them too.
#[derive(Debug)]
struct Mined {
    block: Arc<Block>,
    sent: Vec<Sent>,
}

/// A deterministic chain in this process.
#[derive(Debug)]
pub struct EmbeddedChain {
    chain: ChainNumber,
    seed: u64,
    state: State,
    genesis: Arc<Block>,
    /// The last block that cannot be left (first) and those that can, oldest first.
    recent: VecDeque<Mined>,
    pending: VecDeque<Sent>,
    refused: Vec<Refused>,
    /// Reorganizations so far. Another validator has the turn on each branch, so that branches differ even where their
    /// transactions do not.
    branch: u64,
}

/// The address of the account that `seed` gives to the `index`-th of `role`.
pub fn account(seed: u64, role: &str, index: u64) -> Address {
    let hash = keccak256([&seed.to_be_bytes(), role.as_bytes(), &index.to_be_bytes()].concat());
    Address::from_word(hash)
}

impl EmbeddedChain {
    /// A chain with its genesis block at `genesis`, in which `coins` gives each account its wei.
    pub fn new(seed: u64, genesis: Timestamp, chain: ChainNumber, coins: &BTreeMap<Address, U256>) -> Self {
        let mut state = State::default();
        for (address, balance) in coins {
            state.set_account(*address, Account { nonce: 0, balance: *balance, code: KECCAK_EMPTY });
        }
        let mut block = Block {
            chain: ChainId::evm(chain),
            time: whole_second(genesis),
            miner: account(seed, "validator", 0),
            base_fee: Some(BASE_FEE),
            gas_limit: BLOCK_GAS,
            has_receipts: true,
            has_traces: true,
            ..Block::default()
        };
        block.hash = seal::block_hash(&block);
        state.end_block(0, block.hash);
        let genesis = Arc::new(block);
        let recent = VecDeque::from([Mined { block: Arc::clone(&genesis), sent: Vec::new() }]);
        Self { chain, seed, state, genesis, recent, pending: VecDeque::new(), refused: Vec::new(), branch: 0 }
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<Block> {
        self.recent.back().map_or(&self.genesis, |mined| &mined.block)
    }

    /// A block that is not final yet, or the newest that is.
    pub fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.recent.iter().map(|mined| &mined.block).find(|block| block.number == number)
    }

    /// Wei of an account, as of the head.
    pub fn balance(&self, address: Address) -> U256 {
        self.state.account(address).balance
    }

    /// The nonce that the account's next submitted transaction will have.
    pub fn next_nonce(&self, address: Address) -> u64 {
        let waiting = self.pending.iter().rev().find(|sent| sent.draft.from == address);
        waiting.map_or(self.state.account(address).nonce, |sent| sent.nonce + 1)
    }

    /// Whether a contract stands at `address`, as of the head.
    pub fn has_code(&self, address: Address) -> bool {
        self.state.account(address).code != KECCAK_EMPTY
    }

    /// SHA-256 over all accounts and storage: what two equal states have in common.
    pub fn state_digest(&self) -> B256 {
        self.state.digest()
    }

    /// Transactions waiting for a block.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What the EVM would not execute since this was last asked.
    pub fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Queues a transaction for the next block and gives its hash.
    pub fn submit(&mut self, draft: Draft) -> Result<B256, ChainError> {
        if self.pending.len() >= PENDING_MAX {
            return Err(ChainError::Full);
        }
        if draft.gas > BLOCK_GAS {
            return Err(ChainError::TooMuchGas { gas: draft.gas });
        }
        let nonce = self.next_nonce(draft.from);
        let fee_max = u128::from(self.next_base_fee()) * FEE_HEADROOM + TIP;
        let sent = self.seal(draft, nonce, fee_max);
        let hash = sent.hash;
        self.pending.push_back(sent);
        Ok(hash)
    }

    /// What a read-only call returns at the head. It changes nothing.
    pub fn call(&self, to: Address, input: Bytes) -> Result<Bytes, ChainError> {
        let context = Context::mainnet().with_db(&self.state).modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
            cfg.chain_id = self.chain;
            cfg.disable_nonce_check = true;
        });
        let head = self.head();
        let block = BlockEnv { number: U256::from(head.number), timestamp: seconds(head.time), ..BlockEnv::default() };
        let call = TxEnv {
            kind: TxKind::Call(to),
            data: input,
            gas_limit: BLOCK_GAS,
            chain_id: Some(self.chain),
            ..TxEnv::default()
        };
        let failed = |output| ChainError::Reverted { to, output };
        match context.with_block(block).build_mainnet().transact(call) {
            Ok(ResultAndState { result: ExecutionResult::Success { output, .. }, .. }) => Ok(output.into_data()),
            Ok(ResultAndState { result: ExecutionResult::Revert { output, .. }, .. }) => Err(failed(output)),
            Ok(ResultAndState { result: ExecutionResult::Halt { .. }, .. }) | Err(_) => Err(failed(Bytes::new())),
        }
    }

    /// Mines what waits, in order and as far as the gas of a block goes. The header's time is `at` to the second, and later
    /// than the parent's whatever `at` says.
    pub fn mine(&mut self, at: Timestamp) -> Arc<Block> {
        let queue = std::mem::take(&mut self.pending);
        self.build(at, queue)
    }

    /// Leaves the last `depth` blocks for another branch: the same blocks at the same times, in which each transaction of
    /// `replace` is another of the same sender and nonce, and one more block with what waits, which is why nodes follow it.
    pub fn reorg(
        &mut self,
        depth: usize,
        replace: &BTreeMap<B256, Draft>,
        observed: Timestamp,
    ) -> Result<Reorg, ChainError> {
        let possible = self.state.undoable().min(self.recent.len().saturating_sub(1));
        if depth == 0 || depth > possible {
            return Err(ChainError::Depth { depth, possible });
        }
        let left = self.recent.len() - depth;
        for (hash, draft) in replace {
            let mut sent = self.recent.iter().skip(left).flat_map(|mined| &mined.sent);
            if !sent.any(|sent| sent.hash == *hash && sent.draft.from == draft.from) {
                return Err(ChainError::NoSuchTransaction { hash: *hash });
            }
        }
        let dropped: Vec<Mined> = self.recent.drain(left..).collect();
        for mined in dropped.iter().rev() {
            self.state.undo_block(mined.block.number);
        }
        let ancestor = self.head().reference();
        self.branch += 1;
        let waiting = std::mem::take(&mut self.pending);
        let mut adopted = Vec::with_capacity(depth + 1);
        for mined in &dropped {
            let mut queue = std::mem::take(&mut self.pending);
            queue.extend(mined.sent.iter().map(|sent| match replace.get(&sent.hash) {
                Some(draft) => self.seal(draft.clone(), sent.nonce, sent.fee_max),
                None => sent.clone(),
            }));
            adopted.push(self.build(mined.block.time, queue));
        }
        let mut queue = std::mem::take(&mut self.pending);
        queue.extend(waiting);
        adopted.push(self.build(observed, queue));
        let dropped = dropped.iter().map(|mined| mined.block.reference()).collect();
        let adopted = adopted.into_iter().map(AnyBlock::from).collect();
        Ok(Reorg { chain: ChainId::evm(self.chain), ancestor, dropped, adopted, observed })
    }

    /// Makes everything up to `number` final: it can no longer be left. None where that block is not known any more, or yet.
    pub fn finalized(&mut self, number: u64) -> Option<BlockRef> {
        let place = self.recent.iter().position(|mined| mined.block.number == number)?;
        self.recent.drain(..place);
        self.state.keep_undo(self.recent.len().saturating_sub(1));
        self.recent.front().map(|mined| mined.block.reference())
    }

    fn next_base_fee(&self) -> u64 {
        let head = self.head();
        seal::next_base_fee(head.base_fee.unwrap_or(BASE_FEE), head.gas_used, head.gas_limit)
    }

    fn seal(&self, draft: Draft, nonce: u64, fee_max: u128) -> Sent {
        let Draft { from, to, value, ref input, gas } = draft;
        let hash =
            seal::transaction_hash(seal::Sealed { chain: self.chain, nonce, from, to, value, input, gas, fee_max });
        Sent { hash, nonce, fee_max, draft }
    }

    /// Executes `queue` on the head; what does not fit waits, before all else, for the next block.
    fn build(&mut self, at: Timestamp, mut queue: VecDeque<Sent>) -> Arc<Block> {
        let parent = Arc::clone(self.head());
        let number = parent.number + 1;
        let mut block = Block {
            chain: ChainId::evm(self.chain),
            number,
            parent: parent.hash,
            time: whole_second(at).max(parent.time.plus(Duration::from_secs(1))),
            miner: account(self.seed, "validator", (number + self.branch) % VALIDATORS),
            base_fee: Some(self.next_base_fee()),
            gas_limit: BLOCK_GAS,
            has_receipts: true,
            has_traces: true,
            ..Block::default()
        };
        self.state.begin_block();
        let mut tracer = Tracer::default();
        let mut mined = Vec::with_capacity(queue.len());
        while let Some(sent) = queue.pop_front() {
            if block.gas_used + sent.draft.gas > block.gas_limit {
                queue.push_front(sent);
                break;
            }
            match self.execute(&sent, &block, &mut tracer) {
                Ok((transaction, gas_used)) => {
                    block.gas_used += gas_used;
                    block.transactions.push(transaction);
                    mined.push(sent);
                }
                Err(reason) => self.refused.push(Refused { hash: sent.hash, reason }),
            }
        }
        queue.append(&mut self.pending);
        self.pending = queue;
        block.hash = seal::block_hash(&block);
        self.state.end_block(number, block.hash);
        let block = Arc::new(block);
        self.recent.push_back(Mined { block: Arc::clone(&block), sent: mined });
        if self.recent.len() > REORG_BLOCKS_MAX + 1 {
            self.recent.pop_front();
        }
        block
    }

    /// Executes one transaction and takes its changes up; gives it with its receipt and trace, and the gas it used.
    fn execute(&mut self, sent: &Sent, block: &Block, tracer: &mut Tracer) -> Result<(Transaction, u64), String> {
        let context = Context::mainnet().with_db(&self.state).modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
            cfg.chain_id = self.chain;
        });
        let env = BlockEnv {
            number: U256::from(block.number),
            beneficiary: block.miner,
            timestamp: seconds(block.time),
            gas_limit: block.gas_limit,
            basefee: block.base_fee.unwrap_or(0),
            prevrandao: Some(keccak256([block.parent.as_slice(), block.miner.as_slice()].concat())),
            ..BlockEnv::default()
        };
        let Draft { from, to, value, ref input, gas } = sent.draft;
        let tx = TxEnv {
            tx_type: DYNAMIC_FEE,
            caller: from,
            gas_limit: gas,
            gas_price: sent.fee_max,
            gas_priority_fee: Some(TIP),
            kind: to.map_or(TxKind::Create, TxKind::Call),
            value,
            data: input.clone(),
            nonce: sent.nonce,
            chain_id: Some(self.chain),
            ..TxEnv::default()
        };
        let outcome = context.with_block(env).build_mainnet_with_inspector(&mut *tracer).inspect_tx(tx);
        let calls = tracer.take();
        let ResultAndState { result, state } = outcome.map_err(|error| error.to_string())?;
        self.state.commit(state);
        let gas_used = result.tx_gas_used();
        let status = Some(result.is_success());
        let logs = if result.is_success() { result.into_logs() } else { Vec::new() };
        let transaction = Transaction {
            hash: sent.hash,
            index: u32::try_from(block.transactions.len()).unwrap_or(u32::MAX),
            from,
            to,
            value,
            nonce: Some(sent.nonce),
            input: input.clone(),
            gas: Some(gas),
            gas_price: Some(sent.fee_max),
            status,
            logs: logs
                .into_iter()
                .map(|log| Log { address: log.address, topics: log.topics().to_vec(), data: log.data.data })
                .collect(),
            calls,
            ..Transaction::default()
        };
        Ok((transaction, gas_used))
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_ms(at.as_ms().div_euclid(1_000).saturating_mul(1_000))
}

fn seconds(time: Timestamp) -> U256 {
    U256::from(u64::try_from(time.as_ms() / 1_000).unwrap_or(0))
}
