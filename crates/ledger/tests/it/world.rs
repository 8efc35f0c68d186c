//! A log of made-up events, published as a folder: shared by the tests of this crate.

use std::collections::BTreeMap;

use quarterdeck_ledger::{
    checkpoint::sign_checkpoint,
    folder::{Body, Sealed, files_for, first_needed},
    leaf::Entry,
    note::SignerKey,
    tree::{HashSource, Tree, root_at},
};

pub(crate) type Folder = BTreeMap<String, Vec<u8>>;

pub(crate) fn signer() -> SignerKey {
    SignerKey::from_seed("ops.example/log", &[42; 32]).unwrap()
}

/// Events of seven streams in turn.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) sealed: Vec<Sealed>,
}

impl World {
    pub(crate) fn new(entries: u64) -> Self {
        Self { sealed: (0..entries).map(event).collect() }
    }
    pub(crate) fn tree(&self) -> Tree {
        self.sealed.iter().map(|sealed| sealed.entry.leaf_hash()).collect()
    }
    /// The folder after a checkpoint was published at each of these sizes.
    pub(crate) fn published_at(&self, sizes: &[u64]) -> Folder {
        self.published_with(&self.tree(), sizes)
    }
    pub(crate) fn published_with<S: HashSource<Error: std::fmt::Debug>>(&self, tree: &S, sizes: &[u64]) -> Folder {
        let mut folder = Folder::from([("log.vkey".to_owned(), format!("{}\n", signer().verifier()).into_bytes())]);
        let mut from = 0;
        for to in sizes {
            let needed = usize::try_from(first_needed(from)).unwrap()..usize::try_from(*to).unwrap();
            folder.extend(files_for(tree, from, *to, &self.sealed[needed]).unwrap());
            let head = sign_checkpoint(*to, &root_at(tree, *to).unwrap(), &signer()).unwrap();
            folder.insert("checkpoint".to_owned(), head.into_bytes());
            from = *to;
        }
        folder
    }
}

fn event(index: u64) -> Sealed {
    let salt = *Tree::from_iter([quarterdeck_ledger::hash::Hash::of_leaf(&index.to_be_bytes())])
        .root()
        .bytes()
        .first_chunk()
        .unwrap();
    let bytes = format!("{{\"event\":{index},\"note\":\"{}\"}}", "line\n".repeat(usize::try_from(index % 5).unwrap()))
        .into_bytes();
    let at = format!("2026-11-20T{:02}:{:02}:00.{:03}Z", index / 60 % 24, index % 60, index % 1000);
    let entry = Entry::seal(&format!("incident/inc_{}", index % 7), index / 7, &at, &salt, &bytes).unwrap();
    Sealed { entry, body: Body::Kept { salt, bytes } }
}
