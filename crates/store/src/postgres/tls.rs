//! Encryption of the connection. It must never fall back to an unverified server. Tests: `tests/store.rs`.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

const DOING: &str = "prepare encryption to store";

/// A connector that trusts the authorities of a PEM file, or of this system.
pub(super) fn connector(authorities: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Database { doing: DOING, source };
    let mut roots = RootCertStore::empty();
    if let Some(path) = authorities {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.into()))? {
            let certificate = certificate.map_err(|error| failed(error.into()))?;
            roots.add(certificate).map_err(|error| failed(error.into()))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        let (_good, bad) = roots.add_parsable_certificates(found.certs);
        if bad > 0 || !found.errors.is_empty() {
            tracing::warn!(bad, errors = ?found.errors, "some authorities of this system cannot be read");
        }
    }
    if roots.is_empty() {
        return Err(failed("no certificate authority to trust".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
