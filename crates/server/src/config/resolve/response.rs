//! People, schedules, policies, services and assets.

use std::{collections::BTreeMap, error::Error as _, sync::Arc, time::Duration};

use quarterdeck_core::near;
use quarterdeck_core::{
    catalogue::{AddressList, AddressRole, Asset, Catalogue, Criticality, Service, WatchedAddress},
    chain::{Address, ChainId},
    id::{PolicyId, ServiceId},
    incident::Severity,
    limits::BUNDLE_MAX,
    money::{Price, Usd},
    policy::{Contact, EscalationPolicy, Mistake, Override, Person, Roster, Rotation, Schedule, Shift, Target, Tier},
    priority::Weights,
    setting::{Rules, Setting},
    signal::Loudness,
    time::{Timestamp, human_span},
};
use quarterdeck_detect::models::model::Model;
use quarterdeck_formats::severity::SeverityWords;

use super::{
    Channels, Mistakes,
    addresses::{COPY_ANEW, address, checksum},
    bounds::bounds,
    roles, wallets,
    word::word,
};
use crate::config::{
    shape::{self, File},
    text::read_text,
};
use quarterdeck_reach::notify;

/// How long an acknowledgement holds unless the policy says otherwise: long enough to work, short enough that a responder who
/// fell asleep is noticed.
const ACKNOWLEDGEMENT: Duration = Duration::from_mins(30);

pub(super) fn setting(file: &File, channels: &Channels, mistakes: &mut Mistakes<'_>) -> Option<Setting> {
    let roster = roster(file, channels, mistakes);
    let default_policy = match (&file.response.default_policy, roster.policies.keys().next()) {
        (Some(text), _) => {
            let name: Option<PolicyId> = mistakes.name(text, ("response", 0, "default_policy"));
            name.filter(|name| {
                no_policy(file, name, ("response", 0, "default_policy"), mistakes);
                roster.policies.contains_key(name)
            })
        }
        (None, Some(first)) => Some(first.clone()),
        // What is wrong with those that stand there is told already.
        (None, None) if !file.policy.is_empty() => None,
        (None, None) => {
            mistakes.add(
                "policy",
                0,
                "",
                "there is no escalation policy",
                "add a `[[policy]]`: a page needs a way to a person",
            );
            None
        }
    };
    let catalogue = catalogue(file, default_policy.as_ref(), mistakes);
    let clocks = roles::clocks(file, &roster, mistakes);
    let rules = Rules { bounds: bounds(file, mistakes), roles: clocks, ..rules(&file.response, mistakes) };
    Some(Setting {
        roster,
        catalogue: Arc::new(catalogue),
        rules,
        default_policy: default_policy?,
        weights: weights(&file.weights, mistakes),
    })
}

/// Notes that nothing has the name of this policy. One that stands there and is wrong is told at its own place.
fn no_policy(file: &File, name: &PolicyId, (header, nth, key): (&str, usize, &str), mistakes: &mut Mistakes<'_>) {
    let known: Vec<&str> = file.policy.iter().map(|section| section.id.get_ref().as_str()).collect();
    if !known.contains(&name.as_str()) {
        let remedy = near::remedy(name.as_str(), &known, "add a `[[policy]]`");
        mistakes.add(header, nth, key, format!("no policy `{name}` is configured"), &remedy);
    }
}

fn rules(section: &shape::Response, mistakes: &mut Mistakes<'_>) -> Rules {
    let mut rules = Rules::default();
    if let Some(span) = section.window.as_ref().and_then(|text| mistakes.span(text, ("response", 0, "window"))) {
        rules.window = span;
    }
    if let Some(span) = section.reopen.as_ref().and_then(|text| mistakes.span(text, ("response", 0, "reopen"))) {
        rules.reopen = span;
    }
    rules.still_firing = rules.still_firing.map(|bound| bound.min(rules.reopen));
    match section.still_firing.as_deref() {
        Some("never") => rules.still_firing = None,
        Some(text) => rules.still_firing = mistakes.span(text, ("response", 0, "still_firing")).or(rules.still_firing),
        None => {}
    }
    if rules.still_firing.is_some_and(|bound| bound > rules.reopen) {
        let what = "it is longer than `reopen`: by then what a monitor repeats opens an incident of its own";
        mistakes.add("response", 0, "still_firing", what, "write a shorter span, `never`, or a longer `reopen`");
    }
    if let Some(text) = &section.reopen_at {
        rules.reopen_at = mistakes.take(text.parse(), ("response", 0, "reopen_at"), "write SEV1 to SEV5");
    }
    if let Some(text) = &section.open_at
        && let Some(loudness) = word::<Loudness>(text, ("response", 0, "open_at"), mistakes)
    {
        rules.open_at = loudness;
    }
    match section.bundle.as_deref() {
        Some("never") => rules.bundle = Duration::ZERO,
        Some(text) => rules.bundle = mistakes.span(text, ("response", 0, "bundle")).unwrap_or(rules.bundle),
        None => {}
    }
    match section.silence_notice.as_deref() {
        Some("never") => rules.silence_notice = Duration::ZERO,
        Some(text) => {
            rules.silence_notice =
                mistakes.span(text, ("response", 0, "silence_notice")).unwrap_or(rules.silence_notice);
        }
        None => {}
    }
    if rules.bundle > BUNDLE_MAX {
        let what = format!("it is longer than {}: people would hear too late", human_span(BUNDLE_MAX));
        mistakes.add("response", 0, "bundle", what, "write a shorter span, or `never`");
    }
    rules
}

/// What the operator's own words of severity mean.
pub(super) fn severity_words(section: &BTreeMap<String, String>, mistakes: &mut Mistakes<'_>) -> SeverityWords {
    let mut words = Vec::new();
    for (own, text) in section {
        words.extend(
            word::<Loudness>(text, ("severity_words", 0, own), mistakes).map(|loudness| (own.clone(), loudness)),
        );
    }
    SeverityWords::new(words)
}

/// What each fact weighs. Weights by which more could lower a severity are refused.
fn weights(section: &Weights, mistakes: &mut Mistakes<'_>) -> Weights {
    for bad in section.check() {
        // Written as a table of its own, or as a key of `[weights]`.
        let table = format!("weights.{}", bad.weight());
        let (header, key) = match mistakes.lines.find(&table, 0, "") {
            Some(_) => (table.as_str(), ""),
            None => ("weights", bad.weight()),
        };
        mistakes.add(header, 0, key, bad.to_string(), "see `[weights]` in `examples/exchange.toml`");
    }
    section.clone()
}

fn roster(file: &File, channels: &Channels, mistakes: &mut Mistakes<'_>) -> Roster {
    let (mut roster, so_far) = (Roster::default(), mistakes.found.len());
    for (nth, section) in file.person.iter().enumerate() {
        let Some(id) = mistakes.name(section.id.get_ref(), ("person", nth, "id")) else { continue };
        let mut contacts = Vec::new();
        for contact in &section.contacts {
            let Some(channel) = mistakes.name(contact.channel.get_ref(), ("person", nth, "contacts.channel")) else {
                continue;
            };
            if !channels.contains_key(&channel) && !file.channel.contains_key(channel.as_str()) {
                let known: Vec<&str> = file.channel.keys().map(String::as_str).collect();
                let remedy = near::remedy(channel.as_str(), &known, &format!("add a `[channel.{channel}]`"));
                mistakes.add(
                    "person",
                    nth,
                    "contacts.channel",
                    format!("no channel `{channel}` is configured"),
                    &remedy,
                );
            }
            let values = file.channel.get(channel.as_str());
            let kind = values.and_then(|values| values.get("kind")).and_then(toml::Value::as_str);
            if let Some(kind) = kind.and_then(notify::kind)
                && let Err(why) = kind.check_address(&contact.address)
            {
                let what = format!("`{}` is no address on channel `{channel}`: {why}", contact.address);
                mistakes.add("person", nth, "contacts.address", what, &format!("write {}", kind.address()));
            }
            contacts.push(Contact { channel, address: contact.address.clone() });
        }
        let name = section.name.clone().unwrap_or_else(|| section.id.get_ref().clone());
        let zone = section.zone.clone().unwrap_or_else(|| "UTC".to_owned());
        roster.people.insert(id.clone(), Person { id, name, zone, contacts });
    }
    schedules(file, &mut roster, mistakes);
    policies(file, &mut roster, mistakes);
    // Where something could not be read, what names it would be a mistake as well.
    let wrong = if mistakes.found.len() > so_far { Vec::new() } else { roster.check() };
    for mistake in wrong {
        let (header, nth) = place_of(&mistake, file);
        mistakes.add(header, nth, key_of(&mistake), mistake.to_string(), &remedy_of(&mistake, file));
    }
    roster
}

/// Which key of that section a mistake is about.
fn key_of(mistake: &Mistake) -> &'static str {
    match mistake {
        Mistake::UnknownZone { .. } => "zone",
        Mistake::WrongName { .. } => "id",
        Mistake::EmptyRotation { .. } | Mistake::ShiftCount { .. } => "rotations",
        Mistake::BackwardOverride { .. } => "overrides",
        Mistake::UnknownSchedule { .. } => "tiers.schedules",
        Mistake::NoTiers { .. } | Mistake::EmptyTier { .. } => "tiers",
        Mistake::Rounds { .. } => "rounds",
        Mistake::FallbackWithoutContact { .. } => "fallback",
        Mistake::UnknownPerson { place, .. } => match place.split(' ').find(|word| PARTS.contains(word)) {
            Some("rotation") => "rotations.people",
            Some("override") => "overrides.person",
            Some("fallback") => "fallback",
            _ => "tiers.people",
        },
        Mistake::SpanOutside { place, .. } if place.contains("acknowledgement") => "acknowledgement",
        Mistake::SpanOutside { .. } => "tiers.delay",
        Mistake::TooMany { place, what, .. } => match (*what, place.split(' ').find(|word| PARTS.contains(word))) {
            ("rotations" | "overrides" | "tiers", _) => what,
            (_, Some("rotation")) => "rotations.people",
            _ => "tiers",
        },
    }
}

/// By which parts of a schedule or a policy a mistake names its place.
const PARTS: [&str; 4] = ["rotation", "override", "fallback", "tier"];

/// What to do about it, with the nearest name there is.
fn remedy_of(mistake: &Mistake, file: &File) -> String {
    match mistake {
        Mistake::UnknownPerson { person, .. } => {
            let known: Vec<&str> = file.person.iter().map(|section| section.id.get_ref().as_str()).collect();
            near::remedy(person.as_str(), &known, "add a `[[person]]`")
        }
        Mistake::UnknownSchedule { schedule, .. } => {
            let known: Vec<&str> = file.schedule.iter().map(|section| section.id.get_ref().as_str()).collect();
            near::remedy(schedule.as_str(), &known, "add a `[[schedule]]`")
        }
        _ => mistake.hint(),
    }
}

/// The section that a mistake of the roster is about, by the name in it.
fn place_of(mistake: &Mistake, file: &File) -> (&'static str, usize) {
    let text = mistake.to_string();
    let named = |id: &str| text.contains(&format!("`{id}`"));
    if let Some(nth) = file.policy.iter().position(|section| named(section.id.get_ref())) {
        return ("policy", nth);
    }
    if let Some(nth) = file.schedule.iter().position(|section| named(section.id.get_ref())) {
        return ("schedule", nth);
    }
    ("person", file.person.iter().position(|section| named(section.id.get_ref())).unwrap_or(0))
}

fn schedules(file: &File, roster: &mut Roster, mistakes: &mut Mistakes<'_>) {
    for (nth, section) in file.schedule.iter().enumerate() {
        let Some(id) = mistakes.name(section.id.get_ref(), ("schedule", nth, "id")) else { continue };
        let mut rotations = Vec::new();
        for rotation in &section.rotations {
            let people = rotation
                .people
                .iter()
                .filter_map(|text| mistakes.name(text, ("schedule", nth, "rotations.people")))
                .collect();
            let start = mistakes.take(
                rotation.start.parse().map_err(|error| format!("`{}`: {error}", rotation.start)),
                ("schedule", nth, "rotations.start"),
                "write the first hand-over as a local date and time, for example `2026-01-05T09:00`",
            );
            let shift = match (rotation.hours, rotation.wall_hours, rotation.days, rotation.weeks) {
                (Some(count), None, None, None) => Some(Shift::Hours { count }),
                (None, Some(count), None, None) => Some(Shift::WallHours { count }),
                (None, None, Some(count), None) => Some(Shift::Days { count }),
                (None, None, None, Some(count)) => Some(Shift::Weeks { count }),
                _ => {
                    mistakes.add(
                        "schedule",
                        nth,
                        "rotations",
                        "a rotation needs one of `hours`, `wall_hours`, `days`, `weeks`",
                        "add one, for example `weeks = 1`",
                    );
                    None
                }
            };
            if let (Some(start), Some(shift)) = (start, shift) {
                rotations.push(Rotation { people, start, shift });
            }
        }
        let mut overrides = Vec::new();
        for one in &section.overrides {
            let place = |key| ("schedule", nth, key);
            let remedy = "write an instant, for example `2026-12-24T18:00:00Z`";
            let from = mistakes.take(instant(one.from.get_ref()), place("overrides.from"), remedy);
            let until = mistakes.take(instant(&one.until), place("overrides.until"), remedy);
            if let (Some(from), Some(until), Some(person)) =
                (from, until, mistakes.name(&one.person, place("overrides.person")))
            {
                overrides.push(Override { from, until, person });
            }
        }
        let zone = section.zone.clone();
        roster.schedules.insert(id.clone(), Schedule { id, zone, rotations, overrides });
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

fn policies(file: &File, roster: &mut Roster, mistakes: &mut Mistakes<'_>) {
    for (nth, section) in file.policy.iter().enumerate() {
        let place = |key| ("policy", nth, key);
        let Some(id) = mistakes.name::<quarterdeck_core::id::kind::Policy>(section.id.get_ref(), place("id")) else {
            continue;
        };
        let mut tiers = Vec::new();
        for tier in &section.tiers {
            let schedules = tier
                .schedules
                .iter()
                .filter_map(|text| mistakes.name(text, place("tiers.schedules")))
                .map(Target::Schedule);
            let mut targets: Vec<Target> = schedules.collect();
            targets.extend(
                tier.people.iter().filter_map(|text| mistakes.name(text, place("tiers.people"))).map(Target::Person),
            );
            let delay = mistakes.span(&tier.delay, place("tiers.delay"));
            tiers.extend(delay.map(|delay| Tier { targets, delay }));
        }
        let acknowledgement = match &section.acknowledgement {
            None => Some(ACKNOWLEDGEMENT),
            Some(text) => mistakes.span(text, place("acknowledgement")),
        };
        let page_at = match &section.page_at {
            None => Some(Severity::Sev3),
            Some(text) => mistakes.take(text.parse::<Severity>(), place("page_at"), "write SEV1 to SEV5"),
        };
        let fallback = mistakes.name(&section.fallback, place("fallback"));
        if let (Some(fallback), Some(acknowledgement), Some(page_at)) = (fallback, acknowledgement, page_at) {
            let rounds = section.rounds.unwrap_or(3);
            let policy = EscalationPolicy { id: id.clone(), tiers, rounds, fallback, acknowledgement, page_at };
            roster.policies.insert(id, policy);
        }
    }
}

fn catalogue(file: &File, default_policy: Option<&PolicyId>, mistakes: &mut Mistakes<'_>) -> Catalogue {
    let so_far = mistakes.found.len();
    let names: BTreeMap<&str, usize> =
        file.service.iter().enumerate().map(|(nth, s)| (s.id.get_ref().as_str(), nth)).collect();
    let mut services = Vec::new();
    for (nth, section) in file.service.iter().enumerate() {
        let mut depends_on = std::collections::BTreeSet::new();
        for text in &section.depends_on {
            let service = mistakes.name::<quarterdeck_core::id::kind::Service>(text, ("service", nth, "depends_on"));
            let Some(service) = service else { continue };
            if !names.contains_key(text.as_str()) {
                let known: Vec<&str> = names.keys().copied().collect();
                let remedy = near::remedy(text, &known, "add a `[[service]]`");
                mistakes.add("service", nth, "depends_on", format!("no service `{text}` is configured"), &remedy);
            }
            depends_on.insert(service);
        }
        let policy = match &section.policy {
            None => default_policy.cloned(),
            Some(text) => mistakes.name(text, ("service", nth, "policy")),
        };
        if let Some(policy) = policy.as_ref().filter(|_| section.policy.is_some()) {
            no_policy(file, policy, ("service", nth, "policy"), mistakes);
        }
        let criticality = match &section.criticality {
            None => Some(Criticality::default()),
            Some(text) => word(text, ("service", nth, "criticality"), mistakes),
        };
        let addresses = addresses(section, nth, mistakes);
        let id: Option<ServiceId> = mistakes.name(section.id.get_ref(), ("service", nth, "id"));
        if let (Some(id), Some(policy), Some(criticality)) = (id, policy, criticality) {
            services.push(Service {
                title: section.title.clone().unwrap_or_else(|| section.id.get_ref().clone()),
                id,
                criticality,
                users: section.users,
                revenue_per_hour: Usd::from_dollars(section.revenue_per_hour_usd),
                assets: Usd::from_dollars(section.assets_usd),
                regulated: section.regulated,
                depends_on,
                policy,
                addresses,
            });
        }
    }
    let all_read = services.len() == file.service.len();
    let mut catalogue = Catalogue::new(services, assets(&file.asset, mistakes));
    // Where a service, an address or an asset could not be read, a policy that names it would be a mistake as well.
    if all_read && mistakes.found.len() == so_far {
        wallets::guard(file, &mut catalogue, mistakes);
    }
    lists(&file.list, &mut catalogue, mistakes);
    catalogue.theft_model = theft_model(&file.models, mistakes);
    catalogue
}

fn addresses(section: &shape::ServiceSection, nth: usize, mistakes: &mut Mistakes<'_>) -> Vec<WatchedAddress> {
    let mut addresses = Vec::new();
    for one in &section.addresses {
        let place = |key| ("service", nth, key);
        let address = address(one.address.get_ref(), one.chain, place("addresses.address"), mistakes);
        let role = word::<AddressRole>(&one.role, place("addresses.role"), mistakes);
        if let (Some(address), Some(role)) = (address, role) {
            let label = one.label.clone().unwrap_or_else(|| one.role.clone());
            addresses.push(WatchedAddress { chain: ChainId::evm(one.chain), address: address.into(), role, label });
        }
    }
    addresses
}

fn assets(sections: &[shape::AssetSection], mistakes: &mut Mistakes<'_>) -> Vec<Asset> {
    let mut assets = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let token = match &section.token {
            None => None,
            Some(text) => match address(text, section.chain, ("asset", nth, "token"), mistakes) {
                None => continue,
                some => some,
            },
        };
        let price =
            mistakes.take(micro_usd(&section.usd), ("asset", nth, "usd"), "write dollars, for example `2500.00`");
        if section.decimals > 36 {
            mistakes.add("asset", nth, "decimals", format!("{} decimals", section.decimals), "want 0 to 36");
        }
        if let Some(micro_usd) = price {
            let price = Price { micro_usd, decimals: section.decimals };
            assets.push(Asset {
                chain: ChainId::evm(section.chain),
                token,
                symbol: section.symbol.get_ref().clone(),
                price,
            });
        }
    }
    assets
}

/// Dollars with up to six decimals as millionths.
fn micro_usd(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is no price");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| bad())?;
    whole.checked_mul(1_000_000).and_then(|micro| micro.checked_add(fraction)).ok_or_else(bad)
}

/// The text of the model of thefts, once it was read as one.
fn theft_model(section: &shape::ModelsSection, mistakes: &mut Mistakes<'_>) -> Option<Arc<str>> {
    let file = section.theft.as_ref()?;
    let path = mistakes.folder().join(file);
    let place = ("models", 0, "theft");
    let text = read_text(&path).map_err(|error| format!("read `{}`: {error}", path.display()));
    let text = mistakes.take(text, place, "correct the path")?;
    let read = Model::read(text.as_bytes()).map_err(|error| match error.source() {
        Some(source) => format!("`{file}`: {error}: {source}"),
        None => format!("`{file}`: {error}"),
    });
    mistakes.take(read, place, "make one with `quarterdeck model train`")?;
    mistakes.has_read(file, &text);
    Some(text.into())
}

/// A list file has an address in each line, and after a comma or a space why it is listed; `#` begins a comment.
fn lists(sections: &[shape::ListSection], catalogue: &mut Catalogue, mistakes: &mut Mistakes<'_>) {
    for (nth, section) in sections.iter().enumerate() {
        let as_of = format!("{}T00:00:00Z", section.as_of).parse::<Timestamp>();
        let as_of =
            mistakes.take(as_of, ("list", nth, "as_of"), "write the day it was drawn up, for example `2026-11-01`");
        let path = mistakes.folder().join(&section.file);
        let text = read_text(&path).map_err(|error| format!("read `{}`: {error}", path.display()));
        let text = mistakes.take(text, ("list", nth, "file"), "correct the path");
        let (Some(as_of), Some(text)) = (as_of, text) else { continue };
        mistakes.has_read(&section.file, &text);
        let mut entries = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let (address, label) = line.split_once([',', ' ', '\t']).unwrap_or((line, ""));
            match address.trim().parse::<Address>() {
                Ok(parsed) => {
                    if let Err(what) = checksum(address.trim(), parsed, None) {
                        let what = format!("line {number} of `{}`: {what}", section.file);
                        mistakes.add("list", nth, "file", what, COPY_ANEW);
                    }
                    entries.push((parsed, label.trim().to_owned()));
                }
                Err(_) if line.is_empty() => {}
                Err(error) => {
                    let what = format!("line {number} of `{}`: `{address}`: {error}", section.file);
                    mistakes.add("list", nth, "file", what, "each line begins with an address");
                }
            }
        }
        catalogue.add_list(AddressList { name: section.name.get_ref().clone(), as_of }, entries);
    }
}
