//! What the system owes at an instant.
