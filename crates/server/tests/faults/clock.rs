//! The clock of the machine: it passes when everybody waits, and somebody sets it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use quarterdeck_core::time::Timestamp;
use quarterdeck_host::clock::{Clock, Steady};
use tokio::time::Instant;

/// When every world begins: a Tuesday at three in the morning in Berlin.
const START_MS: i64 = 1_767_661_200_000;

/// What hangs on the wall. It outlives the program.
#[derive(Debug)]
pub(crate) struct Wall {
    began: Instant,
    ahead_ms: AtomicI64,
    /// A lie: what programs see of it stands still.
    stands: AtomicBool,
}

impl Wall {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), ahead_ms: AtomicI64::new(0), stands: AtomicBool::new(false) })
    }

    /// Since the world began, whatever the wall shows.
    pub(crate) fn passed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn shows(&self) -> Timestamp {
        let passed = i64::try_from(self.passed().as_millis()).unwrap();
        Timestamp::from_ms(START_MS + passed + self.ahead_ms.load(Ordering::SeqCst))
    }

    /// Somebody sets it.
    pub(crate) fn step(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    pub(crate) fn stand_still(&self) {
        self.stands.store(true, Ordering::SeqCst);
    }
}

/// What one life of the program sees of it.
pub(crate) struct Watch {
    wall: Arc<Wall>,
    began: Instant,
    steady: Mutex<Steady>,
    stood: Mutex<Option<(Timestamp, Duration)>>,
}

impl Watch {
    pub(crate) fn of(wall: &Arc<Wall>) -> Arc<Self> {
        let (wall, began) = (Arc::clone(wall), Instant::now());
        Arc::new(Self { wall, began, steady: Mutex::default(), stood: Mutex::new(None) })
    }

    fn look(&self) -> (Timestamp, Duration) {
        let seen = (self.wall.shows(), self.began.elapsed());
        if !self.wall.stands.load(Ordering::SeqCst) {
            return seen;
        }
        *self.stood.lock().unwrap().get_or_insert(seen)
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        let (wall, elapsed) = self.look();
        Timestamp::from_ms(self.steady.lock().unwrap().tell(wall.as_ms(), elapsed))
    }
    fn wall(&self) -> Timestamp {
        self.look().0
    }
    fn elapsed(&self) -> Duration {
        self.look().1
    }
    fn not_before(&self, at: Timestamp) {
        let (_, elapsed) = self.look();
        self.steady.lock().unwrap().not_before(at.as_ms(), elapsed);
    }
}
