//! What is recorded, and where: each incident has its stream, and what belongs to no incident is on the journal.
//! Tests: below, and `tests/golden.rs`.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    chain::{ChainId, Gap},
    id::{BadId, ChannelId, DetectorId, IncidentId, PersonId, SignalId, SilenceId, SourceId},
    incident::{Actor, IncidentEvent, PageOutcome, family::erased},
    signal::{Signal, SignalStatus},
    silence::Silence,
    time::Timestamp,
};

/// One event in its place: what the store appends and the log commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Whose history.
    pub stream: Stream,
    /// Its place there, from 0, without holes.
    pub version: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
}

/// A history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What belongs to no incident.
    Journal,
    /// One incident.
    Incident(IncidentId),
}

impl Stream {
    /// The incident whose history it is.
    pub const fn incident(self) -> Option<IncidentId> {
        match self {
            Self::Journal => None,
            Self::Incident(id) => Some(id),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => f.pad("journal"),
            Self::Incident(id) => fmt::Display::fmt(id, f),
        }
    }
}
impl FromStr for Stream {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        if text == "journal" { Ok(Self::Journal) } else { text.parse().map(Self::Incident) }
    }
}

/// What happened. The stream says which of the two it is, so the stored text carries no tag for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// To an incident.
    Incident(IncidentEvent),
    /// To the product.
    Journal(JournalEvent),
}

impl Body {
    /// The stored text: JSON on one line.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Incident(event) => serde_json::to_string(event),
            Self::Journal(event) => serde_json::to_string(event),
        }
    }
    /// Reads the stored text of an event on `stream`.
    pub fn from_json(stream: &Stream, text: &str) -> Result<Self, serde_json::Error> {
        match stream {
            Stream::Journal => serde_json::from_str(text).map(Self::Journal),
            Stream::Incident(_) => IncidentEvent::from_json(text).map(Self::Incident),
        }
    }
    /// The same without what was written by or about a person.
    #[must_use]
    pub fn redacted(&self) -> Self {
        match self {
            Self::Incident(event) => Self::Incident(event.redacted()),
            Self::Journal(event) => Self::Journal(event.redacted()),
        }
    }
    /// The event's type with its version: `opened.v1`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Incident(event) => event.kind(),
            Self::Journal(event) => event.kind(),
        }
    }
}

/// What happened to the product rather than to an incident. Stored for ever: never change a variant, add one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum JournalEvent {
    /// The program began to run.
    #[serde(rename = "started.v1")]
    Started {
        /// Of the program.
        version: String,
        /// Digest of the configuration, in hex.
        configuration: String,
    },
    /// Another configuration is in force from here on.
    #[serde(rename = "configured.v1")]
    Configured {
        /// Digest of the file and of what it names, in hex; in older logs of the file alone.
        digest: String,
        /// Digest of the one before. The same where nothing had changed; in older logs also where only what it names had.
        before: String,
        /// Who had it read; the system itself where the machine did (SIGHUP).
        by: Actor,
    },
    /// A silence was set, or set anew.
    #[serde(rename = "silence_set.v1")]
    SilenceSet {
        /// The silence.
        silence: Silence,
        /// When it is over, what it held and still stands is told. Older ones say nothing of what they held.
        #[serde(default, skip_serializing_if = "is_false")]
        returns: bool,
        /// When its owner is told that it is to end; none: it is too short for that, or older than this was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Timestamp>,
    },
    /// A silence was ended by hand.
    #[serde(rename = "silence_expired.v1")]
    SilenceExpired {
        /// The silence that was ended.
        id: SilenceId,
        /// Who ended it.
        by: Actor,
    },
    /// A silence is over, and what it held and still stands is told.
    #[serde(rename = "silence_over.v1")]
    SilenceOver {
        /// Which silence.
        id: SilenceId,
        /// How many signals it held that still stand and that no other silence holds.
        told: u64,
    },
    /// The owner of a silence is to be told that it is to end, or that it is over while what it held still stands.
    #[serde(rename = "silence_notice.v1")]
    SilenceNotice {
        /// Which silence.
        id: SilenceId,
        /// Whether it is over.
        over: bool,
        /// Standing signals that it holds, or held.
        held: u64,
        /// Who is told, and how; none: nobody who could be told has a contact.
        to: Option<Told>,
    },
    /// What became of that.
    #[serde(rename = "silence_notice_settled.v1")]
    SilenceNoticeSettled {
        /// Which silence.
        id: SilenceId,
        /// Who was to be told.
        person: PersonId,
        /// By which notifier.
        channel: ChannelId,
        /// Whether it arrived.
        outcome: PageOutcome,
    },
    /// We could not look.
    #[serde(rename = "gap_opened.v1")]
    GapOpened {
        /// Where and why.
        gap: Gap,
    },
    /// We can look again, or have caught up.
    #[serde(rename = "gap_closed.v1")]
    GapClosed {
        /// Where and why.
        gap: Gap,
    },
    /// A detector cannot be trusted to speak: it did not hear its canary, or could not take up its snapshot.
    #[serde(rename = "detector_silent.v1")]
    DetectorSilent {
        /// The detector that cannot be trusted.
        detector: DetectorId,
        /// What it did not hear, or why its snapshot was refused.
        reason: String,
    },
    /// A signal was heard that belongs to no incident: too quiet to open one, or silenced.
    #[serde(rename = "signal_noted.v1")]
    SignalNoted {
        /// The signal.
        signal: Arc<Signal>,
        /// The silence that kept it from opening; none: too quiet.
        silence: Option<SilenceId>,
    },
    /// Such a signal was confirmed, undone, or is over.
    #[serde(rename = "signal_turned.v1")]
    SignalTurned {
        /// The signal, noted before.
        signal: SignalId,
        /// How it stands now.
        status: SignalStatus,
        /// Why; empty where the status says it.
        reason: String,
    },
    /// Somebody who was paged was told that the incident is over or another team's, or could not be. The intent is the incident's own
    /// event: that it was resolved, merged, or handed over.
    #[serde(rename = "all_clear_settled.v1")]
    AllClearSettled {
        /// Of which incident.
        incident: IncidentId,
        /// Who was to be told.
        person: PersonId,
        /// By which notifier.
        channel: ChannelId,
        /// What became of it.
        outcome: PageOutcome,
        /// That it is another team's, rather than over.
        #[serde(default, skip_serializing_if = "is_false")]
        handed_over: bool,
    },
    /// A person said that the chain which the node of a source shows is the one to follow from here on, although something final is
    /// gone from it. What was claimed on the blocks that it lacks is taken back.
    #[serde(rename = "source_begun_anew.v1")]
    SourceBegunAnew {
        /// Which source.
        source: SourceId,
        /// On which chain.
        chain: ChainId,
        /// Who said so.
        by: Actor,
        /// On what ground.
        reason: String,
    },
    /// Personal data was erased. Each event is kept as its redaction, to which this commits: whoever has the log can check that
    /// nothing else was put in the place of what was erased.
    #[serde(rename = "erased.v1")]
    Erased {
        /// Whose history.
        stream: Stream,
        /// What was erased there.
        events: Vec<ErasedEvent>,
        /// Who had it erased.
        by: Actor,
        /// On what ground.
        reason: String,
    },
    /// The history of an incident could not be read and was set aside.
    #[serde(rename = "stream_set_aside.v1")]
    StreamSetAside {
        /// Which incident.
        incident: IncidentId,
        /// What is wrong with it.
        reason: String,
    },
    /// An event that belongs to no incident could not be read and was passed over.
    #[serde(rename = "event_set_aside.v1")]
    EventSetAside {
        /// Its place in the log.
        place: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The store was compared with what the log says, or with what was published of it, and something differed.
    #[serde(rename = "audit_failed.v1")]
    AuditFailed {
        /// How many events the log had.
        size: u64,
        /// What differed.
        finding: String,
    },
    /// Tokens or keys were tried that nobody has, or from where too many were tried before. At most one event in a minute.
    #[serde(rename = "secrets_refused.v1")]
    SecretsRefused {
        /// When the first of them came.
        since: Timestamp,
        /// How many there were.
        tries: u64,
        /// How many of them were not listened to.
        unheard: u64,
        /// From where most of them came.
        from: Vec<TriedFrom>,
    },
    /// Somebody logged in to the console.
    #[serde(rename = "session_began.v1")]
    SessionBegan {
        /// Whose session it is.
        by: Actor,
        /// The address that they came from.
        from: String,
    },
    /// Somebody logged out.
    #[serde(rename = "session_ended.v1")]
    SessionEnded {
        /// Whose session it was.
        by: Actor,
    },
    /// Nothing could be written for a while, and people were told without it.
    #[serde(rename = "spoke_in_need.v1")]
    SpokeInNeed {
        /// Since when nothing could be written, or only to the space kept for it.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
        /// What the store said.
        reason: String,
        /// Who was told, and what came of it; the first [`crate::limits::SAID_IN_NEED_MAX`].
        said: Vec<SaidInNeed>,
    },
    /// The machine's clock did not show what it should have, by the clock that measures spans: somebody set it, or the machine slept.
    #[serde(rename = "clock_stepped.v1")]
    ClockStepped {
        /// What it shows.
        wall: Timestamp,
        /// How much more than it should, in milliseconds; less where it went back.
        by_ms: i64,
    },
}

/// Somebody who is to be told something, by one of their contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Who is told.
    pub person: PersonId,
    /// By which notifier.
    pub channel: ChannelId,
    /// At which address.
    pub address: String,
}

/// Where secrets were tried from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedFrom {
    /// The address.
    pub address: String,
    /// How many times.
    pub tries: u64,
}

/// Somebody who was told something that was not written yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidInNeed {
    /// When it left.
    pub at: Timestamp,
    /// Who was told.
    pub person: PersonId,
    /// By which notifier.
    pub channel: ChannelId,
    /// What came of it.
    pub outcome: PageOutcome,
}

impl JournalEvent {
    /// The type with its version: `started.v1`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started.v1",
            Self::Configured { .. } => "configured.v1",
            Self::SilenceSet { .. } => "silence_set.v1",
            Self::SilenceExpired { .. } => "silence_expired.v1",
            Self::SilenceOver { .. } => "silence_over.v1",
            Self::SilenceNotice { .. } => "silence_notice.v1",
            Self::SilenceNoticeSettled { .. } => "silence_notice_settled.v1",
            Self::GapOpened { .. } => "gap_opened.v1",
            Self::GapClosed { .. } => "gap_closed.v1",
            Self::DetectorSilent { .. } => "detector_silent.v1",
            Self::SignalNoted { .. } => "signal_noted.v1",
            Self::SignalTurned { .. } => "signal_turned.v1",
            Self::AllClearSettled { .. } => "all_clear_settled.v1",
            Self::SourceBegunAnew { .. } => "source_begun_anew.v1",
            Self::Erased { .. } => "erased.v1",
            Self::StreamSetAside { .. } => "stream_set_aside.v1",
            Self::EventSetAside { .. } => "event_set_aside.v1",
            Self::AuditFailed { .. } => "audit_failed.v1",
            Self::SecretsRefused { .. } => "secrets_refused.v1",
            Self::SessionBegan { .. } => "session_began.v1",
            Self::SessionEnded { .. } => "session_ended.v1",
            Self::SpokeInNeed { .. } => "spoke_in_need.v1",
            Self::ClockStepped { .. } => "clock_stepped.v1",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl JournalEvent {
    /// The event without what was written by or about a person, as [`crate::incident::Family::redacted`] does it. The matchers of a
    /// silence stay: without them it would silence something else.
    #[must_use]
    pub fn redacted(&self) -> Self {
        match self {
            Self::SilenceSet { silence, returns, notice } => {
                let Silence { id, matchers, starts, ends, created_by: _, comment: _, owner } = silence;
                let (id, matchers, starts, ends, owner) = (*id, matchers.clone(), *starts, *ends, owner.clone());
                Self::SilenceSet {
                    silence: Silence { id, matchers, starts, ends, created_by: erased(), comment: erased(), owner },
                    returns: *returns,
                    notice: *notice,
                }
            }
            Self::SilenceNotice { id, over, held, to } => {
                let to = to.as_ref().map(|told| Told { address: erased(), ..told.clone() });
                Self::SilenceNotice { id: *id, over: *over, held: *held, to }
            }
            Self::SilenceNoticeSettled { id, person, channel, outcome } => {
                let (id, person, channel) = (*id, person.clone(), channel.clone());
                Self::SilenceNoticeSettled { id, person, channel, outcome: outcome.redacted() }
            }
            Self::GapOpened { gap } => Self::GapOpened { gap: gap.redacted() },
            Self::GapClosed { gap } => Self::GapClosed { gap: gap.redacted() },
            Self::DetectorSilent { detector, reason: _ } => {
                Self::DetectorSilent { detector: detector.clone(), reason: erased() }
            }
            Self::SignalNoted { signal, silence } => {
                Self::SignalNoted { signal: Arc::new(signal.redacted()), silence: *silence }
            }
            Self::SignalTurned { signal, status, reason: _ } => {
                Self::SignalTurned { signal: *signal, status: *status, reason: erased() }
            }
            Self::AllClearSettled { incident, person, channel, outcome, handed_over } => Self::AllClearSettled {
                incident: *incident,
                person: person.clone(),
                channel: channel.clone(),
                outcome: outcome.redacted(),
                handed_over: *handed_over,
            },
            Self::SourceBegunAnew { source, chain, by, reason: _ } => {
                let (source, chain, by) = (source.clone(), *chain, by.clone());
                Self::SourceBegunAnew { source, chain, by, reason: erased() }
            }
            Self::Erased { stream, events, by, reason: _ } => {
                Self::Erased { stream: *stream, events: events.clone(), by: by.clone(), reason: erased() }
            }
            Self::StreamSetAside { incident, reason: _ } => {
                Self::StreamSetAside { incident: *incident, reason: erased() }
            }
            Self::EventSetAside { place, reason: _ } => Self::EventSetAside { place: *place, reason: erased() },
            Self::AuditFailed { size, finding: _ } => Self::AuditFailed { size: *size, finding: erased() },
            Self::SecretsRefused { since, tries, unheard, from } => Self::SecretsRefused {
                since: *since,
                tries: *tries,
                unheard: *unheard,
                from: from.iter().map(|one| TriedFrom { address: erased(), tries: one.tries }).collect(),
            },
            Self::SessionBegan { by, from: _ } => Self::SessionBegan { by: by.clone(), from: erased() },
            Self::SpokeInNeed { since, until, reason: _, said } => Self::SpokeInNeed {
                since: *since,
                until: *until,
                reason: erased(),
                said: said.iter().map(|one| SaidInNeed { outcome: one.outcome.redacted(), ..one.clone() }).collect(),
            },
            Self::ClockStepped { wall: _, by_ms: _ }
            | Self::SessionEnded { by: _ }
            | Self::Started { version: _, configuration: _ }
            | Self::Configured { digest: _, before: _, by: _ }
            | Self::SilenceExpired { id: _, by: _ }
            | Self::SilenceOver { id: _, told: _ } => self.clone(),
        }
    }
}

/// An event that was erased, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedEvent {
    /// The version of the event.
    pub version: u64,
    /// SHA-256 of the redaction's stored text, in hex.
    pub redaction: String,
}

impl Serialize for Stream {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn a_stream_reads_back_as_printed() {
        for stream in [Stream::Journal, Stream::Incident(Id::from_bytes([9; 16]))] {
            assert_eq!(stream.to_string().parse::<Stream>(), Ok(stream));
        }
        assert!("page".parse::<Stream>().is_err());
    }
}
