//! A transaction as numbers, with the words in which an analyst would say what each of them shows.
//!
//! A number may say how much, how often and in what order, never who. The list is part of every stored model: whoever changes
//! what a number means changes [`VERSION`], and models of another version are refused. Tests below.

mod feature;
mod calls;
mod moves;

pub use feature::Feature;

use super::normal::Normal;

/// Goes up whenever a number comes to mean something else, or another one is added.
pub const VERSION: u32 = 1;

/// Every feature, in the order of [`Features`].
pub fn all() -> impl Iterator<Item = Feature> {
    calls::CALLS.into_iter().chain(moves::MOVES)
}

/// How many there are.
pub const COUNT: usize = calls::CALLS.len() + moves::MOVES.len();

/// The numbers of one transaction, each finite, in the order of [`all`].
pub type Features = Vec<f64>;

/// Works them out.
pub fn of(form: &Normal) -> Features {
    let mut features = Features::with_capacity(COUNT);
    features.extend(calls::calls(form));
    features.extend(moves::moves(form));
    features
}
