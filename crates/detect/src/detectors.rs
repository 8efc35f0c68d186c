//! THE LIST of detectors.

pub mod unusual_size;
pub mod frequency_spike;
pub mod sudden_outflow;
pub mod privileged_change;
pub mod listed_entity;
pub mod reorganization;
pub mod observation_loss;
pub mod flash_loan_profit;
pub mod vault_drain;

use crate::detector::DetectorKind;

/// Every detector, in the order of the catalogue. A detector that is not here does not exist: there is no other registration.
pub const DETECTORS: &[&dyn DetectorKind] = &[
    &unusual_size::UnusualSize,
    &frequency_spike::FrequencySpike,
    &sudden_outflow::SuddenOutflow,
    &privileged_change::PrivilegedChange,
    &listed_entity::ListedEntity,
    &reorganization::Reorganization,
    &observation_loss::ObservationLoss,
    &flash_loan_profit::FlashLoanProfit,
    &vault_drain::VaultDrain,
];
