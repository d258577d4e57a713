//! Why a server's certificate is not accepted (RFC 5280 section 6), as a sentence.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, OtherError};
use webpki::Error as Webpki;

/// Why a certificate's key is refused, as a sentence.
#[derive(Debug)]
pub struct UnusableKey(pub String);

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for UnusableKey {}

/// A sentence about the server's certificate.
pub(super) fn sentence(error: &CertificateError) -> String {
    use CertificateError as C;
    match error {
        C::Expired => "its certificate has expired".to_owned(),
        C::ExpiredContext { time, not_after } => {
            format!("its certificate expired {} ago", between(*not_after, *time))
        }
        C::NotValidYet => "its certificate is not valid yet; compare the clocks".to_owned(),
        C::NotValidYetContext { time, not_before } => format!(
            "its certificate is valid only in {}; compare the clocks",
            between(*time, *not_before)
        ),
        C::UnknownIssuer => "its certificate is from no authority that is trusted here".to_owned(),
        C::NotValidForName => "its certificate is for another host name".to_owned(),
        C::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "its certificate is not for {}, but for {}",
            plain(&expected.to_str()),
            names(presented)
        ),
        C::ApplicationVerificationFailure => "its key is none of those that are pinned".to_owned(),
        C::Revoked => "its certificate is revoked".to_owned(),
        C::UnknownRevocationStatus
        | C::ExpiredRevocationList
        | C::ExpiredRevocationListContext { .. }
        | C::InvalidOcspResponse => {
            "it cannot be told whether its certificate is revoked".to_owned()
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
            "its certificate is not for servers".to_owned()
        }
        C::BadEncoding => "its certificate is damaged".to_owned(),
        C::BadSignature => {
            "its certificate, or the handshake, has a signature that does not fit".to_owned()
        }
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => old_signature(),
        C::UnhandledCriticalExtension => {
            "its certificate has an extension that is marked critical and not known here".to_owned()
        }
        C::Other(OtherError(other)) => match other.downcast_ref::<UnusableKey>() {
            Some(UnusableKey(why)) => why.clone(),
            None => of_webpki(other),
        },
        _ => "its certificate cannot be verified".to_owned(),
    }
}

fn old_signature() -> String {
    "its certificate has an old kind of signature or key (such as SHA-1 or RSA of less than 2048 bits)"
        .to_owned()
}

/// What the library passes on of the one that it verifies with.
fn of_webpki(error: &Arc<dyn std::error::Error + Send + Sync>) -> String {
    match error.downcast_ref::<Webpki>() {
        Some(Webpki::CaUsedAsEndEntity) => {
            // As `openssl req -x509` makes them: as an authority, no ca_file makes it a server.
            "its certificate is self-signed, as an authority"
        }
        Some(Webpki::UnsupportedCertVersion) => {
            "its certificate has an old form (X.509 v1) that no authority may issue"
        }
        Some(Webpki::EndEntityUsedAsCa) => "its certificate is signed by one that is no authority",
        Some(Webpki::NameConstraintViolation) => {
            "its authority may not issue certificates for this name"
        }
        Some(
            Webpki::PathLenConstraintViolated
            | Webpki::MaximumPathDepthExceeded
            | Webpki::MaximumPathBuildCallsExceeded
            | Webpki::MaximumSignatureChecksExceeded
            | Webpki::MaximumNameConstraintComparisonsExceeded,
        ) => "its chain of certificates is too long",
        Some(Webpki::SignatureAlgorithmMismatch) => {
            "its certificate names two different kinds of signature"
        }
        Some(Webpki::EmptyEkuExtension) => "its certificate is for no purpose at all",
        Some(
            Webpki::MalformedDnsIdentifier
            | Webpki::MalformedExtensions
            | Webpki::MalformedNameConstraint
            | Webpki::ExtensionValueInvalid
            | Webpki::InvalidSerialNumber
            | Webpki::InvalidNetworkMaskConstraint,
        ) => "its certificate is damaged",
        _ => "its certificate cannot be verified",
    }
    .to_owned()
}

/// Some of the names, without what a terminal or a log could misread.
fn names(presented: &[String]) -> String {
    /// More are not worth a reader's time.
    const SHOWN: usize = 3;
    if presented.is_empty() {
        return "no host name at all".to_owned();
    }
    // The library shows the kind around each name, as a program would write it.
    let shown = presented.iter().take(SHOWN).map(|name| {
        let inner = name.split('"').nth(1).unwrap_or(name);
        plain(inner)
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if presented.len() > SHOWN {
        text.push_str(&format!(", and {} more", presented.len() - SHOWN));
    }
    text
}

fn plain(name: &str) -> String {
    let safe = |letter: &char| letter.is_ascii_graphic() && !matches!(letter, '(' | '{' | '[');
    name.chars().filter(safe).take(100).collect()
}

fn between(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_rustls::rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn each_reason_is_a_sentence_without_the_librarys_words() {
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let other = |error| CertificateError::Other(OtherError(Arc::new(error)));
        let name = ServerName::try_from("pop.example.net").unwrap();
        for (error, expected) in [
            (
                CertificateError::ExpiredContext {
                    time: time(300_000),
                    not_after: time(0),
                },
                "its certificate expired 3 days ago",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: name,
                    presented: vec![
                        "DnsName(\"a.example\")".to_owned(),
                        "b\u{1b}[2J.example".to_owned(),
                        "c.example".to_owned(),
                        "d.example".to_owned(),
                    ],
                },
                "its certificate is not for pop.example.net, but for a.example, b2J.example, c.example, and 1 more",
            ),
            (
                other(Webpki::CaUsedAsEndEntity),
                "its certificate is self-signed, as an authority",
            ),
            (
                other(Webpki::UnsupportedCertVersion),
                "its certificate has an old form (X.509 v1) that no authority may issue",
            ),
            (
                other(Webpki::UnknownIssuer),
                "its certificate cannot be verified",
            ),
            (
                CertificateError::UnsupportedSignatureAlgorithmContext {
                    signature_algorithm_id: vec![6, 9, 42],
                    supported_algorithms: Vec::new(),
                },
                "its certificate has an old kind of signature or key (such as SHA-1 or RSA of less than 2048 bits)",
            ),
        ] {
            assert_eq!(sentence(&error), expected);
        }
    }
}
