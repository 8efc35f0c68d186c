//! Every configuration in `examples/` loads, without a warning, and every page of it ends at a person.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::PathBuf};

use quarterdeck_core::{policy::holes, priority::Weights};
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

#[test]
fn weights_by_which_more_could_lower_a_severity_are_refused_with_their_line() {
    let parts = Parts::new(SystemClock::new()).unwrap();
    let file = examples().into_iter().find(|file| file.ends_with("exchange.toml")).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let folder = file.parent().unwrap();
    let setting = config::parse(&text, folder, &parts).unwrap().setting;
    assert_eq!(setting.weights, Weights::default(), "the example shows the weights that come with the program");
    let line = text.lines().position(|line| line.starts_with("bands")).unwrap() + 1;
    let level = text.replace("sev2 = 500", "sev2 = 700");
    let error = config::parse(&level, folder, &parts).err().unwrap();
    let [fault] = error.faults() else { panic!("{error:?}") };
    assert_eq!(fault.line, Some(line));
    assert!(fault.what.contains("must rise from `sev2` to `sev1`"), "{fault:?}");
}
