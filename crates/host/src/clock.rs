//! The only reader of time. Everything else is handed an instant.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use quarterdeck_core::time::Timestamp;

/// How far the wall clock may be from where it should be before we call it a step: clocks that are disciplined move by less.
pub const STEP_MIN: Duration = Duration::from_secs(1);

/// Tells the time and measures spans.
pub trait Clock: Send + Sync + 'static {
    /// The instant, never earlier than one told before, so that no event of the log precedes the one before it, and never standing
    /// still: where the wall clock steps back, time goes on by the clock that measures spans. See [`Steady`].
    fn now(&self) -> Timestamp;
    /// What the wall clock shows, wherever it stepped: for what others compare with clocks of their own.
    fn wall(&self) -> Timestamp;
    /// A reading for measuring spans; only differences mean anything.
    fn elapsed(&self) -> Duration;
    /// Tells nothing earlier than this from now on: the log's last instant, which the wall clock may not have reached yet.
    fn not_before(&self, at: Timestamp);
}

/// Instants that go on. In step with the wall clock as long as that goes on, too. Where it steps back they go on from where they were,
/// a twentieth slower until the wall clock has caught up, so that what is due in five minutes is due in five minutes and a quarter at
/// most. Where it steps forward they follow at once.
#[derive(Debug, Default)]
pub struct Steady {
    /// The last instant told in step, or the one at which we fell out of step, and what the other clock showed then.
    anchor: Option<(i64, Duration)>,
    /// The wall clock is behind us.
    ahead: bool,
    latest_ms: i64,
}

impl Steady {
    /// The instant in milliseconds, where the wall clock shows `wall_ms` and the clock that measures spans `elapsed`.
    pub fn tell(&mut self, wall_ms: i64, elapsed: Duration) -> i64 {
        let Some((told, at)) = self.anchor else {
            (self.anchor, self.latest_ms) = (Some((wall_ms, elapsed)), wall_ms);
            return wall_ms;
        };
        let passed = i64::try_from(elapsed.saturating_sub(at).as_millis()).unwrap_or(i64::MAX);
        let step = i64::try_from(STEP_MIN.as_millis()).unwrap_or(i64::MAX);
        let due = told.saturating_add(if self.ahead { passed - passed / SLOWER } else { passed });
        if self.ahead && wall_ms >= due {
            self.ahead = false;
        }
        if !self.ahead && wall_ms < due.saturating_sub(step) {
            self.ahead = true;
            self.anchor = Some((due, elapsed));
        }
        let told = if self.ahead { due } else { wall_ms }.max(self.latest_ms);
        if !self.ahead {
            self.anchor = Some((told, elapsed));
        }
        self.latest_ms = told;
        told
    }

    /// Tells nothing earlier than this from now on.
    pub fn not_before(&mut self, at_ms: i64, elapsed: Duration) {
        if self.anchor.is_none() || self.latest_ms < at_ms {
            (self.anchor, self.latest_ms, self.ahead) = (Some((at_ms, elapsed)), at_ms, true);
        }
    }
}

/// By which part time goes slower while the wall clock catches up.
const SLOWER: i64 = 20;

/// The machine's clock.
pub struct SystemClock {
    steady: Mutex<Steady>,
    started: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { steady: Mutex::default(), started: Instant::now() })
    }

    fn steady(&self) -> MutexGuard<'_, Steady> {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut steady = self.steady();
        Timestamp::from_ms(steady.tell(self.wall().as_ms(), self.elapsed()))
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn wall(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
    fn not_before(&self, at: Timestamp) {
        self.steady().not_before(at.as_ms(), self.elapsed());
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
    fn wall(&self) -> Timestamp {
        self.now()
    }
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
    /// It begins where it was told to, and never steps.
    fn not_before(&self, _: Timestamp) {}
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
    fn wall(&self) -> Timestamp {
        self.now()
    }
    fn elapsed(&self) -> Duration {
        self.now().since(Timestamp::from_ms(0))
    }
    fn not_before(&self, at: Timestamp) {
        self.move_to(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn in_step_it_shows_what_the_wall_shows_and_small_steps_back_wait() {
        let mut steady = Steady::default();
        assert_eq!(steady.tell(1_000, ms(0)), 1_000);
        assert_eq!(steady.tell(1_500, ms(500)), 1_500);
        assert_eq!(steady.tell(1_400, ms(501)), 1_500, "a correction of milliseconds");
        assert_eq!(steady.tell(1_600, ms(701)), 1_600);
        assert_eq!(steady.tell(HOUR, ms(702)), HOUR, "forward is followed at once");
    }

    #[test]
    fn where_the_wall_steps_back_time_goes_on_a_little_slower_until_it_is_caught_up() {
        let mut steady = Steady::default();
        steady.tell(10 * HOUR, ms(0));
        let hour = |n: u64| ms(n * 3_600_000);
        // An hour back at once. Asked in small steps, it does not stand still.
        let mut told = 10 * HOUR;
        for n in 1..=1_000 {
            let now = steady.tell(9 * HOUR + n, ms(n.unsigned_abs()));
            assert!(now >= told, "never back");
            told = now;
        }
        assert!((10 * HOUR + 949..=10 * HOUR + 951).contains(&told), "{told}");
        let late = 11 * HOUR - steady.tell(10 * HOUR, hour(1));
        assert!((HOUR / 20 - 1..=HOUR / 20).contains(&late), "five minutes in a hundred: {late}");
        // An hour is caught up within twenty, but for the millisecond that the small steps rounded.
        let ahead = steady.tell(29 * HOUR, hour(20)) - 29 * HOUR;
        assert!((0..=1).contains(&ahead), "{ahead}");
        assert_eq!(steady.tell(30 * HOUR, hour(21)), 30 * HOUR, "in step again");
    }

    #[test]
    fn it_begins_at_the_last_instant_of_the_log() {
        let mut steady = Steady::default();
        steady.not_before(5 * HOUR, ms(10));
        assert_eq!(steady.tell(4 * HOUR, ms(10)), 5 * HOUR);
        assert_eq!(steady.tell(4 * HOUR + 2_000, ms(2_010)), 5 * HOUR + 1_900);
        let mut steady = Steady::default();
        steady.not_before(5 * HOUR, ms(10));
        assert_eq!(steady.tell(6 * HOUR, ms(10)), 6 * HOUR, "the wall is past it");
    }
}
