//! A certificate authority for the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use popgate::net::tls::{Certificate, CertificateResolver, server_config};
use popgate::upstream::client_config;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::{default_provider, sign::any_supported_type};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

/// An authority as a PEM file, and a server that it certifies.
pub struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub acceptor: TlsAcceptor,
}

/// A certificate and its key, as files.
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// An authority that certifies one host.
pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Unique names, since issuers are looked up by name.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let own = format!("authority {}", NEXT.fetch_add(1, Ordering::Relaxed));
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, own);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
    let pair = certify(&issuer, folder.path(), name, |_| {});
    let acceptor = TlsAcceptor::from(server(&pair));
    Authority {
        folder,
        issuer,
        acceptor,
    }
}

impl Authority {
    /// The path of its own certificate.
    pub fn pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// An acceptor for HTTPS (without the ALPN of POP3), with the first certificate.
    pub fn web(&self) -> TlsAcceptor {
        let mut config = ServerConfig::clone(self.acceptor.config());
        config.alpn_protocols.clear();
        TlsAcceptor::from(Arc::new(config))
    }

    /// The configuration of a client that trusts it.
    pub fn trusted(&self) -> Arc<ClientConfig> {
        client_config(Some(&self.pem()), &[]).unwrap()
    }

    /// Issues a certificate for a name; its files are in the authority's folder.
    pub fn pair(&self, name: &str) -> Pair {
        certify(&self.issuer, self.folder.path(), name, |_| {})
    }

    /// Issues an expired certificate.
    pub fn expired(&self, name: &str) -> Pair {
        certify(&self.issuer, self.folder.path(), name, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        })
    }
}

fn certify(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    folder: &Path,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, issuer).unwrap();
    let pair = Pair {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    std::fs::write(&pair.certificate, certificate.pem()).unwrap();
    write_key(&pair.key, &key.serialize_pem());
    pair
}

/// Writes a key that only its owner may read.
pub fn write_key(file: &Path, pem: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, pem).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The configuration of a TLS server with one certificate.
pub fn server(pair: &Pair) -> Arc<ServerConfig> {
    let default = Certificate::read(&pair.certificate, &pair.key).unwrap();
    server_config(CertificateResolver {
        named: Vec::new(),
        default: Some(Arc::new(default)),
    })
    .unwrap()
}

/// A certificate or key that rcgen cannot make.
pub fn old(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certificates")
        .join(name)
}

/// The certificate of a file.
pub fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

/// Shows a certificate, whether or not the TLS library would read it.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server of one version of TLS that shows this certificate and signs with that key.
pub fn acceptor(
    version: &'static SupportedProtocolVersion,
    certificate: CertificateDer<'static>,
    key: &Path,
) -> TlsAcceptor {
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let certified = CertifiedKey::new(vec![certificate], any_supported_type(&key).unwrap());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(Arc::new(certified))));
    TlsAcceptor::from(Arc::new(config))
}
