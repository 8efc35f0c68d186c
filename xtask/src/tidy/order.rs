//! A list of modules is the reading order and the dependency order, in `lib.rs` and in every folder below it: a module, with all
//! that is in its folder, uses those that are listed above it. A parent and its own folder are `no circle among files`' business.

use super::{
    excused::Excused,
    house::{Finding, House},
    modules::{Tree, Use},
};

pub(super) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let mut excused = Excused::read(house, "order")?;
    let mut findings = Vec::new();
    for tree in Tree::all(house)? {
        for used in tree.uses() {
            let found = check(&tree, &used);
            findings.extend(found.filter(|_| !excused.holds(tree.folder_of(used.common()))));
        }
    }
    findings.extend(excused.left_over());
    Ok(findings)
}

fn check(tree: &Tree, used: &Use) -> Option<Finding> {
    let folder = used.common();
    let (from, to) = (used.from.get(folder.len())?, used.to.get(folder.len())?);
    let late = tree.rank(folder, to)? > tree.rank(folder, from)?;
    let what = || format!("`{from}` uses `{to}`, which `{}` lists below it", tree.file(folder));
    late.then(|| Finding::new(tree.file(&used.from), used.line, what()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sources: &[(&str, &str)]) -> Vec<Finding> {
        let tree = Tree::read(sources, "c").unwrap();
        tree.uses().iter().filter_map(|used| check(&tree, used)).collect()
    }

    const LIB: (&str, &str) = ("c/src/lib.rs", "pub mod time;\npub mod signal;\npub mod incident;\n");

    #[test]
    fn a_module_may_only_use_those_above_it() {
        let sources = [
            LIB,
            ("c/src/time.rs", "#[cfg(test)]\nmod tests {\n    use crate::incident::Incident;\n}\n"),
            ("c/src/signal.rs", "mod id;\n"),
            ("c/src/signal/id.rs", "//! Not `crate::incident`.\nuse crate::{time::Timestamp, incident::Incident};\n"),
            ("c/src/incident.rs", "use crate::{signal::Signal, time::Timestamp};\n"),
        ];
        let what = "`signal` uses `incident`, which `c/src/lib.rs` lists below it";
        assert_eq!(found(&sources), [Finding::new("c/src/signal/id.rs", 2, what)]);
    }

    #[test]
    fn a_folder_has_an_order_of_its_own() {
        let sources = [
            LIB,
            ("c/src/incident.rs", "mod head;\nmod paging;\npub use paging::Page;\n"),
            ("c/src/incident/head.rs", "use super::Page;\n"),
            ("c/src/incident/paging.rs", "use super::head::Head;\n"),
        ];
        let what = "`head` uses `paging`, which `c/src/incident.rs` lists below it";
        assert_eq!(found(&sources), [Finding::new("c/src/incident/head.rs", 1, what)]);
    }
}
