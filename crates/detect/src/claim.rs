//! Building a signal: one place that knows how ids, fingerprints, bounds and statuses come about.
//!
//! A detector keeps a [`Voice`] (who speaks, with which parameters) and builds a [`Claim`] for each thing it finds. The same
//! claim about the same place of the same block always has the same id; the same rule about the same entity always has the same
//! fingerprint. Never reads a clock: `observed` is the event's own time, the shell stamps its own when it takes the signal in.

use std::{fmt, sync::Arc};

use quarterdeck_core::{
    account::Account,
    chain::{B256, Block, BlockRef, Transaction},
    detector::Params,
    id::{DetectorId, Id, ServiceId},
    limits::{NUMBERS_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX},
    money::Usd,
    signal::{ChainPosition, Explanation, Facts, Fingerprint, Loudness, Number, Signal, SignalChange, SignalStatus},
    time::Timestamp,
};

/// Parties of one signal: more than a person compares.
const PARTIES_MAX: usize = 32;

/// Who speaks: a detector with its parameters.
#[derive(Debug, Clone)]
pub struct Voice {
    detector: DetectorId,
    parameters: String,
}

impl Voice {
    /// The voice of the detector `id` with these parameters.
    #[expect(clippy::expect_used, reason = "ids are constants of THE LIST, and tests/registry.rs builds every one")]
    pub fn new(id: &'static str, params: &Params) -> Self {
        let detector = DetectorId::new(id).expect("invariant: the id of a detector is a name");
        Self { detector, parameters: params.version() }
    }
    /// The fingerprint of `rule` about an entity, as [`Claim`] gives it. A detector with one rule may leave it empty: then it is
    /// no part of the fingerprint.
    pub fn fingerprint(&self, rule: &str, entity: &[&[u8]]) -> Fingerprint {
        let mut parts: Vec<&[u8]> = vec![self.detector.as_str().as_bytes()];
        parts.extend((!rule.is_empty()).then_some(rule.as_bytes()));
        parts.extend_from_slice(entity);
        Fingerprint::of(&parts)
    }
    /// Says that the claim `rule` about an entity is over.
    pub fn ended(&self, rule: &str, entity: &[&[u8]], at: Timestamp) -> SignalChange {
        SignalChange::Ended { fingerprint: self.fingerprint(rule, entity), at }
    }
}

/// A signal being built.
#[derive(Debug, Clone)]
pub struct Claim {
    signal: Signal,
    /// Which of several about one transaction; none: there is never more than one.
    place: Option<u32>,
}

impl Claim {
    /// A provisional claim that stands on `block`. `rule` and `entity` make the fingerprint.
    pub fn on_block(voice: &Voice, block: &Block, rule: &str, entity: &[&[u8]]) -> Self {
        Self::on_reference(voice, block.reference(), block.time, rule, entity)
    }
    /// The same where only the reference of the block is at hand.
    pub fn on_reference(voice: &Voice, block: BlockRef, time: Timestamp, rule: &str, entity: &[&[u8]]) -> Self {
        let mut claim = Self::at_time(voice, time, rule, entity);
        claim.signal.status = SignalStatus::Provisional;
        claim.signal.position = Some(ChainPosition { block, block_time: time, transaction: None, index: None });
        claim
    }
    /// A claim that depends on no block, such as silence. It stands at once.
    pub fn at_time(voice: &Voice, time: Timestamp, rule: &str, entity: &[&[u8]]) -> Self {
        let signal = Signal {
            id: Id::from_bytes([0; 16]),
            fingerprint: voice.fingerprint(rule, entity),
            detector: voice.detector.clone(),
            parameters: voice.parameters.clone(),
            status: SignalStatus::Confirmed,
            loudness: Loudness::Warning,
            service: None,
            title: String::new(),
            explanation: Explanation::default(),
            facts: Facts::default(),
            confidence_permille: 1_000,
            position: None,
            parties: Vec::new(),
            labels: std::collections::BTreeMap::new(),
            link: None,
            event_time: time,
            observed: time,
            drill: false,
            repeats: false,
            source: None,
            group: None,
            annotations: None,
            declared: None,
        };
        Self { signal, place: Some(0) }
    }

    /// The transaction it is about.
    #[must_use]
    pub fn transaction(self, transaction: &Transaction) -> Self {
        self.at(transaction.hash, transaction.index)
    }
    /// The transaction it is about, by hash and place in the block.
    #[must_use]
    pub fn at(mut self, hash: B256, index: u32) -> Self {
        if let Some(position) = &mut self.signal.position {
            position.transaction = Some(hash);
            position.index = Some(index);
        }
        self
    }
    /// Which of several claims with one fingerprint about one transaction, from 0.
    #[must_use]
    pub fn place(mut self, place: u32) -> Self {
        self.place = Some(place);
        self
    }
    /// There is never another with this fingerprint about the transaction, so its id leaves the place out. Identifiers are for
    /// ever: a detector that began with one form stays with it.
    #[must_use]
    pub fn only(mut self) -> Self {
        self.place = None;
        self
    }
    /// How loud.
    #[must_use]
    pub fn loudness(mut self, loudness: Loudness) -> Self {
        self.signal.loudness = loudness;
        self
    }
    /// The service it is about.
    #[must_use]
    pub fn service(mut self, service: Option<ServiceId>) -> Self {
        self.signal.service = service;
        self
    }
    /// One line: what is wrong with what. Cut at 240 bytes.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.signal.title = cut(title.into(), TITLE_BYTES_MAX);
        self
    }
    /// One to three sentences of why. Cut at 16 KiB.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.signal.explanation.text = cut(text.into(), TEXT_BYTES_MAX);
        self
    }
    /// A number behind the text; past the bound it is left out.
    #[must_use]
    pub fn number(mut self, name: &str, value: impl fmt::Display, unit: &str) -> Self {
        if self.signal.explanation.numbers.len() < NUMBERS_MAX {
            self.signal.explanation.numbers.push(Number::new(name, value, unit));
        }
        self
    }
    /// Numbers that were made elsewhere, in their order; past the bound they are left out.
    #[must_use]
    pub fn numbers(mut self, numbers: impl IntoIterator<Item = Number>) -> Self {
        let room = NUMBERS_MAX.saturating_sub(self.signal.explanation.numbers.len());
        self.signal.explanation.numbers.extend(numbers.into_iter().take(room));
        self
    }
    /// An account and its part: `sender`, `listed`. Named once; past the bound it is left out.
    #[must_use]
    pub fn party(mut self, part: &str, account: impl Into<Account>) -> Self {
        let (account, parties) = (account.into(), &mut self.signal.parties);
        if parties.len() < PARTIES_MAX && !parties.iter().any(|(had, whose)| had == part && *whose == account) {
            parties.push((part.to_owned(), account));
        }
        self
    }
    /// Several accounts, each with its part.
    #[must_use]
    pub fn parties<'a, A: Into<Account>>(self, parties: impl IntoIterator<Item = (&'a str, A)>) -> Self {
        parties.into_iter().fold(self, |claim, (part, address)| claim.party(part, address))
    }
    /// What it claims about impact.
    #[must_use]
    pub fn facts(mut self, facts: Facts) -> Self {
        self.signal.facts = facts;
        self
    }
    /// Money that is lost or can be lost.
    #[must_use]
    pub fn money(mut self, money: Usd) -> Self {
        self.signal.facts.money_at_risk = money;
        self
    }
    /// How sure, in thousandths; more than 1,000 counts as 1,000.
    #[must_use]
    pub fn confidence(mut self, permille: u16) -> Self {
        self.signal.confidence_permille = permille.min(1_000);
        self
    }

    /// The signal. Its id is a digest of detector, parameters, block (or instant), transaction and fingerprint.
    pub fn build(self) -> Arc<Signal> {
        let Self { mut signal, place } = self;
        let (at, index) = match &signal.position {
            Some(position) => (position.block.hash.to_vec(), position.index),
            None => (signal.event_time.as_ms().to_be_bytes().to_vec(), None),
        };
        let wide = index.map_or(u64::MAX, u64::from).to_be_bytes();
        let narrow = index.map(u32::to_be_bytes);
        let which = place.map(u32::to_be_bytes);
        let mut parts: Vec<&[u8]> = vec![signal.detector.as_str().as_bytes(), signal.parameters.as_bytes(), &at];
        match &which {
            Some(which) => parts.extend([wide.as_slice(), which.as_slice()]),
            None => parts.push(narrow.as_ref().map_or(&[], |index| index.as_slice())),
        }
        parts.push(signal.fingerprint.bytes());
        signal.id = Id::digest(&parts);
        Arc::new(signal)
    }
    /// The signal, raised.
    pub fn raised(self) -> SignalChange {
        SignalChange::Raised { signal: self.build() }
    }
}

/// The first `bytes` of a text, at a character's boundary.
fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::chain::Address;

    use super::*;

    fn claim(block: &Block, entity: &[u8]) -> Claim {
        Claim::on_block(&Voice::new("unusual_size", &Params::default()), block, "size", &[entity])
    }

    #[test]
    fn the_same_claim_has_the_same_id_and_any_difference_another() {
        let block = Block::default();
        let transaction = Transaction { index: 3, ..Transaction::default() };
        let other_block = Block { hash: quarterdeck_core::chain::B256::repeat_byte(1), ..Block::default() };
        let first = claim(&block, b"a").transaction(&transaction).build();
        assert_eq!(first.id, claim(&block, b"a").transaction(&transaction).title("x").build().id);
        let others = [
            claim(&block, b"b").transaction(&transaction).build(),
            claim(&block, b"a").build(),
            claim(&block, b"a").transaction(&transaction).place(1).build(),
            claim(&block, b"a").transaction(&transaction).only().build(),
            claim(&other_block, b"a").transaction(&transaction).build(),
        ];
        assert!(others.iter().all(|other| other.id != first.id));
        assert_eq!(others[4].fingerprint, first.fingerprint, "the fingerprint does not hang on the block");
    }

    #[test]
    fn everything_is_bounded() {
        let mut long = claim(&Block::default(), b"a").title("é".repeat(500)).confidence(9_000);
        for n in 0..200_u8 {
            long = long.number("n", n, "").party("p", Address::repeat_byte(n)).party("p", Address::repeat_byte(n));
        }
        let signal = long.build();
        assert!(signal.title.len() <= TITLE_BYTES_MAX && signal.confidence_permille == 1_000);
        assert_eq!((signal.explanation.numbers.len(), signal.parties.len()), (NUMBERS_MAX, PARTIES_MAX));
    }
}
