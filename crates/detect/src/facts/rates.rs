//! What tokens without a known price are worth, by the pools that dealt in them in this very transaction.
//!
//! Which pools those are, and which of them is believed, is in `pools`. Tests: below, and there.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use quarterdeck_core::{catalogue::Catalogue, chain::ChainId};

use super::prices;

/// More of a token than this many times what a pool took is not valued higher: nobody knows what the rest would bring.
const BEYOND_MAX: u64 = 10;

/// A token's price at one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    /// What the pool held before.
    Held {
        /// Raw units of the token.
        token: U256,
        /// The other asset, in cents.
        cents: i128,
    },
    /// What changed hands there.
    Paid {
        /// Raw units of the token.
        token: U256,
        /// The other asset, in cents.
        cents: i128,
    },
}

impl Rate {
    fn value(self, raw: U256) -> i128 {
        let (cents, parts, whole) = match self {
            // Selling moves the price: all of the pool's other side is the most that can ever come out.
            Self::Held { token, cents } => (cents, raw, token.saturating_add(raw)),
            Self::Paid { token, cents } => (cents, raw.min(token.saturating_mul(U256::from(BEYOND_MAX))), token),
        };
        let cents = U256::from(u128::try_from(cents).unwrap_or(0));
        i128::try_from(proportion(cents, parts, whole).saturating_to::<u128>()).unwrap_or(i128::MAX)
    }
    /// How much money stands behind it: the deepest pool is believed.
    const fn depth(self) -> i128 {
        match self {
            Self::Held { cents, .. } => cents,
            Self::Paid { cents, .. } => cents / 2,
        }
    }
}

/// `cents * parts / whole` without overflow: amounts far beyond any supply lose digits, not their size.
fn proportion(cents: U256, parts: U256, whole: U256) -> U256 {
    let spare = 256_usize.saturating_sub(cents.bit_len());
    let shift = parts.bit_len().saturating_sub(spare);
    let (parts, whole) = (parts >> shift, whole >> shift);
    if whole.is_zero() { U256::ZERO } else { cents.saturating_mul(parts) / whole }
}

/// The prices that the pools of a transaction show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    by_token: BTreeMap<Address, Rate>,
}

/// What assets are worth: by the operator's catalogue, else by reference, else by the pools of this transaction.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The operator's prices.
    pub catalogue: &'a Catalogue,
    /// Whose assets these are.
    pub chain: ChainId,
    /// What the transaction's own pools show.
    pub rates: Option<&'a Rates>,
}

impl Values<'_> {
    /// Whether only the pools of this transaction know the price of this asset.
    pub fn estimates(&self, asset: Option<Address>) -> bool {
        self.rates.is_some_and(|rates| rates.knows(asset))
    }
    /// `raw` units of an asset in cents; none where nobody knows.
    pub fn cents(&self, asset: Option<Address>, raw: U256) -> Option<i128> {
        prices::value_in(self.catalogue, self.chain, asset, raw)
            .or_else(|| Some(self.rates?.by_token.get(&asset?)?.value(raw)))
    }
}

impl Rates {
    /// Takes a pool's price for `token`, unless a deeper pool's is known.
    pub(super) fn offer(&mut self, token: Address, rate: Rate) {
        let best = self.by_token.entry(token).or_insert(rate);
        if rate.depth() > best.depth() {
            *best = rate;
        }
    }

    /// Whether the price of this asset is one of those.
    pub fn knows(&self, asset: Option<Address>) -> bool {
        asset.is_some_and(|token| self.by_token.contains_key(&token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_beyond_any_supply_are_no_overflow() {
        assert_eq!(proportion(U256::from(100), U256::MAX, U256::MAX), U256::from(100));
        assert_eq!(proportion(U256::from(100), U256::MAX >> 1, U256::MAX), U256::from(49));
        assert_eq!(proportion(U256::from(7), U256::from(3), U256::ZERO), U256::ZERO);
    }
}
