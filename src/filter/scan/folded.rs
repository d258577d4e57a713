//! Letters that count as one another when words are searched for: upper and lower case, and spellings of one letter.
//!
//! In: a text; out: the same text in one form, of the same length, so that what is found in it lies at the same place of
//! the original.

use std::borrow::Cow;
use std::sync::LazyLock;

use encoding_rs::Encoding;
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

/// Puts a text in one form in place of another. It has as many octets as before.
pub(super) fn fold(text: &str, folded: &mut Vec<u8>) {
    folded.clear();
    folded.extend_from_slice(text.as_bytes());
    folded.make_ascii_lowercase();
    // Most text is ASCII, and this is known much sooner.
    if text.is_ascii() {
        return;
    }
    let mut at = 0;
    while at < folded.len() {
        match folded[at] {
            // Most text is ASCII for the most part.
            ..0x80 => at += ascii_octets(&folded[at..]),
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
}

/// A text in one form.
pub(super) fn folded(text: &str) -> Vec<u8> {
    let mut folded = Vec::new();
    fold(text, &mut folded);
    folded
}

/// The number of octets before the first that is not ASCII.
fn ascii_octets(octets: &[u8]) -> usize {
    Encoding::ascii_valid_up_to(octets)
}

/// Text with letters and their accents as one character each, which is how rules are written.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    // The first octets of combining accents.
    if text.is_ascii() || memchr2(0xcc, 0xcd, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    // An ASCII character is not composed with those before it: most text needs no look at all.
    let mut composed = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let plain = ascii_octets(rest.as_bytes());
        let (before, from) = match plain == rest.len() {
            true => (rest, ""),
            false => rest.split_at(plain.saturating_sub(1)),
        };
        composed.push_str(before);
        let more = from.bytes().skip(1).position(|octet| octet.is_ascii());
        let (some, after) = from.split_at(more.map_or(from.len(), |more| more + 1));
        composed.extend(some.nfc());
        rest = after;
    }
    Cow::Owned(composed)
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
        folded(one) == folded(other)
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
        let parts = [
            "a", "xe", "\u{301}", "\u{302}", "é", "\u{cd8f}", "ü", " ", "\u{34f}", "이", "ก",
        ];
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..1_000 {
            let text: String = (0..9).map(|_| parts[random.usize(..parts.len())]).collect();
            assert_eq!(composed(&text), text.nfc().collect::<String>());
        }
    }
}
