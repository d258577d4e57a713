//! Hashes that never change: a model learned today must mean the same on every machine and in every
//! release, so no library's hasher is used.

use std::ops::Range;

/// Size of the table of weights, as a power of two.
pub(super) const BITS: u32 = 21;

/// Indexes are 32 bits.
const _: () = assert!(BITS < 32);

/// 2^64 divided by the golden ratio: odd and without a pattern.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash that text is added to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    /// Different for each salt.
    pub(super) fn salted(salt: u64) -> Self {
        Self(mix(salt.wrapping_add(1)))
    }

    /// Adds bytes; `ab` and then `c` differs from `a` and then `bc`.
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        let mut hash = self.0 ^ bytes.len() as u64;
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            hash = mix(hash ^ word);
        }
        Self(mix(hash ^ last(words.remainder())))
    }

    /// The same, where what of it does not depend on the hash was computed before.
    #[inline]
    pub(super) fn with_word(self, word: Word<'_>) -> Self {
        match word {
            Word::Short(number) => Self(mix(self.0 ^ number)),
            Word::Long(bytes) => self.with(bytes),
        }
    }

    /// Adds a number.
    #[inline]
    pub(super) fn with_number(self, number: u64) -> Self {
        Self(mix(self.0 ^ number))
    }

    /// The indexes of its weights with a number of 32 bits added: what does not depend on the number is computed once.
    pub(super) fn indexes_with(self) -> Indexes {
        Indexes(self.0 ^ self.0 >> 32)
    }

    /// All.
    pub(super) fn whole(self) -> u64 {
        self.0
    }

    /// The index of its weight.
    #[inline]
    pub(super) fn index(self) -> u32 {
        // BITS is below 32.
        (self.0 >> (64 - BITS)) as u32
    }
}

/// See [`Hash::indexes_with`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexes(u64);

impl Indexes {
    /// The same as [`Hash::index`] after [`Hash::with_number`]: of what `mix` does after the multiplication the highest bits
    /// get nothing.
    #[inline]
    pub(super) fn of(self, number: u32) -> u32 {
        ((self.0 ^ u64::from(number)).wrapping_mul(GOLDEN) >> (64 - BITS)) as u32
    }
}

/// The last step of `mix` shifts by more.
const _: () = assert!(BITS <= 29);

/// Bytes that are added to several hashes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'w> {
    /// Their number and themselves, if they are fewer than eight.
    Short(u64),
    Long(&'w [u8]),
}

impl<'w> Word<'w> {
    #[inline]
    pub(super) fn of(bytes: &'w [u8]) -> Self {
        match bytes.len() {
            ..8 => Self::Short(bytes.len() as u64 ^ last(bytes)),
            _ => Self::Long(bytes),
        }
    }

    /// The same for those in this range of a text.
    #[inline]
    pub(super) fn within(text: &'w [u8], range: Range<usize>) -> Self {
        let count = range.len();
        match text[range.start..].first_chunk() {
            Some(eight) if count < 8 => {
                let own = u64::from_le_bytes(*eight) & ((1 << (8 * count)) - 1);
                Self::Short(count as u64 ^ own)
            }
            _ => Self::of(&text[range]),
        }
    }
}

/// Fewer than eight bytes as a little-endian number, without a loop: most words are short.
#[inline]
fn last(bytes: &[u8]) -> u64 {
    let at = |at: usize| u64::from(bytes[at]) << (8 * at);
    let count = bytes.len();
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            // They overlap in equal bytes.
            let last = u64::from(u32::from_le_bytes(*last)) << (8 * (count - 4));
            u64::from(u32::from_le_bytes(*first)) | last
        }
        _ if count == 0 => 0,
        _ => at(0) | at(count / 2) | at(count - 1),
    }
}

#[inline]
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(GOLDEN);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_bytes_are_hashed_as_a_number() {
        for count in 0..8 {
            let bytes: Vec<u8> = (1..=count).collect();
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(&bytes);
            assert_eq!(last(&bytes), u64::from_le_bytes(padded));
        }
    }

    #[test]
    fn words_are_hashed_as_their_bytes() {
        for count in 0..20 {
            let bytes = vec![b'x'; count];
            let hash = Hash::salted(1);
            assert_eq!(hash.with_word(Word::of(&bytes)).0, hash.with(&bytes).0);
            for after in 0..10 {
                let text = [&b"ab"[..], &bytes, &vec![b'y'; after]].concat();
                let word = Word::within(&text, 2..2 + count);
                assert_eq!(hash.with_word(word).0, hash.with(&bytes).0);
            }
        }
    }

    #[test]
    fn indexes_with_numbers_are_those_of_the_hash() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..1000 {
            let (hash, number) = (Hash::salted(random.u64(..)), random.u32(..));
            let index = hash.with_number(u64::from(number)).index();
            assert_eq!(hash.indexes_with().of(number), index);
        }
    }

    #[test]
    fn hashes_have_not_changed_since_the_first_release() {
        let of = |text: &str| Hash::salted(3).with(text.as_bytes()).0;
        // A change here invalidates all existing models.
        assert_eq!(of(""), 0xd01e_d458_bf15_6f10);
        assert_eq!(of("gold"), 0xf847_283e_1c41_c318);
        assert_eq!(of("gold and silver"), 0x501a_5404_0efc_925d);
    }
}
