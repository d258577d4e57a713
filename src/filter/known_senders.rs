//! Who has written to a mailbox before, as a verdict needs it.
//!
//! In: names and counts, which the caller has looked up; out: what is known of an address. Names may be keyed hashes: they
//! can be compared, and not be read.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use ring::hmac;

use crate::filter::list_pattern::ListPattern;

/// Octets of a hash that names somebody.
const HASH: usize = 16;

/// How senders are named.
#[derive(Debug, Clone, Default)]
pub enum SenderNames {
    /// By their addresses.
    #[default]
    Plain,
    /// By hashes of address and domain, with this key.
    Hashed(Arc<hmac::Key>),
}

impl SenderNames {
    /// The name of an address: what is before and after its `@`, or hashes of the whole and of its domain.
    pub fn of(&self, address: &str) -> String {
        let address = ListPattern::normal(address);
        match self {
            Self::Plain => address,
            Self::Hashed(key) => {
                let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
                format!("{}@{}", hashed(key, &address), hashed(key, domain))
            }
        }
    }

    /// A text as it is kept.
    pub fn text(&self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Hashed(key) => hashed(key, text),
        }
    }
}

fn hashed(key: &hmac::Key, text: &str) -> String {
    let tag = hmac::sign(key, text.as_bytes());
    let octets = tag.as_ref().iter().take(HASH);
    octets.map(|octet| format!("{octet:02x}")).collect()
}

/// What is known of an address, or of a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownSender {
    /// Days since the first message.
    pub days: u32,
    /// Messages for which the receiving server vouched.
    pub authenticated: u32,
    /// Messages that are not spam.
    pub ham: u32,
    /// Messages that are spam.
    pub spam: u32,
}

/// A [`KnownSender`] in half of the memory, which each session needs some thousand times. More than its numbers hold makes
/// no difference.
#[derive(Debug, Clone, Copy)]
struct Kept([u16; 4]);

impl From<KnownSender> for Kept {
    fn from(known: KnownSender) -> Self {
        let counts = [known.days, known.authenticated, known.ham, known.spam];
        Self(counts.map(|count| u16::try_from(count).unwrap_or(u16::MAX)))
    }
}

impl From<Kept> for KnownSender {
    fn from(kept: Kept) -> Self {
        let [days, authenticated, ham, spam] = kept.0.map(u32::from);
        Self {
            days,
            authenticated,
            ham,
            spam,
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct KnownSenders {
    names: SenderNames,
    /// By the hash of a name, of which 32 bits tell some thousand apart: a sender cannot choose what it collides with.
    known: HashMap<u32, Kept>,
    hasher: RandomState,
    is_complete: bool,
}

impl KnownSenders {
    /// None yet. Of somebody who is not added nothing is known if they are complete.
    pub fn new(names: SenderNames, is_complete: bool) -> Self {
        Self {
            names,
            is_complete,
            ..Self::default()
        }
    }

    /// Adds an address, or a domain with a leading `@`, by its name.
    pub fn add(&mut self, name: &str, known: KnownSender) {
        self.known.insert(self.key(name), known.into());
    }

    /// What is known of an address.
    pub fn about(&self, address: &str) -> Option<KnownSender> {
        self.get(&self.names.of(address))
    }

    /// What is known of the domain of an address.
    pub fn about_domain(&self, address: &str) -> Option<KnownSender> {
        let name = self.names.of(address);
        let domain = &name[name.rfind('@')?..];
        self.get(domain)
    }

    fn get(&self, name: &str) -> Option<KnownSender> {
        let kept = self.known.get(&self.key(name))?;
        Some((*kept).into())
    }

    fn key(&self, name: &str) -> u32 {
        // The upper half is as good as the lower.
        (self.hasher.hash_one(name) >> 32) as u32
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether all that ever wrote are among them.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_spelling_and_hashes_with_their_key_only() {
        let key = |text: &[u8]| Arc::new(hmac::Key::new(hmac::HMAC_SHA256, text));
        let known = KnownSender {
            ham: 3,
            spam: 70_000,
            ..KnownSender::default()
        };
        let found = KnownSender {
            spam: 65_535,
            ..known
        };
        for names in [SenderNames::Plain, SenderNames::Hashed(key(b"a"))] {
            let mut senders = KnownSenders::new(names.clone(), true);
            let name = names.of("ann@example.net");
            senders.add(&name, known);
            senders.add(&name[name.rfind('@').unwrap()..], known);
            assert_eq!(senders.about("Ann@Example.NET"), Some(found));
            assert_eq!(senders.about("eve@example.net"), None);
            assert_eq!(senders.about_domain("eve@example.net"), Some(found));
            assert_eq!(senders.about_domain("ann@example.org"), None);
        }
        let hashed = SenderNames::Hashed(key(b"a")).of("ann@example.net");
        assert!(
            !hashed.contains("example") && hashed.len() == 65,
            "{hashed}"
        );
        assert_ne!(hashed, SenderNames::Hashed(key(b"b")).of("ann@example.net"));
    }
}
