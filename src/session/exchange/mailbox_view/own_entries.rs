//! Entries of the mailbox that are popgate's own: a message that was released, or a digest.
//!
//! They come after the upstream's messages. What a client does to them takes effect as RFC 1939 section 6 has it: DELE
//! marks, RSET takes the marks back, and the entry is removed with QUIT.

use crate::pop3::{Uidl, UpstreamNumber};

/// An entry's place among popgate's own, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session::exchange) struct OwnNumber(pub(super) u32);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEntry {
    /// Its unique-id; it begins with `popgate-`.
    pub uidl: Uidl,
    /// Its size, as it will be sent, without dot-stuffing.
    pub octets: u64,
}

/// All of them.
#[derive(Debug)]
pub(in crate::session::exchange) struct OwnEntries {
    upstream_messages: u32,
    entries: Vec<(OwnEntry, Mark)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Deleted,
}

impl OwnEntries {
    /// Entries after so many messages of the upstream; `None` if there are none.
    pub(super) fn new(upstream_messages: u32, entries: Vec<OwnEntry>) -> Option<Self> {
        let room = usize::try_from(u32::MAX - upstream_messages).unwrap_or(usize::MAX);
        let entries = entries.into_iter().take(room);
        let entries: Vec<_> = entries.map(|entry| (entry, Mark::None)).collect();
        (!entries.is_empty()).then_some(Self {
            upstream_messages,
            entries,
        })
    }

    pub(super) fn upstream_messages(&self) -> u32 {
        self.upstream_messages
    }

    /// The entry that is so far behind the upstream's last message; `None` for a number of the upstream's. Numbers
    /// behind the last entry are the upstream's, which refuses them.
    pub(super) fn after(&self, number: UpstreamNumber) -> Option<OwnNumber> {
        let place = number.0.value().checked_sub(self.upstream_messages + 1)?;
        ((place as usize) < self.entries.len()).then_some(OwnNumber(place))
    }

    /// An entry that is not marked as deleted.
    pub(in crate::session::exchange) fn shown(&self, place: OwnNumber) -> Option<&OwnEntry> {
        match self.entries.get(place.0 as usize)? {
            (entry, Mark::None) => Some(entry),
            (_, Mark::Deleted) => None,
        }
    }

    /// The places of all entries, marked or not.
    pub(in crate::session::exchange) fn places(&self) -> impl Iterator<Item = OwnNumber> + use<> {
        (0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).map(OwnNumber)
    }

    /// Marks an entry as deleted; false if it was marked already.
    pub(in crate::session::exchange) fn delete(&mut self, place: OwnNumber) -> bool {
        match self.entries.get_mut(place.0 as usize) {
            Some((_, mark @ Mark::None)) => {
                *mark = Mark::Deleted;
                true
            }
            _ => false,
        }
    }

    /// Takes all marks back.
    pub(super) fn reset(&mut self) {
        for (_, mark) in &mut self.entries {
            *mark = Mark::None;
        }
    }

    /// The unique-ids of the entries that are marked as deleted.
    pub(in crate::session::exchange) fn deleted(&self) -> Vec<Uidl> {
        let deleted = self
            .entries
            .iter()
            .filter(|(_, mark)| *mark == Mark::Deleted);
        deleted.map(|(entry, _)| entry.uidl.clone()).collect()
    }

    /// The number of entries, and their octets, without those that are marked as deleted.
    pub(super) fn totals(&self) -> (u64, u64) {
        let shown = self.entries.iter().filter(|(_, mark)| *mark == Mark::None);
        shown.fold((0, 0), |(messages, octets), (entry, _)| {
            (messages + 1, octets + entry.octets)
        })
    }
}
