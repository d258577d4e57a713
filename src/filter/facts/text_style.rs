//! Measures of how a text is written: capitals, exclamations, sums of money.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::message::blocks;

// Made once: a message may have thousands of short texts.
static EURO: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\u{20ac}"));
static POUND: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\u{a3}"));
static MILLION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("illion "));

/// A currency sign and a number of at least thousands, or a million of a currency.
pub(super) fn big_sum(text: &str) -> Option<&str> {
    const MILLIONS: [&[u8]; 4] = [
        b"million dollars",
        b"million euro",
        b"million pounds",
        b"million usd",
    ];
    let bytes = text.as_bytes();
    let signs = memchr::memchr_iter(b'$', bytes)
        .chain(EURO.find_iter(bytes).map(|at| at + 2))
        .chain(POUND.find_iter(bytes).map(|at| at + 1));
    for at in signs.take(200) {
        let rest = text
            .get(at + 1..)
            .unwrap_or_default()
            .trim_start_matches(' ');
        let end = rest.find(|letter: char| !matches!(letter, '0'..='9' | ',' | '.'));
        let number = &rest[..end.unwrap_or(rest.len())];
        let grouped = number.split(',').skip(1).any(|group| group.len() >= 3);
        let follows = rest[number.len()..].trim_start_matches(' ').as_bytes();
        let million = matches!(follows, [b'm' | b'M', rest @ ..]
            if !rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() && *byte != b'i'));
        let begins = number.starts_with(|digit: char| digit.is_ascii_digit());
        if begins && (grouped || million) {
            return Some(number);
        }
    }
    let at = MILLION.find(bytes)?.checked_sub(1)?;
    let found = MILLIONS.iter().any(|words| {
        let head = bytes.get(at..at + words.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(words))
    });
    found.then_some("million")
}

/// By octet: whether it is a small letter or a digit, which a word of capitals has none of.
const SMALL: [bool; 256] = {
    let mut small = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        small[octet] = matches!(octet as u8, b'a'..=b'z' | b'0'..=b'9');
        octet += 1;
    }
    small
};

/// From here on the next octet that may be of a word of capitals: most text has few.
fn next_capital(bytes: &[u8], from: usize) -> Option<usize> {
    blocks::find::<17>(bytes, from, 0, |window, at| {
        may_be_capital(window[at], window[at + 1])
    })
}

/// Whether an octet is a capital or no ASCII, and what follows is neither a small letter nor a digit.
#[inline]
fn may_be_capital(octet: u8, next: u8) -> bool {
    let is_letter = (octet.wrapping_sub(b'A') < 26) | (octet >= 0x80);
    let is_small = (next.wrapping_sub(b'a') < 26) | (next.wrapping_sub(b'0') < 10);
    is_letter & !is_small
}

pub(super) fn capital_words_in_row(text: &str) -> usize {
    let (mut most, mut row) = (0, 0);
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        if row == 0 {
            // Nothing before the next capital begins a run.
            let Some(at) = next_capital(bytes, start) else {
                break;
            };
            let space = memchr::memrchr(b' ', &bytes[start..at]);
            start += space.map_or(0, |space| space + 1);
        }
        let (mut end, mut has_small) = (start, false);
        while let Some(&byte) = bytes.get(end)
            && byte != b' '
        {
            has_small |= SMALL[usize::from(byte)];
            end += 1;
        }
        let word = &text[start..end];
        start = end + 1;
        // Most words have a small letter.
        if has_small {
            row = 0;
            continue;
        }
        let (capitals, letters) = match word.is_ascii() {
            true => (true, word.bytes().filter(u8::is_ascii_uppercase).count()),
            false => capitals_and_letters(word),
        };
        // A short word or punctuation between them does not end the run.
        row = match (capitals, letters) {
            (true, 3..) => row + 1,
            (true, _) | (_, 0) => row,
            _ => 0,
        };
        most = most.max(row);
    }
    most
}

/// Whether a word that is not ASCII has capitals and no small letters, and how many letters there are.
fn capitals_and_letters(word: &str) -> (bool, usize) {
    let capitals = !word.chars().any(char::is_lowercase) && word.chars().any(char::is_uppercase);
    let letters = word.chars().filter(|letter| letter.is_alphabetic());
    match capitals {
        true => (true, letters.count()),
        // Whether there is any is enough.
        false => (false, letters.take(1).count()),
    }
}

pub(super) fn exclamations(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut count = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'!', b'$', &bytes[at..]) {
        let begin = at + found;
        let run = bytes[begin..]
            .iter()
            .take_while(|byte| **byte == bytes[begin])
            .count();
        let end = begin + run;
        let two =
            run == 2 && bytes[begin] == b'!' && bytes.get(end).is_none_or(|byte| *byte == b' ');
        count += usize::from(run >= 3 || two);
        at = end;
    }
    count
}

/// Number of numeric references such as `&#65;` or `&#x41;` for plain characters.
pub(super) fn letters_as_numbers(source: &str) -> usize {
    let mut count = 0;
    for at in memchr::memmem::find_iter(source.as_bytes(), b"&#") {
        let rest = &source.as_bytes()[at + 2..source.len().min(at + 9)];
        let (digits, radix) = match rest {
            [b'x' | b'X', rest @ ..] => (rest, 16),
            rest => (rest, 10),
        };
        let end = digits.iter().position(|byte| !byte.is_ascii_hexdigit());
        let digits = &digits[..end.unwrap_or(digits.len())];
        let code = str::from_utf8(digits)
            .ok()
            .and_then(|text| u32::from_str_radix(text, radix).ok());
        let letter = code.and_then(char::from_u32);
        count += usize::from(letter.is_some_and(|letter| letter.is_ascii_alphanumeric()));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shouting_is_counted() {
        assert_eq!(
            capital_words_in_row("a BUY NOW - A GREAT, OFFER! today BUY"),
            4
        );
        assert_eq!(capital_words_in_row("the quick FOX"), 1);
        assert_eq!(
            capital_words_in_row(
                "\u{43f}\u{440}\u{438} \u{41f}\u{420}\u{418} \u{65e5}\u{672c}\u{8a9e}"
            ),
            1
        );
        assert_eq!(exclamations("a!!! b!! c! $$$ d $$"), 3);
        assert_eq!(exclamations(""), 0);
        assert_eq!(big_sum("it costs $5, or $1,000"), Some("1,000"));
        assert_eq!(big_sum("US$2.5M waits"), Some("2.5"));
        assert_eq!(big_sum("five million dollars"), Some("million"));
        assert_eq!(big_sum("it costs $5 and \u{20ac}20 more"), None);
    }

    /// By its definition, word by word.
    fn plain_row(text: &str) -> usize {
        let (mut most, mut row) = (0, 0);
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let has = |is: fn(char) -> bool| word.chars().any(is);
            let capitals = word.is_ascii() || has(char::is_uppercase) && !has(char::is_lowercase);
            let letters = word.chars().filter(|it| it.is_alphabetic()).count();
            row = match (capitals, letters) {
                _ if word.bytes().any(|it| SMALL[usize::from(it)]) => 0,
                (true, 3..) => row + 1,
                (true, _) | (_, 0) => row,
                _ => 0,
            };
            most = most.max(row);
        }
        most
    }

    #[test]
    fn words_of_capitals_are_found_among_any_others() {
        let words = [
            "BUY",
            "NOW",
            "I",
            "the",
            "quick",
            "-",
            "7",
            "A.B.C",
            "\u{41f}\u{420}\u{418}",
            "\u{43f}\u{440}",
            "\u{65e5}\u{672c}\u{8a9e}",
            "\u{c4}BC",
            "\u{2013}",
            "\u{1c5}BC",
            "aBCD",
            "ABCd",
            "",
            "x\u{41f}",
            "\n",
            "OFFER!",
            "\u{24b6}\u{24b7}\u{24b8}",
            "AB",
            "A1B",
        ];
        let mut random = fastrand::Rng::with_seed(9);
        let mut longest = 0;
        for _ in 0..20_000 {
            let (count, kinds) = (random.usize(..40), random.usize(1..=words.len()));
            let first = random.usize(..=words.len() - kinds);
            let any = (0..count).map(|_| words[first + random.usize(..kinds)]);
            let text = any.collect::<Vec<_>>().join(" ");
            assert_eq!(capital_words_in_row(&text), plain_row(&text), "{text:?}");
            longest = longest.max(plain_row(&text));
        }
        assert!(longest > 20, "{longest}");
    }

    #[test]
    fn digits_for_letters_are_counted() {
        assert_eq!(letters_as_numbers("&#65;&#x42;&#233;&#39;&#;&#"), 2);
    }
}
