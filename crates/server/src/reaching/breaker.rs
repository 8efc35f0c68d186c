//! When a channel is not tried any more: after several failures in a row nothing is handed to it, so that no page waits for a channel
//! that does not answer, and its people are paged another way at once. After a pause one page may go and see; what becomes of it
//! decides. Reads no clock; time is an argument. Tests: below.

use std::time::Duration;

/// Failures in a row after which a channel is not tried: two pages with all their attempts, or five people at once.
pub const FAILURES_MAX: u32 = 5;
/// The first pause before a page may go and see.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest: within a minute after a channel is back it is used again.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// What may be handed to a channel now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Whatever there is place for.
    Open,
    /// One page, to see whether the channel works again.
    Probe,
    /// Nothing leaves before the next probe.
    Shut,
}

/// How one channel has done lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    /// Failures in a row.
    failures: u32,
    /// Since it is not tried: when a page may go and see, and after which pause.
    shut: Option<(Duration, Duration)>,
    /// A page is on its way to see.
    probing: bool,
}

impl Breaker {
    /// What may be handed to it at `now`.
    pub(super) fn gate(&self, now: Duration) -> Gate {
        match self.shut {
            None => Gate::Open,
            Some((until, _)) if until <= now && !self.probing => Gate::Probe,
            Some(_) => Gate::Shut,
        }
    }

    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The page that sees whether it works leaves.
    pub(super) const fn probe(&mut self) {
        self.probing = true;
    }

    /// Nothing came of the page that was to see: it was not wanted any more.
    pub(super) const fn nothing(&mut self) {
        self.probing = false;
    }

    /// It took a page, or refused one for good: it answers.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// It did not answer, or could not be reached. True: it is not tried from now on.
    pub(super) fn failed(&mut self, now: Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        match self.shut {
            Some((_, pause)) if self.probing => {
                let pause = pause.saturating_mul(2).min(PAUSE_MAX);
                (self.shut, self.probing) = (Some((now.saturating_add(pause), pause)), false);
                false
            }
            None if self.failures >= FAILURES_MAX => {
                self.shut = Some((now.saturating_add(PAUSE), PAUSE));
                true
            }
            // Shut: attempts that were under way then.
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_is_shut_after_failures_in_a_row_and_sees_after_growing_pauses() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert!(!breaker.failed(s(0)));
        }
        breaker.answered();
        for _ in 0..4 {
            assert!(!breaker.failed(s(1)), "not in a row");
        }
        assert_eq!(breaker.gate(s(1)), Gate::Open);
        assert!(breaker.failed(s(1)));
        assert!(!breaker.failed(s(1)), "one that was under way");
        let mut now = s(1);
        for pause in [5, 10, 20, 40, 60, 60] {
            assert_eq!(breaker.gate(now + s(pause - 1)), Gate::Shut);
            now += s(pause);
            assert_eq!(breaker.gate(now), Gate::Probe);
            breaker.probe();
            assert_eq!(breaker.gate(now), Gate::Shut, "one is enough");
            assert!(!breaker.failed(now));
        }
        now += s(60);
        breaker.probe();
        breaker.answered();
        assert_eq!((breaker.gate(now), breaker.failures()), (Gate::Open, 0));
    }

    #[test]
    fn a_probe_that_nobody_wanted_leaves_room_for_the_next() {
        let mut breaker = Breaker::default();
        while !breaker.failed(s(0)) {}
        breaker.probe();
        breaker.nothing();
        assert_eq!(breaker.gate(s(5)), Gate::Probe);
    }
}
