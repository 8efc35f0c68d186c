//! THE LIST of detectors. Each lies with the family of chains that it reads.

pub mod account;
pub mod any;

use crate::detector::DetectorKind;

/// Every detector, in the order of the catalogue. A detector that is not here does not exist: there is no other registration.
pub const DETECTORS: &[&dyn DetectorKind] = &[
    &account::unusual_size::UnusualSize,
    &account::frequency_spike::FrequencySpike,
    &account::sudden_outflow::SuddenOutflow,
    &account::privileged_change::PrivilegedChange,
    &account::listed_entity::ListedEntity,
    &account::wallet_policy::WalletGuard,
    &account::approval_phishing::ApprovalPhishing,
    &account::learned_theft::LearnedTheft,
    &any::reorganization::Reorganization,
    &any::observation_loss::ObservationLoss,
    &account::flash_loan_profit::FlashLoanProfit,
    &account::price_manipulation::PriceManipulation,
    &account::reentrancy::Reentrancy,
    &account::vault_drain::VaultDrain,
    &account::unbacked_mint::UnbackedMint,
];
