//! How models did, for people and as JSON.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use quarterdeck_detect::models::{
    boosting::Forest,
    examples::{self, Example},
    judged::{self, Judged, Standing},
    model::Model,
};
use serde_json::{Value, json};

use super::{data::Labelled, day::day_text};
use crate::output::table;

/// So many of all ordinary transactions may be told.
const ALLOWED: [(f64, &str); 2] = [(0.001, "0.1 %"), (0.01, "1 %")];

/// What was judged, and how that went.
pub(crate) struct Report<'a> {
    /// The examples.
    pub(crate) found: &'a Labelled,
    /// By way of judging.
    pub(crate) judged: Vec<(&'static str, Judged)>,
    /// The number given for the lots.
    pub(crate) seed: u64,
}

impl Report<'_> {
    /// One document.
    pub(crate) fn json(&self) -> Value {
        let ways: Vec<Value> = self.judged.iter().map(|(way, judged)| self.way_json(way, judged)).collect();
        let [half, nearly_all, slowest] = self.micros();
        json!({
            "data": examples::digest(&self.found.examples).to_string(),
            "seed": self.seed,
            "sets": self.found.sets,
            "left_out": self.found.left_out,
            "ways": ways,
            "microseconds_per_transaction": { "p50": half, "p99": nearly_all, "max": slowest },
        })
    }

    fn way_json(&self, way: &str, judged: &Judged) -> Value {
        let ordinary: usize = judged.ordinary.iter().map(Vec::len).sum();
        let (by_rules, rules_rate) = judged.by_rules();
        let at: Vec<Value> = ALLOWED
            .iter()
            .map(|(allowed, name)| {
                let (found, all) = judged.found(*allowed);
                let (low, high) = judged::interval(found, all);
                let (either, rate) = judged.by_either(*allowed);
                json!({ "false_alarms": name, "found": found, "of": all, "recall": share(found, all), "interval_95": [low, high],
                    "rules_or_model": { "found": either, "recall": share(either, all), "false_alarms": rate } })
            })
            .collect();
        let thefts: Vec<Value> = judged.thefts.iter().map(|theft| self.theft_json(theft)).collect();
        json!({
            "way": way, "ordinary_judged": ordinary, "at": at, "average_precision": judged.average_precision(),
            "folds": judged.precisions.iter().zip(&judged.ordinary).map(|((precision, thefts), ordinary)| json!({
                "thefts": thefts, "ordinary": ordinary.len(), "average_precision": precision })).collect::<Vec<_>>(),
            "rules": { "found": by_rules, "false_alarms": rules_rate },
            "classes": self.classes(judged).into_iter().map(|(class, counts)| json!({
                "class": class, "of": counts.all, "at_permille": counts.permille, "at_percent": counts.percent,
                "rules": counts.rules })).collect::<Vec<_>>(),
            "thefts": thefts,
        })
    }

    fn theft_json(&self, theft: &Standing) -> Value {
        let example = self.example(theft);
        json!({ "name": example.map(|one| &one.name), "day": example.map(|one| day_text(one.day)), "fold": theft.fold,
            "class": example.map(|one| &one.class), "p_value": theft.rarity, "score": theft.score, "rules": theft.ruled,
            "for": theft.up, "against": theft.down })
    }

    fn example(&self, theft: &Standing) -> Option<&Example> {
        self.found.examples.get(theft.place)
    }

    /// For a person.
    pub(crate) fn words(&self) -> String {
        let mut lines = Vec::new();
        for set in &self.found.sets {
            lines.push(format!("{:>6} transactions of {}", set.examples, set.name));
        }
        for (way, judged) in &self.judged {
            lines.push(String::new());
            lines.push(self.way_words(way, judged));
        }
        lines.push(String::new());
        let [half, nearly_all, slowest] = self.micros();
        lines.push(format!(
            "numbers and score of one transaction: half within {half} µs, 99 of 100 within {nearly_all} µs, the slowest {slowest} µs"
        ));
        lines.push(format!("data {}, seed {}", examples::digest(&self.found.examples), self.seed));
        lines.join("\n")
    }

    fn way_words(&self, way: &str, judged: &Judged) -> String {
        let ordinary: usize = judged.ordinary.iter().map(Vec::len).sum();
        let all = judged.thefts.len();
        let (by_rules, rules_rate) = judged.by_rules();
        let mut rows = vec![vec![
            String::from("rules alone"),
            format!("{by_rules} of {all}"),
            percent(share(by_rules, all)),
            String::new(),
            format!("{:.3} %", 100.0 * rules_rate),
        ]];
        for (allowed, name) in ALLOWED {
            let (found, _) = judged.found(allowed);
            let (low, high) = judged::interval(found, all);
            let range = format!("{} to {}", percent(low), percent(high));
            rows.push(vec![
                String::from("model"),
                format!("{found} of {all}"),
                percent(share(found, all)),
                range,
                name.to_owned(),
            ]);
            let (either, rate) = judged.by_either(allowed);
            let (low, high) = judged::interval(either, all);
            let range = format!("{} to {}", percent(low), percent(high));
            let told = format!("{:.3} %", 100.0 * rate);
            rows.push(vec![
                String::from("rules or model"),
                format!("{either} of {all}"),
                percent(share(either, all)),
                range,
                told,
            ]);
        }
        let mut lines = vec![
            format!(
                "{way}: {all} thefts, {ordinary} ordinary transactions, average precision {:.3}",
                judged.average_precision()
            ),
            table(&["BY", "FOUND", "RECALL", "95 % INTERVAL", "FALSE ALARMS"], &rows),
            String::new(),
        ];
        let rows: Vec<Vec<String>> = self
            .classes(judged)
            .into_iter()
            .map(|(class, counts)| {
                let [all, permille, percent, rules] =
                    [counts.all, counts.permille, counts.percent, counts.rules].map(|count| count.to_string());
                vec![class, all, permille, percent, rules]
            })
            .collect();
        lines.push(table(&["CLASS", "THEFTS", "AT 0.1 %", "AT 1 %", "RULES"], &rows));
        lines.push(String::new());
        let mut thefts: Vec<&Standing> = judged.thefts.iter().collect();
        thefts.sort_by(|one, other| one.rarity.total_cmp(&other.rarity));
        let rows: Vec<Vec<String>> = thefts.into_iter().map(|theft| self.theft_row(theft)).collect();
        lines.push(table(&["THEFT", "DAY", "RARER THAN", "RULES", "WHY"], &rows));
        lines.join("\n")
    }

    fn theft_row(&self, theft: &Standing) -> Vec<String> {
        let example = self.example(theft);
        let found = ALLOWED.first().is_some_and(|(allowed, _)| theft.rarity <= *allowed);
        let why = if found { theft.up.join("; ") } else { format!("against: {}", theft.down.join("; ")) };
        vec![
            example.map(|one| one.name.clone()).unwrap_or_default(),
            example.map(|one| day_text(one.day)).unwrap_or_default(),
            format!("{:.3} %", 100.0 * theft.rarity),
            String::from(if theft.ruled { "found" } else { "-" }),
            why,
        ]
    }

    fn classes(&self, judged: &Judged) -> BTreeMap<String, Counts> {
        let mut classes: BTreeMap<String, Counts> = BTreeMap::new();
        for theft in &judged.thefts {
            let class = self.example(theft).map(|one| one.class.as_str()).filter(|class| !class.is_empty());
            let counts = classes.entry(class.unwrap_or("not labelled").to_owned()).or_default();
            counts.all += 1;
            counts.permille += usize::from(theft.rarity <= 0.001);
            counts.percent += usize::from(theft.rarity <= 0.01);
            counts.rules += usize::from(theft.ruled);
        }
        classes
    }

    /// In microseconds: the numbers and the score of half of all transactions, of 99 of 100, and of the slowest take at most so long.
    /// A score takes the same for each; its mean is added.
    fn micros(&self) -> [u128; 3] {
        let mut times = self.found.times.clone();
        times.sort_unstable();
        let scoring = self.scoring();
        [500, 990, 1_000].map(|permille| {
            let place = (times.len() * permille / 1_000).min(times.len().saturating_sub(1));
            times.get(place).map_or(0, Duration::as_micros) + scoring
        })
    }

    /// The mean time of a score, in microseconds.
    #[expect(clippy::disallowed_methods, reason = "how long a verdict takes is one of the figures")]
    fn scoring(&self) -> u128 {
        let some: Vec<&Example> = self.found.examples.iter().take(SCORED).collect();
        let rows: Vec<&[f64]> = some.iter().map(|one| one.features.as_slice()).collect();
        let labels: Vec<bool> = some.iter().enumerate().map(|(place, _)| place % 2 == 0).collect();
        let width = rows.first().map_or(0, |row| row.len());
        let forest = Forest::learn(&rows, &labels, width, self.seed);
        let began = Instant::now();
        let sum: f64 = rows.iter().map(|row| forest.score(row)).sum();
        std::hint::black_box(sum);
        began.elapsed().as_micros() / u128::try_from(rows.len().max(1)).unwrap_or(1)
    }
}

/// Transactions on which the time of a score is measured.
const SCORED: usize = 200;

#[derive(Default)]
struct Counts {
    all: usize,
    permille: usize,
    percent: usize,
    rules: usize,
}

fn share(found: usize, all: usize) -> f64 {
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    float(found) / float(all).max(1.0)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// The card of a model, for a person.
pub(crate) fn card(model: &Model) -> String {
    let card = &model.card;
    let mut lines = vec![
        format!("made {}, seed {}, data {}", card.date, card.seed, card.digest),
        format!("learnt from {} thefts and {} ordinary transactions", card.thefts, card.ordinary),
        format!(
            "found when not seen: {} at 0.1 % false alarms, {} at 1 %; share of recorded thefts {}",
            card.found_at_permille,
            card.found_at_percent,
            percent(model.found_share())
        ),
        String::new(),
    ];
    let sets: Vec<Vec<String>> =
        card.sets.iter().map(|set| vec![set.name.clone(), set.examples.to_string(), set.licence.clone()]).collect();
    lines.push(table(&["SET", "EXAMPLES", "LICENCE, AS ITS DESCRIPTION SAYS"], &sets));
    lines.push(String::new());
    let gains: Vec<Vec<String>> = card
        .gains
        .iter()
        .take(GAINS)
        .map(|(name, gain)| vec![name.clone(), format!("{:.1} %", 100.0 * gain)])
        .collect();
    lines.push(table(&["NUMBER", "SHARE OF WHAT THE TREES EXPLAIN"], &gains));
    lines.push(String::new());
    let steps: Vec<Vec<String>> = model
        .calibration
        .steps
        .iter()
        .map(|step| {
            let rarity = model.calibration.p_value(step.score);
            vec![format!("{:.2}", step.score), format!("{:.3}", step.probability), format!("{rarity:.5}")]
        })
        .collect();
    lines.push(table(&["FROM SCORE", "SHARE OF THEFTS AMONG EXAMPLES", "P-VALUE"], &steps));
    lines.join("\n")
}

/// Numbers named on a card.
const GAINS: usize = 25;
