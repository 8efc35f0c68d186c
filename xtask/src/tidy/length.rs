//! A file stops at a bound, tests not counted.

use anyhow::Context as _;

use super::{
    code::{is_test_file, without_tests},
    house::{Finding, House},
};

pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let max = house
        .lists
        .get("file_lines_max")
        .and_then(toml::Value::as_integer)
        .context("no file_lines_max in tidy.toml")?;
    let max = usize::try_from(max)?;
    let code = house.sources.iter().filter(|source| source.is("rs") && !is_test_file(&source.file));
    Ok(code.filter_map(|source| check(&source.file, &source.text, max)).collect())
}

fn check(file: &str, text: &str, max: usize) -> Option<Finding> {
    let lines = without_tests(text).lines().count();
    (lines > max).then(|| {
        Finding::new(file, 0, format!("{lines} lines without tests: more than {max}; it holds more than one idea"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let text = "a\nb\n#[cfg(test)]\nmod tests {\nc\nd\n}\n";
        assert_eq!(check("f.rs", text, 2), None);
        assert!(check("f.rs", text, 1).is_some());
    }
}
