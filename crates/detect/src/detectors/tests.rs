//! What THE LIST demands of every detector.

use std::path::Path;

use quarterdeck_core::{
    detector::Params,
    id::{Name, kind},
    signal::SignalChange,
};

use super::*;

#[test]
fn every_detector_describes_itself() {
    let mut seen = std::collections::BTreeSet::new();
    for kind in DETECTORS {
        let id = kind.id();
        assert!(seen.insert(id) && seen.insert(kind.code()), "{id}: twice in the list");
        assert!(Name::<kind::Detector>::new(id).is_ok(), "{id}: not a name");
        assert!(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/detectors/{id}.rs")).is_file(),
            "{id}: no such file"
        );
        for heading in ["## What it watches", "## Why it matters", "## When it is wrong", "## First steps"] {
            assert!(kind.doc().contains(heading), "{id}: no heading `{heading}`");
        }
        for spec in kind.params() {
            assert!(!spec.unit.is_empty() && !spec.doc.is_empty(), "{id}: parameter `{}` says too little", spec.name);
            assert!(
                spec.min <= spec.default && spec.default <= spec.max && spec.min < spec.max,
                "{id}: `{}`",
                spec.name
            );
        }
    }
}

#[test]
fn every_detector_hears_its_canary() {
    for kind in DETECTORS {
        let (knowledge, events) = kind.canary();
        let params = Params::resolve(kind.id(), kind.params(), &std::collections::BTreeMap::new()).unwrap();
        let mut detector = kind.build(&params, &knowledge);
        let mut out = Vec::new();
        for event in &events {
            detector.observe(event, &mut out);
        }
        let own = |change: &&SignalChange| matches!(change, SignalChange::Raised { signal } if signal.detector.as_str() == kind.id());
        assert!(out.iter().any(|change| own(&change)), "{}: deaf", kind.id());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads the scenarios")]
fn every_detector_has_a_scenario_that_fires_and_one_that_is_quiet() {
    for kind in DETECTORS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/detectors/{}.md", kind.id()));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(text.contains(&format!("#=> signal {}", kind.id())), "{}: no firing case", kind.id());
        assert!(text.contains("#=> nothing"), "{}: no quiet case", kind.id());
    }
}
