//! The figures of `eval` as tables for people.

use std::fmt::Write;

use crate::cli::terminal::harmless;
use crate::learn::figures::{Figures, Group, Micros, Wrong};
use crate::learn::roc::{Point, percent};
use crate::learn::rule_figures::RuleFigures;

/// Rules and messages that are named without `--all`.
const SHOWN: usize = 20;

/// Figures, and whether every rule and every message judged wrong is named.
pub(super) struct Tables<'t> {
    pub(super) figures: &'t Figures<'t>,
    pub(super) all: bool,
}

impl Tables<'_> {
    /// Tables; with `all` every rule and every message judged wrong.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{:>9} {:>7} {:>8}", "messages", "wrong", "wrong %");
        for (name, kind) in [("ham", &self.figures.ham), ("spam", &self.figures.spam)] {
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
            self.figures.tag_at, self.figures.ham.wrong_percent, self.figures.spam.wrong_percent
        );
        let _ = writeln!(out, "1-ROCA % {:.4}", self.figures.one_minus_roca_percent);
        for (hm, point) in [
            ("0.1", self.figures.at_hm_0_1_percent),
            ("1", self.figures.at_hm_1_percent),
        ] {
            let _ = write!(out, "sm % at hm {hm} %: {:.3}", point.sm_percent);
            let _ = match point.tag_at.is_finite() {
                true => writeln!(out, " (from a score of {:.3})", point.tag_at),
                false => writeln!(out),
            };
        }
        if let Some(alone) = &self.figures.classifier {
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
        } = self.figures.micros;
        let _ = writeln!(
            out,
            "time a message: mean {mean:.0} \u{b5}s, median {p50}, 99 % below {p99}, longest {max}; \
             {:.0} MB/s",
            self.figures.megabytes_per_second
        );
        let _ = writeln!(out, "\n{:>9} {:>8} {:>8}", "threshold", "hm %", "sm %");
        for point in &self.figures.thresholds {
            let mark = if point.tag_at == self.figures.tag_at {
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
        self.rules(&mut out);
        self.wrong(&mut out);
        out
    }

    fn rules(&self, out: &mut String) {
        let (all, rules) = (self.all, &self.figures.rules);
        let hit = rules.iter().filter(|rule| rule.ham + rule.spam > 0);
        let useful: Vec<_> = if all {
            hit.collect()
        } else {
            hit.filter(|rule| rule.catches > 0).take(SHOWN).collect()
        };
        table(out, "most useful rules", &useful);
        let mut harmful: Vec<_> = rules.iter().filter(|rule| rule.costs > 0).collect();
        harmful.sort_by_key(|rule| std::cmp::Reverse((rule.costs, rule.ham)));
        if !all {
            harmful.truncate(SHOWN);
        }
        table(out, "most harmful rules", &harmful);
        let silent: Vec<&str> = rules
            .iter()
            .filter(|rule| rule.ham + rule.spam == 0)
            .map(|rule| &*rule.id)
            .collect();
        let _ = writeln!(
            out,
            "\n{} of {} rules hit nothing",
            silent.len(),
            rules.len()
        );
        if all && !silent.is_empty() {
            let _ = writeln!(out, "  {}", silent.join("\n  "));
        }
    }

    fn wrong(&self, out: &mut String) {
        let all = self.all;
        for (title, kind, shown) in [
            ("ham judged spam", &self.figures.ham, SHOWN),
            ("spam judged ham", &self.figures.spam, 0),
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
