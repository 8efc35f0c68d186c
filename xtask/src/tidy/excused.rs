//! Folders with a known fault that waits for somebody. An excuse that is no longer needed is itself a finding, so that the lists
//! in tidy.toml only become shorter.

use std::collections::BTreeSet;

use super::house::{Finding, House};

pub(super) struct Excused {
    rule: &'static str,
    folders: Vec<String>,
    met: BTreeSet<String>,
}

impl Excused {
    /// `not_yet` of the rule's table in tidy.toml.
    pub(super) fn read(house: &House, rule: &'static str) -> anyhow::Result<Self> {
        Ok(Self::new(rule, house.list(&[rule, "not_yet"])?))
    }

    pub(super) fn new(rule: &'static str, folders: Vec<String>) -> Self {
        Self { rule, folders, met: BTreeSet::new() }
    }

    /// Whether a fault in this folder is known.
    pub(super) fn holds(&mut self, folder: String) -> bool {
        let known = self.folders.contains(&folder);
        self.met.insert(folder);
        known
    }

    pub(super) fn left_over(&self) -> Vec<Finding> {
        let idle = self.folders.iter().filter(|folder| !self.met.contains(*folder));
        let told = |folder| format!("`{folder}` is in order: take it off `not_yet` of [{}]", self.rule);
        idle.map(|folder| Finding::new("xtask/tidy.toml", 0, told(folder))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excuse_goes_with_its_fault() {
        let mut excused = Excused::new("order", vec!["c/a".to_owned(), "c/b".to_owned()]);
        assert!(excused.holds("c/a".to_owned()));
        assert!(!excused.holds("c/d".to_owned()));
        let left: Vec<String> = excused.left_over().iter().map(ToString::to_string).collect();
        assert_eq!(left, ["xtask/tidy.toml: `c/b` is in order: take it off `not_yet` of [order]"]);
    }
}
