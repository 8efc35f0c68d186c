//! From the file's shape to validated core types. Collects every mistake instead of stopping at the first.

mod mistakes;
mod entrance;
mod channels;
mod chats;
mod word;
mod bounds;
mod addresses;
mod wallets;
mod roles;
mod restrict;
mod response;
mod twice;
mod watching;
mod checks;
#[cfg(test)]
mod small;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::near;
use quarterdeck_core::{bounds::TOKEN, chain::ChainId, limits::HEARTBEAT_MIN};
use sha2::{Digest, Sha256};

pub use self::entrance::LISTEN;
use self::{
    channels::{Channels, channels},
    mistakes::Mistakes,
    twice::Once,
};
use super::{
    ConfigError, Configuration, Integration, Mistake, StoreKind,
    mistake::Lines,
    shape::{self, File},
};
use crate::auth::{self, Role, SECRET_BYTES_MIN, Token};
use quarterdeck_reach::{heartbeat::Heartbeat, notify::Parts};
use quarterdeck_sources::ChainSource;

/// The data folder.
pub(super) fn data(file: &File, folder: &Path) -> PathBuf {
    folder.join(file.server.data.as_deref().unwrap_or("quarterdeck-data"))
}

/// Checks everything.
pub(super) fn resolve(
    file: File,
    text: &str,
    folder: &Path,
    lines: &Lines,
    parts: &Parts,
) -> Result<Configuration, ConfigError> {
    let mut mistakes = Mistakes { lines, folder, found: Vec::new(), read: Vec::new() };
    let entrance = entrance::entrance(&file, &mut mistakes);
    let store = store(&file.store, &mut mistakes);
    let channels = channels(&file.channel, parts, &mut mistakes);
    let chats = chats::chats(&file.chat, &file.person, parts, &mut mistakes);
    let setting = response::setting(&file, &channels, &mut mistakes);
    let mut secrets = Once::default();
    let tokens = tokens(&file.token, &file.person, &mut secrets, &mut mistakes);
    let mut sources = watching::sources(&file.source, &mut mistakes);
    let detectors = watching::detectors(&file.detectors, &mut mistakes);
    let mut setting = setting;
    let mut probes = BTreeMap::new();
    if let Some(setting) = &mut setting {
        setting.rules.restrict = restrict::rules(&file, (&setting.roster, &setting.catalogue), &mut mistakes);
        (setting.rules.validation, probes) = checks::validation(&file, (&setting.catalogue, &sources), &mut mistakes);
    }
    let heartbeat = heartbeat(file.heartbeat.as_ref(), parts, &mut mistakes);
    let integrations = integrations(&file.integration, &mut secrets, &mut mistakes);
    let words = response::severity_words(&file.severity_words, &mut mistakes);
    twice::check(&file, &mut mistakes);
    base_url(file.server.base_url.as_ref(), &mut mistakes);
    let unwatched = unwatched(&file, &sources, lines);
    let data = data(&file, folder);
    let (Some(listen), Some(store), Some(setting), true) = (entrance.listen, store, setting, mistakes.found.is_empty())
    else {
        return Err(ConfigError::Mistakes { mistakes: mistakes.found });
    };
    watching::balances(&mut sources, &setting.catalogue);
    let mut warnings = warnings(&setting, lines);
    warnings.extend(unwatched);
    warnings.extend(wallets::unguarded(&setting.catalogue, lines));
    warnings.extend(checks::hasty(&file, &setting.rules, lines));
    Ok(Configuration {
        path: None,
        listen: Some(listen),
        base_url: file.server.base_url.unwrap_or_else(|| entrance.base_url(listen)),
        encryption: entrance.encryption,
        behind_proxy: file.server.behind_proxy,
        data,
        store,
        origin: file.log.origin.unwrap_or_else(|| "quarterdeck.invalid/log".to_owned()),
        warnings,
        setting: Arc::new(setting),
        channels: Arc::new(channels),
        chats: Arc::new(chats),
        tokens,
        sources,
        integrations,
        words,
        heartbeat,
        checks: Arc::new(probes),
        detectors,
        digest: digest(text, &mistakes.read),
    })
}

/// The digest of all that was read: the file's own where it names nothing. Else what it names follows, each by its name and by the
/// digest of what it held, so that a new list or a new secret is another configuration, too.
fn digest(text: &str, read: &[(String, [u8; 32])]) -> String {
    let mut all = Sha256::new_with_prefix(text.as_bytes());
    for (name, held) in read {
        // No configuration holds a zero byte: TOML forbids it.
        all.update([0]);
        all.update(name.as_bytes());
        all.update([0]);
        all.update(held);
    }
    alloy_primitives::hex::encode(all.finalize())
}

fn store(section: &shape::StoreSection, mistakes: &mut Mistakes<'_>) -> Option<StoreKind> {
    match (section.kind.as_deref().unwrap_or("sqlite"), &section.url) {
        ("sqlite", None) => Some(StoreKind::Sqlite),
        ("memory", None) => Some(StoreKind::Memory),
        ("postgres", Some(url)) => {
            let authorities = section.authorities.as_ref().map(|path| mistakes.folder().join(path));
            let url = mistakes.secret(url, ("store", 0, "url"))?;
            let told = reachable(&url, authorities.as_deref());
            mistakes.take(
                told,
                ("store", 0, "url"),
                "write `postgres://user:password@host/database?sslmode=verify-full`",
            )?;
            Some(StoreKind::Postgres { url, authorities })
        }
        ("postgres", None) => {
            mistakes.add("store", 0, "kind", "a PostgreSQL store needs `url`", "add `url = \"env:DATABASE_URL\"`");
            None
        }
        ("sqlite" | "memory", Some(_)) => {
            mistakes.add(
                "store",
                0,
                "url",
                "this kind of store has no `url`",
                "remove it, or set `kind = \"postgres\"`",
            );
            None
        }
        (other, _) => {
            let what = format!("`{other}` is no kind of store");
            mistakes.add("store", 0, "kind", what, &near::remedy(other, &["sqlite", "postgres", "memory"], ""));
            None
        }
    }
}

/// Whether a store could be asked by this address, as far as can be told without asking.
#[cfg(feature = "postgres")]
fn reachable(url: &str, authorities: Option<&Path>) -> Result<(), String> {
    quarterdeck_store::postgres::check(url, authorities).map_err(|error| {
        let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        causes.last().map_or_else(|| error.to_string(), ToString::to_string)
    })
}
#[cfg(not(feature = "postgres"))]
fn reachable(_: &str, _: Option<&Path>) -> Result<(), String> {
    Ok(())
}

/// How often a sign of life is given unless the file says otherwise: a watcher that waits for five misses five minutes at most.
const HEARTBEAT_EVERY: Duration = Duration::from_mins(1);
/// The shortest and the longest distance between two signs.
const HEARTBEAT_SPANS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

fn heartbeat(
    section: Option<&shape::HeartbeatSection>,
    parts: &Parts,
    mistakes: &mut Mistakes<'_>,
) -> Option<Heartbeat> {
    let section = section?;
    let every = match &section.every {
        None => Some(HEARTBEAT_EVERY),
        Some(text) => mistakes.span(text, ("heartbeat", 0, "every")),
    }?;
    if every < HEARTBEAT_SPANS.0 || every > HEARTBEAT_SPANS.1 {
        mistakes.add("heartbeat", 0, "every", format!("{every:?} between two signs of life"), "want `1s` to `1d`");
        return None;
    }
    let url = mistakes.secret(&section.url, ("heartbeat", 0, "url"))?;
    mistakes.take(
        Heartbeat::new(&url, every, parts),
        ("heartbeat", 0, "url"),
        "write the address that the watcher gave you",
    )
}

/// Where people reach the console, if that is said.
fn base_url(given: Option<&String>, mistakes: &mut Mistakes<'_>) {
    let Some(text) = given else { return };
    let whole = url::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if !whole {
        let what = format!("`{text}` is no address that a browser opens");
        mistakes.add(
            "server",
            0,
            "base_url",
            what,
            "write it with its scheme, for example `https://quarterdeck.example.com`",
        );
    }
}

fn tokens(
    sections: &[shape::TokenSection],
    people: &[shape::PersonSection],
    secrets: &mut Once<[u8; 32]>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let roles = Role::ALL.map(|role| role.to_string());
        let remedy = near::remedy(&section.role, &roles.each_ref().map(String::as_str), "");
        let role = mistakes.take(section.role.parse::<Role>(), ("token", nth, "role"), &remedy);
        let person = match &section.person {
            None => None,
            Some(text) => mistakes.name(text, ("token", nth, "person")),
        };
        let known: Vec<&str> = people.iter().map(|section| section.id.get_ref().as_str()).collect();
        if let Some(person) = person.as_ref().filter(|person| !known.contains(&person.as_str())) {
            let remedy = near::remedy(person.as_str(), &known, "add a `[[person]]`");
            mistakes.add("token", nth, "person", format!("no person `{person}` is configured"), &remedy);
        }
        let digest = match (&section.sha256, &section.token) {
            (Some(hex), None) => mistakes.take(digest_of_hex(hex), ("token", nth, "sha256"), "write 64 hex digits"),
            (None, Some(text)) => mistakes
                .secret(text, ("token", nth, "token"))
                .and_then(|token| long_enough(&token, ("token", nth, "token"), mistakes).then(|| auth::digest(&token))),
            _ => {
                mistakes.add("token", nth, "name", "a token needs `sha256` or `token`, not both", "prefer `sha256`");
                None
            }
        };
        if let Some(digest) = digest {
            secrets.secret("token", digest, section.name.span().start, mistakes);
        }
        if let (Some(role), Some(digest)) = (role, digest) {
            tokens.push(Token { name: section.name.get_ref().clone(), role, person, digest });
        }
    }
    tokens
}

/// Whether a secret cannot be found by trying, or that noted.
fn long_enough(secret: &str, (header, nth, key): (&str, usize, &str), mistakes: &mut Mistakes<'_>) -> bool {
    let long = secret.len() >= SECRET_BYTES_MIN;
    if !long {
        let what = format!("the {key} is shorter than {SECRET_BYTES_MIN} characters");
        mistakes.add(header, nth, key, what, "make one with `quarterdeck key`");
    }
    long
}

fn digest_of_hex(text: &str) -> Result<[u8; 32], String> {
    let mut digest = [0; 32];
    alloy_primitives::hex::decode_to_slice(text, &mut digest).map_err(|error| format!("`{text}`: {error}"))?;
    Ok(digest)
}

fn integrations(
    sections: &[shape::IntegrationSection],
    secrets: &mut Once<[u8; 32]>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Integration> {
    let mut integrations = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let id = mistakes.name(section.id.get_ref(), ("integration", nth, "id"));
        if section.id.get_ref().starts_with(TOKEN) {
            let what = format!("`{}` is how what a token posts is called", section.id.get_ref());
            mistakes.add("integration", nth, "id", what, &format!("a name that does not begin with `{TOKEN}`"));
        }
        let Some(key) = mistakes.secret(&section.key, ("integration", nth, "key")) else { continue };
        long_enough(&key, ("integration", nth, "key"), mistakes);
        let digest = auth::digest(&key);
        secrets.secret("integration", digest, section.id.span().start, mistakes);
        let place = ("integration", nth, "heartbeat");
        let heartbeat = section.heartbeat.as_ref().and_then(|text| mistakes.span(text, place));
        if heartbeat.is_some_and(|every| every < HEARTBEAT_MIN) {
            mistakes.add(
                "integration",
                nth,
                "heartbeat",
                "a heartbeat is at least 10 s",
                "allow for a lost request or two",
            );
        }
        let group_by = bounds::group_by(nth, section, mistakes);
        integrations.extend(id.map(|id| Integration { id, digest, heartbeat, group_by }));
    }
    integrations
}

/// Chains with addresses of ours that no source follows: nothing that happens there would be seen. One for each chain.
fn unwatched(file: &File, sources: &[ChainSource], lines: &Lines) -> Vec<Mistake> {
    let mut chains: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for one in file.service.iter().flat_map(|section| &section.addresses) {
        if !sources.iter().any(|source| source.chain == ChainId::evm(one.chain)) {
            let line = lines.at(one.address.span().start);
            chains.entry(one.chain).and_modify(|(_, count)| *count += 1).or_insert((line, 1));
        }
    }
    let mistake = |(chain, (line, count)): (u64, (usize, usize))| {
        let addresses = if count == 1 { "an address".to_owned() } else { format!("{count} addresses") };
        Mistake {
            line: Some(line),
            path: "service.addresses".to_owned(),
            what: format!("no source follows chain {chain}: what happens to {addresses} there is not seen"),
            remedy: format!("add a `[[source]]` with `chain = {chain}`, or correct `chain`"),
        }
    };
    chains.into_iter().map(mistake).collect()
}

/// What is allowed and probably not meant.
fn warnings(setting: &quarterdeck_core::setting::Setting, lines: &Lines) -> Vec<Mistake> {
    let mut warnings = Vec::new();
    if setting.catalogue.services.is_empty() {
        warnings.push(Mistake {
            line: None,
            path: "service".to_owned(),
            what: "no service is configured".to_owned(),
            remedy: "add `[[service]]` sections with addresses, so that severity knows what is at stake".to_owned(),
        });
    }
    for (nth, service) in setting.catalogue.services.values().enumerate() {
        if service.revenue_per_hour.cents() == 0 && service.assets.cents() == 0 && service.users == 0 {
            warnings.push(Mistake {
                line: lines.find("service", nth, "id"),
                path: format!("service `{}`", service.id),
                what: "it has no users, no revenue and no assets".to_owned(),
                remedy: "state them: they decide its severity".to_owned(),
            });
        }
    }
    warnings
}
