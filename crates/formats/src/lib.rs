//! Foreign bytes into our words, and back. Pure: no I/O, no clock.
//!
//! Each module is one foreign format: what it accepts, its bounds, and an error that names the thing and the value. Nothing
//! here panics, whatever the bytes; `fuzz/` has a target for each.

pub mod bounds;
pub mod evm;
pub mod series;
pub mod severity;
pub mod heard;
pub mod format;
pub mod alertmanager;
pub mod pagerduty;
pub mod webhook;

/// THE LIST of what monitors may post to `/ingest/{format}`. Its order is that of the description.
pub const FORMATS: &[&dyn format::IngestFormat] =
    &[&alertmanager::relay::Relay, &alertmanager::prometheus::Prometheus, &webhook::Webhook];
