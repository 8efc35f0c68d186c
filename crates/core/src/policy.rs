//! Who answers, when: people, schedules, escalation policies.
//!
//! Hand-overs happen at local civil time in the schedule's zone. Where the clock skips that time, the hand-over is at the
//! first instant after the skip; where the clock shows it twice, at the first. A day or week of a rotation is a calendar day or
//! week, so a shift over a clock change is an hour (or whatever the zone changes by) longer or shorter than its neighbours, and
//! nobody's hand-over slides. Both rules in one: a hand-over is the first instant at which the wall clock shows its civil time or
//! a later one.
//!
//! Zone rules are those bundled in the program, so that two nodes, and a drill next year, give the same answer. Nothing here
//! panics on a schedule that was never checked: what makes no sense has nobody, and a tier that has nobody pages its fallback.
//!
//! Tests: worked examples beside the code; `tests/oncall.rs` compares with an independent oracle at every clock change of ten
//! years in 24 zones.

mod cover;
mod rota;
mod check;
mod schedule;

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::{
    check::Mistake,
    cover::{Hole, Missing, holes},
    rota::{use_zones, zone},
};
use crate::{
    id::{ChannelId, PersonId, PolicyId, ScheduleId},
    severity::Severity,
    time::{Timestamp, span_ms},
};

/// How to reach a person: a notifier and what it needs to find them there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The configured notifier.
    pub channel: ChannelId,
    /// The address on it: a mailbox, a user, a routing key's name. Empty where the channel has one fixed place.
    pub address: String,
}

/// Somebody who can be paged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their name in the configuration.
    pub id: PersonId,
    /// Their name among people.
    pub name: String,
    /// IANA zone, for showing times to them.
    pub zone: String,
    /// In the order in which they are tried.
    pub contacts: Vec<Contact>,
}

/// How long a shift of a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "every")]
pub enum Shift {
    /// Exact hours, regardless of the clock on the wall: after a change of summer time the hand-over is at another time of day.
    Hours {
        /// 1 to 168.
        count: u32,
    },
    /// Hours as the clock on the wall counts them: the hand-over stays at its time of day, and a shift in which summer time begins or
    /// ends is an hour shorter or longer.
    WallHours {
        /// 1 to 168.
        count: u32,
    },
    /// Calendar days from hand-over to hand-over.
    Days {
        /// 1 to 366.
        count: u32,
    },
    /// Calendar weeks.
    Weeks {
        /// 1 to 52.
        count: u32,
    },
}

/// People taking turns. The first has the first shift, which begins at `start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// In the order of their turns.
    pub people: Vec<PersonId>,
    /// The first hand-over, as a civil date and time in the schedule's zone: `2026-01-05T09:00`.
    pub start: jiff::civil::DateTime,
    /// How long a turn is.
    pub shift: Shift,
}

/// One person instead of whoever it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// From this instant on.
    pub from: Timestamp,
    /// Until before this instant.
    pub until: Timestamp,
    /// Who is on call between the two instants.
    pub person: PersonId,
}

/// A schedule: the last rotation of the list that has somebody wins, overrides win over all, a later one over an earlier one.
/// A rotation has nobody before its start, and never if it has no people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub id: ScheduleId,
    /// IANA zone of its hand-overs.
    pub zone: String,
    /// From the lowest layer to the highest, which wins.
    pub rotations: Vec<Rotation>,
    /// Exceptions; of two for one instant the later in the list wins.
    pub overrides: Vec<Override>,
}

/// Whom a tier reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Whoever is on call.
    Schedule(ScheduleId),
    /// Always the same person.
    Person(PersonId),
}

/// Whom somebody asks to come by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// This person.
    Person(PersonId),
    /// Whoever is on call in this schedule.
    Schedule(ScheduleId),
    /// The first tier of this policy.
    Policy(PolicyId),
    /// These people, and whoever is on call in these schedules.
    Targets(Vec<Target>),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => f.pad(person.as_str()),
            Self::Schedule(schedule) => write!(f, "schedule {schedule}"),
            Self::Policy(policy) => write!(f, "policy {policy}"),
            Self::Targets(targets) => {
                let named = targets.iter().map(|target| match target {
                    Target::Person(person) => person.to_string(),
                    Target::Schedule(schedule) => format!("schedule {schedule}"),
                });
                f.write_str(&named.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// One step of an escalation policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// All are paged at once.
    pub targets: Vec<Target>,
    /// How long to wait for an acknowledgement before the next tier.
    #[serde(with = "span_ms")]
    pub delay: Duration,
}

/// Who is paged, in which order, and who is paged when nobody else answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationPolicy {
    /// Its name.
    pub id: PolicyId,
    /// At least one.
    pub tiers: Vec<Tier>,
    /// How often all tiers are gone through; at least 1.
    pub rounds: u32,
    /// Paged when a tier resolves to nobody, and after the last round, again and again at the last tier's delay.
    pub fallback: PersonId,
    /// How long an acknowledgement holds before the escalation goes on.
    #[serde(with = "span_ms")]
    pub acknowledgement: Duration,
    /// The mildest severity that pages. Milder incidents are shown, not paged.
    pub page_at: Severity,
}

/// People, schedules and policies, as a value. Built and validated by the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Roster {
    /// By name.
    pub people: BTreeMap<PersonId, Person>,
    /// By name.
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    /// By name.
    pub policies: BTreeMap<PolicyId, EscalationPolicy>,
}

impl Roster {
    /// Whom a text means: `alice`, `bridge`, or where a person, a policy and a schedule share a name, `person:bridge`, `policy:bridge`,
    /// `schedule:bridge`. A name alone is a person's before it is a policy's, and a policy's before it is a schedule's.
    pub fn whom(&self, text: &str) -> Option<Whom> {
        let (sort, name) = text.trim().split_once(':').unwrap_or(("", text.trim()));
        let person = || name.parse().ok().filter(|id| self.people.contains_key(id)).map(Whom::Person);
        let policy = || name.parse().ok().filter(|id| self.policies.contains_key(id)).map(Whom::Policy);
        let schedule = || name.parse().ok().filter(|id| self.schedules.contains_key(id)).map(Whom::Schedule);
        match sort {
            "" => person().or_else(policy).or_else(schedule),
            "person" => person(),
            "policy" => policy(),
            "schedule" => schedule(),
            _ => None,
        }
    }
}

impl Roster {
    /// Whether this person is meant, as one of those named: of a policy everybody whom it can ever page, of a schedule everybody who has a
    /// turn in it. For who may know of something, not for who is paged.
    pub fn means(&self, whom: &Whom, person: &PersonId) -> bool {
        let scheduled = |id: &ScheduleId| {
            self.schedules.get(id).is_some_and(|schedule| {
                schedule.rotations.iter().any(|rotation| rotation.people.contains(person))
                    || schedule.overrides.iter().any(|stands_in| stands_in.person == *person)
            })
        };
        let target = |target: &Target| match target {
            Target::Schedule(id) => scheduled(id),
            Target::Person(id) => id == person,
        };
        match whom {
            Whom::Person(id) => id == person,
            Whom::Schedule(id) => scheduled(id),
            Whom::Policy(id) => self.policies.get(id).is_some_and(|policy| {
                policy.fallback == *person || policy.tiers.iter().flat_map(|tier| &tier.targets).any(target)
            }),
            Whom::Targets(targets) => targets.iter().any(target),
        }
    }
}

/// One person on call for a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who; none: a hole in the schedule.
    pub person: Option<PersonId>,
    /// From this instant on.
    pub from: Timestamp,
    /// Until before this instant.
    pub until: Timestamp,
}
