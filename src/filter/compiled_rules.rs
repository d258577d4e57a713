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
use crate::filter::rule_bits::RuleBits;
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
    /// Combinations, each after the rules it refers to.
    pub(crate) combined: Vec<Combined>,
    /// Combinations that are looked at first, in this order, so that few depend on each other at once.
    pub(crate) first: Vec<usize>,
    /// By rule: of how many combinations it is a part.
    pub(crate) uses: Vec<usize>,
    /// By rule: what is known of it when nothing matches.
    pub(crate) unknown: Vec<Known>,
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
    /// Depends on a fact, by index in `fact_rules`: it is so at least so many times.
    Fact(usize, u32),
    /// Depends on other rules, by index in `combined`.
    Combined(usize),
    /// Depends on rules that depend on it, which is refused.
    Never,
}

/// What is known of a rule so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    Nothing,
    /// It hits.
    Hits,
    /// It does not.
    Misses,
}

impl From<bool> for Known {
    fn from(hits: bool) -> Self {
        match hits {
            true => Self::Hits,
            false => Self::Misses,
        }
    }
}

/// A combination, by rule indexes.
#[derive(Debug)]
pub(crate) struct Combined {
    pub(crate) rule: usize,
    pub(crate) all: Vec<Part>,
    pub(crate) any: Vec<Part>,
    pub(crate) at_least: usize,
    /// The rules among its parts that hit by matches of their own: these are known from the beginning.
    pub(crate) known: Parts<RuleBits>,
    /// The other parts, those that cost least first.
    pub(crate) asked: Parts<Vec<Part>>,
}

/// Parts of a combination.
#[derive(Debug, Default)]
pub(crate) struct Parts<T> {
    pub(crate) all: T,
    pub(crate) any: T,
    pub(crate) none: T,
}

/// So many combinations may depend on each other before the innermost is looked at first.
const DEEPEST: usize = 30;

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
        compiled.find_unknown();
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
                    Test::Fact(..) => Hits::Fact(self.fact_rules.len(), rule.at_least),
                    // Its place is not known yet.
                    Test::Combined(_) => Hits::Never,
                    _ => Hits::AtLeast(rule.at_least),
                },
            });
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

    fn find_unknown(&mut self) {
        let rules = self.rules.iter();
        let unknown = rules.map(|rule| match rule.hits {
            Hits::AtLeast(_) => Known::Misses,
            _ => Known::Nothing,
        });
        self.unknown = unknown.collect();
    }

    /// Also those that are made of others.
    fn find_rules_of_context(&mut self) {
        let mut found = vec![false; self.rules.len()];
        for (rule, fact, _) in &self.fact_rules {
            found[*rule] = self.facts[*fact].is_of_context;
        }
        for combined in &self.combined {
            // What hits by matches of its own is of the message's texts alone.
            let asked = &combined.asked;
            let mut parts = asked.all.iter().chain(&asked.any).chain(&asked.none);
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
        // By rule: how many combinations are looked at within one another to know whether it hits.
        let mut depths = vec![0; rules.len()];
        self.uses = vec![0; rules.len()];
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
            let (all, any) = (parts(&combination.all), parts(&combination.any));
            let none = parts(&combination.none);
            let depth = |part: &Part| match *part {
                Part::Rule(rule) => depths[rule],
                Part::Fact(_) | Part::Never => 0,
            };
            let deepest = all.iter().chain(&any).chain(&none).map(depth).max();
            depths[number] = deepest.unwrap_or(0) + 1;
            if depths[number] > DEEPEST {
                self.first.push(number);
                depths[number] = 0;
            }
            self.rules[number].hits = Hits::Combined(self.combined.len());
            let sorted = [&all, &any, &none].map(|parts| self.sorted(parts));
            let [(known_all, more), (known_any, others), (known_none, rest)] = sorted;
            let combined = Combined {
                rule: number,
                at_least: match any.len() {
                    0 => 0,
                    _ => rules[number].at_least as usize,
                },
                known: Parts {
                    all: known_all,
                    any: known_any,
                    none: known_none,
                },
                asked: Parts {
                    all: more,
                    any: others,
                    none: rest,
                },
                all,
                any,
            };
            let all = combined.all.iter().chain(&combined.any).chain(&none);
            for part in all {
                if let Part::Rule(rule) = *part {
                    self.uses[rule] += 1;
                }
            }
            self.combined.push(combined);
        }
    }

    /// The rules among the parts that hit by matches of their own, and the other parts in the order in which they are asked
    /// for.
    fn sorted(&self, parts: &[Part]) -> (RuleBits, Vec<Part>) {
        let cost = |part: &Part| match *part {
            Part::Never => 0,
            Part::Rule(rule) => match self.rules[rule].hits {
                Hits::AtLeast(_) | Hits::None | Hits::Never => 0,
                Hits::Combined(_) => 1,
                Hits::Fact(..) => 2,
            },
            Part::Fact(_) => 2,
        };
        let mut known = RuleBits::default();
        let mut others = parts.to_vec();
        // One that stands there twice counts twice: the second time it is asked like the others.
        others.retain(|part| match *part {
            Part::Rule(rule) if matches!(self.rules[rule].hits, Hits::AtLeast(_)) => {
                !known.add(rule)
            }
            _ => true,
        });
        others.sort_by_key(cost);
        (known, others)
    }
}
