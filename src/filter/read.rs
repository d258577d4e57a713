//! Rule files: their exact shape.
//!
//! In: the text of a file; out: its rules, and a problem for each mistake, with line and key and
//! what to write instead. A rule with a mistake is left out, and the caller refuses the file.

use std::collections::HashMap;
use std::sync::Arc;

use toml::de::DeTable;

use crate::filter::examples;
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;
use crate::filter::rules::{Rule, Test};
use crate::message::fold::folded;
use crate::schema::{Problem, Report, Section};

/// The kinds of tests; a rule has exactly one.
const TESTS: [&str; 5] = ["words", "phrases", "regex", "exists", "missing"];

/// A sum of scores stays readable, and one rule cannot be made infinite.
const SCORE_LIMIT: f64 = 100.0;

/// Matches counted: finding n of them may take n times the text.
const COUNT_LIMIT: i64 = 100;

/// Reads one file; `seen` says where each id was first taken.
pub(crate) fn file(
    name: &str,
    text: &str,
    seen: &mut HashMap<String, String>,
    rules: &mut Vec<Rule>,
) -> Vec<Problem> {
    let report = Report::new(name, text);
    let table = report.parse();
    let mut top = Section::top(&report, &table);
    let file: Arc<str> = name.into();
    for (number, section) in top.sections("rule").into_iter().enumerate() {
        let line = 1 + text
            .as_bytes()
            .iter()
            .take(section.at())
            .filter(|byte| **byte == b'\n')
            .count();
        let source = Source {
            report: &report,
            text,
            table: rule_table(table.get_ref(), number),
            file: file.clone(),
            line,
        };
        rules.extend(rule(section, &source, seen));
    }
    top.finish();
    report.into_problems()
}

fn rule_table<'a, 't>(top: &'a DeTable<'t>, number: usize) -> Option<&'a DeTable<'t>> {
    let rules = top.get("rule")?.get_ref().as_array()?;
    rules.get(number)?.get_ref().as_table()
}

/// A rule as it stands in its file.
pub(crate) struct Source<'a, 't> {
    pub(crate) report: &'a Report<'t>,
    pub(crate) text: &'t str,
    pub(crate) table: Option<&'a DeTable<'t>>,
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
}

fn rule(
    mut section: Section<'_, '_>,
    source: &Source<'_, '_>,
    seen: &mut HashMap<String, String>,
) -> Option<Rule> {
    let id = section.parsed("id", |id| rule_id(id).map(str::to_owned));
    if !section.has("id") {
        section.wrong("has no id; write id = \"SOME_NAME\"");
    }
    if let Some(id) = &id {
        section.rename(format!("rule {id}"));
        let here = format!("{}:{}", source.file, source.line);
        match seen.get(id) {
            Some(first) => section.problem("id", format!("is taken by {first}; choose another")),
            None => {
                seen.insert(id.clone(), here);
            }
        }
    }
    let description = section.parsed("description", |text| match folded(text) {
        empty if empty.is_empty() => {
            Err("is empty; say in one sentence what a hit means".to_owned())
        }
        text => Ok(text),
    });
    let score = section.number("score").filter(|score| {
        let fine = score.is_finite() && score.abs() <= SCORE_LIMIT;
        if !fine {
            section.problem(
                "score",
                format!("must be from -{SCORE_LIMIT} to {SCORE_LIMIT}"),
            );
        }
        fine
    });
    let place = section.parsed("where", Place::parse);
    for (key, fix) in [
        ("description", "say in one sentence what a hit means"),
        ("score", "write what a hit adds, such as score = 1.5"),
        ("where", "write where to look, such as where = \"subject\""),
    ] {
        if !section.has(key) {
            section.wrong(format!("has no {key}; {fix}"));
        }
    }
    let looks_for = test(&mut section, place.as_ref());
    let at_least = count(&mut section, looks_for.as_ref());
    let enabled = section.boolean("enabled");
    let examples = examples::read(&mut section, source);
    let disabled = enabled == Some(false);
    section.finish();
    if disabled {
        return None;
    }
    Some(Rule {
        id: id?.into(),
        description: description?.into(),
        score: score?,
        place: place?,
        test: looks_for?,
        at_least: at_least?,
        examples,
        file: source.file.clone(),
        line: source.line,
    })
}

fn rule_id(id: &str) -> Result<&str, String> {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = id.starts_with(|letter: char| letter.is_ascii_uppercase());
    // The id stands in a header and a metric's label, hence its letters and its length.
    if !begins || !id.bytes().all(known) || !(3..=64).contains(&id.len()) {
        return Err(format!(
            "`{id}` is no id; write 3 to 64 capital letters, digits and underscores, a letter first"
        ));
    }
    Ok(id)
}

fn test(section: &mut Section<'_, '_>, place: Option<&Place>) -> Option<Test> {
    let words = section.strings("words");
    let phrases = section.strings("phrases");
    let regex = section.parsed("regex", Pattern::new);
    let exists = section.boolean("exists");
    let missing = section.boolean("missing");
    let given: Vec<_> = TESTS.into_iter().filter(|test| section.has(test)).collect();
    let [key] = given[..] else {
        section.wrong(match given[..] {
            [] => format!("looks for nothing; write one of {}", TESTS.join(", ")),
            _ => format!(
                "has {}; keep one and make rules of the others",
                given.join(" and ")
            ),
        });
        return None;
    };
    match key {
        "words" | "phrases" => {
            let list = words.or(phrases)?;
            if list.is_empty() {
                section.problem(key, "is empty; name at least one");
                return None;
            }
            let list: Vec<_> = list.iter().map(|text| folded(text)).collect();
            if list.iter().any(String::is_empty) {
                section.problem(key, "has an empty text, which is everywhere; remove it");
                return None;
            }
            if key == "words" && list.iter().any(|word| word.contains(' ')) {
                section.problem(
                    key,
                    "has a text of several words; move it to `phrases` of another rule",
                );
                return None;
            }
            Some(Test::Phrases(list))
        }
        "regex" => regex.map(Test::Regex),
        _ => {
            if exists.or(missing)? {
                if place.is_some_and(|place| place.field().is_none()) {
                    section.problem(
                        key,
                        "asks for a header field; use it with where = \"header:NAME\"",
                    );
                    return None;
                }
                Some(if key == "exists" {
                    Test::Exists
                } else {
                    Test::Missing
                })
            } else {
                let other = if key == "exists" { "missing" } else { "exists" };
                section.problem(
                    key,
                    format!("must be true; for the contrary write {other} = true"),
                );
                None
            }
        }
    }
}

fn count(section: &mut Section<'_, '_>, test: Option<&Test>) -> Option<u32> {
    let given = section.integer("at_least");
    if !section.has("at_least") {
        return Some(1);
    }
    let most = match test {
        Some(Test::Phrases(list)) => i64::try_from(list.len()).unwrap_or(COUNT_LIMIT),
        Some(Test::Missing) => 1,
        _ => COUNT_LIMIT,
    };
    let count = given?;
    if !(1..=most).contains(&count) {
        section.problem(
            "at_least",
            format!("must be from 1 to {most}, or the rule never hits"),
        );
        return None;
    }
    u32::try_from(count).ok()
}
