//! Finds words of one to three octets, which are too short for the keys of a word index.
//!
//! In: the words with their numbers, once; then texts; out: each place where one is. Two octets of text select the few
//! words that may begin there, and each is compared as one number.

use std::ops::Range;

use super::word_edge::IN_WORD;

/// Bits of an octet by which words are selected: these tell ASCII letters apart.
const BITS: u32 = 5;
const BUCKETS: usize = 1 << (2 * BITS);

/// See the module.
#[derive(Debug)]
pub(super) struct ShortWords {
    /// By bucket, and whether the octet before belongs to an ASCII word: whether a word may begin there.
    may_begin: [[u64; 2]; BUCKETS / 64],
    /// By bucket: the end of its words.
    ends: Box<[u16; BUCKETS]>,
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
fn number(octets: &[u8]) -> u32 {
    let octets = octets.iter().take(3).rev();
    octets.fold(0, |number, octet| number << 8 | u32::from(*octet))
}

fn bucket(octets: u32) -> usize {
    let low = (1 << BITS) - 1;
    (octets & low | (octets >> 8 & low) << BITS) as usize
}

impl ShortWords {
    /// Indexes words, each with its number, and with whether it is also found within longer words.
    pub(super) fn new(words: &[(&[u8], u32, bool)]) -> Option<Box<Self>> {
        if words.is_empty() {
            return None;
        }
        let mut may_begin = [[0; 2]; BUCKETS / 64];
        let mut sorted = Vec::new();
        for (word, number_of_word, anywhere) in words {
            let one = ShortWord {
                octets: number(word),
                mask: (1 << (8 * word.len())) - 1,
                length: word.len(),
                number: *number_of_word,
            };
            // Any octet may follow a single one.
            let seconds = if word.len() == 1 { 0..1 << BITS } else { 0..1 };
            for second in seconds {
                let bucket = bucket(one.octets | second << 8);
                let bit = 1 << (bucket % 64);
                may_begin[bucket / 64][0] |= bit;
                if *anywhere || !IN_WORD[usize::from(word[0])] {
                    may_begin[bucket / 64][1] |= bit;
                }
                sorted.push((bucket, one));
            }
        }
        sorted.sort_by_key(|(bucket, _)| *bucket);
        let end = |bucket| sorted.partition_point(|(other, _)| *other <= bucket) as u16;
        Some(Box::new(Self {
            may_begin,
            ends: Box::new(std::array::from_fn(end)),
            words: sorted.into_iter().map(|(_, word)| word).collect(),
        }))
    }

    /// Whether a word may begin with these octets.
    pub(super) fn may_begin(&self, octets: u32, is_within: bool) -> bool {
        let bucket = bucket(octets);
        self.may_begin[bucket / 64][usize::from(is_within)] >> (bucket % 64) & 1 != 0
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
        for word in &self.words[usize::from(start)..usize::from(self.ends[bucket])] {
            if octets & word.mask == word.octets && word.length <= rest.len() {
                found(at..at + word.length, word.number)?;
            }
        }
        Ok(())
    }
}
