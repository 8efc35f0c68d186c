//! The module list of a `lib.rs` is the dependency order: a module uses those above it. A nested module counts as its top one.

use super::{
    Finding, House,
    code::{is_test_file, modules, named_modules, without_comments, without_tests},
};

pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in house.list(&["ordered_crates"])? {
        let folder = format!("crates/{name}/src/");
        let modules = modules(&house.source(&format!("{folder}lib.rs"))?.text);
        for source in house.sources.iter().filter(|source| source.is("rs") && !is_test_file(&source.file)) {
            if let Some(inside) = source.file.strip_prefix(&folder) {
                findings.extend(check(&modules, &source.file, inside, &source.text));
            }
        }
    }
    Ok(findings)
}

/// `inside` is the path below `src/`.
fn check(modules: &[String], file: &str, inside: &str, text: &str) -> Vec<Finding> {
    let first = inside.split('/').next().unwrap_or(inside);
    let own = first.strip_suffix(".rs").unwrap_or(first);
    let Some(place) = modules.iter().position(|module| module == own) else { return Vec::new() };
    let code = without_comments(without_tests(text));
    let below = |(line, named): (usize, String)| {
        let other = modules.iter().position(|module| *module == named)?;
        let what = || format!("`{own}` uses `{named}`, which `lib.rs` lists below it");
        (other > place).then(|| Finding::new(file, line, what()))
    };
    named_modules(&code).into_iter().filter_map(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_may_only_use_those_above_it() {
        let modules = ["time", "signal", "incident"].map(str::to_owned);
        let text = "//! Not `crate::incident`.\nuse crate::{time::Timestamp, incident::Incident};\n";
        let found = check(&modules, "src/signal/id.rs", "signal/id.rs", text);
        let what = "`signal` uses `incident`, which `lib.rs` lists below it";
        assert_eq!(found, [Finding::new("src/signal/id.rs", 2, what)]);
        assert_eq!(check(&modules, "src/incident.rs", "incident.rs", text), []);
        let only_in_tests = "#[cfg(test)]\nmod tests {\n    use crate::incident::Incident;\n}\n";
        assert_eq!(check(&modules, "src/time.rs", "time.rs", only_in_tests), []);
    }
}
