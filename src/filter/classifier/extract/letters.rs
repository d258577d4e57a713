//! Words and runs of letters of a text, in every script.
//!
//! In: a text; out: the ranges of its words, where Chinese, Japanese and Thai count letter by letter, because nothing
//! parts their words; and a number for each run of a few letters. Pairs of words are then pairs of such letters.

use std::ops::Range;

use crate::filter::scripts::{is_hangul, is_unspaced};

const WORDS: usize = 800;
const WORD_BYTES: usize = 24;

/// The ranges of the words.
pub(super) fn words(text: &str) -> Vec<Range<usize>> {
    match text.is_ascii() {
        true => ascii_words(text.as_bytes()),
        false => any_words(text),
    }
}

/// By octet: whether it is white space, and whether it is a mark.
const SPACE: u8 = 1;
const MARK: u8 = 2;
const KINDS: [u8; 128] = {
    let mut kinds = [0; 128];
    let mut octet = 0;
    while octet < 128 {
        kinds[octet] = match octet as u8 {
            b' ' | b'\t'..=b'\r' => SPACE,
            letter if is_ascii_mark(letter as char) => MARK,
            _ => 0,
        };
        octet += 1;
    }
    kinds
};

/// The same for a text in ASCII.
fn ascii_words(text: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::with_capacity(WORDS.min(text.len() / 4));
    let kind = |at: usize| KINDS[usize::from(text[at] & 0x7f)];
    let mut at = 0;
    while at < text.len() && words.len() < WORDS {
        if kind(at) != 0 {
            at += 1;
            continue;
        }
        let start = at;
        let mut end = at;
        while at < text.len() && kind(at) != SPACE {
            if kind(at) == 0 {
                end = at + 1;
            }
            at += 1;
        }
        words.push(start..end.min(start + WORD_BYTES));
    }
    words
}

fn any_words(text: &str) -> Vec<Range<usize>> {
    let start = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    let mut words = Vec::new();
    for part in text.split_whitespace() {
        let part = part.trim_matches(is_mark);
        if words.len() >= WORDS {
            break;
        }
        if part.is_ascii() || !part.contains(is_unspaced) {
            let word = beginning(part, WORD_BYTES);
            if !word.is_empty() {
                words.push(start(word)..start(word) + word.len());
            }
        } else {
            add_unspaced(part, start(part), &mut words);
        }
    }
    words.truncate(WORDS);
    words
}

/// Adds each letter of a script without spaces, and each run of others between them.
fn add_unspaced(part: &str, start: usize, words: &mut Vec<Range<usize>>) {
    let mut run = None;
    let end = |run: &mut Option<usize>, at: usize, words: &mut Vec<Range<usize>>| {
        if let Some(begin) = run.take() {
            let length = beginning(&part[begin..at], WORD_BYTES).len();
            words.push(start + begin..start + begin + length);
        }
    };
    for (at, letter) in part.char_indices() {
        if is_unspaced(letter) {
            end(&mut run, at, words);
            words.push(start + at..start + at + letter.len_utf8());
        } else if is_mark(letter) {
            end(&mut run, at, words);
        } else {
            run.get_or_insert(at);
        }
        if words.len() >= WORDS {
            return;
        }
    }
    end(&mut run, part.len(), words);
}

/// Punctuation that is no part of a word at its edge.
fn is_mark(letter: char) -> bool {
    is_ascii_mark(letter) || !letter.is_ascii() && is_foreign_mark(letter)
}

const fn is_ascii_mark(letter: char) -> bool {
    matches!(
        letter,
        '.' | ',' | ';' | ':' | '(' | ')' | '"' | '\'' | '<' | '>'
    )
}

fn is_foreign_mark(letter: char) -> bool {
    matches!(
        letter,
        '«' | '»'
            | '¿'
            | '¡'
            | '·'
            | '،'
            | '؛'
            | '؟'
            | '।'
            | '\u{2018}'..='\u{201f}'
            | '…'
            | '、'
            | '。'
            | '〈'..='】'
            | '！'
            | '（'
            | '）'
            | '，'
            | '．'
            | '：'
            | '；'
            | '？'
    )
}

/// A number for each run of letters: of four, of three where letters are words or parts of words, and of two syllables
/// of Korean.
pub(super) fn runs(text: &str) -> impl Iterator<Item = u64> {
    let letters: Vec<char> = text.chars().collect();
    (0..letters.len()).filter_map(move |at| {
        let length = match letters[at] {
            letter if letter.is_ascii() => 4,
            letter if is_hangul(letter) => 2,
            letter if is_unspaced(letter) => 3,
            _ => 4,
        };
        let run = letters.get(at..at + length)?;
        Some(number(run))
    })
}

/// A run as one number; of ASCII it is that of its bytes.
#[inline]
fn number(run: &[char]) -> u64 {
    let letter = |at: usize| run.get(at).map_or(0, |letter| u64::from(*letter));
    let (a, b, c, d) = (letter(0), letter(1), letter(2), letter(3));
    let bits = if (a | b | c | d) < 0x80 { 8 } else { 16 };
    let part = |letter: u64, place: u32| (letter & 0xffff) << (place * bits);
    part(a, 0) | part(b, 1) | part(c, 2) | part(d, 3)
}

pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        words(text).into_iter().map(|word| &text[word]).collect()
    }

    #[test]
    fn words_are_parted_by_spaces_or_letter_by_letter() {
        assert_eq!(texts("Your \"account\", dear"), ["Your", "account", "dear"]);
        assert_eq!(texts("«Ваш» счёт…"), ["Ваш", "счёт"]);
        assert_eq!(
            texts("口座24時間「停止」。"),
            ["口", "座", "24", "時", "間", "停", "止"]
        );
        assert_eq!(texts("계정이 정지"), ["계정이", "정지"]);
    }

    #[test]
    fn words_of_ascii_are_those_of_any_text() {
        for text in [
            "",
            " .. ",
            "(a) b. 'c'\u{b}d\x1ce ;;x,y; ...",
            "  \"quoted\" <a@b>",
            &"long".repeat(9),
        ] {
            assert_eq!(ascii_words(text.as_bytes()), any_words(text), "{text:?}");
        }
    }

    #[test]
    fn a_long_text_has_a_bounded_number_of_words() {
        assert_eq!(words(&"口".repeat(5000)).len(), WORDS);
        assert_eq!(words(&"a口".repeat(5000)).len(), WORDS);
        assert_eq!(words(&"a ".repeat(5000)).len(), WORDS);
    }

    #[test]
    fn runs_are_of_letters_not_of_octets() {
        let ascii: Vec<_> = runs("abcde").collect();
        let octets = |text: &[u8; 4]| u64::from(u32::from_le_bytes(*text));
        assert_eq!(ascii, [octets(b"abcd"), octets(b"bcde")]);
        assert_eq!(runs("счёт").count(), 1);
        assert_eq!(runs("口座停止").count(), 2);
        assert_eq!(runs("계정이").count(), 2);
        let one: Vec<_> = runs("口座停").collect();
        let other: Vec<_> = runs("口座凍").collect();
        assert_ne!(one, other);
    }
}
