//! Figures over judged mail: shares of mistakes, by path, by threshold and by rule, and times.
//!
//! In: a filter and what it made of ham and spam; out: [`Figures`], as one JSON object if so wanted.

use serde::Serialize;

use super::evaluation::Judged;
use super::roc::{Point, Scores, percent};
use super::rule_figures::{self, RuleFigures};
use crate::filter::{Filter, Thresholds};

/// The thresholds that are shown beside the filter's own.
const THRESHOLDS: [f64; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0];

/// All figures.
#[derive(Debug, Serialize)]
pub struct Figures<'a> {
    /// The threshold of the filter.
    pub tag_at: f64,
    /// How ham was judged.
    pub ham: Kind<'a>,
    /// How spam was judged.
    pub spam: Kind<'a>,
    /// The chance that a ham scores above a spam, in percent.
    pub one_minus_roca_percent: f64,
    /// The threshold that judges at most 0.1 % of ham wrong.
    pub at_hm_0_1_percent: Point,
    /// The same for 1 %.
    pub at_hm_1_percent: Point,
    /// What other thresholds would do.
    pub thresholds: Vec<Point>,
    /// The learned filter by itself, in log odds.
    pub classifier: Option<Alone>,
    /// How long a message took.
    pub micros: Micros,
    /// How fast the filter is.
    pub megabytes_per_second: f64,
    /// What each rule does.
    pub rules: Vec<RuleFigures>,
}

/// What the classifier would do without rules.
#[derive(Debug, Serialize)]
pub struct Alone {
    /// The chance that a ham scores above a spam, in percent.
    pub one_minus_roca_percent: f64,
    /// The threshold that judges at most 0.1 % of ham wrong.
    pub at_hm_0_1_percent: Point,
    /// The same for 1 %.
    pub at_hm_1_percent: Point,
}

/// Ham or spam.
#[derive(Debug, Serialize)]
pub struct Kind<'a> {
    /// How many there are.
    pub messages: usize,
    /// How many were judged wrong.
    pub wrong: usize,
    /// The same as a share, in percent.
    pub wrong_percent: f64,
    /// By the paths given.
    pub paths: Vec<Group<'a>>,
    /// Each that was judged wrong.
    pub judged_wrong: Vec<Wrong<'a>>,
}

/// The messages of one path given.
#[derive(Debug, Serialize)]
pub struct Group<'a> {
    /// The path.
    pub path: &'a str,
    /// How many there are.
    pub messages: usize,
    /// How many were judged wrong.
    pub wrong: usize,
    /// The same as a share, in percent.
    pub wrong_percent: f64,
}

/// A message that was judged wrong.
#[derive(Debug, Serialize)]
pub struct Wrong<'a> {
    /// The path.
    pub path: &'a str,
    /// Its score.
    pub score: f64,
    /// The rules that hit.
    pub rules: Vec<&'a str>,
}

/// Times of decoding and judging a message, in microseconds.
#[derive(Debug, Serialize)]
pub struct Micros {
    /// Of all.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// Of a hundred, one took longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl<'a> Figures<'a> {
    /// Counts and shares over what was judged; `paths` are those given, ham first.
    pub fn new(filter: &Filter, paths: &'a [String], judged: &'a [Judged]) -> Self {
        let thresholds = filter.thresholds();
        let scores = scores(judged, |message| Some(message.score));
        let mut table: Vec<f64> = THRESHOLDS.to_vec();
        if !table.contains(&thresholds.tag_at) {
            table.push(thresholds.tag_at);
            table.sort_by(f64::total_cmp);
        }
        let kind = |spam: bool| Kind::new(spam, thresholds, paths, judged);
        let micros = Micros::of(judged);
        let bytes: usize = judged.iter().map(|message| message.bytes).sum();
        let seconds = micros.mean * judged.len() as f64 / 1e6;
        Self {
            tag_at: thresholds.tag_at,
            ham: kind(false),
            spam: kind(true),
            one_minus_roca_percent: scores.one_minus_roca_percent(),
            at_hm_0_1_percent: scores.within(0.1),
            at_hm_1_percent: scores.within(1.0),
            thresholds: table.into_iter().map(|tag_at| scores.at(tag_at)).collect(),
            classifier: Alone::new(judged),
            megabytes_per_second: match seconds > 0.0 {
                true => bytes as f64 / 1e6 / seconds,
                false => 0.0,
            },
            micros,
            rules: rule_figures::figures(filter.scores(), judged, thresholds),
        }
    }

    /// One JSON object and a line end; a threshold that no score reaches is null.
    pub fn json(&self) -> String {
        // Texts and numbers have no way to fail.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// What each message of both kinds scores, where it does.
fn scores(judged: &[Judged], score: impl Fn(&Judged) -> Option<f64>) -> Scores {
    let of = |spam: bool| {
        let kind = judged.iter().filter(|message| message.spam == spam);
        kind.filter_map(&score).collect()
    };
    Scores::new(of(false), of(true))
}

impl Alone {
    /// Nothing where the learned filter took no part.
    fn new(judged: &[Judged]) -> Option<Self> {
        let scores = scores(judged, |message| message.log_odds);
        let took_part = judged.iter().any(|message| message.log_odds.is_some());
        took_part.then(|| Self {
            one_minus_roca_percent: scores.one_minus_roca_percent(),
            at_hm_0_1_percent: scores.within(0.1),
            at_hm_1_percent: scores.within(1.0),
        })
    }
}

impl<'a> Kind<'a> {
    fn new(spam: bool, thresholds: Thresholds, paths: &'a [String], judged: &'a [Judged]) -> Self {
        let wrong = |message: &&Judged| thresholds.is_spam(message.score) != spam;
        let all: Vec<&Judged> = judged.iter().filter(|it| it.spam == spam).collect();
        let groups = paths.iter().enumerate().filter_map(|(group, path)| {
            let within: Vec<&Judged> = all.iter().filter(|it| it.group == group).copied().collect();
            let wrong = within.iter().copied().filter(wrong).count();
            (!within.is_empty()).then(|| Group {
                path,
                messages: within.len(),
                wrong,
                wrong_percent: percent(wrong, within.len()),
            })
        });
        let paths = groups.collect();
        let judged_wrong = all.iter().copied().filter(wrong).map(|message| Wrong {
            path: &message.path,
            score: message.score,
            rules: message.hits.iter().map(|(id, _)| &**id).collect(),
        });
        let judged_wrong: Vec<Wrong<'_>> = judged_wrong.collect();
        Self {
            messages: all.len(),
            wrong: judged_wrong.len(),
            wrong_percent: percent(judged_wrong.len(), all.len()),
            paths,
            judged_wrong,
        }
    }
}

impl Micros {
    fn of(judged: &[Judged]) -> Self {
        let mut all: Vec<u64> = judged.iter().map(|message| message.micros).collect();
        all.sort_unstable();
        let share = |share: f64| {
            let at = (all.len() as f64 * share) as usize;
            all.get(at.min(all.len().saturating_sub(1)))
                .copied()
                .unwrap_or(0)
        };
        Self {
            mean: all.iter().sum::<u64>() as f64 / all.len().max(1) as f64,
            p50: share(0.5),
            p99: share(0.99),
            max: all.last().copied().unwrap_or(0),
        }
    }
}
