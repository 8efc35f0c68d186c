//! Encryption of what comes in: a certificate and its key from two files. Tests: `tests/it/encryption.rs`.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::time::Timestamp;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use x509_cert::der::Decode as _;

/// Why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("read `{path}`: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in it.
    #[error("`{path}` has no certificate")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// It does not say until when it holds.
    #[error("`{path}`: {detail}")]
    Dates {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// They are of two different pairs, or of a kind that is not spoken here.
    #[error("they do not go together: {0}")]
    Pair(rustls::Error),
}

/// A certificate with its key, ready to be shown to whoever comes.
#[derive(Clone)]
pub struct Encryption {
    pub(super) config: Arc<ServerConfig>,
    /// From when on nobody believes it: the earliest end of those in its file.
    pub ends: Timestamp,
    /// So long before that somebody is told, longest first.
    pub remind: Vec<Duration>,
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryption(..)")
    }
}

impl Encryption {
    /// Reads both files: the certificate with those that lead from it to its authority, and the key.
    pub fn read(certificate: &Path, key: &Path, remind: Vec<Duration>) -> Result<Self, TlsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Read { path, source }
        };
        let chain = CertificateDer::pem_file_iter(certificate).map_err(failed(certificate))?;
        let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(failed(certificate))?;
        if chain.is_empty() {
            return Err(TlsError::Empty { path: certificate.to_owned() });
        }
        let ends = chain.iter().map(|one| ends(one)).collect::<Result<Vec<_>, _>>();
        let undated =
            |error: x509_cert::der::Error| TlsError::Dates { path: certificate.to_owned(), detail: error.to_string() };
        let ends = ends.map_err(undated)?.into_iter().min().unwrap_or_default();
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(TlsError::Pair)?.with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), ends, remind })
    }
}

/// From when on a certificate is not believed any more.
fn ends(certificate: &[u8]) -> Result<Timestamp, x509_cert::der::Error> {
    let read = x509_cert::Certificate::from_der(certificate)?;
    let secs = read.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    Ok(Timestamp::from_secs(secs))
}
