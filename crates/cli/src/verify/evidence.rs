//! Whether a bundle has the evidence that its events name: each piece by its digest, and nothing else. Tests: below.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use quarterdeck_core::{
    incident::{EvidenceEvent, IncidentEvent},
    journal::{Body as Event, Stream},
};
use quarterdeck_ledger::{bundle::Bundle, folder::Body};

/// What a bundle has of the evidence that its events name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Pieces whose bytes are here, and are those of the digest in the log.
    pub(super) verified: usize,
    /// Pieces of which only the digest is here, in a bundle without any bytes.
    pub(super) alone: usize,
    /// Events that were erased; one of them may have named a piece.
    pub(super) erased: usize,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verified > 0 {
            write!(f, "\nevidence: {} pieces, each with the bytes of its digest in the log", self.verified)?;
        }
        if self.alone > 0 {
            write!(f, "\nevidence: {} pieces by their digests alone, without bytes", self.alone)?;
        }
        Ok(())
    }
}

/// Compares what is attached with what the events name. To be asked after [`Bundle::verify`]: then each event is one of the log, and each
/// attachment is what its digest says.
pub(super) fn check(bundle: &Bundle) -> Result<Evidence, Vec<String>> {
    let (mut named, mut erased) = (BTreeMap::new(), 0);
    let stream: Stream = bundle.stream().parse().map_err(|_| vec![format!("`{}` is no stream", bundle.stream())])?;
    for event in bundle.events() {
        let Body::Kept { bytes, .. } = &event.sealed.body else {
            erased += 1;
            continue;
        };
        // An event of a newer program says nothing to this one, and is in the log all the same.
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        if let Ok(Event::Incident(IncidentEvent::Evidence(EvidenceEvent::EvidenceKept { number, kept, .. }))) =
            Event::from_json(&stream, text)
        {
            named.insert(number, *kept.digest.bytes());
        }
    }
    let attached: BTreeSet<[u8; 32]> = bundle.attachments().iter().map(|attachment| attachment.digest).collect();
    judge(&named, &attached, erased)
}

fn judge(
    named: &BTreeMap<u32, [u8; 32]>,
    attached: &BTreeSet<[u8; 32]>,
    erased: usize,
) -> Result<Evidence, Vec<String>> {
    let hex = quarterdeck_ledger::hash::to_hex;
    if attached.is_empty() {
        return Ok(Evidence { verified: 0, alone: named.len(), erased });
    }
    let mut findings = Vec::new();
    for (number, digest) in named.iter().filter(|(_, digest)| !attached.contains(*digest)) {
        findings.push(format!(
            "evidence {number} with SHA-256 {} is missing: its bytes are not in the bundle",
            hex(digest)
        ));
    }
    let known: BTreeSet<[u8; 32]> = named.values().copied().collect();
    for digest in attached.difference(&known) {
        findings.push(format!("bytes with SHA-256 {} are in the bundle, and no event names them", hex(digest)));
    }
    if findings.is_empty() { Ok(Evidence { verified: named.len(), alone: 0, erased }) } else { Err(findings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_nobody_names_is_found() {
        let named = BTreeMap::from([(1, [1; 32]), (2, [2; 32]), (3, [1; 32])]);
        assert_eq!(judge(&named, &[[1; 32], [2; 32]].into(), 4), Ok(Evidence { verified: 3, alone: 0, erased: 4 }));
        assert_eq!(judge(&named, &BTreeSet::new(), 0), Ok(Evidence { verified: 0, alone: 3, erased: 0 }));
        let findings = judge(&named, &[[1; 32], [9; 32]].into(), 0).unwrap_err();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("evidence 2 with SHA-256 0202"), "{findings:?}");
        assert!(findings[1].starts_with("bytes with SHA-256 0909"), "{findings:?}");
    }
}
