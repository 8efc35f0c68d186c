//! Both databases go forward together: every migration has its twin of the same number and name, and numbers have no hole.

use std::collections::BTreeSet;

use super::house::{Finding, House};

const FOLDERS: [&str; 2] = ["crates/store/migrations/sqlite/", "crates/store/migrations/postgres/"];

#[expect(clippy::unnecessary_wraps, reason = "every rule has this shape")]
pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    Ok(check(&house.files))
}

fn check(files: &[String]) -> Vec<Finding> {
    let names = |folder: &str| files.iter().filter_map(|file| file.strip_prefix(folder)).collect::<BTreeSet<&str>>();
    let [sqlite, postgres] = FOLDERS.map(names);
    let mut findings = Vec::new();
    for name in sqlite.symmetric_difference(&postgres) {
        findings.push(Finding::new(name, 0, "this migration is there for one database only"));
    }
    for (index, name) in sqlite.iter().enumerate() {
        let wanted = format!("{:04}_", index + 1);
        if !name.starts_with(&wanted) {
            findings.push(Finding::new(
                name,
                0,
                format!("migrations are numbered without a hole: `{wanted}…` is due here"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_twin_and_its_number() {
        let both = |name: &str| FOLDERS.map(|folder| format!("{folder}{name}"));
        let mut files: Vec<String> = both("0001_first.sql").into();
        assert_eq!(check(&files), []);
        files.push(format!("{}0002_more.sql", FOLDERS[0]));
        assert_eq!(check(&files).len(), 1);
        files.extend(both("0004_far.sql"));
        assert_eq!(check(&files).len(), 2);
    }
}
