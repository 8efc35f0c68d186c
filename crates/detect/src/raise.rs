//! How detectors make signals: one builder, so that ids, fingerprints and explanations look alike.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::Address;
use quarterdeck_core::{
    chain::{Block, Transaction},
    id::{DetectorId, Id, Name, ServiceId},
    limits::TITLE_BYTES_MAX,
    signal::{ChainPosition, Explanation, Facts, Fingerprint, Loudness, Number, Signal, SignalChange, SignalStatus},
};

/// A signal in the making.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// The detector's id.
    pub detector: &'static str,
    /// The version of its parameters.
    pub parameters: &'a str,
    /// What the claim is about, besides the detector: the same words and addresses give the same fingerprint.
    pub claim: Vec<&'a [u8]>,
    /// How loud.
    pub loudness: Loudness,
    /// The service, where known.
    pub service: Option<ServiceId>,
    /// One line.
    pub title: String,
    /// One to three sentences.
    pub text: String,
    /// The numbers behind them.
    pub numbers: Vec<Number>,
    /// What it claims about impact.
    pub facts: Facts,
    /// How sure, in thousandths.
    pub confidence_permille: u16,
    /// Addresses with their part.
    pub parties: Vec<(&'static str, Address)>,
}

impl Draft<'_> {
    /// The signal, standing on `block` and, where given, on one of its transactions. Its id is a digest of detector, parameters,
    /// block, transaction and claim: the same block seen twice gives the same id. `observed` is the block's own time; the
    /// pipeline puts in when we saw it.
    pub fn raise(self, block: &Block, transaction: Option<&Transaction>) -> SignalChange {
        let index = transaction.map(|transaction| transaction.index);
        let mut parts: Vec<&[u8]> = vec![self.detector.as_bytes()];
        parts.extend(self.claim.iter().copied());
        let fingerprint = Fingerprint::of(&parts);
        let place = index.map_or_else(Vec::new, |index| index.to_be_bytes().to_vec());
        let id = Id::digest(&[
            self.detector.as_bytes(),
            self.parameters.as_bytes(),
            block.hash.as_slice(),
            &place,
            fingerprint.bytes(),
        ]);
        let signal = Signal {
            id,
            fingerprint,
            detector: detector_id(self.detector),
            parameters: self.parameters.to_owned(),
            status: SignalStatus::Provisional,
            loudness: self.loudness,
            service: self.service,
            title: shorten(self.title),
            explanation: Explanation { text: self.text, numbers: self.numbers },
            facts: self.facts,
            confidence_permille: self.confidence_permille,
            position: Some(ChainPosition {
                block: block.reference(),
                block_time: block.time,
                transaction: transaction.map(|transaction| transaction.hash),
                index,
            }),
            parties: self.parties.into_iter().map(|(part, address)| (part.to_owned(), address)).collect(),
            labels: BTreeMap::new(),
            link: None,
            event_time: block.time,
            observed: block.time,
        };
        SignalChange::Raised { signal: Arc::new(signal) }
    }
}

/// The name of a detector of THE LIST.
#[expect(clippy::expect_used, reason = "a test walks THE LIST and checks every id")]
pub fn detector_id(id: &'static str) -> DetectorId {
    Name::new(id).expect("invariant: ids of THE LIST are names")
}

/// At most what a lock screen shows, cut at a character.
fn shorten(mut title: String) -> String {
    while title.len() > TITLE_BYTES_MAX {
        title.pop();
    }
    title
}
