//! What an incident must pass before it is over: the checks of the house, which incidents each is for, and how long what one said holds.
//! How a check is made is the shell's: here it is a name, and whether it can be judged from the incident alone. Tests: `board/tests/checks.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    id::{CheckId, ServiceId},
    severity::Severity,
};

/// Who can say whether a check passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// The rules: no monitor's claim goes on, and nothing of the incident came for this long.
    Quiet(Duration),
    /// The shell, which asks outside. The word of its kind.
    Shell(&'static str),
}

impl Judge {
    /// The word of the kind, as the configuration has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Quiet(_) => "quiet",
            Self::Shell(word) => word,
        }
    }
}

/// A check, as far as the rules know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub id: CheckId,
    /// What it looks at, in a line for people.
    pub title: String,
    /// The services whose incidents must pass it; none: all, and those of no service.
    pub services: BTreeSet<ServiceId>,
    /// The severities whose incidents must pass it; none: all.
    pub severities: BTreeSet<Severity>,
    /// Who can say.
    pub judge: Judge,
}

impl Check {
    /// Whether an incident about this service, as bad as this, must pass it.
    pub fn applies(&self, service: Option<&ServiceId>, severity: Severity) -> bool {
        let of_service = self.services.is_empty() || service.is_some_and(|service| self.services.contains(service));
        of_service && (self.severities.is_empty() || self.severities.contains(&severity))
    }
}

/// The checks, and how long what they said holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// The checks by name.
    pub checks: BTreeMap<CheckId, Check>,
    /// How long an incident is watched after it was resolved. Default: 30 minutes.
    pub watch: Duration,
    /// How old what a check said may be when an incident is resolved. Default: 2 minutes.
    pub max_age: Duration,
    /// How long between two runs while an incident is mitigated or watched. Default: 1 minute.
    pub every: Duration,
    /// How many failures in a row begin again what was resolved. Default: 2.
    pub failures: u32,
    /// How long one run may take. Default: 10 seconds.
    pub timeout: Duration,
}

impl Default for Validation {
    fn default() -> Self {
        Self {
            checks: BTreeMap::new(),
            watch: Duration::from_mins(30),
            max_age: Duration::from_mins(2),
            every: Duration::from_mins(1),
            failures: 2,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Validation {
    /// The checks that an incident about this service, as bad as this, must pass.
    pub fn of<'a>(
        &'a self,
        service: Option<&'a ServiceId>,
        severity: Severity,
    ) -> impl Iterator<Item = &'a Check> + 'a {
        self.checks.values().filter(move |check| check.applies(service, severity))
    }
}
