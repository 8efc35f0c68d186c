//! A wait that is shorter than the runtime's timer can tell: asked for 0.1 ms that one takes 1.1, and a commit takes less. Meanwhile
//! whoever is ready goes first. It must end on a clock that stands still, too. Tests: below.

use std::time::Duration;

use quarterdeck_host::clock::Clock;

/// What the timer counts in: from there on it does the waiting.
const TICK: Duration = Duration::from_millis(1);
/// How often the others go first before the timer does the waiting: a tick of turns of half a microsecond.
const TURNS_MAX: u32 = 2_000;

/// Waits that long.
pub(super) async fn moment(clock: &dyn Clock, wait: Duration) {
    let until = clock.elapsed() + wait;
    if wait < TICK {
        for _ in 0..TURNS_MAX {
            if clock.elapsed() >= until {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(until.saturating_sub(clock.elapsed())).await;
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::time::Timestamp;
    use quarterdeck_host::clock::{ManualClock, SystemClock};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_over_sooner_than_the_timer_can_tell() {
        let clock = SystemClock::new();
        let wait = Duration::from_micros(100);
        let mut shortest = Duration::MAX;
        for _ in 0..200 {
            let begun = clock.elapsed();
            moment(&*clock, wait).await;
            shortest = shortest.min(clock.elapsed().saturating_sub(begun));
        }
        assert!(shortest >= wait && shortest < TICK / 2, "{shortest:?}");
    }

    #[tokio::test]
    async fn it_ends_where_the_clock_stands_still() {
        let clock = ManualClock::starting_at(Timestamp::from_secs(1));
        for wait in [Duration::from_micros(100), TICK * 2] {
            moment(&*clock, wait).await;
        }
    }
}
