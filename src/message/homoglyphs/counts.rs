//! Counts the octets of a text that words are spelled out with.
//!
//! In: a text; out: how many of its octets are spaces, how many separators, how many digits and symbols.

/// The numbers of spaces, of separators and the like, and of digits and symbols that stand for letters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) spaces: usize,
    pub(super) marks: usize,
    pub(super) signs: usize,
}

impl Counts {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut counts = Self::default();
        let (blocks, rest) = text.as_chunks::<16>();
        for some in blocks.chunks(COUNTED) {
            counts.add(some);
        }
        // Commas count for nothing.
        let mut last = [b','; 16];
        last[..rest.len()].copy_from_slice(rest);
        counts.add(&[last]);
        counts
    }

    /// Adds up to [`COUNTED`] blocks. Sums that fit an octet are vectorized.
    fn add(&mut self, blocks: &[[u8; 16]]) {
        let (mut spaces, mut marks, mut signs) = ([0_u8; 16], [0_u8; 16], [0_u8; 16]);
        for block in blocks {
            let mut at = 0;
            while at < block.len() {
                let octet = block[at];
                let is_digit = octet.wrapping_sub(b'0') < 10;
                let is_letter = (octet | 0x20).wrapping_sub(b'a') < 26;
                let is_neither = (octet == b' ') | (octet == b',');
                spaces[at] += u8::from(octet == b' ');
                marks[at] += u8::from(!(is_digit | is_letter | is_neither));
                signs[at] += u8::from(
                    is_digit
                        | (octet == b'@')
                        | (octet == b'$')
                        | (octet == b'!')
                        | (octet == b'|'),
                );
                at += 1;
            }
        }
        self.spaces += sum(spaces);
        self.marks += sum(marks);
        self.signs += sum(signs);
    }
}

/// The sum of some octets, in pairs and then all at once.
fn sum(octets: [u8; 16]) -> usize {
    const ONES: u64 = u64::MAX / 0xffff;
    let all = u128::from_le_bytes(octets);
    let (low, high) = (all as u64, (all >> 64) as u64);
    let halves = |number: u64| (number & (0xff * ONES)) + (number >> 8 & (0xff * ONES));
    ((halves(low) + halves(high)).wrapping_mul(ONES) >> 48) as usize
}

/// Blocks in which no count exceeds an octet.
const COUNTED: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_counted_as_one_by_one() {
        let mut random = fastrand::Rng::with_seed(6);
        for length in (0..2_000).chain([10_000]) {
            let text: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let count = |is: &dyn Fn(&u8) -> bool| text.iter().filter(|octet| is(octet)).count();
            let expected = Counts {
                spaces: count(&|octet| *octet == b' '),
                marks: count(&|octet| !octet.is_ascii_alphanumeric() && !b" ,".contains(octet)),
                signs: count(&|octet| octet.is_ascii_digit() || b"@$!|".contains(octet)),
            };
            assert_eq!(Counts::of(&text), expected, "{}", text.escape_ascii());
        }
        let many = [b' '; 20_000];
        assert_eq!(Counts::of(&many).spaces, many.len());
    }
}
