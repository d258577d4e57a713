//! Words and runs of letters of a text, in every script.
//!
//! In: a text; out: the ranges of its words, where Chinese, Japanese and Thai count letter by letter, because nothing
//! parts their words; and a number for each run of a few letters. Pairs of words are then pairs of such letters.

use std::ops::Range;

use crate::filter::scripts::{is_hangul, is_unspaced};
use crate::message::blocks;

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
    let kind = |octet: u8| KINDS[usize::from(octet & 0x7f)];
    let mut at = 0;
    while words.len() < WORDS {
        while text.get(at).is_some_and(|octet| kind(*octet) != 0) {
            at += 1;
        }
        if at >= text.len() {
            break;
        }
        let start = at;
        let space = blocks::find::<16>(text, at + 1, b' ', |window, at| {
            (window[at] == b' ') | (window[at].wrapping_sub(b'\t') < 5)
        });
        at = space.unwrap_or(text.len());
        let mut end = at;
        // Its first octet is no mark.
        while kind(text[end - 1]) == MARK {
            end -= 1;
        }
        words.push(start..end.min(start + WORD_BYTES));
    }
    words
}

fn any_words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::with_capacity(WORDS.min(text.len() / 4));
    let mut at = 0;
    while at < text.len() && words.len() < WORDS {
        let (end, is_ascii) = part_at(text, at);
        let part = &text[at..end];
        if is_ascii {
            let part = part.trim_matches(is_ascii_mark);
            if !part.is_empty() {
                let start = part.as_ptr().addr() - text.as_ptr().addr();
                words.push(start..start + part.len().min(WORD_BYTES));
            }
        } else {
            add_beyond_ascii(part, at, &mut words);
        }
        let blank = text[end..].chars().next();
        at = end + blank.map_or(0, char::len_utf8);
    }
    words.truncate(WORDS);
    words
}

/// Where the part up to the next white space ends, and whether it is ASCII.
fn part_at(text: &str, start: usize) -> (usize, bool) {
    let (mut at, mut is_ascii) = (start, true);
    loop {
        let found = blocks::find::<16>(text.as_bytes(), at, b' ', |window, at| {
            let octet = window[at];
            (octet == b' ') | (octet.wrapping_sub(b'\t') < 5) | (octet >= 0x80)
        });
        let Some(found) = found else {
            return (text.len(), is_ascii);
        };
        match text[found..].chars().next() {
            Some(letter) if !letter.is_whitespace() => {
                is_ascii = false;
                at = found + letter.len_utf8();
            }
            _ => return (found, is_ascii),
        }
    }
}

/// Adds the words of a part between white space that is not ASCII.
fn add_beyond_ascii(part: &str, start: usize, words: &mut Vec<Range<usize>>) {
    let trimmed = part.trim_matches(is_mark);
    let start = start + (trimmed.as_ptr().addr() - part.as_ptr().addr());
    if trimmed.is_ascii() || !trimmed.contains(is_unspaced) {
        let word = beginning(trimmed, WORD_BYTES);
        if !word.is_empty() {
            words.push(start..start + word.len());
        }
    } else {
        add_unspaced(trimmed, start, words);
    }
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

/// A text in lower case. As [`str::to_lowercase`], which works letter by letter once one is not ASCII.
pub(super) fn lowered(text: &str) -> String {
    // What it becomes depends on its place.
    if text.contains('Σ') {
        return text.to_lowercase();
    }
    let mut lower = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let end = match letter.is_ascii() {
            true => {
                let is_beyond = |window: &[u8; 16], at: usize| window[at] >= 0x80;
                blocks::find(text.as_bytes(), at, 0, is_beyond).unwrap_or(text.len())
            }
            false => at + letter.len_utf8(),
        };
        match letter.is_ascii() {
            true => lower.push_str(&text[at..end]),
            false => lower.extend(letter.to_lowercase()),
        }
        at = end;
    }
    lower.make_ascii_lowercase();
    lower
}

/// A number for each run of letters: of four, of three where letters are words or parts of words, and of two syllables
/// of Korean.
pub(super) fn runs(text: &str) -> impl Iterator<Item = u64> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            // Most of nearly every text.
            if let Some(four) = rest
                .as_bytes()
                .first_chunk::<4>()
                .filter(|it| it.is_ascii())
            {
                rest = &rest[1..];
                return Some(u64::from(u32::from_le_bytes(*four)));
            }
            let first = rest.chars().next()?;
            let run = run_at(rest, first);
            rest = &rest[first.len_utf8()..];
            if run.is_some() {
                return run;
            }
        }
    })
}

/// The number of the run that begins with this letter, unless the text ends before it does.
fn run_at(text: &str, first: char) -> Option<u64> {
    let length = match first {
        letter if letter.is_ascii() => 4,
        letter if is_hangul(letter) => 2,
        letter if is_unspaced(letter) => 3,
        _ => 4,
    };
    let (mut run, mut count) = (['\0'; 4], 0);
    for letter in text.chars().take(length) {
        run[count] = letter;
        count += 1;
    }
    (count == length).then(|| number(&run[..length]))
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
            assert_eq!(ascii_words(text.as_bytes()), plain_words(text), "{text:?}");
        }
    }

    #[test]
    fn words_of_random_ascii_are_those_of_any_text() {
        const PIECES: &[u8] = b"aaaaaaaabcX19-_..,;:()\"'<>      \t\n\x0b\x1c\x7f\0";
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..20_000 {
            let letter = |_| char::from(PIECES[random.usize(..PIECES.len())]);
            let text: String = (0..100).map(letter).collect();
            assert_eq!(ascii_words(text.as_bytes()), plain_words(&text), "{text:?}");
        }
    }

    /// As the module says, part by part.
    fn plain_words(text: &str) -> Vec<Range<usize>> {
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

    /// The same for runs.
    fn plain_runs(text: &str) -> Vec<u64> {
        let letters: Vec<char> = text.chars().collect();
        let run = |at: usize| {
            let length = match letters[at] {
                letter if letter.is_ascii() => 4,
                letter if is_hangul(letter) => 2,
                letter if is_unspaced(letter) => 3,
                _ => 4,
            };
            letters.get(at..at + length).map(number)
        };
        (0..letters.len()).filter_map(run).collect()
    }

    #[test]
    fn words_and_runs_of_any_text_are_those_of_its_letters() {
        const PIECES: [&str; 28] = [
            "A\u{c9}",
            "\u{130}",
            "\u{3a3}",
            "\u{39f}B",
            "a",
            "word",
            "Long-and_longer.word",
            " ",
            " ",
            " ",
            "\t",
            "\u{b}",
            "\u{1c}",
            "\u{85}",
            "\u{a0}",
            "\u{3000}",
            "\u{2009}",
            ".",
            ",",
            "(",
            "\u{ab}",
            "\u{2019}s",
            "\u{e9}",
            "\u{436}\u{434}",
            "\u{53e3}",
            "\u{ad50}",
            "\u{3002}",
            "\u{1f600}",
        ];
        let mut random = fastrand::Rng::with_seed(3);
        for number in 0..20_000 {
            let pieces = if number % 100 == 0 { 4_000 } else { 40 };
            let text: String = (0..random.usize(..pieces))
                .map(|_| PIECES[random.usize(..PIECES.len())])
                .collect();
            assert_eq!(any_words(&text), plain_words(&text), "{text:?}");
            assert_eq!(lowered(&text), text.to_lowercase(), "{text:?}");
            assert_eq!(
                runs(&text).collect::<Vec<_>>(),
                plain_runs(&text),
                "{text:?}"
            );
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
