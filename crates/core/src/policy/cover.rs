//! Whether a page ends at a person: resolving targets, and the stretches of time in which a tier reaches nobody.

use serde::{Deserialize, Serialize};

use super::{Contact, EscalationPolicy, Person, Roster, Target, Tier, Turn};
use crate::{
    id::{ChannelId, PersonId, PolicyId, ScheduleId},
    limits::TURNS_SPAN_MAX,
    time::Timestamp,
};

/// A stretch in which a tier of a policy reaches nobody with a working channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Whose tier.
    pub policy: PolicyId,
    /// From 0; none: the fallback itself, which is all that is left after the last round.
    pub tier: Option<usize>,
    /// From this instant on.
    pub from: Timestamp,
    /// Until before this instant.
    pub until: Timestamp,
    /// Why each target of the tier is of no use.
    pub missing: Vec<Missing>,
    /// Whether the fallback, which is paged instead, has a working channel. If not, a page can end at nobody.
    pub saved: bool,
}

/// Why a target reaches nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "missing")]
pub enum Missing {
    /// The schedule has a hole.
    #[error("nobody is on call in schedule `{schedule}`")]
    NobodyOnCall {
        /// The schedule with the hole.
        schedule: ScheduleId,
    },
    /// The roster has no such schedule.
    #[error("there is no schedule `{schedule}`")]
    NoSuchSchedule {
        /// The name that a tier gives.
        schedule: ScheduleId,
    },
    /// The roster has no such person.
    #[error("there is no person `{person}`")]
    NoSuchPerson {
        /// The name that a tier or a schedule gives.
        person: PersonId,
    },
    /// The person has contacts on no working channel; perhaps none at all.
    #[error("`{person}` has no working channel of {}", list(.channels))]
    NoWorkingChannel {
        /// The person who cannot be reached.
        person: PersonId,
        /// The channels of their contacts, in order.
        channels: Vec<ChannelId>,
    },
}

fn list(channels: &[ChannelId]) -> String {
    if channels.is_empty() {
        return "their own: they have no contact".to_owned();
    }
    channels.iter().map(|channel| format!("`{channel}`")).collect::<Vec<_>>().join(", ")
}

impl Roster {
    /// The person whom `target` means at `at`; none: a hole in the schedule, or a name that is not there.
    pub fn resolve(&self, target: &Target, at: Timestamp) -> Option<&Person> {
        let person = match target {
            Target::Person(person) => person,
            Target::Schedule(schedule) => self.schedules.get(schedule)?.on_call(at)?,
        };
        self.people.get(person)
    }

    /// The first contact of `person` on a working channel; none: no page can reach them.
    pub fn answerable(&self, person: &PersonId, working: &dyn Fn(&Contact) -> bool) -> Option<&Contact> {
        self.people.get(person)?.contacts.iter().find(|contact| working(contact))
    }

    /// Whom `target` means at each instant of the range.
    fn turns(&self, target: &Target, from: Timestamp, until: Timestamp) -> Vec<Turn> {
        match target {
            Target::Person(person) => vec![Turn { person: Some(person.clone()), from, until }],
            Target::Schedule(name) => match self.schedules.get(name) {
                Some(schedule) => schedule.turns(from, until),
                None => vec![Turn { person: None, from, until }],
            },
        }
    }

    /// Why paging `person`, who is whom `target` means just now, reaches nobody; none if it reaches them.
    fn missing(
        &self,
        target: &Target,
        person: Option<&PersonId>,
        working: &dyn Fn(&Contact) -> bool,
    ) -> Option<Missing> {
        let Some(person) = person else {
            return match target {
                Target::Schedule(name) if self.schedules.contains_key(name) => {
                    Some(Missing::NobodyOnCall { schedule: name.clone() })
                }
                Target::Schedule(name) => Some(Missing::NoSuchSchedule { schedule: name.clone() }),
                Target::Person(person) => Some(Missing::NoSuchPerson { person: person.clone() }),
            };
        };
        let Some(found) = self.people.get(person) else {
            return Some(Missing::NoSuchPerson { person: person.clone() });
        };
        if self.answerable(person, working).is_some() {
            return None;
        }
        let channels = found.contacts.iter().map(|contact| contact.channel.clone()).collect();
        Some(Missing::NoWorkingChannel { person: person.clone(), channels })
    }
}

/// Every stretch between `from` and `until` in which a tier of `policy` reaches nobody on a channel that is `working`, tier
/// by tier and in order of time. A hole that the fallback does not save is an error; one that it saves, a warning. A fallback
/// without a working channel is a hole of its own, as long as the range. Ranges are cut to [`TURNS_SPAN_MAX`].
pub fn holes(
    roster: &Roster,
    policy: &EscalationPolicy,
    from: Timestamp,
    until: Timestamp,
    working: &dyn Fn(&Contact) -> bool,
) -> Vec<Hole> {
    let until = until.min(from.plus(TURNS_SPAN_MAX));
    if until <= from {
        return Vec::new();
    }
    let fallback = Target::Person(policy.fallback.clone());
    let last_resort = roster.missing(&fallback, Some(&policy.fallback), working);
    let saved = last_resort.is_none();
    let mut found = Vec::new();
    for (number, tier) in policy.tiers.iter().enumerate() {
        for (from, until, missing) in unreached(roster, tier, (from, until), working) {
            found.push(Hole { policy: policy.id.clone(), tier: Some(number), from, until, missing, saved });
        }
    }
    if let Some(missing) = last_resort {
        found.push(Hole { policy: policy.id.clone(), tier: None, from, until, missing: vec![missing], saved: false });
    }
    found
}

/// The stretches of `range` in which no target of the tier is reached, each with every target's reason.
fn unreached(
    roster: &Roster,
    tier: &Tier,
    range: (Timestamp, Timestamp),
    working: &dyn Fn(&Contact) -> bool,
) -> Vec<(Timestamp, Timestamp, Vec<Missing>)> {
    let targets: Vec<(&Target, Vec<Turn>)> =
        tier.targets.iter().map(|target| (target, roster.turns(target, range.0, range.1))).collect();
    let mut edges: Vec<Timestamp> = targets.iter().flat_map(|(_, turns)| turns.iter().map(|turn| turn.from)).collect();
    edges.extend([range.0, range.1]);
    edges.sort_unstable();
    edges.dedup();
    let mut found: Vec<(Timestamp, Timestamp, Vec<Missing>)> = Vec::new();
    for (from, until) in edges.iter().copied().zip(edges.iter().copied().skip(1)) {
        let reasons: Vec<Option<Missing>> = targets
            .iter()
            .map(|(target, turns)| {
                let place = turns.partition_point(|turn| turn.until <= from);
                let person = turns.get(place).and_then(|turn| turn.person.as_ref());
                roster.missing(target, person, working)
            })
            .collect();
        // One target that is reached is enough.
        let Some(missing) = reasons.into_iter().collect::<Option<Vec<Missing>>>() else { continue };
        match found.last_mut() {
            Some((_, end, same)) if *end == from && *same == missing => *end = until,
            Some(_) | None => found.push((from, until, missing)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        incident::Severity,
        policy::{Override, Rotation, Schedule, Shift},
    };

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn person(id: &str, channels: &[&str]) -> Person {
        let contact = |channel: &&str| Contact { channel: channel.parse().unwrap(), address: String::new() };
        let contacts = channels.iter().map(contact).collect();
        Person { id: id.parse().unwrap(), name: id.to_uppercase(), zone: "UTC".to_owned(), contacts }
    }

    fn roster(fallback_channels: &[&str]) -> Roster {
        let people = [
            person("ada", &["mail", "sms"]),
            person("bob", &["pigeon"]),
            person("cyd", &[]),
            person("eve", fallback_channels),
        ];
        let rotation = Rotation {
            people: vec!["ada".parse().unwrap(), "bob".parse().unwrap()],
            start: "2026-01-06T00:00".parse().unwrap(),
            shift: Shift::Days { count: 1 },
        };
        let cover = Override {
            from: instant("2026-01-07T18:00:00Z"),
            until: instant("2026-01-07T20:00:00Z"),
            person: "ada".parse().unwrap(),
        };
        let primary = Schedule {
            id: "primary".parse().unwrap(),
            zone: "UTC".to_owned(),
            rotations: vec![rotation],
            overrides: vec![cover],
        };
        let tier = |targets: Vec<Target>| Tier { targets, delay: Duration::from_mins(5) };
        let policy = EscalationPolicy {
            id: "default".parse().unwrap(),
            tiers: vec![
                tier(vec![Target::Schedule("primary".parse().unwrap())]),
                tier(vec![Target::Person("cyd".parse().unwrap()), Target::Schedule("primary".parse().unwrap())]),
            ],
            rounds: 2,
            fallback: "eve".parse().unwrap(),
            acknowledgement: Duration::from_mins(30),
            page_at: Severity::Sev3,
        };
        Roster {
            people: people.into_iter().map(|p| (p.id.clone(), p)).collect(),
            schedules: [(primary.id.clone(), primary)].into(),
            policies: [(policy.id.clone(), policy)].into(),
        }
    }

    fn print(roster: &Roster) -> Vec<String> {
        let policy = roster.policies.values().next().unwrap();
        let working = |contact: &Contact| contact.channel.as_str() != "pigeon";
        let found = holes(roster, policy, instant("2026-01-05T12:00:00Z"), instant("2026-01-08T00:00:00Z"), &working);
        found
            .iter()
            .map(|hole| {
                let missing: Vec<String> = hole.missing.iter().map(ToString::to_string).collect();
                format!("{:?} {} {} {} {}", hole.tier, hole.from, hole.until, missing.join(" and "), hole.saved)
            })
            .collect()
    }

    #[test]
    fn holes_are_stretches_with_their_reasons() {
        assert_eq!(
            print(&roster(&["mail"])),
            [
                "Some(0) 2026-01-05T12:00:00.000Z 2026-01-06T00:00:00.000Z nobody is on call in schedule `primary` true",
                "Some(0) 2026-01-07T00:00:00.000Z 2026-01-07T18:00:00.000Z `bob` has no working channel of `pigeon` true",
                "Some(0) 2026-01-07T20:00:00.000Z 2026-01-08T00:00:00.000Z `bob` has no working channel of `pigeon` true",
                "Some(1) 2026-01-05T12:00:00.000Z 2026-01-06T00:00:00.000Z `cyd` has no working channel of their own: they \
                 have no contact and nobody is on call in schedule `primary` true",
                "Some(1) 2026-01-07T00:00:00.000Z 2026-01-07T18:00:00.000Z `cyd` has no working channel of their own: they \
                 have no contact and `bob` has no working channel of `pigeon` true",
                "Some(1) 2026-01-07T20:00:00.000Z 2026-01-08T00:00:00.000Z `cyd` has no working channel of their own: they \
                 have no contact and `bob` has no working channel of `pigeon` true",
            ]
        );
    }

    #[test]
    fn a_fallback_without_a_working_channel_saves_nothing_and_is_a_hole() {
        let lines = print(&roster(&["pigeon"]));
        assert!(lines.iter().all(|line| line.ends_with("false")), "{lines:#?}");
        assert_eq!(
            lines.last().unwrap(),
            "None 2026-01-05T12:00:00.000Z 2026-01-08T00:00:00.000Z `eve` has no working channel of `pigeon` false"
        );
    }

    #[test]
    fn targets_resolve_to_people() {
        let roster = roster(&["mail"]);
        let primary = Target::Schedule("primary".parse().unwrap());
        let name = |target: &Target, at: &str| roster.resolve(target, instant(at)).map(|person| person.name.clone());
        assert_eq!(name(&primary, "2026-01-05T23:59:59.999Z"), None);
        assert_eq!(name(&primary, "2026-01-07T17:59:59.999Z").as_deref(), Some("BOB"));
        assert_eq!(name(&primary, "2026-01-07T18:00:00Z").as_deref(), Some("ADA"));
        assert_eq!(name(&Target::Person("nobody".parse().unwrap()), "2026-01-07T18:00:00Z"), None);
        let contact = roster.answerable(&"ada".parse().unwrap(), &|contact| contact.channel.as_str() != "mail");
        assert_eq!(contact.map(|contact| contact.channel.as_str()), Some("sms"));
    }
}
