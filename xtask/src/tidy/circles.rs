//! No circle among files: of two files that use each other neither can be read or changed alone. What both need is a file of its
//! own, listed first. A parent that only passes its children's names on does not use them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    excused::Excused,
    house::{Finding, House},
    modules::{Place, Tree, Use},
};

pub(super) fn rule(house: &House) -> anyhow::Result<Vec<Finding>> {
    let mut excused = Excused::read(house, "circles")?;
    let mut findings = Vec::new();
    for tree in Tree::all(house)? {
        for circle in circles(&tree.uses()) {
            if !excused.holds(folder(&tree, &circle)) {
                findings.push(told(&tree, &circle));
            }
        }
    }
    findings.extend(excused.left_over());
    Ok(findings)
}

/// Uses that belong to one circle.
type Circle<'a> = Vec<&'a Use>;

/// The uses of each circle. Files are in one circle if each leads to the other.
fn circles(uses: &[Use]) -> Vec<Circle<'_>> {
    let mut next: BTreeMap<&Place, Vec<&Place>> = BTreeMap::new();
    for used in uses.iter().filter(|used| !used.only_exports) {
        next.entry(&used.from).or_default().push(&used.to);
    }
    let reached: BTreeMap<&Place, BTreeSet<&Place>> = next.keys().map(|from| (*from, reach(from, &next))).collect();
    let leads = |from: &Place, to: &Place| reached.get(from).is_some_and(|places| places.contains(to));
    let mut circles: BTreeMap<Vec<&Place>, Circle<'_>> = BTreeMap::new();
    for used in uses.iter().filter(|used| !used.only_exports && leads(&used.to, &used.from)) {
        let members = next.keys().copied().filter(|other| leads(&used.from, other) && leads(other, &used.from));
        circles.entry(members.collect()).or_default().push(used);
    }
    circles.into_values().collect()
}

fn reach<'a>(from: &'a Place, next: &BTreeMap<&'a Place, Vec<&'a Place>>) -> BTreeSet<&'a Place> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(place) = open.pop() {
        for to in next.get(place).into_iter().flatten() {
            if reached.insert(*to) {
                open.push(to);
            }
        }
    }
    reached
}

fn told(tree: &Tree, circle: &Circle<'_>) -> Finding {
    let name = |place: &Place| if place.is_empty() { "the root".to_owned() } else { format!("`{}`", place.join("::")) };
    let lines = circle.iter().map(|used| format!("{} uses {} (line {})", name(&used.from), name(&used.to), used.line));
    let lines: Vec<String> = lines.collect();
    let file = circle.first().map_or("", |used| tree.file(&used.from));
    Finding::new(file, 0, format!("a circle: {}", lines.join(", ")))
}

/// The folder that holds the whole circle, its parent's file counted in.
fn folder(tree: &Tree, circle: &Circle<'_>) -> String {
    let mut places = circle.iter().map(|used| &used.from);
    let first = places.next().cloned().unwrap_or_default();
    let common: Place = places.fold(first, |common, place| {
        common.into_iter().zip(place).take_while(|(a, b)| a == *b).map(|(a, _)| a).collect()
    });
    tree.folder_of(&common)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 4] = [
        ("c/src/lib.rs", "mod a;\n"),
        ("c/src/a.rs", "mod x;\nmod y;\npub use y::Y;\npub struct A;\nfn f() { x::run(); }\n"),
        ("c/src/a/x.rs", "use super::A;\n"),
        ("c/src/a/y.rs", "use super::A;\n"),
    ];

    #[test]
    fn files_that_use_each_other_are_found_and_passing_on_is_no_use() {
        let tree = Tree::read(&FILES, "c").unwrap();
        let uses = tree.uses();
        let found: Vec<Finding> = circles(&uses).iter().map(|circle| told(&tree, circle)).collect();
        let what = "a circle: `a` uses `a::x` (line 5), `a::x` uses `a` (line 1)";
        assert_eq!(found, [Finding::new("c/src/a.rs", 0, what)]);
        assert_eq!(folder(&tree, &circles(&uses)[0]), "c/src/a");
    }
}
