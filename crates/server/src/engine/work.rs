//! What the engine is asked, and what it answers. Tests: none needed; types, and words for them.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    board::Fate,
    erasure::Erasure,
    id::{IncidentId, PersonId, SilenceId},
    incident::{
        Actor, Command, EvidenceCommand, Incident, PageOutcome, Refusal,
        evidence::{Digest, command::Keeping},
    },
    journal::{JournalEvent, Recorded},
    outbox::Delivery,
    setting::Setting,
    signal::SignalChange,
    silence::Silence,
};
use quarterdeck_ledger::{leaf::EntryError, note::NoteError};
use tokio::sync::oneshot;

use quarterdeck_store::StoreError;

/// Bytes with the command that keeps them. Made from the bytes alone, so that digest and length are theirs.
#[derive(Debug)]
pub struct Keep {
    pub(super) incident: IncidentId,
    pub(super) command: EvidenceCommand,
    pub(super) digest: [u8; 32],
    pub(super) bytes: Arc<[u8]>,
}

impl Keep {
    /// These bytes; what is said of them is `keeping`, but for digest and length.
    pub fn new(incident: IncidentId, by: Actor, keeping: Keeping, bytes: Arc<[u8]>) -> Self {
        let digest = Digest::of(&bytes);
        let keeping = Box::new(Keeping { digest, bytes: bytes.len() as u64, ..keeping });
        Self { incident, command: EvidenceCommand::Keep { by, keeping }, digest: *digest.bytes(), bytes }
    }
}

/// What the engine is asked to do.
#[derive(Debug)]
pub enum Work {
    /// Signals came or changed. Cursors and snapshots are kept in the same transaction, so a source goes on exactly where its
    /// signals are durable.
    Hear {
        /// The changes, in order.
        changes: Vec<SignalChange>,
        /// Where sources stand after them.
        cursors: Vec<(String, String)>,
        /// What detectors learned up to there.
        snapshots: Vec<(String, Vec<u8>)>,
    },
    /// A command on an incident.
    Command {
        /// The incident that it is for.
        incident: IncidentId,
        /// What is to be decided.
        command: Command,
    },
    /// What became of a delivery.
    Settle {
        /// The delivery.
        delivery: Delivery,
        /// Whether it arrived.
        outcome: PageOutcome,
        /// From hand-over to answer.
        latency: Duration,
    },
    /// Keep bytes as evidence.
    Keep(Box<Keep>),
    /// Keep no more of some events than the rules need.
    Erase {
        /// All events of an incident with their places in the log, as they are stored; of the journal, those that are erased.
        history: Vec<(u64, Recorded)>,
        /// What is erased of them.
        erasure: Erasure,
    },
    /// Something of the product itself, for the log.
    Journal(JournalEvent),
    /// Another configuration from here on, for everything that is decided after it.
    Reconfigure {
        /// People, services, rules.
        setting: Arc<Setting>,
        /// What the log says of it.
        event: JournalEvent,
    },
    /// Set a silence.
    Silence(Silence),
    /// End a silence now.
    Unsilence {
        /// The silence to end.
        id: SilenceId,
        /// Who ends it.
        by: Actor,
    },
    /// A stored history was found to be something else than what the log commits to: it is set aside, and people are told.
    Damaged {
        /// The incident whose history it is, or the event's place in the log.
        subject: Result<IncidentId, u64>,
        /// What is wrong with it.
        reason: String,
    },
    /// What the program goes by of an incident was found to be something else than what its events make.
    PutRight(Arc<Incident>),
    /// Only look what is due.
    Wake,
}

impl Work {
    /// How many signals are to be judged for it, or as much work as that.
    pub(crate) fn signals(&self) -> usize {
        match self {
            Self::Hear { changes, .. } => changes.len().max(1),
            Self::Erase { history, .. } => history.len().max(1),
            // The store writes 64 KiB in the time of a signal or two.
            Self::Keep(keep) => 1 + keep.bytes.len() / 65_536,
            Self::Command { .. }
            | Self::Settle { .. }
            | Self::Journal(_)
            | Self::Reconfigure { .. }
            | Self::Silence(_)
            | Self::Unsilence { .. }
            | Self::Damaged { .. }
            | Self::PutRight(_)
            | Self::Wake => 1,
        }
    }
}

/// What came of it. Given only once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One fate for each change, in order.
    Heard(Vec<Fate>),
    /// Done, or it was so already.
    Done,
    /// Done, by events that are in the log now.
    Logged {
        /// The place in the log of the last event that it added.
        last: u64,
    },
    /// The rules say no, and why.
    Refused(Refusal),
    /// The configuration would leave open incidents without their last resort: each with the person who is gone.
    Stranded(Vec<(IncidentId, PersonId)>),
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The store did not take it. Nothing happened; ask again.
    #[error("make it durable: {0}")]
    Store(Arc<StoreError>),
    /// An event that cannot be a leaf: a defect of ours.
    #[error("make a leaf: {0}")]
    Leaf(String),
    /// The program is stopping.
    #[error("the engine has stopped")]
    Stopped,
}

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store did not answer.
    #[error("read the stored log")]
    Store(#[from] StoreError),
    /// A stored event cannot be read.
    #[error("read event {index} of the stored log: {detail}")]
    Unreadable {
        /// Its place in the log.
        index: u64,
        /// What is wrong.
        detail: String,
    },
    /// The log does not match its own checkpoint.
    #[error("the stored log of {size} events does not match its checkpoint: {detail}")]
    Tampered {
        /// How many events there are.
        size: u64,
        /// How it differs.
        detail: String,
    },
}

impl From<EntryError> for EngineError {
    fn from(error: EntryError) -> Self {
        Self::Leaf(error.to_string())
    }
}
impl From<NoteError> for EngineError {
    fn from(error: NoteError) -> Self {
        Self::Leaf(error.to_string())
    }
}

/// A piece of work with the place to answer to.
pub struct Job {
    /// What is to be done.
    pub work: Work,
    /// Where to.
    pub reply: oneshot::Sender<Result<Answer, EngineError>>,
}

/// The incident that a signal opened or joined.
pub fn incident_of(fate: &Fate) -> Option<IncidentId> {
    match fate {
        Fate::Opened(id)
        | Fate::Attached(id)
        | Fate::Repeated(id)
        | Fate::Confirmed(id)
        | Fate::Retracted(id)
        | Fate::Ended(id)
        | Fate::Late(id)
        | Fate::Gathered(id)
        | Fate::Counted(id)
        | Fate::Silent(id) => Some(*id),
        Fate::Silenced(_) | Fate::Noted | Fate::Unknown => None,
    }
}

/// What became of a signal, as a person reads it.
pub fn words(fate: &Fate) -> String {
    match fate {
        Fate::Opened(id) => format!("opened {id}"),
        Fate::Attached(id) => format!("joined {id}"),
        Fate::Repeated(id) => format!("repeats what {id} knows"),
        Fate::Confirmed(id) => format!("stands for good on {id}"),
        Fate::Retracted(id) => format!("was undone on {id}"),
        Fate::Ended(id) => format!("is over on {id}"),
        Fate::Gathered(id) => format!("gathered in {id}: it opens nothing by itself, as that says"),
        Fate::Counted(id) => {
            format!("counted on {id}, which keeps no more one by one: what it says besides is not kept")
        }
        Fate::Late(id) => format!("began anew on {id} since, and goes on"),
        Fate::Silent(id) => format!("is not repeated on {id}, and stands"),
        Fate::Silenced(id) => format!("silenced by {id}"),
        Fate::Noted => "too quiet to open an incident".to_owned(),
        Fate::Unknown => "was never raised here".to_owned(),
    }
}
