//! Writes rules as TOML.

use std::fmt::Write;

/// A popgate rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) description: String,
    /// 0 if it is only a part of other rules.
    pub(super) score: f64,
    pub(super) test: Test,
    pub(super) at_least: usize,
    pub(super) enabled: bool,
    /// Comments above the rule.
    pub(super) notes: Vec<String>,
}

/// What a rule looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Regex { places: Vec<String>, regex: String },
    Exists(String),
    Missing(String),
    Rules(Rules),
}

/// A combination of rules, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) all: Vec<String>,
    pub(super) any: Vec<String>,
    pub(super) none: Vec<String>,
}

const TOP: &str = "# Converted from SpamAssassin rules; their authors' license applies.\n";

/// The text of a rule file.
pub(super) fn file(rules: &[Rule]) -> String {
    let mut text = TOP.to_owned();
    for rule in rules {
        text.push('\n');
        entry(rule, &mut text);
    }
    text
}

fn entry(rule: &Rule, text: &mut String) {
    for note in &rule.notes {
        let note = note.replace(|letter: char| letter.is_control(), " ");
        let _ = writeln!(text, "# {note}");
    }
    let _ = writeln!(text, "[[rule]]\nid = {}", quoted(&rule.id));
    let _ = writeln!(text, "description = {}", quoted(&rule.description));
    let _ = writeln!(text, "score = {}", rule.score);
    match &rule.test {
        Test::Regex { places, regex } => {
            let _ = match &places[..] {
                [place] => writeln!(text, "where = {}", quoted(place)),
                places => writeln!(text, "where = {}", list(places)),
            };
            let _ = writeln!(text, "regex = {}", literal(regex));
        }
        Test::Exists(place) => {
            let _ = writeln!(text, "where = {}\nexists = true", quoted(place));
        }
        Test::Missing(place) => {
            let _ = writeln!(text, "where = {}\nmissing = true", quoted(place));
        }
        Test::Rules(rules) => {
            for (key, ids) in [
                ("all", &rules.all),
                ("any", &rules.any),
                ("none", &rules.none),
            ] {
                if !ids.is_empty() {
                    let _ = writeln!(text, "{key} = {}", list(ids));
                }
            }
        }
    }
    if rule.at_least != 1 {
        let _ = writeln!(text, "at_least = {}", rule.at_least);
    }
    if !rule.enabled {
        text.push_str("enabled = false\n");
    }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A regex is most readable without TOML escapes.
fn literal(text: &str) -> String {
    if text.contains(|letter: char| letter == '\'' || letter.is_control()) {
        quoted(text)
    } else {
        format!("'{text}'")
    }
}

fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_emitted_as_toml() {
        let rule = Rule {
            id: "ONE".into(),
            description: "Says \"one\"".into(),
            score: -0.5,
            test: Test::Regex {
                places: vec!["to".into(), "cc".into()],
                regex: r"it's \d".into(),
            },
            at_least: 2,
            enabled: false,
            notes: vec!["a\nnote".into()],
        };
        let two = Rule {
            id: "TWO".into(),
            score: 1.0,
            test: Test::Rules(Rules {
                any: vec!["ONE".into()],
                ..Rules::default()
            }),
            at_least: 1,
            enabled: true,
            ..rule.clone()
        };
        let text = file(&[rule, two]);
        for part in [
            "# a note\n[[rule]]\nid = \"ONE\"\ndescription = \"Says \\\"one\\\"\"\nscore = -0.5\n",
            "where = [\"to\", \"cc\"]\nregex = \"it's \\\\d\"\nat_least = 2\nenabled = false\n",
            "score = 1\nany = [\"ONE\"]\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(literal(r"a\d"), r"'a\d'");
    }
}
