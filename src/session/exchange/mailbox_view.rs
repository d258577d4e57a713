//! The client's view of the mailbox: message numbers, deletion marks, and the sizes of messages as they will be
//! sent.
//!
//! In: the upstream's numbers and sizes; out: those for the client. Every command and response with a message
//! number or a size is mapped here, so that STAT, LIST, UIDL, TOP, RETR and DELE are consistent.
//!
//! The client sees the upstream's messages but the hidden ones, and after them entries of popgate's own. RFC 1939
//! section 5: numbers are dense and fixed for the session.

mod own_entries;

use std::collections::{BTreeMap, BTreeSet};

use crate::pop3::{ClientNumber, Command, MessageNumber, UpstreamNumber};
pub use own_entries::OwnEntry;
pub(super) use own_entries::{OwnEntries, OwnNumber};

/// See the module.
#[derive(Debug, Default)]
pub struct MailboxView {
    /// Upstream numbers that the client does not see, with their sizes there; ascending.
    hidden: Vec<(UpstreamNumber, u64)>,
    /// The change of a message's size by rewriting; by upstream number.
    grown: BTreeMap<UpstreamNumber, i64>,
    /// Marked as deleted in this session; by upstream number.
    deleted: BTreeSet<UpstreamNumber>,
    /// What the client sees after the upstream's messages.
    own: Option<Box<OwnEntries>>,
}

/// What a client's number names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A message of the upstream's.
    Upstream(UpstreamNumber),
    /// An entry of popgate's own.
    Own(OwnNumber),
}

impl MailboxView {
    /// Whether the client's view equals the upstream's, so that responses are relayed unchanged.
    pub fn is_transparent(&self) -> bool {
        self.hidden.is_empty() && self.grown.is_empty() && self.own.is_none()
    }

    /// Whether a message is hidden, so that numbers differ.
    pub fn hides(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Hides a message. Only allowed before the client has seen any number: numbers must not change within a
    /// session.
    pub fn hide(&mut self, upstream: UpstreamNumber, octets: u64) {
        match self
            .hidden
            .binary_search_by_key(&upstream, |(number, _)| *number)
        {
            Ok(place) => self.hidden[place].1 = octets,
            Err(place) => self.hidden.insert(place, (upstream, octets)),
        }
    }

    /// Shows a message after all, before the client has seen any number.
    pub(super) fn show(&mut self, upstream: UpstreamNumber) {
        self.hidden.retain(|(number, _)| *number != upstream);
    }

    /// Shows the upstream's messages and no others, before the client has seen any number.
    pub(super) fn show_upstreams(&mut self) {
        self.hidden.clear();
        self.own = None;
    }

    /// Shows these entries after the upstream's messages, of which there are so many. Only allowed before the client
    /// has seen any number.
    pub fn append(&mut self, upstream_messages: u32, entries: Vec<OwnEntry>) {
        let own = OwnEntries::new(upstream_messages, entries);
        self.own = own.map(Box::new);
    }

    /// A message will be sent with this many octets more than the upstream's.
    pub fn grow(&mut self, upstream: UpstreamNumber, octets: i64) {
        match octets {
            0 => self.grown.remove(&upstream),
            octets => self.grown.insert(upstream, octets),
        };
    }

    /// The upstream answered DELE with `+OK`.
    pub fn delete(&mut self, upstream: UpstreamNumber) {
        self.deleted.insert(upstream);
    }

    /// Whether a message of the upstream's is marked as deleted.
    pub(super) fn is_deleted(&self, upstream: UpstreamNumber) -> bool {
        self.deleted.contains(&upstream)
    }

    /// Messages of the upstream's that are marked as deleted.
    pub(super) fn deleted(&self) -> impl Iterator<Item = UpstreamNumber> {
        self.deleted.iter().copied()
    }

    /// The upstream answered RSET with `+OK`.
    pub fn reset(&mut self) {
        self.deleted.clear();
        if let Some(own) = &mut self.own {
            own.reset();
        }
    }

    /// The entries of popgate's own, if there are any.
    pub(super) fn own(&self) -> Option<&OwnEntries> {
        self.own.as_deref()
    }

    pub(super) fn own_mut(&mut self) -> Option<&mut OwnEntries> {
        self.own.as_deref_mut()
    }

    /// What a client's number names; `None` if no such message can be.
    pub(super) fn entry(&self, client: ClientNumber) -> Option<Entry> {
        let upstream = self.to_upstream(client)?;
        match self.own.as_ref().map(|own| own.after(upstream)) {
            Some(Some(place)) => Some(Entry::Own(place)),
            _ => Some(Entry::Upstream(upstream)),
        }
    }

    /// The upstream's number for a client's, if the upstream has that many messages.
    fn to_upstream(&self, client: ClientNumber) -> Option<UpstreamNumber> {
        // The hidden message at place i moves the client's numbers from `hidden[i] - i` on up by one.
        let mut low = 0;
        let mut high = self.hidden.len();
        while low < high {
            let middle = (low + high) / 2;
            let (hidden, _) = self.hidden[middle];
            match hidden.0.value() as usize - middle <= client.0.value() as usize {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let number = client.0.value().checked_add(u32::try_from(low).ok()?)?;
        MessageNumber::new(number).map(UpstreamNumber)
    }

    /// The client's number for an upstream's; `None` if it is hidden.
    pub fn to_client(&self, upstream: UpstreamNumber) -> Option<ClientNumber> {
        match self
            .hidden
            .binary_search_by_key(&upstream, |(number, _)| *number)
        {
            Ok(_) => None,
            Err(below) => {
                let number = upstream.0.value() - u32::try_from(below).ok()?;
                MessageNumber::new(number).map(ClientNumber)
            }
        }
    }

    /// The client's number of the last message that it sees up to this one of the upstream's; 0 if there is none.
    pub(super) fn last_up_to(&self, upstream: u32) -> u32 {
        let below = self
            .hidden
            .partition_point(|(number, _)| number.0.value() <= upstream);
        upstream - u32::try_from(below).unwrap_or(upstream).min(upstream)
    }

    /// The client's number of an entry of popgate's own.
    pub(super) fn own_number(&self, place: OwnNumber) -> u32 {
        let messages = self.own.as_ref().map_or(0, |own| own.upstream_messages());
        let hidden = u32::try_from(self.hidden.len()).unwrap_or(u32::MAX);
        messages
            .saturating_sub(hidden)
            .saturating_add(place.0)
            .saturating_add(1)
    }

    /// The size that a message will be sent with.
    pub fn size(&self, upstream: UpstreamNumber, octets: u64) -> u64 {
        let grown = self.grown.get(&upstream).copied().unwrap_or(0);
        octets.saturating_add_signed(grown)
    }

    /// STAT's two numbers for the client (RFC 1939: messages marked as deleted do not count).
    pub fn totals(&self, messages: u64, octets: u64) -> (u64, u64) {
        // A hidden message is never marked as deleted: it has no number for the client.
        let hidden: u64 = self.hidden.iter().map(|(_, octets)| octets).sum();
        let is_hidden = |number: &UpstreamNumber| {
            let found = self
                .hidden
                .binary_search_by_key(number, |(number, _)| *number);
            found.is_ok()
        };
        let counted = |(number, _): &(&UpstreamNumber, &i64)| {
            !self.deleted.contains(number) && !is_hidden(number)
        };
        let grown: i64 = self
            .grown
            .iter()
            .filter(counted)
            .map(|(_, octets)| octets)
            .sum();
        let (own_messages, own_octets) = self.own.as_ref().map_or((0, 0), |own| own.totals());
        let messages = messages.saturating_sub(self.hidden.len() as u64);
        let octets = octets.saturating_sub(hidden).saturating_add_signed(grown);
        (messages + own_messages, octets + own_octets)
    }

    /// An upstream's line `number rest` of LIST or UIDL (without its end) as the client gets it.
    ///
    /// `None` for a hidden message; any other line is relayed unchanged.
    pub fn line(&self, line: &[u8], kind: Listing) -> Option<Vec<u8>> {
        let Some((number, rest)) = split_number(line) else {
            return Some(line.to_vec());
        };
        let client = self.to_client(number)?;
        let mut shown = client.0.to_string().into_bytes();
        shown.push(b' ');
        match (kind, parse_octets(rest)) {
            (Listing::List, Some((octets, more))) => {
                shown.extend_from_slice(self.size(number, octets).to_string().as_bytes());
                shown.extend_from_slice(more);
            }
            _ => shown.extend_from_slice(rest),
        }
        Some(shown)
    }

    /// The line of LIST or UIDL (without its end) for an entry of popgate's own; `None` if it is marked as deleted.
    pub(super) fn own_line(&self, place: OwnNumber, kind: Listing) -> Option<String> {
        let entry = self.own.as_ref()?.shown(place)?;
        let number = self.own_number(place);
        Some(match kind {
            Listing::List => format!("{number} {}", entry.octets),
            Listing::Uidl => format!("{number} {}", entry.uidl),
        })
    }

    /// The upstream's `+OK` line to a command (without its end) as the client gets it; `None` if it is relayed
    /// unchanged.
    pub fn status_line(&self, command: &Command<UpstreamNumber>, line: &[u8]) -> Option<Vec<u8>> {
        if self.is_transparent() {
            return None;
        }
        // `+OK 2 200`: behind the status as in a listing.
        let one_of = |listing| {
            let rest = line.get(4..)?;
            let shown = self.line(rest.trim_ascii_start(), listing)?;
            Some([b"+OK ".as_slice(), &shown].concat())
        };
        match command {
            Command::Stat => self.stat(line),
            Command::List(Some(_)) => one_of(Listing::List),
            Command::Uidl(Some(_)) => one_of(Listing::Uidl),
            Command::Known("LAST", _) => self.last(line),
            _ => None,
        }
    }

    /// The upstream's `+OK messages octets` (without the line end) as the client gets it.
    pub fn stat(&self, line: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(line).ok()?;
        let mut words = text.split_ascii_whitespace().skip(1);
        let messages = words.next()?.parse().ok()?;
        let octets = words.next()?.parse().ok()?;
        let (messages, octets) = self.totals(messages, octets);
        Some(format!("+OK {messages} {octets}").into_bytes())
    }

    /// The upstream's `+OK number` to LAST (RFC 1460 section 5), the highest number that was accessed.
    fn last(&self, line: &[u8]) -> Option<Vec<u8>> {
        if !self.hides() {
            return None;
        }
        let text = std::str::from_utf8(line).ok()?;
        let number = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(format!("+OK {}", self.last_up_to(number)).into_bytes())
    }
}

/// LIST or UIDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Numbers and sizes
    List,
    /// Numbers and unique ids
    Uidl,
}

fn split_number(line: &[u8]) -> Option<(UpstreamNumber, &[u8])> {
    let at = line.iter().position(|&byte| byte == b' ')?;
    let number = MessageNumber::parse(&line[..at])?;
    Some((UpstreamNumber(number), &line[at + 1..]))
}

fn parse_octets(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let octets = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((octets, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> MessageNumber {
        MessageNumber::new(n).unwrap()
    }

    fn upstream(n: u32) -> UpstreamNumber {
        UpstreamNumber(number(n))
    }

    #[test]
    fn numbers_stay_dense_when_messages_are_hidden() {
        let mut mailbox = MailboxView::default();
        mailbox.hide(upstream(1), 100);
        mailbox.hide(upstream(4), 400);
        mailbox.hide(upstream(5), 500);
        // upstream 2 3 6 7 are the client's 1 2 3 4
        for (client, at_upstream) in [(1, 2), (2, 3), (3, 6), (4, 7)] {
            let client = ClientNumber(number(client));
            assert_eq!(mailbox.to_upstream(client), Some(upstream(at_upstream)));
            assert_eq!(mailbox.to_client(upstream(at_upstream)), Some(client));
        }
        assert_eq!(mailbox.to_client(upstream(4)), None);
        assert_eq!(mailbox.totals(7, 10_000), (4, 9000));
    }

    #[test]
    fn sizes_are_those_of_the_rewritten_messages() {
        let mut mailbox = MailboxView::default();
        mailbox.grow(upstream(2), 300);
        mailbox.grow(upstream(3), -5000);
        assert!(!mailbox.is_transparent());
        assert_eq!(mailbox.line(b"1 700", Listing::List).unwrap(), b"1 700");
        assert_eq!(mailbox.line(b"2 700", Listing::List).unwrap(), b"2 1000");
        assert_eq!(mailbox.line(b"2 700", Listing::Uidl).unwrap(), b"2 700");
        assert_eq!(
            mailbox.line(b"3 6000 x", Listing::List).unwrap(),
            b"3 1000 x"
        );
        assert_eq!(mailbox.line(b"odd", Listing::List).unwrap(), b"odd");
        assert_eq!(mailbox.stat(b"+OK 3 7400").unwrap(), b"+OK 3 2700");
        mailbox.delete(upstream(3));
        assert_eq!(mailbox.stat(b"+OK 2 1400").unwrap(), b"+OK 2 1700");
        mailbox.reset();
        assert_eq!(mailbox.stat(b"+OK 3 7400").unwrap(), b"+OK 3 2700");
        mailbox.grow(upstream(2), 0);
        mailbox.grow(upstream(3), 0);
        assert!(mailbox.is_transparent());
    }
}
