//! By which servers a message came to the mailbox, and how many lessons of each kind came by each.
//!
//! In: Received fields; out: the domains of the servers nearest to the mailbox, hashed, and counts. The topmost field is
//! that of the receiving server (RFC 5321 section 4.4), and the next one that of the server before it; a sender can write
//! fields only below those. Names that many servers have in common say nothing: localhost, addresses, hosts
//! without a domain. Where a mailbox's own servers write no field that names them, a sender may name any server; what that is
//! worth is bounded ([`super::taught`]).

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::hash::Hash;
use crate::filter::received::{Received, is_private};
use crate::message::Headers;
use crate::message::url::registrable;

/// Servers of a message that count.
pub const DEPTH: usize = 2;

/// Received fields that are looked at: providers pass a message on within.
const FIELDS: usize = 6;

/// Different from the salts of groups of features.
const SALT: u64 = 2001;

/// A server's domain, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop(pub NonZeroU16);

impl Hop {
    /// In its place: what a server has passed on is other mail than what it brings to a mailbox.
    fn of(domain: &str, place: usize) -> Self {
        let hash = Hash::salted(SALT)
            .with_number(place as u64)
            .with(domain.as_bytes())
            .whole()
            >> 48;
        Self(NonZeroU16::new(hash as u16).unwrap_or(NonZeroU16::MIN))
    }

    /// Reads one; `None` if these octets are none.
    pub fn from_bytes(octets: [u8; 2]) -> Option<Self> {
        NonZeroU16::new(u16::from_le_bytes(octets)).map(Self)
    }
}

/// The servers that a message came by, the nearest to the mailbox first; nothing where nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hops([Option<Hop>; DEPTH]);

impl Hops {
    /// The servers of a message. That no field names one is known, too.
    pub fn of(headers: &Headers<'_>) -> Self {
        let mut hops = Self::default();
        let mut at = 0;
        let mut named = None;
        for value in headers.values("received").take(FIELDS) {
            let by = Received::of_value(&value).by;
            let Some(domain) = by.and_then(|by| domain(&by)) else {
                continue;
            };
            if named.as_ref() == Some(&domain) {
                continue;
            }
            hops.0[at] = Some(Hop::of(&domain, at));
            named = Some(domain);
            at += 1;
            if at == DEPTH {
                break;
            }
        }
        hops.0[0].get_or_insert(Hop::of("", 0));
        hops
    }

    /// Appends them: their number, and two octets for each.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.iter().count() as u8);
        self.iter()
            .for_each(|hop| out.extend_from_slice(&hop.0.get().to_le_bytes()));
    }

    /// Reads what [`Self::write`] wrote; `None` if these octets are something else.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let (hops, rest) = Self::read_first(octets)?;
        rest.is_empty().then_some(hops)
    }

    /// The same, with what follows them.
    pub fn read_first(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (count, rest) = octets.split_first()?;
        let (list, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let mut hops = Self::default();
        for (at, octets) in list.chunks_exact(2).enumerate() {
            *hops.0.get_mut(at)? = Some(Hop::from_bytes(octets.try_into().ok()?)?);
        }
        Some((hops, rest))
    }

    /// Each of them.
    fn iter(&self) -> impl Iterator<Item = Hop> {
        self.0.into_iter().flatten()
    }

    /// Those that have a name. What messages without one have in common is not a server.
    pub fn named(&self) -> impl Iterator<Item = Hop> {
        let nameless = Hop::of("", 0);
        self.iter().filter(move |hop| *hop != nameless)
    }

    /// Whether anything is known.
    pub fn are_known(&self) -> bool {
        self.0[0].is_some()
    }
}

/// The domain of a host; `None` if its name tells nothing.
fn domain(host: &str) -> Option<String> {
    let is_name = host.contains('.') && !host.contains([':', '[', '@']);
    if !is_name || is_private(host) {
        return None;
    }
    registrable(host).map(str::to_owned)
}

/// Parts of the counts: each lesson makes a copy of the one that it changes, while others read the one before.
const PARTS: usize = 64;

/// How many lessons of each kind came by each server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopCounts([Arc<BTreeMap<Hop, Counts>>; PARTS]);

impl Default for HopCounts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Arc::default()))
    }
}

/// The part that a server is in: they follow one another in the order of servers.
fn part(hop: Hop) -> usize {
    (usize::from(hop.0.get()) * PARTS) >> u16::BITS
}

impl HopCounts {
    /// Adds a lesson, or takes it back.
    pub fn count(&mut self, hops: Hops, is_spam: bool, back: bool) {
        for hop in hops.named() {
            let part = Arc::make_mut(&mut self.0[part(hop)]);
            let counts = part.entry(hop).or_default();
            let count = counts.of(is_spam);
            *count = match back {
                true => count.saturating_sub(1),
                false => *count + 1,
            };
            if *counts == Counts::default() {
                part.remove(&hop);
            }
        }
    }

    /// The lessons that came by a server.
    pub fn by(&self, hop: Hop) -> Counts {
        self.0[part(hop)].get(&hop).copied().unwrap_or_default()
    }

    /// Servers that lessons came by.
    pub fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Hop, Counts)> {
        let all = self.0.iter().flat_map(|part| part.iter());
        all.map(|(hop, counts)| (*hop, *counts))
    }
}

impl FromIterator<(Hop, Counts)> for HopCounts {
    fn from_iter<I: IntoIterator<Item = (Hop, Counts)>>(all: I) -> Self {
        let mut counts = Self::default();
        for (hop, of_it) in all {
            Arc::make_mut(&mut counts.0[part(hop)]).insert(hop, of_it);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(received: &[&str]) -> Hops {
        let fields: String = received
            .iter()
            .map(|it| format!("Received: {it}\r\n"))
            .collect();
        Hops::of(&Headers::of(
            format!("{fields}Subject: x\r\n\r\n").as_bytes(),
        ))
    }

    fn named(domains: &[&str]) -> Vec<Hop> {
        let hop = |(place, domain): (usize, &&str)| Hop::of(domain, place);
        domains.iter().enumerate().map(hop).collect()
    }

    #[test]
    fn servers_are_named_by_their_domains() {
        let table: &[(&[&str], &[&str])] = &[
            (&[], &[""]),
            (
                &["from a.example by MX3.Example.NET. with ESMTP"],
                &["example.net"],
            ),
            // Several servers of one domain are one; the third domain is too far away.
            (
                &[
                    "from a by mx1.example.net; Mon",
                    "from b by filter.example.net (x)",
                    "from c by mail.example.org",
                    "from d by example.com",
                ],
                &["example.net", "example.org"],
            ),
            // What a program that fetches mail, a filter or a provider's inside says of itself is the same everywhere.
            (
                &[
                    "from pop.example.net [192.0.2.1] by localhost with POP3 (fetchmail-6.4)",
                    "by 2002:a05:6402:50c9:b0:5d4:322f:18f6 with SMTP id h9csp",
                    "by 10.27.1.3 with SMTP id a1",
                    "(qmail 4711 invoked by uid 89); 1 Jul 2026",
                    "from x by exch1.corp.local with MAPI",
                    "from mail.example.com (by evil [192.0.2.9]) by mx.example.org with ESMTPS",
                ],
                &["example.org"],
            ),
            (&["by localhost"], &[""]),
            (&["from a.example id 7"], &[""]),
            (
                &["from a\r\n\tby mx.example.co.uk;\r\n\tMon"],
                &["example.co.uk"],
            ),
        ];
        for (received, domains) in table {
            let found: Vec<Hop> = hops(received).iter().collect();
            assert_eq!(found, named(domains), "{received:?}");
        }
    }

    #[test]
    fn hops_are_read_as_they_were_written() {
        for hops in [
            Hops::default(),
            hops(&[]),
            hops(&["by mx.example.net", "by mx.example.org"]),
        ] {
            let mut octets = Vec::new();
            hops.write(&mut octets);
            assert_eq!(Hops::read(&octets), Some(hops));
            for cut in 0..octets.len() {
                assert_eq!(Hops::read(&octets[..cut]), None);
            }
            octets.push(0);
            assert_eq!(Hops::read(&octets), None);
        }
        assert_eq!(Hops::read(&[1, 0, 0]), None, "a hash is never 0");
        assert_eq!(Hops::read(&[3, 1, 0, 2, 0, 3, 0]), None, "too many");
    }

    #[test]
    fn counts_are_the_same_in_every_order_and_taken_back() {
        let lessons = [
            (hops(&["by mx.example.net"]), true),
            (hops(&["by mx.example.net", "by mx.example.org"]), false),
            (hops(&[]), true),
            (Hops::default(), true),
        ];
        let (mut counts, mut reversed) = (HopCounts::default(), HopCounts::default());
        for (hops, is_spam) in lessons {
            counts.count(hops, is_spam, false);
        }
        for (hops, is_spam) in lessons.into_iter().rev() {
            reversed.count(hops, is_spam, false);
        }
        assert_eq!(counts, reversed);
        // Not what has no name, or is not known.
        assert_eq!(counts.len(), 2);
        assert_eq!(counts.by(Hop::of("", 0)), Counts::default());
        let both = counts.by(Hop::of("example.net", 0));
        assert_eq!(both, Counts { ham: 1, spam: 1 });
        for (hops, is_spam) in lessons {
            counts.count(hops, is_spam, true);
        }
        assert_eq!(counts, HopCounts::default());
    }
}
