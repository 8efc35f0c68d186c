//! A log that nobody can quietly change: a Merkle tree of salted leaves, its signed checkpoints, and their verification.
//!
//! Pure and small, so that an auditor can read all of it and build it alone: no I/O, no clock, no randomness, three
//! dependencies. The formats are those of RFC 6962 / RFC 9162 (tree and proofs) and of C2SP (signed notes, checkpoints,
//! tiles), so that programs we did not write can check our logs; the README of this crate lists every byte.
//!
//! The module list below is the reading order and the dependency order: a module uses those above it.
//!
//! | to | use |
//! |---|---|
//! | write a leaf | [`leaf::Entry::seal`], [`tree::Frontier::append`] |
//! | sign a head | [`checkpoint::sign_checkpoint`] |
//! | write a log folder | [`folder::files_for`] |
//! | prove to an outsider | [`bundle::Bundle`] |
//! | check a log folder | [`verify::verify_folder`] |
//!
//! Tests: beside each module; laws in `tests/it/laws.rs`; vectors that others wrote in `tests/it/vectors.rs`; a flipped bit at
//! every place of a folder in `tests/it/tampering.rs`.

pub mod hash;

pub mod leaf;

pub mod tree;

pub mod proof;

pub mod note;

pub mod checkpoint;

pub mod tiles;

pub mod folder;

pub mod bundle;

pub mod verify;
