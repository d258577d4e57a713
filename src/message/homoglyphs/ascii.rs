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
    let bytes = word.as_bytes();
    let start = bytes.iter().position(u8::is_ascii_alphanumeric)?;
    let end = bytes.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    let bytes = &bytes[start..end];
    if !(4..=WORD_LIMIT).contains(&bytes.len()) {
        return None;
    }
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic());
    let letters = letters.count();
    let others = || bytes.iter().filter(|byte| !byte.is_ascii_alphabetic());
    let count = bytes.len() - letters;
    if count >= 3 && bytes.len() == 2 * count + 1 {
        let separator = others().next().copied().unwrap_or_default();
        if b".-_*".contains(&separator) {
            // P.a.y.p.a.l
            let spelled = bytes.iter().step_by(2).copied();
            let is_apart = spelled.clone().all(|byte| byte.is_ascii_alphabetic())
                && others().all(|byte| *byte == separator);
            return is_apart.then(|| {
                let spelled = spelled.map(|byte| byte.to_ascii_lowercase());
                spelled.map(char::from).collect()
            });
        }
    }
    let digits_within = (1..=3).contains(&count)
        && letters >= 3
        && (bytes[0].is_ascii_alphabetic() || letters >= 4)
        && others().all(|byte| digit_for(char::from(*byte)).is_some());
    let capital_i = count == 0 && has_capital_for_l(bytes);
    if !digits_within && !capital_i {
        return None;
    }
    let spelled = bytes.iter().map(|byte| match char::from(*byte) {
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
