//! The shell: everything that touches the world. Rules live in `quarterdeck-core`, ways of finding in `quarterdeck-detect`.
//!
//! Reading order: files that somebody names, connections, who is asking, what is stored, the one write path, the loops that carry
//! duties out, then the doors in and out, and last the one file that joins them.

pub mod regular;
pub mod doors;
pub mod auth;
pub mod sessions;
pub mod guesses;
pub mod chats;
pub mod checks;
pub mod config;
pub mod in_force;
pub mod log_key;
pub mod log_files;
pub mod log_tree;
pub mod engine;
pub mod history;
pub mod room;
pub mod reaching;
pub mod copies;
pub mod writing;
pub mod loops;
pub mod published_head;
pub mod backup;
pub mod reload;
pub mod http;
pub mod console;
pub mod mirror;
pub mod run_error;
pub mod app;
