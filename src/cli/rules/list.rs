//! `popgate rules list`: every active rule, as a table or as JSON.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::exit::{Ended, Exit};
use crate::cli::table::{Cell, Fit, Table};
use crate::cli::terminal::{self, harmless};
use crate::filter::rule::Rule;
use crate::rule_folder;

/// Flags of `rules list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// A folder of own rules; without it the stock rules are listed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
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
    file: &'a str,
    line: usize,
}

impl<'a> Line<'a> {
    fn new(rule: &'a Rule) -> Self {
        Self {
            id: &rule.id,
            score: rule.score,
            description: &rule.description,
            places: rule.places.iter().map(ToString::to_string).collect(),
            tags: &rule.tags,
            expires: rule.expires.map(|day| day.to_string()),
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
        text.push_str(&format!("  {}:{}", harmless(self.file), self.line));
        [score.into(), self.id.into(), text.into()]
    }
}

/// Lists.
pub(in crate::cli) fn run(args: &ListArgs) -> Ended {
    let rules = rule_folder::load(args.folder.as_deref())?;
    let has_tag = |rule: &&Rule| args.tag.as_ref().is_none_or(|tag| rule.tags.contains(tag));
    let lines = rules.iter().filter(has_tag).map(Line::new);
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
    terminal::stdout(args.json).write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}
