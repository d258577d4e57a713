//! Sets of bytes that one position of a regex may match.

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    pub(super) const NONE: Self = Self([0; 4]);
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    pub(super) fn one(byte: u8) -> Self {
        Self::range(byte, byte)
    }

    pub(super) fn range(first: u8, last: u8) -> Self {
        let mut set = Self::NONE;
        for byte in first..=last {
            set.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        set
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        let sets = bytes.iter().map(|byte| Self::one(*byte));
        sets.fold(Self::NONE, Self::or)
    }

    /// `\d`.
    pub(super) fn digits() -> Self {
        Self::range(b'0', b'9')
    }

    /// `\s`.
    pub(super) fn spaces() -> Self {
        Self::of(b"\t\n\x0b\x0c\r ")
    }

    pub(super) fn letters() -> Self {
        Self::range(b'a', b'z').or(Self::range(b'A', b'Z'))
    }

    /// `\w`.
    pub(super) fn word() -> Self {
        Self::letters().or(Self::digits()).or(Self::one(b'_'))
    }

    /// `.` without `(?s)`.
    pub(super) fn dot() -> Self {
        Self::one(b'\n').not()
    }

    pub(super) fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    pub(super) fn not(self) -> Self {
        Self(self.0.map(|bits| !bits))
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.and(other.not())
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    pub(super) fn len(self) -> u32 {
        self.0.iter().map(|bits| bits.count_ones()).sum()
    }

    pub(super) fn includes(self, other: Self) -> bool {
        other.minus(self).is_empty()
    }

    /// The only member, if there is just one.
    pub(super) fn single(self) -> Option<u8> {
        let mut members = self.iter();
        members.next().filter(|_| members.next().is_none())
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=255).filter(move |byte| self.has(*byte))
    }

    /// Adds the other case of each letter.
    pub(super) fn any_case(self) -> Self {
        let letters = self.and(Self::letters()).iter();
        letters.fold(self, |set, letter| set.or(Self::one(letter ^ 0x20)))
    }

    /// Ranges of consecutive bytes.
    pub(super) fn ranges(self) -> Vec<(u8, u8)> {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == byte => *last = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_operations_work() {
        let set = Bytes::range(b'a', b'c').or(Bytes::one(0xff));
        assert_eq!(set.ranges(), [(b'a', b'c'), (0xff, 0xff)]);
        assert_eq!(set.len(), 4);
        assert_eq!(set.not().not(), set);
        assert_eq!(set.minus(Bytes::range(b'b', 0xff)).single(), Some(b'a'));
        assert!(set.any_case().has(b'B') && !set.has(b'B'));
        assert!(Bytes::word().includes(Bytes::digits()));
        assert_eq!(set.single(), None);
    }
}
