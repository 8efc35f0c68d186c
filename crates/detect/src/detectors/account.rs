//! Detectors that read the blocks of account chains.

pub mod unusual_size;
pub mod frequency_spike;
pub mod sudden_outflow;
pub mod privileged_change;
pub mod listed_entity;
pub mod wallet_policy;
pub mod approval_phishing;
pub mod flash_loan_profit;
pub mod price_manipulation;
pub mod reentrancy;
pub mod vault_drain;
pub mod unbacked_mint;
pub mod learned_theft;
