//! Letters that count as one another when words are searched for: upper and lower case, and spellings of one letter.
//!
//! In: a text; out: the same text in one form, of the same length, so that what is found in it lies at the same place of
//! the original. The case of ASCII letters stays: the automaton ignores it.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memchr2;
use unicode_normalization::UnicodeNormalization;

/// The first and the last letter of two octets in UTF-8.
const TWO_OCTETS: std::ops::Range<u32> = 0x80..0x800;

/// The form of each letter of two octets.
static FORMS: LazyLock<Vec<[u8; 2]>> = LazyLock::new(|| {
    let form = |number| {
        let letter = char::from_u32(number).map_or('\u{80}', form_of);
        let mut octets = [0; 2];
        letter.encode_utf8(&mut octets);
        octets
    };
    TWO_OCTETS.map(form).collect()
});

/// Text in one form. It has as many octets as before.
pub(super) fn folded(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    let mut folded = bytes.to_vec();
    let mut at = 0;
    while at < folded.len() {
        match folded[at] {
            ..0x80 => at += 1,
            lead @ 0xc2..=0xdf => {
                let number = usize::from(lead & 0x1f) << 6 | usize::from(folded[at + 1] & 0x3f);
                folded[at..at + 2].copy_from_slice(&FORMS[number - TWO_OCTETS.start as usize]);
                at += 2;
            }
            // Latin letters with two accents, as in Vietnamese, and old Greek.
            0xe1 => {
                if matches!(folded[at + 1], 0xb8..=0xbf) {
                    let letter = text[at..].chars().next().map_or('\u{1e00}', form_of);
                    letter.encode_utf8(&mut folded[at..at + 3]);
                }
                at += 3;
            }
            0xe0..=0xef => at += 3,
            _ => at += 4,
        }
    }
    Cow::Owned(folded)
}

/// Text with letters and their accents as one character each, which is how rules are written.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    // The first octets of combining accents.
    match memchr2(0xcc, 0xcd, text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.nfc().collect()),
    }
}

fn form_of(letter: char) -> char {
    let lower = match letter {
        // Of two characters in lower case.
        'İ' => letter,
        _ => letter.to_lowercase().next().unwrap_or(letter),
    };
    let form = match lower {
        // Greek capitals are written without accents.
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' | 'ϊ' | 'ΐ' => 'ι',
        'ό' => 'ο',
        'ύ' | 'ϋ' | 'ΰ' => 'υ',
        'ώ' => 'ω',
        'ς' => 'σ',
        'ё' => 'е',
        // Turkish letters with which Romanian was written for long.
        'ş' => 'ș',
        'ţ' => 'ț',
        'أ' | 'إ' | 'آ' => 'ا',
        'ى' => 'ي',
        'ة' => 'ه',
        other => other,
    };
    if form.len_utf8() == letter.len_utf8() {
        form
    } else {
        letter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let one = folded(one).to_ascii_lowercase();
        one == folded(other).to_ascii_lowercase()
    }

    #[test]
    fn letters_of_all_cases_and_spellings_have_one_form() {
        assert!(same("Ваш Счёт", "ВАШ СЧЕТ"));
        assert!(same("ΛΟΓΑΡΙΑΣΜΟΣ", "Λογαριασμός"));
        assert!(same("TÀI KHOẢN", "tài khoản"));
        assert!(same("إلغاء الحساب", "الغاء الحساب"));
        assert!(same("DEĞİŞTİR", "değİștİr"));
        assert!(!same("счета", "счет"));
    }

    #[test]
    fn every_letter_keeps_its_length() {
        for letter in '\u{1}'..=char::MAX {
            let text = letter.to_string();
            assert!(std::str::from_utf8(&folded(&text)).is_ok(), "{letter}");
            assert_eq!(folded(&text).len(), text.len(), "{letter}");
        }
    }

    #[test]
    fn accents_join_their_letters() {
        assert_eq!(
            composed("kho\u{1ea}\u{309}n e\u{301}"),
            "kho\u{1ea}\u{309}n é"
        );
        assert_eq!(composed("a\u{302}"), "â");
    }
}
