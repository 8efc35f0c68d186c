//! Where a signal belongs: a new incident, an open one, or none.
