//! What happened to an incident. Each family of events belongs to one facet and is declared there; a stored event says by its `type`
//! which it is, so the families do not show in what is stored.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

pub use crate::incident::{
    access::event::AccessEvent,
    checks::event::ChecksEvent,
    claims::event::{ClaimsEvent, SeverityChange},
    evidence::event::EvidenceEvent,
    life::event::{LifeEvent, Overridden, Recovery},
    paging::event::{PageOutcome, PageReason, PagingEvent},
    roles::event::RolesEvent,
    room::event::RoomEvent,
    tasks::event::TasksEvent,
};
pub use crate::{incident::family::Family, signal::ERASED};

macro_rules! families {
    ($($(#[$doc:meta])* $family:ident($event:ident)),+ $(,)?) => {
        /// What happened, by the facet that it happened to.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum IncidentEvent {
            $($(#[$doc])* $family($event)),+
        }

        impl IncidentEvent {
            #[cfg(test)]
            const KINDS: &[&[&str]] = &[$($event::KINDS),+];

            /// The type with its version: `opened.v1`.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$family(event) => event.kind()),+
                }
            }

            /// The event without personal data: see [`Family::redacted`].
            #[must_use]
            pub fn redacted(&self) -> Self {
                match self {
                    $(Self::$family(event) => Self::$family(event.redacted())),+
                }
            }

            /// Reads the stored text. The type says the family, and the family's own reader does the rest: nothing is read into a tree
            /// first, since a start reads millions of events.
            pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
                let kind = kind_of(text)?;
                let kind = kind.as_ref();
                $(if $event::KINDS.contains(&kind) {
                    return serde_json::from_str(text).map(Self::$family);
                })+
                Err(serde_json::Error::custom(format!("`{kind}` is no event of an incident")))
            }
        }

        impl Serialize for IncidentEvent {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$family(event) => event.serialize(serializer)),+
                }
            }
        }

        $(impl From<$event> for IncidentEvent {
            fn from(event: $event) -> Self {
                Self::$family(event)
            }
        })+
    };
}

// THE LIST of families.
families! {
    /// It began, was answered, ended.
    Life(LifeEvent),
    /// Something was claimed, or its severity changed.
    Claims(ClaimsEvent),
    /// Somebody was to be reached.
    Paging(PagingEvent),
    /// Somebody does something of their own in it.
    Roles(RolesEvent),
    /// People wrote something together.
    Room(RoomEvent),
    /// Something is to be done, or somebody is on it.
    Tasks(TasksEvent),
    /// Somebody wanted to know whether it is over, and what checks said.
    Checks(ChecksEvent),
    /// Something was kept as evidence, or somebody had it in hand.
    Evidence(EvidenceEvent),
    /// Who may look, and who looked.
    Access(AccessEvent),
}

/// The `type` of a stored event. We write it first; wherever else it stands, it is found by reading.
fn kind_of(text: &str) -> Result<std::borrow::Cow<'_, str>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    let first = text.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split_once('"'));
    match first {
        Some((kind, _)) if !kind.contains('\\') => Ok(kind.into()),
        _ => serde_json::from_str::<Tag<'_>>(text).map(|tag| tag.kind),
    }
}

impl<'de> Deserialize<'de> for IncidentEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_wherever_it_stands() {
        let note = r#"{"by":"system","text":"x","type":"note_added.v1"}"#;
        assert!(matches!(IncidentEvent::from_json(note), Ok(IncidentEvent::Room(RoomEvent::NoteAdded { .. }))));
        assert_eq!(serde_json::from_str::<IncidentEvent>(note).unwrap(), IncidentEvent::from_json(note).unwrap());
        let escaped = r#"{"type":"note_\u0061dded.v1","by":"system","text":"x"}"#;
        assert!(IncidentEvent::from_json(escaped).is_ok());
        for bad in ["", "{}", r#"{"type":"note_added.v2"}"#, r#"{"type":5}"#, r#"{"type":"note_added.v1"}"#] {
            assert!(IncidentEvent::from_json(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_type_is_in_two_families() {
        let all = IncidentEvent::KINDS.concat();
        let different: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(different.len(), all.len());
    }
}
