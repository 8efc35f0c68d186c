//! What is wrong with people, schedules and policies before anything happens. Each mistake says what to do about it.

use std::{collections::BTreeSet, time::Duration};

use super::{EscalationPolicy, Person, Roster, Rotation, Schedule, Shift, Target, rota};
use crate::{
    id::{PersonId, PolicyId, ScheduleId},
    limits::{
        ACKNOWLEDGEMENT_MAX, OVERRIDES_MAX, PEOPLE_PER_ROTATION_MAX, ROTATIONS_MAX, ROUNDS_MAX, SHIFT_DAYS_MAX,
        SHIFT_HOURS_MAX, SHIFT_WEEKS_MAX, TARGETS_PER_TIER_MAX, TIER_DELAY_MAX, TIER_DELAY_MIN, TIERS_MAX,
    },
    time::Timestamp,
};

/// What is wrong with a roster. Rotations, overrides and tiers are counted from 1, as people count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// No such zone in the bundled rules.
    #[error("{place} has zone `{zone}`, which does not exist")]
    UnknownZone {
        /// `schedule `primary`` or `person `ada``.
        place: String,
        /// What was written.
        zone: String,
    },
    /// An entry is listed under another name than its own.
    #[error("{place} is listed under the name `{key}`")]
    WrongName {
        /// The entry by its own name.
        place: String,
        /// The name it is listed under.
        key: String,
    },
    /// A rotation that never has anybody.
    #[error("rotation {rotation} of schedule `{schedule}` has no people")]
    EmptyRotation {
        /// The schedule that has it.
        schedule: ScheduleId,
        /// From 1.
        rotation: usize,
    },
    /// A shift outside its bounds.
    #[error("rotation {rotation} of schedule `{schedule}` has shifts of {count} {unit}")]
    ShiftCount {
        /// The schedule that has it.
        schedule: ScheduleId,
        /// From 1.
        rotation: usize,
        /// How many.
        count: u32,
        /// `hours`, `wall_hours`, `days` or `weeks`.
        unit: &'static str,
        /// The most there may be.
        max: u32,
    },
    /// An override that ends before it begins.
    #[error("override {number} of schedule `{schedule}` runs from {from} until {until}, which is not later")]
    BackwardOverride {
        /// The schedule that has it.
        schedule: ScheduleId,
        /// From 1.
        number: usize,
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// More of something than there may be.
    #[error("{place} has {count} {what}")]
    TooMany {
        /// The entry that says so, as people find it: `policy ops`.
        place: String,
        /// How many there are.
        count: usize,
        /// Of what.
        what: &'static str,
        /// The most there may be.
        max: usize,
    },
    /// A name that no person has.
    #[error("{place} names person `{person}`, who does not exist")]
    UnknownPerson {
        /// The entry that says so, as people find it: `policy ops`.
        place: String,
        /// The name that nobody has.
        person: PersonId,
    },
    /// A name that no schedule has.
    #[error("tier {tier} of policy `{policy}` names schedule `{schedule}`, which does not exist")]
    UnknownSchedule {
        /// The policy that has it.
        policy: PolicyId,
        /// From 1.
        tier: usize,
        /// The name that no schedule has.
        schedule: ScheduleId,
    },
    /// A policy that pages nobody but its fallback.
    #[error("policy `{policy}` has no tiers")]
    NoTiers {
        /// The policy.
        policy: PolicyId,
    },
    /// A tier that pages nobody.
    #[error("tier {tier} of policy `{policy}` has no targets")]
    EmptyTier {
        /// The policy that has it.
        policy: PolicyId,
        /// From 1.
        tier: usize,
    },
    /// A wait outside its bounds.
    #[error("{place} is {}", exact(*.span))]
    SpanOutside {
        /// `the delay of tier 1 of policy `default``.
        place: String,
        /// What was written.
        span: Duration,
        /// The least it may be.
        min: Duration,
        /// The most it may be.
        max: Duration,
    },
    /// Rounds outside their bounds.
    #[error("policy `{policy}` has {rounds} rounds")]
    Rounds {
        /// The policy.
        policy: PolicyId,
        /// What was written.
        rounds: u32,
    },
    /// A fallback whom no page can reach.
    #[error("`{person}`, the fallback of policy `{policy}`, has no contact")]
    FallbackWithoutContact {
        /// The policy that has it.
        policy: PolicyId,
        /// The fallback.
        person: PersonId,
    },
}

impl Mistake {
    /// What to do about it, for the line below the error.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownZone { .. } => {
                "use an IANA name such as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned()
            }
            Self::WrongName { place, .. } => format!("list {place} under its own name"),
            Self::EmptyRotation { .. } => "name at least one person, or take the rotation out".to_owned(),
            Self::ShiftCount { unit, max, .. } => format!("use 1 to {max} {unit}"),
            Self::BackwardOverride { .. } => "swap the two instants, or take the override out".to_owned(),
            Self::TooMany { what, max, .. } => format!("use at most {max} {what}"),
            Self::UnknownPerson { person, .. } => format!("add `{person}` to the people, or correct the name"),
            Self::UnknownSchedule { schedule, .. } => format!("add schedule `{schedule}`, or correct the name"),
            Self::NoTiers { .. } => "add a tier that names a schedule or a person".to_owned(),
            Self::EmptyTier { .. } => "name a schedule or a person, or take the tier out".to_owned(),
            Self::SpanOutside { min, max, .. } => format!("use {} to {}", exact(*min), exact(*max)),
            Self::Rounds { .. } => format!("use 1 to {ROUNDS_MAX} rounds"),
            Self::FallbackWithoutContact { person, .. } => {
                format!("give `{person}` a contact, or name a fallback who has one")
            }
        }
    }
}

impl Roster {
    /// Everything that is wrong with it, people first, then schedules, then policies.
    pub fn check(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (key, person) in &self.people {
            mistakes.extend(wrong_name(format!("person `{}`", person.id), key.as_str(), person.id.as_str()));
            mistakes.extend(person.check());
        }
        for (key, schedule) in &self.schedules {
            mistakes.extend(wrong_name(format!("schedule `{}`", schedule.id), key.as_str(), schedule.id.as_str()));
            mistakes.extend(schedule.check());
            mistakes.extend(schedule.strangers(self));
        }
        for (key, policy) in &self.policies {
            mistakes.extend(wrong_name(format!("policy `{}`", policy.id), key.as_str(), policy.id.as_str()));
            mistakes.extend(policy.check(self));
        }
        mistakes
    }
}

impl Person {
    /// What is wrong with it.
    pub fn check(&self) -> Vec<Mistake> {
        unknown_zone(format!("person `{}`", self.id), &self.zone).into_iter().collect()
    }
}

impl Schedule {
    /// What is wrong with it alone. Whether its people exist, [`Roster::check`] knows.
    pub fn check(&self) -> Vec<Mistake> {
        let place = format!("schedule `{}`", self.id);
        let mut mistakes: Vec<Mistake> = unknown_zone(place.clone(), &self.zone).into_iter().collect();
        mistakes.extend(too_many(&place, self.rotations.len(), "rotations", ROTATIONS_MAX));
        mistakes.extend(too_many(&place, self.overrides.len(), "overrides", OVERRIDES_MAX));
        for (number, rotation) in (1..).zip(&self.rotations) {
            mistakes.extend(self.check_rotation(number, rotation));
        }
        for (number, o) in (1..).zip(&self.overrides).filter(|(_, o)| o.from >= o.until) {
            let (schedule, from, until) = (self.id.clone(), o.from, o.until);
            mistakes.push(Mistake::BackwardOverride { schedule, number, from, until });
        }
        mistakes
    }

    fn check_rotation(&self, number: usize, rotation: &Rotation) -> Vec<Mistake> {
        let place = format!("rotation {number} of schedule `{}`", self.id);
        let mut mistakes: Vec<Mistake> =
            too_many(&place, rotation.people.len(), "people", PEOPLE_PER_ROTATION_MAX).into_iter().collect();
        if rotation.people.is_empty() {
            mistakes.push(Mistake::EmptyRotation { schedule: self.id.clone(), rotation: number });
        }
        let (count, unit, max) = match rotation.shift {
            Shift::Hours { count } => (count, "hours", SHIFT_HOURS_MAX),
            Shift::WallHours { count } => (count, "wall_hours", SHIFT_HOURS_MAX),
            Shift::Days { count } => (count, "days", SHIFT_DAYS_MAX),
            Shift::Weeks { count } => (count, "weeks", SHIFT_WEEKS_MAX),
        };
        if !(1..=max).contains(&count) {
            mistakes.push(Mistake::ShiftCount { schedule: self.id.clone(), rotation: number, count, unit, max });
        }
        mistakes
    }

    /// The people it names whom `roster` does not have, each once a place.
    fn strangers(&self, roster: &Roster) -> Vec<Mistake> {
        let rotations = (1..).zip(&self.rotations).flat_map(|(number, rotation)| {
            let place = format!("rotation {number} of schedule `{}`", self.id);
            rotation.people.iter().collect::<BTreeSet<_>>().into_iter().map(move |person| (place.clone(), person))
        });
        let overrides = (1_usize..)
            .zip(&self.overrides)
            .map(|(number, o)| (format!("override {number} of schedule `{}`", self.id), &o.person));
        rotations.chain(overrides).filter_map(|(place, person)| unknown_person(roster, place, person)).collect()
    }
}

impl EscalationPolicy {
    /// What is wrong with it, given who is in `roster`. Whether its schedules have holes, [`super::holes`] knows.
    pub fn check(&self, roster: &Roster) -> Vec<Mistake> {
        let policy = || self.id.clone();
        let place = format!("policy `{}`", self.id);
        let mut mistakes: Vec<Mistake> = too_many(&place, self.tiers.len(), "tiers", TIERS_MAX).into_iter().collect();
        if self.tiers.is_empty() {
            mistakes.push(Mistake::NoTiers { policy: policy() });
        }
        for (number, tier) in (1..).zip(&self.tiers) {
            let place = format!("tier {number} of {place}");
            if tier.targets.is_empty() {
                mistakes.push(Mistake::EmptyTier { policy: policy(), tier: number });
            }
            mistakes.extend(too_many(&place, tier.targets.len(), "targets", TARGETS_PER_TIER_MAX));
            mistakes.extend(outside(format!("the delay of {place}"), tier.delay, TIER_DELAY_MAX));
            for target in &tier.targets {
                match target {
                    Target::Person(person) => mistakes.extend(unknown_person(roster, place.clone(), person)),
                    Target::Schedule(schedule) if !roster.schedules.contains_key(schedule) => {
                        let schedule = schedule.clone();
                        mistakes.push(Mistake::UnknownSchedule { policy: policy(), tier: number, schedule });
                    }
                    Target::Schedule(_) => {}
                }
            }
        }
        if !(1..=ROUNDS_MAX).contains(&self.rounds) {
            mistakes.push(Mistake::Rounds { policy: policy(), rounds: self.rounds });
        }
        mistakes.extend(outside(format!("the acknowledgement of {place}"), self.acknowledgement, ACKNOWLEDGEMENT_MAX));
        match roster.people.get(&self.fallback) {
            Some(person) if person.contacts.is_empty() => {
                mistakes.push(Mistake::FallbackWithoutContact { policy: policy(), person: self.fallback.clone() });
            }
            Some(_) => {}
            None => mistakes.extend(unknown_person(roster, format!("the fallback of {place}"), &self.fallback)),
        }
        mistakes
    }
}

fn unknown_zone(place: String, zone: &str) -> Option<Mistake> {
    rota::zone(zone).is_none().then(|| Mistake::UnknownZone { place, zone: zone.chars().take(64).collect() })
}

fn wrong_name(place: String, key: &str, name: &str) -> Option<Mistake> {
    (key != name).then(|| Mistake::WrongName { place, key: key.to_owned() })
}

fn unknown_person(roster: &Roster, place: String, person: &PersonId) -> Option<Mistake> {
    (!roster.people.contains_key(person)).then(|| Mistake::UnknownPerson { place, person: person.clone() })
}

fn too_many(place: &str, count: usize, what: &'static str, max: usize) -> Option<Mistake> {
    (count > max).then(|| Mistake::TooMany { place: place.to_owned(), count, what, max })
}

/// To the millisecond, so that a bound and what passes it by little do not read the same.
fn exact(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("{} s", span.as_secs()),
        _ => format!("{} ms", span.as_millis()),
    }
}

/// A wait shorter than a person needs to reach a phone, or longer than `max`.
fn outside(place: String, span: Duration, max: Duration) -> Option<Mistake> {
    let min = TIER_DELAY_MIN;
    (span < min || span > max).then_some(Mistake::SpanOutside { place, span, min, max })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{
        incident::Severity,
        policy::{Contact, Override, Tier},
    };

    fn sound() -> Roster {
        let contacts = vec![Contact { channel: "mail".parse().unwrap(), address: "ada@example.org".to_owned() }];
        let ada =
            Person { id: "ada".parse().unwrap(), name: "Ada".to_owned(), zone: "Asia/Kolkata".to_owned(), contacts };
        let rotation = Rotation {
            people: vec!["ada".parse().unwrap()],
            start: "2026-01-05T09:00".parse().unwrap(),
            shift: Shift::Weeks { count: 1 },
        };
        let primary = Schedule {
            id: "primary".parse().unwrap(),
            zone: "Europe/Berlin".to_owned(),
            rotations: vec![rotation],
            overrides: vec![],
        };
        let tier = Tier { targets: vec![Target::Schedule("primary".parse().unwrap())], delay: Duration::from_mins(5) };
        let policy = EscalationPolicy {
            id: "default".parse().unwrap(),
            tiers: vec![tier],
            rounds: 2,
            fallback: "ada".parse().unwrap(),
            acknowledgement: Duration::from_mins(30),
            page_at: Severity::Sev3,
        };
        Roster {
            people: [(ada.id.clone(), ada)].into(),
            schedules: [(primary.id.clone(), primary)].into(),
            policies: [(policy.id.clone(), policy)].into(),
        }
    }

    fn report(roster: &Roster) -> String {
        roster.check().iter().fold(String::new(), |mut text, mistake| {
            writeln!(text, "{mistake}\nhint: {}", mistake.hint()).unwrap();
            text
        })
    }

    #[test]
    fn a_sound_roster_has_no_mistake() {
        assert_eq!(report(&sound()), "");
    }

    #[test]
    fn every_mistake_of_a_schedule_names_its_remedy() {
        let mut roster = sound();
        let schedule = roster.schedules.values_mut().next().unwrap();
        schedule.zone = "Europe/Berlim".to_owned();
        schedule.rotations[0].shift = Shift::Hours { count: 169 };
        schedule.rotations[0].people = vec!["bob".parse().unwrap(); 257];
        let empty = Rotation { people: vec![], shift: Shift::Days { count: 0 }, ..schedule.rotations[0].clone() };
        schedule.rotations.push(empty);
        let at = Timestamp::from_secs(1_767_600_000);
        schedule.overrides.push(Override { from: at, until: at, person: "cyd".parse().unwrap() });
        roster.people.values_mut().next().unwrap().zone = "Bombay".to_owned();
        let ada = roster.people.values().next().unwrap().clone();
        roster.people.insert("eve".parse().unwrap(), Person { zone: "UTC".to_owned(), ..ada });
        insta::assert_snapshot!(report(&roster), @r"
        person `ada` has zone `Bombay`, which does not exist
        hint: use an IANA name such as `Europe/Berlin`, `America/New_York` or `UTC`
        person `ada` is listed under the name `eve`
        hint: list person `ada` under its own name
        schedule `primary` has zone `Europe/Berlim`, which does not exist
        hint: use an IANA name such as `Europe/Berlin`, `America/New_York` or `UTC`
        rotation 1 of schedule `primary` has 257 people
        hint: use at most 256 people
        rotation 1 of schedule `primary` has shifts of 169 hours
        hint: use 1 to 168 hours
        rotation 2 of schedule `primary` has no people
        hint: name at least one person, or take the rotation out
        rotation 2 of schedule `primary` has shifts of 0 days
        hint: use 1 to 366 days
        override 1 of schedule `primary` runs from 2026-01-05T08:00:00.000Z until 2026-01-05T08:00:00.000Z, which is not later
        hint: swap the two instants, or take the override out
        rotation 1 of schedule `primary` names person `bob`, who does not exist
        hint: add `bob` to the people, or correct the name
        override 1 of schedule `primary` names person `cyd`, who does not exist
        hint: add `cyd` to the people, or correct the name
        ");
    }

    #[test]
    fn every_mistake_of_a_policy_names_its_remedy() {
        let mut roster = sound();
        let policy = roster.policies.values_mut().next().unwrap();
        policy.tiers[0].delay = Duration::from_secs(9);
        let targets = vec![Target::Schedule("nights".parse().unwrap()), Target::Person("bob".parse().unwrap())];
        policy.tiers.push(Tier { targets, delay: Duration::from_secs(86_401) });
        policy.tiers.push(Tier { targets: vec![], delay: Duration::from_mins(1) });
        policy.rounds = 0;
        policy.acknowledgement = Duration::from_hours(720);
        roster.people.values_mut().next().unwrap().contacts.clear();
        insta::assert_snapshot!(report(&roster), @r"
        the delay of tier 1 of policy `default` is 9 s
        hint: use 10 s to 86400 s
        the delay of tier 2 of policy `default` is 86401 s
        hint: use 10 s to 86400 s
        tier 2 of policy `default` names schedule `nights`, which does not exist
        hint: add schedule `nights`, or correct the name
        tier 2 of policy `default` names person `bob`, who does not exist
        hint: add `bob` to the people, or correct the name
        tier 3 of policy `default` has no targets
        hint: name a schedule or a person, or take the tier out
        policy `default` has 0 rounds
        hint: use 1 to 100 rounds
        the acknowledgement of policy `default` is 2592000 s
        hint: use 10 s to 604800 s
        `ada`, the fallback of policy `default`, has no contact
        hint: give `ada` a contact, or name a fallback who has one
        ");
        let policy = roster.policies.values_mut().next().unwrap();
        policy.tiers = vec![Tier { targets: vec![], delay: Duration::from_mins(1) }; 17];
        policy.fallback = "zoe".parse().unwrap();
        let many = roster.check();
        assert!(many.iter().any(|mistake| matches!(mistake, Mistake::TooMany { count: 17, max: TIERS_MAX, .. })));
        assert!(many.iter().any(|mistake| matches!(mistake, Mistake::UnknownPerson { .. })));
        roster.policies.values_mut().next().unwrap().tiers.clear();
        assert!(roster.check().iter().any(|mistake| matches!(mistake, Mistake::NoTiers { .. })));
    }
}
