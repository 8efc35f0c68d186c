//! The policies of watched wallets. Every line must be able to hold: a limit that another makes useless, a wallet that nobody watches
//! and a block without a line are mistakes. Tests: below.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::near;
use quarterdeck_core::{
    account::Account,
    catalogue::{Catalogue, WatchedAddress},
    chain::{Address, ChainId, U256},
    money::Usd,
    policy::zone,
    wallet::{DAY_MINUTES, DAYS, Destinations, Hours, Span, Spans, WalletPolicy},
};

use super::{Mistakes, addresses::any_address};
use crate::config::{
    Mistake,
    mistake::Lines,
    shape::{File, HoursSection, UnitsSection, WalletSection},
};

/// The word for any watched address in an allow-list.
const OURS: &str = "ours";

/// Puts every wallet that a `[[wallet]]` names under its policy.
pub(super) fn guard(file: &File, catalogue: &mut Catalogue, mistakes: &mut Mistakes<'_>) {
    let mut taken: BTreeMap<(ChainId, Account), usize> = BTreeMap::new();
    for (nth, section) in file.wallet.iter().enumerate() {
        let wallets = wallets(nth, section, catalogue, &mut taken, mistakes);
        let common = common(nth, section, catalogue, mistakes);
        if common == WalletPolicy::default() && section.limits.is_empty() && section.hours.is_none() {
            let what = "it has no line: nothing is guarded by it";
            mistakes.add(
                "wallet",
                nth,
                "wallets",
                what,
                "add `destinations`, a limit or `hours`, or remove the section",
            );
        }
        for wallet in wallets {
            let units = units(nth, &section.limits, wallet.chain, catalogue, mistakes);
            let policy = WalletPolicy { units, ..common.clone() };
            catalogue.guard(wallet.chain, wallet.address, Arc::new(policy));
        }
    }
}

/// The watched wallets that a section names, by label or address.
fn wallets(
    nth: usize,
    section: &WalletSection,
    catalogue: &Catalogue,
    taken: &mut BTreeMap<(ChainId, Account), usize>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<WatchedAddress> {
    if section.wallets.is_empty() {
        mistakes.add("wallet", nth, "wallets", "it names no wallet", "write `wallets = [\"hot wallet\"]`");
    }
    let mut found = Vec::new();
    for text in &section.wallets {
        let (name, offset) = (text.get_ref(), text.span().start);
        let named = |watched: &&WatchedAddress| is_named(watched, name);
        let mut meant: Vec<WatchedAddress> =
            catalogue.wallets().map(|(_, watched)| watched).filter(named).cloned().collect();
        if meant.is_empty() {
            let (what, remedy) = not_a_wallet(name, catalogue);
            mistakes.again("wallet.wallets", offset, what, &remedy);
        }
        for wallet in meant.drain(..) {
            let line = mistakes.line(offset);
            let first = *taken.entry((wallet.chain, wallet.address.clone())).or_insert(line);
            if first != line || found.contains(&wallet) {
                let what = format!("`{name}` has a policy already, in line {first}");
                mistakes.again("wallet.wallets", offset, what, "write all lines of a wallet into one section");
            } else {
                found.push(wallet);
            }
        }
    }
    found
}

/// By its label, or by its address on every chain where it is watched.
fn is_named(watched: &WatchedAddress, name: &str) -> bool {
    watched.label == name || name.parse::<Address>().is_ok_and(|address| watched.address == address.into())
}

fn not_a_wallet(name: &str, catalogue: &Catalogue) -> (String, String) {
    let all = || catalogue.services.values().flat_map(|service| &service.addresses);
    if let Some(other) = all().find(|watched| is_named(watched, name)) {
        let what = format!("`{name}` is watched with the role `{}`", other.role.word());
        return (what, "a policy is for what people sign for: role `wallet` or `multisig`".to_owned());
    }
    let known: Vec<&str> = catalogue.wallets().map(|(_, watched)| watched.label.as_str()).collect();
    let otherwise = "give the address of a service this label and the role `wallet`";
    (format!("no watched wallet is called `{name}`"), near::remedy(name, &known, otherwise))
}

/// All lines that are the same on every chain.
fn common(nth: usize, section: &WalletSection, catalogue: &Catalogue, mistakes: &mut Mistakes<'_>) -> WalletPolicy {
    let usd = Spans { transaction: section.transaction_max_usd, hour: section.hour_max_usd, day: section.day_max_usd };
    let percent = Spans {
        transaction: section.transaction_max_percent,
        hour: section.hour_max_percent,
        day: section.day_max_percent,
    };
    rising(nth, &usd, &|span| format!("{}_max_usd", span.word()), mistakes);
    for (span, value) in percent.set().filter(|(_, value)| *value == 0 || *value > 100) {
        let key = format!("{}_max_percent", span.word());
        mistakes.add(
            "wallet",
            nth,
            &key,
            format!("{value} percent"),
            "write 1 to 100: percent of what the wallet holds",
        );
    }
    rising(nth, &percent, &|span| format!("{}_max_percent", span.word()), mistakes);
    let dollars = |value: Option<u64>| value.map(Usd::from_dollars);
    let permille = |value: Option<u32>| value.map(|percent| percent.saturating_mul(10));
    WalletPolicy {
        destinations: section.destinations.as_ref().map(|all| destinations(nth, all, catalogue, mistakes)),
        usd: Spans { transaction: dollars(usd.transaction), hour: dollars(usd.hour), day: dollars(usd.day) },
        units: BTreeMap::new(),
        share_permille: Spans {
            transaction: permille(percent.transaction),
            hour: permille(percent.hour),
            day: permille(percent.day),
        },
        hours: section.hours.as_ref().and_then(|hours| self::hours(nth, hours, mistakes)),
        new_counterparty: dollars(section.new_counterparty_above_usd),
        nonce_gaps: section.nonce_gaps,
    }
}

/// A limit for a longer span that is below that for a shorter one makes the latter useless: one of the two is a slip.
fn rising<T: Copy + PartialOrd + std::fmt::Display>(
    nth: usize,
    limits: &Spans<T>,
    key: &dyn Fn(Span) -> String,
    mistakes: &mut Mistakes<'_>,
) {
    let set: Vec<(Span, T)> = limits.set().collect();
    for ((short, less), (long, more)) in set.iter().zip(set.iter().skip(1)) {
        if more < less {
            let what = format!("`{}` is {more}, less than `{}`, which is {less}", key(*long), key(*short));
            mistakes.add(
                "wallet",
                nth,
                &key(*long),
                what,
                "the longer the span, the more may leave; correct one of the two",
            );
        }
    }
}

fn destinations(nth: usize, all: &[String], catalogue: &Catalogue, mistakes: &mut Mistakes<'_>) -> Destinations {
    let mut found = Destinations::default();
    let mut seen = BTreeSet::new();
    for text in all {
        if !seen.insert(text) {
            mistakes.add("wallet", nth, "destinations", format!("`{text}` is there twice"), "keep one");
        }
        if text == OURS {
            found.ours = true;
        } else if text.starts_with("0x") {
            let place = ("wallet", nth, "destinations");
            found.addresses.extend(any_address(text, place, mistakes));
        } else {
            let watched = catalogue.services.values().flat_map(|service| &service.addresses);
            let labelled: Vec<Address> =
                watched.filter(|watched| watched.label == *text).filter_map(|watched| watched.address.evm()).collect();
            if labelled.is_empty() {
                let labels = catalogue.services.values().flat_map(|service| &service.addresses);
                let known: Vec<&str> = std::iter::once(OURS).chain(labels.map(|one| one.label.as_str())).collect();
                let remedy = near::remedy(text, &known, "write an address with 0x and 40 hex digits");
                mistakes.add("wallet", nth, "destinations", format!("no watched address is called `{text}`"), &remedy);
            }
            found.addresses.extend(labelled);
        }
    }
    found
}

fn hours(nth: usize, section: &HoursSection, mistakes: &mut Mistakes<'_>) -> Option<Hours> {
    let place = |key| ("wallet", nth, key);
    let rules = zone(&section.zone).ok_or_else(|| format!("there is no time zone `{}`", section.zone));
    let rules = mistakes.take(rules, place("hours.zone"), "write an IANA name such as `Europe/Zurich`");
    let remedy = "write the time of day, for example `08:00`";
    let from = mistakes.take(minute(&section.from), place("hours.from"), remedy);
    let until = mistakes.take(minute(&section.until), place("hours.until"), remedy);
    let days = match &section.days {
        None => [true; 7],
        Some(names) => {
            let mut days = [false; 7];
            for name in names {
                let known = DAYS.map(str::to_lowercase);
                if let Some(day) = known.iter().position(|day| day == name) {
                    days.iter_mut().skip(day).take(1).for_each(|on| *on = true);
                } else {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    let what = format!("`{name}` is no day");
                    mistakes.add("wallet", nth, "hours.days", what, &near::remedy(name, &known, ""));
                }
            }
            days
        }
    };
    if !days.contains(&true) || (from.is_some() && from == until) {
        mistakes.add(
            "wallet",
            nth,
            "hours",
            "there is no hour in it",
            "write days, and an end that is not the beginning",
        );
    }
    Some(Hours { zone: section.zone.clone(), rules: rules?, days, from: from?, until: until? })
}

/// `08:30` as a minute of the day; `24:00` is its end.
fn minute(text: &str) -> Result<u16, String> {
    let bad = || format!("`{text}` is no time of day");
    let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or_else(bad)?;
    let (hours, minutes): (u16, u16) = (hours.parse().map_err(|_| bad())?, minutes.parse().map_err(|_| bad())?);
    let minute = hours.saturating_mul(60).saturating_add(minutes);
    if minutes < 60 && minute <= DAY_MINUTES { Ok(minute) } else { Err(bad()) }
}

/// Limits in units of assets that are configured on the wallet's chain.
fn units(
    nth: usize,
    sections: &[UnitsSection],
    chain: ChainId,
    catalogue: &Catalogue,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<Option<Address>, Spans<U256>> {
    let mut all = BTreeMap::new();
    for section in sections {
        let (symbol, offset) = (section.asset.get_ref(), section.asset.span().start);
        let here = || catalogue.assets.values().filter(|asset| asset.chain == chain);
        let Some(asset) = here().find(|asset| asset.symbol == *symbol) else {
            let known: Vec<&str> = here().map(|asset| asset.symbol.as_str()).collect();
            let what = format!("no asset `{symbol}` of chain {chain} is configured");
            mistakes.again("wallet.limits", offset, what, &near::remedy(symbol, &known, "add an `[[asset]]`"));
            continue;
        };
        let decimals = asset.price.decimals;
        let mut read = |text: &Option<String>| {
            let raw = text.as_ref().map(|text| raw(text, decimals))?;
            raw.map_err(|what| {
                mistakes.again(
                    "wallet.limits",
                    offset,
                    what,
                    "write units of the asset in quotes, for example \"12.5\"",
                );
            })
            .ok()
        };
        let limits =
            Spans { transaction: read(&section.transaction), hour: read(&section.hour), day: read(&section.day) };
        if limits.set().next().is_none() {
            let what = format!("the limit of `{symbol}` has no amount");
            mistakes.again("wallet.limits", offset, what, "add `transaction`, `hour` or `day`");
        }
        rising(nth, &limits, &|span| format!("limits.{}", span.word()), mistakes);
        if all.insert(asset.token, limits).is_some() {
            let what = format!("the limit of `{symbol}` is there already");
            mistakes.again("wallet.limits", offset, what, "keep one");
        }
    }
    all
}

/// `12.5` with so many decimals, as raw units.
pub(super) fn raw(text: &str, decimals: u8) -> Result<U256, String> {
    let bad = || format!("`{text}` is no amount with at most {decimals} decimals");
    let plain = text.replace('_', "");
    let (units, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let width = usize::from(decimals);
    let digits = format!("{units}{rest:0<width$}");
    if units.is_empty() || rest.len() > width || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    U256::from_str_radix(&digits, 10).map_err(|_| bad())
}

/// Wallets that only the usual share guards: a key that is used every day deserves an allow-list or a limit.
pub(super) fn unguarded(catalogue: &Catalogue, lines: &Lines) -> Vec<Mistake> {
    let without = catalogue
        .wallets()
        .filter(|(_, wallet)| catalogue.wallet_policy(wallet.chain, wallet.address.clone()).is_none());
    let mut names: Vec<&str> = without.map(|(_, wallet)| wallet.label.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Vec::new();
    }
    let shown: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    vec![Mistake {
        line: lines.find("service", 0, "addresses"),
        path: "service.addresses".to_owned(),
        what: format!(
            "no policy guards {}{more}: only the loss of half of what a wallet holds is told",
            shown.join(", ")
        ),
        remedy: "add a `[[wallet]]` with `destinations` or limits; `examples/ethereum.toml` shows one".to_owned(),
    }]
}

/// Wallets that a warning names; more would hide the others.
const NAMED_MAX: usize = 8;

#[cfg(test)]
mod tests;
