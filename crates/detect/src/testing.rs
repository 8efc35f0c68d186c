//! What the unit tests of detectors share.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::{
    chain::ChainEvent,
    detector::{Knowledge, Params},
    signal::{Fingerprint, Signal, SignalChange},
};

use crate::detector::{Alone, DetectorKind};

/// A fresh detector with default parameters but for those given.
pub(crate) fn build(kind: &dyn DetectorKind, knowledge: &Knowledge, given: &[(&str, i64)]) -> Alone {
    let given: BTreeMap<String, i64> = given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Alone::new(kind, &Params::resolve(kind.id(), kind.params(), &given).unwrap(), knowledge.clone())
}

/// What a fresh detector with default parameters says to these events.
pub(crate) fn observe(kind: &dyn DetectorKind, knowledge: &Knowledge, events: &[ChainEvent]) -> Vec<SignalChange> {
    let mut detector = build(kind, knowledge, &[]);
    let mut out = Vec::new();
    for event in events {
        detector.observe(event, &mut out);
    }
    out
}

/// The signals raised, in order.
pub(crate) fn raised(changes: &[SignalChange]) -> Vec<Arc<Signal>> {
    let signal = |change: &SignalChange| match change {
        SignalChange::Raised { signal } => Some(Arc::clone(signal)),
        _ => None,
    };
    changes.iter().filter_map(signal).collect()
}

/// The claims ended, in order.
pub(crate) fn ended(changes: &[SignalChange]) -> Vec<Fingerprint> {
    let fingerprint = |change: &SignalChange| match change {
        SignalChange::Ended { fingerprint, .. } => Some(*fingerprint),
        _ => None,
    };
    changes.iter().filter_map(fingerprint).collect()
}
