//! What is test code and what is not, told by place and by text.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_cut_off_only_where_they_close_the_file() {
        assert_eq!(without_tests("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n"), "fn a() {}\n");
        assert_eq!(without_tests("#[cfg(test)]\nmod tests;\nfn a() {}\n"), "#[cfg(test)]\nmod tests;\nfn a() {}\n");
    }

    #[test]
    fn what_is_test_code_is_told_by_its_place() {
        assert!(is_test_file("crates/core/tests/laws.rs"));
        assert!(is_test_file("crates/core/src/board/tests.rs"));
        assert!(!is_test_file("crates/core/src/attests.rs"));
    }
}
