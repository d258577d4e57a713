//! A message's unique id, as UIDL lists it.
//!
//! In: the octets after a message's number; out: the same octets, for the client, and as a key for what is remembered
//! of the message.
//!
//! RFC 1939 section 7 allows 1 to 70 octets from 0x21 to 0x7E. Servers send longer ones, blanks within, and octets of
//! other character sets: what has no control octet and fits a line is accepted.

use std::fmt;
use std::sync::Arc;

/// The most octets of a unique id.
const LONGEST: usize = 255;

/// The beginning of the unique ids of popgate's own messages.
const OWN: &[u8] = b"popgate-";

/// See the module.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uidl(Arc<[u8]>);

impl Uidl {
    /// `None` if it is empty, blank, longer than 255 octets, or has control octets.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let fits = !octets.trim_ascii().is_empty()
            && octets.len() <= LONGEST
            && !octets.iter().any(u8::is_ascii_control);
        fits.then(|| Self(octets.into()))
    }

    /// The id of one of popgate's own messages, by its name: letters, digits and hyphens.
    pub fn own(name: &str) -> Self {
        Self([OWN, name.as_bytes()].concat().into())
    }

    /// The name of one of popgate's own messages.
    pub fn own_name(&self) -> Option<&[u8]> {
        self.0.strip_prefix(OWN)
    }

    /// The octets as the server sent them.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is, by its beginning, the id of one of popgate's own messages.
    pub fn is_own(&self) -> bool {
        self.0.starts_with(OWN)
    }
}

impl fmt::Display for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_rfc_and_of_real_servers_are_accepted() {
        let longest = [b'x'; LONGEST];
        for octets in [
            b"whqtswO00WBw418f9t5JxYwZ".as_slice(),
            b"1",
            b"UID 7-1",
            b"m\xfcll",
            &longest,
        ] {
            let uidl = Uidl::new(octets).unwrap();
            assert_eq!(uidl.octets(), octets);
            assert!(!uidl.is_own());
        }
        assert!(Uidl::new(b"popgate-1-2").unwrap().is_own());
    }

    #[test]
    fn what_does_not_fit_a_line_is_refused() {
        for octets in [
            b"".as_slice(),
            b" ",
            b"a\tb",
            b"a\r",
            b"\x7f",
            &[b'x'; LONGEST + 1],
        ] {
            assert_eq!(Uidl::new(octets), None, "{octets:?}");
        }
    }
}
