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
