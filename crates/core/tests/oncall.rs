//! Who is on call, against an oracle that shares no arithmetic with the code: it steps from hand-over to hand-over and asks the
//! wall clock. Real zone rules, every clock change of ten years, awkward hand-over times, random overrides.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what cannot be")]

use std::collections::BTreeMap;

use jiff::{
    Span,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use proptest::prelude::*;
use quarterdeck_core::{
    id::PersonId,
    policy::{Override, Rotation, Schedule, Shift, Turn, zone},
    time::Timestamp,
};

/// Half-hour changes, changes in Ramadan, changes at midnight, zones that gave changes up, a zone that skipped a day, and zones
/// with odd offsets and none.
const ZONES: [&str; 24] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/Moscow",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Havana",
    "America/Asuncion",
    "America/Nuuk",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "UTC",
];

/// Times of day at which clocks change somewhere, and ordinary ones.
const TIMES: [&str; 14] = [
    "00:00",
    "00:30",
    "01:00",
    "01:30",
    "01:59:59.999",
    "02:00",
    "02:15",
    "02:30",
    "02:45",
    "03:00",
    "09:00",
    "17:30",
    "23:30",
    "23:59:59",
];

/// The ten years: 1 January of the first until 1 January ten years later.
const FIRST_YEARS: [i16; 3] = [2010, 2020, 2026];

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_ms()
}

fn year_ms(year: i16) -> i64 {
    ms(&format!("{year}-01-01T00:00:00Z"))
}

/// The oracle: every hand-over written out.
struct Oracle {
    rotations: Vec<Vec<(i64, PersonId)>>,
    overrides: Vec<Override>,
}

impl Oracle {
    fn new(schedule: &Schedule, until_ms: i64) -> Self {
        let zone = zone(&schedule.zone).unwrap();
        let steps = |rotation: &Rotation| {
            let mut hand_overs = Vec::new();
            let mut people = rotation.people.iter().cycle();
            let mut civil = rotation.start;
            let mut instant = first_showing(&zone, civil);
            while let Some(person) = people.next().filter(|_| instant <= until_ms) {
                hand_overs.push((instant, person.clone()));
                match rotation.shift {
                    Shift::Hours { count } => instant += i64::from(count) * 3_600_000,
                    Shift::WallHours { count } => {
                        civil = civil.checked_add(Span::new().hours(count)).unwrap();
                        instant = first_showing(&zone, civil);
                    }
                    Shift::Days { count } => {
                        civil = civil.checked_add(Span::new().days(count)).unwrap();
                        instant = first_showing(&zone, civil);
                    }
                    Shift::Weeks { count } => {
                        civil = civil.checked_add(Span::new().weeks(count)).unwrap();
                        instant = first_showing(&zone, civil);
                    }
                }
            }
            hand_overs
        };
        Self { rotations: schedule.rotations.iter().map(steps).collect(), overrides: schedule.overrides.clone() }
    }

    fn on_call(&self, at_ms: i64) -> Option<&PersonId> {
        let in_force = |o: &&Override| o.from.as_ms() <= at_ms && o.until.as_ms() > at_ms;
        if let Some(winner) = self.overrides.iter().rfind(in_force) {
            return Some(&winner.person);
        }
        let mut winner = None;
        for hand_overs in &self.rotations {
            let begun = hand_overs.iter().take_while(|(instant, _)| *instant <= at_ms);
            winner = begun.last().map(|(_, person)| person).or(winner);
        }
        winner
    }
}

/// When the wall first shows `civil`; where it never does, the first instant after the skip, found by looking at the wall every
/// second.
fn first_showing(zone: &TimeZone, civil: DateTime) -> i64 {
    let candidates = zone.to_ambiguous_timestamp(civil);
    if let AmbiguousOffset::Gap { .. } = candidates.offset() {
        let before = candidates.earlier().unwrap().as_second();
        let mut seconds = before..=before + 2 * 86_400;
        let found = seconds.find(|s| zone.to_datetime(jiff::Timestamp::from_second(*s).unwrap()) >= civil);
        return found.unwrap() * 1000;
    }
    candidates.compatible().unwrap().as_millisecond()
}

/// The instants at which clocks in `zone` change in these years.
fn changes(zone: &TimeZone, from_ms: i64, until_ms: i64) -> Vec<i64> {
    zone.following(jiff::Timestamp::from_millisecond(from_ms).unwrap())
        .map(|change| change.timestamp().as_millisecond())
        .take_while(|at| *at < until_ms)
        .collect()
}

#[derive(Debug, Clone)]
struct Case {
    schedule: Schedule,
    from_ms: i64,
    until_ms: i64,
    extra: Vec<i64>,
}

fn person(number: usize) -> PersonId {
    ["ada", "bob", "cyd", "dan", "eve", "fay"][number].parse().unwrap()
}

prop_compose! {
    fn a_rotation(first_year: i16)(
        people in prop::collection::vec(0_usize..6, 1..=6),
        day in -400_i64..1_200,
        time in prop::sample::select(&TIMES[..]),
        shift in prop_oneof![
            (1_u32..=168).prop_map(|count| Shift::Hours { count }),
            (1_u32..=168).prop_map(|count| Shift::WallHours { count }),
            (1_u32..=40).prop_map(|count| Shift::Days { count }),
            (1_u32..=6).prop_map(|count| Shift::Weeks { count }),
        ],
    ) -> Rotation {
        let date = jiff::civil::date(first_year, 1, 1).checked_add(Span::new().days(day)).unwrap();
        let start = date.to_datetime(time.parse().unwrap());
        Rotation { people: people.into_iter().map(person).collect(), start, shift }
    }
}

prop_compose! {
    fn a_case()(first_year in prop::sample::select(&FIRST_YEARS[..]))(
        from_ms in Just(year_ms(first_year)),
        until_ms in Just(year_ms(first_year + 10)),
        zone in prop::sample::select(&ZONES[..]),
        rotations in prop::collection::vec(a_rotation(first_year), 0..=3),
        overrides in prop::collection::vec(
            (year_ms(first_year)..year_ms(first_year + 10), -3_600_000_i64..40 * 86_400_000, 0_usize..6), 0..6),
        extra in prop::collection::vec(year_ms(first_year) - 90_000_000_000..year_ms(first_year + 10), 60),
    ) -> Case {
        let overrides = overrides.into_iter().map(|(from, length, who)| Override {
            from: Timestamp::from_ms(from), until: Timestamp::from_ms(from + length), person: person(who),
        }).collect();
        let schedule =
            Schedule { id: "primary".parse().unwrap(), zone: zone.to_owned(), rotations, overrides };
        Case { schedule, from_ms, until_ms, extra }
    }
}

impl Case {
    /// Every clock change, every edge of an override, the hand-overs next to clock changes, and random instants; each with the
    /// millisecond before and after.
    fn instants(&self, oracle: &Oracle) -> Vec<i64> {
        let zone = zone(&self.schedule.zone).unwrap();
        let changes = changes(&zone, self.from_ms, self.until_ms);
        let near = |at: i64| changes.iter().any(|change| (change - at).abs() <= 86_400_000);
        let mut instants = self.extra.clone();
        instants.extend(oracle.rotations.iter().flatten().map(|(at, _)| *at).filter(|at| near(*at)));
        instants.extend(oracle.rotations.iter().filter_map(|hand_overs| hand_overs.first()).map(|(at, _)| *at));
        instants.extend(self.schedule.overrides.iter().flat_map(|o| [o.from.as_ms(), o.until.as_ms()]));
        instants.extend(&changes);
        instants.iter().flat_map(|at| [at - 1, *at, at + 1]).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn at_every_clock_change_of_ten_years_the_right_person_is_on_call(case in a_case()) {
        let oracle = Oracle::new(&case.schedule, case.until_ms + 400 * 86_400_000);
        for at in case.instants(&oracle) {
            let instant = Timestamp::from_ms(at);
            prop_assert_eq!(case.schedule.on_call(instant), oracle.on_call(at), "at {}", instant);
        }
    }

    #[test]
    fn turns_are_a_partition_and_each_is_right(case in a_case(), skip in 0_i64..400 * 86_400_000, days in 1_i64..600) {
        let oracle = Oracle::new(&case.schedule, case.until_ms + 1_000 * 86_400_000);
        let (from, until) = (case.from_ms + skip, case.from_ms + skip + days * 86_400_000);
        let turns = case.schedule.turns(Timestamp::from_ms(from), Timestamp::from_ms(until));
        prop_assert_eq!(turns.first().map(|turn| turn.from.as_ms()), Some(from));
        prop_assert_eq!(turns.last().map(|turn| turn.until.as_ms()), Some(until));
        for (turn, next) in turns.iter().zip(turns.iter().skip(1)) {
            prop_assert_eq!(turn.until, next.from);
            prop_assert_ne!(&turn.person, &next.person);
        }
        for Turn { person, from, until } in &turns {
            prop_assert!(from < until);
            for at in [from.as_ms(), i64::midpoint(from.as_ms(), until.as_ms()), until.as_ms() - 1] {
                prop_assert_eq!(person.as_ref(), oracle.on_call(at), "at {}", Timestamp::from_ms(at));
            }
        }
    }

    #[test]
    fn a_turn_agrees_with_on_call_at_its_ends(case in a_case()) {
        for at in case.extra.iter().take(20).map(|at| Timestamp::from_ms(*at)) {
            let turn = case.schedule.turn_at(at);
            prop_assert!(turn.from <= at && at < turn.until);
            let who = |ms: i64| case.schedule.on_call(Timestamp::from_ms(ms)).cloned();
            prop_assert_eq!(&who(at.as_ms()), &turn.person);
            prop_assert_eq!(&who(turn.from.as_ms()), &turn.person);
            prop_assert_eq!(&who(turn.until.as_ms() - 1), &turn.person);
            let next = case.schedule.next_turn(at);
            if turn.from > Timestamp::MIN {
                prop_assert_ne!(&who(turn.from.as_ms() - 1), &turn.person);
            }
            if turn.until < Timestamp::MAX {
                prop_assert_ne!(&who(turn.until.as_ms()), &turn.person);
                let next = next.unwrap();
                prop_assert_eq!(next.from, turn.until);
                prop_assert_eq!(&who(next.from.as_ms()), &next.person);
            } else {
                prop_assert_eq!(next, None);
            }
        }
    }
}

#[test]
fn the_zones_do_change_their_clocks() {
    // The laws above would hold in silence over zones without changes.
    let counts: BTreeMap<&str, usize> =
        ZONES.iter().map(|name| (*name, changes(&zone(name).unwrap(), year_ms(2010), year_ms(2020)).len())).collect();
    let changing = counts.values().filter(|count| **count > 0).count();
    assert!(changing >= 20, "{counts:?}");
    assert!(counts["Europe/Berlin"] == 20 && counts["Pacific/Apia"] > 10 && counts["UTC"] == 0, "{counts:?}");
}

#[test]
fn every_zone_and_awkward_time_hands_over_rightly_at_each_change_of_ten_years() {
    // Daily hand-over at each awkward time in each zone: the combination that random cases may miss.
    for name in ZONES {
        for time in TIMES {
            let start = jiff::civil::date(2019, 12, 30).to_datetime(time.parse().unwrap());
            let rotation = Rotation { people: (0..3).map(person).collect(), start, shift: Shift::Days { count: 1 } };
            let id = "primary".parse().unwrap();
            let schedule = Schedule { id, zone: name.to_owned(), rotations: vec![rotation], overrides: vec![] };
            let oracle = Oracle::new(&schedule, year_ms(2030));
            let hand_overs: &[(i64, PersonId)] = &oracle.rotations[0];
            for change in changes(&zone(name).unwrap(), year_ms(2020), year_ms(2030) - 2 * 86_400_000) {
                let place = hand_overs.partition_point(|(at, _)| *at <= change);
                for at in hand_overs[place - 1..=place].iter().map(|(at, _)| *at).chain([change]) {
                    for at in [at - 1, at, at + 1] {
                        let place = hand_overs.partition_point(|(begun, _)| *begun <= at);
                        let right = Some(&hand_overs[place - 1].1);
                        assert_eq!(schedule.on_call(Timestamp::from_ms(at)), right, "{name} {time} at {at}");
                    }
                }
            }
        }
    }
}
