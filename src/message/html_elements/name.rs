//! Names of elements, made cheap to copy and compare.
//!
//! In: a name in lower case; out: its beginning as a number.

/// The first 16 octets of an element's name: enough to distinguish all real ones. They are ordered like the names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(u128);

impl Name {
    pub(crate) const A: Self = Self::of(b"a");
    pub(crate) const ANNOTATION_XML: Self = Self::of(b"annotation-xml");
    pub(crate) const AREA: Self = Self::of(b"area");
    pub(crate) const BASE: Self = Self::of(b"base");
    pub(crate) const BDO: Self = Self::of(b"bdo");
    pub(crate) const BODY: Self = Self::of(b"body");
    pub(crate) const BR: Self = Self::of(b"br");
    pub(crate) const CENTER: Self = Self::of(b"center");
    pub(crate) const DIALOG: Self = Self::of(b"dialog");
    pub(crate) const DIV: Self = Self::of(b"div");
    pub(crate) const FONT: Self = Self::of(b"font");
    pub(crate) const FRAME: Self = Self::of(b"frame");
    pub(crate) const FRAMESET: Self = Self::of(b"frameset");
    pub(crate) const HEAD: Self = Self::of(b"head");
    pub(crate) const HTML: Self = Self::of(b"html");
    pub(crate) const IMAGE: Self = Self::of(b"image");
    pub(crate) const IMG: Self = Self::of(b"img");
    pub(crate) const INPUT: Self = Self::of(b"input");
    pub(crate) const MATH: Self = Self::of(b"math");
    pub(crate) const META: Self = Self::of(b"meta");
    pub(crate) const NOBR: Self = Self::of(b"nobr");
    pub(crate) const P: Self = Self::of(b"p");
    pub(crate) const PLAINTEXT: Self = Self::of(b"plaintext");
    pub(crate) const SCRIPT: Self = Self::of(b"script");
    pub(crate) const STYLE: Self = Self::of(b"style");
    pub(crate) const SVG: Self = Self::of(b"svg");
    pub(crate) const TEXTAREA: Self = Self::of(b"textarea");
    pub(crate) const TITLE: Self = Self::of(b"title");
    pub(crate) const WBR: Self = Self::of(b"wbr");

    /// The name's first octets.
    pub(crate) const fn of(name: &[u8]) -> Self {
        let mut octets = [0; 16];
        let length = if name.len() < 16 { name.len() } else { 16 };
        let (beginning, _) = name.split_at(length);
        octets.split_at_mut(length).0.copy_from_slice(beginning);
        Self(u128::from_be_bytes(octets))
    }

    /// The same of a name in a source: without a copy whose length is not known.
    #[inline]
    pub(crate) fn read(name: &[u8]) -> Self {
        if let Some(beginning) = name.first_chunk::<16>() {
            return Self(u128::from_be_bytes(*beginning));
        }
        // The last octets overlap the first, and agree with them there.
        let unused = 8 * (16 - name.len() as u32);
        Self(
            if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
                u128::from(u64::from_be_bytes(*first)) << 64
                    | u128::from(u64::from_be_bytes(*last)) << unused
            } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
                u128::from(u32::from_be_bytes(*first)) << 96
                    | u128::from(u32::from_be_bytes(*last)) << unused
            } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
                u128::from(u16::from_be_bytes(*first)) << 112
                    | u128::from(u16::from_be_bytes(*last)) << unused
            } else {
                name.first().map_or(0, |only| u128::from(*only) << 120)
            },
        )
    }

    /// A bit for the name, which other names may share.
    #[inline]
    pub(crate) fn bit(self) -> u64 {
        1 << self.hash(6)
    }

    /// A hash of so many bits.
    pub(crate) const fn hash(self, bits: u32) -> usize {
        let folded = (self.0 >> 64) as u64 ^ self.0 as u64;
        (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_read_as_they_are_made() {
        let octets = b"annotation-xml:and more";
        for begin in 0..octets.len() {
            for end in begin..=octets.len() {
                let name = &octets[begin..end];
                assert_eq!(Name::read(name), Name::of(name), "{}", name.escape_ascii());
            }
        }
    }
}
