//! THE LIST of detectors.

use quarterdeck_core::detector::DetectorKind;

/// Every detector, in the order of the catalogue. A detector that is not here does not exist: there is no other registration.
pub const DETECTORS: &[&dyn DetectorKind] = &[];
