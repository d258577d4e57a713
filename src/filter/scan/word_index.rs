//! Finds all of many words in a text by their first four octets.
//!
//! In: words in lower case, once; then texts in lower case; out: each place where a word is, overlapping ones, too. An
//! octet of text costs one look into a bitmap that fits the L1 cache; where the bitmap says that a word may begin, and
//! another one that the next octets go on like one, the longest is found by bisection, and the others are its beginnings.
//! The rest of the index is larger than that cache. Places where one of few
//! words may begin are found many octets at once (Teddy). Building it is sorting the words: an automaton of
//! the same words takes fifty times as long and as much memory.

use std::cmp::Ordering;
use std::ops::Range;

use aho_corasick::packed;

use super::short_words::ShortWords;
use super::word_edge::IN_WORD;

/// Octets by which words are found.
const KEY: usize = 4;

/// Bits of a bitmap, as powers of two: the largest is 8 KiB, and there are four of it.
const FEWEST_BITS: u32 = 9;
const MOST_BITS: u32 = 16;

/// So many different keys, or fewer, are searched for with vector instructions.
const FEW: usize = 32;

/// No other word.
const NONE: u32 = u32::MAX;

/// Words, ready to be found. They are numbered in their order.
#[derive(Debug, Default)]
pub(super) struct WordIndex {
    octets: Box<[u8]>,
    /// By word: the end of its octets.
    ends: Box<[u32]>,
    /// By word: the eight octets after its key as a number, for comparing.
    nexts: Box<[u64]>,
    /// By word: the longest other one that it begins with and that has a key.
    beginnings: Box<[u32]>,
    /// By hash of a key, and whether the octet before belongs to an ASCII word: whether a word may begin there.
    may_begin: Box<[[u64; 2]]>,
    /// By hash of a key: whether a word ends within the two octets after it.
    ends_soon: Box<[u64]>,
    /// By hash of a key and the two octets after it: whether a word begins so.
    goes_on: Box<[u64]>,
    /// The keys with the words that begin so, by hash; a key without words ends a search.
    keys: Box<[Key]>,
    /// Words shorter than a key.
    short: Option<Box<ShortWords>>,
    /// The search for keys and short words, if they are few.
    few: Option<packed::Searcher>,
}

/// Words with the same first octets.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    octets: u32,
    first: u32,
    end: u32,
}

/// A key and the two octets after it; `None` if there are fewer.
#[inline]
fn longer_key(text: &[u8]) -> Option<u64> {
    let [a, b, c, d, e, f] = *text.first_chunk::<{ KEY + 2 }>()?;
    Some(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

/// Up to eight octets after the key, in an order as that of the octets where they differ.
fn next_octets(text: &[u8]) -> u64 {
    let rest = text.get(KEY..).unwrap_or_default();
    match rest.first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(eight)
        }
    }
}

/// 2^32 divided by the golden ratio: odd and without a pattern.
const HASH: u32 = 0x9e37_79b1;

fn hash(key: u32, bits: u32) -> usize {
    (key.wrapping_mul(HASH) >> (32 - bits)) as usize
}

/// The same for longer keys: 2^64 divided by the golden ratio.
fn longer_hash(key: u64, bits: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
}

/// A set of hashes of so many bits.
fn set_of(hashes: impl Iterator<Item = usize>, bits: u32) -> Box<[u64]> {
    let mut set = vec![0; 1 << (bits - 6)];
    hashes.for_each(|hash| set[hash / 64] |= 1 << (hash % 64));
    set.into()
}

/// The bits of the hashes in such a set.
fn bits_of(set: &[u64]) -> u32 {
    set.len().trailing_zeros() + 6
}

fn has(set: &[u64], hash: usize) -> bool {
    set[hash / 64] >> (hash % 64) & 1 != 0
}

impl WordIndex {
    /// Indexes words, which are sorted, different, in lower case and not empty. Those of `anywhere` are also found
    /// within longer words; of the others, those that begin with an ASCII letter or digit need not be.
    pub(super) fn new(words: &[&[u8]], anywhere: &[bool]) -> Self {
        let mut ends = Vec::with_capacity(words.len());
        let mut octets = Vec::with_capacity(words.iter().map(|word| word.len()).sum());
        let mut beginnings = vec![NONE; words.len()];
        let mut keys: Vec<Key> = Vec::new();
        let mut short = Vec::new();
        // The words with which the one before begins, and itself.
        let mut open: Vec<usize> = Vec::new();
        for (number, word) in words.iter().enumerate() {
            octets.extend_from_slice(word);
            ends.push(octets.len() as u32);
            let Some(key) = word.first_chunk() else {
                short.push((*word, number as u32, anywhere[number]));
                continue;
            };
            while open
                .last()
                .is_some_and(|last| !word.starts_with(words[*last]))
            {
                open.pop();
            }
            if let Some(last) = open.last() {
                beginnings[number] = *last as u32;
            }
            open.push(number);
            let key = u32::from_le_bytes(*key);
            match keys.last_mut() {
                Some(last) if last.octets == key => last.end = number as u32 + 1,
                _ => keys.push(Key {
                    octets: key,
                    first: number as u32,
                    end: number as u32 + 1,
                }),
            }
        }
        let bits = bits_for(words.len());
        let keyed = words.iter().filter(|word| word.len() >= KEY);
        let soon = keyed.clone().filter(|word| longer_key(word).is_none());
        let soon = soon.filter_map(|word| word.first_chunk());
        let soon = soon.map(|key| hash(u32::from_le_bytes(*key), bits));
        let longer = keyed.filter_map(|word| longer_key(word));
        Self {
            ends_soon: set_of(soon, bits),
            goes_on: set_of(longer.map(|key| longer_hash(key, bits)), bits),
            may_begin: bitmap(words, anywhere, &keys),
            keys: table(&keys),
            octets: octets.into(),
            ends: ends.into(),
            nexts: words.iter().map(|word| next_octets(word)).collect(),
            beginnings: beginnings.into(),
            few: few(&keys, &short),
            short: ShortWords::new(&short),
        }
    }

    /// The octets of a word.
    fn word(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.octets[start as usize..self.ends[number] as usize]
    }

    /// Calls `found` with the place and the number of each word, by the place where it begins; after an error no more.
    pub(super) fn find<E>(
        &self,
        text: &[u8],
        mut found: impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(few) = &self.few {
            return self.find_few(few, text, &mut found);
        }
        if let Some((begin, rest)) = text.split_first_chunk::<{ KEY - 1 }>() {
            self.find_many(begin, rest, text, &mut found)?;
        }
        if let Some(short) = &self.short {
            for at in (text.len() + 1).saturating_sub(KEY)..text.len() {
                short.find_at(text, at, &mut found)?;
            }
        }
        Ok(())
    }

    /// The same, without the short words in the last octets. The text begins with `begin`.
    fn find_many<E>(
        &self,
        begin: &[u8; KEY - 1],
        rest: &[u8],
        text: &[u8],
        found: &mut impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let shift = 32 - (self.may_begin.len().trailing_zeros() + 6);
        let short = self.short.as_deref();
        let mut key = begin
            .iter()
            .fold(0, |key, octet| key >> 8 | u32::from(*octet) << 24);
        let mut is_within = false;
        for (at, octet) in rest.iter().enumerate() {
            key = key >> 8 | u32::from(*octet) << 24;
            let hash = (key.wrapping_mul(HASH) >> shift) as usize;
            let may_begin = self.may_begin[hash / 64][usize::from(is_within)] >> (hash % 64) & 1;
            if let Some(short) = short
                && short.may_begin(key, is_within)
            {
                short.find_at(text, at, found)?;
            }
            is_within = IN_WORD[(key & 0xff) as usize];
            if may_begin != 0 {
                self.find_at(text, at, key, found)?;
            }
        }
        Ok(())
    }

    /// The same for few words.
    fn find_few<E>(
        &self,
        few: &packed::Searcher,
        text: &[u8],
        found: &mut impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut from = 0;
        while let Some(place) = few.find_in(text, (from..text.len()).into()) {
            let at = place.start();
            if let Some(short) = &self.short {
                short.find_at(text, at, found)?;
            }
            if let Some(key) = text[at..].first_chunk() {
                self.find_at(text, at, u32::from_le_bytes(*key), found)?;
            }
            from = at + 1;
        }
        Ok(())
    }

    /// The words that begin at a place.
    fn find_at<E>(
        &self,
        text: &[u8],
        at: usize,
        key: u32,
        found: &mut impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let rest = &text[at..];
        let goes_on = || {
            longer_key(rest)
                .is_some_and(|key| has(&self.goes_on, longer_hash(key, bits_of(&self.goes_on))))
        };
        if !has(&self.ends_soon, hash(key, bits_of(&self.ends_soon))) && !goes_on() {
            return Ok(());
        }
        let Some(key) = self.with_key(key) else {
            return Ok(());
        };
        let (mut first, mut end) = (key.first, key.end);
        // The last one that is not after the rest of the text.
        let next = next_octets(rest);
        while end - first > 1 {
            let middle = first.midpoint(end);
            let order = self.nexts[middle as usize].cmp(&next);
            match order.then_with(|| self.word(middle).cmp(rest)) {
                Ordering::Greater => end = middle,
                _ => first = middle,
            }
        }
        let last = self.word(first);
        let mut pairs = last.iter().zip(rest);
        let same = pairs.position(|(one, other)| one != other);
        let same = same.unwrap_or(last.len().min(rest.len()));
        let mut number = first;
        while number != NONE {
            let length = self.word(number).len();
            if length <= same {
                found(at..at + length, number)?;
            }
            number = self.beginnings[number as usize];
        }
        Ok(())
    }

    /// The words that begin with a key.
    fn with_key(&self, key: u32) -> Option<&Key> {
        if self.keys.is_empty() {
            return None;
        }
        let mut at = hash(key, self.keys.len().trailing_zeros());
        loop {
            let entry = &self.keys[at];
            if entry.end == 0 {
                return None;
            }
            if entry.octets == key {
                return Some(entry);
            }
            at = (at + 1) & (self.keys.len() - 1);
        }
    }
}

/// The bits of the hashes of so many words.
fn bits_for(words: usize) -> u32 {
    let wanted = (16 * words.max(1)).next_power_of_two().trailing_zeros();
    wanted.clamp(FEWEST_BITS, MOST_BITS)
}

/// See [`WordIndex::may_begin`].
fn bitmap(words: &[&[u8]], anywhere: &[bool], keys: &[Key]) -> Box<[[u64; 2]]> {
    let bits = bits_for(2 * keys.len());
    let mut may_begin = vec![[0; 2]; 1 << (bits - 6)];
    for key in keys {
        let hash = hash(key.octets, bits);
        let mut some = key.first as usize..key.end as usize;
        let is_within = some.any(|word| anywhere[word] || !IN_WORD[usize::from(words[word][0])]);
        let bit = 1_u64 << (hash % 64);
        may_begin[hash / 64][0] |= bit;
        may_begin[hash / 64][1] |= if is_within { bit } else { 0 };
    }
    may_begin.into()
}

/// See [`WordIndex::keys`]: at most half full.
fn table(keys: &[Key]) -> Box<[Key]> {
    if keys.is_empty() {
        return Box::default();
    }
    let size = (2 * keys.len()).next_power_of_two();
    let mut table = vec![Key::default(); size];
    for key in keys {
        let mut at = hash(key.octets, size.trailing_zeros());
        while table[at].end != 0 {
            at = (at + 1) & (size - 1);
        }
        table[at] = *key;
    }
    table.into()
}

/// See [`WordIndex::few`]; none where the machine lacks the vector instructions.
fn few(keys: &[Key], short: &[(&[u8], u32, bool)]) -> Option<packed::Searcher> {
    if keys.len() + short.len() > FEW {
        return None;
    }
    let mut begins = packed::Config::new().builder();
    for key in keys {
        begins.add(key.octets.to_le_bytes());
    }
    for (word, ..) in short {
        begins.add(word);
    }
    begins.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn index(words: &[&str]) -> WordIndex {
        let mut words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        words.sort_unstable();
        WordIndex::new(&words, &vec![true; words.len()])
    }

    fn found(index: &WordIndex, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        let Ok(()) = index.find(text.as_bytes(), |at, number| {
            assert_eq!(&text.as_bytes()[at.clone()], index.word(number));
            all.push((at.start, at.end));
            Ok::<(), Infallible>(())
        });
        all.sort_unstable();
        all.into_iter()
            .map(|(start, end)| format!("{start} {}", &text[start..end]))
            .collect()
    }

    #[test]
    fn overlapping_words_and_beginnings_are_found() {
        let words = [
            "abcd", "abcde", "abcdefgh", "abcdx", "bcde", "cd", "h", "ab", "xyz", "abcdez",
        ];
        let index = index(&words);
        assert_eq!(
            found(&index, "abcdefg abcdefgh"),
            [
                "0 ab",
                "0 abcd",
                "0 abcde",
                "1 bcde",
                "2 cd",
                "8 ab",
                "8 abcd",
                "8 abcde",
                "8 abcdefgh",
                "9 bcde",
                "10 cd",
                "15 h"
            ]
        );
        assert_eq!(found(&index, "xyz"), ["0 xyz"]);
        assert_eq!(
            found(&index, "abcdez"),
            ["0 ab", "0 abcd", "0 abcde", "0 abcdez", "1 bcde", "2 cd"]
        );
        assert!(found(&index, "").is_empty() && found(&index, "x").is_empty());
    }

    #[test]
    fn it_finds_what_an_automaton_finds() {
        // Words and texts of three letters, so that they overlap in every way.
        let mut random = fastrand::Rng::with_seed(17);
        for count in (10..110).chain(10..110) {
            let mut some = |count: usize, longest: usize| -> Vec<String> {
                let one = |random: &mut fastrand::Rng| {
                    let length = random.usize(1..=longest);
                    (0..length).map(|_| random.char('a'..='c')).collect()
                };
                (0..count).map(|_| one(&mut random)).collect()
            };
            let (mut words, texts) = (some(count, 9), some(20, 60));
            words.sort_unstable();
            words.dedup();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let index = index(&words);
            let automaton = aho_corasick::AhoCorasick::new(&words).unwrap();
            for text in texts {
                let mut all: Vec<_> = automaton
                    .find_overlapping_iter(&text)
                    .map(|found| (found.start(), found.end()))
                    .collect();
                all.sort_unstable();
                let all: Vec<String> = all
                    .into_iter()
                    .map(|(start, end)| format!("{start} {}", &text[start..end]))
                    .collect();
                assert_eq!(found(&index, &text), all);
            }
        }
    }

    #[test]
    fn words_that_must_stand_alone_are_not_looked_for_within_words() {
        // Among so many that the bitmap is used.
        let others: Vec<String> = (100..200).map(|number| format!("{number}x")).collect();
        let mut words: Vec<&str> = others.iter().map(String::as_str).collect();
        words.extend(["-case", "case", "lite"]);
        words.sort_unstable();
        let anywhere: Vec<bool> = words.iter().map(|word| *word == "lite").collect();
        let words: Vec<&[u8]> = words.into_iter().map(str::as_bytes).collect();
        let index = WordIndex::new(&words, &anywhere);
        assert_eq!(
            found(&index, "showcase case-case polite"),
            ["9 case", "13 -case", "14 case", "21 lite"]
        );
    }
}
