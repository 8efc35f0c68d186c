//! `[[role]]`: which roles must not be empty for long, and who is asked to take them. Tests: below.

use std::time::Duration;

use quarterdeck_core::{
    incident::{ResponseRole, Severity},
    limits::{TARGETS_PER_TIER_MAX, TIER_DELAY_MAX, TIER_DELAY_MIN},
    near,
    policy::{Roster, Target, Whom},
    role::{Empty, RoleClock},
    time::human_span,
};

use super::Mistakes;
use crate::config::shape::{File, RoleSection};

/// Those of the file, in the place of the usual ones of the same role.
pub(super) fn clocks(file: &File, roster: &Roster, mistakes: &mut Mistakes<'_>) -> Vec<RoleClock> {
    let mut clocks = RoleClock::usual();
    for (nth, section) in file.role.iter().enumerate() {
        let word = section.role.get_ref();
        let Some(role) = ResponseRole::named(word) else {
            let remedy =
                near::remedy(word, &ResponseRole::WORDS, &format!("write one of {}", ResponseRole::WORDS.join(", ")));
            mistakes.add("role", nth, "role", format!("`{word}` is no role"), &remedy);
            continue;
        };
        let (empty, whom) = (empty(section, nth, mistakes), whom(section, nth, (file, roster), mistakes));
        clocks.retain(|clock| clock.role != role);
        // One without a time may be empty for ever: so the usual clock is taken away.
        if !empty.is_empty() {
            clocks.push(RoleClock { role, empty, whom });
        }
    }
    clocks
}

fn empty(section: &RoleSection, nth: usize, mistakes: &mut Mistakes<'_>) -> Vec<Empty> {
    let mut found = Vec::new();
    for (severity, span) in &section.empty {
        let place = ("role", nth, "empty");
        let severity: Option<Severity> = mistakes.take(severity.parse(), place, "write SEV1 to SEV5");
        let span = mistakes.span(span, place);
        let (Some(severity), Some(span)) = (severity, span) else { continue };
        if within(span) {
            found.push(Empty { severity, span });
        } else {
            let (least, most) = (human_span(TIER_DELAY_MIN), human_span(TIER_DELAY_MAX));
            let what = format!("{} is outside of {least} to {most}", human_span(span));
            mistakes.add("role", nth, "empty", what, "write a span within these bounds, or leave the severity out");
        }
    }
    found
}

fn within(span: Duration) -> bool {
    (TIER_DELAY_MIN..=TIER_DELAY_MAX).contains(&span)
}

/// Who is asked: a policy, or people and schedules; nobody named: those of the incident's own policy.
fn whom(
    section: &RoleSection,
    nth: usize,
    (file, roster): (&File, &Roster),
    mistakes: &mut Mistakes<'_>,
) -> Option<Whom> {
    let named = !section.people.is_empty() || !section.schedules.is_empty();
    if let Some(text) = &section.policy {
        if named {
            mistakes.add("role", nth, "policy", "it has a policy and people besides", "keep one of them");
        }
        let policy = mistakes.name(text, ("role", nth, "policy"))?;
        if !roster.policies.contains_key(&policy) {
            let known: Vec<&str> = file.policy.iter().map(|one| one.id.get_ref().as_str()).collect();
            let remedy = near::remedy(text, &known, "add a `[[policy]]`");
            mistakes.add("role", nth, "policy", format!("no policy `{policy}` is configured"), &remedy);
        }
        return Some(Whom::Policy(policy));
    }
    let mut targets = Vec::new();
    for text in &section.people {
        let Some(person) = mistakes.name(text, ("role", nth, "people")) else { continue };
        if !roster.people.contains_key(&person) {
            let known: Vec<&str> = file.person.iter().map(|one| one.id.get_ref().as_str()).collect();
            let remedy = near::remedy(text, &known, "add a `[[person]]`");
            mistakes.add("role", nth, "people", format!("no person `{person}` is configured"), &remedy);
        }
        targets.push(Target::Person(person));
    }
    for text in &section.schedules {
        let Some(schedule) = mistakes.name(text, ("role", nth, "schedules")) else { continue };
        if !roster.schedules.contains_key(&schedule) {
            let known: Vec<&str> = file.schedule.iter().map(|one| one.id.get_ref().as_str()).collect();
            let remedy = near::remedy(text, &known, "add a `[[schedule]]`");
            mistakes.add("role", nth, "schedules", format!("no schedule `{schedule}` is configured"), &remedy);
        }
        targets.push(Target::Schedule(schedule));
    }
    if targets.len() > TARGETS_PER_TIER_MAX {
        let what = format!("{} people and schedules: want at most {TARGETS_PER_TIER_MAX}", targets.len());
        mistakes.add("role", nth, "people", what, "name fewer: a crowd answers slower than a person");
    }
    named.then_some(Whom::Targets(targets))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quarterdeck_core::{
        incident::{ResponseRole, Severity},
        policy::{Target, Whom},
        role::RoleClock,
    };

    use crate::config::resolve::small::read;

    fn clock(more: &str, role: ResponseRole) -> Option<RoleClock> {
        read(more).unwrap().setting.rules.roles.iter().find(|clock| clock.role == role).cloned()
    }

    #[test]
    fn a_section_takes_the_place_of_the_usual_clock_of_its_role_alone() {
        let usual = clock("", ResponseRole::Commander).unwrap();
        let spans: Vec<_> = usual.empty.iter().map(|one| (one.severity, one.span)).collect();
        let minutes = Duration::from_mins;
        assert_eq!(spans, [(Severity::Sev1, minutes(5)), (Severity::Sev2, minutes(15))]);
        let speaks = "[[role]]\nrole = \"communications\"\nempty = { SEV1 = \"10m\" }\npeople = [\"ana\"]";
        let found = clock(speaks, ResponseRole::Communications).unwrap();
        assert_eq!(found.whom, Some(Whom::Targets(vec![Target::Person("ana".parse().unwrap())])));
        assert_eq!(clock(speaks, ResponseRole::Commander), Some(usual));
        assert_eq!(clock("[[role]]\nrole = \"commander\"", ResponseRole::Commander), None, "it may be empty for ever");
    }

    #[test]
    fn what_a_role_cannot_mean_is_told_with_its_place() {
        for (keys, said) in [
            ("role = \"comander\"", "write `commander` if that is meant"),
            ("role = \"scribe\"\nempty = { SEV7 = \"5m\" }", "role.empty"),
            ("role = \"scribe\"\nempty = { SEV1 = \"soon\" }", "role.empty"),
            ("role = \"scribe\"\nempty = { SEV1 = \"1ms\" }", "is outside of"),
            ("role = \"scribe\"\nempty = { SEV1 = \"5m\" }\npolicy = \"al\"", "no policy `al`"),
            ("role = \"scribe\"\nempty = { SEV1 = \"5m\" }\npeople = [\"anna\"]", "write `ana` if that is meant"),
            ("role = \"scribe\"\nempty = { SEV1 = \"5m\" }\nschedules = [\"night\"]", "no schedule `night`"),
            (
                "role = \"scribe\"\nempty = { SEV1 = \"5m\" }\npolicy = \"all\"\npeople = [\"ana\"]",
                "and people besides",
            ),
            ("role = \"scribe\"\nempty = { SEV1 = \"5m\" }\n[[role]]\nrole = \"scribe\"", "scribe"),
        ] {
            let Err(found) = read(&format!("[[role]]\n{keys}")) else { panic!("{keys}: taken") };
            assert!(found.len() == 1 && found[0].contains(said), "{keys}: {found:#?}");
        }
    }
}
