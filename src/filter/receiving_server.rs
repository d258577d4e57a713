//! The server that checks a mailbox's mail, as its messages show it: whose Authentication-Results fields count (RFC 8601
//! section 5).
//!
//! In: who wrote the topmost such field of each message of a mailbox; out: the server that wrote most of them, once that is
//! certain. A sender can write such a field, too, with any name. Where the mailbox's own server writes none, nobody removes it.

use std::sync::Arc;

/// Who wrote the topmost Authentication-Results field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedBy {
    /// There is no such field.
    Nobody,
    /// A server that leaves its name out, as Microsoft's do.
    Unnamed,
    /// A server in this registrable domain.
    Server(Arc<str>),
}

/// What one message says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Who wrote the field.
    pub by: CheckedBy,
    /// The field stands where only receiving servers write.
    pub is_above: bool,
    /// It has the name of the server that got the message.
    pub has_own_name: bool,
}

/// What the messages of a mailbox say: a majority vote that forgets (Boyer and Moore 1981), so that a provider may
/// change its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivingServer {
    by: CheckedBy,
    weight: u8,
}

impl ReceivingServer {
    /// More messages than this add nothing.
    pub const MOST: u8 = 20;

    /// So many messages more than of all others are certain.
    const CERTAIN: u8 = 10;

    /// As the store keeps it.
    pub fn new(by: CheckedBy, weight: u8) -> Self {
        Self { by, weight }
    }

    /// Whose fields count, if that is certain.
    pub fn certain(&self) -> Option<&CheckedBy> {
        (self.weight >= Self::CERTAIN).then_some(&self.by)
    }

    /// Whether a message would change it.
    pub fn is_changed_by(&self, observed: &Observed) -> bool {
        self.weight < Self::MOST || self.by != observed.by
    }
}

impl Observed {
    /// How much it weighs against another server. One that checks only some messages is not nobody: what looks like the
    /// receiving server's counts more than messages without.
    pub fn weight(&self) -> u8 {
        match self.is_above || self.has_own_name {
            true => 5,
            false => 1,
        }
    }
}

impl CheckedBy {
    /// As text, which [`Self::read`] reads.
    pub fn text(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Unnamed => "unnamed".to_owned(),
            Self::Server(domain) => format!("server {domain}"),
        }
    }

    /// Reads a text; `None` if it is something else.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "nobody" => Some(Self::Nobody),
            "unnamed" => Some(Self::Unnamed),
            _ => text
                .strip_prefix("server ")
                .map(|it| Self::Server(it.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_were_written() {
        let server = CheckedBy::Server("nobody".into());
        for by in [CheckedBy::Nobody, CheckedBy::Unnamed, server] {
            assert_eq!(CheckedBy::read(&by.text()), Some(by));
        }
        assert_eq!(CheckedBy::read("somebody"), None);
    }
}
