//! `popgate rules list`: every active rule, as a table or as JSON.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::exit::{Ended, Exit};
use crate::cli::table::{Cell, Fit, Table};
use crate::cli::terminal::{self, harmless};
use crate::filter::ChangedRule;
use crate::filter::rule::Rule;
use crate::rule_folder::RuleTexts;

/// Flags of `rules list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// A folder of own rules; without it the stock rules are listed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Without a folder of own rules: lay what was changed in the console over the stock, from this data directory
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object per rule and line
    #[arg(long)]
    json: bool,
    /// List only rules with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    score: f64,
    description: &'a str,
    #[serde(rename = "where")]
    places: Vec<String>,
    tags: &'a [String],
    expires: Option<String>,
    /// What it adds without what was changed in the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    score_before: Option<f64>,
    file: &'a str,
    line: usize,
}

impl<'a> Line<'a> {
    fn new(rule: &'a Rule, changed: &[ChangedRule]) -> Self {
        let before = changed.iter().find(|it| it.id == rule.id);
        Self {
            id: &rule.id,
            score: rule.score,
            description: &rule.description,
            places: rule.places.iter().map(ToString::to_string).collect(),
            tags: &rule.tags,
            expires: rule.expires.map(|day| day.to_string()),
            score_before: before.map(|it| it.before),
            file: &rule.file,
            line: rule.line,
        }
    }

    /// Score, name and all else as cells of a table.
    fn cells(&self) -> [Cell; 3] {
        let score = match self.score {
            0.0 => "part".to_owned(),
            score => format!("{score:.1}"),
        };
        let mut text = harmless(self.description);
        if !self.tags.is_empty() {
            text.push_str(&format!(" [{}]", harmless(&self.tags.join(", "))));
        }
        if let Some(day) = &self.expires {
            text.push_str(&format!(" (until {day})"));
        }
        if let Some(before) = self.score_before {
            text.push_str(&format!(" (changed in the console, was {before:.1})"));
        }
        text.push_str(&format!("  {}:{}", harmless(self.file), self.line));
        [score.into(), self.id.into(), text.into()]
    }
}

/// Lists.
pub(in crate::cli) fn run(args: &ListArgs) -> Ended {
    let data_dir = args.data_dir.clone().unwrap_or_default();
    let rules = RuleTexts::of(args.folder.as_deref(), &data_dir)?.into_rules()?;
    let has_tag = |rule: &&Rule| args.tag.as_ref().is_none_or(|tag| rule.tags.contains(tag));
    let lines = rules
        .iter()
        .filter(has_tag)
        .map(|rule| Line::new(rule, rules.changed()));
    let text = match args.json {
        // Texts and finite numbers have no way to fail.
        true => lines
            .map(|line| serde_json::to_string(&line).unwrap_or_default() + "\n")
            .collect(),
        false => {
            let mut table = Table::new([("", Fit::Right), ("", Fit::Left), ("", Fit::Wrapped)]);
            lines.for_each(|line| table.row(line.cells()));
            table.render(terminal::width())
        }
    };
    let off = rules.changed().iter().filter(|it| it.score.is_none());
    for rule in off {
        eprintln!(
            "switched off in the console: {} ({:.1})",
            rule.id, rule.before
        );
    }
    terminal::stdout(args.json).write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}
