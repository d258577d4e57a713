//! Errors of TLS in plain sentences: what the other side did, and what to do.
//!
//! In: an error of a stream or of the TLS library; out: one sentence. No name, address or object identifier of
//! the library leaves this file: its own texts are for programmers ("InvalidCertificate(Other(..))").
//!
//! RFC 5246 section 7.2 and RFC 8446 section 6 (alerts), RFC 5280 (certificates).

mod certificate;

use std::error::Error as StdError;
use std::fmt;
use std::io;

pub use certificate::UnusableKey;
use tokio_rustls::rustls::{
    AlertDescription as Alert, Error, InconsistentKeys, InvalidMessage, PeerIncompatible,
};

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A mail program: popgate is the TLS server.
    Client,
    /// A server: popgate is the TLS client.
    Server,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the mail program",
            Self::Server => "the server",
        })
    }
}

/// What popgate supports, for those who compare it with what the other side has.
pub const SUPPORTED: &str =
    "TLS 1.2 or 1.3, with ECDHE key exchange and AES-GCM or ChaCha20-Poly1305";

/// Shows an error of a connection to this peer.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'e>(pub &'e io::Error, pub Peer);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error, peer) = *self;
        if let Some(tls) = of_tls(error) {
            return f.write_str(&sentence(tls, peer));
        }
        let text = error.to_string();
        match error.kind() {
            io::ErrorKind::UnexpectedEof if text.contains("handshake") => {
                write!(f, "{peer} closed the connection during the TLS handshake")
            }
            io::ErrorKind::UnexpectedEof if text.contains("close_notify") => write!(
                f,
                "{peer} closed the connection without the end of TLS (close_notify)"
            ),
            // The standard library's texts are plain; others may point to their documentation.
            _ => match text.find("http") {
                Some(at) if text[at..].contains("://") => {
                    f.write_str(text[..at].trim_end_matches([' ', ':', ';', '(']))
                }
                _ => f.write_str(&text),
            },
        }
    }
}

/// The TLS library's own error, however deeply it is wrapped.
pub fn of_tls(error: &io::Error) -> Option<&Error> {
    let mut next: Option<&(dyn StdError + 'static)> = error.get_ref().map(|it| it as _);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<Error>() {
            return Some(tls);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(inner) => inner.get_ref().map(|it| it as _),
            None => error.source(),
        };
    }
    None
}

/// An error of the TLS library on a connection to this peer.
pub fn sentence(error: &Error, peer: Peer) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate::sentence(error),
        Error::AlertReceived(alert) => of_alert(*alert, peer),
        Error::PeerIncompatible(why) => incompatible(why, peer),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => match peer {
            Peer::Server => format!("what {peer} sent is not TLS"),
            Peer::Client => format!(
                "what {peer} sent is not TLS, or is SSL 2: it must be set to SSL/TLS for this port, and may have to be updated"
            ),
        },
        Error::InvalidMessage(_) => format!("{peer} sent a TLS message that cannot be read"),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            format!("{peer} sent a TLS message out of order")
        }
        Error::PeerMisbehaved(_) => format!("{peer} violates the TLS protocol"),
        Error::DecryptError => format!(
            "what {peer} sent was changed on its way, or encrypted with another key"
        ),
        Error::PeerSentOversizedRecord => format!("{peer} sent a TLS record that is too long"),
        Error::NoCertificatesPresented => format!("{peer} has no certificate"),
        Error::NoApplicationProtocol => {
            format!("{peer} speaks other protocols than POP3 (ALPN)")
        }
        Error::InvalidCertRevocationList(_) => {
            "a list of revoked certificates cannot be used".to_owned()
        }
        Error::InvalidEncryptedClientHello(_) => {
            format!("{peer} does not support the encrypted hello")
        }
        Error::UnsupportedNameType => {
            "the host's name cannot stand in a certificate".to_owned()
        }
        Error::FailedToGetCurrentTime => "this machine has no clock".to_owned(),
        Error::FailedToGetRandomBytes => "this machine gives no random numbers".to_owned(),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key belongs to another certificate".to_owned()
        }
        Error::General(text) if text.contains("no server certificate") => {
            format!("there is no certificate that {peer} could use")
        }
        Error::General(text) if text.contains("RSA private key") => {
            "the key is not an RSA key of 2048 to 4096 bits".to_owned()
        }
        Error::General(text) if text.contains("private key") => {
            "the key is of a kind that cannot be used; RSA of at least 2048 bits, ECDSA (P-256 or P-384) or Ed25519 is needed"
                .to_owned()
        }
        _ => "TLS ended for a reason that has no name".to_owned(),
    }
}

/// The other side has refused, and said why in one word.
fn of_alert(alert: Alert, peer: Peer) -> String {
    match alert {
        Alert::HandshakeFailure | Alert::InsufficientSecurity => match peer {
            Peer::Server => format!(
                "{peer} has no cipher suite in common with popgate, which needs {SUPPORTED}; it may have only older ones (RSA key exchange, DHE, CBC)"
            ),
            Peer::Client => format!(
                "{peer} has no cipher suite in common with popgate, which needs {SUPPORTED}{}",
                update(peer)
            ),
        },
        Alert::ProtocolVersion => {
            format!(
                "{peer} does not support TLS 1.2 or 1.3; it may have only TLS 1.0, 1.1 or SSL{}",
                update(peer)
            )
        }
        Alert::UnknownCA => format!("{peer} does not trust the authority of the certificate"),
        Alert::BadCertificate
        | Alert::CertificateUnknown
        | Alert::UnsupportedCertificate
        | Alert::BadCertificateStatusResponse
        | Alert::BadCertificateHashValue => format!("{peer} does not accept the certificate"),
        Alert::CertificateExpired => {
            format!("{peer} says that the certificate has expired; compare the clocks")
        }
        Alert::CertificateRevoked => format!("{peer} says that the certificate is revoked"),
        Alert::UnrecognisedName => format!("{peer} does not know the host's name (SNI)"),
        Alert::CertificateRequired | Alert::NoCertificate => {
            format!("{peer} wants a certificate of popgate, which has none")
        }
        Alert::AccessDenied => format!("{peer} refuses access"),
        Alert::NoApplicationProtocol => {
            format!("{peer} speaks other protocols than POP3 (ALPN)")
        }
        Alert::UserCanceled => format!("{peer} has cancelled TLS"),
        Alert::CloseNotify => format!("{peer} ended TLS during the handshake"),
        Alert::InternalError => format!("{peer} reports a failure of its own"),
        Alert::InappropriateFallback => {
            format!("{peer} supports a newer TLS version than was offered")
        }
        Alert::UnexpectedMessage => {
            format!("{peer} does not expect TLS there, or a message was out of order")
        }
        Alert::BadRecordMac | Alert::DecryptionFailed | Alert::DecryptError => format!(
            "{peer} could not decrypt or verify what it was sent; something between may change it"
        ),
        _ => format!("{peer} has refused TLS without a usable reason"),
    }
}

/// What to do about a mail program that is too old; about a server the caller knows more.
fn update(peer: Peer) -> &'static str {
    match peer {
        Peer::Client => ": update it, or the system that it runs on",
        Peer::Server => "",
    }
}

/// The two sides have nothing in common.
fn incompatible(why: &PeerIncompatible, peer: Peer) -> String {
    use PeerIncompatible as P;
    match why {
        P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled
        | P::SupportedVersionsExtensionRequired
        | P::ServerDoesNotSupportTls12Or13
        | P::ServerTlsVersionIsDisabledByOurConfig => {
            format!(
                "{peer} offers only TLS 1.1 or older, and popgate needs TLS 1.2 or 1.3{}",
                update(peer)
            )
        }
        P::NoCipherSuitesInCommon => {
            format!(
                "{peer} offers no cipher suite that popgate has; it needs {SUPPORTED}{}",
                update(peer)
            )
        }
        P::NoKxGroupsInCommon
        | P::NamedGroupsExtensionRequired
        | P::KeyShareExtensionRequired
        | P::EcPointsExtensionRequired
        | P::NoEcPointFormatsInCommon
        | P::UncompressedEcPointsRequired => format!(
            "{peer} offers no key exchange that popgate has; it needs ECDHE with X25519, P-256 or P-384"
        ),
        // TLS 1.1 and older have no such extension, and in TLS 1.2 its absence means SHA-1.
        P::SignatureAlgorithmsExtensionRequired => format!(
            "{peer} offers only TLS 1.1 or older, or only SHA-1, and popgate needs TLS 1.2 or 1.3 with SHA-256{}",
            update(peer)
        ),
        P::NoSignatureSchemesInCommon | P::NoCertificateRequestSignatureSchemesInCommon => format!(
            "{peer} offers no kind of signature that fits the certificate's key; it may know only SHA-1"
        ),
        P::ExtendedMasterSecretExtensionRequired => {
            format!("{peer} does not support the extended master secret (RFC 7627)")
        }
        _ => format!("{peer} and popgate have no version of TLS in common that both can use"),
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{CertificateError, PeerMisbehaved};

    use super::*;

    /// Words that belong to the library.
    const FOREIGN: [&str; 12] = [
        "://",
        "docs.rs",
        "Error",
        "(",
        "{",
        "[",
        "::",
        "HandshakeFailure",
        "UnknownCA",
        "rustls",
        "webpki",
        "OID",
    ];

    fn check(text: &str) {
        // Popgate's own sentences have such parentheses, and nothing else.
        let own = [
            "(ALPN)",
            "(SNI)",
            "(close_notify)",
            "(RFC 7627)",
            "(P-256 or P-384)",
            "(X.509 v1)",
        ];
        let mut rest = text.replace("(RSA key exchange, DHE, CBC)", "");
        for own in own {
            rest = rest.replace(own, "");
        }
        for word in FOREIGN {
            assert!(!rest.contains(word), "`{word}` is in: {text}");
        }
        assert!(text.len() > 20, "{text}");
        assert!(text.contains(' ') && !text.ends_with('.'), "{text}");
    }

    #[test]
    fn every_alert_is_a_sentence() {
        for number in 0..=255 {
            for peer in [Peer::Client, Peer::Server] {
                check(&sentence(&Error::AlertReceived(Alert::from(number)), peer));
            }
        }
        let old = sentence(&Error::AlertReceived(Alert::HandshakeFailure), Peer::Server);
        assert!(old.contains("RSA key exchange"), "{old}");
    }

    #[test]
    fn other_errors_are_sentences() {
        for error in [
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::InvalidMessage(InvalidMessage::MissingData("Random")),
            Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled),
            Error::PeerIncompatible(PeerIncompatible::NullCompressionRequired),
            Error::InappropriateMessage {
                expect_types: Vec::new(),
                got_type: tokio_rustls::rustls::ContentType::Alert,
            },
            Error::DecryptError,
            Error::EncryptError,
            Error::HandshakeNotComplete,
            Error::NoApplicationProtocol,
            Error::General("see https://docs.rs/rustls for {more}".to_owned()),
            Error::General("failed to parse RSA private key: TooSmall".to_owned()),
            Error::General("failed to parse private key as RSA, ECDSA, or EdDSA".to_owned()),
            Error::InvalidCertificate(CertificateError::UnknownIssuer),
        ] {
            for peer in [Peer::Client, Peer::Server] {
                check(&sentence(&error, peer));
            }
        }
    }

    #[test]
    fn errors_of_streams_are_found_below_their_wrappers() {
        let tls = || Error::AlertReceived(Alert::UnknownCA);
        let once = io::Error::new(io::ErrorKind::InvalidData, tls());
        let twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls()));
        for error in [once, twice] {
            let shown = Plain(&error, Peer::Client).to_string();
            assert_eq!(
                shown,
                "the mail program does not trust the authority of the certificate"
            );
        }
        let eof = |text: &str| io::Error::new(io::ErrorKind::UnexpectedEof, text.to_owned());
        let unclean = eof(
            "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/x",
        );
        check(&Plain(&unclean, Peer::Server).to_string());
        let early = eof("tls handshake eof");
        check(&Plain(&early, Peer::Server).to_string());
        let linked = io::Error::other("some library failed (https://example.org/help)");
        let shown = Plain(&linked, Peer::Server).to_string();
        assert_eq!(shown, "some library failed");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let shown = Plain(&refused, Peer::Server).to_string();
        assert_eq!(shown, "connection refused");
    }
}
