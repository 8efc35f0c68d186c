//! Identifiers, names, instants, vectors: what parses prints to something that parses to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_core::{
    id::{IncidentId, PageId, ServiceId, SignalId},
    incident::Severity,
    journal::Stream,
    priority::Vector,
    time::Timestamp,
};
use quarterdeck_fuzz::same;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    same::<IncidentId>(text);
    same::<SignalId>(text);
    same::<PageId>(text);
    same::<ServiceId>(text);
    same::<Stream>(text);
    same::<Severity>(text);
    same::<Timestamp>(text);
    same::<Vector>(text);
});
