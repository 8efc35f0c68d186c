//! What of a block was there and could not be read.
//!
//! One thing that cannot be read costs itself, never the block: the rest is judged, and this is named, so that it becomes a signal
//! (the detector `observation_loss`). See docs/adr/0054-what-cannot-be-read-costs-itself-alone.md. Tests: below.

use crate::limits::UNREAD_PARTS_MAX;

/// What a thing that could not be read is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The block's own header.
    Header,
    /// A transaction as the block has it.
    Transaction,
    /// A transaction's receipt.
    Receipt,
    /// One log of a receipt.
    Log,
    /// All calls of a transaction.
    Trace,
    /// One call of a trace.
    Call,
}

impl Part {
    /// As people call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Transaction => "transaction",
            Self::Receipt => "receipt",
            Self::Log => "log",
            Self::Trace => "trace",
            Self::Call => "call",
        }
    }
}

/// One thing that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What it is a part of.
    pub part: Part,
    /// Place in the block of the transaction it belongs to; none where it belongs to none that we know.
    pub transaction: Option<u32>,
    /// The field, as the source calls it.
    pub field: &'static str,
    /// What is wrong with it, with the value, shortened.
    pub why: String,
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { part, transaction, why, .. } = self;
        match transaction {
            Some(place) if *part == Part::Transaction => write!(f, "transaction {place}: {why}"),
            Some(place) => write!(f, "{} of transaction {place}: {why}", part.word()),
            None => write!(f, "{}: {why}", part.word()),
        }
    }
}

/// Everything of a block that could not be read: the first [`UNREAD_PARTS_MAX`] by name, the others by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnreadParts {
    named: Vec<Unread>,
    more: u64,
}

impl UnreadParts {
    /// Adds one.
    pub fn add(&mut self, unread: Unread) {
        if self.named.len() < UNREAD_PARTS_MAX {
            self.named.push(unread);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
    /// Adds all of another list.
    pub fn extend(&mut self, others: Self) {
        others.named.into_iter().for_each(|unread| self.add(unread));
        self.more = self.more.saturating_add(others.more);
    }
    /// Takes out what was read after all. Those that are only counted stay counted.
    pub fn forget(&mut self, known: impl Fn(&Unread) -> bool) {
        self.named.retain(|unread| !known(unread));
    }
    /// Those with a name, in the order in which they were found.
    pub fn named(&self) -> &[Unread] {
        &self.named
    }
    /// How many there are, those without a name too.
    pub fn count(&self) -> u64 {
        u64::try_from(self.named.len()).unwrap_or(u64::MAX).saturating_add(self.more)
    }
    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.named.is_empty() && self.more == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(transaction: u32) -> Unread {
        Unread {
            part: Part::Log,
            transaction: Some(transaction),
            field: "topics",
            why: "field `topics` is missing".into(),
        }
    }

    #[test]
    fn the_first_are_named_and_all_are_counted() {
        let mut parts = UnreadParts::default();
        assert!(parts.is_empty());
        (0..100).for_each(|place| parts.add(unread(place)));
        assert_eq!((parts.named().len(), parts.count()), (UNREAD_PARTS_MAX, 100));
        parts.extend(parts.clone());
        assert_eq!(parts.count(), 200);
        parts.forget(|one| one.transaction == Some(0));
        assert_eq!(
            (parts.count(), parts.named()[0].to_string().as_str()),
            (199, "log of transaction 1: field `topics` is missing")
        );
    }
}
