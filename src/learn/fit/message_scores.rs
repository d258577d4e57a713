//! What each message scores by what was fitted without it: the lines of `rules fit --messages`.

use super::super::evaluation::Judged;
use serde::Serialize;

/// A message, and its scores without the part of the mail that it is in.
#[derive(Debug, Clone, Serialize)]
pub struct MessageScore {
    /// Its path.
    pub path: String,
    /// Its kind of mail.
    pub kind: String,
    /// Its label.
    pub spam: bool,
    /// Its score, before anything was taught.
    pub untrained: f64,
    /// Its score by a filter that was taught the other parts.
    pub taught: f64,
    /// Log odds of spam by a shipped model that has not seen its part.
    pub log_odds: f64,
    /// The rules that hit.
    pub rules: Vec<String>,
}

impl MessageScore {
    /// Of a message of a kind, with its scores untrained and taught, and the log odds of the shipped model.
    pub(super) fn new(
        message: &Judged,
        kind: &str,
        [untrained, taught]: [f64; 2],
        log_odds: f64,
    ) -> Self {
        let hundredths = |number: f64| (number * 100.0).round() / 100.0;
        Self {
            path: message.path.clone(),
            kind: kind.to_owned(),
            spam: message.spam,
            untrained: hundredths(untrained),
            taught: hundredths(taught),
            log_odds: hundredths(log_odds),
            rules: message.hits.iter().map(|(id, _)| id.to_string()).collect(),
        }
    }
}
