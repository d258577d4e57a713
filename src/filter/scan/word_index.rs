//! Finds all of many words in a text by their first four octets.
//!
//! In: words in lower case, once; then texts in lower case; out: each place where a word is, overlapping ones, too. An
//! octet of text costs one look into a table by it and the next octet; where a word may begin so, bitmaps that fit the L1
//! cache tell whether its first four octets and then the next ones go on like one, the longest is found by bisection, and
//! the others are its beginnings. The rest of the index is larger than that cache. Places where one of few
//! words may begin are found many octets at once (Teddy). Building it is sorting the words: an automaton of
//! the same words takes fifty times as long and as much memory.

use std::cmp::Ordering;
use std::ops::Range;

use aho_corasick::packed;

use super::short_words::ShortWords;
use super::word_begins::{AFTER, AFTER_OTHERS, HASH, Pairs, WITHIN, may_follow};

/// Octets by which words are found.
const KEY: usize = 4;

/// Bits of the hashes of keys, and of longer keys: the sets of the former fit into the L1 cache, and few octets of a text
/// are looked for in the latter.
const FEWEST_BITS: u32 = 9;
const MOST_BITS: u32 = 16;
const MOST_LONGER_BITS: u32 = 18;

/// So many different keys, or fewer, are searched for with vector instructions.
const FEW: usize = 32;

/// No other word.
const NONE: u32 = u32::MAX;

/// Words, ready to be found. They are numbered in their order.
#[derive(Debug, Default)]
pub(super) struct WordIndex {
    octets: Box<[u8]>,
    words: Box<[Word]>,
    /// By word: the eight octets after its key as a number, for comparing.
    nexts: Box<[u64]>,
    /// By hash of two octets: after which octets a word may begin so, short words included.
    pairs: Pairs,
    /// By hash of a key: what words begin so.
    begins: Box<[Begins]>,
    /// By hash of a key and the two octets after it: whether a word begins so.
    goes_on: Box<[u64]>,
    /// The keys with the words that begin so, by hash; a key without words ends a search.
    keys: Box<[Key]>,
    /// Words shorter than a key.
    short: Option<Box<ShortWords>>,
    /// The search for keys and short words, if they are few.
    few: Option<packed::Searcher>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    /// The end of its octets.
    end: u32,
    length: u32,
    /// The longest other one that it begins with and that has a key.
    beginning: u32,
}

/// Words with the same first octets.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    octets: u32,
    first: u32,
    end: u32,
}

/// Sets of hashes of keys, 64 hashes of each side by side: what is asked about one hash is in one line of the cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Begins {
    /// Whether a word may begin there if the octet before does not belong to an ASCII word, and if it does.
    words: [u64; 2],
    /// Whether a word ends within the two octets after the key.
    ends_soon: u64,
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

#[inline]
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
        let mut all = Vec::with_capacity(words.len());
        let mut octets = Vec::with_capacity(words.iter().map(|word| word.len()).sum());
        let mut keys: Vec<Key> = Vec::new();
        let mut short = Vec::new();
        // The words with which the one before begins, and itself.
        let mut open: Vec<usize> = Vec::new();
        for (number, word) in words.iter().enumerate() {
            octets.extend_from_slice(word);
            all.push(Word {
                end: octets.len() as u32,
                length: word.len() as u32,
                beginning: NONE,
            });
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
                all[number].beginning = *last as u32;
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
        let bits = bits_for(words.len(), MOST_LONGER_BITS);
        let longer = words.iter().filter_map(|word| longer_key(word));
        Self {
            goes_on: set_of(longer.map(|key| longer_hash(key, bits)), bits),
            begins: begins(words, anywhere, &keys),
            keys: table(&keys),
            octets: octets.into(),
            words: all.into(),
            nexts: words.iter().map(|word| next_octets(word)).collect(),
            pairs: Pairs::of(words, anywhere),
            few: few(&keys, &short),
            short: ShortWords::new(&short),
        }
    }

    /// The octets of a word.
    fn word(&self, number: u32) -> &[u8] {
        let Word { end, length, .. } = self.words[number as usize];
        &self.octets[(end - length) as usize..end as usize]
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
        self.find_many(text, &mut found)?;
        if let Some(short) = &self.short {
            for at in (text.len() + 1).saturating_sub(KEY)..text.len() {
                short.find_at(text, at, &mut found)?;
            }
        }
        Ok(())
    }

    /// The same, without the short words in the last octets.
    fn find_many<E>(
        &self,
        text: &[u8],
        found: &mut impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = AFTER_OTHERS;
        for (at, octets) in text.windows(KEY).enumerate() {
            let Some(first) = octets.first_chunk() else {
                return Ok(());
            };
            let key = u32::from_le_bytes(*first);
            if self.pairs.may_begin(key, after) {
                self.find_after(text, at, key, after, found)?;
            }
            after = AFTER[usize::from(first[0])];
        }
        Ok(())
    }

    /// The words that begin at a place after such an octet.
    #[inline]
    fn find_after<E>(
        &self,
        text: &[u8],
        at: usize,
        key: u32,
        after: u8,
        found: &mut impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(short) = &self.short
            && short.may_begin(key, after)
        {
            short.find_at(text, at, found)?;
        }
        let hash = hash(key, self.begins.len().trailing_zeros() + 6);
        let begins = &self.begins[hash / 64];
        if begins.words[usize::from(after == WITHIN)] >> (hash % 64) & 1 != 0 {
            let ends_soon = begins.ends_soon >> (hash % 64) & 1 != 0;
            if ends_soon || self.goes_on(&text[at..]) {
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

    /// Whether a word may begin with a key and the two octets after it.
    #[inline]
    fn goes_on(&self, text: &[u8]) -> bool {
        longer_key(text)
            .is_some_and(|key| has(&self.goes_on, longer_hash(key, bits_of(&self.goes_on))))
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
        let same = self.octets_in_common(first, next, rest);
        let mut number = first;
        while number != NONE {
            let word = &self.words[number as usize];
            let length = word.length as usize;
            if length <= same {
                found(at..at + length, number)?;
            }
            number = word.beginning;
        }
        Ok(())
    }

    /// How many octets at the beginning of a text, whose key is that of a word, are those of the word. `next` are those after
    /// the key.
    fn octets_in_common(&self, number: u32, next: u64, text: &[u8]) -> usize {
        let differing = self.nexts[number as usize] ^ next;
        let length = (self.words[number as usize].length as usize).min(text.len());
        // Most words are not longer: then no look at their octets is needed.
        let known = KEY + (differing.leading_zeros() / 8) as usize;
        if differing != 0 || length <= known {
            return known.min(length);
        }
        let mut pairs = self.word(number)[known..].iter().zip(&text[known..]);
        let differs = pairs.position(|(one, other)| one != other);
        differs.map_or(length, |same| known + same)
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
fn bits_for(words: usize, most: u32) -> u32 {
    let wanted = (16 * words.max(1)).next_power_of_two().trailing_zeros();
    wanted.clamp(FEWEST_BITS, most)
}

/// See [`WordIndex::begins`].
fn begins(words: &[&[u8]], anywhere: &[bool], keys: &[Key]) -> Box<[Begins]> {
    let bits = bits_for(2 * keys.len(), MOST_BITS);
    let mut begins = vec![Begins::default(); 1 << (bits - 6)];
    for key in keys {
        let hash = hash(key.octets, bits);
        let some = key.first as usize..key.end as usize;
        let is_within = |word: usize| may_follow(words[word], anywhere[word]) & WITHIN != 0;
        let bit = |is: bool| u64::from(is) << (hash % 64);
        let begins = &mut begins[hash / 64];
        begins.words[0] |= bit(true);
        begins.words[1] |= bit(some.clone().any(is_within));
        begins.ends_soon |= bit(some.clone().any(|word| words[word].len() < KEY + 2));
    }
    begins.into()
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
            // Longer ones go on after what is compared as one number.
            let (mut words, texts) = (some(count, 9), some(20, 60));
            words.extend(some(count / 4, 20));
            words.extend(
                texts
                    .iter()
                    .filter_map(|text| text.get(..18).map(str::to_owned)),
            );
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
