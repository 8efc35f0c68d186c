//! Our bodies against the published descriptions of the formats, which lie in the shared data.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test: its helpers may fail it and say what was left out"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use quarterdeck_core::{
    id::{Id, ServiceId, SourceId},
    signal::SignalChange,
    silence::{Matcher, Silence},
    time::Timestamp,
};
use quarterdeck_formats::severity::NO_WORDS;
use quarterdeck_formats::{
    alertmanager::{
        answer::{
            AlertGroup, AlertStatus, ClusterState, ClusterStatus, Config, GettableAlert, GettableSilence, PeerStatus,
            Receiver, ReceiverReference, Status, VersionInfo,
        },
        parse_alerts,
    },
    heard::Hearing,
    pagerduty,
};
use serde_json::Value;

/// A file of the shared data, or none where there is none; in CI it must be there.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the shared data is")]
fn shared(path: &str) -> Option<Vec<u8>> {
    let (folder, ci) = (std::env::var("QUARTERDECK_DATA"), std::env::var("CI"));
    let root =
        folder.map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    match std::fs::read(root.join(path)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert!(!ci.is_ok_and(|ci| ci == "true"), "{path}: {error}");
            println!("left out: {path}: {error}");
            None
        }
    }
}

fn with_hearing<T>(run: impl FnOnce(&Hearing<'_>) -> T) -> T {
    let source = SourceId::new("mon").unwrap();
    let now: Timestamp = "2026-11-20T21:20:00Z".parse().unwrap();
    let is_service = |_: &ServiceId| true;
    run(&Hearing {
        source: &source,
        now,
        wall: now,
        resolve_timeout: Duration::from_mins(5),
        words: NO_WORDS,
        group_by: None,
        is_service: &is_service,
    })
}

/// A definition of the description: the keys it has and those that must be there.
#[derive(Debug, Default)]
struct Definition {
    keys: BTreeSet<String>,
    required: BTreeSet<String>,
    includes: Vec<String>,
}

/// The definitions of a Swagger 2 document in YAML, read by their indentation: enough for this one document.
fn definitions(text: &str) -> BTreeMap<String, Definition> {
    let mut all: BTreeMap<String, Definition> = BTreeMap::new();
    let mut name = String::new();
    let mut section: Option<(&str, usize)> = None;
    for line in
        text.lines().skip_while(|line| *line != "definitions:").skip(1).take_while(|line| !line.starts_with("tags:"))
    {
        let depth = line.len() - line.trim_start().len();
        let word = line.trim();
        if depth == 2 && word.ends_with(':') {
            word.trim_end_matches(':').clone_into(&mut name);
            all.entry(name.clone()).or_default();
            section = None;
            continue;
        }
        let Some(definition) = all.get_mut(&name) else { continue };
        match word {
            "properties:" | "required:" => section = Some((word, depth)),
            _ => match section {
                Some(("properties:", above)) if depth == above + 2 && word.ends_with(':') => {
                    definition.keys.insert(word.trim_end_matches(':').to_owned());
                }
                Some(("required:", above)) if depth >= above && word.starts_with("- ") => {
                    definition.required.insert(word.trim_start_matches("- ").to_owned());
                }
                _ => {}
            },
        }
        if let Some(included) = word.strip_prefix("- $ref: '#/definitions/") {
            definition.includes.push(included.trim_end_matches('\'').to_owned());
        }
    }
    all
}

fn assert_described(value: &impl serde::Serialize, name: &str, all: &BTreeMap<String, Definition>) {
    let value = serde_json::to_value(value).unwrap();
    let object = value.as_object().unwrap();
    let definition = &all[name];
    let parts = || [definition].into_iter().chain(definition.includes.iter().map(|included| &all[included]));
    for key in parts().flat_map(|part| &part.required) {
        assert!(object.contains_key(key), "{name} lacks `{key}`");
    }
    for key in object.keys() {
        assert!(
            parts().any(|part| part.keys.contains(key)),
            "{name} has no `{key}`: {parts:?}",
            parts = parts().collect::<Vec<_>>()
        );
    }
}

#[test]
fn answers_are_as_alertmanager_describes_them() {
    let Some(text) = shared("formats/alertmanager/openapi.yaml") else { return };
    let all = definitions(std::str::from_utf8(&text).unwrap());
    assert_eq!(all["gettableAlert"].required.len(), 7, "the reader of the description reads it");

    let now: Timestamp = "2026-11-20T21:20:00Z".parse().unwrap();
    let posted = br#"[{"labels":{"alertname":"A"},"generatorURL":"http://vm/graph"}]"#;
    let batch = with_hearing(|hearing| parse_alerts(posted, hearing).unwrap());
    let SignalChange::Raised { signal } = &batch.heard[0].change else { panic!("{batch:?}") };
    let alert = GettableAlert::of(signal, now, &["ops"], AlertStatus::silenced_by([Id::from_bytes([1; 16])]));
    assert_described(&alert, "gettableAlert", &all);
    assert_described(&alert.status, "alertStatus", &all);
    assert_described(&alert.receivers[0], "receiverReference", &all);
    let group = AlertGroup {
        labels: alert.labels.clone(),
        route_labels: BTreeMap::new(),
        receiver: ReceiverReference { name: "ops".to_owned() },
        alerts: vec![alert],
    };
    assert_described(&group, "alertGroup", &all);
    assert_described(&Receiver { name: "ops".to_owned(), labels: group.labels.clone() }, "receiver", &all);

    let silence = Silence {
        id: Id::from_bytes([1; 16]),
        matchers: vec![Matcher::new("a", "b", false, true).unwrap()],
        starts: now,
        ends: now.plus(Duration::from_mins(1)),
        created_by: "alice".to_owned(),
        comment: "moving".to_owned(),
        owner: None,
    };
    let silence = GettableSilence::of(&silence, now, now);
    assert_described(&silence, "gettableSilence", &all);
    assert_described(&silence.status, "silenceStatus", &all);
    assert_described(&silence.matchers[0], "matcher", &all);

    let peer = PeerStatus { name: "b".to_owned(), address: "10.0.0.2:9094".to_owned() };
    let status = Status {
        cluster: ClusterStatus { name: Some("a".to_owned()), status: ClusterState::Ready, peers: vec![peer] },
        version_info: VersionInfo::default(),
        config: Config { original: String::new() },
        uptime: now,
    };
    assert_described(&status, "alertmanagerStatus", &all);
    assert_described(&status.cluster, "clusterStatus", &all);
    assert_described(&status.cluster.peers[0], "peerStatus", &all);
    assert_described(&status.version_info, "versionInfo", &all);
    assert_described(&status.config, "alertmanagerConfig", &all);
}

#[test]
fn pagerdutys_own_example_is_understood_and_answered() {
    let Some(text) = shared("formats/pagerduty/events-v2.openapi.json") else { return };
    let document: Value = serde_json::from_slice(&text).unwrap();
    let content = &document["paths"]["/enqueue"]["post"]["requestBody"]["content"]["application/json"];
    let example = content["examples"]["event"]["value"].to_string();
    let received = with_hearing(|hearing| pagerduty::parse_event(example.as_bytes(), hearing)).unwrap();
    assert_eq!(received.dedup_key, "srv01/mysql");
    let schemas = &document["components"]["responses"];
    let described = |response: &str, body: &str| {
        let schema = &schemas[response]["content"]["application/json"]["schema"];
        let body: Value = serde_json::from_str(body).unwrap();
        for required in schema["required"].as_array().unwrap() {
            assert!(body.get(required.as_str().unwrap()).is_some(), "{response} lacks {required}");
        }
        for key in body.as_object().unwrap().keys() {
            assert!(!schema["properties"][key].is_null(), "{response} has no {key}");
        }
    };
    described("Success", &pagerduty::accepted_body(&received.dedup_key));
    described("Error", &pagerduty::unknown_routing_key().body());
}
