//! What the scanners found in a message: matches by rule.

use crate::message::visible_text::cut;

/// Bytes of matched text that are kept: a line of a report.
const TEXT_LIMIT: usize = 80;

/// What was found so far, by rule.
#[derive(Debug, Clone)]
pub(crate) struct RuleMatches {
    pub(crate) counts: Vec<u32>,
    pub(crate) texts: Vec<String>,
    /// By phrase: whether it was counted.
    pub(crate) seen: Vec<bool>,
}

impl RuleMatches {
    pub(crate) fn new(rules: usize, phrases: usize) -> Self {
        Self {
            counts: vec![0; rules],
            // Thousands for each message: without a clone of each.
            texts: std::iter::repeat_with(String::new).take(rules).collect(),
            seen: vec![false; phrases],
        }
    }

    pub(crate) fn add(&mut self, rule: usize, matched: &str) {
        self.counts[rule] += 1;
        let text = &mut self.texts[rule];
        if text.is_empty() {
            text.push_str(cut(matched.trim(), TEXT_LIMIT));
        } else if text.len() + 2 + matched.len() <= TEXT_LIMIT {
            text.push_str(", ");
            text.push_str(matched);
        }
    }
}
