//! Refusals by popgate itself, before or instead of a login: their texts and labels for client, log and
//! metrics. deploy/refusals.md has the table, and a test compares it with this file.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::metrics::LoginOutcome;
use crate::net::proxy_protocol::HeaderError;
use crate::net::tls_error::{Peer, Plain};
use crate::pop3::line::printable;
use crate::upstream::NameError;

/// Why a client is rejected, or a login not attempted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// `limits.sessions` is reached.
    Sessions,
    /// `limits.pending_sessions` is reached: this client has not logged in.
    PendingSessions,
    /// `limits.sessions_per_address` is reached.
    SessionsOfAddress(usize),
    /// `limits.sessions_per_mailbox` is reached.
    SessionsOfMailbox(usize),
    /// Too many failed logins; the remaining pause.
    LoginPause(Duration),
    /// Earlier logins of the same account or address have not been answered for too long.
    LoginsInFlight,
    /// The password would be sent in plain text.
    Plaintext,
    /// A connection from an address that is not a trusted proxy.
    ProxyUntrusted,
    /// The PROXY header is missing or invalid.
    ProxyHeader(HeaderError),
    /// TLS with the client could not be established.
    Handshake(io::Error),
    /// Too many clients wait for TLS, and this many may.
    Handshakes(usize),
    /// There is no certificate for the client's SNI.
    UnknownSni(String),
    /// popgate terminates TLS, but the client sent no SNI to verify the server by.
    NoSni,
    /// The client is popgate itself.
    Loop,
    /// A connection to a transparent listener without a redirect.
    NotRedirected,
    /// The user name names a server that is not allowed.
    UserName(NameError),
    /// No upstream is configured.
    NoUpstream,
    /// APOP needs the timestamp of a server that is not known yet.
    Apop,
    /// A user name is too long.
    NameTooLong,
    /// A line is too long.
    LineTooLong,
    /// Lines of clients that are not logged in have too much memory.
    LongLines,
    /// There is no token for this account, or the password does not decrypt it.
    Token(String),
    /// The account's token is damaged. Only the log says so: a client could tell by it which accounts exist.
    TokenDamaged(String),
    /// The password was right, but the provider no longer accepts the token.
    Consent(String),
    /// Too many passwords are being checked.
    PasswordChecks,
    /// The provider's token service fails.
    TokenService(String),
}

impl Refusal {
    /// The text for the client after `-ERR `; empty where it could not be read.
    ///
    /// RFC 3206: SYS/TEMP is not the password's fault, AUTH is. RFC 2449 section 8.1.1: IN-USE.
    pub(super) fn wire(&self) -> Option<String> {
        Some(match self {
            Self::ProxyUntrusted
            | Self::ProxyHeader(_)
            | Self::Handshake(_)
            | Self::Handshakes(_)
            | Self::UnknownSni(_) => return None,
            Self::Sessions => "[SYS/TEMP] popgate has too many sessions; try again later".to_owned(),
            Self::PendingSessions => {
                "[SYS/TEMP] too many clients have not logged in yet; try again later".to_owned()
            }
            Self::SessionsOfAddress(most) => {
                format!("[SYS/TEMP] {most} sessions from your address are open; try again later")
            }
            Self::SessionsOfMailbox(most) => {
                format!("[IN-USE] {most} sessions of this mailbox are open; try again later")
            }
            Self::LoginPause(wait) => format!(
                "[SYS/TEMP] too many failed logins; try again in {} seconds",
                wait.as_secs() + 1
            ),
            Self::LoginsInFlight => {
                "[SYS/TEMP] earlier logins still wait for the mail server; try again later".to_owned()
            }
            Self::Plaintext => {
                "[AUTH] passwords are not accepted without TLS here; enable it in the mail program"
                    .to_owned()
            }
            Self::NoSni => {
                "[SYS/PERM] TLS ends at this proxy, and your mail program names no server (SNI)"
                    .to_owned()
            }
            Self::Loop => "[SYS/PERM] popgate has reached itself; its firewall rules form a loop"
                .to_owned(),
            Self::NotRedirected => {
                "[SYS/PERM] this port accepts redirected connections only".to_owned()
            }
            Self::UserName(error) => format!("[AUTH] {error}"),
            Self::NoUpstream => "[SYS/PERM] popgate has no mail server for you".to_owned(),
            Self::Apop => {
                "APOP does not work here: the server is known by the user name only; use USER and PASS"
                    .to_owned()
            }
            Self::NameTooLong => "the user name is too long".to_owned(),
            Self::LineTooLong => "the line is too long".to_owned(),
            Self::LongLines => {
                "[SYS/TEMP] too many long logins at a time; try again later".to_owned()
            }
            Self::Token(_) | Self::TokenDamaged(_) => {
                "[AUTH] wrong user name or password, or popgate has no token for this account".to_owned()
            }
            Self::Consent(why) => format!("[AUTH] {why}"),
            Self::PasswordChecks => {
                "[SYS/TEMP] popgate checks too many passwords; try again in some seconds".to_owned()
            }
            Self::TokenService(why) => format!("[SYS/TEMP] {why}"),
        })
    }

    /// How a login ends that this refuses: denied where the client is told that its credentials are wrong.
    pub(super) fn login_outcome(&self) -> LoginOutcome {
        match self {
            Self::Token(_) | Self::TokenDamaged(_) | Self::Consent(_) => LoginOutcome::Denied,
            _ => LoginOutcome::Error,
        }
    }

    /// The whole line for the client; empty where it could not be read.
    pub fn line(&self) -> String {
        self.wire().map_or_else(String::new, |text| {
            format!("-ERR {}\r\n", printable(text.as_bytes(), 400))
        })
    }

    /// All labels.
    pub const LABELS: &[&str] = &[
        "sessions",
        "pending_sessions",
        "sessions_per_address",
        "sessions_per_mailbox",
        "login_throttled",
        "logins_in_flight",
        "plaintext",
        "proxy_untrusted",
        "proxy_header",
        "handshake",
        "handshakes",
        "unknown_sni",
        "no_sni",
        "loop",
        "not_redirected",
        "user_name",
        "no_upstream",
        "apop",
        "user_name_too_long",
        "line_too_long",
        "long_lines",
        "token",
        "token_damaged",
        "consent",
        "password_checks",
        "token_service",
    ];

    /// The value of the label `reason`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::PendingSessions => "pending_sessions",
            Self::SessionsOfAddress(_) => "sessions_per_address",
            Self::SessionsOfMailbox(_) => "sessions_per_mailbox",
            Self::LoginPause(_) => "login_throttled",
            Self::LoginsInFlight => "logins_in_flight",
            Self::Plaintext => "plaintext",
            Self::ProxyUntrusted => "proxy_untrusted",
            Self::ProxyHeader(_) => "proxy_header",
            Self::Handshake(_) => "handshake",
            Self::Handshakes(_) => "handshakes",
            Self::UnknownSni(_) => "unknown_sni",
            Self::NoSni => "no_sni",
            Self::Loop => "loop",
            Self::NotRedirected => "not_redirected",
            Self::UserName(_) => "user_name",
            Self::NoUpstream => "no_upstream",
            Self::Apop => "apop",
            Self::NameTooLong => "user_name_too_long",
            Self::LineTooLong => "line_too_long",
            Self::LongLines => "long_lines",
            Self::Token(_) => "token",
            Self::TokenDamaged(_) => "token_damaged",
            Self::Consent(_) => "consent",
            Self::PasswordChecks => "password_checks",
            Self::TokenService(_) => "token_service",
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sessions => f.write_str("limits.sessions is reached"),
            Self::PendingSessions => {
                f.write_str("limits.pending_sessions is reached, and the client had not logged in")
            }
            Self::SessionsOfAddress(most) => {
                write!(f, "limits.sessions_per_address is reached: {most}")
            }
            Self::SessionsOfMailbox(most) => {
                write!(f, "limits.sessions_per_mailbox is reached: {most}")
            }
            Self::LoginPause(_) => f.write_str("limits.login_failures is reached"),
            Self::LoginsInFlight => f.write_str(
                "limits.login_failures is reached by logins that the server has not answered",
            ),
            Self::Plaintext => f.write_str("a login without TLS from another machine"),
            Self::ProxyUntrusted => {
                f.write_str("not in the list `trusted_proxies`, so its PROXY header is not read")
            }
            Self::ProxyHeader(error) => error.fmt(f),
            Self::Handshake(error) => {
                write!(
                    f,
                    "TLS with the client failed: {}",
                    Plain(error, Peer::Client)
                )
            }
            Self::Handshakes(most) => {
                write!(
                    f,
                    "limits.handshakes is reached, and {most} clients wait for TLS"
                )
            }
            Self::UnknownSni(name) => write!(f, "no certificate for the name {name}"),
            Self::NoSni => f.write_str("TLS without a name (SNI) on a transparent listener"),
            Self::Loop => f.write_str(
                "the client is popgate itself: exempt its user from the firewall's redirect",
            ),
            Self::NotRedirected => f.write_str(
                "a direct connection to a transparent listener, not redirected by the firewall",
            ),
            Self::UserName(error) => error.fmt(f),
            Self::NoUpstream => f.write_str("no [[upstream]] is configured for this client"),
            Self::Apop => f.write_str("APOP where the user name decides on the server"),
            Self::NameTooLong => f.write_str("limits.user_name is exceeded"),
            Self::LineTooLong => f.write_str("limits.command_line or limits.auth_line is exceeded"),
            Self::LongLines => f.write_str(
                "unfinished AUTH lines of clients that are not logged in have 8 MiB together",
            ),
            Self::PasswordChecks => f.write_str("too many password checks wait for OAuth logins"),
            Self::Token(why)
            | Self::TokenDamaged(why)
            | Self::Consent(why)
            | Self::TokenService(why) => f.write_str(why),
        }
    }
}
