//! The verdict on a message: score, hits and action.

use std::sync::Arc;
use std::time::Duration;

use crate::filter::classifier::Opinion;
use crate::filter::findings::NotMade;
use crate::filter::noted::Noted;
use crate::filter::thresholds::{Action, Thresholds};
use crate::message::Partial;

/// A rule that hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The rule's id, such as `URL_IP`.
    pub rule: Arc<str>,
    /// One sentence for people.
    pub description: Arc<str>,
    /// What it says of the message, as the end of a sentence that begins with "it".
    pub because: Option<Arc<str>>,
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
    /// Whether the message passes whatever is in the parts that the verdict is not made of: its header has settled that.
    pub passes_by_header: bool,
    /// How many parts of the message were not looked into.
    pub left_out: usize,
    /// The checks of others that were not made, if there are any.
    pub not_made: Option<Arc<NotMade>>,
    /// Time spent on decoding.
    pub decode_time: Duration,
    /// Time spent on rules.
    pub rules_time: Duration,
    /// The opinion of the learned filter, if there is one. Its points are one of the hits.
    pub opinion: Option<Opinion>,
    /// Time spent on the learned filter.
    pub classifier_time: Duration,
    /// What the history keeps, if that was asked for.
    pub noted: Option<Arc<Noted>>,
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
