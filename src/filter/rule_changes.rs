//! What a person has changed of rules in the console: a layer on top of all others.
//!
//! In: the text of its file, which is a rule file whose entries have `id` and `score`, or `enabled = false`; out: rules with
//! other scores, and fewer of them. A rule that there is no more is no mistake: the next version of popgate may have
//! other rules, and must start.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::filter::rule::Rule;
use crate::schema::{Problem, Section, TomlFile};

/// The name of the file, in the folder of rules or in the data directory.
pub const FILE: &str = "console.toml";

/// Scores are from minus this to this, as in rule files.
pub const SCORE_LIMIT: f64 = 100.0;

/// The first lines of the file.
const BEGIN: &str = "# Written by popgate's console. It is laid over all other rules: each entry changes the score of a rule, or switches it\n\
                     # off. Delete an entry to undo it.\n";

/// A rule that is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleChange {
    /// Its id.
    pub id: String,
    /// Its score; `None` = it is switched off.
    pub score: Option<f64>,
}

/// A change that has an effect.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedRule {
    /// The rule's id.
    pub id: Arc<str>,
    /// Its sentence.
    pub description: Arc<str>,
    /// What it adds without the change.
    pub before: f64,
    /// What it adds; `None` = it is switched off.
    pub score: Option<f64>,
}

/// Reads the file.
///
/// # Errors
/// Every mistake, with its line.
pub fn read(name: &str, text: &str) -> Result<Vec<RuleChange>, Vec<Problem>> {
    let file = TomlFile::new(name, text);
    let table = file.parse();
    let mut top = Section::top(&file, &table);
    let mut changes = Vec::new();
    for mut section in top.sections("rule") {
        let id = section.string("id");
        let enabled = section.boolean("enabled").unwrap_or(true);
        let score = section.number("score");
        match (id, score, enabled) {
            (Some(id), _, false) => changes.push(RuleChange { id, score: None }),
            (Some(id), Some(score), true) if score.abs() <= SCORE_LIMIT => {
                let score = Some(score);
                changes.push(RuleChange { id, score });
            }
            _ => section.wrong("needs an id, and a score from -100 to 100 or enabled = false"),
        }
        section.finish();
    }
    top.finish();
    match file.into_problems() {
        problems if problems.is_empty() => Ok(changes),
        problems => Err(problems),
    }
}

/// The file with these changes.
pub fn written(changes: &[RuleChange]) -> String {
    let mut text = BEGIN.to_owned();
    for change in changes {
        let _ = match change.score {
            Some(score) => write!(
                text,
                "\n[[rule]]\nid = \"{}\"\nscore = {score:?}\n",
                change.id
            ),
            None => write!(
                text,
                "\n[[rule]]\nid = \"{}\"\nenabled = false\n",
                change.id
            ),
        };
    }
    text
}

/// Changes rules; returns the changes that have an effect.
pub(super) fn apply(rules: &mut Vec<Rule>, changes: &[RuleChange]) -> Vec<ChangedRule> {
    let mut applied = Vec::new();
    for change in changes {
        let Some(at) = rules.iter().position(|rule| *rule.id == *change.id) else {
            continue;
        };
        let rule = &mut rules[at];
        // A part of other rules has no points, and the others need it.
        if rule.score == 0.0 {
            continue;
        }
        applied.push(ChangedRule {
            id: Arc::clone(&rule.id),
            description: Arc::clone(&rule.description),
            before: rule.score,
            score: change.score,
        });
        match change.score {
            Some(score) => rule.score = score,
            None => drop(rules.remove(at)),
        }
    }
    applied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::RuleSet;

    #[test]
    fn what_is_written_is_read() {
        let change = |id: &str, score| RuleChange {
            id: id.to_owned(),
            score,
        };
        let changes = [
            change("ONE", Some(1.5)),
            change("TWO", None),
            change("THREE", Some(-2.0)),
        ];
        assert_eq!(read("x", &written(&changes)).unwrap(), changes);
        assert_eq!(read("x", "").unwrap(), []);
        for wrong in [
            "[[rule]]\nid = \"ONE\"\n",
            "[[rule]]\nscore = 1\n",
            "[[rule]]\nid = \"ONE\"\nscore = 101\n",
            "[[rule]]\nid = \"ONE\"\nscore = nan\n",
            "[[rule]]\nid = \"ONE\"\nscore = 1\nwhere = \"body\"\n",
            "nonsense",
        ] {
            assert!(read("console.toml", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rule_has_another_score_or_is_gone_and_one_that_is_not_there_is_no_mistake() {
        let stock = RuleSet::stock().unwrap();
        let scored: Vec<Rule> = stock.iter().filter(|it| it.score != 0.0).cloned().collect();
        let [first, second, ..] = &scored[..] else {
            panic!("the stock has no rules");
        };
        let change = |id: &str, score| RuleChange {
            id: id.to_owned(),
            score,
        };
        let changes = [
            change(&first.id, Some(0.5)),
            change(&second.id, None),
            change("NO_SUCH_RULE", Some(1.0)),
        ];
        let before = stock.digest();
        let changed = stock.changed_by(&changes);
        assert_ne!(changed.digest(), before);
        let of = |id: &str| changed.iter().find(|rule| *rule.id == *id);
        assert_eq!(of(&first.id).unwrap().score, 0.5);
        assert!(of(&second.id).is_none());
        let [one, two] = changed.changed() else {
            panic!("{:?}", changed.changed());
        };
        assert_eq!((one.before, one.score), (first.score, Some(0.5)));
        assert_eq!((&two.id, two.score), (&second.id, None));
    }
}
