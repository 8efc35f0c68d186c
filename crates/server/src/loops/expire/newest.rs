//! What monitors say beside a claim that goes on, as they said it last. A record keeps what was said first, since a number that moves with
//! every evaluation is no news; whoever asks as they would ask Alertmanager sees the latest, as there. In memory alone: a monitor says it again
//! within minutes. Tests: below, and `tests/it/alerts.rs`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use quarterdeck_core::signal::{Fingerprint, Signal};

/// Bytes of annotations that are kept beside the record: of a thousand claims with the longest there may be.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Annotations by name.
pub type Annotations = BTreeMap<String, String>;

/// The latest annotations of claims, where they are not those of the record.
#[derive(Default)]
pub(super) struct Newest {
    of: HashMap<Fingerprint, Arc<Annotations>>,
    bytes: usize,
}

impl Newest {
    /// Notes what is said of a claim of which the record has `kept`; none: it is new there.
    pub(super) fn hear(&mut self, signal: &Signal, kept: Option<&Signal>) {
        self.forget(&signal.fingerprint);
        let (Some(said), Some(kept)) = (&signal.annotations, kept) else { return };
        let bytes = length(said);
        if kept.annotations.as_ref() != Some(said) && self.bytes.saturating_add(bytes) <= BYTES_MAX {
            self.bytes += bytes;
            self.of.insert(signal.fingerprint, Arc::new(said.clone()));
        }
    }

    /// The claim is over.
    pub(super) fn forget(&mut self, claim: &Fingerprint) {
        if let Some(before) = self.of.remove(claim) {
            self.bytes = self.bytes.saturating_sub(length(&before));
        }
    }

    /// What was said last; none: what the record has.
    pub(super) fn get(&self, claim: &Fingerprint) -> Option<Arc<Annotations>> {
        self.of.get(claim).cloned()
    }
}

fn length(annotations: &Annotations) -> usize {
    annotations.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use quarterdeck_formats::{format::IngestFormat as _, heard::Hearing};
    use serde_json::json;

    use super::*;

    fn said(instance: &str, value: &str) -> Signal {
        let hearing = Hearing {
            source: &"monitor".parse().unwrap(),
            now: quarterdeck_core::time::Timestamp::from_secs(1_700_000_000),
            wall: quarterdeck_core::time::Timestamp::from_secs(1_700_000_000),
            resolve_timeout: std::time::Duration::from_mins(5),
            words: &quarterdeck_formats::severity::SeverityWords::default(),
            group_by: None,
            is_service: &|_| false,
        };
        let alerts = json!([{"labels": {"alertname": "A", "instance": instance}, "annotations": {"value": value},
            "startsAt": "2023-11-14T22:00:00Z"}]);
        let batch =
            quarterdeck_formats::alertmanager::prometheus::Prometheus.read(alerts.to_string().as_bytes(), &hearing);
        match batch.unwrap().heard.remove(0).change {
            quarterdeck_core::signal::SignalChange::Raised { signal } => Arc::unwrap_or_clone(signal),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_latest_is_kept_where_it_is_another_and_forgotten_with_its_claim() {
        let (first, second) = (said("a", "1"), said("a", "2"));
        let claim = first.fingerprint;
        let mut newest = Newest::default();
        newest.hear(&first, None);
        assert_eq!(newest.get(&claim), None, "the record has it");
        newest.hear(&second, Some(&first));
        assert_eq!(newest.get(&claim).as_deref(), second.annotations.as_ref());
        newest.hear(&first, Some(&first));
        assert_eq!((newest.get(&claim), newest.bytes), (None, 0), "as it was again");
        newest.hear(&second, Some(&first));
        newest.forget(&claim);
        assert_eq!((newest.get(&claim), newest.bytes), (None, 0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut newest = Newest { bytes: BYTES_MAX - 10, ..Newest::default() };
        let (first, long) = (said("a", "1"), said("a", "more than there is room for"));
        newest.hear(&long, Some(&first));
        assert_eq!((newest.get(&first.fingerprint), newest.bytes), (None, BYTES_MAX - 10));
    }
}
