//! The only reader of randomness. Everything else is handed a source of identifiers and salts.

use quarterdeck_core::id::IdSource;

/// Randomness of the operating system, asked for each time.
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

/// Bytes drawn at once: 256 identifiers or salts.
const DRAWN: usize = 4_096;

/// Randomness of the operating system, drawn for many at once: in a storm each event wants a salt, and asking for each is a call of
/// the system. What was handed out is not kept.
pub struct DrawnIds {
    drawn: Box<[u8; DRAWN]>,
    /// How many of the bytes were handed out.
    used: usize,
}

impl Default for DrawnIds {
    fn default() -> Self {
        Self { drawn: Box::new([0; DRAWN]), used: DRAWN }
    }
}

impl IdSource for DrawnIds {
    /// As that of [`SystemIds`].
    #[expect(clippy::expect_used, reason = "an operating system without randomness cannot run this program")]
    fn fresh(&mut self) -> [u8; 16] {
        if self.used == DRAWN {
            getrandom::fill(&mut *self.drawn).expect("invariant: the operating system has randomness");
            self.used = 0;
        }
        let mut fresh = [0; 16];
        let drawn = self.drawn.get_mut(self.used..).unwrap_or_default();
        for (to, from) in fresh.iter_mut().zip(drawn) {
            *to = std::mem::take(from);
        }
        self.used += fresh.len();
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn none_is_handed_out_twice_or_kept() {
        let mut ids = DrawnIds::default();
        let fresh: BTreeSet<[u8; 16]> = (0..1_000).map(|_| ids.fresh()).collect();
        assert_eq!(fresh.len(), 1_000);
        assert!(!fresh.contains(&[0; 16]));
        assert!(ids.drawn.iter().take(ids.used).all(|byte| *byte == 0));
        assert!(ids.used < DRAWN, "1,000 do not end where a drawing does");
    }
}
