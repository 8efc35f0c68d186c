//! Every configuration in `examples/` loads, without a warning, and every page of it ends at a person.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::PathBuf};

use quarterdeck_core::policy::holes;
use quarterdeck_host::clock::{Clock as _, SystemClock};
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::config;

/// As far as `quarterdeck check` looks.
const AHEAD: std::time::Duration = std::time::Duration::from_hours(14 * 24);

fn examples() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

#[test]
fn every_example_loads_and_reaches_a_person() {
    let clock = SystemClock::new();
    let parts = Parts::new(clock.clone()).unwrap();
    let files = examples();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let shown = file.display();
        let configuration = config::load(&file, &parts).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let unwanted: Vec<String> = configuration
            .warnings
            .iter()
            .map(ToString::to_string)
            // The smallest example has no service, and says so.
            .filter(|warning| !(shown.to_string().ends_with("minimal.toml") && warning.contains("no service")))
            .collect();
        assert!(unwanted.is_empty(), "{shown}: {unwanted:?}");
        let works = |contact: &quarterdeck_core::policy::Contact| configuration.channels.contains_key(&contact.channel);
        for policy in configuration.setting.roster.policies.values() {
            let now = clock.now();
            let found = holes(&configuration.setting.roster, policy, now, now.plus(AHEAD), &works);
            assert!(found.is_empty(), "{shown}: policy `{}` has holes", policy.id);
        }
    }
}
