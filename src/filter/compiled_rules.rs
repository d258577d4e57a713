//! Compiled rules: sorted by the places they look at, one scanner for each place.
//!
//! In: checked rules and lists; out: [`CompiledRules`], or the places whose rules are too large
//! together. [`crate::filter::message_filter`] runs messages through it.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;

use crate::filter::combination;
use crate::filter::facts::Fact;
use crate::filter::lists::Lists;
use crate::filter::place::Place;
use crate::filter::rule::{Member, Range, Rule, Test};
use crate::filter::rule_matches::RuleMatches;
use crate::filter::scan::{Placed, Scanner};
use crate::message::Wanted;
use crate::schema::Problem;

/// Rules, ready to run.
#[derive(Debug, Default)]
pub(crate) struct CompiledRules {
    /// By rule index.
    pub(crate) rules: Vec<Scored>,
    /// Number of phrases in all rules.
    phrases: usize,
    /// Scanners of the places in the header.
    pub(crate) header: Vec<Scanner>,
    /// Scanners of the other places.
    pub(crate) body: Vec<Scanner>,
    /// Rules that count the texts of places.
    pub(crate) counts: Vec<(usize, Vec<Place>, Range)>,
    /// Facts that rules use.
    pub(crate) facts: Vec<&'static Fact>,
    /// Rules that test a fact, by its index in `facts`.
    pub(crate) fact_rules: Vec<(usize, usize, Range)>,
    /// Rules that hit without a match.
    pub(crate) missing: Vec<usize>,
    /// Combinations, each after the rules it refers to.
    pub(crate) combined: Vec<Combined>,
    /// The rules that depend on what is known beyond the message.
    pub(crate) of_context: HashSet<Arc<str>>,
    /// What to decode of a message.
    pub(crate) wanted: Wanted,
}

/// What scoring needs of a rule.
#[derive(Debug)]
pub(crate) struct Scored {
    pub(crate) id: Arc<str>,
    pub(crate) description: Arc<str>,
    pub(crate) because: Option<Arc<str>>,
    pub(crate) score: f64,
    pub(crate) hits: Hits,
}

/// When a rule hits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hits {
    /// At least so many matches.
    AtLeast(u32),
    /// No match.
    None,
    /// Depends on other rules.
    Combined,
}

/// A combination, by rule indexes.
#[derive(Debug)]
pub(crate) struct Combined {
    pub(crate) rule: usize,
    pub(crate) all: Vec<Part>,
    pub(crate) any: Vec<Part>,
    pub(crate) none: Vec<Part>,
    pub(crate) at_least: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Rule(usize),
    Fact(usize),
    /// A disabled rule.
    Never,
}

impl CompiledRules {
    /// Compiles rules.
    pub(crate) fn new(rules: &[Rule], lists: &Lists) -> Result<Self, Vec<Problem>> {
        let mut compiled = Self::default();
        let mut places = compiled.sort(rules);
        compiled.combine(rules);
        compiled.find_rules_of_context();
        if !compiled.facts.is_empty() {
            compiled.wanted = Wanted {
                text: true,
                source: true,
                parts: true,
                files: true,
                ..compiled.wanted
            };
        }
        let mut problems = Vec::new();
        places.sort_by_key(|(_, rules)| Reverse(rules.len()));
        // Few jobs of very different sizes: each is scheduled alone, the largest first.
        let scanners: Vec<_> = places
            .par_iter()
            .with_max_len(1)
            .map(|(place, rules)| Scanner::new(place.clone(), rules, lists))
            .collect();
        for ((place, rules), scanner) in places.iter().zip(scanners) {
            match scanner {
                Ok(scanner) if place.is_in_header() => compiled.header.push(scanner),
                Ok(scanner) => compiled.body.push(scanner),
                Err(message) => problems.push(Problem {
                    file: rules
                        .first()
                        .map_or(String::new(), |(_, rule, _)| rule.file.to_string()),
                    line: 0,
                    key: String::new(),
                    message: format!("the rules of `{place}` are too large together: {message}"),
                }),
            }
        }
        if problems.is_empty() {
            Ok(compiled)
        } else {
            Err(problems)
        }
    }

    /// Empty matches for one message.
    pub(crate) fn matches(&self) -> RuleMatches {
        RuleMatches::new(self.rules.len(), self.phrases)
    }

    /// Sorts rules by the places they look at.
    fn sort<'r>(&mut self, rules: &'r [Rule]) -> Vec<(Place, Vec<Placed<'r>>)> {
        let mut places: Vec<(Place, Vec<Placed<'r>>)> = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            self.rules.push(Scored {
                id: rule.id.clone(),
                description: rule.description.clone(),
                because: rule.because.clone(),
                score: rule.score,
                hits: match rule.test {
                    Test::Missing => Hits::None,
                    Test::Combined(_) => Hits::Combined,
                    _ => Hits::AtLeast(rule.at_least),
                },
            });
            if let Test::Missing = rule.test {
                self.missing.push(number);
            }
            for place in &rule.places {
                place.want(&mut self.wanted);
            }
            match &rule.test {
                Test::Count(range) => {
                    self.counts.push((number, rule.places.clone(), *range));
                    continue;
                }
                Test::Fact(fact, range) => {
                    let fact = self.fact(fact);
                    self.fact_rules.push((number, fact, *range));
                    continue;
                }
                _ => {}
            }
            for place in &rule.places {
                let entry = (number, rule, self.phrases);
                match places.iter_mut().find(|(known, _)| known == place) {
                    Some((_, rules)) => rules.push(entry),
                    None => places.push((place.clone(), vec![entry])),
                }
            }
            if let Test::Phrases(list) = &rule.test {
                self.phrases += list.len();
            }
        }
        places
    }

    fn fact(&mut self, fact: &'static Fact) -> usize {
        let known = self.facts.iter().position(|known| known.name == fact.name);
        known.unwrap_or_else(|| {
            self.facts.push(fact);
            self.facts.len() - 1
        })
    }

    /// Also those that are made of others.
    fn find_rules_of_context(&mut self) {
        let mut found = vec![false; self.rules.len()];
        for (rule, fact, _) in &self.fact_rules {
            found[*rule] = self.facts[*fact].is_of_context;
        }
        for combined in &self.combined {
            let mut parts = combined
                .all
                .iter()
                .chain(&combined.any)
                .chain(&combined.none);
            found[combined.rule] = parts.any(|part| match part {
                Part::Rule(rule) => found[*rule],
                Part::Fact(fact) => self.facts[*fact].is_of_context,
                Part::Never => false,
            });
        }
        let rules = self.rules.iter().zip(found).filter(|(_, it)| *it);
        self.of_context = rules.map(|(rule, _)| Arc::clone(&rule.id)).collect();
    }

    fn combine(&mut self, rules: &[Rule]) {
        // Reading the set refused cycles.
        for number in combination::order(rules).unwrap_or_default() {
            let Test::Combined(combination) = &rules[number].test else {
                continue;
            };
            let mut parts = |members: &[Member]| -> Vec<Part> {
                let part = |member: &Member| match member {
                    Member::Fact(fact) => Part::Fact(self.fact(fact)),
                    Member::Rule(id) => {
                        let at = rules.iter().position(|rule| *rule.id == **id);
                        at.map_or(Part::Never, Part::Rule)
                    }
                };
                members.iter().map(part).collect()
            };
            let combined = Combined {
                rule: number,
                all: parts(&combination.all),
                any: parts(&combination.any),
                none: parts(&combination.none),
                at_least: match combination.any.len() {
                    0 => 0,
                    _ => rules[number].at_least as usize,
                },
            };
            self.combined.push(combined);
        }
    }
}
