//! Words written so that a person reads them and a filter does not.
//!
//! In: text; out: the disguised words in it as a person reads them, in lower-case ASCII: letters of
//! two alphabets in one word (UTS 39 section 5.1), styled letters (UAX 15's compatibility forms),
//! digits and signs for letters, a capital I for an l, marks strewn between letters, letters set
//! apart. It guesses: whoever asks compares with names worth disguising.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Longer runs of letters are no words.
const WORD_LIMIT: usize = 64;

/// Words found in one text; a text of nothing else is disguise enough.
const FOUND_LIMIT: usize = 200;

/// The disguised words, those that follow each other as one text.
pub fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut apart = Apart::default();
    for word in text.split(' ') {
        if found.len() >= FOUND_LIMIT {
            break;
        }
        if let Some(letter) = single_letter(word) {
            apart.letters.push(letter);
            continue;
        }
        found.extend(apart.take());
        match read(word) {
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
    found.extend(apart.take());
    if !run.is_empty() {
        found.push(run);
    }
    found
}

/// Whether a word is written in letters of two alphabets, or strewn with marks.
pub fn is_foreign(text: &str) -> bool {
    let words = text.split(' ').filter(|word| !word.is_ascii());
    words.filter(|word| read(word).is_some()).any(|word| {
        // Styled letters are loud rather than hidden.
        word.chars()
            .any(|letter| look_alike(letter).is_some() || is_combining_mark(letter))
    })
}

/// Letters set apart: `P a y p a l`.
#[derive(Default)]
struct Apart {
    letters: String,
}

impl Apart {
    fn take(&mut self) -> Option<String> {
        let letters = std::mem::take(&mut self.letters);
        (letters.len() >= 5).then_some(letters)
    }
}

fn single_letter(word: &str) -> Option<char> {
    let mut letters = word.chars();
    let letter = letters.next()?;
    let alone = letters.next().is_none() && letter.is_ascii_alphanumeric();
    alone.then(|| letter.to_ascii_lowercase())
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
    let (mut latin, mut foreign, mut styled, mut marks) = (0, 0, 0, 0);
    for letter in word.chars().take(WORD_LIMIT) {
        if letter.is_ascii() {
            latin += usize::from(letter.is_ascii_alphabetic());
            plain.push(letter.to_ascii_lowercase());
        } else if let Some(alike) = look_alike(letter) {
            foreign += 1;
            plain.push(alike);
        } else if is_combining_mark(letter) {
            // A mark of its own letter's script is spelling, one of another is disguise.
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
            // A letter that looks like none of ours: a word of its own language.
            return None;
        } else {
            plain.push(letter);
        }
    }
    let mixed = latin > 0 && foreign > 0;
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

/// `PayPaI`, `Iedger`: a capital I next to small letters, with no other capital within.
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
        // A dollar for an s is a joke about a company as often as a disguise.
        '5' => 's',
        _ => return None,
    })
}

/// The letter of our alphabet that one of Greek, Cyrillic, Armenian, Cherokee or Coptic looks like
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
        'υ' | 'ս' | 'μ' => 'u',
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
    fn disguises_are_seen_through() {
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
    fn languages_are_not_disguises() {
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
