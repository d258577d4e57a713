//! From a score to what happens to a message.

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
