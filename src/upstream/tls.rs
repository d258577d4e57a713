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

use super::platform_roots;
use super::server_key::{check_strength, key_digest, key_of};
use crate::net::tls_error::{Peer, sentence};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring as provider,
    verify_tls13_signature_with_raw_key,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use webpki::RawPublicKeyEntity;

/// Why TLS towards a server cannot be configured.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The file of trusted certificates cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It contains no usable certificate.
    NoCertificates(PathBuf),
    /// The platform's own store is empty, or none of it can be read; the first reason.
    NoPlatformRoots(Option<String>),
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
            Self::NoPlatformRoots(why) => {
                f.write_str("this system has no trusted certificates")?;
                if let Some(why) = why {
                    write!(f, " that can be read: {why}")?;
                }
                f.write_str("; install the package ca-certificates, or set ca_file")
            }
            Self::Rustls(error) => write!(f, "TLS: {}", sentence(error, Peer::Server)),
        }
    }
}

impl std::error::Error for TlsConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Rustls(error) => Some(error),
            Self::NoCertificates(_) | Self::NoPlatformRoots(_) => None,
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
    let crypto = Arc::new(provider::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&crypto))
            .build()
            .map_err(|_| TlsConfigError::NoPlatformRoots(None))?;
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Rustls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ByAuthority(verifier)))
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
            let found = platform_roots::load();
            for problem in platform_roots::new_ones(&found.problems) {
                tracing::warn!("trusted certificates of this system cannot be read: {problem}");
            }
            if roots.add_parsable_certificates(found.certificates).0 == 0 {
                let first = found.problems.into_iter().next();
                return Err(TlsConfigError::NoPlatformRoots(first));
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

/// Trusts a server by authorities, and no key that is too weak: the library's own text for that speaks of a
/// signature.
#[derive(Debug)]
struct ByAuthority(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for ByAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        check_strength(end_entity)?;
        let Self(verifier) = self;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
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
        if !self.pins.contains(&key_digest(end_entity)?) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        check_strength(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // As the library's own, which reads no certificate of an old form.
        let key = key_of(cert)?;
        let bad = |_| rustls::Error::InvalidCertificate(CertificateError::BadSignature);
        let key = RawPublicKeyEntity::try_from(&key).map_err(bad)?;
        let mapping = self.algorithms.mapping.iter();
        let possible = mapping.filter(|(scheme, _)| *scheme == dss.scheme);
        let verified = possible
            .flat_map(|(_, algorithms)| *algorithms)
            .any(|it| key.verify_signature(*it, message, dss.signature()).is_ok());
        match verified {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(CertificateError::BadSignature.into()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature_with_raw_key(message, &key_of(cert)?, dss, &self.algorithms)
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

    fn certificate(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    /// What a verifier with this pin says of a certificate.
    fn pinned(certificate: &CertificateDer<'_>) -> Result<(), String> {
        let crypto = provider::default_provider();
        let by_key = ByKey::new(&[key_digest(certificate).unwrap()], &crypto);
        let name = ServerName::try_from("elsewhere.example").unwrap();
        let now = UnixTime::now();
        let verified = by_key.verify_server_cert(certificate, &[], &name, &[], now);
        let verified = verified.map(|_| ());
        verified.map_err(|error| sentence(&error, Peer::Server))
    }

    fn read(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
        std::fs::read(folder.join(name)).unwrap()
    }

    #[test]
    fn a_pin_fits_an_old_form_and_no_key_that_is_too_short() {
        let old = certificate(&read("x509-v1.pem"));
        assert_eq!(pinned(&old), Ok(()));
        assert!(pin_of(&old).unwrap().starts_with("sha256/"));
        let short = certificate(&read("rsa-1024.pem"));
        assert_eq!(
            pinned(&short).unwrap_err(),
            "its key is RSA of 1024 bits, which is too short to be trusted; the server needs one of at least 2048 bits"
        );
    }
}
