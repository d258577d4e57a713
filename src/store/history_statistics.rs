//! What is counted of the history: messages by the hour, and rules by their hits and by what people said.

use std::sync::Arc;

use super::records::Timestamp;

/// The messages of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourCounts {
    /// When the hour began.
    pub begun: Timestamp,
    /// All that were judged.
    pub arrived: u64,
    /// Those that were tagged.
    pub tagged: u64,
    /// Those that were held back.
    pub held: u64,
    /// How many verdicts a person corrected in this hour, whenever they were made.
    pub corrected: u64,
}

impl Default for HourCounts {
    fn default() -> Self {
        Self {
            begun: Timestamp::from_seconds(0),
            arrived: 0,
            tagged: 0,
            held: 0,
            corrected: 0,
        }
    }
}

/// How often a rule hit, and how often it was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHits {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Messages that it hit.
    pub hits: u64,
    /// Those of which a person said that they are spam.
    pub called_spam: u64,
    /// Those of which a person said that they are not.
    pub called_ham: u64,
}

/// The rules that hit messages of the history, those with the most hits first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleStatistics {
    /// Each rule that hit.
    pub rules: Vec<RuleHits>,
    /// How many corrections were looked at, the newest.
    pub corrections: u64,
    /// Whether there are more.
    pub has_more_corrections: bool,
}

/// How a person's corrections name the rules that had hit.
#[derive(Debug, Default)]
pub(super) struct CorrectedRules {
    called: std::collections::HashMap<String, (u64, u64)>,
    looked_at: u64,
}

impl CorrectedRules {
    /// Corrections that are looked at.
    pub(super) const MOST: usize = 2000;

    /// The rules that hit a message of which a person said what it is.
    pub(super) fn add(&mut self, rules: impl Iterator<Item = String>, is_spam: bool) {
        self.looked_at += 1;
        for rule in rules {
            let (spam, ham) = self.called.entry(rule).or_default();
            *(if is_spam { spam } else { ham }) += 1;
        }
    }

    /// With all hits, by rule.
    pub(super) fn with(mut self, hits: Vec<(String, u64)>) -> RuleStatistics {
        let mut rules: Vec<RuleHits> = hits
            .into_iter()
            .map(|(rule, hits)| {
                let (called_spam, called_ham) = self.called.remove(&rule).unwrap_or_default();
                RuleHits {
                    rule: rule.into(),
                    hits,
                    called_spam,
                    called_ham,
                }
            })
            .collect();
        rules.sort_by(|a, b| (b.hits, &a.rule).cmp(&(a.hits, &b.rule)));
        let most = Self::MOST as u64;
        RuleStatistics {
            rules,
            corrections: self.looked_at.min(most),
            has_more_corrections: self.looked_at > most,
        }
    }
}
