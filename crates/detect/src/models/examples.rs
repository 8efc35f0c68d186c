//! What is learnt from and judged on: transactions as numbers, each with what it was.

use quarterdeck_core::chain::B256;

use super::features::Features;

/// One transaction of which it is known what it was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    /// How a report names it: an incident's name, else a number.
    pub name: String,
    /// Whether something was stolen.
    pub theft: bool,
    /// Days since 1970 on which it happened.
    pub day: i64,
    /// Examples that are no independent evidence have the same: thefts of one incident or attacker, transactions of one block.
    pub group: u64,
    /// What people say was the cause; empty where nobody did.
    pub class: String,
    /// Whether the rules tell it aloud.
    pub ruled: bool,
    /// Its numbers.
    pub features: Features,
}

/// A digest of everything that a model learns from, whatever the order of the files: labels, days, groups and numbers.
pub fn digest(examples: &[Example]) -> B256 {
    let mut lines: Vec<Vec<u8>> = examples
        .iter()
        .map(|example| {
            let mut line = vec![u8::from(example.theft)];
            line.extend(example.day.to_be_bytes());
            line.extend(example.group.to_be_bytes());
            example.features.iter().for_each(|value| line.extend(value.to_bits().to_be_bytes()));
            line
        })
        .collect();
    lines.sort_unstable();
    alloy_primitives::keccak256(lines.concat())
}

/// The seed that belongs to these examples and the number given: other examples give other lots.
pub fn seed(examples: &[Example], given: u64) -> u64 {
    let digest = digest(examples);
    let first = digest.iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    first ^ given
}
