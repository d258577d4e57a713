//! Where words begin and end, in languages that part them with spaces and in others.

use std::ops::Range;

use crate::filter::scripts::is_unspaced;

/// Whether an octet belongs to a word of ASCII letters and digits.
pub(super) const IN_WORD: [bool; 256] = {
    let mut is = [false; 256];
    let mut octet = 0;
    while octet < 128 {
        let letter = octet as u8;
        is[octet] = letter.is_ascii_alphanumeric() || letter == b'_';
        octet += 1;
    }
    is
};

/// Whether a match is not part of a longer word; punctuation at its edge is a boundary. An open one may be continued.
pub(super) fn stands_alone(text: &str, range: Range<usize>, open: bool) -> bool {
    let octet = |at: usize| text.as_bytes().get(at).copied().unwrap_or(b' ');
    let before = range.start.checked_sub(1).map_or(b' ', octet);
    let (first, last) = (octet(range.start), octet(range.end.saturating_sub(1)));
    let after = octet(range.end);
    // Most text.
    if (before | first | last | after).is_ascii() {
        let is_in = |octet: u8| IN_WORD[usize::from(octet)];
        return !(is_in(before) && is_in(first)) && (open || !(is_in(last) && is_in(after)));
    }
    letters_stand_alone(text, range, open)
}

fn letters_stand_alone(text: &str, range: Range<usize>, open: bool) -> bool {
    let (before, found, after) = (
        &text[..range.start],
        &text[range.clone()],
        &text[range.end..],
    );
    let began = joined(before.chars().next_back(), found.chars().next());
    let goes_on = joined(found.chars().next_back(), after.chars().next());
    (!began || is_prefixed(before, found)) && (open || !goes_on)
}

/// Whether no word ends between these characters.
fn joined(left: Option<char>, right: Option<char>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    in_word(left) && in_word(right) && !is_unspaced(left) && !is_unspaced(right)
}

fn in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether what precedes a match in its word are the particles that Arabic and Hebrew write together with the word:
/// and, the, in, to, from, as.
fn is_prefixed(before: &str, found: &str) -> bool {
    let particles = match found.chars().next() {
        Some('\u{0620}'..='\u{064a}') => "وفبكلاس",
        Some('\u{05d0}'..='\u{05ea}') => "והבלמשכ",
        _ => return false,
    };
    let own = before.chars().rev().take_while(|letter| in_word(*letter));
    let own = own.take(MOST_PARTICLES + 1);
    own.clone().count() <= MOST_PARTICLES && own.clone().all(|letter| particles.contains(letter))
}

/// As in `وبال`.
const MOST_PARTICLES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_whole_words_only() {
        assert!(stands_alone("act now!", 0..7, false));
        assert!(!stands_alone("react now", 2..9, false));
        assert!(!stands_alone("nowé", 0..3, false));
        assert!(stands_alone("a$$$b", 1..4, false));
        assert!(stands_alone("suspended", 0..7, true));
        assert!(!stands_alone("unsuspended", 2..9, true));
        assert!(stands_alone("", 0..0, false) && stands_alone("a", 0..1, false));
    }

    #[track_caller]
    fn stands(text: &str, word: &str) -> bool {
        let at = text.find(word).unwrap_or_default();
        stands_alone(text, at..at + word.len(), false)
    }

    #[test]
    fn words_without_spaces_between_them_match_anywhere() {
        assert!(stands("お客様の口座が停止されました", "口座"));
        assert!(stands("过期24小时内", "24小时"));
        assert!(stands("บัญชีของคุณ", "ของ"));
        // Korean has spaces.
        assert!(!stands("계정이", "계정"));
    }

    #[test]
    fn particles_of_semitic_languages_precede_words() {
        assert!(stands("وبالحساب المصرفي", "حساب"));
        assert!(stands("שבחשבון שלך", "חשבון"));
        assert!(!stands("تحميل", "ميل"));
        assert!(!stands("תחשבון", "חשבון"));
    }
}
