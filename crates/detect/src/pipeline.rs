//! All detectors over one stream of events, with what is common to them: a reorganization retracts what stood on the blocks
//! it dropped, finality confirms what stands below it.

use std::collections::BTreeMap;

use quarterdeck_core::{
    chain::{BlockRef, ChainEvent, ChainNumber},
    detector::{Detector, Knowledge, Params, SnapshotError},
    id::SignalId,
    signal::{SignalChange, SignalStatus},
};

use crate::detectors::DETECTORS;

/// The detectors that are on, in the order of THE LIST.
pub struct Pipeline {
    detectors: Vec<(&'static str, Box<dyn Detector>, u64)>,
    standing: BTreeMap<(ChainNumber, u64), Vec<(BlockRef, SignalId)>>,
}

impl Pipeline {
    /// The detectors that `params` names, with these parameters.
    pub fn new(params: &BTreeMap<String, Params>, knowledge: &Knowledge) -> Self {
        let on = DETECTORS.iter().filter_map(|kind| Some((kind, params.get(kind.id())?)));
        let detectors = on.map(|(kind, params)| (kind.id(), kind.build(params, knowledge), 0)).collect();
        Self { detectors, standing: BTreeMap::new() }
    }
    /// Lets every detector look at the event.
    pub fn observe(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        if let ChainEvent::Reorg(reorg) = event {
            for block in &reorg.dropped {
                for (_, id) in self.standing.remove(&(block.chain, block.number)).unwrap_or_default() {
                    let reason = format!("block {} ({}) was dropped by a reorganization of depth {}", block.number, block.hash, reorg.dropped.len());
                    out.push(SignalChange::Retracted { id, reason });
                }
            }
        }
        for (_, detector, count) in &mut self.detectors {
            let before = out.len();
            detector.observe(event, out);
            *count += (out.len() - before) as u64;
        }
        for change in out.iter() {
            if let SignalChange::Raised { signal } = change
                && signal.status == SignalStatus::Provisional
                && let Some(position) = &signal.position
            {
                let at = (position.block.chain, position.block.number);
                self.standing.entry(at).or_default().push((position.block, signal.id));
            }
        }
        if let ChainEvent::Finalized(block) = event {
            let later = self.standing.split_off(&(block.chain, block.number + 1));
            let settled = std::mem::replace(&mut self.standing, later);
            for ((chain, number), signals) in settled {
                if chain != block.chain {
                    self.standing.insert((chain, number), signals);
                    continue;
                }
                out.extend(signals.into_iter().map(|(_, id)| SignalChange::Confirmed { id }));
            }
        }
    }
    /// How many signals each detector gave.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.detectors.iter().map(|(id, _, count)| (*id, *count))
    }
    /// Everything learned.
    pub fn snapshot(&self) -> serde_json::Value {
        let all: BTreeMap<&str, serde_json::Value> =
            self.detectors.iter().map(|(id, detector, _)| (*id, detector.snapshot())).collect();
        serde_json::json!(all)
    }
    /// Takes up a snapshot; what cannot be taken up starts anew and is told.
    pub fn restore(&mut self, snapshot: &serde_json::Value) -> Vec<SnapshotError> {
        let mut errors = Vec::new();
        for (id, detector, _) in &mut self.detectors {
            if let Some(one) = snapshot.get(*id) {
                errors.extend(detector.restore(one).err());
            }
        }
        errors
    }
}
