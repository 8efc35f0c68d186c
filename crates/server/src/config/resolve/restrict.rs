//! `[[restrict]]`: which incidents are restricted from their first event on, and who is inside. Tests: below.

use std::collections::BTreeSet;

use quarterdeck_core::{
    catalogue::Catalogue,
    id::{DetectorId, ServiceId},
    limits::MEMBERS_MAX,
    near,
    policy::{Roster, Whom},
    setting::RestrictFrom,
};
use quarterdeck_detect::detectors::DETECTORS;
use quarterdeck_formats::FORMATS;

use super::Mistakes;
use crate::config::shape::{File, RestrictSection};

/// Those of the file, in its order: the first that fits counts.
pub(super) fn rules(
    file: &File,
    (roster, catalogue): (&Roster, &Catalogue),
    mistakes: &mut Mistakes<'_>,
) -> Vec<RestrictFrom> {
    let mut rules = Vec::new();
    for (nth, section) in file.restrict.iter().enumerate() {
        if section.services.is_empty() && section.detectors.is_empty() && !section.key_compromise {
            let what = "it says of no incident that it is to be restricted";
            mistakes.add(
                "restrict",
                nth,
                "services",
                what,
                "name services or detectors, or write `key_compromise = true`",
            );
        }
        rules.push(RestrictFrom {
            services: services(section, nth, (file, catalogue), mistakes),
            detectors: detectors(section, nth, mistakes),
            key_compromise: section.key_compromise,
            members: members(section, nth, (file, roster), mistakes),
        });
    }
    rules
}

fn services(
    section: &RestrictSection,
    nth: usize,
    (file, catalogue): (&File, &Catalogue),
    mistakes: &mut Mistakes<'_>,
) -> BTreeSet<ServiceId> {
    let mut found = BTreeSet::new();
    for text in &section.services {
        let text = text.get_ref();
        let Some(service) = mistakes.name(text, ("restrict", nth, "services")) else { continue };
        let is_written = file.service.iter().any(|one| one.id.get_ref() == text);
        if !catalogue.services.contains_key(&service) && !is_written {
            let known: Vec<&str> = catalogue.services.keys().map(ServiceId::as_str).collect();
            let remedy = near::remedy(text, &known, "add a `[[service]]`");
            mistakes.add("restrict", nth, "services", format!("no service `{service}` is configured"), &remedy);
        }
        found.insert(service);
    }
    found
}

fn detectors(section: &RestrictSection, nth: usize, mistakes: &mut Mistakes<'_>) -> BTreeSet<DetectorId> {
    let known: Vec<&str> =
        DETECTORS.iter().map(|kind| kind.id()).chain(FORMATS.iter().map(|format| format.id())).collect();
    let mut found = BTreeSet::new();
    for text in &section.detectors {
        let text = text.get_ref();
        let Some(detector) = mistakes.name(text, ("restrict", nth, "detectors")) else { continue };
        if !known.contains(&text.as_str()) {
            let remedy = near::remedy(text, &known, "`quarterdeck detectors` lists them");
            mistakes.add("restrict", nth, "detectors", format!("no detector `{detector}`"), &remedy);
        }
        found.insert(detector);
    }
    found
}

/// Whether the file has a section of this name: one with a mistake of its own is not in the roster, and that is told there.
fn is_written(file: &File, text: &str) -> bool {
    let (sort, name) = text.trim().split_once(':').unwrap_or(("", text.trim()));
    let person = || file.person.iter().any(|one| one.id.get_ref() == name);
    let policy = || file.policy.iter().any(|one| one.id.get_ref() == name);
    let schedule = || file.schedule.iter().any(|one| one.id.get_ref() == name);
    match sort {
        "" => person() || policy() || schedule(),
        "person" => person(),
        "policy" => policy(),
        "schedule" => schedule(),
        _ => false,
    }
}

fn members(
    section: &RestrictSection,
    nth: usize,
    (file, roster): (&File, &Roster),
    mistakes: &mut Mistakes<'_>,
) -> Vec<Whom> {
    let mut found = Vec::new();
    for text in &section.members {
        match roster.whom(text.get_ref()) {
            Some(whom) if !found.contains(&whom) => found.push(whom),
            Some(_) => {}
            None if is_written(file, text.get_ref()) => {}
            None => {
                let what = format!("no person, policy or schedule `{}` is configured", text.get_ref());
                mistakes.add("restrict", nth, "members", what, "write `alice`, `policy:security` or `schedule:night`");
            }
        }
    }
    if found.len() > MEMBERS_MAX {
        let what = format!("{} people and teams: want at most {MEMBERS_MAX}", found.len());
        mistakes.add("restrict", nth, "members", what, "name a team in the place of its people");
    }
    found
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::policy::Whom;

    use crate::config::resolve::small::read;

    #[test]
    fn a_rule_names_what_it_restricts_and_who_is_inside() {
        let more = "[[service]]\nid = \"rpc\"\n[[restrict]]\nservices = [\"rpc\"]\nkey_compromise = true\nmembers = [\"ana\", \"person:ana\"]";
        let rules = read(more).unwrap().setting.rules.restrict.clone();
        assert_eq!(rules.len(), 1);
        assert!(rules[0].key_compromise && rules[0].services.len() == 1 && rules[0].detectors.is_empty());
        assert_eq!(rules[0].members, [Whom::Person("ana".parse().unwrap())]);
        assert!(read("").unwrap().setting.rules.restrict.is_empty());
    }

    #[test]
    fn what_a_rule_cannot_mean_is_told_with_its_place() {
        for (keys, said) in [
            ("", "says of no incident"),
            ("services = [\"nothing\"]", "no service `nothing` is configured"),
            ("detectors = [\"vault_dran\"]", "write `vault_drain` if that is meant"),
            ("key_compromise = true\nmembers = [\"nobody\"]", "no person, policy or schedule `nobody`"),
            ("key_compromise = \"yes\"", "invalid type"),
        ] {
            let error = format!("{:?}", read(&format!("[[restrict]]\n{keys}")).err());
            assert!(error.contains(said), "{keys}: {error}");
        }
    }
}
