//! From the file's shape to validated core types. Collects every fault instead of stopping at the first.

mod entrance;
mod response;
mod twice;
mod watching;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::ChainId,
    id::{Kind, Name},
    limits::HEARTBEAT_MIN,
};
use sha2::{Digest, Sha256};

use self::twice::Once;
use super::{
    ConfigError, Configuration, Fault, Integration, StoreKind, Token,
    fault::Lines,
    near, read_text,
    shape::{self, File},
};
use crate::auth::{self, Role, SECRET_BYTES_MIN};
use quarterdeck_reach::{
    heartbeat::Heartbeat,
    notify::{NOTIFIERS, Notifier, NotifierKind, Parts, SettingError, Settings},
};
use quarterdeck_sources::ChainSource;

/// Where the console listens unless told otherwise: loopback, so that nothing is open by accident.
pub const LISTEN: &str = "127.0.0.1:7117";

/// Collects faults with their lines.
pub(super) struct Faults<'a> {
    lines: &'a Lines,
    folder: &'a Path,
    found: Vec<Fault>,
    /// What was read besides the file, as the file names it, each with the SHA-256 of what it held.
    read: Vec<(String, [u8; 32])>,
}

impl Faults<'_> {
    /// Notes a fault of `key` in the `nth` section `header`.
    pub(super) fn add(&mut self, header: &str, nth: usize, key: &str, what: impl Into<String>, remedy: &str) {
        let what = what.into();
        // `tiers.delay` stands in the list `tiers`.
        let begins = key.split('.').next().unwrap_or_default();
        let line = self.lines.find(header, nth, begins).map(|line| self.lines.of_value(line, header, &what));
        let path = match (key, self.lines.find(header, 1, "")) {
            ("", _) => header.to_owned(),
            (key, None) => format!("{header}.{key}"),
            (key, Some(_)) => format!("{header}[{nth}].{key}"),
        };
        self.found.push(Fault { line, path, what, remedy: remedy.to_owned() });
    }
    /// A value, or its fault noted.
    pub(super) fn take<T, E: ToString>(
        &mut self,
        result: Result<T, E>,
        (header, nth, key): (&str, usize, &str),
        remedy: &str,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(header, nth, key, error.to_string(), remedy);
                None
            }
        }
    }
    /// A name, or its fault noted.
    pub(super) fn name<K: Kind>(&mut self, text: &str, place: (&str, usize, &str)) -> Option<Name<K>> {
        self.take(Name::new(text), place, "use lower-case letters, digits, `-`, `_` and `.`")
    }
    /// A value that may stand in the environment or in a file of its own.
    pub(super) fn secret(&mut self, text: &str, place: (&str, usize, &str)) -> Option<String> {
        let value = self.take(indirect(text, self.folder), place, "set the variable, or correct the path")?;
        if value != text {
            self.has_read(text, &value);
        }
        Some(value)
    }
    /// Notes that what the file names by `name` was read: it is part of what is in force.
    pub(super) fn has_read(&mut self, name: &str, held: &str) {
        self.read.push((name.to_owned(), Sha256::digest(held.as_bytes()).into()));
    }
    /// A span, or its fault noted.
    pub(super) fn span(&mut self, text: &str, place: (&str, usize, &str)) -> Option<std::time::Duration> {
        self.take(super::duration::parse(text), place, "write a number with `s`, `m`, `h` or `d`")
    }
    /// Notes that something is there for the second time.
    pub(super) fn again(&mut self, path: &str, offset: usize, what: impl Into<String>, remedy: &str) {
        let (line, path) = (Some(self.lines.at(offset)), path.to_owned());
        self.found.push(Fault { line, path, what: what.into(), remedy: remedy.to_owned() });
    }
    /// The line of a place in the text.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.at(offset)
    }
    /// Where relative paths start.
    pub(super) fn folder(&self) -> &Path {
        self.folder
    }
}

/// `env:NAME` and `file:PATH` are read; anything else is the value itself.
#[expect(clippy::disallowed_methods, reason = "configuration may name environment variables for its secrets")]
fn indirect(text: &str, folder: &Path) -> Result<String, String> {
    if let Some(name) = text.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| format!("the environment has no `{name}`"));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let path = folder.join(path);
        let read = read_text(&path).map_err(|error| format!("read `{}`: {error}", path.display()))?;
        return Ok(read.trim_end().to_owned());
    }
    Ok(text.to_owned())
}

/// Checks everything.
pub(super) fn resolve(
    file: File,
    text: &str,
    folder: &Path,
    lines: &Lines,
    parts: &Parts,
) -> Result<Configuration, ConfigError> {
    let mut faults = Faults { lines, folder, found: Vec::new(), read: Vec::new() };
    let entrance = entrance::entrance(&file, &mut faults);
    let store = store(&file.store, &mut faults);
    let channels = channels(&file.channel, parts, &mut faults);
    let setting = response::setting(&file, &channels, &mut faults);
    let mut secrets = Once::default();
    let tokens = tokens(&file.token, &file.person, &mut secrets, &mut faults);
    let sources = watching::sources(&file.source, &mut faults);
    let detectors = watching::detectors(&file.detectors, &mut faults);
    let heartbeat = heartbeat(file.heartbeat.as_ref(), parts, &mut faults);
    let integrations = integrations(&file.integration, &mut secrets, &mut faults);
    let words = response::severity_words(&file.severity_words, &mut faults);
    twice::check(&file, &mut faults);
    base_url(file.server.base_url.as_ref(), &mut faults);
    let unwatched = unwatched(&file, &sources, lines);
    let data = folder.join(file.server.data.as_deref().unwrap_or("quarterdeck-data"));
    let (Some(listen), Some(store), Some(setting), true) = (entrance.listen, store, setting, faults.found.is_empty())
    else {
        return Err(ConfigError::Faults { faults: faults.found });
    };
    let mut warnings = warnings(&setting, lines);
    warnings.extend(unwatched);
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
        tokens,
        sources,
        integrations,
        words,
        heartbeat,
        detectors,
        digest: digest(text, &faults.read),
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

fn store(section: &shape::StoreSection, faults: &mut Faults<'_>) -> Option<StoreKind> {
    match (section.kind.as_deref().unwrap_or("sqlite"), &section.url) {
        ("sqlite", None) => Some(StoreKind::Sqlite),
        ("memory", None) => Some(StoreKind::Memory),
        ("postgres", Some(url)) => {
            let authorities = section.authorities.as_ref().map(|path| faults.folder().join(path));
            let url = faults.secret(url, ("store", 0, "url"))?;
            let told = reachable(&url, authorities.as_deref());
            faults.take(
                told,
                ("store", 0, "url"),
                "write `postgres://user:password@host/database?sslmode=verify-full`",
            )?;
            Some(StoreKind::Postgres { url, authorities })
        }
        ("postgres", None) => {
            faults.add("store", 0, "kind", "a PostgreSQL store needs `url`", "add `url = \"env:DATABASE_URL\"`");
            None
        }
        ("sqlite" | "memory", Some(_)) => {
            faults.add("store", 0, "url", "this kind of store has no `url`", "remove it, or set `kind = \"postgres\"`");
            None
        }
        (other, _) => {
            let what = format!("`{other}` is no kind of store");
            faults.add("store", 0, "kind", what, &near::remedy(other, &["sqlite", "postgres", "memory"], ""));
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

fn heartbeat(section: Option<&shape::HeartbeatSection>, parts: &Parts, faults: &mut Faults<'_>) -> Option<Heartbeat> {
    let section = section?;
    let every = match &section.every {
        None => Some(HEARTBEAT_EVERY),
        Some(text) => faults.span(text, ("heartbeat", 0, "every")),
    }?;
    if every < HEARTBEAT_SPANS.0 || every > HEARTBEAT_SPANS.1 {
        faults.add("heartbeat", 0, "every", format!("{every:?} between two signs of life"), "want `1s` to `1d`");
        return None;
    }
    let url = faults.secret(&section.url, ("heartbeat", 0, "url"))?;
    faults.take(
        Heartbeat::new(&url, every, parts),
        ("heartbeat", 0, "url"),
        "write the address that the watcher gave you",
    )
}

type Channels = BTreeMap<quarterdeck_core::id::ChannelId, Arc<dyn Notifier>>;

fn channels(
    sections: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    parts: &Parts,
    faults: &mut Faults<'_>,
) -> Channels {
    let mut channels = BTreeMap::new();
    for (id, values) in sections {
        let header = format!("channel.{id}");
        let Some(name) = faults.name(id, (&header, 0, "")) else { continue };
        let kind = values.get("kind").and_then(toml::Value::as_str).unwrap_or_default();
        let Some(kind) = NOTIFIERS.iter().find(|known| known.id() == kind) else {
            let known: Vec<&str> = NOTIFIERS.iter().map(|known| known.id()).collect();
            let what = if kind.is_empty() {
                "the channel has no `kind`".to_owned()
            } else {
                format!("`{kind}` is no kind of notifier")
            };
            faults.add(&header, 0, "kind", what, &near::remedy(kind, &known, ""));
            continue;
        };
        let (mut settings, so_far) = (BTreeMap::new(), faults.found.len());
        for (key, value) in values.iter().filter(|(key, _)| *key != "kind") {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            if let Some(text) = faults.secret(&text, (&header, 0, key)) {
                let is_path = kind.id() == "file" && key == "path";
                let text = if is_path { faults.folder().join(text).display().to_string() } else { text };
                settings.insert(key.clone(), text);
            }
        }
        // What could not be read would be missed once more.
        if faults.found.len() > so_far {
            continue;
        }
        match kind.build(&Settings(settings), parts) {
            Ok(channel) => {
                channels.insert(name, channel);
            }
            Err(error) => {
                let (key, remedy) = about_setting(&error, *kind);
                faults.add(&header, 0, &key, error.to_string(), &remedy);
            }
        }
    }
    channels
}

/// Which setting of a notifier an error is about, and what to do.
fn about_setting(error: &SettingError, kind: &dyn NotifierKind) -> (String, String) {
    let doc = |name: &str| kind.settings().iter().find(|spec| spec.name == name).map_or("", |spec| spec.doc);
    match error {
        SettingError::Missing { name, .. } => ((*name).to_owned(), format!("add `{name}`")),
        SettingError::Unknown { name, .. } => {
            let known: Vec<&str> = kind.settings().iter().map(|spec| spec.name).collect();
            (name.clone(), near::remedy(name, &known, "remove it"))
        }
        SettingError::Bad { name, .. } => ((*name).to_owned(), doc(name).to_owned()),
    }
}

/// Where people reach the console, if that is said.
fn base_url(given: Option<&String>, faults: &mut Faults<'_>) {
    let Some(text) = given else { return };
    let whole = url::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if !whole {
        let what = format!("`{text}` is no address that a browser opens");
        faults.add(
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
    faults: &mut Faults<'_>,
) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let roles = Role::ALL.map(|role| role.to_string());
        let remedy = near::remedy(&section.role, &roles.each_ref().map(String::as_str), "");
        let role = faults.take(section.role.parse::<Role>(), ("token", nth, "role"), &remedy);
        let person = match &section.person {
            None => None,
            Some(text) => faults.name(text, ("token", nth, "person")),
        };
        let known: Vec<&str> = people.iter().map(|section| section.id.get_ref().as_str()).collect();
        if let Some(person) = person.as_ref().filter(|person| !known.contains(&person.as_str())) {
            let remedy = near::remedy(person.as_str(), &known, "add a `[[person]]`");
            faults.add("token", nth, "person", format!("no person `{person}` is configured"), &remedy);
        }
        let digest = match (&section.sha256, &section.token) {
            (Some(hex), None) => faults.take(digest_of_hex(hex), ("token", nth, "sha256"), "write 64 hex digits"),
            (None, Some(text)) => faults
                .secret(text, ("token", nth, "token"))
                .and_then(|token| long_enough(&token, ("token", nth, "token"), faults).then(|| auth::digest(&token))),
            _ => {
                faults.add("token", nth, "name", "a token needs `sha256` or `token`, not both", "prefer `sha256`");
                None
            }
        };
        if let Some(digest) = digest {
            secrets.secret("token", digest, section.name.span().start, faults);
        }
        if let (Some(role), Some(digest)) = (role, digest) {
            tokens.push(Token { name: section.name.get_ref().clone(), role, person, digest });
        }
    }
    tokens
}

/// Whether a secret cannot be found by trying, or that noted.
fn long_enough(secret: &str, (header, nth, key): (&str, usize, &str), faults: &mut Faults<'_>) -> bool {
    let long = secret.len() >= SECRET_BYTES_MIN;
    if !long {
        let what = format!("the {key} is shorter than {SECRET_BYTES_MIN} characters");
        faults.add(header, nth, key, what, "make one with `quarterdeck key`");
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
    faults: &mut Faults<'_>,
) -> Vec<Integration> {
    let mut integrations = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let id = faults.name(section.id.get_ref(), ("integration", nth, "id"));
        let Some(key) = faults.secret(&section.key, ("integration", nth, "key")) else { continue };
        long_enough(&key, ("integration", nth, "key"), faults);
        let digest = auth::digest(&key);
        secrets.secret("integration", digest, section.id.span().start, faults);
        let place = ("integration", nth, "heartbeat");
        let heartbeat = section.heartbeat.as_ref().and_then(|text| faults.span(text, place));
        if heartbeat.is_some_and(|every| every < HEARTBEAT_MIN) {
            faults.add(
                "integration",
                nth,
                "heartbeat",
                "a heartbeat is at least 10 s",
                "allow for a lost request or two",
            );
        }
        integrations.extend(id.map(|id| Integration { id, digest, heartbeat }));
    }
    integrations
}

/// Chains with addresses of ours that no source follows: nothing that happens there would be seen. One for each chain.
fn unwatched(file: &File, sources: &[ChainSource], lines: &Lines) -> Vec<Fault> {
    let mut chains: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for one in file.service.iter().flat_map(|section| &section.addresses) {
        if !sources.iter().any(|source| source.chain == ChainId::evm(one.chain)) {
            let line = lines.at(one.address.span().start);
            chains.entry(one.chain).and_modify(|(_, count)| *count += 1).or_insert((line, 1));
        }
    }
    let fault = |(chain, (line, count)): (u64, (usize, usize))| {
        let addresses = if count == 1 { "an address".to_owned() } else { format!("{count} addresses") };
        Fault {
            line: Some(line),
            path: "service.addresses".to_owned(),
            what: format!("no source follows chain {chain}: what happens to {addresses} there is not seen"),
            remedy: format!("add a `[[source]]` with `chain = {chain}`, or correct `chain`"),
        }
    };
    chains.into_iter().map(fault).collect()
}

/// What is allowed and probably not meant.
fn warnings(setting: &quarterdeck_core::setting::Setting, lines: &Lines) -> Vec<Fault> {
    let mut warnings = Vec::new();
    if setting.catalogue.services.is_empty() {
        warnings.push(Fault {
            line: None,
            path: "service".to_owned(),
            what: "no service is configured".to_owned(),
            remedy: "add `[[service]]` sections with addresses, so that severity knows what is at stake".to_owned(),
        });
    }
    for (nth, service) in setting.catalogue.services.values().enumerate() {
        if service.revenue_per_hour.cents() == 0 && service.assets.cents() == 0 && service.users == 0 {
            warnings.push(Fault {
                line: lines.find("service", nth, "id"),
                path: format!("service `{}`", service.id),
                what: "it has no users, no revenue and no assets".to_owned(),
                remedy: "state them: they decide its severity".to_owned(),
            });
        }
    }
    warnings
}
