//! One word per idea, and no mark of unfinished work.

use anyhow::Context as _;
use toml::Value;

use super::house::{Finding, House, Source, strings};

/// A word to avoid.
struct Avoided {
    word: String,
    say: String,
    /// In prose too, or in names alone.
    in_text: bool,
    except: Vec<String>,
}

pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for avoided in avoided(house)? {
        for source in searched(house).filter(|source| !excepted(&source.file, &avoided.except)) {
            findings.extend(check(source, &avoided));
        }
    }
    Ok(findings)
}

/// Marks of unfinished work, and any `TODO` that names no issue.
pub(crate) fn markers(house: &House) -> anyhow::Result<Vec<Finding>> {
    let (marks, except) = (house.list(&["markers", "text"])?, house.list(&["markers", "except"])?);
    let sources = searched(house).filter(|source| !excepted(&source.file, &except));
    Ok(sources.flat_map(|source| check_markers(source, &marks)).collect())
}

/// What people wrote: code, scripts, contracts, documents. Not this rule's own words.
fn searched(house: &House) -> impl Iterator<Item = &Source> {
    let ours = |source: &&Source| {
        ["rs", "md", "toml", "sql", "mjs", "sol", "js", "html"].iter().any(|ending| source.is(ending))
    };
    house.sources.iter().filter(ours).filter(|source| source.file != "xtask/tidy.toml" && source.file != file!())
}

fn excepted(file: &str, except: &[String]) -> bool {
    except.iter().any(|beginning| file.starts_with(beginning.as_str()))
}

fn avoided(house: &House) -> anyhow::Result<Vec<Avoided>> {
    let words = house.lists.get("words").and_then(Value::as_array).context("no [[words]] in tidy.toml")?;
    let read = |entry: &Value| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let in_text = text("where")? == "text";
        Some(Avoided { word: text("word")?, say: text("say")?, in_text, except: strings(entry.get("except"))? })
    };
    words.iter().map(|entry| read(entry).with_context(|| format!("not a word to avoid: {entry}"))).collect()
}

fn check(source: &Source, avoided: &Avoided) -> Vec<Finding> {
    let Avoided { word, say, in_text, .. } = avoided;
    let name = source.file.rsplit('/').next().unwrap_or(&source.file);
    let mut findings = Vec::new();
    if parts(name).any(|part| part.eq_ignore_ascii_case(word)) {
        findings.push(Finding::new(&source.file, 0, format!("a file named after `{word}`: say {say}")));
    }
    for (index, line) in source.text.lines().enumerate() {
        let found = if *in_text {
            line.to_lowercase().contains(word.as_str())
        } else {
            source.is("rs")
                && declared(line).is_some_and(|name| parts(name).any(|part| part.eq_ignore_ascii_case(word)))
        };
        if found {
            findings.push(Finding::new(&source.file, index + 1, format!("`{word}`: say {say}")));
        }
    }
    findings
}

/// The name that a line of Rust declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.find(|word| ["fn", "struct", "enum", "trait", "mod", "type", "const", "static"].contains(word))?;
    words.next()
}

/// `snake_case` and `CamelCase` names in their parts.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['_', '.', '-']).flat_map(|piece| {
        let ends: Vec<usize> = piece
            .char_indices()
            .skip(1)
            .filter(|(at, c)| {
                c.is_uppercase() && piece.get(..*at).is_some_and(|before| before.ends_with(char::is_lowercase))
            })
            .map(|(at, _)| at)
            .chain([piece.len()])
            .collect();
        ends.into_iter().scan(0, |from, to| {
            let part = piece.get(*from..to);
            *from = to;
            part
        })
    })
}

fn check_markers(source: &Source, marks: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let lower = line.to_lowercase();
        for mark in marks.iter().filter(|mark| lower.contains(mark.as_str())) {
            findings.push(Finding::new(
                &source.file,
                index + 1,
                format!("`{mark}` marks unfinished work: do it, or say what is so"),
            ));
        }
        for word in ["TODO", "FIXME"].iter().filter(|word| line.contains(**word)) {
            let named = line.split(word).nth(1).is_some_and(|rest| rest.starts_with("(#"));
            if !named {
                findings.push(Finding::new(
                    &source.file,
                    index + 1,
                    format!("a {word} names its issue: `{word}(#12)`"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    fn source(file: &str, text: &str) -> Source {
        Source { file: file.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_word_is_found_in_names_or_in_text_too() {
        let mut avoided = Avoided { word: "ticket".into(), say: "incident".into(), in_text: false, except: Vec::new() };
        let text = "// A ticket.\nfn open_ticket() {}\nstruct TicketBook;\nfn ticketing() {}\n";
        assert_eq!(lines(&check(&source("a.rs", text), &avoided)), [2, 3]);
        assert_eq!(lines(&check(&source("ticket.rs", ""), &avoided)), [0]);
        avoided.in_text = true;
        assert_eq!(lines(&check(&source("a.rs", text), &avoided)), [1, 2, 3, 4]);
    }

    #[test]
    fn marks_are_found_and_a_todo_names_its_issue() {
        let text = "// Good enough at first\n// TODO(#12): more\n// TODO: more\n";
        assert_eq!(lines(&check_markers(&source("a.rs", text), &["at first".to_owned()])), [1, 3]);
    }
}
