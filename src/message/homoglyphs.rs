//! Finds words with homoglyphs and other obfuscation that people can still read.
//!
//! In: text; out: replacements for disguised words, so that the text reads as a person reads it, and how many words are
//! disguised: letters of two scripts in one word (UTS 39 section 5.1), styled letters (UAX 15's compatibility forms),
//! stray combining marks. Also guesses at words disguised with ASCII alone (digits for letters, a capital I for an l,
//! spaced-out letters): callers compare these with names worth disguising.

mod ascii;
mod counts;
mod flags;
mod invisible;
mod look_alike;
mod spelled_out;
mod word;

use std::cell::LazyCell;
use std::ops::Range;

use encoding_rs::Encoding;
use memchr::{memchr, memchr_iter, memrchr};

use ascii::Apart;
use look_alike::Glyph;
use word::{Alphabets, Reading, Writing};

use crate::message::blocks;

pub(crate) use invisible::{invisible_run_at, is_far_from_ignorable, shows_nothing};
pub use spelled_out::SpelledOut;

/// Limit on the disguised words found in one text.
const FOUND_LIMIT: usize = 200;

/// What the letters of a text reveal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Letters {
    /// Runs of disguised words as a person reads them, in lower-case ASCII.
    pub words: Vec<String>,
    /// Words that mix letters of two scripts or carry stray combining marks; 0 if they are too few to deceive anybody.
    pub mixed_words: usize,
    /// Letters of words in styled letters, except full-width ones in Chinese, Japanese or Korean text.
    pub styled_letters: usize,
}

impl Letters {
    /// Examines a text; returns what its letters reveal, and the replacements for parts of it, in order.
    pub fn of(text: &str) -> (Self, Vec<(Range<usize>, String)>) {
        let mut letters = Self::default();
        if text.is_ascii() {
            return (letters, Vec::new());
        }
        // Words with nothing unusual but their quotation marks do not need it.
        let alphabets = LazyCell::new(|| Alphabets::of(text));
        let all = words_in(text);
        let (mut mixed, mut styled, mut unusual) = (0_usize, 0_usize, 0_usize);
        let mut readings = Vec::new();
        for word in beyond_ascii(text) {
            if flags::is_only(word.text) {
                continue;
            }
            let Some(Reading { plain, writing }) = word::read(word.text, &alphabets) else {
                continue;
            };
            match writing {
                Writing::Mixed => mixed += 1,
                Writing::Styled(count) => styled += count,
                Writing::Unusual => unusual += 1,
                _ => {}
            }
            readings.push((word.range(), plain, writing));
        }
        if unusual >= 5 && unusual * 5 >= all {
            mixed += unusual;
        }
        // One disguised word in a newsletter is a typing mistake.
        if mixed * 20 >= all || mixed >= 5 && mixed * 100 >= all {
            letters.mixed_words = mixed;
        }
        letters.styled_letters = styled;
        let is_disguised = mixed > 0 || styled > 0;
        readings.retain(|(_, _, writing)| {
            is_disguised || !matches!(writing, Writing::Perhaps | Writing::Unusual)
        });
        letters.words = runs(&readings);
        let edits = readings.into_iter();
        let edits = edits.map(|(range, plain, _)| (range, plain)).collect();
        (letters, edits)
    }
}

/// The disguised words of at least two letters, with adjacent ones joined.
fn runs(readings: &[(Range<usize>, String, Writing)]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut end = None;
    for (range, plain, writing) in readings {
        if matches!(writing, Writing::Decomposed | Writing::FullWidth) {
            continue;
        }
        let Some(plain) = ascii::trimmed(plain) else {
            continue;
        };
        let is_next = end.is_some() && end == range.start.checked_sub(1);
        if let Some(run) = found.last_mut().filter(|_| is_next) {
            run.push(' ');
            run.push_str(&plain);
        } else if found.len() < FOUND_LIMIT {
            found.push(plain);
        } else {
            break;
        }
        end = Some(range.end);
    }
    found
}

/// A short text as a person reads it, if that differs from what is written.
pub fn plain(text: &str) -> Option<String> {
    let (_, edits) = Letters::of(text);
    (!edits.is_empty()).then(|| edited(text, &edits))
}

/// The ASCII word that a word looks like, if every letter looks like an ASCII letter.
pub fn looks_like(word: &str) -> Option<String> {
    let mut plain = String::with_capacity(word.len());
    for letter in word.chars() {
        match Glyph::of(letter) {
            Glyph::Latin(base)
            | Glyph::Foreign(base, _)
            | Glyph::Styled(base)
            | Glyph::Unusual(base) => plain.push(base),
            Glyph::Other if letter.is_ascii() => plain.push(letter),
            Glyph::Mark(_) => {}
            Glyph::Other | Glyph::Own => return None,
        }
    }
    plain.is_ascii().then_some(plain)
}

/// A text with parts of it replaced.
pub(crate) fn edited(text: &str, edits: &[(Range<usize>, String)]) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut at = 0;
    for (range, plain) in edits {
        whole.push_str(&text[at..range.start]);
        whole.push_str(plain);
        at = range.end;
    }
    whole.push_str(&text[at..]);
    whole
}

/// The disguised words, with adjacent ones joined.
pub fn words(text: &str) -> Vec<String> {
    let (letters, _) = Letters::of(text);
    let mut found = letters.words;
    found.extend(ascii_words(text));
    found
}

/// The words that are disguised with ASCII alone, with adjacent ones joined.
pub fn ascii_words(text: &str) -> Vec<String> {
    ascii_words_without_row(text).unwrap_or_else(|| ascii_words_one_by_one(text))
}

/// The same by those words that may be disguised; `None` if there may be a row of single letters.
fn ascii_words_without_row(text: &str) -> Option<Vec<String>> {
    let octets = text.as_bytes();
    let mut found = Vec::new();
    let mut run = String::new();
    let (mut at, mut end_of_run) = (0, 0);
    while let Some(odd) = odd_place(octets, at) {
        if octets[odd] == b' ' {
            return None;
        }
        let start = octets[at..odd].iter().rposition(|octet| *octet == b' ');
        let start = start.map_or(at, |blank| at + blank + 1);
        let length = octets[odd..].iter().position(|octet| *octet == b' ');
        at = length.map_or(octets.len(), |length| odd + length);
        let word = &text[start..at];
        let Some(plain) = word.is_ascii().then(|| ascii::read(word)).flatten() else {
            continue;
        };
        if !run.is_empty() && only_letters(&text[end_of_run..start]) {
            run.push(' ');
        } else if !run.is_empty() {
            found.push(std::mem::take(&mut run));
            if found.len() >= FOUND_LIMIT {
                return Some(found);
            }
        }
        run.push_str(&plain);
        end_of_run = at;
    }
    if !run.is_empty() {
        found.push(run);
    }
    Some(found)
}

/// Whether there are only single letters and digits between two words, which do not part them.
fn only_letters(between: &str) -> bool {
    let is_letter = |word: &str| word.len() == 1 && word.as_bytes()[0].is_ascii_alphanumeric();
    let words = between.get(1..between.len() - 1);
    words.is_none_or(|words| words.split(' ').all(is_letter))
}

/// The first place that may be in a word disguised with ASCII alone, or in a row of three or more single letters: a digit, a
/// symbol, a capital I, one of three equal octets with others between them, or a space. Each such word and row has one.
fn odd_place(octets: &[u8], from: usize) -> Option<usize> {
    blocks::find::<20>(octets, from, 0, |window, at| {
        let (one, next, third, fifth) =
            (window[at], window[at + 1], window[at + 2], window[at + 4]);
        (one.wrapping_sub(b'0') < 6)
            | (one == b'I')
            | (one == b'@')
            | (one == b'|')
            | (one == b'!')
            | ((one == third) & (one == fifth) & (one != next))
    })
}

/// The same one by one.
fn ascii_words_one_by_one(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut apart = Apart::default();
    for word in Words::of(text) {
        if found.len() >= FOUND_LIMIT {
            break;
        }
        if word.text.len() == 1 && word.text.as_bytes()[0].is_ascii_alphanumeric() {
            apart.letters.push_str(word.text);
            continue;
        }
        apart.take(&mut found);
        let is_odd = word.is_odd && word.text.is_ascii();
        match is_odd.then(|| ascii::read(word.text)).flatten() {
            Some(plain) => {
                if !run.is_empty() {
                    run.push(' ');
                }
                run.push_str(&plain);
            }
            None if !run.is_empty() => found.push(std::mem::take(&mut run)),
            None => {}
        }
    }
    apart.take(&mut found);
    if !run.is_empty() {
        found.push(run);
    }
    found
}

/// Other readings of a text much of which is spelled out: in the first, a 1 stands for an i, in the second for an l.
pub fn other_readings(text: &str, spelled: &SpelledOut) -> Vec<String> {
    if !spelled.is_much() {
        return Vec::new();
    }
    let first = spelled_out::read(text, 'i');
    let second = spelled_out::read(text, 'l');
    let differs = first != second;
    let second = differs.then_some(second);
    std::iter::once(first).chain(second).collect()
}

/// Whether a short text has words that mix letters of two scripts, or carry stray combining marks.
pub fn is_foreign(text: &str) -> bool {
    foreign_words(text) > 0
}

/// The number of words of a short text that mix letters of two scripts, or carry stray combining marks.
pub fn foreign_words(text: &str) -> usize {
    Letters::of(text).0.mixed_words
}

/// The number of words of a text that is not empty, as [`Words`] finds them.
fn words_in(text: &str) -> usize {
    memchr_iter(b' ', text.as_bytes()).count() + usize::from(!text.ends_with(' '))
}

/// The words of a text that are not ASCII.
fn beyond_ascii(text: &str) -> impl Iterator<Item = Word<'_>> {
    let octets = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = at + Encoding::ascii_valid_up_to(&octets[at..]);
        if first == octets.len() {
            return None;
        }
        let start = memrchr(b' ', &octets[at..first]).map_or(at, |blank| at + blank + 1);
        let length = memchr(b' ', &octets[first..]);
        at = length.map_or(octets.len(), |length| first + length);
        Some(Word {
            text: &text[start..at],
            start,
            is_odd: true,
        })
    })
}

/// The words of a text, and whether each contains anything but ASCII letters.
struct Words<'t> {
    text: &'t str,
    at: usize,
}

struct Word<'t> {
    text: &'t str,
    start: usize,
    is_odd: bool,
}

impl Word<'_> {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }
}

impl<'t> Words<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Word<'t>;

    fn next(&mut self) -> Option<Word<'t>> {
        let bytes = self.text.as_bytes();
        let begin = self.at;
        let (mut end, mut is_odd) = (begin, false);
        while let Some(&byte) = bytes.get(end) {
            if byte == b' ' {
                break;
            }
            // This test runs on every byte, and rules most words out.
            is_odd |= ODD[usize::from(byte)];
            end += 1;
        }
        if begin >= bytes.len() {
            return None;
        }
        self.at = end + 1;
        Some(Word {
            text: &self.text[begin..end],
            start: begin,
            is_odd,
        })
    }
}

/// Every disguised word contains at least one of these bytes.
const ODD: [bool; 256] = {
    let mut odd = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        odd[byte] = !value.is_ascii()
            || matches!(
                value,
                b'I' | b'0' | b'1' | b'3' | b'4' | b'5' | b'@' | b'|' | b'!'
            )
            || matches!(value, b'.' | b'-' | b'_' | b'*');
        byte += 1;
    }
    odd
};

#[cfg(test)]
mod tests;
