//! Invisible characters, and spaces too thin to separate words.
//!
//! In: a text and an offset; out: how far the run of invisible characters there reaches, and whether it is within a
//! word. Which characters these are is decided by Unicode's property Default_Ignorable_Code_Point, not by a list.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_script::{Script, UnicodeScript};

/// A run of invisible characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvisibleRun {
    /// The offset of what follows it.
    pub(crate) end: usize,
    /// Whether it stands between two letters of a word, where only somebody who hides the word would put it.
    pub(crate) is_within_word: bool,
}

/// The run of invisible characters that begins at an offset, up to a character for which `is_other` holds.
pub(crate) fn invisible_run_at(
    text: &str,
    at: usize,
    is_other: impl Fn(char) -> bool,
) -> Option<InvisibleRun> {
    let first = text[at..].chars().next()?;
    if !shows_nothing(first) && !is_thin(first) || is_other(first) {
        return None;
    }
    let (mut end, mut hyphens, mut thin) = (at, true, false);
    for letter in text[at..].chars() {
        let is_thin = is_thin(letter);
        if is_other(letter) || !is_thin && !shows_nothing(letter) {
            break;
        }
        // A soft hyphen marks where a word may be hyphenated.
        hyphens &= letter == SOFT_HYPHEN;
        thin |= is_thin;
        end += letter.len_utf8();
    }
    let before = text[..at].chars().next_back();
    let after = text[end..].chars().next();
    let is_within = before.is_some_and(is_spelled) && after.is_some_and(is_spelled);
    // Elsewhere, such as between a number and its unit, a thin space is a space.
    (!thin || is_within).then_some(InvisibleRun {
        end,
        is_within_word: is_within && !hyphens,
    })
}

const SOFT_HYPHEN: char = '\u{ad}';

/// Whether a character is invisible: by its property, or as a control of ISO 6429 (except NEL, which ends a line).
pub(crate) fn shows_nothing(letter: char) -> bool {
    const IGNORABLE: icu_properties::CodePointSetDataBorrowed<'static> =
        CodePointSetData::new::<DefaultIgnorableCodePoint>();
    match letter {
        '\0'..='\u{7f}' | '\u{85}' => false,
        '\u{80}'..='\u{9f}' => true,
        _ if is_far_from_ignorable(letter) => false,
        _ => IGNORABLE.contains(letter),
    }
}

/// Whether a character is in blocks without a character of that property, as most letters are. Looking for it takes long.
/// None of them is a space or a bidi control.
#[inline]
pub(crate) fn is_far_from_ignorable(letter: char) -> bool {
    matches!(letter, '\u{ae}'..='\u{34e}' | '\u{350}'..='\u{61b}' | '\u{3200}'..='\u{fdff}')
}

/// Spaces of at most a third of an em, which nobody writes between words, and the blank Braille pattern.
fn is_thin(letter: char) -> bool {
    matches!(letter, '\u{2004}'..='\u{2006}' | '\u{2008}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2800}')
}

/// Letters of scripts in whose words no joiner belongs.
fn is_spelled(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || !letter.is_ascii()
            && letter.is_alphabetic()
            && matches!(
                letter.script(),
                Script::Latin | Script::Greek | Script::Cyrillic | Script::Common
            )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::bidi;

    #[test]
    fn letters_that_are_not_looked_for_are_not_ignorable() {
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let all = '\0'..=char::MAX;
        let is_other = |it: &char| {
            ignorable.contains(*it) || it.is_whitespace() || is_thin(*it) || bidi::opens(*it)
        };
        let wrong = all.filter(|it| is_far_from_ignorable(*it) && is_other(it));
        assert_eq!(wrong.collect::<String>(), "");
        assert!(is_far_from_ignorable('\u{431}'));
    }

    #[test]
    fn invisible_characters_are_found_by_their_property() {
        for (text, end, is_within_word) in [
            ("a\u{200b}b", 4, true),
            ("a\u{200b}\u{34f}\u{fe0f}b", 9, true),
            ("a\u{3164}b", 4, true),
            ("a\u{61c}b", 3, true),
            ("a\u{e0061}\u{e007f}b", 9, true),
            ("a\u{200a}b", 4, true),
            ("a\u{9d}b", 3, true),
            ("a\u{ad}b", 3, false),
            ("a\u{200d} ", 4, false),
            ("б\u{2060}б", 5, true),
            ("ब\u{200d}ब", 6, false),
        ] {
            let at = text.chars().next().unwrap().len_utf8();
            let found = invisible_run_at(text, at, |_| false);
            let expected = InvisibleRun {
                end,
                is_within_word,
            };
            assert_eq!(found, Some(expected), "{text:?}");
        }
        for text in [
            "abc",
            "a\u{a0}b",
            "1\u{202f}km",
            "a\u{2009}–",
            "a\u{85}b",
            "aéb",
        ] {
            assert_eq!(invisible_run_at(text, 1, |_| false), None, "{text:?}");
        }
        assert_eq!(
            invisible_run_at("a\u{202e}b", 1, |letter| letter == '\u{202e}'),
            None
        );
    }
}
