//! Learned models: what the recorded thefts have in common, learnt from examples instead of written by hand.
//!
//! Reading order: [`normal`] (one form of a transaction, whatever told us of it), [`features`] (that form as numbers), [`tree`]
//! and [`boosting`] (the learner), [`calibration`] (what a score means), [`judged`] (how good it is), [`model`] (what is kept and
//! how a verdict is told). Nothing in here knows an address, a digest or a list of contracts, and everything follows from the
//! examples and a seed. See docs/adr/0093-a-learner-of-our-own.md. Tests: in each part, and `crates/detect/tests/models.rs`.

mod number;
pub mod normal;
pub mod features;
pub mod tree;
pub mod boosting;
pub mod calibration;
pub mod examples;
pub mod judged;
pub mod model;
