//! `popgate rules check`: whether rules do what they say, and what they cost.
//!
//! In: a folder of rules, or the stock; out: every mistake, each example that fails, rules
//! that overlap, have expired, lack examples or are slow, and the slowest of all. Overlaps and
//! missing examples of the stock rules are reported only where the stock itself is checked.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use crate::cli::exit::{Ended, Exit};
use crate::cli::terminal::{harmless, harmless_lines, report_unreadable};
use crate::demo::mail;
use crate::filter::rule::Rule;
use crate::filter::{RuleSet, cost, examples, overlap};
use crate::learn::corpus::{self, CorpusError};
use crate::rule_folder;

/// A rule that takes longer is named: at 20 µs per KiB a page of 50 KiB costs a millisecond.
const SLOW_MICROS: f64 = 20.0;

/// The number of most expensive rules, and of shared words, that are always printed.
const SLOWEST: usize = 3;

/// Of a sample so much is looked at.
const SAMPLE_LIMIT: usize = 512 << 10;

/// Flags of `rules check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A folder of own rules; without it the stock rules are checked
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measure on this mail, too, and name rules that hit the same of it
    #[arg(long, num_args = 1.., value_name = "PATH")]
    mail: Vec<PathBuf>,
}

/// Checks.
pub(in crate::cli) fn run(args: &CheckArgs) -> Ended {
    let rules = rule_folder::load(args.folder.as_deref())?;
    let Some(given) = samples(&args.mail) else {
        return Ok(Exit::Failure);
    };
    let wrong = examples::check(&rules);
    for problem in &wrong {
        eprintln!("{}", harmless_lines(&problem.to_string()));
    }
    let own = Own::new(&rules, args.folder.is_some());
    expired(&own);
    bare(&own);
    overlaps(&rules, &own, &given);
    let mut samples: Vec<Vec<u8>> = mail::samples()
        .into_iter()
        .map(|sample| sample.bytes.to_vec())
        .collect();
    samples.extend(given);
    let costs = cost::measure(&rules, &samples, Instant::now);
    for cost in costs
        .iter()
        .filter(|cost| cost.micros_per_kib > SLOW_MICROS)
    {
        let at = rules.iter().find(|rule| rule.id == cost.rule);
        println!(
            "slow: {} takes {:.1} \u{b5}s per KiB of what it looks at{}; begin its regex with fixed \
             letters, or bound its repetitions",
            cost.rule,
            cost.micros_per_kib,
            at.map_or_else(String::new, |rule| format!(
                " ({}:{})",
                rule.file, rule.line
            ))
        );
    }
    let slowest: Vec<String> = costs
        .iter()
        .take(SLOWEST)
        .map(|cost| format!("{} {:.1}", cost.rule, cost.micros_per_kib))
        .collect();
    let count: usize = rules
        .iter()
        .map(|rule| rule.examples.hit.len() + rule.examples.miss.len())
        .sum();
    let came = match wrong.len() {
        0 => "all pass".to_owned(),
        wrong => format!("{wrong} failed"),
    };
    println!(
        "{} rules{}, {count} examples, {came}; slowest, in \u{b5}s per KiB: {}",
        rules.len(),
        own.counted(),
        slowest.join(", ")
    );
    Ok(match wrong.is_empty() {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

/// The messages below the paths; `None` if some cannot be read, which is said.
fn samples(paths: &[PathBuf]) -> Option<Vec<Vec<u8>>> {
    let (files, mut unread) = corpus::expand(paths);
    let mut samples = Vec::new();
    for file in files {
        let read = corpus::read(&file, SAMPLE_LIMIT, &mut |message| {
            samples.push(message.raw);
            true
        });
        unread.extend(read.err());
    }
    unread.iter().for_each(report_unreadable);
    unread
        .iter()
        .all(CorpusError::is_skipped)
        .then_some(samples)
}

/// The rules being checked, without the stock rules below them.
struct Own<'r> {
    rules: Vec<&'r Rule>,
    beneath: usize,
}

impl<'r> Own<'r> {
    fn new(all: &'r RuleSet, is_folder: bool) -> Self {
        let stock = RuleSet::stock().unwrap_or_default();
        let is_stock = |rule: &Rule| {
            let same = |it: &Rule| (&it.id, &it.file, it.line) == (&rule.id, &rule.file, rule.line);
            is_folder && stock.iter().any(same)
        };
        let rules: Vec<_> = all.iter().filter(|rule| !is_stock(rule)).collect();
        Self {
            beneath: all.len() - rules.len(),
            rules,
        }
    }

    fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| &*rule.id == id)
    }

    fn counted(&self) -> String {
        match self.beneath {
            0 => String::new(),
            _ => format!(" ({} of your own)", self.rules.len()),
        }
    }
}

fn expired(own: &Own<'_>) {
    let today = rule_folder::today();
    for rule in &own.rules {
        if let Some(day) = rule.expires.filter(|day| *day <= today) {
            println!(
                "expired: {} ({}:{}) hits nothing since {day}; remove it or give it a later day",
                rule.id, rule.file, rule.line
            );
        }
    }
}

fn bare(own: &Own<'_>) {
    for rule in &own.rules {
        let lacks = match (rule.examples.hit.is_empty(), rule.examples.miss.is_empty()) {
            (true, true) => "examples",
            (true, false) => "an example that hits",
            (false, true) => "an example that misses",
            (false, false) => continue,
        };
        println!(
            "unproved: {} ({}:{}) lacks {lacks}",
            rule.id, rule.file, rule.line
        );
    }
}

/// The first few.
fn some(texts: &[String]) -> String {
    match texts.len().checked_sub(SLOWEST) {
        Some(more) if more > 1 => format!("{} and {more} more", texts[..SLOWEST].join(", ")),
        _ => texts.join(", "),
    }
}

fn overlaps(rules: &RuleSet, own: &Own<'_>, mail: &[Vec<u8>]) {
    for overlap in overlap::find(rules) {
        if own.has(&overlap.rule) || own.has(&overlap.other) {
            println!(
                "overlap: {} and {} both look for {} in {}; a message pays twice",
                overlap.rule,
                overlap.other,
                harmless(&some(&overlap.shared)),
                overlap.place
            );
        }
    }
    for (one, other, count) in cost::twins(rules, mail) {
        if own.has(&one) || own.has(&other) {
            println!("overlap: {one} and {other} hit the same {count} messages, and no other");
        }
    }
}
