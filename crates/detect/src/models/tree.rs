//! One decision tree: how it is grown on gradients, how it answers, and which feature moved the answer.
//!
//! Values are sorted into at most 64 steps first, so that growing is counting. Nothing here draws lots except through the
//! [`Lots`] that it is handed. Tests: `crates/detect/src/models/boosting.rs`.

use serde::{Deserialize, Serialize};

/// Steps into which the values of a feature are sorted: more only follow noise, with tens of thefts to learn from.
const STEPS_MAX: usize = 64;

/// Random numbers from a seed: SplitMix64, public domain, by Sebastiano Vigna. The same seed gives the same lots everywhere.
#[derive(Debug, Clone)]
pub struct Lots(u64);

impl Lots {
    /// The lots of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
    /// True in so many of a thousand cases.
    pub const fn of_thousand(&mut self, cases: u64) -> bool {
        self.draw() % 1_000 < cases
    }
    /// Some of these, in an order by lot.
    pub fn some_of(&mut self, all: usize, wanted: usize) -> Vec<usize> {
        let mut keyed: Vec<(u64, usize)> = (0..all).map(|one| (self.draw(), one)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, one)| one).take(wanted).collect()
    }
}

/// Examples sorted into steps, by feature.
pub struct Table {
    columns: Vec<Column>,
}

struct Column {
    /// Between two steps: up to and including this value is the lower one.
    edges: Vec<f64>,
    /// The step of each example.
    steps: Vec<u8>,
}

impl Table {
    /// Sorts the values of `count` features of each example.
    pub fn new(examples: &[&[f64]], count: usize) -> Self {
        let column = |feature: usize| {
            let values: Vec<f64> =
                examples.iter().map(|example| example.get(feature).copied().unwrap_or_default()).collect();
            let edges = edges(&values);
            let step = |value: &f64| u8::try_from(edges.partition_point(|edge| edge < value)).unwrap_or(u8::MAX);
            Column { steps: values.iter().map(step).collect(), edges }
        };
        Self { columns: (0..count).map(column).collect() }
    }
    /// How many features there are.
    pub const fn features(&self) -> usize {
        self.columns.len()
    }
}

/// Where steps end: in the middle between neighbouring values. Where there are more values than steps, between those that part
/// the distinct values evenly: rare large values are what matters, and most examples share a few small ones.
fn edges(values: &[f64]) -> Vec<f64> {
    let mut distinct = values.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let all: Vec<f64> =
        distinct.iter().zip(distinct.iter().skip(1)).map(|(low, high)| f64::midpoint(*low, *high)).collect();
    if all.len() < STEPS_MAX {
        return all;
    }
    let kept = STEPS_MAX - 1;
    (1..=kept).filter_map(|part| all.get(part * all.len() / (kept + 1))).copied().collect()
}

/// A place in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What an example that came here gets on average.
    pub value: f64,
    /// Which feature is asked, up to which value the answer is in `low`, and where the other is; none: this is an end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ask: Option<Ask>,
}

/// A question at a node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Which feature.
    pub feature: u16,
    /// Up to and including this value it goes to `low`.
    pub edge: f64,
    /// Place of the node for low values; always behind the node that asks.
    pub low: u16,
    /// Place of the node for high values; always behind the node that asks.
    pub high: u16,
    /// By how much the question made the training examples easier to tell apart.
    pub gain: f64,
}

/// A tree: its nodes, the root first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree(pub Vec<Node>);

/// How a tree is grown.
pub struct Growth {
    /// Questions from root to end at most.
    pub depth: usize,
    /// Features looked at for one question.
    pub columns: usize,
    /// Examples at an end at least.
    pub leaf_min: usize,
    /// Added to the weight of the evidence at each end, so that few examples say little.
    pub doubt: f64,
    /// Share of a tree's answer that is taken.
    pub rate: f64,
}

/// What is to be explained: by example the direction in which its score is wrong, and how sure that is.
pub struct Pull {
    /// Label minus probability.
    pub gradient: f64,
    /// Its curvature.
    pub weight: f64,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    gradient: f64,
    weight: f64,
    count: usize,
}

impl Sum {
    fn add(&mut self, pull: &Pull) {
        self.gradient += pull.gradient;
        self.weight += pull.weight;
        self.count += 1;
    }
    fn less(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            weight: self.weight - other.weight,
            count: self.count - other.count,
        }
    }
    fn score(self, doubt: f64) -> f64 {
        self.gradient * self.gradient / (self.weight + doubt)
    }
}

impl Tree {
    /// Grows a tree for `pulls` on these rows of `table`.
    pub fn grow(table: &Table, pulls: &[Pull], rows: Vec<usize>, growth: &Growth, lots: &mut Lots) -> Self {
        let mut tree = Self(vec![Node { value: 0.0, ask: None }]);
        let mut waiting = vec![(0_usize, rows, 0_usize)];
        while let Some((place, rows, depth)) = waiting.pop() {
            let mut sum = Sum::default();
            rows.iter().filter_map(|row| pulls.get(*row)).for_each(|pull| sum.add(pull));
            let value = growth.rate * sum.gradient / (sum.weight + growth.doubt);
            let found = if depth < growth.depth { question(table, pulls, &rows, sum, growth, lots) } else { None };
            let (low, high) = (tree.0.len(), tree.0.len() + 1);
            let ask = found.as_ref().and_then(|found| found.ask(table, low, high));
            if let Some(node) = tree.0.get_mut(place) {
                *node = Node { value, ask };
            }
            let Some((found, column)) = found
                .filter(|_| ask.is_some())
                .and_then(|found| table.columns.get(found.feature).map(|column| (found, column)))
            else {
                continue;
            };
            tree.0.extend([Node { value: 0.0, ask: None }; 2]);
            let is_low = |row: &usize| column.steps.get(*row).is_some_and(|step| usize::from(*step) <= found.step);
            let (lower, higher) = rows.into_iter().partition(is_low);
            waiting.push((low, lower, depth + 1));
            waiting.push((high, higher, depth + 1));
        }
        tree
    }

    /// The nodes on the way of an example, the root first.
    pub fn way<'a>(&'a self, features: &'a [f64]) -> impl Iterator<Item = &'a Node> + 'a {
        std::iter::successors(self.0.first(), |node| {
            let ask = node.ask?;
            let value = features.get(usize::from(ask.feature)).copied().unwrap_or_default();
            // Children lie behind the node that asks (checked where a model is read), so that every way ends.
            self.0.get(usize::from(if value <= ask.edge { ask.low } else { ask.high }))
        })
    }

    /// What the tree says of an example.
    pub fn answer(&self, features: &[f64]) -> f64 {
        self.way(features).last().map_or(0.0, |node| node.value)
    }

    /// Whether every question is about one of so many features and every way goes on behind its node.
    pub fn is_sound(&self, features: usize) -> bool {
        !self.0.is_empty()
            && self.0.iter().enumerate().all(|(place, node)| {
                node.value.is_finite()
                    && node.ask.is_none_or(|ask| {
                        let behind = |next: u16| usize::from(next) > place && usize::from(next) < self.0.len();
                        usize::from(ask.feature) < features
                            && ask.edge.is_finite()
                            && behind(ask.low)
                            && behind(ask.high)
                    })
            })
    }
}

struct Question {
    feature: usize,
    step: usize,
    gain: f64,
}

impl Question {
    fn ask(&self, table: &Table, low: usize, high: usize) -> Option<Ask> {
        let edge = *table.columns.get(self.feature)?.edges.get(self.step)?;
        Some(Ask {
            feature: u16::try_from(self.feature).ok()?,
            edge,
            low: u16::try_from(low).ok()?,
            high: u16::try_from(high).ok()?,
            gain: self.gain,
        })
    }
}

/// The question that parts the pulls best, among some features by lot; none if no question helps.
fn question(
    table: &Table,
    pulls: &[Pull],
    rows: &[usize],
    sum: Sum,
    growth: &Growth,
    lots: &mut Lots,
) -> Option<Question> {
    let mut best: Option<Question> = None;
    for feature in lots.some_of(table.features(), growth.columns) {
        let column = table.columns.get(feature)?;
        let mut steps = [Sum::default(); STEPS_MAX];
        for row in rows {
            let step = column.steps.get(*row).map(|step| usize::from(*step))?;
            steps.get_mut(step)?.add(pulls.get(*row)?);
        }
        let mut low = Sum::default();
        for (step, here) in steps.iter().enumerate().take(column.edges.len()) {
            low.gradient += here.gradient;
            low.weight += here.weight;
            low.count += here.count;
            let high = sum.less(low);
            if low.count < growth.leaf_min || high.count < growth.leaf_min {
                continue;
            }
            let gain = low.score(growth.doubt) + high.score(growth.doubt) - sum.score(growth.doubt);
            if gain > GAIN_MIN && best.as_ref().is_none_or(|best| gain > best.gain) {
                best = Some(Question { feature, step, gain });
            }
        }
    }
    best
}

/// Less is rounding.
const GAIN_MIN: f64 = 1e-9;
