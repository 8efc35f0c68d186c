//! Who can be reached, and where. Never waits and never sends. Tests: in `board/tests/`.

use crate::{
    id::PersonId,
    incident::{ERASED, Incident, PageRecord},
    policy::{Contact, Roster, Target, Tier, Whom},
    time::Timestamp,
};

/// What became of looking for somebody.
pub(super) enum Reach {
    /// They have a contact; this is their first.
    Person(PersonId, Contact),
    /// There is nobody, or no way to reach them; and why.
    Nobody(Option<PersonId>, String),
}

impl Incident {
    /// Whoever was put out of it is not reached: they may not look, and may be whom it is about.
    pub(super) fn unless_out(&self, found: Reach) -> Reach {
        match found {
            Reach::Person(person, _) if self.is_out(&person) => {
                let why = format!("person `{person}` was put out of it");
                Reach::Nobody(Some(person), why)
            }
            Reach::Person(..) | Reach::Nobody(..) => found,
        }
    }

    /// Whether somebody put this person out.
    pub(crate) fn is_out(&self, person: &PersonId) -> bool {
        self.restriction().is_some_and(|inside| inside.out.contains(person))
    }
}

/// Everybody whom a tier reaches at this instant.
pub(super) fn reach(tier: &Tier, roster: &Roster, now: Timestamp) -> Vec<Reach> {
    if tier.targets.is_empty() {
        return vec![Reach::Nobody(None, "the tier names nobody".to_owned())];
    }
    tier.targets.iter().map(|target| self::target(target, roster, now)).collect()
}

/// Everybody whom an ask means at this instant. A team is asked tier by tier, the first after the last; where nobody of a tier can be
/// reached, its fallback.
pub(super) fn asked(whom: &Whom, again: u32, roster: &Roster, now: Timestamp) -> Vec<Reach> {
    match whom {
        Whom::Person(id) => vec![person(id, roster)],
        Whom::Schedule(id) => vec![target(&Target::Schedule(id.clone()), roster, now)],
        Whom::Targets(targets) => targets.iter().map(|one| target(one, roster, now)).collect(),
        Whom::Policy(id) => {
            let Some(policy) = roster.policies.get(id) else {
                return vec![Reach::Nobody(None, format!("no policy `{id}` in the roster"))];
            };
            let place = usize::try_from(again).unwrap_or_default().checked_rem(policy.tiers.len());
            let tier = place.and_then(|place| policy.tiers.get(place));
            let mut found = tier.map_or_else(Vec::new, |tier| reach(tier, roster, now));
            if !found.iter().any(|one| matches!(one, Reach::Person(..))) {
                found.push(person(&policy.fallback, roster));
            }
            found
        }
    }
}

/// One person by name.
pub(super) fn person(id: &PersonId, roster: &Roster) -> Reach {
    let Some(person) = roster.people.get(id) else {
        return Reach::Nobody(Some(id.clone()), format!("no person `{id}` in the roster"));
    };
    match person.contacts.first() {
        Some(contact) => Reach::Person(id.clone(), contact.clone()),
        None => Reach::Nobody(Some(id.clone()), format!("person `{id}` has no contact")),
    }
}

/// The contact to try after this page: the person's first, as they are now, that the page and those it repeats did not try.
/// Contacts are tried in their order, so a page whose address was erased tried the first of its channel that no other page tried.
pub(super) fn next_contact(incident: &Incident, page: &PageRecord, roster: &Roster) -> Option<Contact> {
    if incident.is_out(&page.person) {
        return None;
    }
    let mut untried: Vec<&Contact> = Vec::new();
    for contact in &roster.people.get(&page.person)?.contacts {
        if !untried.contains(&contact) {
            untried.push(contact);
        }
    }
    let (erased, known): (Vec<&PageRecord>, Vec<&PageRecord>) =
        incident.paging.chain(page.id).partition(|tried| tried.address == ERASED);
    untried.retain(|contact| {
        !known.iter().any(|tried| tried.channel == contact.channel && tried.address == contact.address)
    });
    for tried in erased {
        if let Some(place) = untried.iter().position(|contact| contact.channel == tried.channel) {
            untried.remove(place);
        }
    }
    untried.first().map(|contact| (*contact).clone())
}

fn target(target: &Target, roster: &Roster, now: Timestamp) -> Reach {
    match target {
        Target::Person(id) => person(id, roster),
        Target::Schedule(schedule) => match roster.resolve(target, now) {
            Some(found) => person(&found.id, roster),
            None => Reach::Nobody(None, format!("nobody is on call in schedule `{schedule}`")),
        },
    }
}
