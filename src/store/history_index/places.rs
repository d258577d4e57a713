//! A set of rows of one chunk, by their places in it, and its octets in the database.
//!
//! Few places are written as the differences between them, seven bits an octet; many as a bit each. Which of both it is, the
//! length says: the bits are longer than all differences that are written.

use super::ROWS;

const WORDS: usize = ROWS as usize / 64;
const BITS: usize = WORDS * 8;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Places([u64; WORDS]);

impl Places {
    pub(in crate::store) const NONE: Self = Self([0; WORDS]);
    pub(in crate::store) const ALL: Self = Self([u64::MAX; WORDS]);

    pub(in crate::store) fn insert(&mut self, place: u16) {
        let place = usize::from(place);
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many.
    pub(in crate::store) fn len(&self) -> u64 {
        self.shared(self)
    }

    pub(in crate::store) fn retain(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word &= other;
        }
    }

    pub(in crate::store) fn remove(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word &= !other;
        }
    }

    pub(in crate::store) fn add(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word |= other;
        }
    }

    /// How many are in both.
    pub(in crate::store) fn shared(&self, others: &Self) -> u64 {
        let both = self.0.iter().zip(&others.0);
        both.map(|(one, other)| u64::from((one & other).count_ones()))
            .sum()
    }

    /// From the last place to the first.
    pub(in crate::store) fn descending(&self) -> impl Iterator<Item = i64> {
        let words = self.0.iter().enumerate().rev();
        words.flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = 63_u32.checked_sub(left.leading_zeros())?;
                left &= !(1 << bit);
                Some(at as i64 * 64 + i64::from(bit))
            })
        })
    }

    /// Of places in their order.
    pub(in crate::store) fn encode(places: &[u16]) -> Vec<u8> {
        let mut octets = Vec::with_capacity(places.len() * 2);
        let mut next = 0;
        for place in places {
            let gap = place.wrapping_sub(next);
            next = place.wrapping_add(1);
            if gap >= 0x80 {
                octets.push((gap & 0x7f) as u8 | 0x80);
            }
            octets.push(match gap {
                0x80.. => (gap >> 7) as u8,
                _ => gap as u8,
            });
            if octets.len() >= BITS {
                return Self::encode_bits(places);
            }
        }
        octets
    }

    fn encode_bits(places: &[u16]) -> Vec<u8> {
        let mut all = Self::NONE;
        for place in places {
            all.insert(*place);
        }
        all.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Adds what [`Self::encode`] made.
    pub(in crate::store) fn add_encoded(&mut self, octets: &[u8]) {
        if octets.len() == BITS {
            for (word, octets) in self.0.iter_mut().zip(octets.chunks_exact(8)) {
                *word |= octets
                    .iter()
                    .rev()
                    .fold(0, |word, octet| (word << 8) | u64::from(*octet));
            }
            return;
        }
        let mut next = 0_u16;
        let mut rest = octets.iter();
        while let Some(low) = rest.next() {
            let mut gap = u16::from(*low & 0x7f);
            if *low >= 0x80 {
                gap |= u16::from(*rest.next().unwrap_or(&0)) << 7;
            }
            let place = next.wrapping_add(gap);
            self.insert(place);
            next = place.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(octets: &[u8]) -> Vec<i64> {
        let mut places = Places::NONE;
        places.add_encoded(octets);
        let mut all: Vec<_> = places.descending().collect();
        all.reverse();
        all
    }

    #[test]
    fn every_set_is_read_as_it_was_written() {
        let sets: [Vec<u16>; 6] = [
            vec![],
            vec![0],
            vec![4095],
            vec![0, 1, 127, 128, 129, 257, 4000],
            (0..4096).collect(),
            (0..4096).filter(|it| it % 7 == 3).collect(),
        ];
        for set in sets {
            let octets = Places::encode(&set);
            assert!(octets.len() <= BITS);
            let wanted: Vec<_> = set.iter().map(|it| i64::from(*it)).collect();
            assert_eq!(decoded(&octets), wanted);
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let of = random.u16(1..=4096);
            let set: Vec<u16> = (0..4096).filter(|_| random.u16(0..4096) < of).collect();
            let wanted: Vec<_> = set.iter().map(|it| i64::from(*it)).collect();
            assert_eq!(decoded(&Places::encode(&set)), wanted);
        }
    }

    #[test]
    fn damaged_octets_are_some_set() {
        let mut random = fastrand::Rng::with_seed(8);
        for _ in 0..2000 {
            let length = random.usize(0..600);
            let octets: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let _ = decoded(&octets);
        }
    }
}
