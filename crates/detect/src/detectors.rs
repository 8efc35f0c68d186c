//! THE LIST of detectors.

pub(crate) mod example;
pub mod flash_loan_profit;
pub mod privileged_change;
pub mod vault_drain;

use quarterdeck_core::detector::DetectorKind;

/// Every detector, in the order of the catalogue. A detector that is not here does not exist: there is no other registration.
pub const DETECTORS: &[&dyn DetectorKind] =
    &[&privileged_change::PrivilegedChange, &flash_loan_profit::FlashLoanProfit, &vault_drain::VaultDrain];

#[cfg(test)]
mod tests;
