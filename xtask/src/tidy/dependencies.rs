//! A pure crate has the dependencies that tidy.toml names and no other, so that none can bring I/O in by a side door.

use anyhow::Context as _;
use toml::Table;

use super::house::{Finding, House};

pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let pure =
        house.lists.get("dependencies").and_then(toml::Value::as_table).context("no [dependencies] in tidy.toml")?;
    for name in pure.keys() {
        let file = format!("crates/{name}/Cargo.toml");
        let allowed = house.list(&["dependencies", name])?;
        findings.extend(check(&file, &house.source(&file)?.text, &allowed).with_context(|| file.clone())?);
    }
    Ok(findings)
}

fn check(file: &str, manifest: &str, allowed: &[String]) -> anyhow::Result<Vec<Finding>> {
    let manifest: Table = manifest.parse()?;
    let mut findings = Vec::new();
    let present: Vec<&str> = ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().map(String::as_str))
        .collect();
    for name in present.iter().filter(|name| !allowed.iter().any(|other| other == *name)) {
        findings.push(Finding::new(
            file,
            0,
            format!("depends on `{name}`, which tidy.toml does not allow a pure crate"),
        ));
    }
    for name in allowed.iter().filter(|name| !present.contains(&name.as_str())) {
        findings.push(Finding::new(
            file,
            0,
            format!("does not depend on `{name}` any more: take it off the list in tidy.toml"),
        ));
    }
    if manifest.contains_key("target") {
        findings.push(Finding::new(file, 0, "a pure crate is the same on every platform: no [target] section"));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_dependencies_pass() {
        let manifest = "[dependencies]\nsha2.workspace = true\ntokio = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
        let found = check("Cargo.toml", manifest, &["sha2".to_owned(), "base64".to_owned()]).unwrap();
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("`tokio`") && texts[1].contains("`base64`"));
        assert_eq!(check("Cargo.toml", "[dependencies]\nsha2 = \"0.10\"\n", &["sha2".to_owned()]).unwrap(), []);
    }
}
