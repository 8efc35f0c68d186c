//! Where a signal belongs: a new incident, an open one, or none.
//!
//! In this order, the first that fits:
//! 1. the incident that has the same claim, if it is open, or was over only lately;
//! 2. the one that has a signal about the same transaction, or about the same service in the same block: several detectors on
//!    one attack make one incident;
//! 3. the one of the same service, then of the services it needs, nearest first, then of the services that need it, if a signal
//!    came to it within the window. So the trouble of a cause absorbs the trouble of its effects;
//! 4. for a signal about no known service: the one of the same detector and group of labels (its `alertname` or title where
//!    nothing else is said), or detector and chain, within the window;
//! 5. the one that gathers what its source may not say, or too much of it (`board/beyond.rs`);
//! 6. a new one, if the signal is loud enough. A quieter one joins by 1 and 2 only; else it is noted.
//!
//! An exercise and the real thing never mix. Costs a few look-ups, whatever the number of incidents. Tests: in `board/tests/`.

use std::{collections::BTreeSet, sync::Arc};

use imbl::OrdMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    chain::{B256, ChainId},
    id::{DetectorId, IncidentId, ServiceId},
    limits::GROUP_CANDIDATES_MAX,
    setting::Setting,
    signal::{ERASED, Signal},
};

/// What signals of one incident have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Group {
    /// About one transaction.
    Transaction(B256),
    /// About one service in one block.
    Block(B256, ServiceId),
    /// About one service.
    Service(ServiceId),
    /// About no known service, on one chain, by one detector.
    Chain(DetectorId, ChainId),
    /// About no known service: one kind of thing that one monitor says.
    Kind(DetectorId, Arc<str>),
}

impl Group {
    /// The groups that make two signals one incident at any time.
    pub(crate) fn tight(signal: &Signal) -> impl Iterator<Item = Self> {
        let position = signal.position.as_ref();
        let transaction = position.and_then(|position| position.transaction).map(Self::Transaction);
        let block = position.zip(signal.service.clone()).map(|(at, service)| Self::Block(at.block.hash, service));
        transaction.into_iter().chain(block)
    }

    /// The group that makes two signals one incident within the window.
    pub(crate) fn loose(signal: &Signal) -> Self {
        match (&signal.service, &signal.position) {
            (Some(service), _) => Self::Service(service.clone()),
            (None, Some(position)) => Self::Chain(signal.detector.clone(), position.block.chain),
            (None, None) => {
                let named = signal.labels.get("alertname").unwrap_or(&signal.title);
                let kind = signal.group.as_ref().unwrap_or(named);
                Self::Kind(signal.detector.clone(), kind.as_str().into())
            }
        }
    }

    fn all(signal: &Signal) -> impl Iterator<Item = Self> {
        let loose = Self::loose(signal);
        // What was erased is no kind of its own: otherwise all that was erased would be one.
        let said = !matches!(&loose, Self::Kind(_, kind) if **kind == *ERASED);
        Self::tight(signal).chain(said.then_some(loose))
    }
}

/// Which incidents have signals of which group. Only open ones are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups(OrdMap<Group, Arc<Vec<IncidentId>>>);

/// As a list: the keys are no texts.
impl Serialize for Groups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(group, members)| (group, &**members)))
    }
}
impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let listed = <Vec<(Group, Vec<IncidentId>)>>::deserialize(deserializer)?;
        Ok(Self(listed.into_iter().map(|(group, members)| (group, Arc::new(members))).collect()))
    }
}

impl Groups {
    /// The incident has this signal now: it becomes the latest of the signal's groups.
    pub(crate) fn add(&mut self, signal: &Signal, incident: IncidentId) {
        for group in Group::all(signal) {
            let members = self.0.entry(group).or_default();
            if members.last() != Some(&incident) {
                let members = Arc::make_mut(members);
                members.retain(|member| *member != incident);
                members.push(incident);
            }
        }
    }

    /// The incident no longer takes in signals by this signal's groups.
    pub(crate) fn remove(&mut self, signal: &Signal, incident: IncidentId) {
        for group in Group::all(signal) {
            self.leave(&group, incident);
        }
    }

    /// Of the groups that the incident was in by its signals as they were, it stays in those of its signals as they are.
    pub(crate) fn keep_only<'a>(
        &mut self,
        incident: IncidentId,
        before: impl Iterator<Item = &'a Signal>,
        now: impl Iterator<Item = &'a Signal>,
    ) {
        let kept: BTreeSet<Group> = now.flat_map(Group::all).collect();
        for group in before.flat_map(Group::all).filter(|group| !kept.contains(group)) {
            self.leave(&group, incident);
        }
    }

    fn leave(&mut self, group: &Group, incident: IncidentId) {
        if let Some(members) = self.0.get_mut(group) {
            let members = Arc::make_mut(members);
            members.retain(|member| *member != incident);
            if members.is_empty() {
                self.0.remove(group);
            }
        }
    }

    /// The latest incidents of a group that fit, at most [`GROUP_CANDIDATES_MAX`] looked at.
    pub(crate) fn find(&self, group: &Group, fits: impl Fn(IncidentId) -> bool) -> Option<IncidentId> {
        let members = self.0.get(group)?;
        members.iter().rev().take(GROUP_CANDIDATES_MAX).copied().find(|id| fits(*id))
    }

    /// The incident that a signal belongs to by its groups. `open` says whether an incident takes signals in at all, `recent`
    /// whether one came to it within the window.
    pub(crate) fn home(
        &self,
        signal: &Signal,
        setting: &Setting,
        open: impl Fn(IncidentId) -> bool,
        recent: impl Fn(IncidentId) -> bool,
    ) -> Option<IncidentId> {
        if let Some(found) = Group::tight(signal).find_map(|group| self.find(&group, &open)) {
            return Some(found);
        }
        if signal.loudness < setting.rules.open_at {
            return None;
        }
        let fits = |id| open(id) && recent(id);
        if let Some(found) = self.find(&Group::loose(signal), fits) {
            return Some(found);
        }
        let service = signal.service.as_ref()?;
        let mut related = setting.catalogue.related(service).skip(1);
        related.find_map(|other| self.find(&Group::Service(other.clone()), fits))
    }
}
