//! Rules that search for words close to each other.

use crate::filter::rule_matches::RuleMatches;

/// A rule that searches for words close to each other.
#[derive(Debug)]
pub(super) struct NearRule {
    pub(super) rule: usize,
    pub(super) groups: usize,
    pub(super) within: usize,
}

/// Where the last word of each group was seen in a text.
#[derive(Debug, Clone, Default)]
pub(super) struct LastSeen([Option<(usize, usize)>; GROUPS]);

/// The most groups of a rule.
const GROUPS: usize = 4;

impl NearRule {
    pub(super) fn saw(
        &self,
        group: usize,
        text: &str,
        at: std::ops::Range<usize>,
        last: &mut LastSeen,
        matches: &mut RuleMatches,
    ) {
        last.0[group] = Some((at.start, at.end));
        let mut seen = [(0, 0); GROUPS];
        let seen = &mut seen[..self.groups];
        for (place, last) in seen.iter_mut().zip(&last.0) {
            match last {
                Some(last) => *place = *last,
                None => return,
            }
        }
        seen.sort_unstable();
        let apart = |pair: &[(usize, usize)]| {
            // One word may be part of phrases of two groups.
            let between = text.get(pair[0].1..pair[1].0).unwrap_or_default();
            between.len() > self.within || has_sentence_end(between)
        };
        if seen.windows(2).any(apart) {
            return;
        }
        let begin = seen[0].0;
        let end = seen.iter().map(|(_, end)| *end).max().unwrap_or(begin);
        matches.add(self.rule, &text[begin..end]);
        // A match counts once.
        *last = LastSeen::default();
    }
}

/// Punctuation followed by white space, as the dot of a number or a host is not; or that of a script without spaces.
fn has_sentence_end(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut ends = memchr::memchr3_iter(b'.', b'!', b'?', bytes);
    ends.any(|at| {
        bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) && !is_abbreviation(text, at)
    }) || !text.is_ascii() && text.contains(['。', '！', '？', '．', '।', '؟', '۔'])
}

/// Whether a dot ends an abbreviation, as in "no. 5521 is unpaid" and "980 kr. are due": a short word before it, and a digit
/// or a small letter after it.
fn is_abbreviation(text: &str, dot: usize) -> bool {
    if text.as_bytes()[dot] != b'.' {
        return false;
    }
    let letters = text[..dot].chars().rev().take(5);
    let short = letters.take_while(|letter| letter.is_alphabetic()).count();
    let next = text[dot + 1..].trim_start().chars().next();
    (1..5).contains(&short) && next.is_some_and(|next| next.is_ascii_digit() || next.is_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_in_all_scripts() {
        assert!(has_sentence_end("closed. Another"));
        assert!(has_sentence_end("停止しました。次"));
        assert!(has_sentence_end("बंद है। अगला"));
        assert!(!has_sentence_end("2.5 at a.example"));
        assert!(!has_sentence_end("、口座"));
    }

    #[test]
    fn abbreviations_end_no_sentence() {
        assert!(!has_sentence_end(" no. 5521 over 12.800 kr. is still "));
        assert!(!has_sentence_end(" 5521 за 1280 лв. все още "));
        assert!(has_sentence_end(" on Monday. It is "));
        assert!(has_sentence_end(" later. we "));
        assert!(has_sentence_end(" in May. The "));
    }
}
