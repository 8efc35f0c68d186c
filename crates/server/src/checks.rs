//! Checks that are made outside: what each looks at, and how it is looked. Whether an incident is over because of it is the core's to
//! say. What is asked of others is bounded in time and bytes, follows nobody elsewhere, and shows no address that may hold a secret.
//! Tests: beneath, `tests/it/checks.rs`, `tests/anvil.rs`.

pub mod expression;
pub mod probe;
pub mod ask;
pub mod make;

pub use self::{expression::Expression, probe::Probe};
