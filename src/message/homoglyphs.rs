//! Finds words with homoglyphs and other obfuscation that people can still read.
//!
//! In: text; out: its disguised words as a person reads them, in lower-case ASCII: letters of
//! two alphabets in one word (UTS 39 section 5.1), styled letters (UAX 15's compatibility forms),
//! digits and punctuation for letters, a capital I for an l, punctuation between letters, spaced-out
//! letters. It is a guess: callers compare the result with names worth disguising.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Longer runs of letters are not words.
const WORD_LIMIT: usize = 64;

/// Limit of words found in one text.
const FOUND_LIMIT: usize = 200;

/// The disguised words; adjacent ones are joined.
pub fn words(text: &str) -> Vec<String> {
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
        match word.odd.then(|| read(word.text)).flatten() {
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

/// The words of a text, and whether each has anything but ASCII letters.
struct Words<'t> {
    text: &'t str,
    at: usize,
}

struct Word<'t> {
    text: &'t str,
    odd: bool,
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
        let (mut end, mut odd) = (begin, false);
        while let Some(&byte) = bytes.get(end) {
            if byte == b' ' {
                break;
            }
            // Most words end here: this test runs on every byte.
            odd |= ODD[usize::from(byte)];
            end += 1;
        }
        if begin >= bytes.len() {
            return None;
        }
        self.at = end + 1;
        Some(Word {
            text: &self.text[begin..end],
            odd,
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

/// Whether a word mixes letters of two alphabets, or is broken up with punctuation.
pub fn is_foreign(text: &str) -> bool {
    foreign_words(text) > 0
}

/// Number of words that mix letters of two alphabets, or are broken up with punctuation.
pub fn foreign_words(text: &str) -> usize {
    if text.is_ascii() {
        return 0;
    }
    let words = Words::of(text)
        .filter(|word| word.odd)
        .map(|word| word.text);
    let disguised = words.filter(|word| !word.is_ascii()).filter(|word| {
        // Styled letters attract attention rather than hide.
        let mut letters = word.chars();
        let odd = letters.any(|letter| look_alike(letter).is_some() || is_combining_mark(letter));
        odd && read(word).is_some()
    });
    disguised.count()
}

/// Spaced-out letters: `P a y p a l`.
#[derive(Default)]
struct Apart {
    letters: String,
}

impl Apart {
    fn take(&mut self, found: &mut Vec<String>) {
        if self.letters.len() >= 5 {
            found.push(self.letters.to_ascii_lowercase());
        }
        self.letters.clear();
    }
}

/// A word as a person reads it, if it is disguised.
fn read(word: &str) -> Option<String> {
    if word.len() < 3 || word.len() > 6 * WORD_LIMIT {
        return None;
    }
    if word.is_ascii() {
        return read_ascii(word);
    }
    let mut plain = String::with_capacity(word.len());
    let (mut latin, mut foreign, mut greek, mut styled, mut marks) = (0, 0, 0, 0, 0);
    // Adjacent letters of two alphabets: `α-helix` is a word of each.
    let (mut touching, mut before) = (false, None);
    for letter in word.chars().take(WORD_LIMIT) {
        let kind = (letter.is_alphabetic()).then(|| letter.is_ascii());
        touching |= kind.is_some() && before.is_some() && kind != before;
        before = kind;
        if letter.is_ascii() {
            latin += usize::from(letter.is_ascii_alphabetic());
            plain.push(letter.to_ascii_lowercase());
        } else if let Some(alike) = look_alike(letter) {
            foreign += 1;
            greek += usize::from(letter.script() == Script::Greek);
            plain.push(alike);
        } else if is_combining_mark(letter) {
            // A mark of the letter's own script is spelling, one of another script is disguise.
            marks += usize::from(letter.script() != Script::Inherited || latin > 0);
        } else if letter.script() == Script::Latin {
            // é is spelling; ᴘ and ｐ are not.
            let mut pieces = letter.nfkd();
            let base = pieces.next().filter(char::is_ascii_alphabetic);
            let is_styled = letter.nfd().eq(std::iter::once(letter)) && base.is_some();
            styled += usize::from(is_styled);
            latin += usize::from(!is_styled);
            plain.push(base.map_or(letter, |base| base.to_ascii_lowercase()));
        } else if letter.script() == Script::Common && letter.is_alphanumeric() {
            let base = letter.nfkd().next().filter(char::is_ascii_alphanumeric);
            styled += usize::from(base.is_some());
            plain.push(base.map_or(letter, |base| base.to_ascii_lowercase()));
        } else if letter.is_alphabetic() {
            // A letter that resembles no Latin one: a word of its own language.
            return None;
        } else {
            plain.push(letter);
        }
    }
    // Formulas have Greek letters next to one or two Latin ones.
    let mixed = latin > 0 && foreign > 0 && touching && (greek == 0 || latin >= 3);
    let strewn = marks >= 2 && latin >= 3;
    (mixed || styled >= 3 || strewn)
        .then(|| trimmed(&plain))
        .flatten()
}

fn trimmed(plain: &str) -> Option<String> {
    let plain = plain.trim_matches(|letter: char| !letter.is_alphanumeric());
    let spelled: String = plain
        .chars()
        .map(|letter| digit_for(letter).unwrap_or(letter))
        .collect();
    (spelled.len() >= 2).then_some(spelled)
}

fn read_ascii(word: &str) -> Option<String> {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let bytes = word.as_bytes();
    if !(4..=WORD_LIMIT).contains(&bytes.len()) {
        return None;
    }
    let letters = bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let others: Vec<_> = bytes
        .iter()
        .filter(|byte| !byte.is_ascii_alphabetic())
        .collect();
    let all_apart = others.len() >= 3 && bytes.len() == 2 * others.len() + 1;
    let separator = others.first().copied().copied();
    if all_apart && separator.is_some_and(|byte| b".-_*".contains(&byte)) {
        // P.a.y.p.a.l
        let spelled = bytes.iter().step_by(2);
        let spelled: String = spelled
            .map(|byte| char::from(*byte).to_ascii_lowercase())
            .collect();
        let spelled_out = spelled.bytes().all(|byte| byte.is_ascii_alphabetic());
        return (spelled_out && others.iter().all(|byte| Some(**byte) == separator))
            .then_some(spelled);
    }
    let for_letters = others
        .iter()
        .all(|byte| digit_for(char::from(**byte)).is_some());
    let begins_with_letter = bytes[0].is_ascii_alphabetic();
    let digits_within = (1..=3).contains(&others.len())
        && for_letters
        && letters >= 3
        && (begins_with_letter || letters >= 4);
    let capital_i = others.is_empty() && has_capital_for_l(bytes);
    if !digits_within && !capital_i {
        return None;
    }
    let spelled = word.chars().map(|letter| match letter {
        'I' => 'l',
        letter => digit_for(letter).unwrap_or(letter.to_ascii_lowercase()),
    });
    Some(spelled.collect())
}

/// `PayPaI`, `Iedger`: a capital I next to lower-case letters, with no other capital inside.
fn has_capital_for_l(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|byte| *byte == b'I');
    let Some(at) = at else {
        return false;
    };
    let before = at.checked_sub(1).map(|at| bytes[at].is_ascii_lowercase());
    let after = bytes.get(at + 1).map(u8::is_ascii_lowercase);
    before == Some(true) || before.is_none() && after == Some(true)
}

fn digit_for(letter: char) -> Option<char> {
    Some(match letter {
        '0' => 'o',
        '1' | '|' | '!' => 'l',
        '3' => 'e',
        '4' | '@' => 'a',
        // A dollar sign for an s is as often a joke about a company as a disguise.
        '5' => 's',
        _ => return None,
    })
}

/// The Latin letter that a Greek, Cyrillic, Armenian, Cherokee or Coptic one resembles
/// in common fonts (the part of UTS 39's confusables that senders use).
fn look_alike(letter: char) -> Option<char> {
    Some(match letter {
        'а' | 'А' | 'α' | 'Α' | 'Ꭺ' => 'a',
        'В' | 'в' | 'Β' | 'β' | 'Ᏼ' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'Ꮯ' => 'c',
        'ԁ' | 'Ꭰ' | 'ժ' => 'd',
        'е' | 'Е' | 'Ε' | 'є' | 'Є' | 'ε' | 'ҽ' | 'Ꭼ' | 'ё' | 'Ё' => 'e',
        'ғ' | 'Ғ' | 'ϝ' => 'f',
        'ɡ' | 'ց' | 'Ԍ' | 'Ꮐ' => 'g',
        'һ' | 'Н' | 'н' | 'Η' | 'հ' | 'Ꮋ' | 'Һ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ї' | 'Ї' | 'Ꭵ' => 'i',
        'ј' | 'Ј' | 'ϳ' | 'Ꭻ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | 'Ꮶ' => 'k',
        'ӏ' | 'Ӏ' | 'ⅼ' | 'Ꮮ' => 'l',
        'м' | 'М' | 'Μ' | 'Ꮇ' => 'm',
        'п' | 'Ν' | 'η' | 'ո' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'Օ' | 'σ' | 'ө' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'Ꮲ' => 'p',
        'ԛ' | 'զ' => 'q',
        'г' | 'Ꮢ' => 'r',
        'ѕ' | 'Ѕ' | 'Ꮪ' | 'տ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'Ꭲ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' | 'Ꮩ' => 'v',
        'ԝ' | 'ω' | 'ա' | 'Ꮃ' | 'ш' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' | 'ү' | 'Ү' => 'y',
        'Ζ' | 'Ꮓ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguised_words_are_read_as_intended() {
        for (text, read) in [
            ("your Pаypаl account", "paypal"),
            ("𝗣𝗮𝘆𝗣𝗮𝗹", "paypal"),
            ("ＰａｙＰａｌ", "paypal"),
            ("PayPaI", "paypal"),
            ("Iedger", "ledger"),
            ("paypa1!", "paypal"),
            ("Micr0s0ft,", "microsoft"),
            ("P a y p a l now", "paypal"),
            ("P.a.y.p.a.l", "paypal"),
            ("Aܿmܿaܿzܿoܿn", "amazon"),
            ("Аpрle ІD card", "apple id"),
        ] {
            assert_eq!(words(text), [read], "{text}");
        }
    }

    #[test]
    fn ordinary_words_of_other_languages_are_not_changed() {
        for text in [
            "Größe café naïve Đặng",
            "Привет, как дела",
            "Ελληνικά γράμματα",
            "日本語 テキスト",
            "In It Is IBM III A 3 2024 10:30 v2.0.1 http://x.example/a1",
            "हिन्दी शब्द",
            "a b c",
        ] {
            assert_eq!(words(text), [""; 0], "{text}");
        }
    }
}
