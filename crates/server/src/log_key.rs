//! The key that signs the log: read, or made where nothing was signed yet. One that is missing beside a log is never made anew: a log
//! has one key. Tests: `tests/it/lost.rs`.

use std::path::{Path, PathBuf};

use quarterdeck_ledger::note::SignerKey;

/// Where it is in the data folder.
pub(crate) const KEY_FILE: &str = "log.key";
/// What says, in the data folder, that something was signed and published.
const PUBLISHED: &str = "log/checkpoint";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or made.
    #[error("the log's key in `{path}`: {detail}")]
    Bad {
        /// The key's file in the data folder.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It is gone, and there is a log that was signed with it.
    #[error("the log's key `{path}` is missing, and there is a log that was signed with it")]
    Gone {
        /// Where it should be.
        path: PathBuf,
    },
}

impl KeyError {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        let Self::Gone { path } = self else { return None };
        Some(format!(
            "put `{}` back from your back-up: nothing was written. Without it this log cannot go on; to begin a new one, move the \
             database and the folder `log` away",
            path.display()
        ))
    }
}

/// The key of a log. `begun`: its store has events, so that it must be there.
pub fn known(data: &Path, origin: &str, begun: bool) -> Result<SignerKey, KeyError> {
    let path = data.join(KEY_FILE);
    if !path.exists() && (begun || data.join(PUBLISHED).exists()) {
        return Err(KeyError::Gone { path });
    }
    read_or_make(data, origin)
}

/// The key of a log that was begun: never made anew.
pub fn existing(data: &Path, origin: &str) -> Result<SignerKey, KeyError> {
    known(data, origin, true)
}

/// 32 bytes in hex, made at the first start, readable by nobody else.
fn read_or_make(data: &Path, origin: &str) -> Result<SignerKey, KeyError> {
    let path = data.join(KEY_FILE);
    let fault = |detail: String| KeyError::Bad { path: path.clone(), detail };
    let seed = match std::fs::read_to_string(&path) {
        Ok(text) => {
            let mut seed = [0; 32];
            alloy_primitives::hex::decode_to_slice(text.trim(), &mut seed).map_err(|error| fault(error.to_string()))?;
            seed
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| fault(error.to_string()))?;
            std::fs::create_dir_all(data).map_err(|error| fault(error.to_string()))?;
            write_private(&path, &alloy_primitives::hex::encode(seed)).map_err(|error| fault(error.to_string()))?;
            seed
        }
        Err(error) => return Err(fault(error.to_string())),
    };
    SignerKey::from_seed(origin, &seed).map_err(|error| fault(error.to_string()))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
