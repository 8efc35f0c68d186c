//! Why the program cannot run, and what to do about it.

use std::{net::SocketAddr, path::PathBuf};

use quarterdeck_detect::pipeline::PipelineError;
use quarterdeck_store::StoreError;

use crate::{engine::StartError, log_key::KeyError, published_head::Lost};

/// Why the program cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store cannot be opened.
    #[error("open the store")]
    Store(#[from] StoreError),
    /// The stored log cannot be folded.
    #[error("take up the stored log")]
    Start(#[from] StartError),
    /// The detectors cannot be built with these parameters.
    #[error("build the detectors")]
    Detectors(#[from] PipelineError),
    /// The log's key cannot be read or made, or is gone.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address is taken, or not ours.
    #[error("listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The store is behind its own signed log.
    #[error("the store is not the one that signed the published log")]
    Lost(#[from] Lost),
    /// The published log cannot be put aside.
    #[error("put the published log in `{path}` aside")]
    Aside {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A store that this build does not have.
    #[error("this build has no {what}: build it with `--features {feature}`")]
    NotBuilt {
        /// The store that was asked for, as people call it.
        what: &'static str,
        /// The cargo feature.
        feature: &'static str,
    },
}

impl RunError {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Key(error) => error.hint(),
            Self::Lost(lost) => Some(lost.hint()),
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => Some(
                "another program listens there, perhaps this one: stop it, or give `server.listen` another port".to_owned(),
            ),
            Self::Listen { .. } => {
                Some("`server.listen` wants an address of this machine, and a port that this user may open".to_owned())
            }
            Self::Store(StoreError::InUse { .. }) => Some(
                "one program writes to a store: stop the other one, or give this one a `server.data` or `store.url` of its own"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
