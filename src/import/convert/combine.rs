//! Adds rules to the result: a rule under its own name, and its parts.

use std::collections::BTreeSet;

use super::{Converter, SCORE_LIMIT};
use crate::import::emit_toml::{Rule, Rules, Test};
use crate::import::place::Places;
use crate::import::regex::Regex;
use crate::import::rule_condition::Condition;

impl Converter<'_> {
    /// Adds the rule itself.
    pub(super) fn push(&mut self, name: &str, test: Test) {
        self.push_counted(name, test, 1);
    }

    fn push_counted(&mut self, name: &str, test: Test, at_least: usize) {
        let id = self.ids[name].clone();
        let is_part = name.starts_with("__");
        let score = self.files.scores.get(name).copied().unwrap_or_else(|| {
            // The default score (Mail::SpamAssassin::Conf).
            let size = if name.starts_with("T_") { 0.01 } else { 1.0 };
            if self.files.has_flag(name, "nice") {
                -size
            } else {
                size
            }
        });
        let description = self.files.descriptions.get(name).map(|text| {
            let bytes: Vec<u8> = text
                .chars()
                .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?'))
                .collect();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let mut notes = Vec::new();
        if id != name {
            notes.push(format!("named {name} in SpamAssassin"));
            self.note(name, &format!("renamed to {id}"));
        }
        let said = self.report.notes.iter();
        notes.extend(
            said.filter(|(about, note)| about == name && !note.starts_with("renamed to "))
                .map(|(_, note)| note.clone()),
        );
        self.add(Rule {
            description: description.unwrap_or_else(|| format!("SpamAssassin's {name}")),
            score: if is_part {
                0.0
            } else {
                score.clamp(-SCORE_LIMIT, SCORE_LIMIT)
            },
            test,
            at_least,
            enabled: true,
            notes,
            id,
        });
    }

    fn add(&mut self, rule: Rule) {
        self.positions.insert(rule.id.clone(), self.rules.len());
        self.rules.push(rule);
    }

    /// Adds a part of a rule; returns its id.
    pub(super) fn push_part(&mut self, name: &str, test: Test) -> String {
        self.push_part_counted(name, test, 1)
    }

    fn push_part_counted(&mut self, name: &str, test: Test, at_least: usize) -> String {
        let id = self.numbered_id(&self.ids[name].clone());
        self.report.added += 1;
        self.add(Rule {
            id: id.clone(),
            description: format!("Part of {}", self.ids[name]),
            score: 0.0,
            test,
            at_least,
            enabled: true,
            notes: Vec::new(),
        });
        id
    }

    pub(super) fn push_regex(&mut self, name: &str, regex: &Regex, places: &Places) {
        let test = self.regex_test(name, regex, places);
        self.push(name, test);
    }

    pub(super) fn push_part_regex(&mut self, name: &str, regex: &Regex, places: &Places) -> String {
        let test = self.regex_test(name, regex, places);
        self.push_part(name, test)
    }

    fn regex_test(&mut self, name: &str, regex: &Regex, places: &Places) -> Test {
        let test = |regex: &String| Test::Regex {
            places: places.names.clone(),
            regex: regex.clone(),
        };
        match regex {
            Regex::One(regex) => test(regex),
            Regex::Several(all, none) => {
                let mut ids = |list: &[String]| {
                    let list = list.iter();
                    list.map(|regex| self.push_part(name, test(regex)))
                        .collect()
                };
                Test::Rules(Rules {
                    all: ids(all),
                    none: ids(none),
                    any: Vec::new(),
                })
            }
        }
    }

    /// Adds a meta rule.
    pub(super) fn combine(&mut self, name: &str, condition: &Condition) -> Result<(), String> {
        let before = (self.rules.len(), self.report.added);
        match self.rules_of(name, condition) {
            Ok((rules, at_least)) => {
                self.push_counted(name, Test::Rules(rules), at_least);
                Ok(())
            }
            Err(reason) => {
                // Remove the parts of a failed rule.
                for rule in self.rules.drain(before.0..) {
                    self.positions.remove(&rule.id);
                    self.taken.remove(&rule.id);
                }
                self.report.added = before.1;
                Err(reason)
            }
        }
    }

    fn rules_of(&mut self, name: &str, condition: &Condition) -> Result<(Rules, usize), String> {
        let mut rules = Rules::default();
        let mut at_least = 1;
        let parts = match condition {
            Condition::All(parts) => &parts[..],
            one => std::slice::from_ref(one),
        };
        for part in parts {
            match part {
                Condition::Some(bound, some) if rules.any.is_empty() => {
                    rules.any = self.ids_of(name, some)?;
                    at_least = *bound as usize;
                }
                Condition::Not(inner) => match &**inner {
                    Condition::Some(1, some) => rules.none.extend(self.ids_of(name, some)?),
                    inner => rules.none.push(self.id_of(name, inner)?),
                },
                part => rules.all.push(self.id_of(name, part)?),
            }
        }
        Ok((rules, at_least))
    }

    /// Distinct ids: a rule that counts twice gets a second name.
    fn ids_of(&mut self, name: &str, parts: &[Condition]) -> Result<Vec<String>, String> {
        let mut seen = BTreeSet::new();
        let mut ids = Vec::new();
        for part in parts {
            let mut id = self.id_of(name, part)?;
            if !seen.insert(id.clone()) {
                let again = Rules {
                    all: vec![id],
                    ..Rules::default()
                };
                id = self.push_part(name, Test::Rules(again));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// The id of a rule that hits when a condition holds.
    fn id_of(&mut self, name: &str, condition: &Condition) -> Result<String, String> {
        match condition {
            Condition::Hits(rule, 1) => Ok(self.ids[rule].clone()),
            Condition::Hits(rule, times) => self.counted(rule, *times as usize),
            condition => {
                let (rules, at_least) = self.rules_of(name, condition)?;
                Ok(self.push_part_counted(name, Test::Rules(rules), at_least))
            }
        }
    }

    /// A copy of a rule that requires more matches.
    fn counted(&mut self, name: &str, times: usize) -> Result<String, String> {
        let base = self.positions.get(&self.ids[name]).ok_or("arithmetic")?;
        let base = &self.rules[*base];
        let Test::Regex { .. } = base.test else {
            return Err("arithmetic".into());
        };
        let test = base.test.clone();
        let same = self
            .rules
            .iter()
            .find(|rule| rule.at_least == times && rule.test == test && rule.score == 0.0);
        if let Some(rule) = same {
            return Ok(rule.id.clone());
        }
        Ok(self.push_part_counted(name, test, times))
    }

    /// Disables parts that no rule with a score uses.
    pub(super) fn switch_unused_off(&mut self) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        let scored = self.rules.iter().filter(|rule| rule.score != 0.0);
        let mut queue: Vec<String> = scored.map(|rule| rule.id.clone()).collect();
        while let Some(id) = queue.pop() {
            let Some(rule) = self.positions.get(&id).map(|at| &self.rules[*at]) else {
                continue;
            };
            if !used.insert(id) {
                continue;
            }
            if let Test::Rules(Rules { all, any, none }) = &rule.test {
                queue.extend(all.iter().chain(any).chain(none).cloned());
            }
        }
        for rule in &mut self.rules {
            if !used.contains(&rule.id) {
                rule.enabled = false;
                rule.notes.push("no converted rule uses it".into());
                self.report.unused += 1;
            }
        }
    }
}
