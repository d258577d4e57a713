//! The id that popgate gives a message: the value of X-Popgate-Id, and the key of history and quarantine.

use std::fmt;
use std::sync::Arc;

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
        for wrong in ["", "-x", "../x", "a b", "a\n", &"x".repeat(65)] {
            assert_eq!(PopgateId::new(wrong), None, "{wrong}");
        }
    }
}
