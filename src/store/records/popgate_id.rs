//! The id that popgate gives a message: the value of X-Popgate-Id, and the key of history and quarantine.

use std::fmt;
use std::sync::Arc;

use crate::pop3::Uidl;

/// The most octets of an id.
const LONGEST: usize = 64;

/// See the module: letters, digits and hyphens, so that it is safe in a header, a URL and a file's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PopgateId(Arc<str>);

impl PopgateId {
    /// `None` if it is empty, begins with a hyphen, is longer than 64 octets, or has other characters.
    pub fn new(text: &str) -> Option<Self> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let fits = !text.is_empty() && text.len() <= LONGEST && !text.starts_with('-');
        (fits && text.bytes().all(is_id)).then(|| Self(text.into()))
    }

    /// The id of the message whose entry in a mailbox has this UIDL; see [`Self::own_uidl`].
    pub fn of_own_uidl(uidl: &Uidl) -> Option<Self> {
        Self::new(std::str::from_utf8(uidl.own_name()?).ok()?)
    }

    /// The UIDL of the message as an entry of popgate's own.
    pub fn own_uidl(&self) -> Uidl {
        Uidl::own(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PopgateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_in_a_file_name() {
        assert_eq!(PopgateId::new("65a1-0b").unwrap().as_str(), "65a1-0b");
        let id = PopgateId::new("65a1-0b").unwrap();
        assert_eq!(id.own_uidl().to_string(), "popgate-65a1-0b");
        assert_eq!(PopgateId::of_own_uidl(&id.own_uidl()), Some(id));
        let upstreams = Uidl::new(b"65a1-0b").unwrap();
        assert_eq!(PopgateId::of_own_uidl(&upstreams), None);
        for wrong in ["", "-x", "../x", "a b", "a\n", &"x".repeat(65)] {
            assert_eq!(PopgateId::new(wrong), None, "{wrong}");
        }
    }
}
