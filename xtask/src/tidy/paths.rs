//! The map is true: every path in backticks in the documentation exists. `<id>` and `*` stand for any name.

use super::house::{Finding, House, Source};

/// Endings that make a token a path even without a folder.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".json", ".sql", ".mjs", ".sol", ".html", ".css", ".js"];

pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let elsewhere = house.list(&["paths", "elsewhere"])?;
    let documents = house.sources.iter().filter(|source| source.is("md") && is_document(&source.file));
    Ok(documents.flat_map(|source| check(source, &house.files, &elsewhere)).collect())
}

fn is_document(file: &str) -> bool {
    let whole = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md"].contains(&file);
    whole || file.starts_with("docs/") || file.ends_with("/README.md")
}

fn check(source: &Source, files: &[String], elsewhere: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Odd pieces stand between backticks.
        for token in line.split('`').skip(1).step_by(2).filter(|token| is_path(token, files)) {
            let known = elsewhere.iter().any(|other| other == token) || exists(token, &source.file, files);
            if !known {
                findings.push(Finding::new(&source.file, index + 1, format!("no file or folder `{token}`")));
            }
        }
    }
    findings
}

fn is_path(token: &str, files: &[String]) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/<>*".contains(c);
    if token.is_empty() || !token.chars().all(plain) || token.starts_with(['/', '-', '*']) || token.contains("..") {
        return false;
    }
    let first = token.split('/').next().unwrap_or(token);
    let top_level = token.contains('/') && files.iter().any(|file| file.starts_with(&format!("{first}/")));
    // `.toml` alone is an ending, not a file.
    let named = ENDINGS.iter().any(|ending| token.len() > ending.len() && token.ends_with(ending));
    top_level || named
}

/// From the project's folder, or from the document's own, or (a bare name) anywhere.
fn exists(token: &str, document: &str, files: &[String]) -> bool {
    let token = token.trim_end_matches('/');
    let folder = document.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let bare = !token.contains('/');
    files.iter().any(|file| {
        let here = file.strip_prefix(&folder).unwrap_or(file);
        begins(token, file)
            || begins(token, here)
            || (bare && file.rsplit('/').next().is_some_and(|name| matches(token, name)))
    })
}

/// Whether the file is what the token names, or lies in it.
fn begins(token: &str, file: &str) -> bool {
    let (mut wanted, mut present) = (token.split('/'), file.split('/'));
    wanted.all(|part| present.next().is_some_and(|name| matches(part, name)))
}

/// A name with `<…>` or `*` in it stands for every name that begins and ends alike.
fn matches(pattern: &str, name: &str) -> bool {
    let open = pattern.find(['<', '*']);
    let close = pattern.rfind(['>', '*']).map(|at| at + 1);
    let (Some(open), Some(close)) = (open, close) else { return pattern == name };
    let (before, after) = (pattern.get(..open).unwrap_or_default(), pattern.get(close..).unwrap_or_default());
    name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        let files = ["crates/core/src/id.rs", "docs/adr/0001-record.md", "README.md"].map(str::to_owned);
        let source = Source { file: "docs/map.md".to_owned(), text: text.to_owned() };
        check(&source, &files, &["own.toml".to_owned()]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn paths_exist_or_are_found_out() {
        assert_eq!(
            found("`crates/core/src/id.rs`, `crates/core/`, `README.md`, `adr/0001-record.md`, `id.rs`"),
            [0_usize; 0]
        );
        assert_eq!(found("`crates/core/src/gone.rs`\n`gone.md`"), [1, 2]);
    }

    #[test]
    fn placeholders_stand_for_names_and_must_find_one() {
        assert_eq!(found("`crates/core/src/<id>.rs` and `docs/adr/*.md`"), [0_usize; 0]);
        assert_eq!(found("`crates/core/tests/<id>.rs`"), [1]);
    }

    #[test]
    fn what_is_no_path_of_ours_is_left_alone() {
        assert_eq!(
            found("`/api/v2/alerts`, `cargo xtask test`, `application/json`, `own.toml`, `a::b`\n```\n`x/y.rs`\n```"),
            [0_usize; 0]
        );
    }
}
