//! Evidence through the kills: what was said to be kept is in the log, once, and the bytes of whatever the log names are there.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quarterdeck_core::{
    id::IncidentId,
    incident::{EvidenceEvent, IncidentEvent, evidence::Digest},
};
use quarterdeck_store::Store;

use crate::{Outside, TOKEN, lock};

/// Pieces of each incident.
const PIECES: u8 = 3;

/// The bytes of a piece: some do not fit in a page of a database.
fn piece(incident: IncidentId, nth: u8) -> Vec<u8> {
    format!("{incident} {nth}\n").repeat(1 + usize::from(nth) * 3_000).into_bytes()
}

/// Keeps evidence of acknowledged incidents until the program is gone. What was not answered is sent again.
pub(crate) async fn keep_until_gone(http: reqwest::Client, url: String, outside: Arc<Outside>) {
    loop {
        let open: Vec<IncidentId> = lock(&outside.acknowledged).iter().copied().collect();
        for (incident, nth) in open.into_iter().flat_map(|incident| (0..PIECES).map(move |nth| (incident, nth))) {
            let bytes = piece(incident, nth);
            let promise = (incident, Digest::of(&bytes));
            if lock(&outside.kept).contains(&promise) {
                continue;
            }
            let asked = http.post(format!("{url}/api/v1/incidents/{incident}/evidence?what=a+log"));
            let asked = asked.bearer_auth(TOKEN).header("content-type", "text/plain").body(bytes);
            let Ok(answer) = asked.send().await else { return };
            assert!(answer.status().is_success(), "{incident}: {}", answer.status());
            lock(&outside.kept).insert(promise);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many pieces were promised, and are there.
pub(crate) async fn judge(store: &dyn Store, outside: &Outside, events: &[IncidentEvent]) -> usize {
    let promised = lock(&outside.kept).clone();
    let mut named = BTreeSet::new();
    for event in events {
        let IncidentEvent::Evidence(EvidenceEvent::EvidenceKept { kept, .. }) = event else { continue };
        assert!(named.insert(kept.digest), "{} is there twice", kept.digest);
        let bytes = store.evidence(*kept.digest.bytes()).await.unwrap();
        assert!(bytes.is_some_and(|bytes| Digest::of(&bytes) == kept.digest), "the bytes of {} are lost", kept.digest);
    }
    for (incident, digest) in &promised {
        assert!(named.contains(digest), "{digest} of {incident} was said to be kept and is lost");
    }
    promised.len()
}
