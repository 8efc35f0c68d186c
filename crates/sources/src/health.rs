//! How each source is, for the console, the API and the metrics: where it stands, and what cannot be seen through it now.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    chain::{BlockRef, ChainId, Gap, GapKind},
    id::SourceId,
    time::{Timestamp, human_span},
};

/// How long a source may take to begin, and to finish one look: more than a node that catches up takes for one, less than anybody
/// should believe in a quiet chain.
const LOOKS_WITHIN: Duration = Duration::from_mins(1);

/// How a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceState {
    /// Not yet through to the node.
    #[default]
    Connecting,
    /// Behind the node's head and reading.
    CatchingUp,
    /// At the head.
    Live,
    /// Cannot look.
    Blind,
    /// Its node shows another chain than the one we know, and is not believed.
    Unfit,
}

impl SourceState {
    /// As the API calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::CatchingUp => "catching_up",
            Self::Live => "live",
            Self::Blind => "blind",
            Self::Unfit => "unfit",
        }
    }
    /// Whether nothing is seen through it.
    pub const fn is_dark(self) -> bool {
        matches!(self, Self::Blind | Self::Unfit)
    }
}

/// The health of one source.
#[derive(Debug, Clone, Default)]
pub struct SourceHealth {
    /// Its kind, by name.
    pub kind: String,
    /// Which chain.
    pub chain: ChainId,
    /// The endpoint without credentials.
    pub endpoint: String,
    /// How it is.
    pub state: SourceState,
    /// When it was told to look.
    pub began: Option<Timestamp>,
    /// When it last finished a look, whatever came of it.
    pub looked: Option<Timestamp>,
    /// The last block handed to the detectors.
    pub head: Option<BlockRef>,
    /// The height that the node says it has.
    pub node_head: Option<u64>,
    /// When the last block was handed over.
    pub last_block: Option<Timestamp>,
    /// Blocks handed over since the start.
    pub blocks: u64,
    /// Reorganizations since the start.
    pub reorgs: u64,
    /// Gaps open now.
    pub gaps: Vec<Gap>,
    /// What the endpoint offers.
    pub capabilities: Vec<String>,
}

impl SourceHealth {
    /// What cannot be seen through it now, for a person; none: it sees what the node shows. A source that stands still in silence
    /// is not believed to be fine.
    pub fn unseen(&self, now: Timestamp) -> Option<String> {
        let partly = || self.gaps.first().map(|gap| format!("does not show everything: {}", gap.detail));
        self.stopped(now).or_else(partly)
    }

    /// Why nothing new is seen through it now: no detector hears anything by it. None: it shows blocks, though perhaps not all of them.
    pub fn idle(&self, now: Timestamp) -> Option<String> {
        let stale = || self.gaps.iter().find(|gap| gap.kind == GapKind::StaleHead);
        let none_yet = || self.head.is_none().then(|| "has read no block yet".to_owned());
        self.stopped(now).or_else(none_yet).or_else(|| stale().map(|gap| format!("shows no new block: {}", gap.detail)))
    }

    fn stopped(&self, now: Timestamp) -> Option<String> {
        let long = |since: Timestamp| now.since(since) > LOOKS_WITHIN;
        let detail = || self.gaps.first().map_or_else(String::new, |gap| format!(": {}", gap.detail));
        if self.state.is_dark() {
            return Some(format!("is {}{}", self.state.word(), detail()));
        }
        if let Some(looked) = self.looked.or(self.began).filter(|looked| long(*looked)) {
            return Some(format!("has not finished a look for {}", human_span(now.since(looked))));
        }
        if self.state == SourceState::Connecting
            && let Some(began) = self.began.filter(|began| long(*began))
        {
            return Some(format!("has read no block for {}{}", human_span(now.since(began)), detail()));
        }
        let behind = matches!((self.head, self.node_head), (Some(ours), Some(theirs)) if ours.number < theirs);
        if let Some(last) = self.last_block.filter(|last| behind && long(*last)) {
            let height = self.head.map_or(0, |block| block.number);
            return Some(format!("stands at block {height} for {}{}", human_span(now.since(last)), detail()));
        }
        None
    }
}

/// The health of all sources, for the console, the API and the metrics.
#[derive(Debug, Default)]
pub struct Sources(Mutex<BTreeMap<SourceId, SourceHealth>>);

impl Sources {
    /// Changes the health of one source.
    pub fn update(&self, id: &SourceId, change: impl FnOnce(&mut SourceHealth)) {
        change(self.lock().entry(id.clone()).or_default());
    }
    /// Forgets a source that is no longer followed.
    pub fn forget(&self, id: &SourceId) {
        self.lock().remove(id);
    }
    /// A copy of all.
    pub fn all(&self) -> BTreeMap<SourceId, SourceHealth> {
        self.lock().clone()
    }
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceId, SourceHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::chain::B256;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + seconds)
    }

    #[test]
    fn a_source_that_says_nothing_is_not_believed_to_be_fine() {
        let began = SourceHealth { began: Some(at(0)), ..SourceHealth::default() };
        assert_eq!(began.unseen(at(60)), None, "it may take a while to begin");
        assert_eq!(began.unseen(at(61)).as_deref(), Some("has not finished a look for 1 min 1 s"));
        let tries = SourceHealth { looked: Some(at(300)), ..began };
        assert_eq!(tries.unseen(at(300)).as_deref(), Some("has read no block for 5 min 0 s"));

        let head = Some(BlockRef { chain: ChainId::evm(1), number: 7, hash: B256::ZERO });
        let stands = SourceHealth {
            state: SourceState::CatchingUp,
            head,
            node_head: Some(9),
            last_block: Some(at(100)),
            looked: Some(at(400)),
            ..tries
        };
        assert_eq!(stands.unseen(at(150)), None, "it reads on");
        assert_eq!(stands.unseen(at(400)).as_deref(), Some("stands at block 7 for 5 min 0 s"));
        let quiet = SourceHealth { state: SourceState::Live, node_head: Some(7), ..stands.clone() };
        assert_eq!(quiet.unseen(at(400)), None, "a chain may be quiet: how long, the source says by a gap");
        assert_eq!((quiet.idle(at(400)), stands.idle(at(400))), (None, stands.unseen(at(400))));
        let gap = |kind, detail: &str| Gap {
            source: "own".parse().unwrap(),
            chain: ChainId::evm(1),
            kind,
            from_block: None,
            to_block: None,
            since: at(390),
            closed: None,
            detail: detail.to_owned(),
        };
        let stale = SourceHealth { gaps: vec![gap(GapKind::StaleHead, "no new head since then")], ..quiet.clone() };
        assert_eq!(stale.idle(at(400)).as_deref(), Some("shows no new block: no new head since then"));
        let partly = SourceHealth { gaps: vec![gap(GapKind::MissingTraces, "no traces")], ..quiet };
        assert_eq!(partly.idle(at(400)), None, "what it shows is heard");
        assert_eq!(SourceHealth::default().idle(at(0)).as_deref(), Some("has read no block yet"));
    }
}
