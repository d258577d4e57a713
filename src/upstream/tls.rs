//! Which certificates are trusted.
//!
//! RFC 8314 section 4.2: a server's certificate is verified, name included. No setting skips that:
//! `tls = "off"` and `"opportunistic"` do without TLS, and a pinned key (RFC 7469 section 2.4 has the
//! form) replaces authority, name and dates for a server with a self-signed certificate.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::net::tls_error::{Peer, sentence};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256, digest};
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring as provider, verify_tls12_signature,
    verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Why TLS towards a server cannot be configured.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The file of trusted certificates cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It contains no usable certificate.
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
                "{}: contains no certificate; PEM is expected (-----BEGIN CERTIFICATE-----)",
                file.display()
            ),
            Self::NoPlatformRoots => f.write_str(
                "this system has no trusted certificates; install the package ca-certificates, or set ca_file",
            ),
            Self::Rustls(error) => write!(f, "TLS: {}", sentence(error, Peer::Server)),
        }
    }
}

impl std::error::Error for TlsConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Rustls(error) => Some(error),
            Self::NoCertificates(_) | Self::NoPlatformRoots => None,
        }
    }
}

/// A TLS client that trusts these keys alone; without any, the certificates of the file; without a file,
/// the roots of the platform.
///
/// # Errors
/// If there is nothing to trust.
pub fn client_config(
    ca_file: Option<&Path>,
    pins: &[[u8; 32]],
) -> Result<Arc<ClientConfig>, TlsConfigError> {
    if !pins.is_empty() {
        return by_key(pins).map(|(config, _)| config);
    }
    let roots = roots(ca_file)?;
    let key = digest_of(&roots);
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = in_use.get(&key).and_then(Weak::upgrade) {
        return Ok(config);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Rustls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    in_use.retain(|_, config| config.strong_count() > 0);
    in_use.insert(key, Arc::downgrade(&config));
    Ok(config)
}

/// The configurations that are in use, by the roots that they trust: upstreams and reloads with the same roots share
/// one, and the TLS sessions that it can resume.
static IN_USE: Mutex<BTreeMap<Vec<u8>, Weak<ClientConfig>>> = Mutex::new(BTreeMap::new());

/// Differs for different roots.
fn digest_of(roots: &RootCertStore) -> Vec<u8> {
    let mut digest = Context::new(&SHA256);
    for root in &roots.roots {
        let constraints = root.name_constraints.as_deref().unwrap_or_default();
        for part in [&*root.subject, &*root.subject_public_key_info, constraints] {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    digest.finish().as_ref().to_vec()
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsConfigError> {
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
    Ok(roots)
}

/// The pin of a certificate's key, as settings have it.
///
/// # Errors
/// If it is not a certificate.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<String, rustls::Error> {
    Ok(format!(
        "sha256/{}",
        STANDARD.encode(key_digest(certificate)?)
    ))
}

fn key_digest(certificate: &CertificateDer<'_>) -> Result<[u8; 32], rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let key = digest(&SHA256, &parsed.subject_public_key_info());
    <[u8; 32]>::try_from(key.as_ref())
        .map_err(|_| rustls::Error::General("SHA-256 has 32 octets".to_owned()))
}

/// A TLS client that trusts no server, and records the certificate: to show which key could be pinned.
///
/// # Errors
/// If the TLS library refuses its own defaults.
pub fn recorder() -> Result<(Arc<ClientConfig>, Arc<ByKey>), TlsConfigError> {
    by_key(&[])
}

fn by_key(pins: &[[u8; 32]]) -> Result<(Arc<ClientConfig>, Arc<ByKey>), TlsConfigError> {
    let crypto = Arc::new(provider::default_provider());
    let by_key = ByKey::new(pins, &crypto);
    let verifier: Arc<dyn ServerCertVerifier> = Arc::<ByKey>::clone(&by_key);
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Rustls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok((Arc::new(config), by_key))
}

/// Trusts a server by its key, whatever its certificate says of names and dates. It records the
/// certificate that it was shown.
#[derive(Debug)]
pub struct ByKey {
    pins: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
    shown: Mutex<Option<CertificateDer<'static>>>,
}

impl ByKey {
    fn new(pins: &[[u8; 32]], crypto: &CryptoProvider) -> Arc<Self> {
        Arc::new(Self {
            pins: pins.to_vec(),
            algorithms: crypto.signature_verification_algorithms,
            shown: Mutex::default(),
        })
    }

    /// The certificate that was shown last.
    pub fn shown(&self) -> Option<CertificateDer<'static>> {
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for ByKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = Some(end_entity.clone().into_owned());
        match self.pins.contains(&key_digest(end_entity)?) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_trust_the_same_share_one_configuration() {
        let of_platform = client_config(None, &[]);
        let Ok(first) = of_platform else {
            // A machine without certificates.
            return;
        };
        assert!(Arc::ptr_eq(&first, &client_config(None, &[]).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let authority = |name: &str| {
            let file = folder.path().join(name);
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            std::fs::write(&file, made.cert.pem()).unwrap();
            file
        };
        let (a, b) = (authority("a.example"), authority("b.example"));
        let of = |file: &Path| client_config(Some(file), &[]).unwrap();
        let own = of(&a);
        assert!(Arc::ptr_eq(&own, &of(&a)));
        assert!(!Arc::ptr_eq(&own, &of(&b)) && !Arc::ptr_eq(&own, &first));
        // The same file with other certificates.
        std::fs::copy(&b, &a).unwrap();
        assert!(!Arc::ptr_eq(&own, &of(&a)));
    }
}
