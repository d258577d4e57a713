//! A set of octets.

use std::ops::RangeInclusive;

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Every octet.
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    /// None.
    pub(crate) const NONE: Self = Self([0; 4]);

    /// These octets.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let mut set = Self::NONE;
        for octet in octets {
            set.insert(*octet);
        }
        set
    }

    pub(crate) fn insert(&mut self, octet: u8) {
        self.0[usize::from(octet >> 6)] |= 1 << (octet & 63);
    }

    pub(crate) fn insert_range(&mut self, octets: RangeInclusive<u8>) {
        octets.for_each(|octet| self.insert(octet));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (one, other) in self.0.iter_mut().zip(other.0) {
            *one |= other;
        }
    }

    pub(crate) fn has(&self, octet: u8) -> bool {
        self.0[usize::from(octet >> 6)] >> (octet & 63) & 1 != 0
    }

    /// Whether another set has all of its octets.
    pub(crate) fn is_in(&self, other: &Self) -> bool {
        let mut both = self.0.iter().zip(other.0);
        both.all(|(one, other)| one & !other == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> {
        let parts = (0..).zip(self.0);
        parts.flat_map(|(part, mut left)| {
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as u8)?;
                left &= left - 1;
                Some(part * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let mut set = ByteSet::of(b"b\xff");
        set.insert_range(b'0'..=b'2');
        set.add(&ByteSet::of(&[0, 64, 127]));
        assert!(set.has(b'1') && !set.has(b'3'));
        assert_eq!(set.iter().collect::<Vec<_>>(), b"\x00012@b\x7f\xff");
        assert_eq!(
            (ByteSet::ALL.iter().count(), ByteSet::NONE.iter().count()),
            (256, 0)
        );
    }
}
