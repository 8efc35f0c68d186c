//! The whole program over HTTP, as its users meet it: real sockets, a real store, a real receiver of pages. Each test starts its
//! own. What is compared at the end of every one of them is in `harness.rs`.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod altered;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod damage;
mod declare;
#[cfg(test)]
mod asked_in;
#[cfg(test)]
mod description;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod erased_log;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod guarded;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod heartbeat;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod login;
#[cfg(test)]
mod one_writer;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod need;
#[cfg(test)]
mod noise;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[expect(dead_code, reason = "the store's own tests use more of it")]
#[path = "../../../store/tests/support/postgres.rs"]
#[cfg(test)]
mod postgres_server;
#[cfg(test)]
mod reaching;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod room;
#[cfg(test)]
#[expect(dead_code, reason = "the follower's own tests use more of it")]
#[path = "../../../sources/src/evm/testing.rs"]
#[cfg(test)]
mod scripted_node;
#[cfg(test)]
#[path = "../../../reach/tests/synapse/mod.rs"]
#[cfg(test)]
mod synapse;
#[cfg(test)]
mod sight;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod silences;
#[cfg(test)]
mod start;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod wallets;
#[cfg(test)]
mod whole;
#[cfg(test)]
mod worlds;
#[cfg(test)]
mod worst_night;
