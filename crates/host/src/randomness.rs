//! The only reader of randomness. Everything else is handed a source of identifiers and salts.

use quarterdeck_core::id::IdSource;

/// Randomness of the operating system.
pub struct SystemIds;

impl IdSource for SystemIds {
    /// Without randomness no page could be told from another: there is nothing sensible left to do.
    #[expect(clippy::expect_used, reason = "an operating system without randomness cannot run this program")]
    fn fresh(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("invariant: the operating system has randomness");
        bytes
    }
}
