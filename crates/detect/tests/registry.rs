//! Walks THE LIST: whoever adds a detector owes the reader a name, prose, bounded parameters, a scenario, a canary that is heard
//! and a snapshot that forgets nothing.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "a test reads the scenarios")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use quarterdeck_core::{
    chain::ChainEvent,
    detector::{Knowledge, Params},
    id::DetectorId,
    signal::SignalChange,
};
use quarterdeck_detect::{
    detector::{Alone, DetectorKind},
    detectors::DETECTORS,
};

const HEADINGS: [&str; 4] = ["## What it watches", "## Why it matters", "## When it is wrong", "## First steps"];

/// Folders of detectors, by what they read.
const FAMILIES: [&str; 3] = ["account", "output", "any"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fresh(kind: &dyn DetectorKind, knowledge: &Knowledge) -> Alone {
    Alone::new(kind, &Params::resolve(kind.id(), kind.params(), &BTreeMap::new()).unwrap(), knowledge.clone())
}

fn tell(detector: &mut Alone, events: &[ChainEvent]) -> Vec<SignalChange> {
    let mut out = Vec::new();
    for event in events {
        detector.observe(event, &mut out);
    }
    out
}

#[test]
fn ids_and_codes_are_unique_and_the_file_has_the_name() {
    let (mut ids, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for kind in DETECTORS {
        assert!(ids.insert(kind.id()), "{} is twice on the list", kind.id());
        assert!(codes.insert(kind.code()), "{} has the code {} of another", kind.id(), kind.code());
        assert!(DetectorId::new(kind.id()).is_ok(), "{} is no name", kind.id());
        let file = format!("{}.rs", kind.id());
        let homes = FAMILIES.iter().filter(|family| root().join("src/detectors").join(family).join(&file).exists());
        assert_eq!(homes.count(), 1, "{file} lies with one family of chains");
        assert!(!kind.title().is_empty() && !kind.title().ends_with('.'), "{}: {}", kind.id(), kind.title());
    }
}

#[test]
fn every_file_of_a_detector_is_on_the_list() {
    let ids: BTreeSet<&str> = DETECTORS.iter().map(|kind| kind.id()).collect();
    let folder = |family: &&str| std::fs::read_dir(root().join("src/detectors").join(family));
    for entry in FAMILIES.iter().filter_map(|family| folder(family).ok()).flatten() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let a_kind = path.is_file() && std::fs::read_to_string(&path).unwrap().contains("impl DetectorKind for");
        assert!(!a_kind || ids.contains(stem.as_str()), "{} is not on the list", path.display());
    }
}

#[test]
fn every_doc_has_its_four_headings_in_order() {
    for kind in DETECTORS {
        let found: Vec<&str> = kind.doc().lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(found, HEADINGS, "{}", kind.id());
        for part in kind.doc().split("## ").skip(1) {
            assert!(
                part.split_whitespace().count() > 20,
                "{}: too little under `{}`",
                kind.id(),
                part.lines().next().unwrap()
            );
        }
    }
}

#[test]
fn every_parameter_is_described_and_bounded_and_told_about() {
    for kind in DETECTORS {
        let mut names = BTreeSet::new();
        for spec in kind.params() {
            let which = format!("{}.{}", kind.id(), spec.name);
            assert!(names.insert(spec.name), "{which} is there twice");
            assert!(
                !spec.unit.is_empty() && spec.doc.ends_with('.') && spec.doc.len() > 20,
                "{which} is not described"
            );
            assert!(
                spec.min <= spec.default && spec.default <= spec.max && spec.min < spec.max,
                "{which} has odd bounds"
            );
            for value in [spec.min, spec.max] {
                let given = BTreeMap::from([(spec.name.to_owned(), value)]);
                let params = Params::resolve(kind.id(), kind.params(), &given).unwrap();
                let (knowledge, events) = kind.canary();
                // Any accepted value must be survived.
                tell(&mut Alone::new(*kind, &params, knowledge), &events);
            }
        }
    }
}

#[test]
fn every_detector_has_a_scenario_that_fires_and_one_that_is_quiet() {
    for kind in DETECTORS {
        let path = root().join("../../scenarios/detectors").join(format!("{}.md", kind.id()));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        assert!(text.starts_with("# "), "{} has no title", path.display());
        assert!(text.contains("```toml config"), "{} has no configuration", path.display());
        let timelines: Vec<&str> =
            text.split("```timeline\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
        let says = format!("#=> signal {}", kind.id());
        let fires = |timeline: &&str| timeline.contains(&says);
        assert!(timelines.iter().any(fires), "{} never fires", path.display());
        assert!(!timelines.iter().all(fires), "{} is never quiet", path.display());
    }
}

#[test]
fn every_canary_is_heard() {
    for kind in DETECTORS {
        let (knowledge, events) = kind.canary();
        let changes = tell(&mut fresh(*kind, &knowledge), &events);
        let heard = changes.iter().find_map(|change| match change {
            SignalChange::Raised { signal } => Some(signal),
            _ => None,
        });
        let signal = heard.unwrap_or_else(|| panic!("{} does not hear its canary", kind.id()));
        assert_eq!(signal.detector.as_str(), kind.id());
        assert!(
            !signal.title.is_empty() && signal.explanation.text.len() > 40,
            "{} does not explain itself",
            kind.id()
        );
        assert!(!signal.explanation.numbers.is_empty(), "{} gives no numbers", kind.id());
        for number in &signal.explanation.numbers {
            assert!(!["NaN", "inf", "-inf"].contains(&number.value.as_str()), "{}: {number:?}", kind.id());
        }
        assert!(changes.iter().all(|c| matches!(c, SignalChange::Raised { .. } | SignalChange::Ended { .. })));
    }
}

#[test]
fn a_snapshot_at_any_point_of_the_canary_forgets_nothing_and_damage_leaves_it_as_new() {
    for kind in DETECTORS {
        let (knowledge, events) = kind.canary();
        let whole = tell(&mut fresh(*kind, &knowledge), &events);
        for cut in [0, 1, events.len() / 2, events.len() - 1] {
            let mut first = fresh(*kind, &knowledge);
            let mut changes = tell(&mut first, &events[..cut]);
            let kept = first.snapshot();
            let mut second = fresh(*kind, &knowledge);
            second.restore(&kept).unwrap();
            changes.extend(tell(&mut second, &events[cut..]));
            assert_eq!(changes, whole, "{} cut at {cut}", kind.id());
            // One that keeps nothing may take anything; one that does must refuse what it cannot read.
            let keeps_nothing = second.snapshot() == fresh(*kind, &knowledge).snapshot();
            let refused = second.restore(br#"{ "not": "a snapshot" }"#).is_err();
            assert!(refused || keeps_nothing, "{} took up nonsense", kind.id());
            assert_eq!(second.snapshot(), fresh(*kind, &knowledge).snapshot(), "{} after damage", kind.id());
        }
    }
}

/// Correlation, acknowledgements and the log hold on to identifiers: they change only with what is claimed.
#[test]
fn what_a_canary_says_keeps_its_identifier_and_fingerprint() {
    let said: Vec<String> = DETECTORS
        .iter()
        .map(|kind| {
            let (knowledge, events) = kind.canary();
            let changes = tell(&mut fresh(*kind, &knowledge), &events);
            let signal = changes.iter().find_map(|change| match change {
                SignalChange::Raised { signal } => Some(signal),
                _ => None,
            });
            signal.map_or_else(String::new, |signal| format!("{} {} {}", kind.id(), signal.id, signal.fingerprint))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    unusual_size sig_7w7q1x3jnz4nn85der5t67js2k 9d20184897843b771304b0bdf7938434
    frequency_spike sig_55pa2yctxnja05mnnq1kqqnpzx 2c5200d54814f7af95c80b6db3a7b9c7
    sudden_outflow sig_06c00abfcst0pth2jxc52777dr 0c7c3a25480f80a86a418d7aaddc066b
    privileged_change sig_61077rwebmbh5gpr690ythyag5 f7af312129b47534872c5c02741e73da
    listed_entity sig_23fz0p2wsce3hfj935eaefapxk df7119f389fe15134fb3a4bdbe271fca
    wallet_policy sig_54mt21crcc63e92ek8ta74fye7 4f19d30e100b1ace3336af6e6a40f154
    approval_phishing sig_4rf4vkcx4fzkt8hxn117emk8ax 8d62e897ea4595707331da9c2c089be7
    learned_theft sig_2phj123hba4nzevz7b05a9zr0p 0367cd2078c5ada0a628510aa787bc8f
    reorganization sig_679myktrj6ctyq5xdase83z3xy 3da63fa23492dc611f55231ed972abeb
    observation_loss sig_2h07qhm16rde9npmgwrfwp08q8 57cbf4dd65ae309607dc5fa285e4ca6b
    flash_loan_profit sig_5terrrz5wjqfp9s80fm5as60v9 b278379c556fca1f7c54556e6a8f7c86
    price_manipulation sig_33a7p078ksmz6cx5caez204yna a824f3005168a7cc6ed25040f570da68
    reentrancy sig_6mxcb8nzvj660emc3s3cxbj32w 9e3c0c616812297e61aaf5c0057be2dd
    vault_drain sig_2ygnm83qv5wmjkgqp95ydczgsh 932200857b9543bf87bf1038968c8679
    unbacked_mint sig_4qrsf9s32f1rmvs3stj3pc0693 9da006472c58cd341b1e2c0d80474d7c
    ");
}
