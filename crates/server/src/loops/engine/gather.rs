//! How long to wait for others before a batch goes to the store.
//!
//! Whoever was just answered often asks again at once: a monitor with several connections. If the next batch leaves without them they
//! wait for two commits instead of one, and a commit serves half as many. So a batch waits for as many as were there when the last
//! one landed, for a part of the time that a commit takes. It must never wait for somebody who does not come: after each vain
//! wait several batches leave at once. Reads no clock; time is an argument. Tests: below.

use std::time::Duration;

/// The part of a commit's time that a batch may wait, as a divisor: who is there already loses at most this.
const PART: u32 = 4;
/// The longest wait, however slow the disk is.
const WAIT_MAX: Duration = Duration::from_millis(5);
/// Batches that leave at once after many vain waits: 2 to this power.
const MISSES_MAX: u32 = 6;

/// Who may still come.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// How many there were; zero: wait for nobody.
    expected: usize,
    /// When the wait ends.
    until: Duration,
    /// Vain waits one after another.
    misses: u32,
    /// Batches that leave at once.
    skip: u32,
}

impl Gather {
    /// A commit that `took` so long has answered so many callers, while others were `waiting`.
    pub(super) fn landed(&mut self, now: Duration, took: Duration, answered: usize, waiting: usize) {
        if self.skip > 0 {
            self.skip -= 1;
            self.expected = 0;
        } else {
            self.expected = answered + waiting;
            self.until = now + (took / PART).min(WAIT_MAX);
        }
    }

    /// How long the next batch may wait for others; none: it leaves.
    pub(super) fn pause(&mut self, now: Duration, waiting: usize) -> Option<Duration> {
        if self.expected == 0 {
            return None;
        }
        if waiting >= self.expected {
            (self.expected, self.misses) = (0, 0);
            return None;
        }
        let left = self.until.saturating_sub(now);
        if left.is_zero() {
            // Nobody loses anything by a wait that nobody used.
            if waiting > 0 {
                self.misses = (self.misses + 1).min(MISSES_MAX);
                self.skip = 1 << self.misses;
            }
            self.expected = 0;
            return None;
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn it_waits_for_those_who_were_there_and_leaves_when_they_are() {
        let mut gather = Gather::default();
        assert_eq!(gather.pause(us(0), 3), None, "the first batch waits for nobody");
        gather.landed(us(1_000), us(800), 4, 4);
        assert_eq!(gather.pause(us(1_000), 4), Some(us(200)));
        assert_eq!(gather.pause(us(1_050), 7), Some(us(150)));
        assert_eq!(gather.pause(us(1_060), 8), None);
        gather.landed(us(2_000), us(800), 8, 0);
        assert_eq!(gather.pause(us(2_000), 0), Some(us(200)), "it goes on");
        gather.landed(us(9_000), us(1_000_000), 8, 0);
        assert_eq!(gather.pause(us(9_000), 1), Some(WAIT_MAX));
    }

    #[test]
    fn a_single_caller_and_a_disk_without_delay_never_wait() {
        let mut gather = Gather::default();
        gather.landed(us(1_000), us(800), 1, 0);
        assert_eq!(gather.pause(us(1_010), 1), None);
        gather.landed(us(2_000), us(0), 8, 0);
        assert_eq!(gather.pause(us(2_000), 1), None);
    }

    #[test]
    fn vain_waits_become_rare() {
        let (mut gather, mut now, mut waits) = (Gather::default(), us(0), 0);
        for _ in 0..1_000 {
            gather.landed(now, us(400), 2, 0);
            if let Some(pause) = gather.pause(now, 1) {
                waits += 1;
                now += pause;
                assert_eq!(gather.pause(now, 1), None, "it leaves when the time is over");
            }
            now += us(400);
        }
        assert!((5..30).contains(&waits), "{waits}");
    }
}
