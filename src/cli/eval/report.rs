//! What `eval` found, as one JSON object or as tables for people.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::eval::Judged;
use crate::cli::terminal::harmless;
use crate::filter::Filter;
use crate::learn::roc::{Point, Scores, percent};
use crate::learn::rule_figures::{self, RuleFigures};

/// Rules and messages that are named without `--all`.
const SHOWN: usize = 20;

/// The thresholds that the table shows beside the one in force.
const THRESHOLDS: [f64; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0];

/// All figures.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    tag_at: f64,
    ham: Kind<'a>,
    spam: Kind<'a>,
    one_minus_roca_percent: f64,
    /// What it would be at the threshold that mistakes this share of ham.
    at_hm_0_1_percent: Point,
    at_hm_1_percent: Point,
    thresholds: Vec<Point>,
    /// The learnt filter by itself, in log odds.
    classifier: Option<Alone>,
    micros: Micros,
    megabytes_per_second: f64,
    rules: Vec<RuleFigures>,
}

/// What the learnt filter would do without rules.
#[derive(Debug, Serialize)]
struct Alone {
    one_minus_roca_percent: f64,
    at_hm_0_1_percent: Point,
    at_hm_1_percent: Point,
}

/// Ham or spam.
#[derive(Debug, Serialize)]
struct Kind<'a> {
    messages: usize,
    wrong: usize,
    wrong_percent: f64,
    paths: Vec<Group<'a>>,
    judged_wrong: Vec<Wrong<'a>>,
}

/// The messages of one path given.
#[derive(Debug, Serialize)]
struct Group<'a> {
    path: &'a str,
    messages: usize,
    wrong: usize,
    wrong_percent: f64,
}

#[derive(Debug, Serialize)]
struct Wrong<'a> {
    path: &'a str,
    score: f64,
    rules: Vec<&'a str>,
}

/// Times of decoding and judging a message, in microseconds.
#[derive(Debug, Serialize)]
struct Micros {
    mean: f64,
    p50: u64,
    p99: u64,
    max: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(filter: &Filter, paths: &'a [String], judged: &'a [Judged]) -> Self {
        let thresholds = filter.thresholds();
        let of = |spam: bool| {
            let all = judged.iter().filter(move |message| message.spam == spam);
            all.map(|message| message.score).collect()
        };
        let scores = Scores::new(of(false), of(true));
        let mut table: Vec<f64> = THRESHOLDS.to_vec();
        if !table.contains(&thresholds.tag_at) {
            table.push(thresholds.tag_at);
            table.sort_by(f64::total_cmp);
        }
        let kind = |spam: bool| {
            let wrong = |message: &&Judged| thresholds.is_spam(message.score) != spam;
            let all: Vec<&Judged> = judged.iter().filter(|it| it.spam == spam).collect();
            let groups = paths.iter().enumerate().filter_map(|(group, path)| {
                let within: Vec<&Judged> =
                    all.iter().filter(|it| it.group == group).copied().collect();
                let wrong = within.iter().copied().filter(wrong).count();
                (!within.is_empty()).then(|| Group {
                    path,
                    messages: within.len(),
                    wrong,
                    wrong_percent: percent(wrong, within.len()),
                })
            });
            let judged_wrong: Vec<Wrong<'_>> = all
                .iter()
                .copied()
                .filter(wrong)
                .map(|message| Wrong {
                    path: &message.path,
                    score: message.score,
                    rules: message.hits.iter().map(|(id, _)| &**id).collect(),
                })
                .collect();
            Kind {
                messages: all.len(),
                wrong: judged_wrong.len(),
                wrong_percent: percent(judged_wrong.len(), all.len()),
                paths: groups.collect(),
                judged_wrong,
            }
        };
        let alone = |spam: bool| {
            let all = judged.iter().filter(move |message| message.spam == spam);
            all.filter_map(|message| message.log_odds).collect()
        };
        let alone = Scores::new(alone(false), alone(true));
        let classifier = judged.iter().any(|message| message.log_odds.is_some());
        let classifier = classifier.then(|| Alone {
            one_minus_roca_percent: alone.one_minus_roca_percent(),
            at_hm_0_1_percent: alone.within(0.1),
            at_hm_1_percent: alone.within(1.0),
        });
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
            classifier,
            megabytes_per_second: if seconds > 0.0 {
                bytes as f64 / 1e6 / seconds
            } else {
                0.0
            },
            micros,
            rules: rule_figures::figures(filter.scores(), judged, thresholds),
        }
    }

    /// One JSON object and a line end; a threshold that no score reaches is null.
    pub(super) fn json(&self) -> String {
        // Texts and numbers have no way to fail.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Tables; with `all` every rule and every message judged wrong.
    pub(super) fn text(&self, all: bool) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{:>9} {:>7} {:>8}", "messages", "wrong", "wrong %");
        for (name, kind) in [("ham", &self.ham), ("spam", &self.spam)] {
            for group in &kind.paths {
                let Group { path, .. } = group;
                row(
                    &mut out,
                    group.messages,
                    group.wrong,
                    &format!("{name} {}", harmless(path)),
                );
            }
            if kind.paths.len() > 1 {
                row(&mut out, kind.messages, kind.wrong, &format!("all {name}"));
            }
        }
        let _ = writeln!(
            out,
            "\nat the threshold of {}: hm % {:.3} (ham judged spam), sm % {:.3} (spam judged ham)",
            self.tag_at, self.ham.wrong_percent, self.spam.wrong_percent
        );
        let _ = writeln!(out, "1-ROCA % {:.4}", self.one_minus_roca_percent);
        for (hm, point) in [("0.1", self.at_hm_0_1_percent), ("1", self.at_hm_1_percent)] {
            let _ = write!(out, "sm % at hm {hm} %: {:.3}", point.sm_percent);
            let _ = match point.tag_at.is_finite() {
                true => writeln!(out, " (from a score of {:.3})", point.tag_at),
                false => writeln!(out),
            };
        }
        if let Some(alone) = &self.classifier {
            let _ = writeln!(
                out,
                "the learnt filter alone: 1-ROCA % {:.4}, sm % at hm 0.1 %: {:.3}, at 1 %: {:.3}",
                alone.one_minus_roca_percent,
                alone.at_hm_0_1_percent.sm_percent,
                alone.at_hm_1_percent.sm_percent
            );
        }
        let Micros {
            mean,
            p50,
            p99,
            max,
        } = self.micros;
        let _ = writeln!(
            out,
            "time a message: mean {mean:.0} \u{b5}s, median {p50}, 99 % below {p99}, longest {max}; \
             {:.0} MB/s",
            self.megabytes_per_second
        );
        let _ = writeln!(out, "\n{:>9} {:>8} {:>8}", "threshold", "hm %", "sm %");
        for point in &self.thresholds {
            let mark = if point.tag_at == self.tag_at {
                " <"
            } else {
                ""
            };
            let Point {
                tag_at,
                hm_percent,
                sm_percent,
            } = point;
            let _ = writeln!(
                out,
                "{tag_at:>9.1} {hm_percent:>8.3} {sm_percent:>8.3}{mark}"
            );
        }
        self.rules_text(&mut out, all);
        self.wrong_text(&mut out, all);
        out
    }

    fn rules_text(&self, out: &mut String, all: bool) {
        let hit = self.rules.iter().filter(|rule| rule.ham + rule.spam > 0);
        let useful: Vec<_> = if all {
            hit.collect()
        } else {
            hit.filter(|rule| rule.catches > 0).take(SHOWN).collect()
        };
        table(out, "most useful rules", &useful);
        let mut harmful: Vec<_> = self.rules.iter().filter(|rule| rule.costs > 0).collect();
        harmful.sort_by_key(|rule| std::cmp::Reverse((rule.costs, rule.ham)));
        if !all {
            harmful.truncate(SHOWN);
        }
        table(out, "most harmful rules", &harmful);
        let silent: Vec<&str> = self
            .rules
            .iter()
            .filter(|rule| rule.ham + rule.spam == 0)
            .map(|rule| &*rule.id)
            .collect();
        let _ = writeln!(
            out,
            "\n{} of {} rules hit nothing",
            silent.len(),
            self.rules.len()
        );
        if all && !silent.is_empty() {
            let _ = writeln!(out, "  {}", silent.join("\n  "));
        }
    }

    fn wrong_text(&self, out: &mut String, all: bool) {
        for (title, kind, shown) in [
            ("ham judged spam", &self.ham, SHOWN),
            ("spam judged ham", &self.spam, 0),
        ] {
            let shown = if all { usize::MAX } else { shown };
            let wrong = &kind.judged_wrong;
            if wrong.is_empty() || shown == 0 {
                continue;
            }
            let _ = writeln!(out, "\n{title}");
            for message in wrong.iter().take(shown) {
                let Wrong { path, score, rules } = message;
                let _ = writeln!(out, "{score:>8.1}  {}: {}", harmless(path), rules.join(" "));
            }
            if let Some(more) = wrong.len().checked_sub(shown).filter(|more| *more > 0) {
                let _ = writeln!(out, "{:>8}  and {more} more (--all names them)", "");
            }
        }
    }
}

fn row(out: &mut String, messages: usize, wrong: usize, name: &str) {
    let share = percent(wrong, messages);
    let _ = writeln!(out, "{messages:>9} {wrong:>7} {share:>8.3}  {name}");
}

fn table(out: &mut String, title: &str, rules: &[&RuleFigures]) {
    if rules.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:>6} {:>7} {:>7} {:>7} {:>7} {:>9} {:>8} {:>6}  {title}",
        "score", "ham", "ham %", "spam", "spam %", "precision", "catches", "costs"
    );
    for rule in rules {
        let precision = rule
            .precision_percent
            .map_or_else(String::new, |precision| format!("{precision:.1}"));
        let _ = writeln!(
            out,
            "{:>6.1} {:>7} {:>7.3} {:>7} {:>7.3} {precision:>9} {:>8} {:>6}  {}",
            rule.score,
            rule.ham,
            rule.ham_percent,
            rule.spam,
            rule.spam_percent,
            rule.catches,
            rule.costs,
            rule.id
        );
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
