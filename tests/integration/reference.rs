//! rules/README.md: its tables match the code, and its examples pass.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use popgate::filter::{Filter, RuleSet, Thresholds, examples, facts};

fn reference() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/README.md");
    fs::read_to_string(path).unwrap()
}

/// The first and the last cell of each row of a table whose first column is code.
fn rows(section: &str) -> Vec<(String, String)> {
    let text = reference();
    let begin = text.find(section).expect("the section");
    let table = text[begin..].split("\n#").next().unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').collect();
            let name = cells[0].trim().trim_matches('`').to_owned();
            (name, cells.last().unwrap().trim().to_owned())
        })
        .collect()
}

#[test]
fn the_table_of_facts_is_complete() {
    let mut expected: Vec<_> = facts::all()
        .map(|fact| (fact.name.to_owned(), fact.about.to_owned()))
        .collect();
    expected.sort();
    let table: Vec<_> = expected
        .iter()
        .map(|(name, about)| format!("| `{name}` | {about} |"))
        .collect();
    assert_eq!(rows("## Facts"), expected, "write:\n{}", table.join("\n"));
}

#[test]
fn the_table_of_lists_is_complete() {
    let stock = RuleSet::stock().unwrap();
    let mut expected: Vec<String> = stock
        .lists()
        .iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    expected.push("brands".to_owned());
    expected.sort();
    let found: Vec<String> = rows("## Lists").into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_place_in_the_reference_is_valid() {
    for (place, _) in rows("## Places") {
        for place in place.split("`, `") {
            let place = place.replace("NAME", "X-Test");
            let rule = format!(
                "[[rule]]\nid = \"RULE\"\ndescription = \"d\"\nscore = 1\nwhere = \"{place}\"\nregex = 'a'\n"
            );
            let read = RuleSet::parse([("a.toml".to_owned(), rule)]);
            assert!(read.is_ok(), "{place}: {:?}", read.err());
        }
    }
}

#[test]
fn every_example_in_the_reference_parses_and_passes() {
    let text = reference();
    let blocks: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 8, "{} examples", blocks.len());
    for block in blocks {
        let file = ("example.toml".to_owned(), block.to_owned());
        let set = RuleSet::over_stock(&[file], &[]);
        let set = set.unwrap_or_else(|problems| panic!("{block}\n{problems:?}"));
        let wrong = examples::check(&set);
        assert!(wrong.is_empty(), "{block}\n{wrong:?}");
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        assert!(Filter::new(set, thresholds).is_ok());
    }
}
