//! The only reader of time. Everything else is handed an instant.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use quarterdeck_core::time::Timestamp;

/// Tells the time and measures spans.
pub trait Clock: Send + Sync + 'static {
    /// The instant, never earlier than one told before: a wall clock that jumps back stands still until it catches up, so that
    /// no event of the log precedes the one before it.
    fn now(&self) -> Timestamp;
    /// A reading for measuring spans; only differences mean anything.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock.
pub struct SystemClock {
    latest_ms: AtomicI64,
    started: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { latest_ms: AtomicI64::new(i64::MIN), started: Instant::now() })
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        let before = self.latest_ms.fetch_max(wall, Ordering::Relaxed);
        Timestamp::from_ms(wall.max(before))
    }
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The clock of a paused tokio runtime: time passes when everybody waits, and only as far as the next that waits. What runs on
/// it is real; only the waiting is not.
#[derive(Debug)]
pub struct PausedClock {
    start: Timestamp,
    began: tokio::time::Instant,
}

impl PausedClock {
    /// A clock that shows `start` now. Make it inside the paused runtime.
    pub fn starting_at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self { start, began: tokio::time::Instant::now() })
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.began.elapsed())
    }
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A clock that somebody moves: for simulations and tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start` until it is moved.
    pub fn starting_at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(start.as_ms())))
    }
    /// Moves the clock to `instant`; never back.
    pub fn move_to(&self, instant: Timestamp) {
        self.0.fetch_max(instant.as_ms(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
    fn elapsed(&self) -> Duration {
        self.now().since(Timestamp::from_ms(0))
    }
}
