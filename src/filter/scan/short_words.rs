//! Finds words of one to three octets, which are too short for the keys of a word index.
//!
//! In: the words with their numbers, once; then texts; out: each place where one is. Two octets of text select the few
//! words that may begin there, a third one tells whether it may be one of three octets, and each is compared as one number.

use std::ops::Range;

use super::word_begins::{HASH, may_follow};

/// Bits of the hash of two octets by which words are selected.
const BITS: u32 = 12;
const BUCKETS: usize = 1 << BITS;

/// How far the bits of words of three octets are from those of shorter ones, which [`may_follow`] gives.
const OF_THREE: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct ShortWords {
    /// By bucket: whether a word may begin there.
    may_begin: Box<[u8; BUCKETS]>,
    /// By hash of three octets: whether a word of three octets may be these.
    threes: Box<[u64; BUCKETS / 64]>,
    /// By bucket: the end of its words.
    ends: Box<[u32; BUCKETS]>,
    words: Vec<ShortWord>,
}

#[derive(Debug, Clone, Copy)]
struct ShortWord {
    octets: u32,
    /// The octets that count.
    mask: u32,
    length: usize,
    number: u32,
}

/// Up to three octets as a number.
#[inline]
fn number(octets: &[u8]) -> u32 {
    let three = match *octets {
        [a, b, c, ..] => [a, b, c, 0],
        [a, b] => [a, b, 0, 0],
        [a] => [a, 0, 0, 0],
        [] => [0; 4],
    };
    u32::from_le_bytes(three)
}

#[inline]
fn bucket(octets: u32) -> usize {
    // The shift leaves 12 bits.
    ((octets & 0xffff).wrapping_mul(HASH) >> (32 - BITS)) as usize
}

/// The same for three octets.
#[inline]
fn hash_of_three(octets: u32) -> usize {
    ((octets & 0x00ff_ffff).wrapping_mul(HASH) >> (32 - BITS)) as usize
}

impl ShortWords {
    /// Indexes words, each with its number, and with whether it is also found within longer words.
    pub(super) fn new(words: &[(&[u8], u32, bool)]) -> Option<Box<Self>> {
        if words.is_empty() {
            return None;
        }
        let mut may_begin = Box::new([0; BUCKETS]);
        let mut threes = Box::new([0; BUCKETS / 64]);
        let mut sorted = Vec::new();
        for (word, number_of_word, anywhere) in words {
            let one = ShortWord {
                octets: number(word),
                mask: (1 << (8 * word.len())) - 1,
                length: word.len(),
                number: *number_of_word,
            };
            let after = may_follow(word, *anywhere);
            let after = match word.len() {
                3 => after << OF_THREE,
                _ => after,
            };
            if word.len() == 3 {
                let hash = hash_of_three(one.octets);
                threes[hash / 64] |= 1 << (hash % 64);
            }
            // Any octet may follow a single one.
            let seconds = if word.len() == 1 { 0..1 << 8 } else { 0..1 };
            for second in seconds {
                let bucket = bucket(one.octets | second << 8);
                may_begin[bucket] |= after;
                sorted.push((bucket, one));
            }
        }
        sorted.sort_by_key(|(bucket, one)| (*bucket, one.number));
        // Two second octets may be in one bucket.
        sorted.dedup_by_key(|(bucket, one)| (*bucket, one.number));
        let end = |bucket| sorted.partition_point(|(other, _)| *other <= bucket) as u32;
        Some(Box::new(Self {
            may_begin,
            threes,
            ends: Box::new(std::array::from_fn(end)),
            words: sorted.into_iter().map(|(_, word)| word).collect(),
        }))
    }

    /// Whether a word may begin with these octets, after such an octet.
    #[inline]
    pub(super) fn may_begin(&self, octets: u32, after: u8) -> bool {
        let words = self.may_begin[bucket(octets)];
        let hash = hash_of_three(octets);
        words & after != 0
            || words >> OF_THREE & after != 0 && self.threes[hash / 64] >> (hash % 64) & 1 != 0
    }

    /// The words that begin at a place.
    pub(super) fn find_at<E>(
        &self,
        text: &[u8],
        at: usize,
        found: &mut impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let rest = &text[at..];
        let octets = number(rest);
        let bucket = bucket(octets);
        let start = bucket.checked_sub(1).map_or(0, |before| self.ends[before]);
        for word in &self.words[start as usize..self.ends[bucket] as usize] {
            if octets & word.mask == word.octets && word.length <= rest.len() {
                found(at..at + word.length, word.number)?;
            }
        }
        Ok(())
    }
}
