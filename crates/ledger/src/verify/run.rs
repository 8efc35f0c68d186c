//! One verification under way: what is listed, what was read, what is in dispute.

use std::collections::{BTreeSet, HashMap};

use super::report::{Ahead, Checked, Contents, KeySource, Place, Report, What};
use crate::{
    folder::{Files, bytes_max},
    hash::Hash,
    note::VerifierKey,
    tiles::{FileKind, Slice},
};

/// One verification under way.
pub(super) struct Run<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) listed: BTreeSet<FileKind>,
    pub(super) streams: HashMap<String, u64>,
    pub(super) disputes: Vec<Dispute>,
    pub(super) report: Report,
}

/// A slice whose entries and tile do not give the same hashes.
pub(super) struct Dispute {
    pub(super) slice: Slice,
    pub(super) by_entries: Option<Hash>,
    pub(super) by_tile: Option<Hash>,
    /// What the tile above says, for a full slice.
    pub(super) by_parent: Option<Hash>,
}

/// Which file of a disputed slice is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Entries,
    Tile,
    Neither,
}

impl Dispute {
    /// The side that the tile above bears out; `otherwise` if it bears out none.
    pub(super) fn borne_out(&self, otherwise: Side) -> Side {
        match self.by_parent {
            Some(parent) if self.by_entries == Some(parent) => Side::Entries,
            Some(parent) if self.by_tile == Some(parent) => Side::Tile,
            _ => otherwise,
        }
    }
    pub(super) fn root(&self, side: Side) -> Option<Hash> {
        match side {
            Side::Entries => self.by_entries,
            Side::Tile => self.by_tile,
            Side::Neither => None,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(files: &'a dyn Files, trusted: Option<&VerifierKey>) -> Self {
        let report = Report {
            key: trusted.cloned(),
            key_source: if trusted.is_some() { KeySource::Given } else { KeySource::Folder },
            head: None,
            root: None,
            contents: Contents::EntriesOnly,
            checked: Checked::default(),
            erased: Vec::new(),
            ahead: Ahead::default(),
            findings: Vec::new(),
            findings_left_out: 0,
        };
        Self { files, listed: BTreeSet::new(), streams: HashMap::new(), disputes: Vec::new(), report }
    }

    pub(super) fn list_files(&mut self) {
        let paths = match self.files.list() {
            Ok(paths) => paths,
            Err(error) => return self.report.note(".", Place::default(), What::Unreadable(error.reason)),
        };
        for path in paths {
            match FileKind::of_path(&path) {
                Some(kind) => {
                    self.listed.insert(kind);
                }
                None => self.report.note(path, Place::default(), What::Unknown),
            }
        }
        if self.listed.iter().any(|kind| matches!(kind, FileKind::Bodies(_))) {
            self.report.contents = Contents::Bodies;
        }
    }

    /// The whole file, or a finding.
    pub(super) fn read(&mut self, kind: FileKind) -> Option<Vec<u8>> {
        let wrong = match self.files.read(&kind.to_string(), bytes_max(kind)) {
            Ok(Some(bytes)) => {
                self.report.checked.files += 1;
                self.report.checked.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                return Some(bytes);
            }
            Ok(None) => What::Missing,
            Err(error) => What::Unreadable(error.reason),
        };
        self.report.note(kind, Place::default(), wrong);
        None
    }
}
