//! The terms of a row: pieces of its sender and subject, and tags for what else can be searched or counted.
//!
//! A piece is one letter, two or three, each folded: upper and lower case, and letters with and without accents, are the
//! same. Pieces are hashed to 16 bits: what is found by them is read and
//! compared. Tags are exact but those of rules, which are hashed to 32 bits.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A term's number begins with its kind; that of pieces is 0.
const KIND: u32 = 40;

const fn kind(number: i64) -> (i64, i64) {
    (number << KIND, ((number + 1) << KIND) - 1)
}

/// The first and the last term of each kind of tags.
pub(in crate::store) const MAILBOXES: (i64, i64) = kind(1);
pub(in crate::store) const HOURS: (i64, i64) = kind(2);
pub(in crate::store) const ACTIONS: (i64, i64) = kind(3);
pub(in crate::store) const SCORES: (i64, i64) = kind(4);
pub(in crate::store) const RULES: (i64, i64) = kind(5);
/// One term, with how many rows of the chunk each rule has in place of places.
pub(in crate::store) const HITS: i64 = kind(6).0;

/// Scores below and above have the first and the last tag; in thousandths.
const LEAST: i64 = -20_000;
const MOST: i64 = 50_000;
const STEP: i64 = 1000;

pub(in crate::store) fn mailbox(number: i64) -> i64 {
    MAILBOXES.0 + number.rem_euclid(1 << KIND)
}

/// Of an hour, in hours since 1970.
pub(in crate::store) fn hour(hour: i64) -> i64 {
    HOURS.0 + hour.clamp(0, (1 << KIND) - 1)
}

/// The first hour that a time since then may be in.
pub(in crate::store) fn first_hour(seconds: i64) -> i64 {
    hour(seconds.div_euclid(3600))
}

pub(in crate::store) fn action(code: i64) -> i64 {
    ACTIONS.0 + code
}

pub(super) fn score(thousandths: i64) -> i64 {
    SCORES.0 + (thousandths.clamp(LEAST, MOST) - LEAST) / STEP
}

pub(in crate::store) fn rule(id: &str) -> i64 {
    RULES.0 + i64::from(hash(id.bytes().map(u32::from)))
}

/// FNV-1a, whose values are in databases.
fn hash(parts: impl Iterator<Item = u32>) -> u32 {
    parts.fold(0x811c_9dc5, |hash, part| {
        (hash ^ part).wrapping_mul(0x0100_0193)
    })
}

fn piece(letters: &[char]) -> i64 {
    let hash = hash(letters.iter().map(|letter| u32::from(*letter)));
    i64::from((hash >> 16) ^ (hash & 0xffff))
}

/// A text in which case and accents make no difference.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let plain = text.nfkd().filter(|letter| !is_combining_mark(*letter));
    plain.flat_map(char::to_lowercase).collect()
}

/// The terms of rows, one after another.
#[derive(Debug, Default)]
pub(in crate::store) struct Terms {
    letters: Vec<char>,
    found: Vec<i64>,
}

impl Terms {
    /// Forgets those of the row before.
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    pub(super) fn tag(&mut self, tag: i64) {
        self.found.push(tag);
    }

    /// Adds the pieces of a text that is folded.
    pub(super) fn text(&mut self, folded: &str) {
        for word in folded.split_whitespace() {
            self.word(word);
        }
    }

    fn word(&mut self, word: &str) {
        self.letters.clear();
        self.letters.extend(word.chars());
        let letters = &self.letters;
        for length in 1..=3 {
            for part in letters.windows(length) {
                self.found.push(piece(part));
            }
        }
    }

    /// Each once, in their order.
    pub(super) fn sorted(&mut self) -> &[i64] {
        self.found.sort_unstable();
        self.found.dedup();
        &self.found
    }
}

/// The pieces to look for a word by, the longest that it has.
pub(super) fn pieces_of_word(word: &str) -> Vec<i64> {
    let letters: Vec<char> = word.chars().collect();
    let longest = letters.len().clamp(1, 3);
    let mut pieces: Vec<i64> = letters.windows(longest).map(piece).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}
