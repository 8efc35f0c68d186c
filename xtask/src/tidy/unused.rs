//! Every dependency that a crate declares is named in its code, and every one that the workspace pins is used by a crate.

use std::collections::BTreeSet;

use anyhow::Context as _;
use toml::{Table, Value};

use super::{
    code::is_test_file,
    house::{Finding, House},
    tokens,
};

pub(super) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let (mut findings, mut used) = (Vec::new(), BTreeSet::new());
    for folder in house.crates().into_iter().chain(["fuzz"]) {
        let file = format!("{folder}/Cargo.toml");
        let manifest: Table = house.source(&file)?.text.parse().with_context(|| file.clone())?;
        let code = Code::of(house, folder)?;
        findings.extend(check(&file, &manifest, &code));
        used.extend(names(&manifest, &SECTIONS));
    }
    let workspace: Table = house.source("Cargo.toml")?.text.parse().context("Cargo.toml")?;
    let pinned = workspace.get("workspace").and_then(Value::as_table).context("no [workspace]")?;
    for name in names(pinned, &SECTIONS).into_iter().filter(|name| !used.contains(name)) {
        findings.push(Finding::new("Cargo.toml", 0, format!("pins `{name}`, which no crate uses")));
    }
    Ok(findings)
}

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn names(manifest: &Table, sections: &[&str]) -> BTreeSet<String> {
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

/// The identifiers of a crate's code.
#[derive(Default)]
struct Code {
    /// What ships.
    shipped: BTreeSet<String>,
    /// That, and tests, examples and the build script.
    all: BTreeSet<String>,
}

impl Code {
    fn of(house: &House, folder: &str) -> anyhow::Result<Self> {
        let mut code = Self::default();
        let begin = format!("{folder}/");
        for source in house.sources.iter().filter(|source| source.is("rs") && source.file.starts_with(&begin)) {
            code.all.extend(tokens::identifiers(&source.text).with_context(|| source.file.clone())?);
            if !is_test_file(&source.file) {
                code.shipped.extend(tokens::read(&source.text)?.identifiers);
            }
            // Another crate's file that is compiled into this one.
            for file in borrowed(&source.file, &source.text) {
                code.all.extend(tokens::identifiers(&house.source(&file)?.text).with_context(|| file.clone())?);
            }
        }
        Ok(code)
    }
}

/// The files that `#[path = "…"]` names, from the project's folder.
fn borrowed(file: &str, text: &str) -> Vec<String> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    let from_root = |named: &str| {
        let mut parts: Vec<&str> = file.split('/').collect();
        parts.pop();
        for part in named.split('/') {
            if part == ".." {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        parts.join("/")
    };
    named.map(from_root).collect()
}

fn check(file: &str, manifest: &Table, code: &Code) -> Vec<Finding> {
    let own = |name: &String, code: &BTreeSet<String>| code.contains(&name.replace('-', "_"));
    let mut findings = Vec::new();
    for name in names(manifest, &["dependencies"]).iter().filter(|name| !own(name, &code.shipped)) {
        let what = if own(name, &code.all) { "only tests use: a dev-dependency" } else { "nothing uses" };
        findings.push(Finding::new(file, 0, format!("depends on `{name}`, which {what}")));
    }
    for name in names(manifest, &["dev-dependencies", "build-dependencies"]).iter().filter(|name| !own(name, &code.all))
    {
        findings.push(Finding::new(file, 0, format!("depends on `{name}`, which nothing uses")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_crate_is_found() {
        let text = "#[path = \"../../formats/tests/unpack.rs\"]\nmod unpack;\n";
        assert_eq!(borrowed("crates/detect/tests/mainnet.rs", text), ["crates/formats/tests/unpack.rs"]);
    }

    #[test]
    fn a_dependency_is_named_where_it_is_needed() {
        let manifest = "[dependencies]\nserde-json = \"1\"\nsha2 = \"1\"\ntoml = \"1\"\n[dev-dependencies]\ninsta = \"1\"\ntar = \"1\"\n";
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        let code = Code { shipped: words("serde_json"), all: words("serde_json sha2 insta") };
        let texts: Vec<String> =
            check("f", &manifest.parse().unwrap(), &code).iter().map(ToString::to_string).collect();
        let expected = [
            "f: depends on `sha2`, which only tests use: a dev-dependency",
            "f: depends on `toml`, which nothing uses",
            "f: depends on `tar`, which nothing uses",
        ];
        assert_eq!(texts, expected);
    }
}
