//! The ledger as its users meet it. One binary, so that the crate links once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test reads its data, says what it left out and stops at a surprise"
)]

mod bundles;
mod laws;
mod tampering;
mod vectors;
mod world;
