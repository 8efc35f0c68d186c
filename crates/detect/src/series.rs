//! Ordinary metrics: one number after the other, each with the time it is from.
//!
//! Reading order: [`history`] (how far out a value lies), [`season`] (what is usual at an hour), [`episode`] (one unusual stretch is
//! told once), [`watch`] (the detector), [`promise`] (a budget of false alarms); then how good it is: [`nab`] (what answers are worth, by the benchmark's rules), [`naive`] (what
//! it has to beat), [`corpus`] (series with labels). `quarterdeck evaluate series` joins them.

pub mod history;
pub mod season;
pub mod episode;
pub mod watch;
pub mod promise;
pub mod nab;
pub mod naive;
pub mod corpus;
