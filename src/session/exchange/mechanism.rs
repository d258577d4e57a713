//! Login mechanisms, as labels for metrics and log: a closed set, never the client's text.
//!
//! RFC 1939 section 7 (USER and PASS, APOP), RFC 5034 (AUTH).

use crate::pop3::Command;

/// A login mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the SASL registry")]
pub enum Mechanism {
    UserPass,
    Apop,
    Plain,
    Login,
    CramMd5,
    DigestMd5,
    ScramSha1,
    ScramSha256,
    XOauth2,
    OauthBearer,
    Gssapi,
    Ntlm,
    /// The client's password decrypts popgate's OAuth token.
    Oauth,
    /// Any other.
    Other,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::UserPass,
        Self::Apop,
        Self::Plain,
        Self::Login,
        Self::CramMd5,
        Self::DigestMd5,
        Self::ScramSha1,
        Self::ScramSha256,
        Self::XOauth2,
        Self::OauthBearer,
        Self::Gssapi,
        Self::Ntlm,
        Self::Oauth,
        Self::Other,
    ];

    /// Every label.
    pub const LABELS: [&'static str; Self::ALL.len()] = {
        let mut labels = [""; Self::ALL.len()];
        let mut at = 0;
        while at < labels.len() {
            labels[at] = Self::ALL[at].label();
            at += 1;
        }
        labels
    };

    /// The mechanism of a command that carries a credential; `None` for other commands.
    pub fn of<N>(command: &Command<N>) -> Option<Self> {
        let Command::Auth { mechanism, .. } = command else {
            return match command {
                Command::Pass => Some(Self::UserPass),
                Command::Apop => Some(Self::Apop),
                _ => None,
            };
        };
        let known = Self::ALL.into_iter().find(|known| {
            known
                .sasl_name()
                .is_some_and(|name| name == mechanism.as_str())
        });
        Some(known.unwrap_or(Self::Other))
    }

    /// Its name in SASL, if it has one.
    fn sasl_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::DigestMd5 => "DIGEST-MD5",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::XOauth2 => "XOAUTH2",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Gssapi => "GSSAPI",
            Self::Ntlm => "NTLM",
            Self::UserPass | Self::Apop | Self::Oauth | Self::Other => return None,
        })
    }

    /// The value of the label `mechanism`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UserPass => "userpass",
            Self::Apop => "apop",
            Self::Plain => "plain",
            Self::Login => "login",
            Self::CramMd5 => "cram-md5",
            Self::DigestMd5 => "digest-md5",
            Self::ScramSha1 => "scram-sha-1",
            Self::ScramSha256 => "scram-sha-256",
            Self::XOauth2 => "xoauth2",
            Self::OauthBearer => "oauthbearer",
            Self::Gssapi => "gssapi",
            Self::Ntlm => "ntlm",
            Self::Oauth => "oauth",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_has_its_own_label() {
        let of = |line: &str| Mechanism::of(&Command::parse(line.as_bytes())).map(Mechanism::label);
        assert_eq!(of("PASS x"), Some("userpass"));
        assert_eq!(of("AUTH scram-sha-256"), Some("scram-sha-256"));
        assert_eq!(of("AUTH X-MADE-UP"), Some("other"));
        assert_eq!(of("STAT"), None);
        let labels: std::collections::BTreeSet<_> = Mechanism::ALL.map(Mechanism::label).into();
        assert_eq!(labels.len(), Mechanism::ALL.len());
    }
}
