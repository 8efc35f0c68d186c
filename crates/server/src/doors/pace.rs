//! How long whoever is inside may take for what.

use std::time::Duration;

/// How long the other end may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From the first byte of a head to its last, encryption's greeting included.
    pub head: Duration,
    /// Between two requests, and before the first.
    pub idle: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// How long it may take nothing of what we have for it.
    pub stalled: Duration,
    /// When we stop: for a request that is not whole.
    pub farewell: Duration,
    /// When we stop: for an answer that we owe.
    pub drain: Duration,
}

impl Pace {
    /// As served. A balancer keeps its connections for a minute: it must let go before us, or it asks on one that we just closed. A
    /// body of 8 MB in half a minute is a line of two megabits. A commit that takes longer than the drain was not answered 2xx,
    /// so whoever asked asks again.
    pub const SERVED: Self = Self {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        body: Duration::from_secs(30),
        stalled: Duration::from_secs(30),
        farewell: Duration::from_secs(1),
        drain: Duration::from_secs(10),
    };
}
