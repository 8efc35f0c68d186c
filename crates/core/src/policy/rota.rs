//! Whose turn it is in one rotation, from civil dates and never by stepping from the start.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

use jiff::{
    SignedDuration,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use super::{Rotation, Shift};
use crate::{id::PersonId, time::Timestamp};

const HOUR_MS: i64 = 3_600_000;
/// Transitions looked at to find the end of a gap: the gap's own is the first unless the zone renamed itself within it.
const GAP_TRANSITIONS_MAX: usize = 8;

static RULES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
static GIVEN: OnceLock<BTreeMap<String, TimeZone>> = OnceLock::new();

/// Puts these rules in the place of the bundled ones, by names in small letters. Once, by the shell, before anybody asks for a zone:
/// rules that change under a running program would give the same history two meanings. False: it was done before.
pub fn use_zones(zones: BTreeMap<String, TimeZone>) -> bool {
    GIVEN.set(zones).is_ok()
}

/// The zone of an IANA name, from the rules that were given, else those bundled in the program; none if there is no such zone.
pub fn zone(name: &str) -> Option<TimeZone> {
    if let Some(given) = GIVEN.get().and_then(|given| given.get(&name.to_ascii_lowercase())) {
        return Some(given.clone());
    }
    match RULES.get(name) {
        Ok(zone) if !zone.is_unknown() => Some(zone),
        Ok(_) | Err(_) => None,
    }
}

/// The first instant at which clocks in `zone` show `civil` or later: after the gap where the clock skips it, the first of two
/// where it shows it twice. None outside the years 1 to 9999.
pub(super) fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let candidates = zone.to_ambiguous_timestamp(civil);
    let found = match candidates.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => candidates.earlier(),
        AmbiguousOffset::Gap { after, .. } => {
            let Ok(before_gap) = candidates.earlier() else { return None };
            let mut next = zone.following(before_gap).take(GAP_TRANSITIONS_MAX);
            return next.find(|change| change.offset() == after).map(|change| Timestamp::from_jiff(change.timestamp()));
        }
    };
    match found {
        Ok(instant) => Some(Timestamp::from_jiff(instant)),
        Err(_) => None,
    }
}

/// What a shift is made of.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Milliseconds, whatever the clocks of the zone do.
    Exact(i64),
    /// Hours as the wall shows them.
    Wall(i64),
    /// Calendar days.
    Days(i64),
}

/// A rotation in its zone, with its first hand-over found.
#[derive(Debug)]
pub(super) struct Rota<'a> {
    people: &'a [PersonId],
    start: DateTime,
    step: Step,
    zone: TimeZone,
    /// When the first shift begins.
    pub(super) first: Timestamp,
    /// Nobody else ever has a turn: the rotation never hands over.
    alone: bool,
}

/// One shift, from this instant until before that.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShiftOf<'a> {
    pub(super) person: &'a PersonId,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    index: i64,
}

impl<'a> Rota<'a> {
    /// None for a rotation that never has anybody: no people, or a start outside the calendar.
    pub(super) fn new(rotation: &'a Rotation, zone: &TimeZone) -> Option<Self> {
        let first_person = rotation.people.first()?;
        Some(Self {
            people: &rotation.people,
            start: rotation.start,
            step: match rotation.shift {
                Shift::Hours { count } => Step::Exact(i64::from(count.max(1)).saturating_mul(HOUR_MS)),
                Shift::WallHours { count } => Step::Wall(i64::from(count.max(1))),
                Shift::Days { count } => Step::Days(i64::from(count.max(1))),
                Shift::Weeks { count } => Step::Days(i64::from(count.max(1)).saturating_mul(7)),
            },
            zone: zone.clone(),
            first: instant(zone, rotation.start)?,
            alone: rotation.people.iter().all(|person| person == first_person),
        })
    }

    /// The shift around `at`; none before the start.
    pub(super) fn shift_at(&self, at: Timestamp) -> Option<ShiftOf<'a>> {
        if at < self.first {
            return None;
        }
        if self.alone {
            return self.shift(0, self.first, Timestamp::MAX);
        }
        let mut index = self.estimate(at);
        let mut from = self.hand_over(index);
        // The estimate counts civil dates, and a hand-over is at most one shift away from its date.
        while from > at && index > 0 {
            index -= 1;
            from = self.hand_over(index);
        }
        let mut until = self.hand_over(index + 1);
        while until <= at && until < Timestamp::MAX {
            index += 1;
            from = until;
            until = self.hand_over(index + 1);
        }
        self.shift(index, from, until)
    }

    /// The shift after `shift`.
    pub(super) fn shift_after(&self, shift: ShiftOf<'a>) -> Option<ShiftOf<'a>> {
        let index = shift.index.saturating_add(1);
        self.shift(index, shift.until, self.hand_over(index.saturating_add(1)))
    }

    fn shift(&self, index: i64, from: Timestamp, until: Timestamp) -> Option<ShiftOf<'a>> {
        let people = i64::try_from(self.people.len()).unwrap_or(i64::MAX);
        let place = usize::try_from(index.rem_euclid(people)).unwrap_or(0);
        self.people.get(place).map(|person| ShiftOf { person, from, until, index })
    }

    /// The index of the shift around `at`, to within one.
    fn estimate(&self, at: Timestamp) -> i64 {
        match self.step {
            Step::Exact(ms) => at.as_ms().saturating_sub(self.first.as_ms()) / ms,
            Step::Wall(hours) => {
                let passed = self.zone.to_datetime(at.to_jiff()).duration_since(self.start).as_hours();
                passed.max(0) / hours
            }
            Step::Days(days) => {
                let today = self.zone.to_datetime(at.to_jiff()).date();
                let passed = today.duration_since(self.start.date()).as_hours() / 24;
                passed.max(0) / days
            }
        }
    }

    /// When the shift of this index begins; the end of time where the calendar has ended.
    fn hand_over(&self, index: i64) -> Timestamp {
        match self.step {
            Step::Exact(ms) => Timestamp::from_ms(self.first.as_ms().saturating_add(ms.saturating_mul(index))),
            Step::Wall(_) | Step::Days(_) => {
                let each = match self.step {
                    Step::Days(days) => days.saturating_mul(24),
                    Step::Wall(hours) | Step::Exact(hours) => hours,
                };
                let hours = each.checked_mul(index);
                let civil = hours.map(|hours| self.start.checked_add(SignedDuration::from_hours(hours)));
                match civil {
                    Some(Ok(civil)) => instant(&self.zone, civil).unwrap_or(Timestamp::MAX),
                    Some(Err(_)) | None => Timestamp::MAX,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str, civil: &str) -> String {
        instant(&zone(name).unwrap(), civil.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_skipped_time_is_the_first_instant_after_the_skip() {
        // Berlin, 29 March 2026: 01:59:59 CET is followed by 03:00:00 CEST, at 01:00 UTC.
        assert_eq!(at("Europe/Berlin", "2026-03-29T01:59"), "2026-03-29T00:59:00.000Z");
        assert_eq!(at("Europe/Berlin", "2026-03-29T02:30"), "2026-03-29T01:00:00.000Z");
        assert_eq!(at("Europe/Berlin", "2026-03-29T03:00"), "2026-03-29T01:00:00.000Z");
        // New York, 8 March 2026: 01:59:59 EST is followed by 03:00:00 EDT, at 07:00 UTC.
        assert_eq!(at("America/New_York", "2026-03-08T02:30"), "2026-03-08T07:00:00.000Z");
        // Lord Howe, 4 October 2026: half an hour, 02:00 +10:30 becomes 02:30 +11, at 15:30 UTC the day before.
        assert_eq!(at("Australia/Lord_Howe", "2026-10-04T02:15"), "2026-10-03T15:30:00.000Z");
        // Apia skipped the whole of 30 December 2011: the 29th at 24:00 -10 was the 31st at 00:00 +14.
        assert_eq!(at("Pacific/Apia", "2011-12-30T09:00"), "2011-12-30T10:00:00.000Z");
    }

    #[test]
    fn a_time_shown_twice_is_its_first_showing() {
        // Berlin, 25 October 2026: 02:59:59 CEST is followed by 02:00:00 CET, at 01:00 UTC.
        assert_eq!(at("Europe/Berlin", "2026-10-25T02:30"), "2026-10-25T00:30:00.000Z");
        assert_eq!(at("Europe/Berlin", "2026-10-25T03:00"), "2026-10-25T02:00:00.000Z");
        // New York, 1 November 2026: 01:59:59 EDT is followed by 01:00:00 EST, at 06:00 UTC.
        assert_eq!(at("America/New_York", "2026-11-01T01:30"), "2026-11-01T05:30:00.000Z");
    }

    #[test]
    fn no_zone_is_no_zone() {
        for name in ["", "Mars/Olympus", "../../etc/passwd", "Etc/Unknown"] {
            assert!(zone(name).is_none(), "{name}");
        }
    }
}
