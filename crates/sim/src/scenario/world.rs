//! The world of a timeline: an operator's configuration, read by the program's own reader. Reads no file but those that the
//! configuration names. Tests: `tests/scenarios.rs`.

use std::{collections::BTreeSet, path::Path};

use quarterdeck_core::setting::Setting;
use quarterdeck_detect::{detector::DetectorKind, detectors::DETECTORS, pipeline::GivenParams};
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::config::{self, ConfigError, Configuration};

/// Where a timeline is played.
#[derive(Clone)]
pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) kinds: Vec<&'static dyn DetectorKind>,
    pub(super) given: GivenParams,
    /// Whether there are people: without them only what detectors say is told.
    pub(super) responds: bool,
}

/// People of a world that names none. Nobody ever hears of them: only what detectors say is told there.
const NOBODY: &str = r#"
[[person]]
id = "nobody"
contacts = [{ channel = "page", address = "nobody" }]

[[policy]]
id = "default"
tiers = [{ people = ["nobody"], delay = "5m" }]
fallback = "nobody"
"#;

impl World {
    /// The operator's own: their people, their schedules, every detector that they have on.
    pub(super) fn of_operator(configuration: &Configuration) -> Self {
        let is_on = |kind: &&&'static dyn DetectorKind| configuration.detectors.contains_key(kind.id());
        Self {
            setting: (*configuration.setting).clone(),
            kinds: DETECTORS.iter().filter(is_on).copied().collect(),
            given: configuration.detectors.iter().map(|(id, params)| (id.clone(), params.all().clone())).collect(),
            responds: true,
        }
    }

    /// The one that a scenario configures. Its detectors are those it names; where it names none, the one the file is named
    /// after. A channel that it does not configure is there all the same: nothing is sent in a scenario.
    pub(super) fn of_text(text: &str, stem: &str, folder: &Path, parts: &Parts) -> Result<Self, ConfigError> {
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            // The program's own reader says it better.
            Err(_) => toml::Table::new(),
        };
        let responds = table.contains_key("person") || table.contains_key("policy");
        let mut whole = text.to_owned();
        if !responds {
            whole.push_str(NOBODY);
        }
        let known = |channel: &str| table.get("channel").and_then(|all| all.get(channel)).is_some();
        for channel in channels(&table).into_iter().chain((!responds).then(|| "page".to_owned())) {
            if !known(&channel) {
                whole.extend([
                    "\n[channel.\"",
                    &channel,
                    "\"]\nkind = \"slack\"\nurl = \"https://channel.invalid/\"\n",
                ]);
            }
        }
        let configuration = config::parse(&whole, folder, parts)?;
        let named = table.get("detectors").and_then(toml::Value::as_table);
        let is_on = |kind: &&&'static dyn DetectorKind| match named {
            Some(named) => named.contains_key(kind.id()) && configuration.detectors.contains_key(kind.id()),
            None => kind.id() == stem,
        };
        let kinds: Vec<_> = DETECTORS.iter().filter(is_on).copied().collect();
        let of_kinds = |id: &String| kinds.iter().any(|kind| kind.id() == id);
        let given = configuration.detectors.iter().filter(|(id, _)| of_kinds(id));
        Ok(Self {
            given: given.map(|(id, params)| (id.clone(), params.all().clone())).collect(),
            setting: (*configuration.setting).clone(),
            kinds,
            responds,
        })
    }
}

/// The channels that people's contacts name.
fn channels(table: &toml::Table) -> BTreeSet<String> {
    let people = table.get("person").and_then(toml::Value::as_array).into_iter().flatten();
    let contacts = people.filter_map(|person| person.get("contacts")?.as_array()).flatten();
    contacts.filter_map(|contact| contact.get("channel")?.as_str().map(ToOwned::to_owned)).collect()
}
