//! Accounts, code and storage of the embedded chain, with an undo record per block.
//!
//! Ordered maps throughout, so that nothing can depend on the order of a hash table. A record holds what a block overwrote;
//! undoing records from the newest restores any of the last blocks exactly. Tests: `chain/tests.rs`.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
};

use alloy_primitives::{Address, B256, U256};
use revm::{
    Database,
    primitives::{AddressMap, KECCAK_EMPTY, StorageKey, StorageValue},
    state::{Account as Change, AccountInfo, Bytecode},
};
use sha2::{Digest, Sha256};

/// Blocks that can be reorganized away. Deeper, a chain is not one that anyone should follow (`FORK_WALK_BLOCKS_MAX` is
/// what our sources walk); it bounds the undo records.
pub const REORG_BLOCKS_MAX: usize = 64;
/// How far back the EVM's BLOCKHASH sees.
const HASHES_MAX: usize = 256;

/// An account without its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) nonce: u64,
    pub(super) balance: U256,
    pub(super) code: B256,
}

/// What one block overwrote: the value before, none where there was no account.
#[derive(Debug, Default)]
struct Undo {
    accounts: BTreeMap<Address, Option<Account>>,
    storage: BTreeMap<(Address, U256), U256>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    accounts: BTreeMap<Address, Account>,
    /// Words that are not zero.
    storage: BTreeMap<(Address, U256), U256>,
    /// By hash. Only ever added to: code that no account has any more harms nobody.
    codes: BTreeMap<B256, Bytecode>,
    hashes: BTreeMap<u64, B256>,
    /// Of the last blocks, oldest first; the newest is the block being executed.
    undo: VecDeque<Undo>,
}

impl State {
    pub(super) fn account(&self, address: Address) -> Account {
        let nobody = Account { nonce: 0, balance: U256::ZERO, code: KECCAK_EMPTY };
        self.accounts.get(&address).copied().unwrap_or(nobody)
    }

    /// Begins the record of another block and forgets the oldest beyond the bound.
    pub(super) fn begin_block(&mut self) {
        self.undo.push_back(Undo::default());
        if self.undo.len() > REORG_BLOCKS_MAX {
            self.undo.pop_front();
        }
    }

    /// Notes the hash that the block just executed was given.
    pub(super) fn end_block(&mut self, number: u64, hash: B256) {
        self.hashes.insert(number, hash);
        if self.hashes.len() > HASHES_MAX + REORG_BLOCKS_MAX {
            self.hashes.pop_first();
        }
    }

    /// Undoes the newest block. False where no record of it is left.
    pub(super) fn undo_block(&mut self, number: u64) -> bool {
        let Some(undo) = self.undo.pop_back() else { return false };
        for (address, before) in undo.accounts {
            match before {
                Some(account) => self.accounts.insert(address, account),
                None => self.accounts.remove(&address),
            };
        }
        for (slot, before) in undo.storage {
            put(&mut self.storage, slot, before);
        }
        self.hashes.remove(&number);
        true
    }

    /// How many blocks can be undone.
    pub(super) fn undoable(&self) -> usize {
        self.undo.len()
    }

    /// Forgets all records but the newest `blocks`: what is older is final.
    pub(super) fn keep_undo(&mut self, blocks: usize) {
        while self.undo.len() > blocks {
            self.undo.pop_front();
        }
    }

    /// SHA-256 over all accounts and storage in order: two equal states, and only those, have it in common.
    pub(super) fn digest(&self) -> B256 {
        let mut hash = Sha256::new();
        for (address, account) in &self.accounts {
            hash.update(address);
            hash.update(account.nonce.to_be_bytes());
            hash.update(account.balance.to_be_bytes::<32>());
            hash.update(account.code);
        }
        for ((address, slot), value) in &self.storage {
            hash.update(address);
            hash.update(slot.to_be_bytes::<32>());
            hash.update(value.to_be_bytes::<32>());
        }
        B256::from(<[u8; 32]>::from(hash.finalize()))
    }

    pub(super) fn set_account(&mut self, address: Address, account: Account) {
        let before = self.accounts.insert(address, account);
        self.note_account(address, before);
    }

    fn remove_account(&mut self, address: Address) {
        let before = self.accounts.remove(&address);
        self.note_account(address, before);
        let slots: Vec<U256> =
            self.storage.range((address, U256::ZERO)..=(address, U256::MAX)).map(|((_, slot), _)| *slot).collect();
        for slot in slots {
            self.set_storage(address, slot, U256::ZERO);
        }
    }

    fn set_storage(&mut self, address: Address, slot: U256, value: U256) {
        let before = put(&mut self.storage, (address, slot), value);
        if let Some(undo) = self.undo.back_mut() {
            undo.storage.entry((address, slot)).or_insert(before);
        }
    }

    fn note_account(&mut self, address: Address, before: Option<Account>) {
        if let Some(undo) = self.undo.back_mut() {
            undo.accounts.entry(address).or_insert(before);
        }
    }

    /// Takes up what a transaction changed.
    #[expect(clippy::iter_over_hash_type, reason = "each account and slot is written once, into ordered maps")]
    pub(super) fn commit(&mut self, changes: AddressMap<Change>) {
        for (address, change) in changes {
            self.take_up(address, change);
        }
    }

    #[expect(clippy::iter_over_hash_type, reason = "each slot is written once, into an ordered map")]
    fn take_up(&mut self, address: Address, change: Change) {
        if !change.is_touched() {
            return;
        }
        if change.is_selfdestructed() || change.is_empty() {
            self.remove_account(address);
            return;
        }
        if let Some(code) = change.info.code.filter(|code| !code.is_empty()) {
            self.codes.entry(change.info.code_hash).or_insert(code);
        }
        let AccountInfo { nonce, balance, code_hash, .. } = change.info;
        self.set_account(address, Account { nonce, balance, code: code_hash });
        for (slot, value) in change.storage {
            if value.is_changed() {
                self.set_storage(address, slot, value.present_value());
            }
        }
    }
}

/// Writes a word, where zero means none, and returns the word before.
fn put(storage: &mut BTreeMap<(Address, U256), U256>, slot: (Address, U256), value: U256) -> U256 {
    let before = if value.is_zero() { storage.remove(&slot) } else { storage.insert(slot, value) };
    before.unwrap_or(U256::ZERO)
}

/// Reading needs no more than a look, so a transaction is executed over a shared reference and its changes are taken up
/// afterwards, or never.
impl Database for &State {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.codes.get(&hash).cloned().unwrap_or_default())
    }

    fn storage(&mut self, address: Address, slot: StorageKey) -> Result<StorageValue, Infallible> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or(U256::ZERO))
    }

    /// Zero for blocks that this chain does not have, as the EVM says.
    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(self.hashes.get(&number).copied().unwrap_or(B256::ZERO))
    }
}
