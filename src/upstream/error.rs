//! Why there is no connection to an upstream, with texts and labels for client, log and metrics.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_rustls::rustls;

use crate::net::tls_error::{self, Peer, Plain, UnusableKey};

/// Why there is no connection to the upstream.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The name is not known.
    Resolve(String, io::Error),
    /// No TCP connection.
    Connect(io::Error),
    /// No TCP connection in time.
    ConnectTimedOut(Duration),
    /// As many connections to this server as may be made at a time wait for it.
    TooManyDials(usize),
    /// The host's address is this proxy's own.
    Loop(SocketAddr),
    /// The proxy on the way did not make a connection.
    Proxy(String),
    /// Something else, behind this proxy.
    Through(String, Box<DialError>),
    /// The certificate is not trusted, or TLS failed.
    Tls(io::Error),
    /// The server refused STLS, and plain text is not allowed.
    NoStls(String),
    /// The server closed the connection at STLS, or at the question for it, and plain text is not allowed.
    ClosedAtStls,
    /// Plain text followed the response to STLS: an injection (RFC 2595 section 4).
    Injected,
    /// The server closed the connection before its greeting.
    Closed,
    /// The greeting was `-ERR`.
    Refused(String),
    /// The first line is not a POP3 greeting.
    NotPop3(String),
    /// No TLS in time.
    TlsTimedOut(Duration),
    /// No greeting, or no answer to STLS, in time.
    GreetingTimedOut(Duration),
}

impl DialError {
    /// The value of the label `kind`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Resolve(..) => "resolve",
            Self::Connect(_) => "connect",
            Self::ConnectTimedOut(_) => "connect_timeout",
            Self::TooManyDials(_) => "too_many_connects",
            Self::Loop(_) => "loop",
            Self::Proxy(_) => "proxy",
            Self::Through(_, error) => error.label(),
            Self::Tls(error) if is_about_certificate(error) => "certificate",
            Self::Tls(_) => "tls",
            Self::NoStls(_) | Self::ClosedAtStls | Self::Injected => "stls",
            Self::Closed => "closed",
            Self::Refused(_) => "refused",
            Self::NotPop3(_) => "not_pop3",
            Self::GreetingTimedOut(_) | Self::TlsTimedOut(_) => "greeting_timeout",
        }
    }

    /// Every label there is.
    pub const LABELS: &[&str] = &[
        "resolve",
        "connect",
        "connect_timeout",
        "too_many_connects",
        "loop",
        "proxy",
        "certificate",
        "tls",
        "stls",
        "closed",
        "refused",
        "not_pop3",
        "greeting_timeout",
    ];
}

fn is_about_certificate(error: &io::Error) -> bool {
    matches!(
        tls_error::of_tls(error),
        Some(rustls::Error::InvalidCertificate(_))
    )
}

/// What to do about it, where that is known.
fn advice(error: &io::Error) -> &'static str {
    use rustls::{
        AlertDescription as Alert, CertificateError as C, Error, InvalidMessage, OtherError,
    };
    match tls_error::of_tls(error) {
        Some(
            Error::AlertReceived(
                Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion,
            )
            | Error::PeerIncompatible(_),
        ) => "; update it, or put stunnel or haproxy between (popgate doctor shows what it offers)",
        Some(Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        )) => "; this port does not start with TLS: try tls = \"starttls\"",
        Some(Error::InvalidCertificate(error)) => match error {
            // With another key than its certificate's it is not the right server.
            C::NotValidYet | C::NotValidYetContext { .. } | C::BadSignature | C::BadEncoding => "",
            C::Other(OtherError(why)) if why.is::<UnusableKey>() => "",
            C::Expired | C::ExpiredContext { .. } => {
                "; compare the clocks, and ask those who run the server to renew it"
            }
            C::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                "; set host to the server's name in it"
            }
            C::UnknownIssuer => {
                "; set ca_file to its authority, or trust its key with pin (popgate doctor shows it)"
            }
            C::ApplicationVerificationFailure => {
                "; if those who run the server have changed it, set pin to the new one (popgate doctor shows it)"
            }
            C::Revoked => "; ask those who run the server",
            _ => "; if it is the right server, trust its key with pin (popgate doctor shows it)",
        },
        _ => "",
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(host, error) => write!(f, "cannot resolve {host}: {error}"),
            Self::Connect(error) => write!(f, "cannot connect: {}", Plain(error, Peer::Server)),
            Self::ConnectTimedOut(limit) => write!(f, "cannot connect: no answer within {limit:?}"),
            Self::TooManyDials(most) => write!(
                f,
                "{most} connections to it are waiting for an answer already (limits.upstream_connects)"
            ),
            Self::Loop(address) => write!(
                f,
                "{address} is this proxy itself; set upstream to the provider's server"
            ),
            Self::Proxy(why) => f.write_str(why),
            Self::Through(proxy, error) => write!(f, "{error} (through {proxy})"),
            Self::Tls(error) => {
                write!(f, "TLS failed: {}", Plain(error, Peer::Server))?;
                f.write_str(advice(error))
            }
            Self::NoStls(said) => write!(f, "the server refused STLS: {said}"),
            Self::ClosedAtStls => f.write_str(
                "the server closed the connection at STLS; it may not know it: try tls = \"implicit\" and port 995",
            ),
            Self::Injected => f.write_str("plain text followed the response to STLS"),
            Self::Closed => f.write_str("the server closed the connection without a greeting"),
            Self::Refused(said) => write!(f, "the server refuses sessions: {said}"),
            Self::NotPop3(said) => {
                write!(f, "not a POP3 greeting: {said}")?;
                match said.split([' ', '/']).next() {
                    Some("*") => f.write_str("; that is IMAP; POP3 uses ports 995 and 110"),
                    Some(word) if word == "HTTP" || word.starts_with('<') => {
                        f.write_str("; that is a web server")
                    }
                    Some("220" | "220-" | "421" | "554") => f.write_str("; that is SMTP or FTP"),
                    _ => Ok(()),
                }
            }
            Self::TlsTimedOut(limit) => write!(f, "TLS is not established within {limit:?}"),
            Self::GreetingTimedOut(limit) => write!(f, "no greeting within {limit:?}"),
        }
    }
}

impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Through(_, error) => Some(&**error),
            Self::Resolve(_, error) | Self::Connect(error) | Self::Tls(error) => Some(error),
            _ => None,
        }
    }
}
