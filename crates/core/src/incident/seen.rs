//! Who was seen in which room, and when. Being seen is no event: only who comes and who has been gone for a while is one, by the
//! commands that this asks for. So it stands beside the fold, and is lost with the process: whoever is present by the log counts as
//! seen when the program begins again. Never reads a clock. Tests: in `decide/room/tests.rs`, and `scenarios/room/`.

use std::collections::BTreeMap;

use crate::{
    id::{IncidentId, PersonId},
    incident::{Incident, RoomCommand},
    limits::PRESENCE_GRACE,
    time::Timestamp,
};

/// Who was seen last when, in which room.
#[derive(Debug, Default)]
pub struct Seen {
    last: BTreeMap<(IncidentId, PersonId), Timestamp>,
}

impl Seen {
    /// Those who are present by these incidents, as seen now.
    pub fn begin<'a>(incidents: impl IntoIterator<Item = &'a Incident>, now: Timestamp) -> Self {
        let present = |incident: &'a Incident| {
            incident.room().present().keys().map(move |person| ((incident.id(), person.clone()), now))
        };
        Self { last: incidents.into_iter().flat_map(present).collect() }
    }

    /// Somebody is seen in a room. What to ask of the incident, if they are not present there; of one that is over nothing is asked,
    /// for whoever reads it again changes nothing by that.
    pub fn see(&mut self, incident: &Incident, person: &PersonId, now: Timestamp) -> Option<RoomCommand> {
        let present = incident.room().present().contains_key(person);
        if !incident.is_open() && !present {
            return None;
        }
        self.last.insert((incident.id(), person.clone()), now);
        (!present).then(|| RoomCommand::Enter { person: person.clone() })
    }

    /// Those who were not seen for longer than [`PRESENCE_GRACE`]: what to ask of their incidents. They are forgotten here.
    pub fn gone(&mut self, now: Timestamp) -> Vec<(IncidentId, RoomCommand)> {
        let over = |seen: Timestamp| now.since(seen) >= PRESENCE_GRACE;
        let gone: Vec<_> = self.last.extract_if(.., |_, seen| over(*seen)).collect();
        gone.into_iter().map(|((incident, person), seen)| (incident, RoomCommand::Leave { person, seen })).collect()
    }

    /// Somebody's leaving could not be written: they count as seen when they were, unless they were seen since.
    pub fn keep(&mut self, incident: IncidentId, person: PersonId, seen: Timestamp) {
        self.last.entry((incident, person)).or_insert(seen);
    }

    /// When to look again who has gone; none: nobody is here.
    pub fn next(&self) -> Option<Timestamp> {
        self.last.values().min().map(|seen| seen.plus(PRESENCE_GRACE))
    }
}
