//! Who is on call: a schedule's rotations and overrides laid over each other.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::{
    Schedule, Turn,
    rota::{Rota, ShiftOf, zone},
};
use crate::{id::PersonId, limits::TURNS_SPAN_MAX, time::Timestamp};

impl Schedule {
    /// Who is on call at `at`; none: a hole.
    pub fn on_call(&self, at: Timestamp) -> Option<&PersonId> {
        if let Some(found) = self.overrides.iter().rev().find(|o| o.from <= at && at < o.until) {
            return Some(&found.person);
        }
        let zone = zone(&self.zone)?;
        let shift = self.rotations.iter().rev().find_map(|rotation| Rota::new(rotation, &zone)?.shift_at(at));
        shift.map(|shift| shift.person)
    }

    /// The longest stretch around `at` with the same person, or with nobody. What has no beginning or end reaches to
    /// [`Timestamp::MIN`] or [`Timestamp::MAX`].
    pub fn turn_at(&self, at: Timestamp) -> Turn {
        let zone = zone(&self.zone);
        let layers = Layers::new(self, zone.as_ref());
        let here = layers.stretch(at);
        let (mut from, mut until) = (here.from, here.until);
        // Both walks end: a rotation of several people hands over within its length, one of a single person never does and is
        // one stretch, and overrides are finitely many.
        while from > Timestamp::MIN {
            let before = layers.stretch(Timestamp::from_ms(from.as_ms() - 1));
            if before.person != here.person {
                break;
            }
            from = before.from;
        }
        while until < Timestamp::MAX {
            let after = layers.stretch(until);
            if after.person != here.person {
                break;
            }
            until = after.until;
        }
        Turn { person: here.person.cloned(), from, until }
    }

    /// The turn after the one around `at`: the next hand-over and who takes over. None: the present turn never ends.
    pub fn next_turn(&self, at: Timestamp) -> Option<Turn> {
        let present = self.turn_at(at);
        (present.until < Timestamp::MAX).then(|| self.turn_at(present.until))
    }

    /// Every turn from `from` until before `until`, cut to that range, holes included: without overlap and without break.
    /// A range longer than [`TURNS_SPAN_MAX`] is cut to it; the last turn's end says where.
    pub fn turns(&self, from: Timestamp, until: Timestamp) -> Vec<Turn> {
        let until = until.min(from.plus(TURNS_SPAN_MAX));
        let zone = zone(&self.zone);
        let layers = Layers::new(self, zone.as_ref());
        let mut turns: Vec<Turn> = Vec::new();
        let mut shift = None;
        let mut cursor = from;
        while cursor < until {
            let stretch = layers.stretch_from(cursor, &mut shift);
            let end = stretch.until.min(until);
            match turns.last_mut() {
                Some(last) if last.person.as_ref() == stretch.person => last.until = end,
                Some(_) | None => turns.push(Turn { person: stretch.person.cloned(), from: cursor, until: end }),
            }
            cursor = end;
        }
        turns
    }
}

/// Nothing changes in it: the same override, or the same shift of the same rotation, or nobody.
#[derive(Debug, Clone, Copy)]
struct Stretch<'a> {
    person: Option<&'a PersonId>,
    from: Timestamp,
    until: Timestamp,
}

impl Stretch<'_> {
    fn within(self, from: Timestamp, until: Timestamp) -> Self {
        Self { person: self.person, from: self.from.max(from), until: self.until.min(until) }
    }
}

/// A schedule made flat: which rotation rules when, and which override wins when.
struct Layers<'a> {
    /// By start; each rules until the next begins.
    rotas: Vec<Rota<'a>>,
    /// By time, without overlap; each has somebody.
    overrides: Vec<Stretch<'a>>,
}

/// A shift that a walk through time saw last, and the place of its rotation.
type Seen<'a> = Option<(usize, ShiftOf<'a>)>;

impl<'a> Layers<'a> {
    fn new(schedule: &'a Schedule, zone: Option<&TimeZone>) -> Self {
        Self { rotas: ruling(schedule, zone), overrides: winning(schedule) }
    }

    fn stretch(&self, at: Timestamp) -> Stretch<'a> {
        self.stretch_from(at, &mut None)
    }

    /// The stretch around `at`. `seen` spares a walk forward in time the search for each shift.
    fn stretch_from(&self, at: Timestamp, seen: &mut Seen<'a>) -> Stretch<'a> {
        let place = self.overrides.partition_point(|o| o.from <= at);
        let before = place.checked_sub(1).and_then(|before| self.overrides.get(before));
        if let Some(current) = before.filter(|o| at < o.until) {
            return *current;
        }
        let from = before.map_or(Timestamp::MIN, |o| o.until);
        let until = self.overrides.get(place).map_or(Timestamp::MAX, |o| o.from);
        self.rotation_stretch(at, seen).within(from, until)
    }

    fn rotation_stretch(&self, at: Timestamp, seen: &mut Seen<'a>) -> Stretch<'a> {
        let place = self.rotas.partition_point(|rota| rota.first <= at);
        let until = self.rotas.get(place).map_or(Timestamp::MAX, |rota| rota.first);
        let ruling = place.checked_sub(1).and_then(|ruling| self.rotas.get(ruling));
        let Some(rota) = ruling else { return Stretch { person: None, from: Timestamp::MIN, until } };
        let shift = match *seen {
            Some((of, shift)) if of == place && shift.from <= at && at < shift.until => Some(shift),
            Some((of, shift)) if of == place && shift.until == at => rota.shift_after(shift),
            Some(_) | None => rota.shift_at(at),
        };
        *seen = shift.map(|shift| (place, shift));
        let Some(shift) = shift else { return Stretch { person: None, from: rota.first, until } };
        Stretch { person: Some(shift.person), from: shift.from, until: shift.until }.within(rota.first, until)
    }
}

/// The rotations that ever rule, by start: one rules once it has begun until a later one of the list begins.
fn ruling<'a>(schedule: &'a Schedule, zone: Option<&TimeZone>) -> Vec<Rota<'a>> {
    let Some(zone) = zone else { return Vec::new() };
    let mut begun: Vec<(usize, Rota<'a>)> = schedule
        .rotations
        .iter()
        .enumerate()
        .filter_map(|(place, rotation)| Rota::new(rotation, zone).map(|rota| (place, rota)))
        .collect();
    begun.sort_by_key(|(place, rota)| (rota.first, *place));
    let mut ruling: Vec<Rota<'a>> = Vec::new();
    let mut highest = None;
    for (place, rota) in begun {
        if highest.is_none_or(|highest| place > highest) {
            highest = Some(place);
            // Of two that begin together the later of the list rules from the start.
            ruling.retain(|earlier| earlier.first < rota.first);
            ruling.push(rota);
        }
    }
    ruling
}

/// The override that wins at each instant: the latest of the list among those in force.
fn winning(schedule: &Schedule) -> Vec<Stretch<'_>> {
    let mut edges: Vec<(Timestamp, usize, bool)> = Vec::with_capacity(schedule.overrides.len() * 2);
    for (place, o) in schedule.overrides.iter().enumerate().filter(|(_, o)| o.from < o.until) {
        edges.push((o.from, place, true));
        edges.push((o.until, place, false));
    }
    edges.sort_unstable();
    let mut in_force = BTreeSet::new();
    let mut winning: Vec<Stretch<'_>> = Vec::new();
    let mut since = Timestamp::MIN;
    for (at, place, begins) in edges {
        let winner = in_force.last().and_then(|place: &usize| schedule.overrides.get(*place));
        if let Some(winner) = winner.filter(|_| since < at) {
            let person = Some(&winner.person);
            match winning.last_mut() {
                Some(last) if last.until == since && last.person == person => last.until = at,
                Some(_) | None => winning.push(Stretch { person, from: since, until: at }),
            }
        }
        since = at;
        if begins {
            in_force.insert(place);
        } else {
            in_force.remove(&place);
        }
    }
    winning
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Override, Rotation, Shift};

    fn person(name: &str) -> PersonId {
        PersonId::new(name).unwrap()
    }
    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn rotation(people: &[&str], start: &str, shift: Shift) -> Rotation {
        let people = people.iter().map(|name| person(name)).collect();
        Rotation { people, start: start.parse().unwrap(), shift }
    }
    fn schedule(zone: &str, rotations: Vec<Rotation>) -> Schedule {
        Schedule { id: "primary".parse().unwrap(), zone: zone.to_owned(), rotations, overrides: vec![] }
    }
    fn print(turns: &[Turn]) -> Vec<String> {
        let who = |turn: &Turn| turn.person.as_ref().map_or("-".to_owned(), ToString::to_string);
        turns.iter().map(|t| format!("{} {} {}", t.from, t.until, who(t))).collect()
    }

    #[test]
    fn berlin_hands_over_at_nine_on_the_wall_across_the_march_change() {
        // Clocks go forward on Sunday 29 March 2026, 02:00 CET: the day from Saturday 09:00 to Sunday 09:00 has 23 hours.
        let days =
            schedule("Europe/Berlin", vec![rotation(&["ada", "bob"], "2026-03-27T09:00", Shift::Days { count: 1 })]);
        let turns = days.turns(instant("2026-03-27T00:00:00Z"), instant("2026-03-30T12:00:00Z"));
        assert_eq!(
            print(&turns),
            [
                "2026-03-27T00:00:00.000Z 2026-03-27T08:00:00.000Z -",
                "2026-03-27T08:00:00.000Z 2026-03-28T08:00:00.000Z ada",
                "2026-03-28T08:00:00.000Z 2026-03-29T07:00:00.000Z bob",
                "2026-03-29T07:00:00.000Z 2026-03-30T07:00:00.000Z ada",
                "2026-03-30T07:00:00.000Z 2026-03-30T12:00:00.000Z bob",
            ]
        );
    }

    #[test]
    fn berlin_hands_over_once_at_half_past_two_in_october() {
        // Sunday 25 October 2026 shows 02:30 twice, at 00:30 and at 01:30 UTC. The hand-over is at the first.
        let nights =
            schedule("Europe/Berlin", vec![rotation(&["ada", "bob"], "2026-10-24T02:30", Shift::Days { count: 1 })]);
        let turns = nights.turns(instant("2026-10-24T00:30:00Z"), instant("2026-10-26T02:00:00Z"));
        assert_eq!(
            print(&turns),
            [
                "2026-10-24T00:30:00.000Z 2026-10-25T00:30:00.000Z ada",
                "2026-10-25T00:30:00.000Z 2026-10-26T01:30:00.000Z bob",
                "2026-10-26T01:30:00.000Z 2026-10-26T02:00:00.000Z ada",
            ]
        );
        assert_eq!(nights.on_call(instant("2026-10-25T00:29:59.999Z")), Some(&person("ada")));
        assert_eq!(nights.on_call(instant("2026-10-25T01:30:00Z")), Some(&person("bob")));
    }

    #[test]
    fn new_york_weeks_and_exact_hours() {
        // Clocks go back on Sunday 1 November 2026. Weekly, Monday 09:00 on the wall: 13:00 UTC before, 14:00 UTC after.
        let weeks = rotation(&["ada", "bob", "cyd"], "2026-10-19T09:00", Shift::Weeks { count: 1 });
        let weekly = schedule("America/New_York", vec![weeks]);
        let turn = weekly.turn_at(instant("2026-10-31T00:00:00Z"));
        assert_eq!(print(&[turn]), ["2026-10-26T13:00:00.000Z 2026-11-02T14:00:00.000Z bob"]);
        let next = weekly.next_turn(instant("2026-10-31T00:00:00Z")).unwrap();
        assert_eq!(print(&[next]), ["2026-11-02T14:00:00.000Z 2026-11-09T14:00:00.000Z cyd"]);
        // Twelve exact hours, begun at 08:00 EDT, hand over at 07:00 and 19:00 EST.
        let hours = rotation(&["ada", "bob"], "2026-10-31T08:00", Shift::Hours { count: 12 });
        // By the wall it stays at 08:00 and 20:00, and the night between is an hour longer.
        let wall = rotation(&["ada", "bob"], "2026-10-31T08:00", Shift::WallHours { count: 12 });
        let wall = schedule("America/New_York", vec![wall]);
        for (at, begins, ends) in [
            ("2026-11-01T06:00:00Z", "2026-11-01T00:00:00Z", "2026-11-01T13:00:00Z"),
            ("2026-11-01T13:00:00Z", "2026-11-01T13:00:00Z", "2026-11-02T01:00:00Z"),
            ("2027-03-14T11:00:00Z", "2027-03-14T01:00:00Z", "2027-03-14T12:00:00Z"),
        ] {
            let turn = wall.turn_at(instant(at));
            assert_eq!((turn.from, turn.until), (instant(begins), instant(ends)), "{at}");
        }
        let turn = schedule("America/New_York", vec![hours]).turn_at(instant("2026-11-01T06:00:00Z"));
        assert_eq!(print(&[turn]), ["2026-11-01T00:00:00.000Z 2026-11-01T12:00:00.000Z bob"]);
    }

    #[test]
    fn the_later_layer_wins_and_the_later_override_wins_over_all() {
        let mut layered = schedule(
            "UTC",
            vec![
                rotation(&["ada"], "2026-01-01T00:00", Shift::Weeks { count: 1 }),
                rotation(&["bob"], "2026-01-10T00:00", Shift::Weeks { count: 1 }),
                rotation(&[], "2026-01-01T00:00", Shift::Weeks { count: 1 }),
            ],
        );
        for (from, until, who) in [(5, 8, "cyd"), (6, 7, "dan"), (7, 12, "ada"), (11, 11, "eve")] {
            let day = |day: u32| instant(&format!("2026-01-{day:02}T00:00:00Z"));
            layered.overrides.push(Override { from: day(from), until: day(until), person: person(who) });
        }
        let day = |day: u32| format!("2026-01-{day:02}T00:00:00.000Z");
        let turns = layered.turns(instant("2025-12-31T00:00:00Z"), instant("2026-01-20T00:00:00Z"));
        assert_eq!(
            print(&turns),
            [
                format!("2025-12-31T00:00:00.000Z {} -", day(1)),
                format!("{} {} ada", day(1), day(5)),
                format!("{} {} cyd", day(5), day(6)),
                format!("{} {} dan", day(6), day(7)),
                format!("{} {} ada", day(7), day(12)),
                format!("{} {} bob", day(12), day(20)),
            ]
        );
        let last = layered.turn_at(instant("2026-05-01T00:00:00Z"));
        assert_eq!((last.from.to_string(), last.until), (day(12), Timestamp::MAX));
        assert_eq!(layered.next_turn(instant("2026-05-01T00:00:00Z")), None);
    }

    #[test]
    fn nonsense_has_nobody() {
        let mut unknown =
            schedule("Mars/Olympus", vec![rotation(&["ada"], "2026-01-01T00:00", Shift::Days { count: 0 })]);
        assert_eq!(unknown.on_call(instant("2026-02-01T00:00:00Z")), None);
        assert_eq!(unknown.turn_at(Timestamp::MAX), Turn { person: None, from: Timestamp::MIN, until: Timestamp::MAX });
        unknown.zone = "UTC".to_owned();
        assert_eq!(unknown.on_call(instant("2026-02-01T00:00:00Z")), Some(&person("ada")));
        unknown.rotations = vec![rotation(&["ada", "bob"], "9999-12-01T00:00", Shift::Weeks { count: u32::MAX })];
        assert_eq!(unknown.on_call(Timestamp::MAX), Some(&person("ada")));
        assert!(unknown.turns(Timestamp::MAX, Timestamp::MAX).is_empty());
    }
}
