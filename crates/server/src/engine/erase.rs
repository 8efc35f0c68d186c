//! Erasing, as one transaction: what is left of the events, the event that says so, and the bytes of evidence that go with them. A hold
//! refuses it, also one on what was merged with the incident: that is one matter. Tests: `tests/it/erase.rs`, `tests/it/evidence.rs`.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::{
    erasure::Erasure,
    id::IncidentId,
    incident::{Incident, Refusal},
    journal::{Body, JournalEvent, Recorded},
    time::Timestamp,
};

use super::{Answer, Engine, EngineError, replay::fold_stream};

/// The incidents that these events are about: that whose history it is, or those of which the journal speaks.
pub fn touched(history: &[(u64, Recorded)]) -> BTreeSet<IncidentId> {
    let of = |recorded: &Recorded| match &recorded.body {
        Body::Journal(JournalEvent::AllClearSettled { incident, .. }) => Some(*incident),
        Body::Journal(_) | Body::Incident(_) => recorded.stream.incident(),
    };
    history.iter().filter_map(|(_, recorded)| of(recorded)).collect()
}

/// What an incident was merged into, and what was merged into it.
pub fn next_of_kin(incident: &Incident) -> impl Iterator<Item = IncidentId> {
    incident.merged_into().into_iter().chain(incident.room().merged_from().iter().copied())
}

/// The digests of pieces that were erased, unless a piece that was not erased has the same bytes. Of an incident of which something was
/// erased before, those go again, which changes nothing.
fn gone(incident: &Incident) -> Vec<(IncidentId, [u8; 32])> {
    let (erased, kept): (Vec<_>, Vec<_>) = incident.evidence().values().partition(|item| item.is_erased());
    let kept: BTreeSet<_> = kept.iter().map(|item| item.kept.digest).collect();
    let gone = erased.iter().map(|item| item.kept.digest).filter(|digest| !kept.contains(digest));
    gone.map(|digest| (incident.id(), *digest.bytes())).collect()
}

impl Engine {
    /// Brings back an incident with all that was merged with it, so that [`Engine::erase`] sees every hold.
    pub(super) async fn warm_kin(&mut self, id: IncidentId) -> Result<(), EngineError> {
        let (mut seen, mut next) = (BTreeSet::from([id]), vec![id]);
        while let Some(id) = next.pop() {
            self.warm_one(id).await?;
            let incident = self.working.incident(id);
            next.extend(incident.into_iter().flat_map(next_of_kin).filter(|kin| seen.insert(*kin)));
        }
        Ok(())
    }

    /// Refuses if it is held, or something that was merged with it.
    fn not_held(&self, id: IncidentId) -> Result<(), Refusal> {
        let (mut seen, mut next) = (BTreeSet::from([id]), vec![id]);
        while let Some(incident) = next.pop().map(|id| self.working.incident(id)) {
            let Some(incident) = incident else { continue };
            incident.may_be_erased()?;
            next.extend(next_of_kin(incident).filter(|kin| seen.insert(*kin)));
        }
        Ok(())
    }

    /// Erases, if the history is still all there is: what is decided and not yet durable cannot be redacted.
    pub(super) fn erase(&mut self, history: Vec<(u64, Recorded)>, erasure: Erasure, now: Timestamp) -> Answer {
        if let Err(refusal) = touched(&history).into_iter().try_for_each(|id| self.not_held(id)) {
            return Answer::Refused(refusal);
        }
        let places: BTreeMap<u64, u64> = history.iter().map(|(place, one)| (one.version, *place)).collect();
        let redacted = erasure.redacted(history.into_iter().map(|(_, recorded)| recorded));
        if erasure.is_of_journal() {
            for one in &redacted {
                self.working.put_redacted_note(one);
            }
        } else {
            let Some(incident) = fold_stream(&redacted) else { return Answer::Done };
            let gone = gone(&incident);
            if let Err(refusal) = self.working.put_redacted(incident) {
                return Answer::Refused(refusal);
            }
            self.draft.batch.evidence_gone.extend(gone);
        }
        let left = erasure.redactions.into_iter().filter_map(|one| Some((*places.get(&one.version)?, one.body)));
        self.draft.batch.redactions.extend(left);
        let last = self.next_place();
        self.note(erasure.event, now);
        Answer::Logged { last }
    }
}
