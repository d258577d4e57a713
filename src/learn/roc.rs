//! Figures over scores: what each threshold would miss and mistake.
//!
//! In: the scores of ham and of spam, higher is spammier; out: shares in percent, named as in TREC's
//! spam track (Cormack and Lynam, TREC 2005): hm % of ham judged spam, sm % of spam judged ham,
//! 1-ROCA % the chance that a ham scores above a spam.

use serde::Serialize;

/// The scores of all messages, each kind in order.
#[derive(Debug, Default, Clone)]
pub struct Scores {
    ham: Vec<f64>,
    spam: Vec<f64>,
}

/// What a threshold does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// From this score on a message is judged spam; infinite if none is.
    pub tag_at: f64,
    /// Share of ham judged spam, in percent.
    pub hm_percent: f64,
    /// Share of spam judged ham, in percent.
    pub sm_percent: f64,
}

/// A share in percent; of nothing it is 0.
pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}

impl Scores {
    /// Puts the scores in order.
    pub fn new(mut ham: Vec<f64>, mut spam: Vec<f64>) -> Self {
        ham.sort_by(f64::total_cmp);
        spam.sort_by(f64::total_cmp);
        Self { ham, spam }
    }

    /// The area above the ROC curve, in percent; scores that are equal count half.
    pub fn one_minus_roca_percent(&self) -> f64 {
        let mut wrong = 0.0;
        for score in &self.spam {
            let below = self.ham.partition_point(|ham| ham < score);
            let up_to = self.ham.partition_point(|ham| ham <= score);
            wrong += (self.ham.len() - up_to) as f64 + (up_to - below) as f64 / 2.0;
        }
        let pairs = self.ham.len() as f64 * self.spam.len() as f64;
        if pairs == 0.0 {
            0.0
        } else {
            100.0 * wrong / pairs
        }
    }

    /// What a threshold does.
    pub fn at(&self, tag_at: f64) -> Point {
        let ham = self.ham.len() - self.ham.partition_point(|score| *score < tag_at);
        let missed = self.spam.partition_point(|score| *score < tag_at);
        Point {
            tag_at,
            hm_percent: percent(ham, self.ham.len()),
            sm_percent: percent(missed, self.spam.len()),
        }
    }

    /// The threshold that catches most while it mistakes no more than this share of ham.
    pub fn within(&self, hm_percent: f64) -> Point {
        let allowed = (self.ham.len() as f64 * hm_percent / 100.0).floor() as usize;
        let Some(last) = self.ham.len().checked_sub(allowed + 1) else {
            return self.at(f64::NEG_INFINITY);
        };
        let above = self.spam.partition_point(|spam| *spam <= self.ham[last]);
        self.at(self.spam.get(above).copied().unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_equal_those_computed_by_hand() {
        let scores = Scores::new(vec![0.0, 5.0, 1.0, 1.0], vec![9.0, 1.0, 5.0]);
        // Of the 12 pairs: 9 is above all; 1 is below 5 and equal to two; 5 is equal to one.
        assert_eq!(
            scores.one_minus_roca_percent(),
            100.0 * (1.0 + 1.0 + 0.5) / 12.0
        );
        let at = scores.at(5.0);
        assert_eq!((at.hm_percent, at.sm_percent), (25.0, 100.0 / 3.0));
        let none = scores.within(0.0);
        assert_eq!((none.tag_at, none.hm_percent), (9.0, 0.0));
        assert_eq!(none.sm_percent, 200.0 / 3.0);
        let some = scores.within(25.0);
        assert_eq!((some.tag_at, some.hm_percent), (5.0, 25.0));
        assert_eq!(scores.within(100.0).sm_percent, 0.0);
    }

    #[test]
    fn equal_scores_give_an_area_of_one_half() {
        let scores = Scores::new(vec![1.0; 3], vec![1.0; 4]);
        assert_eq!(scores.one_minus_roca_percent(), 50.0);
        assert_eq!(scores.within(10.0).sm_percent, 100.0);
        let perfect = Scores::new(vec![0.0], vec![1.0]);
        assert_eq!(perfect.one_minus_roca_percent(), 0.0);
        assert_eq!(perfect.within(0.0).sm_percent, 0.0);
        assert_eq!(Scores::default().one_minus_roca_percent(), 0.0);
    }
}
