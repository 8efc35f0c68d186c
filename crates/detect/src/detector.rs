//! What a detector is: code that turns events, and what they show, into signals.
//!
//! A detector describes itself (id, prose, parameters with units and bounds), so that configuration, API, console form and
//! reference page follow without another edit. The list is in [`crate::detectors`].

use std::collections::BTreeMap;

use quarterdeck_core::{
    chain::{ChainEvent, ChainId},
    detector::{Knowledge, ParamSpec, Params},
    id::SourceId,
    signal::SignalChange,
    time::Timestamp,
};

use crate::facts::Evidence;

/// Deterministic: the same events give the same signals, on every machine.
pub trait Detector: Send {
    /// Looks at one event and says what it makes of it. `evidence` is what that event shows, worked out once for all detectors.
    /// Never fails: what cannot be judged is a gap in the input already.
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>);
    /// These are all the sources that are watched now, each with its chain. A claim that something does not come any more ends
    /// where nobody waits for it; most detectors make none.
    fn watched(&mut self, _sources: &BTreeMap<SourceId, ChainId>, _at: Timestamp, _out: &mut Vec<SignalChange>) {}
    /// Everything learned, so that a restart forgets nothing. The same memory gives the same bytes: what did not change is not
    /// stored again.
    fn snapshot(&self) -> Vec<u8>;
    /// Takes up a snapshot. On error the detector is as new.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError>;
}

/// A snapshot that this detector cannot take up: from another version, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("restore detector `{detector}` from its snapshot")]
pub struct SnapshotError {
    /// The detector.
    pub detector: &'static str,
    /// What the reader said.
    #[source]
    pub source: serde_json::Error,
}

/// A kind of detector: its description and its maker. One file and one line each.
pub trait DetectorKind: Sync {
    /// `flash_loan_profit`: equals the file's name and the scenario's.
    fn id(&self) -> &'static str;
    /// The row of the catalogue of detectors: `G1`.
    fn code(&self) -> &'static str;
    /// One line for lists.
    fn title(&self) -> &'static str;
    /// Markdown with four headings: What it watches, Why it matters, When it is wrong, First steps.
    fn doc(&self) -> &'static str;
    /// Its parameters.
    fn params(&self) -> &'static [ParamSpec];
    /// A detector with these parameters.
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector>;
    /// Events that must make a fresh detector with default parameters speak, and the knowledge to do it with. Run at every
    /// start and by `check`: a detector that does not hear its own canary is itself an incident.
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>);
    /// Whether what it watches is our own sight: then a source that shows nothing does not keep it from hearing.
    fn hears_blindness(&self) -> bool {
        false
    }
}

/// One detector by itself, with what it may know: for its canary and for tests. Many side by side are a
/// [`crate::pipeline::Pipeline`].
pub struct Alone {
    knowledge: Knowledge,
    detector: Box<dyn Detector>,
}

impl Alone {
    /// A fresh one.
    pub fn new(kind: &dyn DetectorKind, params: &Params, knowledge: Knowledge) -> Self {
        Self { detector: kind.build(params, &knowledge), knowledge }
    }
    /// Shows it one event.
    pub fn observe(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        self.detector.observe(event, &Evidence::of(event, &self.knowledge.catalogue), out);
    }
    /// See [`Detector::snapshot`].
    pub fn snapshot(&self) -> Vec<u8> {
        self.detector.snapshot()
    }
    /// See [`Detector::restore`].
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.detector.restore(snapshot)
    }
}
