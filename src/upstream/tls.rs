//! Which certificates are trusted.
//!
//! RFC 8314 section 4.2: a server's certificate is verified, name included; there is no switch to
//! leave that out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Why no TLS connection could be trusted.
#[derive(Debug)]
pub enum TlsConfigError {
    /// The file of trusted certificates cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It holds no certificate that can be used.
    NoCertificates(PathBuf),
    /// The platform's own store is empty.
    NoPlatformRoots,
    /// The TLS library refuses its own defaults.
    Rustls(rustls::Error),
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "{}: {error}", file.display()),
            Self::NoCertificates(file) => write!(
                f,
                "{}: no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)",
                file.display()
            ),
            Self::NoPlatformRoots => f.write_str(
                "this system has no trusted certificates; install the package ca-certificates, or set ca_file",
            ),
            Self::Rustls(error) => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for TlsConfigError {}

/// A TLS client that trusts the file's certificates, or the platform's roots without one.
///
/// # Errors
/// If there is nothing to trust.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let pem = std::fs::read(file)
                .map_err(|error| TlsConfigError::Unreadable(file.to_owned(), error))?;
            let found = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
            if roots.add_parsable_certificates(found).0 == 0 {
                return Err(TlsConfigError::NoCertificates(file.to_owned()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "a trusted certificate of this system cannot be read");
            }
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                return Err(TlsConfigError::NoPlatformRoots);
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Rustls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
