//! What a detector is: the seam between the rules of response and the ways of finding.
//!
//! A detector describes itself (id, prose, parameters with units and bounds), so that configuration, API, console form and
//! reference page follow without another edit. The list of detectors is in `quarterdeck-detect`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{catalogue::Catalogue, chain::ChainEvent, signal::SignalChange};

/// One parameter: a whole number with a unit and bounds. Fractions are expressed by their unit (`permille`, `hundredths`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ParamSpec {
    /// `limit_usd`; the unit stands last in the name.
    pub name: &'static str,
    /// `USD`, `hundredths of σ`, `blocks`, `seconds`.
    pub unit: &'static str,
    /// What it decides, in a sentence.
    pub doc: &'static str,
    /// The value without configuration.
    pub default: i64,
    /// The least value accepted.
    pub min: i64,
    /// The greatest value accepted.
    pub max: i64,
}

/// Parameters by name, checked against their specification.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Params(BTreeMap<String, i64>);

/// Why parameters were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// No such parameter.
    #[error("detector `{detector}` has no parameter `{name}`: it has {known}")]
    Unknown {
        /// The detector.
        detector: String,
        /// What was given.
        name: String,
        /// What there is, comma-separated.
        known: String,
    },
    /// Outside its bounds.
    #[error("parameter `{name}` of detector `{detector}` is {value}: want {min} to {max} {unit}")]
    OutOfBounds {
        /// The detector.
        detector: String,
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: i64,
        /// The least value accepted.
        min: i64,
        /// The greatest value accepted.
        max: i64,
        /// Its unit.
        unit: &'static str,
    },
}

impl Params {
    /// The defaults of `specs` with `given` over them.
    pub fn resolve(detector: &str, specs: &[ParamSpec], given: &BTreeMap<String, i64>) -> Result<Self, ParamError> {
        for name in given.keys() {
            if !specs.iter().any(|spec| spec.name == name) {
                let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
                return Err(ParamError::Unknown {
                    detector: detector.to_owned(),
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
        }
        let mut all = BTreeMap::new();
        for spec in specs {
            let value = given.get(spec.name).copied().unwrap_or(spec.default);
            if value < spec.min || value > spec.max {
                let ParamSpec { name, unit, min, max, .. } = *spec;
                return Err(ParamError::OutOfBounds { detector: detector.to_owned(), name, value, min, max, unit });
            }
            all.insert(spec.name.to_owned(), value);
        }
        Ok(Self(all))
    }
    /// The value of a parameter, by its specification: a constant, so that a name cannot be misspelt. A specification that is not
    /// among those that were resolved could be set by nobody, and stops every test that builds its detector.
    pub fn get(&self, spec: &ParamSpec) -> i64 {
        let value = self.0.get(spec.name).copied();
        debug_assert!(value.is_some(), "parameter `{}` is read and not on the detector's list", spec.name);
        value.unwrap_or(spec.default)
    }
    /// All of them by name.
    pub fn all(&self) -> &BTreeMap<String, i64> {
        &self.0
    }
    /// A short digest of all values, for signal ids and explanations.
    pub fn version(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value};")).collect();
        let text = pairs.concat();
        crate::signal::Fingerprint::of(&[text.as_bytes()]).to_string().chars().take(8).collect()
    }
}

/// What a detector may know besides the events: the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// Services, addresses, assets, lists.
    pub catalogue: Arc<Catalogue>,
}

/// Code that turns events into signals. Deterministic: the same events give the same signals, on every machine.
pub trait Detector: Send {
    /// Looks at one event and says what it makes of it. Never fails: what cannot be judged is a gap in the input already.
    fn observe(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>);
    /// Everything learned, so that a restart forgets nothing.
    fn snapshot(&self) -> serde_json::Value;
    /// Takes up a snapshot. On error the detector is as new.
    fn restore(&mut self, snapshot: &serde_json::Value) -> Result<(), SnapshotError>;
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
}
