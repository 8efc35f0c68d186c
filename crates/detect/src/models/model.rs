//! A model as it is kept: what was learnt, how its scores are read, from what it was learnt, and how a verdict is told.
//!
//! A model is a JSON text. What is read back is checked: another version, another list of numbers or a tree that leads nowhere is
//! refused. Tests: `crates/detect/tests/models.rs`.

use serde::{Deserialize, Serialize};

use super::{
    boosting::Forest,
    calibration::{Calibration, Rank, Step},
    examples::{self, Example},
    features,
    judged::{self, Judged},
    normal::Normal,
    number::count,
    tree::{Ask, Node, Tree},
};

/// Bytes of a stored model: a hundred times what one of ours needs.
pub const MODEL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What this text is.
const FORM: &str = "quarterdeck-model-1";
/// Into so many parts the examples are divided to read the scores by what their model had not seen.
const PARTS: usize = 5;

/// A model and its card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    form: String,
    /// [`features::VERSION`] when it learnt.
    pub features_version: u32,
    /// The numbers that it asks for, by name and in order.
    pub features: Vec<String>,
    /// What each is on average among ordinary transactions.
    pub typical: Vec<f64>,
    /// The trees.
    pub forest: Forest,
    /// What scores mean.
    pub calibration: Calibration,
    /// Where it comes from.
    pub card: Card,
}

/// What a person should know of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Card {
    /// The day it was made, as its maker said.
    pub date: String,
    /// The number that its maker gave for the lots.
    pub seed: u64,
    /// Of what it was learnt from, in hex.
    pub digest: String,
    /// Thefts among the examples.
    pub thefts: u32,
    /// Ordinary transactions among them.
    pub ordinary: u32,
    /// The sets that they come from.
    pub sets: Vec<SetCard>,
    /// Share of each number in what the trees explain, the largest first.
    pub gains: Vec<(String, f64)>,
    /// How many thefts were found in each part by a model of the others, where one in a thousand ordinary transactions may be told.
    pub found_at_permille: u32,
    /// The same where one in a hundred may.
    pub found_at_percent: u32,
}

/// One set of examples.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetCard {
    /// Its folder.
    pub name: String,
    /// What its description says of its licence.
    pub licence: String,
    /// Examples from it.
    pub examples: u32,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No such text.
    #[error("read a model")]
    Unreadable(#[source] serde_json::Error),
    /// Of another form.
    #[error("a model of form `{0}`: want `{FORM}`")]
    Form(String),
    /// Of another version of the numbers.
    #[error("a model of version {0} of the numbers of a transaction: this program has version {now}", now = features::VERSION)]
    Version(u32),
    /// It asks for what there is not, or leads nowhere.
    #[error("the trees of the model do not fit its list of numbers")]
    Unsound,
    /// Nothing to learn from.
    #[error(
        "{thefts} thefts and {ordinary} ordinary transactions are too few to learn from: want at least {LEAST} of each"
    )]
    TooFew {
        /// Thefts among the examples.
        thefts: usize,
        /// Ordinary transactions.
        ordinary: usize,
    },
}

/// The score of [`Model::by_hand`], up and down.
const BY_HAND_SCORE: f64 = 4.0;

/// Fewer examples of a kind than this teach nothing.
const LEAST: usize = 10;

/// What a model says of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Log odds among the examples.
    pub score: f64,
    /// The share of ordinary transactions that score at least so high.
    pub p_value: f64,
    /// The share of thefts among examples that score like this.
    pub probability: f64,
    /// What most spoke for a theft, in words.
    pub reasons: Vec<&'static str>,
}

impl Model {
    /// Learns from `all`. The card is filled in except for its date and its sets.
    pub fn learn(all: &[Example], seed: u64) -> Result<Self, ModelError> {
        let thefts = all.iter().filter(|one| one.theft).count();
        let ordinary = all.len() - thefts;
        if thefts.min(ordinary) < LEAST {
            return Err(ModelError::TooFew { thefts, ordinary });
        }
        let lots = examples::seed(all, seed);
        let unseen = Judged::over(all, &judged::over_groups(all, PARTS), lots);
        let plain = unseen.ordinary.iter().flatten().map(|(score, _)| (*score, false));
        let scored: Vec<(f64, bool)> = unseen.thefts.iter().map(|theft| (theft.score, true)).chain(plain).collect();
        let rows: Vec<&[f64]> = all.iter().map(|one| one.features.as_slice()).collect();
        let labels: Vec<bool> = all.iter().map(|one| one.theft).collect();
        let forest = Forest::learn(&rows, &labels, features::COUNT, lots);
        let names: Vec<String> = features::all().map(|feature| feature.name.to_owned()).collect();
        let mut gains: Vec<(String, f64)> = names.iter().cloned().zip(forest.gains(features::COUNT)).collect();
        gains.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let card = Card {
            seed,
            digest: examples::digest(all).to_string(),
            thefts: number(thefts),
            ordinary: number(ordinary),
            gains,
            found_at_permille: number(unseen.found(0.001).0),
            found_at_percent: number(unseen.found(0.01).0),
            ..Card::default()
        };
        Ok(Self {
            form: FORM.to_owned(),
            features_version: features::VERSION,
            features: names,
            typical: judged::typical(&all.iter().collect::<Vec<_>>()),
            forest,
            calibration: Calibration::of(&scored),
            card,
        })
    }

    /// A model that nobody learnt: whoever is called back while he makes others wait scores high, and one in ten thousand ordinary
    /// transactions does. For canaries and scenarios.
    pub fn by_hand() -> Self {
        let names: Vec<String> = features::all().map(|feature| feature.name.to_owned()).collect();
        let asked = names.iter().position(|name| name == "asked_back").and_then(|place| u16::try_from(place).ok());
        let ask = asked.map(|feature| Ask { feature, edge: 0.5, low: 1, high: 2, gain: 1.0 });
        let end = |value| Node { value, ask: None };
        let forest = Forest {
            base: 0.0,
            bags: 1,
            trees: vec![Tree(vec![Node { value: 0.0, ask }, end(-BY_HAND_SCORE), end(BY_HAND_SCORE)])],
        };
        let ordinary = 9_999;
        Self {
            form: FORM.to_owned(),
            features_version: features::VERSION,
            typical: vec![0.0; names.len()],
            features: names,
            forest,
            calibration: Calibration {
                ordinary,
                ranks: vec![Rank { rank: 1, score: -BY_HAND_SCORE }, Rank { rank: ordinary, score: -BY_HAND_SCORE }],
                steps: vec![Step { score: -BY_HAND_SCORE, probability: 0.001 }, Step { score: 0.0, probability: 0.9 }],
            },
            card: Card { date: String::from("2026-11-28"), ..Card::default() },
        }
    }

    /// Reads a stored model.
    pub fn read(text: &[u8]) -> Result<Self, ModelError> {
        let model: Self = serde_json::from_slice(text).map_err(ModelError::Unreadable)?;
        if model.form != FORM {
            return Err(ModelError::Form(model.form));
        }
        if model.features_version != features::VERSION {
            return Err(ModelError::Version(model.features_version));
        }
        let same = model.features.iter().map(String::as_str).eq(features::all().map(|feature| feature.name));
        let ranked = model.calibration.ranks.iter().all(|rank| rank.rank > 0);
        if same && ranked && model.typical.len() == features::COUNT && model.forest.is_sound(features::COUNT) {
            Ok(model)
        } else {
            Err(ModelError::Unsound)
        }
    }

    /// The text that [`Self::read`] reads.
    pub fn written(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// What it says of a transaction.
    pub fn verdict(&self, form: &Normal) -> Verdict {
        let values = features::of(form);
        let score = self.forest.score(&values);
        Verdict {
            score,
            p_value: self.calibration.p_value(score),
            probability: self.calibration.probability(score),
            reasons: judged::reasons(&self.forest.moved(&values), &values, &self.typical, 1.0),
        }
    }

    /// The share of recorded thefts that a model which had not seen them found at one in a thousand.
    pub fn found_share(&self) -> f64 {
        f64::from(self.card.found_at_permille) / count(usize::try_from(self.card.thefts).unwrap_or(1)).max(1.0)
    }
}
