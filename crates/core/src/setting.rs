//! How a house is set up, as a value: who is reached, what is watched, and by which numbers the rules decide. It comes from the
//! configuration and changes only as a whole. Never reads a file: the shell does. Tests: in `board/tests/`, which decide by one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    bounds::Bounds,
    catalogue::{Catalogue, Service},
    id::{DetectorId, PersonId, PolicyId, ServiceId, SourceId},
    limits::BUNDLE_WINDOW,
    policy::{EscalationPolicy, Roster, Target, Tier, Whom},
    priority::{self, Score, Weights},
    role::RoleClock,
    severity::Severity,
    signal::{Claimed, Facts, Loudness, Signal},
    validation::Validation,
};

/// The knobs of correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long after its last signal an incident takes in signals that are only related. Default: 15 minutes.
    pub window: Duration,
    /// How long after it was over an incident is reopened by its own claims; later they open a new one. Default: 30 minutes.
    pub reopen: Duration,
    /// How bad a signal must be on its own to begin again what is mitigated or over, if it makes it no worse. None: as bad as its policy
    /// pages for, and at most one degree milder than the incident is.
    pub reopen_at: Option<Severity>,
    /// How long after a person resolved it an incident begins again, if a monitor says by then that its claim goes on. None: never.
    /// Default: 30 minutes.
    pub still_firing: Option<Duration>,
    /// The quietest signal that opens an incident. Default: [`Loudness::Warning`].
    pub open_at: Loudness,
    /// What each integration may claim, and how much. One that is not here is not bounded: a token, which may do far more.
    pub bounds: BTreeMap<SourceId, Bounds>,
    /// How long what follows to the same contact waits, to go as one message; nothing: each goes by itself. Default: 30 seconds.
    pub bundle: Duration,
    /// Which roles must not be empty for long. Default: see [`RoleClock::usual`].
    pub roles: Vec<RoleClock>,
    /// How long before its end the owner of a silence is told, if it lasts longer than that; nothing: never. Default: 15 minutes.
    pub silence_notice: Duration,
    /// What an incident must pass before it is over.
    pub validation: Validation,
    /// Which incidents are restricted from the start, and who is let in; the first that fits.
    pub restrict: Vec<RestrictFrom>,
}

/// That incidents like these are restricted from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestrictFrom {
    /// About one of these services; none named: any, or none.
    pub services: BTreeSet<ServiceId>,
    /// Begun by a signal of one of these detectors; none named: any.
    pub detectors: BTreeSet<DetectorId>,
    /// Only where the first signal claims that a key or a privileged role is in the wrong hands.
    pub key_compromise: bool,
    /// Who is let in, besides those whom it pages.
    pub members: Vec<Whom>,
}

impl RestrictFrom {
    /// Whether an incident that this signal begins is one of them.
    pub fn fits(&self, signal: &Signal, service: Option<&ServiceId>) -> bool {
        let named = |service| self.services.contains(service);
        (self.services.is_empty() || service.is_some_and(named))
            && (self.detectors.is_empty() || self.detectors.contains(&signal.detector))
            && (!self.key_compromise || signal.facts.key_compromise)
    }
}

impl Default for Rules {
    fn default() -> Self {
        let reopen = Duration::from_mins(30);
        Self {
            window: Duration::from_mins(15),
            reopen,
            reopen_at: None,
            still_firing: Some(reopen),
            open_at: Loudness::Warning,
            bounds: BTreeMap::new(),
            bundle: BUNDLE_WINDOW,
            roles: RoleClock::usual(),
            silence_notice: Duration::from_mins(15),
            validation: Validation::default(),
            restrict: Vec::new(),
        }
    }
}

/// The configuration, as far as the rules read it, as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// People, schedules and policies.
    pub roster: Roster,
    /// Services, addresses, assets.
    pub catalogue: Arc<Catalogue>,
    /// The knobs of correlation.
    pub rules: Rules,
    /// The policy of signals about no known service.
    pub default_policy: PolicyId,
    /// What each fact weighs in a score.
    pub weights: Weights,
}

impl Setting {
    /// The service that a signal or an incident is about, if the catalogue knows it.
    pub fn service(&self, id: Option<&ServiceId>) -> Option<&Service> {
        self.catalogue.services.get(id?)
    }

    /// How many services stop when this one does, itself included.
    pub fn blast_radius(&self, id: Option<&ServiceId>) -> usize {
        id.map_or(1, |id| self.catalogue.blast_radius(id))
    }

    /// The policy of an incident about this service: its own, else the default, else the first there is. Where there is none
    /// at all, one that pages everybody: better loud than nobody. The configuration refuses that state.
    pub fn policy(&self, service: Option<&Service>) -> EscalationPolicy {
        let own = service.map(|service| &service.policy);
        let named = [own, Some(&self.default_policy)].into_iter().flatten();
        let mut known = named.filter_map(|name| self.roster.policies.get(name));
        known.next().or_else(|| self.roster.policies.values().next()).cloned().unwrap_or_else(|| self.everybody())
    }

    /// How bad these claims are about this service.
    pub fn score(&self, facts: &Facts, loudness: Loudness, service: Option<&ServiceId>) -> Score {
        priority::score(&self.weights, facts, loudness, self.service(service), self.blast_radius(service))
    }

    /// How bad all of this is about this service, whoever says so.
    pub fn weigh(&self, claimed: &Claimed, service: Option<&ServiceId>) -> Score {
        self.score(&claimed.facts, claimed.loudness, service).at_least(claimed.declared.as_ref())
    }

    /// How bad a signal is alone, about this service.
    pub fn score_of(&self, signal: &Signal, service: Option<&ServiceId>) -> Score {
        self.score(&signal.facts, signal.loudness, service).at_least(signal.declared.as_ref())
    }

    fn everybody(&self) -> EscalationPolicy {
        let people = self.roster.people.keys();
        EscalationPolicy {
            id: self.default_policy.clone(),
            fallback: people.clone().next().cloned().unwrap_or_else(PersonId::unnamed),
            tiers: vec![Tier { targets: people.cloned().map(Target::Person).collect(), delay: EVERYBODY_DELAY }],
            rounds: 1,
            acknowledgement: EVERYBODY_DELAY,
            page_at: Severity::Sev3,
        }
    }
}

/// Between pages to everybody where no policy is configured: the usual time to answer a page.
const EVERYBODY_DELAY: Duration = Duration::from_mins(5);
