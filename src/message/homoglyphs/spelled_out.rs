//! Texts whose words are spelled out: `V i a g r a`, `v.i.a.g.r.a`, with digits and symbols for letters, `v14gr4`, or
//! with upside-down letters, `ʌıɐƃɹɐ`.
//!
//! In: a text on one line; out: how much of it is written this way, and another reading if it is much. Ordinary mail
//! has `e.g.`, `U.S.A.`, `MP3` and tables of letters: a few such words do not count.

use super::counts::Counts;
use crate::message::blocks;

/// The number and the percentage of a text's words that make another reading worthwhile.
const WORDS: usize = 5;
const PERCENT: usize = 8;

/// The lengths of words in bytes: addresses and long codes are not words.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=60;

/// Fewer single letters in a row are a list, or initials.
const ROW: usize = 8;

/// A row of single letters spells words if it has this many different ones.
const DIFFERENT: u32 = 9;

/// Limit on another reading in bytes.
const LIMIT: usize = 16 << 10;

/// How much of a text is spelled out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SpelledOut {
    /// Single letters in long rows that spell words.
    pub letters: usize,
    /// Words with separators between their letters.
    pub separated: usize,
    /// Words with digits, symbols or upside-down letters for letters.
    pub substituted: usize,
    /// The number of words.
    pub words: usize,
}

impl SpelledOut {
    /// Measures a text.
    pub fn of(text: &str) -> Self {
        let counts = Counts::of(text.as_bytes());
        if !may_be_spelled_out(&counts, text.len()) {
            return Self::default();
        }
        let quick = text.is_ascii().then(|| Self::without_row(text, &counts));
        quick.flatten().unwrap_or_else(|| Self::by_word(text))
    }

    /// Measures a text in ASCII by those words that may have another reading; `None` if there may be a row of single
    /// letters.
    fn without_row(text: &str, counts: &Counts) -> Option<Self> {
        let mut found = Self {
            words: counts.spaces + 1,
            ..Self::default()
        };
        let octets = text.as_bytes();
        let mut at = 0;
        while let Some(odd) = odd_place(octets, at) {
            if octets[odd] == b' ' {
                return None;
            }
            let start = octets[at..odd].iter().rposition(|octet| *octet == b' ');
            let start = start.map_or(at, |blank| at + blank + 1);
            let space = blocks::find::<16>(octets, odd, 0, |window, at| window[at] == b' ');
            at = space.unwrap_or(octets.len());
            let word = &text[start..at];
            if LENGTHS.contains(&word.len()) {
                let kinds = word.bytes();
                let kinds = kinds.fold(0, |kinds, octet| kinds | KINDS[usize::from(octet)]);
                found.take_word(word, kinds);
            }
        }
        Some(found)
    }

    /// Counts a word that has another reading.
    fn take_word(&mut self, word: &str, kinds: u8) {
        if !may_have_reading(word, kinds) {
            return;
        }
        match reading(word) {
            Some(Word::Separated(_)) => self.separated += 1,
            Some(Word::Leet | Word::UpsideDown) => self.substituted += 1,
            None => {}
        }
    }

    /// Measures a text word by word.
    fn by_word(text: &str) -> Self {
        let mut found = Self::default();
        let mut row = Row::default();
        let octets = text.as_bytes();
        let mut start = 0;
        while start <= octets.len() {
            let mut kinds = 0;
            let mut end = start;
            while let Some(octet) = octets.get(end)
                && *octet != b' '
            {
                kinds |= KINDS[usize::from(*octet)];
                end += 1;
            }
            let word = &text[start..end];
            start = end + 1;
            found.words += 1;
            // Most words are letters only.
            if kinds & !(OTHER | LETTER) == 0 && word.len() > 1 {
                found.letters += std::mem::take(&mut row).letters_of_words();
                continue;
            }
            let mut letters = word.chars();
            if let (Some(letter), None) = (letters.next(), letters.next()) {
                if letter.is_alphabetic() {
                    row.add(letter);
                }
                // A single character that is no letter is punctuation within the row.
                continue;
            }
            found.letters += std::mem::take(&mut row).letters_of_words();
            found.take_word(word, kinds);
        }
        found.letters += row.letters_of_words();
        found
    }

    /// Whether enough words are spelled out to make another reading worthwhile.
    pub fn is_much(&self) -> bool {
        let spelled = self.separated + self.substituted;
        spelled >= WORDS && spelled * 100 >= self.words * PERCENT
    }

    /// Whether most of the text is single letters.
    pub fn is_apart(&self) -> bool {
        self.letters * 2 >= self.words
    }
}

/// Kinds of octets that a word with another reading has.
const BEYOND_ASCII: u8 = 1;
const MARK: u8 = 2;
const SIGN: u8 = 4;

/// What no word with symbols for letters has, such as a slash or an `8`.
const OTHER: u8 = 8;

/// ASCII letters: a number is no word.
const LETTER: u8 = 16;

/// By octet: its kinds; 0 for punctuation at the edge of a word.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let letter = octet as u8 as char;
        kinds[octet] = if octet >= 0x80 {
            BEYOND_ASCII
        } else {
            let sign = letter_for(letter, 'i').is_some();
            let is_of_word = sign || letter.is_ascii_alphabetic() || is_edge(letter);
            (if is_mark(letter) { MARK } else { 0 })
                | (if sign { SIGN } else { 0 })
                | (if is_of_word { 0 } else { OTHER })
                | (if letter.is_ascii_alphabetic() {
                    LETTER
                } else {
                    0
                })
        };
        octet += 1;
    }
    kinds
};

/// A quick test for words with these kinds of octets.
fn may_have_reading(word: &str, kinds: u8) -> bool {
    let second = || word.as_bytes().get(1).copied().unwrap_or_default();
    kinds & BEYOND_ASCII != 0
        || kinds & (SIGN | OTHER | LETTER) == SIGN | LETTER
        || kinds & MARK != 0 && KINDS[usize::from(second())] & MARK != 0
}

/// A quick test that most text of this many octets fails: whether it has enough words, and many octets are spaces,
/// separators, or digits and symbols.
fn may_be_spelled_out(counts: &Counts, octets: usize) -> bool {
    let Counts {
        spaces,
        marks,
        signs,
    } = counts;
    // Fewer words neither count nor make a row.
    spaces + 1 >= WORDS.min(ROW)
        && (3 * spaces >= octets || 6 * marks >= octets || 25 * signs >= octets)
}

/// The first place that may be in a word of ASCII that has another reading, or in a row of three or more single letters: a
/// digit or symbol that stands for a letter, one of two equal separators next to one octet, or a space. Each such word and
/// row has one.
fn odd_place(octets: &[u8], from: usize) -> Option<usize> {
    blocks::find::<20>(octets, from, b',', |window, at| {
        let (one, third, fifth) = (window[at], window[at + 2], window[at + 4]);
        let is_letter = (one | 0x20).wrapping_sub(b'a') < 26;
        let is_row = (one != b' ') | (fifth == b' ');
        let is_sign = (one.wrapping_sub(b'0') < 8)
            | (one == b'@')
            | (one == b'$')
            | (one == b'!')
            | (one == b'|');
        is_sign | ((one == third) & !is_letter & is_row)
    })
}

/// A row of single letters.
#[derive(Default)]
struct Row {
    letters: usize,
    vowels: usize,
    different: u32,
}

impl Row {
    fn add(&mut self, letter: char) {
        self.letters += 1;
        let small = letter.to_ascii_lowercase();
        self.vowels += usize::from(matches!(small, 'a' | 'e' | 'i' | 'o' | 'u' | 'y'));
        if small.is_ascii_lowercase() {
            self.different |= 1 << (small as u32 - 'a' as u32);
        }
    }

    /// The number of letters, if they vary as in words: alphabets and genomes do not.
    fn letters_of_words(&self) -> usize {
        let share = 100 * self.vowels / self.letters.max(1);
        let is_of_words = self.letters >= ROW
            && (28..=55).contains(&share)
            && (self.letters < 40 || self.different.count_ones() >= DIFFERENT);
        if is_of_words { self.letters } else { 0 }
    }
}

/// A text with symbols and digits read as letters, and separators between letters removed; `one` is the letter that a 1
/// stands for.
pub(super) fn read(text: &str, one: char) -> String {
    let mut plain = String::new();
    for word in text.split(' ') {
        if plain.len() >= LIMIT {
            break;
        }
        match reading(word) {
            Some(Word::Separated(word)) => plain.push_str(&word),
            // All of its letters may be upside down, or only those that cannot be anything else.
            Some(Word::UpsideDown) => plain.extend(word.chars().map(|letter| {
                let both = both_ways(letter).filter(|_| one == 'l');
                upright(letter).or(both).unwrap_or(letter)
            })),
            Some(Word::Leet) => plain.extend(
                word.chars()
                    .map(|sign| letter_for(sign, one).unwrap_or(sign)),
            ),
            None => plain.push_str(word),
        }
        plain.push(' ');
    }
    plain
}

enum Word {
    /// Without the separators.
    Separated(String),
    /// With symbols for letters.
    Leet,
    /// With upside-down letters.
    UpsideDown,
}

fn reading(word: &str) -> Option<Word> {
    if !LENGTHS.contains(&word.len()) {
        return None;
    }
    if let Some(joined) = without_marks(word) {
        return Some(Word::Separated(joined));
    }
    if !word.is_ascii() && word.chars().any(|letter| upright(letter).is_some()) {
        return Some(Word::UpsideDown);
    }
    is_leet(word).then_some(Word::Leet)
}

/// The letters of a word that has the same separator after every letter but the last.
fn without_marks(word: &str) -> Option<String> {
    let mut signs = word.chars();
    let first = signs.next().filter(|letter| letter.is_alphanumeric())?;
    let mark = signs.next().filter(|mark| is_mark(*mark))?;
    let mut joined = String::from(first);
    let mut is_letter = true;
    for sign in signs {
        if is_letter && sign.is_alphanumeric() {
            joined.push(sign);
        } else if is_letter || sign != mark {
            // Punctuation at the end.
            let is_end = is_letter || !sign.is_alphanumeric();
            return (is_end && is_word(&joined)).then_some(joined);
        }
        is_letter = !is_letter;
    }
    is_word(&joined).then_some(joined)
}

fn is_word(letters: &str) -> bool {
    letters.chars().count() >= 3 && letters.chars().all(char::is_alphabetic)
}

/// Punctuation before and after a word with symbols for letters.
const BEFORE: [char; 3] = ['(', '"', '\''];
const AFTER: [char; 9] = ['.', ',', ';', ':', '!', '?', ')', '"', '\''];

/// Whether either list has it.
const fn is_edge(letter: char) -> bool {
    let mut at = 0;
    while at < AFTER.len() {
        if letter == AFTER[at] {
            return true;
        }
        at += 1;
    }
    letter == '('
}

const fn is_mark(mark: char) -> bool {
    matches!(
        mark,
        '.' | '-' | '_' | '*' | '|' | '~' | '+' | '/' | '^' | '\u{b7}' | '\u{2022}' | '\u{2010}'
            ..='\u{2012}' | '\u{2219}' | '\u{22c5}'
    )
}

/// Whether symbols stand for letters between other letters, and most characters still are letters.
fn is_leet(word: &str) -> bool {
    if !word.is_ascii() {
        return false;
    }
    let word = word.trim_end_matches(AFTER).trim_start_matches(BEFORE);
    let (mut letters, mut signs) = (0, 0);
    for byte in word.bytes() {
        match letter_for(char::from(byte), 'i') {
            Some(_) => signs += 1,
            None if byte.is_ascii_alphabetic() => letters += 1,
            None => return false,
        }
    }
    // Digits at the end do not count, nor do dates and model names: `covid19`, `mp3`, `4th`.
    let digits = |byte: u8| byte.is_ascii_digit();
    let tail = word.bytes().rev().take_while(|byte| digits(*byte)).count();
    let head = word.bytes().take_while(|byte| digits(*byte)).count();
    signs > tail.max(head) && letters >= 1 || signs == 1 && tail + head == 1 && letters >= 4
}

/// The letter that this character shows upside down.
fn upright(turned: char) -> Option<char> {
    const TURNED: [char; 17] = [
        'ɐ', 'ɔ', 'ǝ', 'ɟ', 'ƃ', 'ɥ', 'ᴉ', 'ɾ', 'ʞ', 'ɯ', 'ɹ', 'ʇ', 'ʌ', 'ʍ', 'ʎ', 'ɓ', 'ı',
    ];
    const UPRIGHT: &[u8; 17] = b"acefghijkmrtvwygi";
    let at = TURNED.iter().position(|letter| *letter == turned)?;
    Some(char::from(UPRIGHT[at]))
}

/// The same for letters that are also upside-down forms of other letters.
fn both_ways(turned: char) -> Option<char> {
    Some(match turned {
        'n' => 'u',
        'u' => 'n',
        'p' => 'd',
        'd' => 'p',
        'q' => 'b',
        'b' => 'q',
        _ => return None,
    })
}

const fn letter_for(sign: char, one: char) -> Option<char> {
    Some(match sign {
        '0' => 'o',
        '1' | '|' | '!' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_spelled_out_are_read() {
        for (written, expected) in [
            ("V.i.a.g.r.a n-o-w, t*h*e", "Viagra now the "),
            ("V\u{b7}i\u{b7}a\u{b7}g\u{b7}r\u{b7}a.", "Viagra "),
            ("y0ur p4yp4l 4cc0un7", "your paypal account "),
            ("v3r!fy !7", "verify !7 "),
            ("ʌɐ1id ɐɔɔonnʇ", "va1id acconnt "),
            (
                "e.g. U.S.A. 4th MP3 2024-01 a@b.example 1.2.3",
                "e.g. USA 4th MP3 2024-01 a@b.example 1.2.3 ",
            ),
        ] {
            assert_eq!(read(written, 'i'), expected, "{written}");
        }
        assert_eq!(read("p0ss1b1e", 'l'), "posslble ");
        assert_eq!(read("ɐɔɔonuʇ qɐuʞ", 'l'), "account bank ");
    }

    #[test]
    fn ordinary_text_is_not_spelled_out() {
        for text in [
            "In the U.S.A. and the U.K., e.g. at 10 a.m., B2B and MP3 are 4th of 12",
            "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
            "A C G T T G C A A C G T A C G T G G C A T T A C A C G T",
            "x y z",
            "",
        ] {
            let found = SpelledOut::of(text);
            assert!(!found.is_much() && found.letters == 0, "{text} {found:?}");
        }
    }

    /// Texts with many of these words, some of them twice.
    fn texts(count: usize) -> impl Iterator<Item = String> {
        const PIECES: [&str; 32] = [
            " ",
            " ",
            " ",
            " ",
            "a",
            "I",
            "x ",
            "y o",
            "word",
            "mp3",
            "4th",
            "v!agra",
            "p4yp4l",
            "e.g.",
            "U.S.A.",
            "v-i-a-g-r-a",
            "t*h*e",
            "2024-01-17",
            "a@b.example",
            "---",
            "..",
            ",",
            "!",
            "$",
            "7",
            "2",
            "|",
            "(",
            "\"",
            "\u{e9}",
            "\u{250}c",
            "\u{b7}",
        ];
        let mut random = fastrand::Rng::with_seed(11);
        (0..count).map(move |number| {
            // Most texts are in ASCII.
            let kinds = if number % 4 == 0 { PIECES.len() } else { 29 };
            (0..random.usize(..60))
                .map(|_| PIECES[random.usize(..kinds)])
                .collect()
        })
    }

    #[test]
    fn texts_are_measured_as_word_by_word() {
        let mut measured = 0;
        for text in texts(50_000).filter(|text| text.is_ascii()) {
            let counts = Counts::of(text.as_bytes());
            if let Some(found) = SpelledOut::without_row(&text, &counts) {
                assert_eq!(found, SpelledOut::by_word(&text), "{text:?}");
                measured += usize::from(found.separated + found.substituted > 0);
            }
        }
        assert!(measured > 1_000, "{measured}");
    }

    #[test]
    fn single_letters_that_spell_words_are_counted() {
        let text = "Y o u r a c c o u n t i s l i m i t e d . Please";
        assert_eq!(SpelledOut::of(text).letters, 20);
        assert!(SpelledOut::of("y0ur p4yp4l 4cc0unt w4s cl0s3d").is_much());
    }
}
