//! Values of every stored type, drawn from a seed. The drawing is our own and fixed for ever: were it a library's, a new version of that
//! would look like a new form.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::{
    account::Account,
    chain::{Address, B256, BlockRef, Bytes, ChainId, Gap, GapKind},
    id::{Id, Kind, Name},
    incident::{
        Actor, MessageKind, Origin, PageOutcome, PageReason, Part, ResponseRole, Severity, tasks::event::Against,
    },
    money::Usd,
    policy::{EscalationPolicy, Target, Tier, Whom},
    priority::{Score, Term},
    resource::Resource,
    signal::{ChainPosition, Explanation, Facts, Fingerprint, Loudness, Number, Signal, SignalChange, SignalStatus},
    silence::{Matcher, Silence},
    time::Timestamp,
};

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, no dependency.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let place = usize::try_from(self.below(all.len() as u64)).unwrap();
        all.get(place).unwrap().clone()
    }
    fn list<T: Drawn>(&mut self, most: u64) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| T::drawn(self)).collect()
    }
    pub(crate) fn text(&mut self) -> String {
        self.one_of(&["", "disk 81 % full", "Börse zahlt nicht aus", "line\nbreak \"quoted\" \\", "余额不足", "x"])
            .to_owned()
    }
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| u8::try_from(self.below(256)).unwrap())
    }
}

/// What can be drawn.
pub(crate) trait Drawn {
    fn drawn(draw: &mut Draw) -> Self;
}

impl Drawn for bool {
    fn drawn(draw: &mut Draw) -> Self {
        draw.below(2) == 1
    }
}
impl Drawn for u32 {
    fn drawn(draw: &mut Draw) -> Self {
        u32::try_from(draw.below(1_000)).unwrap()
    }
}
impl Drawn for u64 {
    fn drawn(draw: &mut Draw) -> Self {
        let bits = draw.below(64);
        draw.next() >> bits
    }
}
impl Drawn for usize {
    fn drawn(draw: &mut Draw) -> Self {
        usize::try_from(draw.below(10)).unwrap()
    }
}
impl Drawn for String {
    fn drawn(draw: &mut Draw) -> Self {
        draw.text()
    }
}
impl<T: Drawn> Drawn for Option<T> {
    fn drawn(draw: &mut Draw) -> Self {
        bool::drawn(draw).then(|| T::drawn(draw))
    }
}
impl<T: Drawn> Drawn for Arc<T> {
    fn drawn(draw: &mut Draw) -> Self {
        Self::new(T::drawn(draw))
    }
}
impl<K> Drawn for Id<K> {
    fn drawn(draw: &mut Draw) -> Self {
        Self::from_bytes(draw.bytes())
    }
}
impl<K: Kind> Drawn for Name<K> {
    fn drawn(draw: &mut Draw) -> Self {
        Self::new(draw.one_of(&["ann", "hot-wallets", "pager_duty", "a", "tier.2"])).unwrap()
    }
}
impl Drawn for Timestamp {
    fn drawn(draw: &mut Draw) -> Self {
        match draw.below(8) {
            0 => Self::MIN,
            1 => Self::MAX,
            _ => Self::from_ms(i64::try_from(draw.below(4_000_000_000_000)).unwrap()),
        }
    }
}
impl Drawn for Duration {
    fn drawn(draw: &mut Draw) -> Self {
        Self::from_millis(draw.below(100_000_000))
    }
}
impl Drawn for Usd {
    fn drawn(draw: &mut Draw) -> Self {
        Self::from_cents(u64::drawn(draw))
    }
}
impl Drawn for Severity {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&[Self::Sev1, Self::Sev2, Self::Sev3, Self::Sev4, Self::Sev5])
    }
}
impl Drawn for Loudness {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&Self::ALL)
    }
}
impl Drawn for SignalStatus {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&[Self::Provisional, Self::Confirmed, Self::Retracted, Self::Ended])
    }
}
impl Drawn for Actor {
    fn drawn(draw: &mut Draw) -> Self {
        match draw.below(3) {
            0 => Self::Person(Name::drawn(draw)),
            1 => Self::Token(draw.text()),
            _ => Self::System,
        }
    }
}
impl Drawn for BTreeSet<Resource> {
    fn drawn(draw: &mut Draw) -> Self {
        let all = ["account:1/0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "dns:a.example", "flag:deposits on"];
        all.into_iter().filter(|_| bool::drawn(draw)).map(|one| one.parse().unwrap()).collect()
    }
}
impl Drawn for Vec<Against> {
    fn drawn(draw: &mut Draw) -> Self {
        let against = |draw: &mut Draw| Against {
            incident: Drawn::drawn(draw),
            task: Drawn::drawn(draw),
            holder: Drawn::drawn(draw),
            resources: Drawn::drawn(draw),
        };
        (0..draw.below(3)).map(|_| against(draw)).collect()
    }
}
impl Drawn for Whom {
    fn drawn(draw: &mut Draw) -> Self {
        match draw.below(3) {
            0 => Self::Person(Drawn::drawn(draw)),
            1 => Self::Schedule(Drawn::drawn(draw)),
            _ => Self::Policy(Drawn::drawn(draw)),
        }
    }
}

impl Drawn for Part {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&Self::ALL)
    }
}

impl Drawn for ResponseRole {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&[Self::Commander, Self::Operations, Self::Communications, Self::Scribe])
    }
}
impl Drawn for PageReason {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&[
            Self::Opened,
            Self::NotAcknowledged,
            Self::AcknowledgementExpired,
            Self::SeverityRose,
            Self::Asked,
            Self::Fallback,
            Self::Failed,
            Self::MayHaveArrived,
            Self::Reopened,
        ])
    }
}
impl Drawn for PageOutcome {
    fn drawn(draw: &mut Draw) -> Self {
        match draw.below(3) {
            0 => Self::Delivered { receipt: draw.text() },
            1 => Self::Failed { error: draw.text() },
            _ => Self::Unknown { error: draw.text() },
        }
    }
}
impl Drawn for Fingerprint {
    fn drawn(draw: &mut Draw) -> Self {
        Self::from_bytes(draw.bytes())
    }
}
impl Drawn for Facts {
    fn drawn(draw: &mut Draw) -> Self {
        Self {
            money_at_risk: Usd::drawn(draw),
            users: Option::drawn(draw),
            irreversible: bool::drawn(draw),
            key_compromise: bool::drawn(draw),
            theft: bool::drawn(draw),
        }
    }
}
impl Drawn for Number {
    fn drawn(draw: &mut Draw) -> Self {
        Self { name: draw.text(), value: draw.text(), unit: draw.text() }
    }
}
impl Drawn for ChainId {
    fn drawn(draw: &mut Draw) -> Self {
        let id = draw.one_of(&["eip155:1", "eip155:31337", "bip122:000000000019d6689c085ae165831e93"]);
        id.parse().unwrap()
    }
}
impl Drawn for BlockRef {
    fn drawn(draw: &mut Draw) -> Self {
        Self { chain: ChainId::drawn(draw), number: u64::drawn(draw), hash: B256::new(draw.bytes()) }
    }
}
impl Drawn for ChainPosition {
    fn drawn(draw: &mut Draw) -> Self {
        Self {
            block: BlockRef::drawn(draw),
            block_time: Timestamp::drawn(draw),
            transaction: bool::drawn(draw).then(|| B256::new(draw.bytes())),
            index: Option::drawn(draw),
        }
    }
}
impl Drawn for Account {
    fn drawn(draw: &mut Draw) -> Self {
        if bool::drawn(draw) {
            Self::Evm(Address::new(draw.bytes()))
        } else {
            Self::Script(Bytes::copy_from_slice(&draw.bytes::<22>()))
        }
    }
}
impl Drawn for Signal {
    fn drawn(draw: &mut Draw) -> Self {
        Self {
            id: Id::drawn(draw),
            fingerprint: Fingerprint::drawn(draw),
            detector: Name::drawn(draw),
            parameters: draw.text(),
            status: SignalStatus::drawn(draw),
            loudness: Loudness::drawn(draw),
            service: Option::drawn(draw),
            title: draw.text(),
            explanation: Explanation { text: draw.text(), numbers: draw.list(3) },
            facts: Facts::drawn(draw),
            confidence_permille: u16::try_from(draw.below(1_001)).unwrap(),
            position: Option::drawn(draw),
            parties: (0..draw.below(3)).map(|_| (draw.text(), Account::drawn(draw))).collect(),
            labels: (0..draw.below(3)).map(|_| (draw.text(), draw.text())).collect::<BTreeMap<String, String>>(),
            link: Option::drawn(draw),
            event_time: Timestamp::drawn(draw),
            observed: Timestamp::drawn(draw),
            drill: bool::drawn(draw),
            // Came later: the forms of before are without it.
            repeats: false,
            source: None,
            group: None,
            annotations: None,
            declared: None,
        }
    }
}
impl Drawn for SignalChange {
    fn drawn(draw: &mut Draw) -> Self {
        match draw.below(4) {
            0 => Self::Raised { signal: Arc::drawn(draw) },
            1 => Self::Confirmed { id: Id::drawn(draw) },
            2 => Self::Retracted { id: Id::drawn(draw), reason: draw.text() },
            _ => Self::Ended { fingerprint: Fingerprint::drawn(draw), at: Timestamp::drawn(draw) },
        }
    }
}
impl Drawn for Term {
    fn drawn(draw: &mut Draw) -> Self {
        Self { name: draw.text(), fact: draw.text(), points: u32::drawn(draw) }
    }
}
impl Drawn for Score {
    fn drawn(draw: &mut Draw) -> Self {
        Self {
            points: u32::drawn(draw),
            severity: Severity::drawn(draw),
            terms: draw.list(3),
            gates: draw.list(2),
            money_at_risk: Usd::drawn(draw),
            vector: draw.text(),
            weights: draw.text(),
        }
    }
}
impl Drawn for Target {
    fn drawn(draw: &mut Draw) -> Self {
        if bool::drawn(draw) { Self::Schedule(Name::drawn(draw)) } else { Self::Person(Name::drawn(draw)) }
    }
}
impl Drawn for Tier {
    fn drawn(draw: &mut Draw) -> Self {
        Self { targets: draw.list(3), delay: Duration::drawn(draw) }
    }
}
impl Drawn for EscalationPolicy {
    fn drawn(draw: &mut Draw) -> Self {
        Self {
            id: Name::drawn(draw),
            tiers: draw.list(3),
            rounds: u32::drawn(draw),
            fallback: Name::drawn(draw),
            acknowledgement: Duration::drawn(draw),
            page_at: Severity::drawn(draw),
        }
    }
}
impl Drawn for Matcher {
    fn drawn(draw: &mut Draw) -> Self {
        let (name, value) = (draw.one_of(&["service", "alertname"]), draw.one_of(&["db", "disk.*", ""]));
        Self::new(name, value, bool::drawn(draw), bool::drawn(draw)).unwrap()
    }
}
impl Drawn for Silence {
    fn drawn(draw: &mut Draw) -> Self {
        Self {
            id: Id::drawn(draw),
            matchers: draw.list(3),
            starts: Timestamp::drawn(draw),
            ends: Timestamp::drawn(draw),
            created_by: draw.text(),
            comment: draw.text(),
            // Came later: the forms of before are without it.
            owner: None,
        }
    }
}
impl Drawn for Gap {
    fn drawn(draw: &mut Draw) -> Self {
        let kind = draw.one_of(&[
            GapKind::Unreachable,
            GapKind::BadAnswer,
            GapKind::MissingBlock,
            GapKind::MissingReceipts,
            GapKind::MissingTraces,
            GapKind::ForkTooDeep,
            GapKind::StaleHead,
            GapKind::Overload,
            GapKind::Disagreement,
        ]);
        Self {
            source: Name::drawn(draw),
            chain: ChainId::drawn(draw),
            kind,
            from_block: Option::drawn(draw),
            to_block: Option::drawn(draw),
            since: Timestamp::drawn(draw),
            closed: Option::drawn(draw),
            detail: draw.text(),
        }
    }
}
impl Drawn for MessageKind {
    fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(&[Self::Message, Self::Note, Self::Decision, Self::Question, Self::Answer])
    }
}
impl Drawn for Origin {
    fn drawn(draw: &mut Draw) -> Self {
        Self { channel: String::drawn(draw), message: String::drawn(draw), author: String::drawn(draw) }
    }
}
