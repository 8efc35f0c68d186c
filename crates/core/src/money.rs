//! Money: whole US cents and prices, integers only.

use std::{fmt, iter::Sum, ops::Add};

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

/// An amount of US dollars in whole cents. Sums saturate: an absurd amount stays absurd and never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(u64);

impl Usd {
    /// No money at all.
    pub const ZERO: Self = Self(0);
    /// From whole cents.
    pub const fn from_cents(cents: u64) -> Self {
        Self(cents)
    }
    /// From whole dollars.
    pub const fn from_dollars(dollars: u64) -> Self {
        Self(dollars.saturating_mul(100))
    }
    /// Whole cents.
    pub const fn cents(self) -> u64 {
        self.0
    }
    /// Whole dollars, rounded down.
    pub const fn dollars(self) -> u64 {
        self.0 / 100
    }
    /// What is left after taking `other` away, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    /// As people read it: `$950`, `$12,400`, `$2.5 M`, `$1.3 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars();
        let text = match dollars {
            0..1_000 => format!("${dollars}"),
            1_000..1_000_000 => format!("${},{:03}", dollars / 1_000, dollars % 1_000),
            1_000_000..1_000_000_000 => format!("${}.{} M", dollars / 1_000_000, (dollars % 1_000_000) / 100_000),
            _ => format!("${}.{} B", dollars / 1_000_000_000, (dollars % 1_000_000_000) / 100_000_000),
        };
        f.pad(&text)
    }
}

/// What one whole unit of an asset is worth, and how many decimals its raw integer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Price {
    /// Millionths of a dollar per whole unit.
    pub micro_usd: u64,
    /// Decimals of the raw integer: 18 for ether, 6 for USDC. At most 36.
    pub decimals: u8,
}

impl Price {
    /// The value of `raw` units, rounded down to the cent; saturates at the largest amount.
    pub fn value(self, raw: U256) -> Usd {
        let scale = U256::from(10).pow(U256::from(self.decimals.min(36)));
        let whole = raw / scale;
        let rest = raw % scale;
        let micro = U256::from(self.micro_usd);
        let cents_of_whole = whole.saturating_mul(micro) / U256::from(10_000);
        let cents_of_rest = rest.saturating_mul(micro) / scale / U256::from(10_000);
        let cents = cents_of_whole.saturating_add(cents_of_rest);
        Usd(u64::try_from(cents).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_of_raw_units() {
        let ether = Price { micro_usd: 2_000_000_000, decimals: 18 };
        assert_eq!(ether.value(U256::from(1_500_000_000_000_000_000_u64)), Usd::from_dollars(3_000));
        assert_eq!(ether.value(U256::MAX), Usd::from_cents(u64::MAX));
    }

    #[test]
    fn dollars_read_well() {
        let texts: Vec<String> =
            [950, 12_400, 2_560_000, 1_300_000_000].map(|d| Usd::from_dollars(d).to_string()).into();
        assert_eq!(texts, ["$950", "$12,400", "$2.5 M", "$1.3 B"]);
    }
}
