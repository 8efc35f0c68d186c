//! Reading Rust source just well enough: what is test code, what is comment, which modules are named.

/// Whether a path belongs to tests, examples or benches.
pub(crate) fn is_test_file(file: &str) -> bool {
    let in_folder = ["tests", "examples", "benches", "conformance", "compliance"]
        .iter()
        .any(|folder| file.split('/').rev().skip(1).any(|part| part == *folder));
    let name = file.rsplit('/').next().unwrap_or(file);
    in_folder || ["tests.rs", "testing.rs", "conformance.rs", "compliance.rs"].contains(&name)
}

/// The source before its module of unit tests, which closes a file.
pub(crate) fn without_tests(text: &str) -> &str {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("#[cfg(test)]")) {
        let at = from + found;
        let after = text.get(at + "#[cfg(test)]".len()..).unwrap_or_default().trim_start();
        // `mod tests;` is a line, `mod tests {` is the rest of the file.
        let is_module = after.starts_with("mod ") && after.lines().next().is_some_and(|line| line.ends_with('{'));
        if is_module {
            return text.get(..at).unwrap_or(text);
        }
        from = at + 1;
    }
    text
}

/// The source without comments, line by line, so that line numbers stay.
pub(crate) fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// The modules that a `lib.rs` lists, in order.
pub(crate) fn modules(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// Every top-level module that `crate::…` names in a source, with its line: `crate::a`, and each of `crate::{a, b::{c, d}}`.
pub(crate) fn named_modules(text: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        // `$crate::` of a macro is the same crate; `some_crate::` is another one.
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let rest = text.get(at + "crate::".len()..).unwrap_or_default();
        match rest.strip_prefix('{') {
            None => named.push((line, word(rest))),
            Some(group) => named.extend(first_words(group).into_iter().map(|word| (line, word))),
        }
    }
    named.retain(|(_, name)| !name.is_empty());
    named
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first word of each item of a use group, up to its closing brace.
fn first_words(group: &str) -> Vec<String> {
    let (mut words, mut depth, mut begins) = (Vec::new(), 0_u32, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if c.is_whitespace() => {}
            _ if begins && depth == 0 => {
                words.push(word(group.get(at..).unwrap_or_default()));
                begins = false;
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_cut_off_only_where_they_close_the_file() {
        assert_eq!(without_tests("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n"), "fn a() {}\n");
        assert_eq!(without_tests("#[cfg(test)]\nmod tests;\nfn a() {}\n"), "#[cfg(test)]\nmod tests;\nfn a() {}\n");
    }

    #[test]
    fn groups_are_read_at_their_first_level() {
        let text = "use crate::{\n    a::x,\n    b::{c, d},\n    e,\n};\nlet f = crate::g::h();\nuse other_crate::i;";
        let named = named_modules(text);
        assert_eq!(named, [(1, "a".to_owned()), (1, "b".to_owned()), (1, "e".to_owned()), (6, "g".to_owned())]);
    }

    #[test]
    fn what_is_test_code_is_told_by_its_place() {
        assert!(is_test_file("crates/core/tests/laws.rs"));
        assert!(is_test_file("crates/core/src/board/tests.rs"));
        assert!(!is_test_file("crates/core/src/attests.rs"));
    }
}
