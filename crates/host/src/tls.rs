//! One choice of cryptography for every TLS connection of the program.

/// Chooses ring, once. Every client that may speak TLS calls it before it is made.
pub fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none()
        && rustls::crypto::ring::default_provider().install_default().is_err()
    {
        tracing::debug!("another part of the program chose the cryptography first");
    }
}
