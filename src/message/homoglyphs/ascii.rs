//! Words disguised with ASCII alone: digits and punctuation for letters, a capital I for an l, spaced-out letters.
//!
//! In: a word; out: how a person may read it. It is a guess: callers compare it with names worth disguising.

use super::word::WORD_LIMIT;

/// Spaced-out letters: `P a y p a l`.
#[derive(Default)]
pub(super) struct Apart {
    pub(super) letters: String,
}

impl Apart {
    pub(super) fn take(&mut self, found: &mut Vec<String>) {
        if self.letters.len() >= 5 {
            found.push(self.letters.to_ascii_lowercase());
        }
        self.letters.clear();
    }
}

pub(super) fn trimmed(plain: &str) -> Option<String> {
    let plain = plain.trim_matches(|letter: char| !letter.is_alphanumeric());
    let spelled: String = plain
        .chars()
        .map(|letter| digit_for(letter).unwrap_or(letter))
        .collect();
    (spelled.len() >= 2).then_some(spelled)
}

pub(super) fn read(word: &str) -> Option<String> {
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

/// `PayPaI`, `Iedger`: a capital I next to lower-case letters, with no other capital except at the beginning.
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
