//! Whether a message is the one that an earlier session has seen: a digest of its octets as the server sends them.
//!
//! In: a message as it is on the wire, or its first part; out: a digest, and whether other octets have the same. A server
//! that gives a UIDL to another message (RFC 1939 section 7 forbids it, and real ones do) gives other octets. Fields that
//! a server itself writes between two sessions (Status, X-UIDL) do not count.
//!
//! The hash is cryptographic: some servers let the sender choose the UIDL, and nobody may be able to make another message
//! that gets the decision on a harmless one.

use ring::digest::{Context, SHA256};

use super::header::{fields, header_end};

/// Octets of the hash, and of that of the header.
const HASH: usize = 16;
const HEADER_HASH: usize = 8;

/// Octets of [`MessageDigest::to_octets`].
const STORED: usize = 5 + HASH + HEADER_HASH;

/// Names, and beginnings of names, of fields that servers write into a message that they keep.
const SERVERS: &[&str] = &["status", "x-status", "x-keywords", "content-length"];
const SERVERS_BEGIN: &[&str] = &["x-uid", "x-imap"];

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageDigest {
    /// Octets of the message that count, from its beginning.
    octets: u32,
    /// Whether that is all of it.
    is_whole: bool,
    hash: [u8; HASH],
    /// Of the header alone, for TOP, which shows no more for sure.
    header: [u8; HEADER_HASH],
}

impl MessageDigest {
    /// Of a message, or of its first part, without its final dot line.
    pub fn of(wire: &[u8], is_whole: bool) -> Self {
        let counted = Counted::new(wire);
        let octets = u32::try_from(counted.len()).unwrap_or(u32::MAX);
        Self {
            octets,
            is_whole,
            hash: counted.hash(octets as usize),
            header: counted.header_hash(),
        }
    }

    /// Whether these octets, the whole message or a part of it, are of the same message; `None` if that takes more of
    /// them.
    pub fn matches(&self, wire: &[u8], is_whole: bool) -> Option<bool> {
        if self.is_whole && !is_whole {
            return None;
        }
        let counted = Counted::new(wire);
        let octets = self.octets as usize;
        match counted.len() {
            few if few < octets => is_whole.then_some(false),
            many if self.is_whole && many > octets => Some(false),
            _ => Some(counted.hash(octets) == self.hash),
        }
    }

    /// Whether these octets, which have all of the header, are of a message with the same header.
    pub fn matches_header(&self, wire: &[u8]) -> bool {
        Counted::new(wire).header_hash() == self.header
    }

    /// How many octets of a message can be enough for [`Self::matches`]; `None` = all of it.
    pub fn needs(&self) -> Option<usize> {
        (!self.is_whole).then_some(self.octets as usize)
    }

    /// For a store.
    pub fn to_octets(self) -> [u8; STORED] {
        let mut stored = [0; STORED];
        stored[0] = self.is_whole.into();
        stored[1..5].copy_from_slice(&self.octets.to_be_bytes());
        stored[5..5 + HASH].copy_from_slice(&self.hash);
        stored[5 + HASH..].copy_from_slice(&self.header);
        stored
    }

    /// What [`Self::to_octets`] gave.
    pub fn from_octets(stored: &[u8]) -> Option<Self> {
        let stored: &[u8; STORED] = stored.try_into().ok()?;
        let (hash, header) = stored[5..].split_at(HASH);
        Some(Self {
            octets: u32::from_be_bytes(stored[1..5].try_into().ok()?),
            is_whole: stored[0] == 1,
            hash: hash.try_into().ok()?,
            header: header.try_into().ok()?,
        })
    }
}

/// The octets of a message that count.
struct Counted<'m> {
    /// Parts of the header.
    header: Vec<&'m [u8]>,
    rest: &'m [u8],
}

impl<'m> Counted<'m> {
    fn new(wire: &'m [u8]) -> Self {
        let end = header_end(wire).unwrap_or(wire.len());
        let (header, rest) = wire.split_at(end);
        let mut parts = Vec::new();
        let mut at = 0;
        for field in fields(header) {
            if is_servers(&header[field.name.clone()]) {
                parts.push(&header[at..field.whole.start]);
                at = field.whole.end;
            }
        }
        parts.push(&header[at..]);
        Self {
            header: parts,
            rest,
        }
    }

    fn len(&self) -> usize {
        self.header.iter().map(|part| part.len()).sum::<usize>() + self.rest.len()
    }

    fn header_hash(&self) -> [u8; HEADER_HASH] {
        let header = self.header.iter().map(|part| part.len()).sum();
        let mut hash = [0; HEADER_HASH];
        hash.copy_from_slice(&self.hash(header)[..HEADER_HASH]);
        hash
    }

    /// Of the first octets.
    fn hash(&self, octets: usize) -> [u8; HASH] {
        let mut context = Context::new(&SHA256);
        let mut left = octets;
        for part in self.header.iter().copied().chain([self.rest]) {
            let part = &part[..part.len().min(left)];
            context.update(part);
            left -= part.len();
        }
        let mut hash = [0; HASH];
        hash.copy_from_slice(&context.finish().as_ref()[..HASH]);
        hash
    }
}

fn is_servers(name: &[u8]) -> bool {
    let begins = |begin: &&str| {
        let name = name.get(..begin.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(begin.as_bytes()))
    };
    // Nearly all others begin with other letters.
    matches!(name.first(), Some(b'x' | b'X' | b's' | b'S' | b'c' | b'C'))
        && (SERVERS
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it.as_bytes()))
            || SERVERS_BEGIN.iter().any(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: a@example.org\r\nSubject: one\r\n\r\nbody\r\n..\r\n";

    fn whole(text: &str) -> MessageDigest {
        MessageDigest::of(text.as_bytes(), true)
    }

    #[test]
    fn the_same_message_is_recognised_with_what_a_server_writes_into_it() {
        let digest = whole(MAIL);
        for same in [
            MAIL.to_owned(),
            format!("Status: RO\r\n{MAIL}"),
            MAIL.replace("Subject", "X-UIDL: abc\r\n def\r\nX-Status: A\r\nSubject"),
            MAIL.replace("one\r\n", "one\r\nX-IMAPbase: 1 2\r\nContent-Length: 9\r\n"),
        ] {
            assert_eq!(digest.matches(same.as_bytes(), true), Some(true), "{same}");
            assert_eq!(whole(&same), digest);
        }
    }

    #[test]
    fn any_other_octet_is_another_message() {
        let digest = whole(MAIL);
        for at in 0..MAIL.len() {
            let mut other = MAIL.as_bytes().to_vec();
            other[at] ^= 1;
            assert_eq!(digest.matches(&other, true), Some(false), "octet {at}");
        }
        for other in [format!("{MAIL}x\r\n"), MAIL[..MAIL.len() - 3].to_owned()] {
            assert_eq!(digest.matches(other.as_bytes(), true), Some(false));
        }
        // A field of the sender's that is named like a server's is one in the body.
        let other = MAIL.replace("body", "Status: RO\r\nbody");
        assert_eq!(digest.matches(other.as_bytes(), true), Some(false));
    }

    #[test]
    fn a_part_is_compared_as_soon_as_it_is_there() {
        let part = MessageDigest::of(&MAIL.as_bytes()[..40], false);
        assert_eq!(part.needs(), Some(40));
        assert_eq!(part.matches(&MAIL.as_bytes()[..39], false), None);
        assert_eq!(part.matches(&MAIL.as_bytes()[..39], true), Some(false));
        assert_eq!(part.matches(&MAIL.as_bytes()[..40], false), Some(true));
        assert_eq!(part.matches(MAIL.as_bytes(), true), Some(true));
        let read = format!("Status: RO\r\n{MAIL}");
        assert_eq!(part.matches(&read.as_bytes()[..45], false), None);
        assert_eq!(part.matches(&read.as_bytes()[..52], false), Some(true));
        assert_eq!(whole(MAIL).needs(), None);
        assert_eq!(whole(MAIL).matches(MAIL.as_bytes(), false), None);
    }

    #[test]
    fn the_header_alone_is_compared_with_what_top_shows() {
        let digest = whole(MAIL);
        let header = &MAIL[..MAIL.find("body").unwrap()];
        assert!(digest.matches_header(header.as_bytes()));
        assert!(digest.matches_header(format!("Status: RO\r\n{header}bo\r\n").as_bytes()));
        assert!(!digest.matches_header(header.replace("one", "two").as_bytes()));
    }

    #[test]
    fn a_stored_digest_is_what_it_was() {
        for digest in [whole(MAIL), MessageDigest::of(b"x", false), whole("")] {
            let stored = digest.to_octets();
            assert_eq!(MessageDigest::from_octets(&stored), Some(digest));
            assert_eq!(MessageDigest::from_octets(&stored[1..]), None);
        }
    }
}
