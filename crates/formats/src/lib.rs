//! Foreign bytes into our words, and back. Pure: no I/O, no clock.
//!
//! Each module is one foreign format: what it accepts, its bounds, and an error that names the thing and the value. Nothing
//! here panics, whatever the bytes; `fuzz/` has a target for each.

pub mod bounds;
pub mod evm;
pub mod heard;
pub mod alertmanager;
pub mod pagerduty;
pub mod webhook;
