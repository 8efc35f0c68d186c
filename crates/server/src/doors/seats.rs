//! Who is inside, and whom to send away when somebody new comes and there is no room: of those who keep nobody but themselves
//! waiting, the one who has done so longest.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// For the other end to ask something.
    Idle = 0,
    /// For the rest of a head.
    Head = 1,
    /// For the rest of a body.
    Body = 2,
    /// For us, or for the other end to take what we have for it.
    Us = 3,
}

/// One place.
#[derive(Debug)]
pub(super) struct Seat {
    waits: AtomicU8,
    /// The turn since which it waits for the other end. Not moved when a head or a body begins: who sends a byte now and then does
    /// not become new by it.
    since: AtomicU64,
    away: Notify,
    turned: Notify,
    house: Arc<House>,
}

/// What all seats share.
#[derive(Debug, Default)]
struct House {
    turns: AtomicU64,
    /// Somebody stands at the door, and nobody could be sent away.
    crowded: AtomicBool,
    free: Notify,
    inside: Mutex<BTreeMap<u64, Arc<Seat>>>,
}

impl House {
    fn inside(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seat>>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// What it waits for from here on.
    pub(super) fn turn(&self, waits: Waits) {
        if waits == Waits::Idle {
            self.since.store(self.house.turns.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        }
        self.waits.store(waits as u8, Ordering::Release);
        if waits != Waits::Us {
            self.turned.notify_one();
            if self.house.crowded.load(Ordering::Acquire) {
                self.house.free.notify_one();
            }
        }
    }
    /// Whether it waits for this.
    pub(super) fn is(&self, waits: Waits) -> bool {
        self.waits.load(Ordering::Acquire) == waits as u8
    }
    /// Whether nobody but its own other end is kept waiting.
    pub(super) fn waits_for_the_other_end(&self) -> bool {
        !self.is(Waits::Us)
    }
    /// Until it is to leave.
    pub(super) async fn sent_away(&self) {
        self.away.notified().await;
    }
    /// Until it waits for the other end again.
    pub(super) async fn turned(&self) {
        self.turned.notified().await;
    }
}

/// A seat that somebody has, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) seat: Arc<Seat>,
    place: u64,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut inside = self.seat.house.inside();
        inside.remove(&self.place);
        metrics::gauge!("quarterdeck_connections").set(count(inside.len()));
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a thousand")]
const fn count(seats: usize) -> f64 {
    seats as f64
}

/// All of them.
pub(super) struct Seats {
    house: Arc<House>,
    permits: Arc<Semaphore>,
    sent: AtomicU64,
}

impl Seats {
    pub(super) fn new(room: usize) -> Self {
        Self { house: Arc::new(House::default()), permits: Arc::new(Semaphore::new(room)), sent: AtomicU64::new(0) }
    }

    /// A free seat: there is one, or somebody is sent away for it, or one is waited for.
    pub(super) async fn take(&self) -> Taken {
        let mut permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        while permit.is_none() {
            self.house.crowded.store(true, Ordering::Release);
            let sent = self.send_one_away();
            let acquired = Arc::clone(&self.permits).acquire_owned();
            tokio::select! {
                acquired = acquired => permit = acquired.ok(),
                // Nobody could be sent away a moment ago; perhaps now.
                () = self.house.free.notified(), if !sent => {}
            }
        }
        self.house.crowded.store(false, Ordering::Release);
        let place = self.house.turns.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat {
            waits: AtomicU8::new(Waits::Idle as u8),
            since: AtomicU64::new(place),
            away: Notify::new(),
            turned: Notify::new(),
            house: Arc::clone(&self.house),
        });
        let mut inside = self.house.inside();
        inside.insert(place, Arc::clone(&seat));
        metrics::gauge!("quarterdeck_connections").set(count(inside.len()));
        Taken { seat, place, _permit: permit }
    }

    /// Sends away who has kept nobody but themselves waiting for longest. Whether there was anybody.
    pub(super) fn send_one_away(&self) -> bool {
        let mut inside = self.house.inside();
        let longest = inside
            .iter()
            .filter(|(_, seat)| seat.waits_for_the_other_end())
            .min_by_key(|(_, seat)| seat.since.load(Ordering::Relaxed))
            .map(|(place, _)| *place);
        let leaving = longest.and_then(|place| inside.remove(&place));
        drop(inside);
        let Some(seat) = leaving else { return false };
        seat.away.notify_one();
        let so_many = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::counter!("quarterdeck_connections_sent_away_total").increment(1);
        // At doublings: a crowd must not fill the log as well.
        if so_many.is_power_of_two() {
            tracing::warn!(
                sent = so_many,
                "all connections are taken: the one that was idle longest is closed for a new one"
            );
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_leaves_and_never_one_that_waits_for_us() {
        let seats = Seats::new(3);
        let (first, second, third) = (seats.take().await, seats.take().await, seats.take().await);
        first.seat.turn(Waits::Us);
        second.seat.turn(Waits::Head);
        third.seat.turn(Waits::Idle);
        assert!(seats.send_one_away());
        // Sending a byte made the second no newer than it was.
        tokio::time::timeout(std::time::Duration::from_secs(5), second.seat.sent_away()).await.expect("the second");
        assert!(seats.send_one_away());
        tokio::time::timeout(std::time::Duration::from_secs(5), third.seat.sent_away()).await.expect("the third");
        assert!(!seats.send_one_away(), "whoever waits for us stays");
        first.seat.turn(Waits::Idle);
        assert!(seats.send_one_away(), "and may be sent away once it has its answer");
    }

    #[tokio::test]
    async fn somebody_at_the_door_gets_the_first_seat_that_can_be_had() {
        let seats = Arc::new(Seats::new(1));
        let only = seats.take().await;
        only.seat.turn(Waits::Us);
        let waiting = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take().await }
        });
        while !seats.house.crowded.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        only.seat.turn(Waits::Idle);
        let away = tokio::time::timeout(std::time::Duration::from_secs(5), only.seat.sent_away());
        away.await.expect("it is asked to leave");
        assert!(!waiting.is_finished(), "a seat is free when it is left, not before");
        drop(only);
        waiting.await.unwrap();
    }
}
