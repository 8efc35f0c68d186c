//! Encryption of the connection, by the `sslmode` of its address: the words of libpq, PostgreSQL's own library. Only `prefer` and
//! `disable`, which promise nothing, ever go on without a verified server. Tests: below, and `tests/store.rs`.

use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

const DOING: &str = "prepare encryption to store";

/// What an address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No encryption.
    Disable,
    /// Encryption if the server has it, whoever the server is: it keeps out who only listens. What libpq does if nothing is said.
    Prefer,
    /// Encryption, with a server that an authority vouches for, by whatever name.
    VerifyCa,
    /// Encryption, with a server that an authority vouches for by its name. `require` means this as well: libpq's own takes any
    /// server, and an address in a file is written once and trusted for years.
    VerifyFull,
}

/// The address without what the driver does not know, and what it says about encryption.
pub(super) fn mode_of(url: &str) -> Result<(String, Mode), String> {
    if parameter(url, "sslrootcert").is_some() {
        return Err("`sslrootcert` is not read here: name the file in `authorities`".to_owned());
    }
    for name in ["sslcert", "sslkey", "sslcrl", "sslpassword"] {
        if parameter(url, name).is_some() {
            return Err(format!("`{name}` is not supported: the program logs in with a password"));
        }
    }
    let Some((from, until)) = parameter(url, "sslmode") else { return Ok((url.to_owned(), Mode::Prefer)) };
    let value = url.get(from..until).unwrap_or_default();
    let mode = match value.trim_matches('\'') {
        "disable" => Mode::Disable,
        "prefer" => Mode::Prefer,
        "verify-ca" => Mode::VerifyCa,
        "require" | "verify-full" => Mode::VerifyFull,
        "allow" => return Err("`sslmode=allow` is not supported: write `prefer`, or `disable`".to_owned()),
        other => {
            return Err(format!("`{other}` is no sslmode: want disable, prefer, require, verify-ca or verify-full"));
        }
    };
    let known = match mode {
        Mode::Disable => "disable",
        Mode::Prefer => "prefer",
        Mode::VerifyCa | Mode::VerifyFull => "require",
    };
    let (before, after) = (url.get(..from).unwrap_or_default(), url.get(until..).unwrap_or_default());
    Ok((format!("{before}{known}{after}"), mode))
}

/// Where the value of a parameter stands, in `postgres://…?a=b&c=d` or in `a=b c=d`.
fn parameter(url: &str, name: &str) -> Option<(usize, usize)> {
    let places = url.match_indices(name).map(|(place, _)| place);
    for place in places {
        let begins = url.get(..place)?.chars().next_back().is_none_or(|c| matches!(c, '?' | '&') || c.is_whitespace());
        let rest = url.get(place + name.len()..)?;
        let value = rest.trim_start();
        if let Some(value) = value.strip_prefix('=').filter(|_| begins).map(str::trim_start) {
            let length = value.find(|c: char| c == '&' || c.is_whitespace()).unwrap_or(value.len());
            let from = url.len() - value.len();
            return Some((from, from + length));
        }
    }
    None
}

/// A connector for this mode; none: without encryption.
pub(super) fn connector(mode: Mode, authorities: Option<&Path>) -> Result<Option<MakeRustlsConnect>, StoreError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Database { doing: DOING, source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        Mode::Disable => return Ok(None),
        Mode::Prefer => Arc::new(Lenient { authorities: None, provider: Arc::clone(&provider) }),
        Mode::VerifyCa | Mode::VerifyFull => {
            let roots = Arc::new(roots(authorities)?);
            let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            let by_name = built.map_err(|error| failed(error.into()))?;
            if mode == Mode::VerifyCa {
                Arc::new(Lenient { authorities: Some(by_name), provider: Arc::clone(&provider) })
            } else {
                by_name
            }
        }
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| failed(error.into()))?.dangerous();
    Ok(Some(MakeRustlsConnect::new(builder.with_custom_certificate_verifier(verifier).with_no_client_auth())))
}

/// The authorities of a PEM file, or of this system.
fn roots(authorities: Option<&Path>) -> Result<RootCertStore, StoreError> {
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
    Ok(roots)
}

/// Looks less closely than is usual; signatures are checked all the same.
#[derive(Debug)]
struct Lenient {
    /// Who says whether an authority vouches for the server, by whatever name; none: any server is taken, since nothing was promised.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(end, between, name, ocsp, now) {
            // The name is looked at last: everything else was right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            told => told,
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_libpq_is_understood_or_refused_by_name() {
        for (asked, want, mode) in [
            ("postgres://u:p@h/d", "postgres://u:p@h/d", Mode::Prefer),
            ("postgres://u:p@h/d?sslmode=verify-full", "postgres://u:p@h/d?sslmode=require", Mode::VerifyFull),
            (
                "postgres://u:sslmode=x@h/d?connect_timeout=5&sslmode=verify-ca&application_name=q",
                "postgres://u:sslmode=x@h/d?connect_timeout=5&sslmode=require&application_name=q",
                Mode::VerifyCa,
            ),
            ("host=h sslmode = 'verify-full' user=u", "host=h sslmode = require user=u", Mode::VerifyFull),
            ("host=h sslmode=require", "host=h sslmode=require", Mode::VerifyFull),
            ("postgres://h/d?sslmode=prefer", "postgres://h/d?sslmode=prefer", Mode::Prefer),
            ("postgres://h/d?sslmode=disable", "postgres://h/d?sslmode=disable", Mode::Disable),
        ] {
            assert_eq!(mode_of(asked), Ok((want.to_owned(), mode)), "{asked}");
            assert!(want.parse::<tokio_postgres::Config>().is_ok(), "{want}");
        }
        for (asked, want) in [
            ("postgres://h/d?sslmode=allow", "`sslmode=allow` is not supported"),
            ("postgres://h/d?sslmode=verify_full", "`verify_full` is no sslmode"),
            ("postgres://h/d?sslmode=", "`` is no sslmode"),
            ("postgres://h/d?sslmode=require&sslrootcert=ca.pem", "`sslrootcert` is not read here"),
            ("host=h sslcert=mine.pem", "`sslcert` is not supported"),
        ] {
            let said = mode_of(asked).unwrap_err();
            assert!(said.contains(want), "{asked}: {said}");
        }
    }
}
