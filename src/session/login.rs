//! What is known of the login, which popgate relays and does not perform.
//!
//! RFC 1939 section 4 and 7 (USER, PASS, APOP), RFC 5034 (AUTH).

use crate::pop3::Command;

/// AUTHORIZATION or TRANSACTION (RFC 1939 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    Awaited,
    Done,
}

/// Whether a command shows who somebody is: its answer decides on the login.
pub(super) fn is_proof(command: &Command) -> bool {
    matches!(
        command,
        Command::Pass | Command::Apop | Command::Auth { .. }
    )
}

/// Every metric's name of a way to log in; `oauth` is a password turned into a token.
pub const MECHANISMS: &[&str] = &[
    "userpass",
    "apop",
    "plain",
    "login",
    "cram-md5",
    "digest-md5",
    "scram-sha-1",
    "scram-sha-256",
    "xoauth2",
    "oauthbearer",
    "gssapi",
    "ntlm",
    "oauth",
    "other",
];

/// The metric's name for the way of a login: a closed set, never the client's own word.
pub(super) fn mechanism(command: &Command) -> Option<&'static str> {
    let Command::Auth { mechanism, .. } = command else {
        return match command {
            Command::Pass => Some("userpass"),
            Command::Apop => Some("apop"),
            _ => None,
        };
    };
    Some(match mechanism.as_str() {
        "PLAIN" => "plain",
        "LOGIN" => "login",
        "CRAM-MD5" => "cram-md5",
        "DIGEST-MD5" => "digest-md5",
        "SCRAM-SHA-1" => "scram-sha-1",
        "SCRAM-SHA-256" => "scram-sha-256",
        "XOAUTH2" => "xoauth2",
        "OAUTHBEARER" => "oauthbearer",
        "GSSAPI" => "gssapi",
        "NTLM" => "ntlm",
        _ => "other",
    })
}
