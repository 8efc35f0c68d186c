//! The modules of one crate as a tree, and which file uses which.
//!
//! A name that a module only passes on (`pub use`) is followed to the file that defines it, so that nobody uses a later module
//! under an earlier one's name.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::{
    code::is_test_file,
    house::House,
    tokens::{self, Named, Read, Way},
};

/// Where a module is, from the crate's root: empty for the root itself.
pub(super) type Place = Vec<String>;

/// A name passed on to a name passed on …: more steps than this are a mistake of ours.
const STEPS_MAX: usize = 16;

pub(super) struct Module {
    pub(super) file: String,
    read: Read,
}

/// A crate's modules.
pub(super) struct Tree {
    /// Where the crate is, `crates/core` for instance.
    folder: String,
    modules: BTreeMap<Place, Module>,
}

/// One file uses another.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) from: Place,
    pub(super) to: Place,
    /// Where it does so first.
    pub(super) line: usize,
    /// It does nothing but pass names on.
    pub(super) only_exports: bool,
}

impl Use {
    /// The folder in which both are, at whatever depth.
    pub(super) fn common(&self) -> &[String] {
        let common = self.from.iter().zip(&self.to).take_while(|(a, b)| a == b).count();
        self.from.get(..common).unwrap_or_default()
    }
}

impl Tree {
    /// The tree of every crate of the workspace.
    pub(super) fn all(house: &House) -> anyhow::Result<Vec<Self>> {
        house.crates().into_iter().filter(|folder| !folder.is_empty()).map(|folder| Self::of(house, folder)).collect()
    }

    fn of(house: &House, folder: &str) -> anyhow::Result<Self> {
        let sources: Vec<(&str, &str)> =
            house.sources.iter().map(|source| (source.file.as_str(), source.text.as_str())).collect();
        Self::read(&sources, folder)
    }

    /// `sources`: files with their texts.
    pub(super) fn read(sources: &[(&str, &str)], folder: &str) -> anyhow::Result<Self> {
        let source = |file: &str| sources.iter().find(|(name, _)| *name == file);
        let root = ["lib.rs", "main.rs"].map(|name| format!("{folder}/src/{name}"));
        let (root, _) = root.iter().find_map(|file| source(file)).with_context(|| format!("no root in {folder}"))?;
        let mut modules = BTreeMap::new();
        let mut open = vec![(Place::new(), (*root).to_owned())];
        while let Some((place, file)) = open.pop() {
            // A module for tests is listed, but is no part of the order: it may use everything.
            let Some((_, text)) = source(&file).filter(|_| !is_test_file(&file)) else { continue };
            let read = tokens::read(text).with_context(|| file.clone())?;
            for name in &read.lists {
                let below: Place = place.iter().chain([name]).cloned().collect();
                let file = format!("{folder}/src/{}.rs", below.join("/"));
                open.push((below, file));
            }
            modules.insert(place, Module { file, read });
        }
        Ok(Self { folder: folder.to_owned(), modules })
    }

    /// Where the files below a module are.
    pub(super) fn folder_of(&self, place: &[String]) -> String {
        let names = ["src"].into_iter().chain(place.iter().map(String::as_str));
        names.fold(self.folder.clone(), |path, name| format!("{path}/{name}"))
    }

    pub(super) fn file(&self, place: &[String]) -> &str {
        self.modules.get(place).map_or("", |module| module.file.as_str())
    }

    /// The place of a module in its folder's list.
    pub(super) fn rank(&self, folder: &[String], name: &str) -> Option<usize> {
        self.modules.get(folder)?.read.lists.iter().position(|listed| listed == name)
    }

    /// Every use between two files of the crate, each pair once.
    pub(super) fn uses(&self) -> Vec<Use> {
        let mut uses: BTreeMap<(&Place, Place), (usize, bool)> = BTreeMap::new();
        for (from, module) in &self.modules {
            for named in &module.read.named {
                let Some(to) = self.resolve(from, &named.path, named.way == Way::Inline, STEPS_MAX) else { continue };
                if to == *from {
                    continue;
                }
                let exports = named.way == Way::Export;
                let entry = uses.entry((from, to)).or_insert((named.line, exports));
                if entry.1 && !exports {
                    *entry = (named.line, false);
                }
            }
        }
        let one = |((from, to), (line, only_exports)): ((&Place, Place), _)| Use {
            from: from.clone(),
            to,
            line,
            only_exports,
        };
        uses.into_iter().map(one).collect()
    }

    /// The module that defines what a path names, as far as files tell. `bound`: names that the file imports count.
    fn resolve(&self, from: &[String], path: &[String], bound: bool, steps: usize) -> Option<Place> {
        let steps = steps.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Place::new(), rest, steps),
            "self" => self.walk(from.to_vec(), rest, steps),
            "super" => {
                let up = path.iter().take_while(|word| *word == "super").count();
                let base = from.get(..from.len().checked_sub(up)?)?;
                self.walk(base.to_vec(), path.get(up..)?, steps)
            }
            name if self.rank(from, name).is_some() => self.walk(from.to_vec(), path, steps),
            name if bound => {
                let import = self.binding(from, name)?;
                let path: Vec<String> = import.path.iter().chain(rest).cloned().collect();
                self.resolve(from, &path, false, steps)
            }
            _ => None,
        }
    }

    fn walk(&self, mut at: Place, path: &[String], steps: usize) -> Option<Place> {
        let mut path = path;
        while let Some((name, rest)) = path.split_first() {
            let below: Place = at.iter().chain([name]).cloned().collect();
            if self.modules.contains_key(&below) {
                (at, path) = (below, rest);
                continue;
            }
            let Some(import) = self.binding(&at, name) else { break };
            let import: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            return self.resolve(&at, &import, false, steps).or(Some(at));
        }
        Some(at)
    }

    fn binding(&self, at: &[String], name: &str) -> Option<&Named> {
        self.modules.get(at)?.read.named.iter().find(|named| named.alias.as_deref() == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(sources: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::read(sources, "c").unwrap();
        let shown = |used: &Use| {
            let export = if used.only_exports { " (export)" } else { "" };
            format!("{} -> {}{export}", used.from.join("::"), used.to.join("::"))
        };
        tree.uses().iter().map(shown).collect()
    }

    #[test]
    fn what_is_passed_on_belongs_to_its_definer() {
        let sources = [
            ("c/src/lib.rs", "pub mod a;\npub mod b;\n"),
            ("c/src/a.rs", "mod x;\nmod y;\npub use y::Y;\n"),
            ("c/src/a/x.rs", "use super::Y;\n"),
            ("c/src/a/y.rs", "pub struct Y;\n"),
            ("c/src/b.rs", "use crate::a::{self, Z};\nfn f() { a::Y::new(); }\n"),
        ];
        assert_eq!(uses(&sources), ["a -> a::y (export)", "a::x -> a::y", "b -> a", "b -> a::y"]);
    }

    #[test]
    fn a_circle_of_names_ends() {
        let sources = [
            ("c/src/lib.rs", "mod a;\nmod b;\n"),
            ("c/src/a.rs", "pub use crate::b::T;\n"),
            ("c/src/b.rs", "pub use crate::a::T;\n"),
        ];
        assert_eq!(uses(&sources).len(), 0);
    }
}
