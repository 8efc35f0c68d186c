//! What the outside does to the program now: its disk, its channels, and the lies that prove the oracles.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use quarterdeck_core::id::ChannelId;

/// How a channel behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Works,
    /// It takes so long for each message.
    Slow(Duration),
    /// It takes a message and never answers; the person may have it.
    Hangs {
        arrives: bool,
    },
    /// The person has the message, and the connection breaks before the answer.
    HangsUp,
    /// It cannot be reached.
    Refuses,
    /// Ask again after so long.
    Later(Duration),
    /// It will never take a message.
    Never,
    /// The person has the message, and the channel says that it failed.
    Denies,
    /// What it answers is no answer, and nobody has the message.
    Babbles,
}

impl Manner {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Slow(_) => "is slow",
            Self::Hangs { .. } => "hangs",
            Self::HangsUp => "hangs up after it took",
            Self::Refuses => "refuses",
            Self::Later(_) => "asks for patience",
            Self::Never => "says never",
            Self::Denies => "delivers and denies it",
            Self::Babbles => "babbles",
        }
    }
}

/// How the disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Until the program gives its reserve up.
    UntilReserve,
    /// Somebody takes that, too.
    ToTheLastByte,
}

/// What becomes of a commit whose answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Made,
    NotMade,
}

/// What the store does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disk {
    pub(crate) slow: Option<Duration>,
    pub(crate) full: Option<Full>,
    /// Nothing is answered, neither reads nor writes.
    pub(crate) gone: bool,
    /// Each second commit loses its answer.
    pub(crate) loses: Option<Lost>,
}

impl Disk {
    pub(crate) const fn is_well(&self) -> bool {
        self.slow.is_none() && self.full.is_none() && !self.gone && self.loses.is_none()
    }
}

/// What is planted to see an oracle object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// A channel says that it took what it threw away.
    SaysYes,
    /// A channel says never and delivers later.
    ComesLate,
    /// A channel takes the label of a repeat off.
    Unlabelled,
    /// A crash puts an older store back and takes the published log away, so that nobody can tell.
    OlderStore,
    /// The program's clock stands still.
    ClockStands,
    /// Somebody acknowledges in a person's name.
    Forged,
    /// Health says that all is well, whatever is.
    LooksWell,
    /// A body of the published log is changed.
    Touched,
}

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    channels: BTreeMap<ChannelId, Manner>,
    appends: u64,
    /// The store was unwell.
    trouble: bool,
}

/// Shared by everybody around the program.
#[derive(Debug)]
pub(crate) struct Weather {
    state: Mutex<State>,
    pub(crate) lie: Option<Lie>,
    /// The program's reserve of space.
    pub(crate) reserve: PathBuf,
}

impl Weather {
    pub(crate) fn new(lie: Option<Lie>, reserve: PathBuf) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), lie, reserve })
    }

    pub(crate) fn disk(&self) -> Disk {
        self.state.lock().unwrap().disk
    }

    pub(crate) fn set_disk(&self, change: impl FnOnce(&mut Disk)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state.disk);
        state.trouble |= !state.disk.is_well();
    }

    pub(crate) fn manner(&self, channel: &ChannelId) -> Manner {
        self.state.lock().unwrap().channels.get(channel).copied().unwrap_or(Manner::Works)
    }

    pub(crate) fn set_manner(&self, channel: &ChannelId, manner: Manner) {
        self.state.lock().unwrap().channels.insert(channel.clone(), manner);
    }

    /// Whether this commit loses its answer, and how.
    pub(crate) fn loses(&self) -> Option<Lost> {
        let mut state = self.state.lock().unwrap();
        state.appends += 1;
        state.disk.loses.filter(|_| state.appends.is_multiple_of(2))
    }

    /// Whether the store was ever unwell.
    pub(crate) fn had_trouble(&self) -> bool {
        self.state.lock().unwrap().trouble
    }

    /// All is well.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap();
        state.disk = Disk::default();
        state.channels.clear();
    }
}
