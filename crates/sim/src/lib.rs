//! The virtual world: an embedded chain and the stories that run on it.

pub mod chain;
pub mod story;
