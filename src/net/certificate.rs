//! The names and dates of a certificate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names and dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// DNS names that it is valid for (RFC 6125).
    pub names: Vec<String>,
    /// The start of its validity.
    pub begins: SystemTime,
    /// The end of its validity.
    pub ends: SystemTime,
}

/// Parses them; `None` if it is not a certificate.
pub fn facts(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|found| found.value.general_names.iter());
    let names = names.into_iter().flatten().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    let time = |seconds: i64| {
        let seconds = Duration::from_secs(seconds.unsigned_abs());
        UNIX_EPOCH.checked_add(seconds)
    };
    let validity = parsed.validity();
    Some(Facts {
        names: names.collect(),
        begins: time(validity.not_before.timestamp())?,
        ends: time(validity.not_after.timestamp())?,
    })
}

impl Facts {
    /// Whole days until its end; negative after it.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        const DAY: u64 = 24 * 3600;
        match self.ends.duration_since(now) {
            Ok(left) => i64::try_from(left.as_secs() / DAY).unwrap_or(i64::MAX),
            Err(over) => {
                -1 - i64::try_from(over.duration().as_secs() / DAY).unwrap_or(i64::MAX - 1)
            }
        }
    }
}
