//! Received fields: which server got a message from which host (RFC 5321 section 4.4).
//!
//! In: a field's value; out: the host that sent, what is known of it, and the host that received. What a client calls
//! itself (HELO) is its own word; the name that the receiving server found for its address is not.

use core::net::{IpAddr, Ipv6Addr};

use crate::message::headers::Value;
use crate::message::url::registrable;
use crate::message::value;

/// Octets of a field that are read.
const OCTETS: usize = 1000;

/// Ends of names that are no domain's.
const PRIVATE: &[&str] = &[
    "arpa",
    "home",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
];

/// Networks of Exchange Online, whose servers write the address of a client without looking it up: ARIN's allocation
/// 2603:1000::/24 and RIPE's 2a01:111::/32. Within them a host of outlook.com is what it says.
const EXCHANGE_ONLINE: &[(u128, u32)] = &[(0x2603_1000 << 96, 24), (0x2a01_0111 << 96, 32)];

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::filter) struct Received {
    /// The host that sent; `None` where the field only notes that a server passed the message on within.
    pub from: Option<SendingHost>,
    /// The host that received, in lower case.
    pub by: Option<String>,
}

/// A host that sent a message, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::filter) struct SendingHost {
    /// The name that the receiving server found for its address, or else what it called itself.
    pub name: String,
    /// The name was found by the receiving server.
    pub is_looked_up: bool,
    address: Option<IpAddr>,
}

impl Received {
    /// Reads a field.
    pub(in crate::filter) fn of(raw: &[u8]) -> Self {
        Self::of_text(&value::text(&raw[..raw.len().min(OCTETS)]))
    }

    /// The same of one that may have been decoded before.
    pub(in crate::filter) fn of_value(value: &Value<'_, '_>) -> Self {
        match value.raw.len() {
            ..=OCTETS => Self::of_text(value.text()),
            _ => Self::of(value.raw),
        }
    }

    fn of_text(text: &str) -> Self {
        let text = text.to_lowercase();
        Self {
            from: sending_host(&text),
            by: receiving_host(&text).map(str::to_owned),
        }
    }

    /// What the host that sent called itself, in lower case.
    pub(in crate::filter) fn helo(raw: &[u8]) -> Option<String> {
        let text = value::text(&raw[..raw.len().min(OCTETS)]).to_lowercase();
        let rest = text.strip_prefix("from ")?;
        let called = rest.split(' ').next()?;
        Some(called.trim_matches(['[', ']', '.']).to_owned())
    }
}

impl SendingHost {
    /// Its address, if that is one of the Internet.
    pub(in crate::filter) fn public_address(&self) -> Option<IpAddr> {
        let is_public = |it: &IpAddr| match it {
            IpAddr::V4(it) => {
                !it.is_private()
                    && !it.is_loopback()
                    && !it.is_link_local()
                    && !it.is_unspecified()
                    && !it.is_broadcast()
                    && !it.is_multicast()
                    // Carrier-grade NAT (RFC 6598).
                    && (u32::from(*it) >> 22) != (u32::from_be_bytes([100, 64, 0, 0]) >> 22)
            }
            IpAddr::V6(it) => {
                !it.is_loopback()
                    && !it.is_unique_local()
                    && !it.is_unicast_link_local()
                    && !it.is_unspecified()
                    && !it.is_multicast()
            }
        };
        let address = self.address.map(|it| it.to_canonical());
        address.filter(is_public)
    }

    /// Whether a host is of the receiving domain `own`, as far as the sender could not have made it up: its name was looked
    /// up, or its address is one of a private network, where a server without a domain is the receiver's, too.
    pub(in crate::filter) fn is_inner(&self, own: &str) -> bool {
        let is_own = !self.name.contains('.') || owner(&self.name) == own || is_private(&self.name);
        is_own && (self.is_looked_up || self.is_local() || self.is_of_exchange_online(own))
    }

    /// Whether its address is one of a private network, or of the receiving machine.
    fn is_local(&self) -> bool {
        match self.address {
            Some(IpAddr::V4(it)) => it.is_private() || it.is_loopback() || it.is_link_local(),
            Some(IpAddr::V6(it)) => {
                it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local()
            }
            None => false,
        }
    }

    fn is_of_exchange_online(&self, own: &str) -> bool {
        let is_in = |address: Ipv6Addr| {
            let mut networks = EXCHANGE_ONLINE.iter();
            networks
                .any(|(network, bits)| (address.to_bits() ^ network) >> (u128::BITS - bits) == 0)
        };
        own == "outlook.com" && matches!(self.address, Some(IpAddr::V6(it)) if is_in(it))
    }
}

/// The registrable domain of a host, or the host if it has none.
pub(in crate::filter) fn owner(host: &str) -> &str {
    registrable(host).unwrap_or(host)
}

/// Whether a name is not that of a domain on the Internet.
pub(in crate::filter) fn is_private(host: &str) -> bool {
    host.rsplit('.')
        .next()
        .is_some_and(|ending| PRIVATE.contains(&ending))
}

/// What follows `from`: the name that the client called itself, and in a comment what the server found.
fn sending_host(text: &str) -> Option<SendingHost> {
    let rest = text.strip_prefix("from ")?;
    let called = rest.split(' ').next()?;
    let comment = rest[called.len()..].trim_start();
    let comment = comment.strip_prefix('(').unwrap_or_default();
    let comment = comment.split(')').next().unwrap_or_default();
    let found = comment.split(' ').next().unwrap_or_default();
    let found = found.trim_end_matches('.');
    let is_looked_up = found.contains('.')
        && found.contains(|letter: char| letter.is_ascii_alphabetic())
        && !found.contains(['[', ':', '=']);
    let name = match found {
        _ if is_looked_up => found,
        "unknown" => "unknown.invalid",
        _ => called.trim_end_matches('.'),
    };
    Some(SendingHost {
        name: name.to_owned(),
        is_looked_up,
        address: comment.split(' ').chain([called]).find_map(address),
    })
}

fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim_matches(['[', ']', ',']);
    let word = word.strip_prefix("ipv6:").unwrap_or(word);
    word.parse().ok()
}

/// What follows `by`, outside of comments.
fn receiving_host(text: &str) -> Option<&str> {
    let mut depth = 0_u32;
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if depth == 0 && word == "by" {
            let host = words.next()?;
            let end = host.find([';', '(', ',']).unwrap_or(host.len());
            return Some(host[..end].trim_matches(['.', '<', '>']));
        }
        for letter in word.bytes() {
            match letter {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Option<SendingHost> {
        Received::of(text.as_bytes()).from
    }

    #[test]
    fn the_sending_host_is_the_one_that_was_looked_up() {
        for (text, host, is_looked_up) in [
            (
                "from a.example (b.example [192.0.2.1]) by c",
                "b.example",
                true,
            ),
            ("From A.example (192.0.2.1) by c", "a.example", false),
            (
                "from a.example (unknown [192.0.2.1]) by c",
                "unknown.invalid",
                false,
            ),
            ("from a.example ([192.0.2.1]) by c", "a.example", false),
            (
                "from a.example. (b.example. [192.0.2.1]) by c",
                "b.example",
                true,
            ),
            ("from a.example (2001:db8::1) by c", "a.example", false),
            ("from a.example (helo=b.example) by c", "a.example", false),
            ("from a.example by c", "a.example", false),
        ] {
            let found = from(text).unwrap();
            assert_eq!(
                (&*found.name, found.is_looked_up),
                (host, is_looked_up),
                "{text}"
            );
        }
        assert_eq!(from("by c with smtp"), None);
    }

    #[test]
    fn the_receiving_host_follows_by() {
        for (text, host) in [
            ("from a by C.example. with x", Some("c.example")),
            ("by c; x", Some("c")),
            ("from a (by evil [192.0.2.9]) by c(d)", Some("c")),
            ("from a id 7", None),
        ] {
            let by = Received::of(text.as_bytes()).by;
            assert_eq!(by.as_deref(), host, "{text}");
        }
    }

    #[test]
    fn a_host_is_inner_only_by_what_its_client_cannot_say() {
        for (text, own, is_inner) in [
            (
                "from x (mx.example.com [192.0.2.9]) by",
                "example.com",
                true,
            ),
            (
                "from mx.example.com (x.example [192.0.2.9]) by",
                "example.com",
                false,
            ),
            ("from mx.example.com ([192.0.2.9]) by", "example.com", false),
            ("from mx.example.com (192.0.2.9) by", "example.com", false),
            ("from mx.example.com by", "example.com", false),
            ("from mailer ([192.0.2.9]) by", "example.com", false),
            (
                "from localhost (x.example [192.0.2.9]) by",
                "example.com",
                false,
            ),
            ("from mx.example.com ([10.1.2.3]) by", "example.com", true),
            (
                "from localhost (localhost [127.0.0.1]) by",
                "example.com",
                true,
            ),
            ("from mailer ([IPv6:fd00::3]) by", "example.com", true),
            ("from exch.corp.local (192.168.1.2) by", "example.com", true),
            // A notebook behind a home's router is not the receiver's server.
            (
                "from mail.example.org ([10.1.2.3]) by",
                "example.com",
                false,
            ),
            (
                "from a.outlook.com (2603:10b6:1::2) by",
                "outlook.com",
                true,
            ),
            (
                "from a.outlook.com (2001:db8:1::2) by",
                "outlook.com",
                false,
            ),
            (
                "from a.example.com (2603:10b6:1::2) by",
                "example.com",
                false,
            ),
        ] {
            assert_eq!(from(text).unwrap().is_inner(own), is_inner, "{text}");
        }
    }
}
