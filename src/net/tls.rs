//! TLS towards mail clients: certificates from files, chosen by name, reloaded when they change.
//!
//! In: pairs of PEM files; out: a TLS server, or what is wrong, and in which file. TLS 1.2 and 1.3 only
//! (RFC 8314 section 4.1); a client that names a protocol by ALPN must name `pop3`, so that no
//! web page can talk to this port (the ALPACA attack).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tls_error::{Peer, sentence};
use crate::platform::file_identity::Stamp;
use crate::platform::private_files::Exposure;
use arc_swap::ArcSwap;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// Why a certificate cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The key's file cannot be read.
    UnreadableKey(PathBuf, io::Error),
    /// Others than its owner and group may read the key, or its group may change it.
    Exposed(PathBuf, Exposure),
    /// It contains no certificate.
    NoCertificate(PathBuf),
    /// Its certificate cannot be used.
    UnusableCertificate(PathBuf, rustls::Error),
    /// It contains no private key.
    NoKey(PathBuf),
    /// The key is of a kind that cannot sign.
    UnusableKey(PathBuf, rustls::Error),
    /// The key belongs to another certificate.
    Mismatch(PathBuf, PathBuf),
    /// The TLS library refuses its own defaults.
    Rustls(rustls::Error),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) | Self::UnreadableKey(file, error) => {
                write!(f, "{}: {error}", file.display())?;
                match error.kind() {
                    io::ErrorKind::PermissionDenied => f.write_str(
                        "; popgate's user must be able to read it and enter its folders, or popgate must be started as root",
                    ),
                    _ => Ok(()),
                }
            }
            Self::Exposed(file, exposure) => {
                let Exposure {
                    who, may, detail, ..
                } = exposure;
                write!(
                    f,
                    "{}: {who} may {may} this key{detail}; {}",
                    file.display(),
                    Exposure::fix(file)
                )
            }
            Self::NoCertificate(file) => write!(
                f,
                "{}: contains no certificate; PEM is expected (-----BEGIN CERTIFICATE-----)",
                file.display()
            ),
            Self::NoKey(file) => write!(
                f,
                "{}: contains no private key; PEM without a passphrase is expected (-----BEGIN PRIVATE KEY-----)",
                file.display()
            ),
            Self::UnusableKey(file, error) | Self::UnusableCertificate(file, error) => {
                write!(f, "{}: {}", file.display(), sentence(error, Peer::Client))
            }
            Self::Mismatch(certificate, key) => write!(
                f,
                "{} does not belong to the certificate {}",
                key.display(),
                certificate.display()
            ),
            Self::Rustls(error) => write!(f, "TLS: {}", sentence(error, Peer::Client)),
        }
    }
}

impl std::error::Error for CertificateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) | Self::UnreadableKey(_, error) => Some(error),
            Self::UnusableCertificate(_, error)
            | Self::UnusableKey(_, error)
            | Self::Rustls(error) => Some(error),
            _ => None,
        }
    }
}

/// A certificate with its key, and their files.
#[derive(Debug)]
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    stamps: std::sync::Mutex<[Option<Stamp>; 2]>,
    loaded: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads a pair of files.
    ///
    /// # Errors
    /// What is wrong, and in which of them.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let stamps = [Stamp::of(certificate), Stamp::of(key)];
        let loaded = load(certificate, key)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            stamps: std::sync::Mutex::new(stamps),
            loaded: ArcSwap::from_pointee(loaded),
        })
    }

    /// Reads the files again if they have changed; whether they had. If the new ones cannot be used, the
    /// old certificate stays active, and they are not tried again until they change once more.
    ///
    /// # Errors
    /// What is wrong, and in which of them.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let now = [Stamp::of(&self.certificate), Stamp::of(&self.key)];
        let mut stamps = self
            .stamps
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *stamps == now {
            return Ok(false);
        }
        let loaded = load(&self.certificate, &self.key);
        // What the system refused to read may be readable next time.
        let passes = matches!(
            loaded,
            Err(CertificateError::Unreadable(..) | CertificateError::UnreadableKey(..))
        );
        if !passes {
            *stamps = now;
        }
        drop(stamps);
        self.loaded.store(Arc::new(loaded?));
        Ok(true)
    }

    /// Whether it was read from these files, and they have not changed since: popgate may have dropped the
    /// privilege to read them.
    pub fn is_still(&self, certificate: &Path, key: &Path) -> bool {
        let stamps = self
            .stamps
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = [Stamp::of(certificate), Stamp::of(key)];
        self.certificate == certificate && self.key == key && now[1].is_some() && *stamps == now
    }

    /// The file of the certificate.
    pub fn file(&self) -> &Path {
        &self.certificate
    }

    /// The certificate itself, in DER.
    pub fn der(&self) -> Option<CertificateDer<'static>> {
        self.loaded.load().cert.first().cloned()
    }
}

fn load(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|error| CertificateError::Unreadable(file.to_owned(), error))
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .filter_map(Result::ok)
        .collect();
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(certificate.to_owned()));
    }
    let unreadable = |error| CertificateError::UnreadableKey(key.to_owned(), error);
    if let Some(exposure) = Exposure::of(key).map_err(unreadable)? {
        return Err(CertificateError::Exposed(key.to_owned(), exposure));
    }
    let pem = zeroize::Zeroizing::new(std::fs::read(key).map_err(unreadable)?);
    let private =
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_| CertificateError::NoKey(key.to_owned()))?;
    let signing = ring::sign::any_supported_type(&private)
        .map_err(|error| CertificateError::UnusableKey(key.to_owned(), error))?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Err(
            CertificateError::Mismatch(certificate.to_owned(), key.to_owned()),
        ),
        Err(error @ rustls::Error::InvalidCertificate(_)) => Err(
            CertificateError::UnusableCertificate(certificate.to_owned(), error),
        ),
        _ => Ok(certified),
    }
}

/// Matches the SNI of a client.
pub type NameTest = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Chooses a certificate by SNI.
pub struct CertificateResolver {
    /// By name; the first match wins.
    pub named: Vec<(NameTest, Arc<Certificate>)>,
    /// For all other clients; without it they are refused.
    pub default: Option<Arc<Certificate>>,
}

impl fmt::Debug for CertificateResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateResolver")
            .field("named", &self.named.len())
            .field("default", &self.default)
            .finish()
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        let named = name.and_then(|name| self.named.iter().find(|(fits, _)| fits(name)));
        let certificate = named.map(|(_, it)| it).or(self.default.as_ref());
        certificate.map(|it| it.loaded.load_full())
    }
}

/// A TLS server.
///
/// # Errors
/// If the TLS library refuses its own defaults.
pub fn server_config(resolver: CertificateResolver) -> Result<Arc<ServerConfig>, CertificateError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::Rustls)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"pop3".to_vec()];
    Ok(Arc::new(config))
}
