//! What a person knows about recorded transactions, to say how right the detectors were about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Value, json};

use crate::output::Misuse;

/// Labels by transaction hash: whether it was an attack.
pub(super) struct Labels(BTreeMap<String, bool>);

/// Reads a CSV of `hash,label`. A first line that names its columns is passed over.
pub(super) fn read(path: &Path) -> anyhow::Result<Labels> {
    let named = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| Misuse(format!("read `{named}`: {error}")))?;
    let mut labels = BTreeMap::new();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (hash, label) = line.split_once(',').unwrap_or((line, ""));
        let (hash, label) = (hash.trim().to_lowercase(), label.trim().to_lowercase());
        let attack = match label.as_str() {
            "attack" | "1" | "true" => true,
            "ordinary" | "0" | "false" => false,
            _ if place == 0 && !hash.starts_with("0x") => continue,
            _ => {
                let line = place + 1;
                let wanted = "expected `hash,attack` or `hash,ordinary`";
                return Err(Misuse(format!("line {line} of `{named}`: {wanted}, found label `{label}`")).into());
            }
        };
        labels.insert(hash, attack);
    }
    Ok(Labels(labels))
}

/// How many labelled transactions were named by a loud signal, and how many not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Score {
    found: usize,
    missed: Vec<String>,
    alarmed: Vec<String>,
    quiet: usize,
}

impl Labels {
    /// Compares with the transactions that loud signals name.
    pub(super) fn score(&self, named: &BTreeSet<String>) -> Score {
        let mut score = Score { found: 0, missed: Vec::new(), alarmed: Vec::new(), quiet: 0 };
        for (hash, attack) in &self.0 {
            match (attack, named.contains(hash)) {
                (true, true) => score.found += 1,
                (true, false) => score.missed.push(hash.clone()),
                (false, true) => score.alarmed.push(hash.clone()),
                (false, false) => score.quiet += 1,
            }
        }
        score
    }
}

impl Score {
    /// `part` of `part + rest` in thousandths; none of nothing.
    fn permille(part: usize, rest: usize) -> Option<usize> {
        part.saturating_mul(1_000).checked_div(part + rest)
    }
    pub(super) fn json(&self) -> Value {
        let share = |rest: usize| {
            let permille = u32::try_from(Self::permille(self.found, rest)?).ok()?;
            Some(f64::from(permille) / 1_000.0)
        };
        json!({
            "precision": share(self.alarmed.len()),
            "recall": share(self.missed.len()),
            "attacks_found": self.found,
            "attacks_missed": self.missed,
            "ordinary_named": self.alarmed,
            "ordinary_quiet": self.quiet,
        })
    }
    pub(super) fn in_words(&self) -> String {
        let percent = |permille: Option<usize>| {
            permille.map_or_else(|| String::from("of nothing"), |p| format!("{}.{} %", p / 10, p % 10))
        };
        format!(
            "labels: precision {}, recall {}; {} of {} attacks named, {} of {} ordinary transactions named",
            percent(Self::permille(self.found, self.alarmed.len())),
            percent(Self::permille(self.found, self.missed.len())),
            self.found,
            self.found + self.missed.len(),
            self.alarmed.len(),
            self.alarmed.len() + self.quiet,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_named_is_compared_with_what_was_labelled() {
        let labels = Labels([("0xa", true), ("0xb", true), ("0xc", false)].map(|(h, l)| (h.to_owned(), l)).into());
        let score = labels.score(&["0xa", "0xc", "0xd"].map(str::to_owned).into());
        let wanted =
            "labels: precision 50.0 %, recall 50.0 %; 1 of 2 attacks named, 1 of 1 ordinary transactions named";
        assert_eq!(score.in_words(), wanted);
        assert_eq!(score.json()["attacks_missed"], json!(["0xb"]));
        assert!(Labels(BTreeMap::new()).score(&BTreeSet::new()).in_words().contains("precision of nothing"));
    }
}
