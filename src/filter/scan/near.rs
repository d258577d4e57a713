//! Rules that search for words close to each other.

use crate::filter::rule_matches::RuleMatches;

/// A rule that searches for words close to each other.
#[derive(Debug)]
pub(super) struct NearRule {
    pub(super) rule: usize,
    pub(super) groups: usize,
    pub(super) within: usize,
    /// After so many matches it is not searched for any more.
    pub(super) enough: u32,
}

/// The matches of a rule that are counted even if it needs fewer: more than a report shows.
pub(super) const ENOUGH: u32 = 16;

/// Where the last word of each group was seen in a text: its start and end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastSeen {
    places: [(u32, u32); GROUPS],
    /// A bit for each group of which a word was seen.
    groups: u8,
}

/// The most groups of a rule.
const GROUPS: usize = 4;

impl LastSeen {
    /// Whether a word of a group was seen since the last match.
    #[inline]
    pub(super) fn has_begun(&self) -> bool {
        self.groups != 0
    }
}

impl NearRule {
    /// Takes a word of a group.
    #[inline]
    pub(super) fn saw(
        &self,
        group: usize,
        text: &str,
        at: std::ops::Range<usize>,
        last: &mut LastSeen,
        matches: &mut RuleMatches,
    ) {
        // Texts are far shorter than 4 GiB.
        last.places[group] = (at.start as u32, at.end as u32);
        last.groups |= 1 << group;
        // Of most rules, words of one group are all that a text has.
        if u32::from(last.groups) == (1 << self.groups) - 1 {
            self.saw_all(text, last, matches);
        }
    }

    /// Checks whether the words are close to each other, if more matches are needed.
    fn saw_all(&self, text: &str, last: &mut LastSeen, matches: &mut RuleMatches) {
        if matches.count(self.rule) >= self.enough {
            return;
        }
        let mut seen = last
            .places
            .map(|(start, end)| (start as usize, end as usize));
        let seen = &mut seen[..self.groups];
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
