//! After which octets words may begin, and with which two octets.
//!
//! In: words, and whether each is also found within longer words; out: whether one of them may begin at a place, by the
//! octet before it and the two after it. It rules most places of a text out.

use super::word_edge::IN_WORD;

/// A word may begin after another octet than one of an ASCII word, and after such a one.
pub(super) const AFTER_OTHERS: u8 = 1;
pub(super) const WITHIN: u8 = 2;

/// Bits of the hashes of two octets.
const PAIR_BITS: u32 = 12;

/// 2^32 divided by the golden ratio: odd and without a pattern.
pub(super) const HASH: u32 = 0x9e37_79b1;

/// After which octets a word may begin.
pub(super) fn may_follow(word: &[u8], anywhere: bool) -> u8 {
    match anywhere
        || !word
            .first()
            .is_some_and(|first| IN_WORD[usize::from(*first)])
    {
        true => AFTER_OTHERS | WITHIN,
        false => AFTER_OTHERS,
    }
}

/// After which octets a word may begin with two octets, by their hash.
#[derive(Debug)]
pub(super) struct Pairs(Box<[u8; 1 << PAIR_BITS]>);

impl Default for Pairs {
    fn default() -> Self {
        Self(Box::new([0; 1 << PAIR_BITS]))
    }
}

impl Pairs {
    #[inline]
    fn hash(octets: u32) -> usize {
        // The shift leaves few enough bits.
        ((octets & 0xffff).wrapping_mul(HASH) >> (32 - PAIR_BITS)) as usize
    }

    /// Of words, and of whether each is also found within longer words.
    pub(super) fn of(words: &[&[u8]], anywhere: &[bool]) -> Self {
        let mut pairs = Self::default();
        for (word, anywhere) in words.iter().zip(anywhere) {
            let after = may_follow(word, *anywhere);
            // Any octet may follow a single one.
            let seconds = match word.get(1) {
                Some(second) => *second..=*second,
                None => 0..=u8::MAX,
            };
            for second in seconds {
                let octets = u32::from(word[0]) | u32::from(second) << 8;
                pairs.0[Self::hash(octets)] |= after;
            }
        }
        pairs
    }

    /// Whether a word may begin with the first two octets of a key, after such an octet.
    #[inline]
    pub(super) fn may_begin(&self, key: u32, after: u8) -> bool {
        self.0[Self::hash(key)] & after != 0
    }
}

/// By octet: what follows it follows an octet of an ASCII word, or another one.
pub(super) static AFTER: [u8; 256] = {
    let mut after = [AFTER_OTHERS; 256];
    let mut octet = 0;
    while octet < 256 {
        if IN_WORD[octet] {
            after[octet] = WITHIN;
        }
        octet += 1;
    }
    after
};
