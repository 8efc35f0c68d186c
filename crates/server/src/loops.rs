//! The loops: each takes no input but the state, so that a crash, a restart and the happy path run the same code.

pub mod engine;
pub mod deliver;
pub mod detect;
pub mod expire;
pub mod audit;
pub mod doubt;
pub mod keep;
pub mod follow;
pub mod heartbeat;
pub mod presence;
pub mod checks;
pub mod need;
pub mod publish;
pub mod retain;
pub mod steps;
pub mod certificate;
pub mod watchdog;
pub mod pulse;
pub mod tried;
