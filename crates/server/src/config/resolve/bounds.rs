//! What each integration and each token may claim, and how much.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::near;
use quarterdeck_core::{
    bounds::{Bounds, FactKind},
    id::{ServiceId, SourceId},
    limits::LABELS_MAX,
    signal::Loudness,
};

use super::{mistakes::Mistakes, word::word};
use crate::{
    auth::source_of,
    config::shape::{File, IntegrationSection},
};

/// What a section says of bounds, and where it stands.
struct Said<'a> {
    header: &'static str,
    nth: usize,
    signals_a_minute: Option<u32>,
    open_incidents: Option<u32>,
    apart: Option<u32>,
    services: Option<&'a [String]>,
    facts: Option<&'a [String]>,
    loudest: Option<&'a String>,
}

/// The bounds of every integration and token, by the name of what it posts.
pub(super) fn bounds(file: &File, mistakes: &mut Mistakes<'_>) -> BTreeMap<SourceId, Bounds> {
    let mut all = BTreeMap::new();
    for (nth, section) in file.integration.iter().enumerate() {
        let said = Said {
            header: "integration",
            nth,
            signals_a_minute: section.signals_a_minute,
            open_incidents: section.open_incidents,
            apart: section.apart,
            services: section.services.as_deref(),
            facts: section.facts.as_deref(),
            loudest: section.loudest.as_ref(),
        };
        let one = of(file, &said, mistakes);
        // A name that is none is told where integrations are read.
        all.extend(SourceId::new(section.id.get_ref()).ok().map(|id| (id, one)));
    }
    for (nth, section) in file.token.iter().enumerate() {
        let said = Said {
            header: "token",
            nth,
            signals_a_minute: section.signals_a_minute,
            open_incidents: section.open_incidents,
            apart: section.apart,
            services: section.services.as_deref(),
            facts: section.facts.as_deref(),
            loudest: section.loudest.as_ref(),
        };
        all.insert(source_of(section.name.get_ref()), of(file, &said, mistakes));
    }
    all
}

fn of(file: &File, said: &Said<'_>, mistakes: &mut Mistakes<'_>) -> Bounds {
    let usual = Bounds::default();
    let (header, nth) = (said.header, said.nth);
    let mut count = |key, given: Option<u32>, usual: u32| {
        if given == Some(0) {
            let remedy = format!("leave it out for the usual one, or remove the {header}");
            mistakes.add(header, nth, key, "a bound is at least 1", &remedy);
        }
        given.unwrap_or(usual)
    };
    let signals_a_minute = count("signals_a_minute", said.signals_a_minute, usual.signals_a_minute);
    let open_incidents =
        count("open_incidents", said.open_incidents, u32::try_from(usual.open_incidents).unwrap_or(u32::MAX));
    let apart = count("apart", said.apart, u32::try_from(usual.apart).unwrap_or(u32::MAX));
    let loudest = said.loudest.and_then(|text| word::<Loudness>(text, (header, nth, "loudest"), mistakes));
    let whole = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    Bounds {
        signals_a_minute,
        open_incidents: whole(open_incidents),
        apart: whole(apart),
        services: said.services.map(|names| services(file, (header, nth), names, mistakes)),
        facts: said.facts.map_or(usual.facts, |words| facts((header, nth), words, mistakes)),
        loudest: loudest.unwrap_or(usual.loudest),
    }
}

fn services(
    file: &File,
    (header, nth): (&'static str, usize),
    names: &[String],
    mistakes: &mut Mistakes<'_>,
) -> BTreeSet<ServiceId> {
    let known: Vec<&str> = file.service.iter().map(|service| service.id.get_ref().as_str()).collect();
    let mut found = BTreeSet::new();
    for name in names {
        if !known.contains(&name.as_str()) {
            let remedy = near::remedy(name, &known, "add a `[[service]]`");
            mistakes.add(header, nth, "services", format!("no service `{name}` is configured"), &remedy);
        }
        found.extend(ServiceId::new(name).ok());
    }
    found
}

fn facts((header, nth): (&'static str, usize), words: &[String], mistakes: &mut Mistakes<'_>) -> BTreeSet<FactKind> {
    let known: Vec<&str> = FactKind::ALL.iter().map(|kind| kind.word()).collect();
    let mut found = BTreeSet::new();
    for word in words {
        if let Some(kind) = FactKind::ALL.into_iter().find(|kind| kind.word() == word) {
            found.insert(kind);
        } else {
            let remedy = near::remedy(word, &known, &format!("write some of: {}", known.join(", ")));
            mistakes.add(header, nth, "facts", format!("`{word}` is no fact"), &remedy);
        }
    }
    found
}

/// The labels that claims about no known service are grouped by.
pub(super) fn group_by(nth: usize, section: &IntegrationSection, mistakes: &mut Mistakes<'_>) -> Option<Vec<String>> {
    let names = section.group_by.clone()?;
    if names.is_empty() || names.len() > LABELS_MAX || names.iter().any(String::is_empty) {
        let what = format!("want 1 to {LABELS_MAX} names of labels");
        mistakes.add("integration", nth, "group_by", what, "write them like [\"alertname\", \"job\"], or leave it out");
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use quarterdeck_host::clock::SystemClock;
    use quarterdeck_reach::notify::Parts;

    use crate::config::parse;

    /// What is said about a file with these sections at its end: the keys with their texts.
    fn said(sections: &str) -> Vec<(String, String)> {
        let text = format!(
            r#"
[[person]]
id = "ana"
contacts = [{{ channel = "hook" }}]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:1/"
secret = "sixteen characters and more"
[[policy]]
id = "all"
tiers = [{{ people = ["ana"], delay = "5m" }}]
fallback = "ana"
{sections}
"#
        );
        let parts = Parts::new(SystemClock::new()).unwrap();
        let read = parse(&text, Path::new("."), &parts);
        let mistakes = read.err().map(|error| error.mistakes().to_vec()).unwrap_or_default();
        mistakes.into_iter().map(|one| (one.path, one.what)).collect()
    }

    fn token(more: &str) -> String {
        format!("[[token]]\nname = \"script\"\nrole = \"responder\"\ntoken = \"0123456789abcdef\"\n{more}\n")
    }

    #[test]
    fn the_bounds_of_a_token_are_read_as_those_of_an_integration() {
        assert_eq!(
            said(&token(
                "signals_a_minute = 5\nopen_incidents = 2\napart = 1\nfacts = [\"users\"]\nloudest = \"error\""
            )),
            []
        );
        for (wrong, key, what) in [
            ("apart = 0", "token.apart", "a bound is at least 1"),
            ("services = [\"vault\"]", "token.services", "no service `vault` is configured"),
            ("facts = [\"theftt\"]", "token.facts", "`theftt` is no fact"),
        ] {
            assert_eq!(said(&token(wrong)), [(key.to_owned(), what.to_owned())], "{wrong}");
        }
        let mistakes = said(&token("loudest = \"loud\""));
        assert!(matches!(mistakes.as_slice(), [(key, _)] if key == "token.loudest"), "{mistakes:?}");
    }

    #[test]
    fn an_integration_is_not_called_as_what_a_token_posts_is() {
        let mistakes = said("[[integration]]\nid = \"token.script\"\nkey = \"0123456789abcdef\"\n");
        let told = ("integration.id".to_owned(), "`token.script` is how what a token posts is called".to_owned());
        assert_eq!(mistakes, [told]);
    }
}
