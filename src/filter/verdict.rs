//! The verdict on a message: score, hits and action.

use std::sync::Arc;
use std::time::Duration;

use crate::filter::classifier::Opinion;
use crate::message::Partial;

/// What happens to a message (design: `pass`, `tag` or `drop`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The original bytes go to the client.
    Pass,
    /// The message is marked as spam and goes to the client.
    Tag,
    /// The original goes to quarantine and the client gets a notice.
    Drop,
}

/// The scores at which a message is tagged or dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A message with this score or more is spam.
    pub tag_at: f64,
    /// A message with this score or more is dropped; `None` = never.
    pub drop_at: Option<f64>,
}

impl Thresholds {
    /// Whether a message with this score is spam.
    pub fn is_spam(&self, score: f64) -> bool {
        self.action(score) != Action::Pass
    }

    /// The action for a score.
    pub fn action(&self, score: f64) -> Action {
        // Sums of decimal fractions: 1.7 + 3.3 must reach 5.0.
        const ROUNDING: f64 = 1e-6;
        match self.drop_at {
            Some(drop_at) if score + ROUNDING >= drop_at => Action::Drop,
            _ if score + ROUNDING >= self.tag_at => Action::Tag,
            _ => Action::Pass,
        }
    }
}

/// A rule that hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The rule's id, such as `URL_IP`.
    pub rule: Arc<str>,
    /// One sentence for people.
    pub description: Arc<str>,
    /// What it adds to the sum.
    pub score: f64,
    /// The matched words or link, as in the message: bounded in length, but not
    /// escaped for a terminal or a header.
    pub text: String,
}

/// The filter's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Sum of the scores of all hits.
    pub score: f64,
    /// The active thresholds.
    pub thresholds: Thresholds,
    /// The action for this score and these thresholds.
    pub action: Action,
    /// Highest score first.
    pub hits: Vec<Hit>,
    /// Number of bytes judged.
    pub bytes_judged: usize,
    /// The work that it took, in units of about a nanosecond.
    pub work: u64,
    /// Why it is made of a part of the message only, if it is.
    pub partial: Option<Partial>,
    /// How many parts of the message were not looked into.
    pub left_out: usize,
    /// Time spent on decoding.
    pub decode_time: Duration,
    /// Time spent on rules.
    pub rules_time: Duration,
    /// The opinion of the learned filter, if there is one. Its points are one of the hits.
    pub opinion: Option<Opinion>,
    /// Time spent on the learned filter.
    pub classifier_time: Duration,
}

impl Verdict {
    /// Total time.
    pub fn time(&self) -> Duration {
        self.decode_time + self.rules_time + self.classifier_time
    }

    /// Whether the message is spam.
    pub fn is_spam(&self) -> bool {
        self.action != Action::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_decide_the_action() {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: Some(10.0),
        };
        assert_eq!(thresholds.action(4.99), Action::Pass);
        assert_eq!(thresholds.action(1.7 + 3.3), Action::Tag);
        assert_eq!(thresholds.action(10.0), Action::Drop);
        let never = Thresholds {
            drop_at: None,
            ..thresholds
        };
        assert_eq!(never.action(1e9), Action::Tag);
    }
}
