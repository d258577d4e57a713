//! What the scanners found in a message: matches by rule.

use crate::message::visible_text::cut;

/// Bytes of matched text that are kept: a line of a report.
const TEXT_LIMIT: usize = 80;

/// What was found so far, by rule. Few rules match a message: only these have a text.
#[derive(Debug, Clone)]
pub(crate) struct RuleMatches {
    counts: Vec<u32>,
    /// By rule that matches: its index in `texts` and one more; 0 for others.
    places: Vec<u32>,
    texts: Vec<(usize, String)>,
    /// By phrase: whether it was counted.
    pub(crate) seen: Vec<bool>,
}

impl RuleMatches {
    pub(crate) fn new(rules: usize, phrases: usize) -> Self {
        Self {
            counts: vec![0; rules],
            places: vec![0; rules],
            texts: Vec::with_capacity(USUAL),
            seen: vec![false; phrases],
        }
    }

    pub(crate) fn add(&mut self, rule: usize, matched: &str) {
        self.counts[rule] += 1;
        let place = &mut self.places[rule];
        if *place == 0 {
            self.texts.push((rule, String::new()));
            *place = self.texts.len() as u32;
        }
        let (_, text) = &mut self.texts[*place as usize - 1];
        if text.is_empty() {
            text.push_str(cut(matched.trim(), TEXT_LIMIT));
        } else if text.len() + 2 + matched.len() <= TEXT_LIMIT {
            text.push_str(", ");
            text.push_str(matched);
        }
    }

    /// How often a rule matches.
    pub(crate) fn count(&self, rule: usize) -> u32 {
        self.counts[rule]
    }

    /// The rules that match.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        self.texts.iter().map(|(rule, _)| *rule)
    }

    /// What a rule matches.
    pub(crate) fn text(&self, rule: usize) -> &str {
        match self.places[rule] {
            0 => "",
            place => &self.texts[place as usize - 1].1,
        }
    }

    /// The same, to keep.
    pub(crate) fn take_text(&mut self, rule: usize) -> String {
        match self.places[rule] {
            0 => String::new(),
            place => std::mem::take(&mut self.texts[place as usize - 1].1),
        }
    }
}

/// Room for the rules that match most messages.
const USUAL: usize = 64;
