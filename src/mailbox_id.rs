//! Which mailbox something belongs to: the server that holds it, and the user's name there.
//!
//! Two people called `info` at two providers have two mailboxes; one mailbox that is reached by two
//! routes, or on two ports of the same server, is one.

use std::fmt;
use std::sync::Arc;

/// User names are not longer than this, in octets.
const LONGEST_USER: usize = 320;

/// The POP3 server that holds a mailbox, by its host name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(Arc<str>);

impl UpstreamId {
    /// A server by host name or address, and port. Ports 110 and 995 are the same service (RFC 8314 section
    /// 3.2); any other port is a separate server.
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        Self(match port {
            110 | 995 => host.into(),
            port => format!("{host}:{port}").into(),
        })
    }

    /// An id that [`Self::as_str`] gave.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The host, with its port unless that is one of POP3's own.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UpstreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId {
    upstream: UpstreamId,
    user: Arc<str>,
}

impl MailboxId {
    /// A user's mailbox on a server; `None` if that is no user name.
    pub fn new(upstream: UpstreamId, user: &str) -> Option<Self> {
        Some(Self {
            upstream,
            user: canonical_user(user)?,
        })
    }

    /// The server.
    pub fn upstream(&self) -> &UpstreamId {
        &self.upstream
    }

    /// The user's name there, in lower case.
    pub fn user(&self) -> &Arc<str> {
        &self.user
    }
}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.upstream)
    }
}

/// A user name as it is compared: in lower case, because few servers distinguish case. `None` if it is empty,
/// too long, or has control characters.
pub fn canonical_user(name: &str) -> Option<Arc<str>> {
    let fits = !name.is_empty()
        && name.len() <= LONGEST_USER
        && !name.bytes().any(|octet| octet.is_ascii_control());
    fits.then(|| name.to_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(host: &str, port: u16, user: &str) -> MailboxId {
        MailboxId::new(UpstreamId::new(host, port), user).unwrap()
    }

    #[test]
    fn equal_mailboxes_have_equal_ids_and_others_differ() {
        let info = mailbox("pop.example.net", 995, "info");
        assert_eq!(info, mailbox("POP.example.net.", 110, "Info"));
        assert_ne!(info, mailbox("pop.example.org", 995, "info"));
        assert_ne!(info, mailbox("pop.example.net", 1995, "info"));
        assert_eq!(info.to_string(), "info@pop.example.net");
    }

    #[test]
    fn invalid_user_names_have_no_mailbox() {
        for name in ["", "a\r\nb", &"x".repeat(LONGEST_USER + 1)] {
            assert_eq!(canonical_user(name), None);
        }
    }
}
