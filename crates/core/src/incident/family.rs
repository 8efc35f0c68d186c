//! What every family of events has in common, whichever facet it belongs to. Tests: in `event` and in `tests/laws.rs`.

use crate::signal::ERASED;

/// What every family of events can do.
pub trait Family: Sized {
    /// The types of its events, `opened.v1`.
    const KINDS: &[&str];
    /// The type of this event.
    fn kind(&self) -> &'static str;
    /// The event without what was written by or about a person: the rules read it to the same end. Identifiers, instants,
    /// severities, facts and the policy stay. What was said already once is not said again: redacting twice changes nothing.
    #[must_use]
    fn redacted(&self) -> Self;
}

/// What is put in the place of a text.
pub(crate) fn erased() -> String {
    ERASED.to_owned()
}
