//! The answer to UIDL of a whole mailbox.
//!
//! In: its rows; out: the unique-id of each message number, in one piece of memory.
//!
//! RFC 1939 section 7. Messages are numbered from 1 without gaps (section 5).

use std::collections::HashMap;

use super::{MessageNumber, Uidl, UpstreamNumber};

/// The most messages of a listing, and the most octets of their ids: sessions keep them.
const MOST_MESSAGES: usize = 1 << 18;
const MOST_OCTETS: usize = 8 << 20;

/// The ids of all messages of a mailbox, by number from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UidlListing {
    text: Vec<u8>,
    /// Where each message's id ends. An id without octets is none.
    ends: Vec<u32>,
    is_unusable: bool,
}

impl UidlListing {
    /// Takes a row of the listing, `number id`, without its line end.
    pub fn add(&mut self, row: &[u8]) {
        let row = row.trim_ascii();
        let end = row.iter().position(|&octet| octet == b' ');
        let (number, id) = row.split_at(end.unwrap_or(row.len()));
        let expected = self.ends.len() + 1;
        let is_next = MessageNumber::parse(number)
            .is_some_and(|number| usize::try_from(number.value()) == Ok(expected));
        // With gaps it is unknown how many messages there are, and which one has which number.
        if !is_next || expected > MOST_MESSAGES || self.text.len() > MOST_OCTETS {
            self.is_unusable = true;
        }
        if self.is_unusable {
            self.text = Vec::new();
            self.ends = Vec::new();
            return;
        }
        // Some servers put more than one space before it.
        if let Some(id) = Uidl::new(id.trim_ascii_start()) {
            self.text.extend_from_slice(id.octets());
        }
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Whether it numbers the messages from 1 without gaps so far, and is not too long.
    pub fn is_usable(&self) -> bool {
        !self.is_unusable
    }

    /// Octets that it takes in memory.
    pub fn octets(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    /// The complete listing; `None` if it does not number the messages from 1 without gaps, or is too long. Ids that
    /// several messages share name none of them.
    pub fn finish(mut self) -> Option<Self> {
        if self.is_unusable {
            return None;
        }
        let mut seen: HashMap<&[u8], usize> = HashMap::with_capacity(self.ends.len());
        let mut is_shared = vec![false; self.ends.len()];
        for place in 0..self.ends.len() {
            let id = self.id(place);
            if !id.is_empty()
                && let Some(first) = seen.insert(id, place)
            {
                is_shared[first] = true;
                is_shared[place] = true;
            }
        }
        drop(seen);
        if is_shared.contains(&true) {
            self.retain(|place| !is_shared[place]);
        }
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        Some(self)
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.ends.len()
    }

    /// A message's id, if it has one.
    pub fn uidl(&self, message: UpstreamNumber) -> Option<Uidl> {
        let place = usize::try_from(message.0.value()).ok()? - 1;
        (place < self.ends.len()).then(|| Uidl::new(self.id(place)))?
    }

    /// The ids in the order of their numbers; those without octets are none.
    pub fn ids(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|place| self.id(place))
    }

    /// Forgets the ids of messages, by their place from 0, that are not kept; the numbers of the others stay.
    pub fn retain(&mut self, keeps: impl Fn(usize) -> bool) {
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(self.ends.len());
        for place in 0..self.ends.len() {
            if keeps(place) {
                text.extend_from_slice(self.id(place));
            }
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        self.text = text;
        self.ends = ends;
    }

    fn id(&self, place: usize) -> &[u8] {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin as usize..self.ends[place] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(rows: &[&str]) -> Option<UidlListing> {
        let mut listing = UidlListing::default();
        for row in rows {
            listing.add(row.as_bytes());
        }
        listing.finish()
    }

    fn id(listing: &UidlListing, number: u32) -> Option<String> {
        let number = UpstreamNumber(MessageNumber::new(number).unwrap());
        listing.uidl(number).map(|id| id.to_string())
    }

    #[test]
    fn each_number_has_its_id() {
        let listing = listing(&["1 abc", "2   x !~  ", "3 M\u{fc}ll", "4"]).unwrap();
        assert_eq!(listing.messages(), 4);
        assert_eq!(id(&listing, 1).unwrap(), "abc");
        assert_eq!(id(&listing, 2).unwrap(), "x !~");
        assert_eq!(id(&listing, 3).unwrap(), "M\u{fc}ll");
        assert_eq!((id(&listing, 4), id(&listing, 5)), (None, None));
        assert_eq!(
            listing.ids().map(<[u8]>::len).collect::<Vec<_>>(),
            [3, 4, 5, 0]
        );
    }

    #[test]
    fn a_listing_with_gaps_or_other_lines_is_not_used() {
        for rows in [
            &["2 abc"][..],
            &["1 abc", "3 def"],
            &["1 abc", "1 abc"],
            &["1 abc", "two def"],
            &["1 abc", ""],
            &["0 abc"],
            &["4294967296 abc"],
        ] {
            assert_eq!(listing(rows), None, "{rows:?}");
        }
        assert_eq!(listing(&[]), Some(UidlListing::default()));
    }

    #[test]
    fn an_id_that_two_messages_share_names_neither() {
        let mut listing = listing(&["1 a", "2 b", "3 a", "4 c", "5 a"]).unwrap();
        let ids = |listing: &UidlListing| (1..=5).map(|n| id(listing, n)).collect::<Vec<_>>();
        let b_and_c = [None, Some("b".to_owned()), None, Some("c".to_owned()), None];
        assert_eq!(ids(&listing), b_and_c);
        listing.retain(|place| place == 3);
        assert_eq!(
            ids(&listing),
            [None, None, None, Some("c".to_owned()), None]
        );
    }
}
