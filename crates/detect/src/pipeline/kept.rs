//! The pipeline at rest, in parts by name: the books of what stands, and each detector's memory by itself, so that one that cannot be
//! taken up costs itself only, and one that did not change need not be stored again. When which part is stored is
//! [`crate::keeping`]'s to say. Tests: `tests.rs` beside this, and the law in `tests/keeping.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::{chain::BlockRef, id::SignalId, signal::Signal};
use serde::{Deserialize, Serialize, de::Error as _};

use super::{Counts, Dropped, Pipeline};
use crate::{at_rest, detector::SnapshotError};

/// Parts by name.
pub type Pieces = BTreeMap<String, Vec<u8>>;

/// Everything in one piece, as it was kept before each detector's memory had a name of its own. Taken up if there is nothing newer.
pub const WHOLE: &str = "detectors";
/// What stands.
const BOOKS: &str = "pipeline";
/// What was raised since the books were stored.
const SINCE: &str = "pipeline/since";
const BOOKS_VERSION: u32 = 3;
const WHOLE_VERSION: u32 = 2;

fn part_of(detector: &str) -> String {
    format!("detector/{detector}")
}

impl Pipeline {
    /// The names of the parts that [`Pipeline::restore`] can use.
    pub fn part_names(&self) -> Vec<String> {
        let detectors = self.slots.iter().map(|slot| part_of(slot.id));
        [BOOKS, SINCE, WHOLE].map(str::to_owned).into_iter().chain(detectors).collect()
    }

    /// Everything learned and everything standing, so that a restart forgets nothing. All parts belong together: they are stored
    /// in one transaction, as far as they changed, and with them where the sources stand.
    pub fn snapshot(&self) -> Pieces {
        let counts = self.slots.iter().map(|slot| (slot.id.to_owned(), slot.counts)).collect();
        let standing = self.standing.values().flatten().flat_map(|((_, block), signals)| {
            signals.iter().map(move |(signal, place)| self.row(*block, *signal, *place))
        });
        let dropped = self.dropped.values().flatten().cloned().collect();
        let books = Books { version: BOOKS_VERSION, counts, standing: standing.collect(), dropped };
        let detectors = self.slots.iter().map(|slot| (part_of(slot.id), slot.detector.snapshot()));
        let nothing: [Row; 0] = [];
        [(BOOKS.to_owned(), at_rest::save(&books)), (SINCE.to_owned(), at_rest::save(&nothing))]
            .into_iter()
            .chain(detectors)
            .collect()
    }

    /// What was raised on a block since the last snapshot that was stored: goes with the signals, so that after a restart it is
    /// known which of them may be on blocks that the chain has left. None: nothing.
    pub fn since(&self) -> Option<(String, Vec<u8>)> {
        let rows: Vec<Row> =
            self.since.iter().map(|(block, signal, place)| self.row(*block, *signal, *place)).collect();
        (!rows.is_empty()).then(|| (SINCE.to_owned(), at_rest::save(&rows)))
    }

    /// The last [`Pipeline::snapshot`] is stored.
    pub fn kept(&mut self) {
        self.since.clear();
    }

    fn row(&self, block: BlockRef, signal: SignalId, place: usize) -> Row {
        let detector = self.slots.get(place).map_or("", |slot| slot.id).to_owned();
        let said = self.said.get(&signal).cloned();
        Row { block, signal, detector, said, doubtful: self.doubtful.contains(&block) }
    }

    /// Takes up what was kept. A detector that is new, or cannot take up its part, starts as new; the latter are returned, for
    /// what was forgotten must be said.
    #[must_use]
    pub fn restore(&mut self, parts: &Pieces) -> Vec<SnapshotError> {
        let mut failed: Vec<SnapshotError> =
            match (parts.get(BOOKS), parts.get(WHOLE).filter(|whole| !whole.is_empty())) {
                (Some(books), _) => self.restore_parts(books, parts),
                (None, Some(whole)) => self.restore_whole(whole),
                (None, None) => Vec::new(),
            };
        if let Some(since) = parts.get(SINCE) {
            match serde_json::from_slice::<Vec<Row>>(since) {
                Ok(rows) => {
                    for row in rows {
                        let (block, signal) = (row.block, row.signal);
                        let place = self.put_back(row);
                        self.doubtful.insert(block);
                        self.since.push((block, signal, place));
                    }
                }
                Err(source) => failed.push(SnapshotError { detector: PIPELINE, source }),
            }
        }
        failed
    }

    fn restore_parts(&mut self, books: &[u8], parts: &Pieces) -> Vec<SnapshotError> {
        let books: Result<Books, SnapshotError> = at_rest::load(PIPELINE, books);
        let books = books.and_then(|books| check_version(books.version, BOOKS_VERSION).map(|()| books));
        let mut failed = Vec::new();
        for slot in &mut self.slots {
            // A detector that was off when the books were stored has a memory of another day, if any: it starts as new.
            if let Ok(books) = &books {
                let Some(counts) = books.counts.get(slot.id) else { continue };
                slot.counts = *counts;
            }
            if let Some(part) = parts.get(&part_of(slot.id)) {
                failed.extend(slot.detector.restore(part).err());
            }
        }
        match books {
            Ok(books) => self.open(books.standing, books.dropped),
            Err(error) => failed.push(error),
        }
        failed
    }

    fn restore_whole(&mut self, whole: &[u8]) -> Vec<SnapshotError> {
        let whole: Result<Whole, SnapshotError> = at_rest::load(PIPELINE, whole);
        let whole = match whole.and_then(|whole| check_version(whole.version, WHOLE_VERSION).map(|()| whole)) {
            Ok(whole) => whole,
            Err(error) => return vec![error],
        };
        let mut failed = Vec::new();
        for slot in &mut self.slots {
            let Some(part) = whole.detectors.get(slot.id) else { continue };
            slot.counts = part.counts;
            failed.extend(slot.detector.restore(&at_rest::save(&part.state)).err());
        }
        self.open(whole.standing, whole.dropped);
        failed
    }

    fn open(&mut self, standing: Vec<Row>, dropped: Vec<Dropped>) {
        (self.standing, self.said, self.dropped) = Default::default();
        (self.since, self.doubtful) = (Vec::new(), BTreeSet::new());
        for row in standing {
            self.put_back(row);
        }
        for one in dropped {
            let Some(position) = &one.signal.position else { continue };
            if let Some(transaction) = position.transaction {
                self.dropped.entry((position.block.chain, transaction)).or_default().push(one);
            }
        }
    }

    /// A signal stands again; gives the place of its detector.
    fn put_back(&mut self, row: Row) -> usize {
        // A detector that is gone can no longer speak, but what it said still stands: the first slot keeps the books.
        let place = self.slots.iter().position(|slot| slot.id == row.detector).unwrap_or(0);
        self.stand(row.block, row.signal, place);
        if let Some(said) = row.said {
            self.said.insert(row.signal, said);
        }
        if row.doubtful {
            self.doubtful.insert(row.block);
        }
        place
    }
}

/// Whom an error names that is no detector's.
const PIPELINE: &str = "pipeline";

fn check_version(found: u32, wanted: u32) -> Result<(), SnapshotError> {
    if found == wanted {
        return Ok(());
    }
    let text = format!("version {found} of the snapshot: want {wanted}");
    Err(SnapshotError { detector: PIPELINE, source: serde_json::Error::custom(text) })
}

#[derive(Serialize, Deserialize)]
struct Books {
    version: u32,
    counts: BTreeMap<String, Counts>,
    standing: Vec<Row>,
    dropped: Vec<Dropped>,
}

#[derive(Deserialize)]
struct Whole {
    version: u32,
    detectors: BTreeMap<String, WholeDetector>,
    standing: Vec<Row>,
    dropped: Vec<Dropped>,
}

#[derive(Deserialize)]
struct WholeDetector {
    counts: Counts,
    state: serde_json::Value,
}

/// A signal that stands.
#[derive(Serialize, Deserialize)]
struct Row {
    block: BlockRef,
    signal: SignalId,
    detector: String,
    said: Option<Arc<Signal>>,
    /// Its block was not read again since a restart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    doubtful: bool,
}
