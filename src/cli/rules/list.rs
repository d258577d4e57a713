//! `popgate rules list`: every rule in force, as a table or as JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::exit::{Ended, Exit};
use crate::cli::terminal::harmless;
use crate::filter::rule::Rule;

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

    fn text(&self) -> String {
        let score = match self.score {
            0.0 => "part".to_owned(),
            score => format!("{score:.1}"),
        };
        let Self { id, file, line, .. } = self;
        let mut text = format!("{score:>6}  {id:<28} {}", harmless(self.description));
        if !self.tags.is_empty() {
            text.push_str(&format!(" [{}]", harmless(&self.tags.join(", "))));
        }
        if let Some(day) = &self.expires {
            text.push_str(&format!(" (until {day})"));
        }
        format!("{text}  {}:{line}\n", harmless(file))
    }
}

/// Lists.
pub(in crate::cli) fn run(args: &ListArgs) -> Ended {
    let rules = super::load(args.folder.as_ref())?;
    let has_tag = |rule: &&Rule| args.tag.as_ref().is_none_or(|tag| rule.tags.contains(tag));
    let mut text = String::new();
    for rule in rules.iter().filter(has_tag) {
        let line = Line::new(rule);
        if args.json {
            // Texts and finite numbers have no way to fail.
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        } else {
            text.push_str(&line.text());
        }
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}
