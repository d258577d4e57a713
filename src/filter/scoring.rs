//! From hits to a score and an action: the scores of the rules that hit are added up.

use crate::filter::verdict::{Hit, Verdict};

impl Verdict {
    /// Sorts the hits, adds their scores up and decides.
    pub(crate) fn add_up(&mut self) {
        self.hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.rule.cmp(&b.rule))
        });
        // From +0.0: std's sum of nothing is -0.0.
        let sum = self.hits.iter().fold(0.0, |sum, hit| sum + hit.score);
        // Scores are decimal fractions: the sum of 0.1 and 0.2 is to read 0.3.
        self.score = (sum * 1e6_f64).round() / 1e6;
        self.action = self.thresholds.action(self.score);
    }

    /// Adds a hit that takes the score to this value.
    pub(crate) fn settle(&mut self, wanted: f64, hit: impl FnOnce(f64) -> Hit) {
        // Hits are shown with one decimal, and must add up.
        let score = ((wanted - self.score) * 1e6).round() / 1e6;
        self.hits.push(hit(score));
        self.add_up();
    }
}
