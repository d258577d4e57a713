//! Whose weights lie on top of those that all mailboxes share.

use std::fmt;
use std::sync::Arc;

use crate::mailbox_id::{MailboxId, UpstreamId, canonical_user};

/// Between user and server in a stored key: no user name has it.
const SEPARATOR: char = '\x1f';

/// The owner of weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WeightsOwner {
    /// One mailbox.
    Mailbox(MailboxId),
    /// Every mailbox with this user name: what was taught where no server was configured, and by popgate 0.1.
    User(Arc<str>),
}

impl WeightsOwner {
    /// Reads a stored key; `None` if it is none.
    pub fn from_key(key: &str) -> Option<Self> {
        match key.split_once(SEPARATOR) {
            Some((user, upstream)) => {
                let upstream = UpstreamId::from_stored(upstream);
                MailboxId::new(upstream, user).map(Self::Mailbox)
            }
            None => canonical_user(key).map(Self::User),
        }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        match self {
            Self::Mailbox(mailbox) => mailbox.user(),
            Self::User(user) => user,
        }
    }

    /// The key to store it under.
    pub fn key(&self) -> String {
        match self {
            Self::Mailbox(mailbox) => {
                format!("{}{SEPARATOR}{}", mailbox.user(), mailbox.upstream())
            }
            Self::User(user) => user.to_string(),
        }
    }

    /// Whose weights hold where this owner has none: those of the user name.
    pub fn fallback(&self) -> Option<Self> {
        match self {
            Self::Mailbox(mailbox) => Some(Self::User(Arc::clone(mailbox.user()))),
            Self::User(_) => None,
        }
    }
}

impl fmt::Display for WeightsOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::User(user) => user.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_keys_round_trip() {
        let mailbox = MailboxId::new(UpstreamId::new("pop.example.net", 1995), "ann@example.net");
        let mailbox = WeightsOwner::Mailbox(mailbox.unwrap());
        assert_eq!(
            WeightsOwner::from_key(&mailbox.key()),
            Some(mailbox.clone())
        );
        let user = WeightsOwner::from_key("ann@example.net").unwrap();
        assert_eq!(user, WeightsOwner::User("ann@example.net".into()));
        assert_eq!(user.key(), "ann@example.net");
        assert_eq!(mailbox.fallback(), Some(user.clone()));
        assert_eq!(user.fallback(), None);
        assert_eq!(WeightsOwner::from_key(""), None);
    }
}
