//! Ways out of the program: how people are reached. Decides nothing: whom to reach, when and how often are rules of
//! `quarterdeck-core`; the loop that hands pages over is in the server.

pub mod notify;
pub mod heartbeat;
