//! Lists of known thefts: who, when, and what people say was the cause. They label and group examples; no model sees them.

use std::{collections::BTreeMap, path::Path};

use quarterdeck_core::signal::Fingerprint;
use quarterdeck_sources::recorded;

use super::day::day_of;

/// A known theft.
#[derive(Debug, Clone, Default)]
pub(crate) struct Theft {
    /// What people call it.
    pub(crate) name: String,
    /// Days since 1970.
    pub(crate) day: i64,
    /// Thefts of one attacker, victim or name have the same.
    pub(crate) group: u64,
}

/// What is known, by transaction.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Thefts whose trace is recorded.
    pub(crate) thefts: BTreeMap<String, Theft>,
    /// Causes of these and of others.
    pub(crate) classes: BTreeMap<String, String>,
}

impl Known {
    /// Reads the lists of a folder.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let mut known = Self::default();
        let rows = table(&folder.join("evm-exploit-traces/incidents.csv.zst"))?;
        let groups = groups(&rows);
        for (row, group) in rows.iter().zip(groups) {
            let (Some(hash), Some(name), Some(day)) = (row.get("Transaction"), row.get("Name"), row.get("Date")) else {
                continue;
            };
            known
                .thefts
                .insert(hash.to_lowercase(), Theft { name: name.clone(), day: day_of(day).unwrap_or(0), group });
        }
        for row in table(&folder.join("attack-category-labels/labels.csv.zst"))? {
            if let Some(hash) = row.get("tx") {
                known.classes.insert(hash.to_lowercase(), row.get("category").cloned().unwrap_or_default());
            }
        }
        Ok(known)
    }
}

/// Rows that share an attacker, a victim or a name are one group.
fn groups(rows: &[BTreeMap<String, String>]) -> Vec<u64> {
    let mut group_of: Vec<usize> = (0..rows.len()).collect();
    let mut first: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        for column in ["Attacker", "Victim", "Name"] {
            let Some(value) = row.get(column).filter(|value| !value.is_empty()) else { continue };
            let other = *first.entry((column, value.to_lowercase())).or_insert(place);
            let (from, to) = (group_of.get(place).copied(), group_of.get(other).copied());
            if let (Some(from), Some(to)) = (from, to) {
                group_of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
            }
        }
    }
    let name = |group: &usize| rows.get(*group).and_then(|row| row.get("Transaction")).cloned().unwrap_or_default();
    group_of.iter().map(|group| number(&[name(group).as_bytes()])).collect()
}

/// A number that these parts always give: groups are told apart by it.
pub(crate) fn number(parts: &[&[u8]]) -> u64 {
    let fingerprint = Fingerprint::of(parts);
    fingerprint.bytes().iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// The rows of a table by column; none where there is no such file.
fn table(path: &Path) -> anyhow::Result<Vec<BTreeMap<String, String>>> {
    let Some(bytes) = recorded::unpack_file(path)? else { return Ok(Vec::new()) };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().map(fields);
    let head = lines.next().unwrap_or_default();
    Ok(lines.map(|row| head.iter().cloned().zip(row).collect()).collect())
}

/// The fields of a line; one in quotation marks may hold commas, and two marks stand for one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields.last_mut().into_iter().for_each(|field| field.push('"'));
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().into_iter().for_each(|field| field.push(letter)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_quotation_marks_parts_nothing() {
        assert_eq!(fields("a,\"b, \"\"c\"\"\",,d"), ["a", "b, \"c\"", "", "d"]);
    }

    #[test]
    fn one_attacker_of_two_incidents_makes_them_one_group() {
        let row = |name: &str, attacker: &str, hash: &str| -> BTreeMap<String, String> {
            [("Name", name), ("Attacker", attacker), ("Victim", ""), ("Transaction", hash)]
                .map(|(column, value)| (column.to_owned(), value.to_owned()))
                .into()
        };
        let found = groups(&[row("A", "0x1", "a"), row("B", "0x2", "b"), row("C", "0X1", "c"), row("B", "0x9", "d")]);
        assert_eq!((found[0], found[1]), (found[2], found[3]));
        assert_ne!(found[0], found[1]);
    }
}
