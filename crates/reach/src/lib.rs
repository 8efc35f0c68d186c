//! Ways out of the program, and back in: how people are reached, and where they talk. Decides nothing: whom to reach, when and how
//! often are rules of `quarterdeck-core`; the loops that hand things over are in the server.

pub mod notify;
pub mod chat;
pub mod heartbeat;
