//! What a start needs of a board in the place of the whole log: the rows of what is cold, the indexes, and which incidents are to be
//! folded from their events again. It is a copy of the fold and nothing more: the log is the truth, and whoever reads a copy compares it
//! with the log later. Its form belongs to one build: another build ignores it, so it may change at any time.
//! Tests: `board/tests/kept.rs`, the law in `tests/laws.rs`.

use std::{collections::HashMap, sync::Arc};

use imbl::OrdMap;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Board,
    bytes::{BadKept, In, Out},
    damage::{Aside, Subject},
    gap_key,
    loose::{Loose, LooseSignal},
    place::{Indexed, Place},
    row::IncidentRow,
};
use crate::{
    chain::Gap,
    correlate::Groups,
    id::{Id, IncidentId, Name, ServiceId, SilenceId},
    incident::{Actor, Incident, Phase, Severity},
    journal::Stream,
    money::Usd,
    signal::Fingerprint,
    silence::Silence,
    time::Timestamp,
};

/// A board that was kept, without the incidents that were not cold.
#[derive(Debug)]
pub struct Kept {
    board: Board,
    warm: Vec<(IncidentId, u64)>,
}

impl Board {
    /// How many incidents a start would have to fold again if this board were kept.
    pub fn warm_incidents(&self) -> usize {
        self.incidents.len()
    }

    /// As bytes.
    pub fn keep(&self) -> Vec<u8> {
        // Named one by one, so that whoever adds something says whether it is kept. The rest follows from the incidents.
        let Self {
            incidents,
            cold,
            signals,
            claims,
            groups,
            pages,
            loose,
            silences,
            returning,
            noticing,
            gaps,
            aside,
            erased,
            journal,
            order: _,
            open: _,
            resting: _,
            unreached: _,
            held: _,
            deadlines: _,
            tally: _,
            openers: _,
            gathering: _,
            pace: _,
        } = self;
        let mut out = Out::default();
        out.count(incidents.len());
        for (id, incident) in incidents {
            out.id(id.bytes());
            out.number(incident.version());
        }
        out.count(cold.len());
        cold.values().for_each(|row| put_row(&mut out, row));
        put_index(&mut out, signals.iter().map(|(key, id)| (key.bytes(), id)));
        put_index(&mut out, claims.iter().map(|(key, id)| (key.bytes(), id)));
        put_index(&mut out, pages.iter().map(|(key, id)| (key.bytes(), id)));
        out.number(*journal);
        put_json(&mut out, groups);
        put_json(&mut out, &loose.kept());
        put_json(&mut out, &silences.values().collect::<Vec<&Arc<Silence>>>());
        put_json(&mut out, &returning.iter().collect::<Vec<_>>());
        put_json(&mut out, &noticing.iter().collect::<Vec<_>>());
        put_json(&mut out, &gaps.values().collect::<Vec<&Arc<Gap>>>());
        put_json(&mut out, &aside.iter().collect::<Vec<(&Subject, &Aside)>>());
        put_json(&mut out, &erased.iter().collect::<Vec<_>>());
        out.0
    }
}

impl Kept {
    /// From what [`Board::keep`] gave.
    pub fn read(bytes: &[u8]) -> Result<Self, BadKept> {
        let mut bytes = In(bytes);
        let mut warm = Vec::new();
        for _ in 0..bytes.count()? {
            warm.push((Id::from_bytes(bytes.id()?), bytes.number()?));
        }
        let mut board = Board::default();
        let mut services = HashMap::new();
        for _ in 0..bytes.count()? {
            let row = row(&mut bytes, &mut services)?;
            board.order.insert(Place::of(&row));
            board.cold.insert(row.id, Arc::new(row));
        }
        board.signals = index(&mut bytes, Id::from_bytes)?;
        board.claims = index(&mut bytes, Fingerprint::from_bytes)?;
        board.pages = index(&mut bytes, Id::from_bytes)?;
        board.journal = bytes.number()?;
        board.groups = json::<Groups>(&mut bytes)?;
        board.loose = Loose::of_kept(json::<Vec<(bool, LooseSignal)>>(&mut bytes)?);
        board.silences = json::<Vec<Arc<Silence>>>(&mut bytes)?.into_iter().map(|one| (one.id, one)).collect();
        board.returning = json::<Vec<(Timestamp, SilenceId)>>(&mut bytes)?.into_iter().collect();
        board.noticing = json::<Vec<(Timestamp, SilenceId)>>(&mut bytes)?.into_iter().collect();
        board.gaps = json::<Vec<Arc<Gap>>>(&mut bytes)?.into_iter().map(|gap| (gap_key(&gap), gap)).collect();
        board.aside = json::<Vec<(Subject, Aside)>>(&mut bytes)?.into_iter().collect();
        board.erased = json::<Vec<((Stream, u64), Arc<str>)>>(&mut bytes)?.into_iter().collect();
        if bytes.0.is_empty() { Ok(Self { board, warm }) } else { Err(BadKept::Cut) }
    }

    /// The incidents that are to be folded from their events, each up to this version.
    pub fn warm(&self) -> &[(IncidentId, u64)] {
        &self.warm
    }

    /// The board without the incidents that are not cold.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// The board, with these incidents: those of [`Kept::warm`], in their order.
    pub fn with(self, incidents: Vec<Arc<Incident>>) -> Result<Board, BadKept> {
        let Self { mut board, warm } = self;
        if warm.len() != incidents.len() {
            return Err(BadKept::Cut);
        }
        for ((id, version), incident) in warm.into_iter().zip(incidents) {
            if (incident.id(), incident.version()) != (id, version) {
                return Err(BadKept::Other { id, want: version, got: incident.version() });
            }
            board.index(id, None, Some(Indexed::of(&incident)));
            board.incidents.insert(id, incident);
        }
        board.deadline(Stream::Journal).map(|at| board.deadlines.insert((at, Stream::Journal)));
        Ok(board)
    }
}

fn put_row(out: &mut Out, row: &IncidentRow) {
    let IncidentRow {
        id,
        title,
        service,
        drill,
        phase,
        severity,
        money_at_risk,
        opened,
        resolved,
        last_event,
        version,
        signals,
        live,
        absorbed,
        acknowledged_by,
        next_step,
        stands_down,
        looks_again,
        merged_into,
        unreached,
        restricted,
    } = row;
    let instant = |out: &mut Out, at: &Timestamp| out.instant(at.as_ms());
    out.id(id.bytes());
    out.text(title);
    out.maybe(service.as_ref(), |out, service| out.text(service.as_str()));
    out.byte(u8::from(*drill));
    out.text(phase.word());
    out.byte(severity.number());
    out.number(money_at_risk.cents());
    instant(out, opened);
    out.maybe(resolved.as_ref(), instant);
    instant(out, last_event);
    out.number(*version);
    out.count(*signals);
    out.count(*live);
    out.number(*absorbed);
    out.maybe(acknowledged_by.as_ref(), put_actor);
    out.maybe(next_step.as_ref(), instant);
    out.maybe(stands_down.as_ref(), instant);
    out.maybe(looks_again.as_ref(), instant);
    out.maybe(merged_into.as_ref(), |out, id| out.id(id.bytes()));
    out.number(u64::from(*unreached));
    out.byte(u8::from(*restricted));
}

/// Names of services repeat: each is kept in memory once.
fn row<'a>(bytes: &mut In<'a>, services: &mut HashMap<&'a str, ServiceId>) -> Result<IncidentRow, BadKept> {
    let instant = |bytes: &mut In<'a>| bytes.instant().map(Timestamp::from_ms);
    Ok(IncidentRow {
        id: Id::from_bytes(bytes.id()?),
        title: bytes.text()?.into(),
        service: bytes.maybe(|bytes| {
            let text = bytes.text()?;
            if let Some(known) = services.get(text) {
                return Ok(known.clone());
            }
            let service: ServiceId = name(text)?;
            services.insert(text, service.clone());
            Ok(service)
        })?,
        drill: bytes.flag()?,
        phase: phase(bytes.text()?)?,
        severity: severity(bytes.byte()?)?,
        money_at_risk: Usd::from_cents(bytes.number()?),
        opened: instant(bytes)?,
        resolved: bytes.maybe(instant)?,
        last_event: instant(bytes)?,
        version: bytes.number()?,
        signals: bytes.count()?,
        live: bytes.count()?,
        absorbed: bytes.number()?,
        acknowledged_by: bytes.maybe(actor)?,
        next_step: bytes.maybe(instant)?,
        stands_down: bytes.maybe(instant)?,
        looks_again: bytes.maybe(instant)?,
        merged_into: bytes.maybe(|bytes| bytes.id().map(Id::from_bytes))?,
        unreached: u32::try_from(bytes.number()?).map_err(|_| BadKept::Cut)?,
        restricted: bytes.flag()?,
    })
}

fn put_actor(out: &mut Out, actor: &Actor) {
    match actor {
        Actor::Person(person) => {
            out.byte(0);
            out.text(person.as_str());
        }
        Actor::Token(token) => {
            out.byte(1);
            out.text(token);
        }
        Actor::System => out.byte(2),
    }
}

fn actor(bytes: &mut In<'_>) -> Result<Actor, BadKept> {
    match bytes.byte()? {
        0 => name(bytes.text()?).map(Actor::Person),
        1 => Ok(Actor::Token(bytes.text()?.to_owned())),
        2 => Ok(Actor::System),
        other => Err(BadKept::Strange { what: "actor", value: other.to_string() }),
    }
}

fn phase(word: &str) -> Result<Phase, BadKept> {
    let known =
        [Phase::Triggered, Phase::Acknowledged, Phase::Mitigated, Phase::Resolved, Phase::Reviewed, Phase::Merged];
    let found = known.into_iter().find(|phase| phase.word() == word);
    found.ok_or_else(|| BadKept::Strange { what: "phase", value: word.to_owned() })
}

fn severity(number: u8) -> Result<Severity, BadKept> {
    let found = Severity::ALL.into_iter().find(|severity| severity.number() == number);
    found.ok_or_else(|| BadKept::Strange { what: "severity", value: number.to_string() })
}

fn name<K: crate::id::Kind>(text: &str) -> Result<Name<K>, BadKept> {
    Name::new(text).map_err(|bad| BadKept::Strange { what: "name", value: bad.to_string() })
}

fn put_index<'a>(out: &mut Out, index: impl ExactSizeIterator<Item = (&'a [u8; 16], &'a IncidentId)>) {
    out.count(index.len());
    for (key, id) in index {
        out.id(key);
        out.id(id.bytes());
    }
}

fn index<K: Ord + Clone>(bytes: &mut In<'_>, key: impl Fn([u8; 16]) -> K) -> Result<OrdMap<K, IncidentId>, BadKept> {
    let mut index = OrdMap::new();
    for _ in 0..bytes.count()? {
        index.insert(key(bytes.id()?), Id::from_bytes(bytes.id()?));
    }
    Ok(index)
}

/// What is little, and has a stored form of its own. What is written here is plain data, which JSON always holds.
fn put_json(out: &mut Out, value: &impl Serialize) {
    out.text(&serde_json::to_string(value).unwrap_or_default());
}

fn json<T: DeserializeOwned>(bytes: &mut In<'_>) -> Result<T, BadKept> {
    serde_json::from_str(bytes.text()?).map_err(|error| BadKept::Strange { what: "JSON", value: error.to_string() })
}
