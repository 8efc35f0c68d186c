//! A disk that fills up and has space again. Needs the right to mount a small file system; without it the test says so.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use quarterdeck_core::time::Timestamp;
use quarterdeck_store::{Batch, Content, Store, StoreError, StoredEvent, sqlite::SqliteStore};

/// A file system of 8 MB in memory, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(at).output();
        mount.ok().filter(|output| output.status.success()).map(|_| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").args(["-l"]).arg(&self.0).status().unwrap();
    }
}

fn batch(index: u64, bytes: usize) -> Batch {
    let event = StoredEvent {
        index,
        stream: "journal".to_owned(),
        version: index,
        at: Timestamp::from_ms(0),
        content: Content::Whole { json: "x".repeat(bytes), salt: [1; 16] },
        digest: [2; 32],
    };
    Batch { events: vec![event], ..Batch::default() }
}

#[tokio::test]
async fn a_full_disk_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("left out: a full disk (may not mount a file system here)");
        return;
    };
    let ballast = folder.path().join("ballast");
    fs::write(&ballast, vec![0; 5_000_000]).unwrap();
    let store = SqliteStore::open(&folder.path().join("quarterdeck.db")).unwrap();
    let mut size = 0;
    let full = loop {
        match store.append(batch(size, 20_000)).await {
            Ok(()) => size += 1,
            Err(error) => break error,
        }
        assert!(size < 1_000, "the disk never filled");
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert_eq!(store.size().await.unwrap(), size);
    assert_eq!(store.events(0, usize::MAX).await.unwrap().len() as u64, size, "what is there can be read");
    fs::remove_file(&ballast).unwrap();
    store.append(batch(size, 20_000)).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&folder.path().join("quarterdeck.db")).unwrap();
    assert_eq!(store.size().await.unwrap(), size + 1);
    drop(store);
    drop(disk);
}
