//! The bytes that every match of a regex requires.
//!
//! In: a parsed regex; out: sets of bytes. Every match contains at least one byte of each set. A short
//! text without one is not searched at all: most rules without a literal require a digit or a
//! punctuation mark that most header fields lack.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Nearly every text contains a byte of a larger set.
const LARGEST: u32 = 100;

/// More sets hardly help.
const MOST: usize = 6;

/// A set of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Every byte.
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    /// The bytes of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut set = Self::default();
        for byte in text {
            set.insert(*byte);
        }
        set
    }

    /// Whether the sets share a byte.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(one, other)| one & other != 0)
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn add(&mut self, other: &Self) {
        for (one, other) in self.0.iter_mut().zip(other.0) {
            *one |= other;
        }
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|part| part.count_ones()).sum()
    }
}

/// The sets for a regex, smallest first; empty if none is selective.
pub(crate) fn required(hir: &Hir) -> Vec<ByteSet> {
    let mut sets = analyse(hir);
    sets.retain(|set| set.len() <= LARGEST);
    sets.sort_by_key(ByteSet::len);
    sets.dedup();
    sets.truncate(MOST);
    sets
}

fn analyse(hir: &Hir) -> Vec<ByteSet> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            bytes.map(|byte| ByteSet::of(&[*byte])).collect()
        }
        HirKind::Class(class) => vec![first_bytes(class)],
        HirKind::Repetition(repetition) if repetition.min == 0 => Vec::new(),
        HirKind::Repetition(repetition) => analyse(&repetition.sub),
        HirKind::Capture(capture) => analyse(&capture.sub),
        HirKind::Concat(hirs) => hirs.iter().flat_map(analyse).collect(),
        HirKind::Alternation(hirs) => {
            // Any branch that matches contains a byte of its smallest set.
            let mut any = ByteSet::default();
            for hir in hirs {
                match analyse(hir).iter().min_by_key(|set| set.len()) {
                    Some(set) => any.add(set),
                    None => return Vec::new(),
                }
            }
            vec![any]
        }
    }
}

/// The first bytes of a class's members.
fn first_bytes(class: &Class) -> ByteSet {
    let mut set = ByteSet::default();
    let first = |letter: char| {
        let mut bytes = [0; 4];
        letter.encode_utf8(&mut bytes).as_bytes()[0]
    };
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                for byte in first(range.start())..=first(range.end()) {
                    set.insert(byte);
                }
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                for byte in range.start()..=range.end() {
                    set.insert(byte);
                }
            }
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sets(regex: &str) -> Vec<ByteSet> {
        required(&regex_syntax::parse(regex).expect("a regex"))
    }

    #[test]
    fn required_bytes_of_a_regex() {
        assert_eq!(sets("a+[0-9]?"), [ByteSet::of(b"a")]);
        assert_eq!(sets("(?:ab|[0-9])x*"), [ByteSet::of(b"a0123456789")]);
        assert_eq!(sets("(?:ab|)"), []);
        assert_eq!(sets("[é-ü]"), [ByteSet::of(&[0xc3])]);
        assert_eq!(sets(".+"), []);
    }

    proptest! {
        #[test]
        fn every_match_contains_the_required_bytes(
            regex in "[ab1(]{0,1}(?:a|\\[b1\\]|\\(a\\|b1\\)|1\\?|\\[ab\\]\\{2\\}|é){1,4}",
            text in "[ab1é]{0,12}",
        ) {
            if let (Ok(compiled), Ok(hir)) = (regex::Regex::new(&regex), regex_syntax::parse(&regex))
                && let Some(found) = compiled.find(&text)
            {
                let have = ByteSet::of(found.as_str().as_bytes());
                for set in required(&hir) {
                    prop_assert!(have.meets(&set), "{regex} in {text}");
                }
            }
        }
    }
}
