//! The words and the rules of incident response, and nothing else.
//!
//! The module list below is the reading order and the dependency order: a module uses those above it, never those below
//! (`cargo xtask tidy` checks). Nothing here reads a clock, a file, a socket or a source of randomness: time and identifiers
//! are arguments. Five pure functions carry the product:
//!
//! | function | from | to |
//! |---|---|---|
//! | `observe` (crate `quarterdeck-detect`) | chain event | signals |
//! | [`incident::Incident::decide`] | command | events |
//! | [`incident::Incident::apply`] | event | state |
//! | [`duty::due`] | state, instant | duties |
//! | [`duty::next_deadline`] | state | instant |
//!
//! Tests: beside each module for arithmetic, `tests/laws.rs` for the laws, `scenarios/` for behaviour.

// A new event or command is to be thought about wherever one is looked at, and a rule gives the same on every machine: so no
// catch-all arm over an enum, and no floating-point arithmetic, which lives in `quarterdeck-detect`. Tests may.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm, clippy::float_arithmetic))]

pub mod limits;
pub mod near;
pub mod id;
pub mod time;
pub mod actor;
pub mod money;
pub mod account;
pub mod chain;
pub mod wallet;
pub mod catalogue;
pub mod resource;
pub mod severity;
pub mod signal;
pub mod detector;
pub mod policy;
pub mod role;
pub mod code_name;
pub mod priority;
pub mod bounds;
pub mod validation;
pub mod setting;
pub mod incident;
pub mod silence;
pub mod journal;
pub mod erasure;
pub mod duty;
pub mod outbox;
pub mod correlate;
pub mod board;
pub mod review;
