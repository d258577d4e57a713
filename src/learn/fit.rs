//! Fitting the scores of rules, and what the learned filter's opinion adds, to labelled mail.
//!
//! In: rules, and judged messages with what each kind counts; out: new scores, and how often both would be wrong on
//! mail of senders and campaigns that they were not fitted to. One regression finds all scores together, so that
//! signs that occur together share what they prove. Each score is expected where it was and has bounds: few hits move
//! it little, and it never changes its sign. The learned filter's opinion of each message comes from a state, and a
//! shipped model, that have not seen the message or its like.

pub mod fit_error;
pub mod kind_figures;
pub mod message_scores;
pub mod score_bounds;
pub mod score_files;
mod scored_mail;
pub mod task;
mod unseen;

use crate::filter::{LearnedCurve, LearnedCurves};

use super::campaigns;
use super::evaluation::Judged;
use super::regression::{self, Column, Example, Prior};

pub use fit_error::FitError;
pub use kind_figures::KindFigures;
use message_scores::MessageScore;
use score_bounds::bounds;
use scored_mail::{Scores, folds_of, with_scores};
pub use task::{Fit, Model};
use unseen::{Unseen, unseen};

/// What was found for a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedScore {
    /// The rule.
    pub id: String,
    /// Its score before.
    pub before: f64,
    /// What its author expects of it.
    pub expected: f64,
    /// The new one, rounded to tenths.
    pub after: f64,
    /// Messages that it hits: ham and spam.
    pub hits: [usize; 2],
    /// The bound that it reached.
    pub bound: Option<f64>,
}

/// The result.
#[derive(Debug)]
pub struct Fitted {
    /// Every score, in the order of the rules.
    pub scores: Vec<FittedScore>,
    /// What the learned filter's opinion is to add.
    pub curves: LearnedCurves,
    /// Mistakes by kind of mail, cross-validated.
    pub figures: Vec<KindFigures>,
    /// Each message by what was fitted without its part.
    pub by_message: Vec<MessageScore>,
    /// Senders and campaigns.
    pub campaigns: usize,
    /// Ham and spam.
    pub messages: [usize; 2],
}

/// The fewest messages of each kind, and campaigns of each kind and part.
const MESSAGES: usize = 100;
const CAMPAIGNS: usize = 2;

/// How firmly a score is expected where it was: as much as so many messages at the threshold know.
const FIRMNESS: f64 = 5.0;

/// Where the learned filter's curve may bend.
const KNOTS: [f64; 11] = [-3.5, -2.2, -1.4, -0.8, -0.4, 0.0, 0.4, 0.8, 1.4, 2.2, 3.5];

/// The one where spam is as likely as ham, and the most points there: doubt proves nothing.
const NEUTRAL: usize = 5;
const NEUTRAL_MOST: f64 = 0.5;

/// The most points per unit of log odds, and in all.
const STEEPEST: f64 = 2.7;
const CURVE_RANGE: (f64, f64) = (-2.5, 6.0);

/// How firmly the curve is expected where it was.
const CURVE_FIRMNESS: f64 = 0.5;

/// Log odds per point: a score one point above the threshold says spam is e times as likely as ham.
const SLOPE: f64 = 1.0;

/// Rounds of the regression.
const ROUNDS: usize = 400;

/// Finds the scores.
///
/// # Errors
/// If there is too little mail of either kind.
pub fn fit(fit: &Fit<'_>, judged: &[Judged]) -> Result<Fitted, FitError> {
    let groups = campaigns::groups(judged);
    check(fit, judged, &groups)?;
    let folds = folds_of(&groups, fit.folds);
    let unseen = unseen(fit, judged, &groups, &folds);
    let mail = Mail::new(fit, judged, &groups, unseen);
    let before = Scores {
        rules: fit.rules.iter().map(|rule| rule.score).collect(),
        curves: fit.curves.clone(),
    };
    let mut after_by_message = vec![[0.0; 2]; judged.len()];
    for fold in 0..fit.folds {
        let scores = mail.solve(&before, |number| folds[number] != fold);
        let own = (0..judged.len()).filter(|number| folds[*number] == fold);
        for number in own {
            after_by_message[number] = mail.score(number, &scores);
        }
    }
    let scores = mail.solve(&before, |_| true);
    let before_by_message: Vec<[f64; 2]> = (0..judged.len())
        .map(|number| mail.score(number, &before))
        .collect();
    let figures = kind_figures::figures(
        &fit.kinds,
        judged,
        fit.tag_at,
        &before_by_message,
        &after_by_message,
    );
    let spam = judged.iter().filter(|message| message.spam).count();
    let mut distinct = groups.clone();
    distinct.sort_unstable();
    distinct.dedup();
    Ok(Fitted {
        scores: mail.fitted(&scores),
        curves: scores.curves,
        by_message: mail.by_message(&after_by_message),
        figures,
        campaigns: distinct.len(),
        messages: [judged.len() - spam, spam],
    })
}

/// Refuses what proves nothing.
fn check(fit: &Fit<'_>, judged: &[Judged], groups: &[usize]) -> Result<(), FitError> {
    if fit.rules.is_empty() {
        return Err(FitError::NoRules);
    }
    for is_spam in [false, true] {
        let own = judged.iter().enumerate();
        let own = own.filter(|(_, message)| message.spam == is_spam);
        let mut found: Vec<usize> = own.map(|(number, _)| groups[number]).collect();
        let messages = found.len();
        found.sort_unstable();
        found.dedup();
        if messages < MESSAGES {
            return Err(FitError::FewMessages {
                is_spam,
                messages,
                needed: MESSAGES,
            });
        }
        let needed = CAMPAIGNS * fit.folds;
        if found.len() < needed {
            return Err(FitError::FewCampaigns {
                is_spam,
                campaigns: found.len(),
                needed,
            });
        }
    }
    Ok(())
}

/// The messages as the regression sees them.
struct Mail<'m> {
    fit: &'m Fit<'m>,
    judged: &'m [Judged],
    weights: Vec<f64>,
    unseen: Unseen,
    /// By rule: the messages that it hits.
    hits: Vec<Vec<usize>>,
    /// By message: what rules add whose scores do not change.
    fixed: Vec<f64>,
    /// By message: the rules that hit it.
    rules: Vec<Vec<usize>>,
}

impl<'m> Mail<'m> {
    fn new(fit: &'m Fit<'m>, judged: &'m [Judged], groups: &[usize], unseen: Unseen) -> Self {
        let (rules, fixed) = with_scores(&fit.rules, judged);
        let mut hits = vec![Vec::new(); fit.rules.len()];
        for (number, rules) in rules.iter().enumerate() {
            rules.iter().for_each(|rule| hits[*rule].push(number));
        }
        Self {
            weights: scored_mail::weights(fit, judged, groups),
            fit,
            judged,
            unseen,
            hits,
            fixed,
            rules,
        }
    }

    /// The score of a message, before anything was taught and after.
    fn score(&self, number: usize, scores: &Scores) -> [f64; 2] {
        let rules: f64 = self.rules[number].iter().map(|at| scores.rules[*at]).sum();
        let curves = &scores.curves;
        let shipped = curves.untrained.points(self.unseen.shipped(number));
        let untrained = self.fixed[number] + rules + shipped;
        let taught = self.unseen.taught(number, untrained);
        [untrained, untrained + curves.taught_points(&taught)]
    }

    /// Each message with the scores that it has by what was fitted without it.
    fn by_message(&self, scores: &[[f64; 2]]) -> Vec<MessageScore> {
        let messages = self.judged.iter().zip(scores).enumerate();
        let each = messages.map(|(number, (message, scores))| {
            let kind = &self.fit.kinds[message.group];
            MessageScore::new(message, kind, *scores, self.unseen.shipped(number))
        });
        each.collect()
    }

    /// The best scores for some of the messages.
    fn solve(&self, before: &Scores, is_known: impl Fn(usize) -> bool) -> Scores {
        let known: Vec<usize> = (0..self.judged.len()).filter(|it| is_known(*it)).collect();
        let example = |number: &usize| Example {
            is_spam: self.judged[*number].spam,
            weight: self.weights[*number],
            offset: SLOPE * (self.fixed[*number] - self.fit.tag_at),
        };
        let examples: Vec<Example> = known.iter().map(example).collect();
        let mut row_of = vec![None; self.judged.len()];
        for (row, number) in known.iter().enumerate() {
            row_of[*number] = Some(row);
        }
        let mut columns = Vec::new();
        let mut priors = Vec::new();
        for (rule, hits) in self.fit.rules.iter().zip(&self.hits) {
            let mut column = Column::default();
            for row in hits.iter().filter_map(|number| row_of[*number]) {
                column.add(row, SLOPE);
            }
            let (min, max) = bounds(rule);
            priors.push(Prior {
                mean: rule.expected(),
                precision: FIRMNESS,
                min,
                max,
            });
            columns.push(column);
        }
        // Not where a fit has put it: that the same mail gives the same scores again.
        let (curve, curve_priors) = self.curve_columns(&known, &LearnedCurve::default());
        columns.extend(curve);
        priors.extend(curve_priors);
        let mut found = regression::solve(&examples, &columns, &priors, ROUNDS);
        let untrained = found.split_off(self.fit.rules.len());
        Scores {
            rules: found.into_iter().map(tenths).collect(),
            curves: LearnedCurves {
                untrained: curve_of(&untrained).unwrap_or_else(|| before.curves.untrained.clone()),
                // How far lessons may move mail that is like them, and with it mail that is not: no regression on mail
                // at hand tells that (benches/filter/learning --parts transfer does).
                taught: before.curves.taught.clone(),
            },
        }
    }

    /// The curve as its value at the neutral knot, and a rise from each to the next.
    fn curve_columns(&self, known: &[usize], before: &LearnedCurve) -> (Vec<Column>, Vec<Prior>) {
        let mut columns = vec![Column::default(); KNOTS.len()];
        for (row, number) in known.iter().enumerate() {
            let odds = self.unseen.shipped(*number);
            columns[0].add(row, SLOPE);
            for (at, pair) in KNOTS.windows(2).enumerate() {
                let share = ((odds - pair[0]) / (pair[1] - pair[0])).clamp(0.0, 1.0);
                let share = if at < NEUTRAL { share - 1.0 } else { share };
                if share != 0.0 {
                    columns[at + 1].add(row, SLOPE * share);
                }
            }
        }
        let first = Prior {
            mean: before.points(KNOTS[NEUTRAL]),
            precision: CURVE_FIRMNESS,
            min: -NEUTRAL_MOST,
            max: NEUTRAL_MOST,
        };
        let rises = KNOTS.windows(2).map(|pair| Prior {
            mean: before.points(pair[1]) - before.points(pair[0]),
            precision: CURVE_FIRMNESS,
            min: 0.0,
            max: STEEPEST * (pair[1] - pair[0]),
        });
        (columns, [first].into_iter().chain(rises).collect())
    }

    fn fitted(&self, scores: &Scores) -> Vec<FittedScore> {
        let rules = self.fit.rules.iter().zip(&self.hits).zip(&scores.rules);
        let fitted = rules.map(|((rule, hits), after)| {
            let spam = hits.iter().filter(|number| self.judged[**number].spam);
            let spam = spam.count();
            let (min, max) = bounds(rule);
            let reached = [min, max]
                .into_iter()
                .find(|bound| (bound - after).abs() < 0.05);
            FittedScore {
                id: rule.id.to_string(),
                before: rule.score,
                expected: rule.expected(),
                after: *after,
                hits: [hits.len() - spam, spam],
                bound: reached.filter(|_| (after - rule.expected()).abs() > 0.05),
            }
        });
        fitted.collect()
    }
}

/// Scores are read, and written, with one decimal. Adding zero makes of -0.0 what people write.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0 + 0.0
}

/// The curve with a value at the neutral knot, and a rise from each to the next.
fn curve_of(steps: &[f64]) -> Option<LearnedCurve> {
    let (neutral, rises) = steps.split_first()?;
    let below: f64 = rises.iter().take(NEUTRAL).sum();
    let mut points = neutral - below;
    let rises = [0.0].iter().chain(rises);
    let knots = KNOTS.iter().zip(rises).map(|(odds, rise)| {
        points += rise;
        (*odds, tenths(points.clamp(CURVE_RANGE.0, CURVE_RANGE.1)))
    });
    LearnedCurve::new(knots.collect())
}
