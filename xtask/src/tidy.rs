//! `cargo xtask tidy`: the rules of the house that clippy cannot see. One function per rule, each over plain text, each with a
//! test on a tiny made-up input. The lists they compare with are in `xtask/tidy.toml`, with the reason for every exception.

mod house;
mod code;
mod excused;
mod tokens;
mod modules;
mod order;
mod circles;
mod dependencies;
mod unused;
mod bans;
mod paths;
mod length;
mod golden;
mod migrations;
mod docs;
mod words;

use std::path::Path;

use anyhow::Context as _;
use house::{Finding, House};

type Rule = fn(&House) -> anyhow::Result<Vec<Finding>>;

/// THE LIST of rules.
const RULES: &[(&str, Rule)] = &[
    ("module order", order::rule),
    ("no circle among files", circles::rule),
    ("dependencies of pure crates", dependencies::rule),
    ("no dependency unused", unused::rule),
    ("bans of pure crates", bans::rule),
    ("paths in the documentation", paths::rule),
    ("file length", length::rule),
    ("golden files", golden::rule),
    ("migration pairs", migrations::rule),
    ("docs of more than a word", docs::rule),
    ("words", words::rule),
    ("marks of unfinished work", words::markers),
];

/// Prints every finding; whether there is none.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    let house = House::read(root)?;
    let mut good = true;
    for (name, rule) in RULES {
        let mut findings = rule(&house).with_context(|| format!("rule `{name}`"))?;
        findings.sort();
        for finding in &findings {
            println!("{finding} [{name}]");
        }
        good &= findings.is_empty();
    }
    if good {
        println!("{} rules, {} files: tidy", RULES.len(), house.files.len());
    }
    Ok(good)
}
