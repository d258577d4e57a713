//! The figures of `eval` as tables for people.

use std::fmt::Write;

use crate::cli::table::{Cell, Fit, Table};
use crate::cli::terminal::{HEADING, NOTE, harmless, styled, width, wrapped};
use crate::learn::figures::{Figures, Kind, Micros, Wrong};
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
    /// The text, its lines wrapped to the terminal.
    pub(super) fn text(&self) -> String {
        let mut out = self.groups().render(width());
        out.push('\n');
        for line in self.shares() {
            for line in wrapped(&line, width(), 2) {
                let _ = writeln!(out, "{line}");
            }
        }
        out.push('\n');
        out.push_str(&self.thresholds().render(width()));
        self.rules(&mut out);
        self.wrong(&mut out);
        out
    }

    /// Mistakes by the paths given.
    fn groups(&self) -> Table {
        let mut table = Table::new([
            ("messages", Fit::Right),
            ("wrong", Fit::Right),
            ("wrong %", Fit::Right),
            ("", Fit::Wrapped),
        ]);
        let mut row = |messages: usize, wrong: usize, name: String| {
            let share = percent(wrong, messages);
            table.row([
                messages.to_string().into(),
                wrong.to_string().into(),
                format!("{share:.3}").into(),
                name.into(),
            ]);
        };
        for (name, kind) in self.kinds() {
            for group in &kind.paths {
                let path = harmless(group.path);
                row(group.messages, group.wrong, format!("{name} {path}"));
            }
            if kind.paths.len() > 1 {
                row(kind.messages, kind.wrong, format!("all {name}"));
            }
        }
        table
    }

    fn kinds(&self) -> [(&'static str, &Kind<'_>); 2] {
        [("ham", &self.figures.ham), ("spam", &self.figures.spam)]
    }

    /// The figures that are one number each.
    fn shares(&self) -> Vec<String> {
        let Figures { ham, spam, .. } = self.figures;
        let mut lines = vec![
            format!(
                "at the threshold of {}: hm % {:.3} (ham judged spam), sm % {:.3} (spam judged ham)",
                self.figures.tag_at, ham.wrong_percent, spam.wrong_percent
            ),
            format!("1-ROCA % {:.4}", self.figures.one_minus_roca_percent),
        ];
        for (hm, point) in [
            ("0.1", self.figures.at_hm_0_1_percent),
            ("1", self.figures.at_hm_1_percent),
        ] {
            let from = match point.tag_at.is_finite() {
                true => format!(" (from a score of {:.3})", point.tag_at),
                false => String::new(),
            };
            lines.push(format!("sm % at hm {hm} %: {:.3}{from}", point.sm_percent));
        }
        if let Some(alone) = &self.figures.classifier {
            lines.push(format!(
                "the classifier alone: 1-ROCA % {:.4}, sm % at hm 0.1 %: {:.3}, at 1 %: {:.3}",
                alone.one_minus_roca_percent,
                alone.at_hm_0_1_percent.sm_percent,
                alone.at_hm_1_percent.sm_percent
            ));
        }
        let Micros {
            mean,
            p50,
            p99,
            max,
        } = self.figures.micros;
        lines.push(format!(
            "time a message: mean {mean:.0} \u{b5}s, median {p50}, 99 % below {p99}, longest {max}; \
             {:.0} MB/s",
            self.figures.megabytes_per_second
        ));
        lines
    }

    fn thresholds(&self) -> Table {
        let mut table = Table::new([
            ("threshold", Fit::Right),
            ("hm %", Fit::Right),
            ("sm %", Fit::Right),
            ("", Fit::Left),
        ]);
        for point in &self.figures.thresholds {
            let Point {
                tag_at,
                hm_percent,
                sm_percent,
            } = *point;
            let mark = match tag_at == self.figures.tag_at {
                true => Cell::from("<").style(NOTE),
                false => "".into(),
            };
            table.row([
                format!("{tag_at:.1}").into(),
                format!("{hm_percent:.3}").into(),
                format!("{sm_percent:.3}").into(),
                mark,
            ]);
        }
        table
    }

    fn rules(&self, out: &mut String) {
        let (all, rules) = (self.all, &self.figures.rules);
        let hit = rules.iter().filter(|rule| rule.ham + rule.spam > 0);
        let useful: Vec<_> = match all {
            true => hit.collect(),
            false => hit.filter(|rule| rule.catches > 0).take(SHOWN).collect(),
        };
        rule_table(out, "most useful rules", &useful);
        let mut harmful: Vec<_> = rules.iter().filter(|rule| rule.costs > 0).collect();
        harmful.sort_by_key(|rule| std::cmp::Reverse((rule.costs, rule.ham)));
        if !all {
            harmful.truncate(SHOWN);
        }
        rule_table(out, "most harmful rules", &harmful);
        let silent = rules.iter().filter(|rule| rule.ham + rule.spam == 0);
        let silent: Vec<&str> = silent.map(|rule| &*rule.id).collect();
        let (count, of) = (silent.len(), rules.len());
        let _ = writeln!(out, "\n{count} of {of} rules hit nothing");
        if all && !silent.is_empty() {
            let _ = writeln!(out, "  {}", silent.join("\n  "));
        }
    }

    fn wrong(&self, out: &mut String) {
        for (title, kind, shown) in [
            ("ham judged spam", &self.figures.ham, SHOWN),
            ("spam judged ham", &self.figures.spam, 0),
        ] {
            let shown = if self.all { usize::MAX } else { shown };
            let wrong = &kind.judged_wrong;
            if wrong.is_empty() || shown == 0 {
                continue;
            }
            let _ = writeln!(out, "\n{}", styled(HEADING, title));
            let mut table = Table::new([("", Fit::Right), ("", Fit::Wrapped)]);
            for Wrong { path, score, rules } in wrong.iter().take(shown) {
                let text = format!("{}: {}", harmless(path), rules.join(" "));
                table.row([format!("{score:.1}").into(), text.into()]);
            }
            if let Some(more) = wrong.len().checked_sub(shown).filter(|more| *more > 0) {
                let more = format!("and {more} more (--all names them)");
                table.row(["".into(), more.into()]);
            }
            out.push_str(&table.render(width()));
        }
    }
}

fn rule_table(out: &mut String, title: &str, rules: &[&RuleFigures]) {
    if rules.is_empty() {
        return;
    }
    let mut table = Table::new([
        ("score", Fit::Right),
        ("ham", Fit::Right),
        ("ham %", Fit::Right),
        ("spam", Fit::Right),
        ("spam %", Fit::Right),
        ("precision", Fit::Right),
        ("catches", Fit::Right),
        ("costs", Fit::Right),
        ("rule", Fit::Wrapped),
    ]);
    for rule in rules {
        let precision = rule.precision_percent;
        let precision = precision.map_or_else(String::new, |share| format!("{share:.1}"));
        table.row([
            format!("{:.1}", rule.score).into(),
            rule.ham.to_string().into(),
            format!("{:.3}", rule.ham_percent).into(),
            rule.spam.to_string().into(),
            format!("{:.3}", rule.spam_percent).into(),
            precision.into(),
            rule.catches.to_string().into(),
            rule.costs.to_string().into(),
            rule.id.as_str().into(),
        ]);
    }
    let _ = writeln!(out, "\n{}", styled(HEADING, title));
    out.push_str(&table.render(width()));
}
