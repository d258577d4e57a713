//! The cost of each rule: its run time on sample text.
//!
//! In: rules and sample messages; out: microseconds per KiB of the text that each rule searches. A
//! rule is measured alone, on the samples and on text made to trigger its regex again and
//! again; the higher cost of both counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::filter::context::Context;
use crate::filter::message_view::MessageView;
use crate::filter::place::Place;
use crate::filter::rule::{ExampleText, Rule, Test};
use crate::filter::rule_matches::RuleMatches;
use crate::filter::rules::RuleSet;
use crate::filter::scan::Scanner;
use crate::filter::stopwatch::{Clock, Stopwatch};
use crate::filter::thresholds::Thresholds;
use crate::filter::{Filter, examples};
use crate::message::{Content, Headers, Wanted, Work};

/// Enough text of a place to measure with.
const ENOUGH: usize = 128 << 10;

/// Size of the text made to trigger a regex.
const WAKING: usize = 16 << 10;

/// A shorter text counts as this long: the fixed cost of a search is not the rule's fault.
const SHORT: usize = 64;

/// The fastest of so many runs counts; the others were disturbed.
const RUNS: usize = 3;

/// A rule's cost.
#[derive(Debug, Clone)]
pub struct Cost {
    /// The rule.
    pub rule: Arc<str>,
    /// Microseconds per KiB of the text that it searches.
    pub micros_per_kib: f64,
}

/// The cost of each rule that searches text or tests a fact, most expensive first.
pub fn measure(rules: &RuleSet, samples: &[Vec<u8>], clock: Clock) -> Vec<Cost> {
    let mut examples = Vec::new();
    for rule in rules.iter() {
        let both = rule.examples.hit.iter().chain(&rule.examples.miss);
        examples.extend(both.map(|example| examples::message(rule, &example.text)));
    }
    let all = Wanted {
        text: true,
        source: true,
        parts: true,
        files: true,
        ..wanted(rules)
    };
    let opened: Vec<_> = samples
        .iter()
        .chain(&examples)
        .map(|raw| {
            (
                raw.as_slice(),
                Headers::of(raw),
                Content::of(raw, all, &endless()),
            )
        })
        .collect();
    let (work, nobody) = (endless(), Context::default());
    let mails: Vec<MessageView<'_>> = opened
        .iter()
        .map(|(raw, headers, content)| {
            let (lists, brands) = (rules.lists(), rules.brands());
            MessageView::new(raw, headers, content, lists, brands, &nobody, &work)
        })
        .collect();
    let mut texts: HashMap<&Place, Vec<String>> = HashMap::new();
    let mut costs = Vec::new();
    for rule in rules.iter() {
        let mut slowest: Option<f64> = None;
        if let Test::Fact(fact, _) = &rule.test {
            // A first run computes what facts share.
            let whole: usize = mails.iter().map(|mail| mail.raw.len()).sum();
            let run = || mails.iter().for_each(|mail| drop(fact.of(mail)));
            run();
            slowest = Some(per_kib(run, whole, clock));
        }
        for place in &rule.places {
            let sample = texts.entry(place).or_insert_with(|| enough(place, &mails));
            let Ok(scanner) = Scanner::new(place.clone(), &[(0, rule, 0)], rules.lists()) else {
                continue;
            };
            for text in [sample.as_slice(), &[waking(rule)]] {
                let length = text.iter().map(|text| text.len().max(SHORT)).sum();
                let cost = per_kib(|| scan(rule, &scanner, text), length, clock);
                slowest = Some(slowest.unwrap_or(0.0).max(cost));
            }
        }
        costs.extend(slowest.map(|micros_per_kib| Cost {
            rule: rule.id.clone(),
            micros_per_kib,
        }));
    }
    costs.sort_by(|a, b| b.micros_per_kib.total_cmp(&a.micros_per_kib));
    costs
}

/// A budget that no sample uses up.
fn endless() -> Work<'static> {
    Work::new(u64::MAX)
}

/// What the rules of a set need of a message.
fn wanted(rules: &RuleSet) -> Wanted {
    let mut wanted = Wanted::default();
    for place in rules.iter().flat_map(|rule| &rule.places) {
        place.want(&mut wanted);
    }
    wanted
}

/// Texts of a place, until there are enough.
fn enough(place: &Place, mails: &[MessageView<'_>]) -> Vec<String> {
    let mut all = Vec::new();
    let mut length = 0;
    for mail in mails {
        for text in mail.texts(place) {
            length += text.len();
            all.push(text.into_owned());
        }
        if length >= ENOUGH {
            break;
        }
    }
    all
}

/// Text that triggers a rule's regex all the time but, if its examples are good, never hits.
fn waking(rule: &Rule) -> String {
    let mut piece = String::new();
    if let Test::Regex(pattern) = &rule.test {
        for literal in &pattern.literals {
            piece.push_str(&String::from_utf8_lossy(literal));
            piece.push(' ');
        }
    }
    for example in &rule.examples.miss {
        if let ExampleText::Value(text) = &example.text {
            piece.push_str(text);
            piece.push(' ');
        }
    }
    if piece.is_empty() {
        piece.push('a');
    }
    piece.repeat(WAKING / piece.len() + 1)
}

fn scan(rule: &Rule, scanner: &Scanner, texts: &[String]) {
    let phrases = match &rule.test {
        Test::Phrases(list) => list.len(),
        _ => 0,
    };
    for text in texts {
        // New matches each time: a rule that has hit enough is skipped.
        let mut matches = RuleMatches::new(1, phrases);
        scanner.scan(std::iter::once(text.as_str()), &mut matches, &endless());
    }
}

fn per_kib(run: impl Fn(), bytes: usize, clock: Clock) -> f64 {
    let mut quickest = Duration::MAX;
    for _ in 0..RUNS {
        let mut stopwatch = Stopwatch::start(Some(clock));
        run();
        quickest = quickest.min(stopwatch.lap());
    }
    quickest.as_secs_f64() * 1e6 / (bytes.max(1) as f64 / 1024.0)
}

/// Pairs of rules that hit exactly the same messages, with their number.
pub fn twins(rules: &RuleSet, samples: &[Vec<u8>]) -> Vec<(Arc<str>, Arc<str>, usize)> {
    /// Fewer messages may be coincidence.
    const FEWEST: usize = 5;
    let thresholds = Thresholds {
        tag_at: f64::MAX,
        drop_at: None,
    };
    let Ok(filter) = Filter::new(rules.clone(), thresholds) else {
        return Vec::new();
    };
    let mut hits: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
    for (number, raw) in samples.iter().enumerate() {
        for hit in filter.judge(raw).hits {
            hits.entry(hit.rule).or_default().push(number);
        }
    }
    let mut by_messages: HashMap<Vec<usize>, Vec<Arc<str>>> = HashMap::new();
    for (rule, messages) in hits {
        if messages.len() >= FEWEST {
            by_messages.entry(messages).or_default().push(rule);
        }
    }
    let mut pairs = Vec::new();
    for (messages, mut rules) in by_messages {
        rules.sort();
        for pair in rules.windows(2) {
            pairs.push((pair[0].clone(), pair[1].clone(), messages.len()));
        }
    }
    pairs.sort();
    pairs
}
