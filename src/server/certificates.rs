//! The certificates of the listeners: read with the configuration, and read again when they change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::ServerConfig;

use crate::config::{Config, KeyPair, Listen, ListenTls};
use crate::metrics::Metrics;
use crate::net::certificate::facts;
use crate::net::tls::{
    Certificate, CertificateError, CertificateResolver, NameTest, server_config,
};
use crate::schema::Problem;
use crate::session::Listener;

/// How often certificate files are checked, so that a renewal takes effect without a reload.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The active certificates, each with the name of its listener.
pub(super) type Certificates = ArcSwap<Vec<(String, Arc<Certificate>)>>;

/// The listeners of a configuration, and their certificates.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    /// In the order of the configuration.
    pub listeners: Vec<Listener>,
    /// Each with the name of its listener.
    pub certificates: Vec<(String, Arc<Certificate>)>,
}

/// Reads every certificate that is not among those of `before`; a listener with TLS in `overrides` reads
/// none.
///
/// # Errors
/// Every problem with any of them.
pub fn listeners(
    config: &Config,
    before: &[(String, Arc<Certificate>)],
    overrides: &BTreeMap<usize, Arc<ServerConfig>>,
) -> Result<Listeners, Vec<Problem>> {
    let mut reader = Reader {
        config,
        before,
        read: Vec::new(),
        problems: Vec::new(),
    };
    let mut listeners = Vec::new();
    for (number, listen) in config.listen.iter().enumerate() {
        let tls = match overrides.get(&number) {
            Some(tls) => Ok(Some(Arc::clone(tls))),
            None => tls(listen, reader.choice(number, listen)),
        };
        match tls {
            Ok(tls) => listeners.push(Listener::new(listen, tls)),
            Err(error) => {
                let key = format!("listen[{number}]");
                let problem = config.problem(&key, error.to_string());
                reader.problems.push(problem);
            }
        }
    }
    match reader.problems.is_empty() {
        true => Ok(Listeners {
            listeners,
            certificates: reader.read,
        }),
        false => Err(reader.problems),
    }
}

fn tls(
    listen: &Listen,
    choice: CertificateResolver,
) -> Result<Option<Arc<ServerConfig>>, CertificateError> {
    match listen.tls {
        ListenTls::Off | ListenTls::Passthrough => Ok(None),
        ListenTls::Starttls | ListenTls::Implicit => server_config(choice).map(Some),
    }
}

/// Reads the certificates of all listeners.
struct Reader<'c> {
    config: &'c Config,
    before: &'c [(String, Arc<Certificate>)],
    read: Vec<(String, Arc<Certificate>)>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The certificates of a listener, by SNI.
    fn choice(&mut self, number: usize, listen: &Listen) -> CertificateResolver {
        let path = format!("listen[{number}]");
        let default = self.certificate(&listen.name, listen.pair.as_ref(), &path);
        let mut named: Vec<(NameTest, Arc<Certificate>)> = Vec::new();
        for (place, sni) in listen.sni.iter().enumerate() {
            let path = format!("{path}.sni[{place}]");
            let own = self.certificate(&listen.name, sni.pair.as_ref(), &path);
            if let Some(certificate) = own.or_else(|| default.clone()) {
                let pattern = sni.name.clone();
                named.push((Box::new(move |name| pattern.matches(name)), certificate));
            }
        }
        CertificateResolver { named, default }
    }

    fn certificate(
        &mut self,
        listener: &str,
        pair: Option<&KeyPair>,
        path: &str,
    ) -> Option<Arc<Certificate>> {
        let KeyPair { certificate, key } = pair?;
        let mut known = self.before.iter().map(|(_, certificate)| certificate);
        let known = known.find(|it| it.is_still(certificate, key));
        let read = match known {
            Some(known) => Ok(Arc::clone(known)),
            None => Certificate::read(certificate, key).map(Arc::new),
        };
        match read {
            Ok(certificate) => {
                let of_listener = (listener.to_owned(), Arc::clone(&certificate));
                self.read.push(of_listener);
                Some(certificate)
            }
            Err(error) => {
                let message = error.to_string();
                // One file may serve many names.
                if !self.problems.iter().any(|it| it.message == message) {
                    let key = format!("{path}.{}", at_fault(&error));
                    self.problems.push(self.config.problem(&key, message));
                }
                None
            }
        }
    }
}

/// The setting to report problems for.
fn at_fault(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Exposed(..)
        | CertificateError::UnreadableKey(..)
        | CertificateError::NoKey(_)
        | CertificateError::UnusableKey(..)
        | CertificateError::Mismatch(..) => "key",
        _ => "certificate",
    }
}

/// Reads certificates again when their files change, until it is dropped.
pub(super) async fn refresh(certificates: Arc<Certificates>, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let (certificates, metrics) = (certificates.load_full(), Arc::clone(&metrics));
        let checked = tokio::task::spawn_blocking(move || {
            for (_, certificate) in certificates.iter() {
                let file = certificate.file().display();
                match certificate.refresh() {
                    Ok(true) => tracing::info!(%file, "a changed certificate is active"),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!("{error}; the certificate before it stays active");
                    }
                }
            }
            report(&metrics, &certificates);
        });
        // A panic there is logged already.
        let _ = checked.await;
    }
}

/// Reports to /metrics when each certificate expires.
pub(super) fn report(metrics: &Metrics, certificates: &[(String, Arc<Certificate>)]) {
    for (listener, certificate) in certificates {
        let name = certificate.file().file_name().unwrap_or_default();
        let facts = certificate.der().and_then(|der| facts(&der));
        let ends = facts.and_then(|facts| facts.ends.duration_since(UNIX_EPOCH).ok());
        if let Some(ends) = ends {
            let ends = i64::try_from(ends.as_secs()).unwrap_or(i64::MAX);
            metrics.certificate(listener, &name.to_string_lossy(), ends);
        }
    }
}
