//! What each rule does to labelled mail: how often it hits, how often rightly, what depends on it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::evaluation::Judged;
use super::roc::percent;
use crate::filter::Thresholds;

/// A rule's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleFigures {
    /// The rule.
    pub id: String,
    /// What it adds.
    pub score: f64,
    /// Ham that it hits.
    pub ham: usize,
    /// The same as a share of all ham, in percent.
    pub ham_percent: f64,
    /// Spam that it hits.
    pub spam: usize,
    /// The same as a share of all spam, in percent.
    pub spam_percent: f64,
    /// Share of spam in what it hits, each kind weighed as if there were as much of the other, in
    /// percent; none if it hits nothing.
    pub precision_percent: Option<f64>,
    /// Spam that would be judged ham without its score, less spam judged ham because of it.
    pub catches: i64,
    /// Ham judged spam that would not be without its score, less ham kept by it.
    pub costs: i64,
}

/// The figures of all rules that add something, most useful first.
pub fn figures<'a>(
    rules: impl Iterator<Item = (&'a Arc<str>, f64)>,
    judged: &[Judged],
    thresholds: Thresholds,
) -> Vec<RuleFigures> {
    let (mut ham_count, mut spam_count) = (0, 0);
    let mut found: HashMap<Arc<str>, RuleFigures> = rules
        .map(|(id, score)| (id.clone(), RuleFigures::none(id, score)))
        .collect();
    for message in judged {
        *(if message.spam {
            &mut spam_count
        } else {
            &mut ham_count
        }) += 1;
        let tagged = thresholds.is_spam(message.score);
        for (id, score) in &message.hits {
            let Some(rule) = found.get_mut(id) else {
                continue;
            };
            let changed = i64::from(tagged) - i64::from(thresholds.is_spam(message.score - score));
            let (hits, decided) = if message.spam {
                (&mut rule.spam, &mut rule.catches)
            } else {
                (&mut rule.ham, &mut rule.costs)
            };
            *hits += 1;
            *decided += changed;
        }
    }
    let mut all: Vec<RuleFigures> = found.into_values().collect();
    for rule in &mut all {
        rule.ham_percent = percent(rule.ham, ham_count);
        rule.spam_percent = percent(rule.spam, spam_count);
        let share = rule.ham_percent + rule.spam_percent;
        rule.precision_percent = (share > 0.0).then(|| 100.0 * rule.spam_percent / share);
    }
    all.sort_by(|a, b| {
        (b.catches, b.spam)
            .cmp(&(a.catches, a.spam))
            .then_with(|| a.id.cmp(&b.id))
    });
    all
}

impl RuleFigures {
    fn none(id: &Arc<str>, score: f64) -> Self {
        Self {
            id: id.to_string(),
            score,
            ham: 0,
            ham_percent: 0.0,
            spam: 0,
            spam_percent: 0.0,
            precision_percent: None,
            catches: 0,
            costs: 0,
        }
    }
}
