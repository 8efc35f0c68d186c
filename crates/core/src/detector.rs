//! What every detector is given: parameters, and what the operator runs. What a detector is, and the list of them, is in
//! `quarterdeck-detect`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;

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
