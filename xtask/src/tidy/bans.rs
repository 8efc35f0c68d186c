//! Clippy reads the nearest `clippy.toml` and does not merge: the stricter one of a pure crate repeats the common list.

use anyhow::Context as _;
use toml::{Table, Value};

use super::house::{Finding, House};

pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let common = &house.source("clippy.toml")?.text;
    let pure = house.lists.get("dependencies").and_then(Value::as_table).context("no [dependencies] in tidy.toml")?;
    let mut findings = Vec::new();
    for name in pure.keys() {
        let file = format!("crates/{name}/clippy.toml");
        findings.extend(check(&file, common, &house.source(&file)?.text)?);
    }
    Ok(findings)
}

fn check(file: &str, common: &str, own: &str) -> anyhow::Result<Vec<Finding>> {
    let (common, own): (Table, Table) = (common.parse()?, own.parse()?);
    let mut findings = Vec::new();
    for (key, value) in &common {
        let missing = match (value, own.get(key)) {
            (_, None) => vec![format!("lacks `{key}` of the common clippy.toml")],
            (Value::Array(items), Some(Value::Array(mine))) => items
                .iter()
                .filter(|item| !mine.contains(item))
                .map(|item| format!("`{key}` does not repeat {item} of the common clippy.toml"))
                .collect(),
            (value, Some(mine)) if value != mine => {
                vec![format!("`{key}` is {mine}, in the common clippy.toml {value}")]
            }
            _ => Vec::new(),
        };
        findings.extend(missing.into_iter().map(|what| Finding::new(file, 0, what)));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stricter_list_repeats_the_common_one() {
        let common = "lines = 70\nbanned = [\"now\", \"var\"]\n";
        assert_eq!(check("f", common, "lines = 70\nbanned = [\"var\", \"now\", \"read\"]\nmore = 1\n").unwrap(), []);
        assert_eq!(check("f", common, "lines = 90\nbanned = [\"now\"]\n").unwrap().len(), 2);
        assert_eq!(check("f", common, "lines = 70\n").unwrap().len(), 1);
    }
}
