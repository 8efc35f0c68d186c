//! Where incidents stand in lists, and what the indexes hold of each. Tests: in `board/tests/list.rs`.

use std::{cmp::Reverse, fmt, str::FromStr, sync::Arc};

use imbl::OrdSet;

use super::{
    hold::{Hold, holds},
    row::IncidentRow,
};
use crate::{
    duty::next_deadline,
    id::{Id, IncidentId, SourceId},
    incident::{Incident, Severity},
    time::Timestamp,
};

/// Where an incident stands in the list: first what is open, the worst first, then the newest; then what is over, the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// People work on it.
    Open {
        /// The worst first.
        severity: Reverse<Severity>,
        /// The newest first.
        opened: Reverse<Timestamp>,
        id: IncidentId,
    },
    /// It is over.
    Over {
        /// The latest first.
        ended: Reverse<Timestamp>,
        id: IncidentId,
    },
}

/// Before all that is over, and after all that is open.
pub(super) const FIRST_OVER: Place = Place::Over { ended: Reverse(Timestamp::MAX), id: Id::from_bytes([0; 16]) };

impl Place {
    pub(super) fn of(row: &IncidentRow) -> Self {
        let (severity, opened, id) = (Reverse(row.severity), Reverse(row.opened), row.id);
        if row.phase.is_open() {
            Self::Open { severity, opened, id }
        } else {
            Self::Over { ended: Reverse(row.resolved.unwrap_or(row.last_event)), id }
        }
    }

    fn of_incident(incident: &Incident) -> Self {
        let id = incident.id();
        if incident.is_open() {
            Self::Open { severity: Reverse(incident.severity()), opened: Reverse(incident.opened()), id }
        } else {
            Self::Over { ended: Reverse(incident.resolved().unwrap_or(incident.last_event())), id }
        }
    }

    pub(super) const fn id(&self) -> IncidentId {
        match self {
            Self::Open { id, .. } | Self::Over { id, .. } => *id,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// The last row of a page of the list: the next page begins after it. An incident that changes its place between two pages may
/// be seen twice or not at all, as in any list that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(super) Place);

impl Cursor {
    /// The cursor of a page that ends with this row.
    pub fn of(row: &IncidentRow) -> Self {
        Self(Place::of(row))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Open { severity, opened, id } => write!(f, "{}.{}.{id}", severity.0, opened.0.as_ms()),
            Place::Over { ended, id } => write!(f, "over.{}.{id}", ended.0.as_ms()),
        }
    }
}

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no place in the list of incidents: want the cursor of a page before")]
pub struct BadCursor {
    /// What was given, shortened.
    pub text: String,
}

impl FromStr for Cursor {
    type Err = BadCursor;
    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let place = || {
            let (first, rest) = text.split_once('.')?;
            let (at, id) = rest.split_once('.')?;
            let (at, id) = (Reverse(Timestamp::from_ms(at.parse().ok()?)), id.parse().ok()?);
            if first == "over" {
                return Some(Place::Over { ended: at, id });
            }
            let severity = Severity::ALL.into_iter().find(|severity| severity.to_string() == first)?;
            Some(Place::Open { severity: Reverse(severity), opened: at, id })
        };
        place().map(Self).ok_or_else(|| BadCursor { text: text.chars().take(80).collect() })
    }
}

/// Which incidents a list wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that people work on.
    Open,
    /// Those that are over.
    Over,
    /// Both: first those that are open, then those that are over.
    All,
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The incidents.
    pub rows: Vec<Arc<IncidentRow>>,
    /// Where the next page begins; none: this is the last.
    pub next: Option<Cursor>,
}

/// What the indexes hold of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) deadline: Option<Timestamp>,
    pub(super) place: Place,
    /// Since when it rests, if it is over: after a while it goes cold.
    pub(super) rests: Option<Timestamp>,
    /// Whether everybody was tried for it and nobody is known to have been reached.
    pub(super) unreached: bool,
    /// Whose signal opened it, and whether it is about a known service, while it is open.
    pub(super) opener: Option<(SourceId, bool)>,
    /// Whether it gathers what a source may not claim, while it is open.
    pub(super) gathers: bool,
    /// What its claims of tasks hold.
    pub(super) held: OrdSet<Hold>,
}

impl Indexed {
    pub(super) fn of(incident: &Incident) -> Self {
        Self {
            deadline: next_deadline(incident),
            place: Place::of_incident(incident),
            // One that is to be looked at again does not rest.
            rests: (!incident.is_open() && next_deadline(incident).is_none()).then(|| incident.last_event()),
            unreached: incident.unreached() > 0,
            opener: incident
                .opener()
                .filter(|_| incident.is_open())
                .map(|source| (source.clone(), incident.service().is_some())),
            gathers: incident.gathers() && incident.is_open(),
            held: holds(incident),
        }
    }
}
