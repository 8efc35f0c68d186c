//! Events are for ever: a golden file that is committed may not change or go. A new version gets a new file.

use super::house::{Finding, House};

#[expect(clippy::unnecessary_wraps, reason = "every rule has this shape")]
pub(crate) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    Ok(check(&house.changed))
}

/// Reads `git diff --name-status`: a letter, a tab, a path (two for a rename: the old one counts).
fn check(changed: &str) -> Vec<Finding> {
    let touched = |line: &str| {
        let mut parts = line.split('\t');
        let (letter, file) = (parts.next()?, parts.next()?);
        let kept = ["/tests/golden/", "/tests/golden-histories/"].iter().any(|folder| file.contains(folder));
        let old = kept && !letter.starts_with('A');
        old.then(|| Finding::new(file, 0, "a stored event's form may not change: add a version beside it"))
    };
    changed.lines().filter_map(touched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_may_come_old_ones_may_not_change_or_go() {
        let changed = "M\tc/tests/golden/a.v1.json\nA\tc/tests/golden/b.v1.json\nR100\tc/tests/golden/c.json\tc/d.json\nM\tREADME.md\n";
        let files: Vec<String> = check(changed).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["c/tests/golden/a.v1.json", "c/tests/golden/c.json"]);
    }
}
