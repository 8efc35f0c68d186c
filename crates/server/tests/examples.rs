//! Every configuration in `examples/` loads, without a warning, and every page of it ends at a person.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::PathBuf, time::Duration};

use quarterdeck_core::{policy::holes, priority::Weights};
use quarterdeck_formats::{heard::Hearing, webhook::parse_webhook};
use quarterdeck_host::{
    clock::{Clock as _, SystemClock},
    randomness::SystemIds,
};
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::{self, World},
    config,
};

/// As far as `quarterdeck check` looks.
const AHEAD: Duration = Duration::from_hours(14 * 24);
/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

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
    let [mistake] = error.mistakes() else { panic!("{error:?}") };
    assert_eq!(mistake.line, Some(line));
    assert!(mistake.what.contains("must rise from `sev2` to `sev1`"), "{mistake:?}");
}

/// As somebody meets them first: nothing of theirs runs yet, and a page must be handed over all the same. `exchange.toml` names
/// machines of others, which a test does not call.
#[tokio::test]
async fn a_page_of_the_first_examples_is_handed_over_as_they_are_shipped() {
    for file in examples().into_iter().filter(|file| !file.ends_with("exchange.toml")) {
        let shown = file.display().to_string();
        let folder = tempfile::tempdir().unwrap();
        let clock = SystemClock::new();
        let parts = Parts::new(clock.clone()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        // The same text, beside another data folder, so that the example's own stays untouched.
        let mut configuration =
            config::parse(&text, folder.path(), &parts).unwrap_or_else(|error| panic!("{shown}: {error}"));
        configuration.listen = None;
        // A node of ours is no part of paging, nor is a chat.
        configuration.sources.clear();
        configuration.chats = std::sync::Arc::default();
        let service =
            configuration.setting.catalogue.services.keys().next().map(ToString::to_string).unwrap_or_default();
        let world = World {
            clock: clock.clone(),
            ids: Box::new(SystemIds),
            salts: Box::new(SystemIds),
            signer: None,
            channels: std::collections::BTreeMap::new(),
        };
        let running = app::start(configuration, world).await.unwrap();
        let source = "tour".parse().unwrap();
        let is_service = |_: &quarterdeck_core::id::ServiceId| !service.is_empty();
        let hearing = Hearing {
            source: &source,
            now: clock.now(),
            wall: clock.now(),
            resolve_timeout: Duration::from_mins(5),
            words: quarterdeck_formats::severity::NO_WORDS,
            group_by: None,
            is_service: &is_service,
        };
        let body = format!(
            r#"{{"title":"hot wallet signs by itself","severity":"critical","service":"{service}","facts":{{"key_compromise":true}}}}"#
        );
        let heard = parse_webhook(body.as_bytes(), &hearing).unwrap().heard;
        running.engine.hear(heard.into_iter().map(|heard| heard.change).collect()).await.unwrap();
        let pages = folder.path().join("quarterdeck-data/pages.txt");
        let handed_over = async {
            while !fs::read_to_string(&pages).is_ok_and(|text| text.contains("hot wallet signs by itself")) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, handed_over).await.unwrap_or_else(|_| panic!("{shown}: nobody was reached"));
        running.stop().await;
    }
}
