//! Whole messages with the tricks of spam, and honest ones that look like these: each `verdicts/NAME.eml` is judged as
//! its `NAME.txt` says.
//!
//! The first line of `NAME.txt` is `spam` (5 points or more) or `ham` (under 3); then come rules that hit (`+RULE`) and
//! rules that do not (`-RULE`).

#![allow(clippy::expect_used)]

use std::fs;

use popgate::filter::{Filter, RuleSet, Thresholds};

use crate::support::messages_in;

#[test]
fn messages_are_judged_as_people_judge_them() {
    let paths = messages_in("verdicts");
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let rules = RuleSet::stock().expect("the stock rules");
    let filter = Filter::new(rules, thresholds).expect("a filter");
    let mut wrong = Vec::new();
    for path in paths {
        let raw = fs::read(&path).expect("a message");
        let expected = fs::read_to_string(path.with_extension("txt")).expect("an expectation");
        let verdict = filter.judge(&raw);
        let name = path.file_stem().expect("a name").to_string_lossy();
        let mut lines = expected.lines();
        let is_right = match lines.next() {
            Some("spam") => verdict.score >= 5.0,
            Some("ham") => verdict.score < 3.0,
            other => panic!("{name}: neither spam nor ham, but {other:?}"),
        };
        let hits: Vec<String> = verdict
            .hits
            .iter()
            .map(|hit| hit.rule.to_string())
            .collect();
        let is_met = |line: &str| match line.split_at(1) {
            ("+", rule) => hits.iter().any(|hit| hit == rule),
            ("-", rule) => !hits.iter().any(|hit| hit == rule),
            _ => panic!("{name}: {line}"),
        };
        let unmet: Vec<_> = lines.filter(|line| !is_met(line)).collect();
        if !is_right || !unmet.is_empty() {
            wrong.push(format!(
                "{name}: {:.1} points, not met {unmet:?}, hits {hits:?}",
                verdict.score
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
