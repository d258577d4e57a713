//! From matches to hits: which rules hit, combinations included. `scoring` adds their scores up.
//!
//! In: what the scanners found, and the facts; out: the rules that hit. A fact is measured, and a combination looked at,
//! when the first rule asks for it: most combinations fail by what is known already.

use crate::filter::compiled_rules::{Ask, CompiledRules, Hits, Known, Part, Role};
use crate::filter::facts::{FactValue, Facts};
use crate::filter::rule_matches::RuleMatches;
use crate::filter::verdict::Hit;

/// The rules that hit, in their order: those with a score, and those without one if `parts` is set.
pub(crate) fn hits(
    rules: &CompiledRules,
    matches: &mut RuleMatches,
    facts: &Facts<'_, '_>,
    parts: bool,
) -> Vec<usize> {
    let others: &[Ask] = match parts {
        true => &rules.asked_without_score,
        false => &[],
    };
    let asked = rules.asked.iter().chain(others);
    let wants = |rule: usize| parts || rules.rules[rule].score != 0.0;
    let mut found = found(rules, matches, facts, (&rules.first, asked), wants);
    found.retain(|rule| wants(*rule));
    found.sort_unstable();
    found
}

/// The rules that hit by matches of their own, those of the asked that hit, and those combinations of such matches that are
/// wanted. Of what is asked, the first part is looked at before the second.
pub(crate) fn found<'r>(
    rules: &'r CompiledRules,
    matches: &mut RuleMatches,
    facts: &Facts<'_, '_>,
    (first, asked): (&[usize], impl Iterator<Item = &'r Ask>),
    wants: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let mut known = rules.unknown.clone();
    let mut counted = vec![Counted::default(); rules.combined.len()];
    let mut found = Vec::new();
    // Combinations all of whose parts that must match do.
    let mut candidates = Vec::new();
    for rule in matches.rules() {
        if let Hits::AtLeast(least) = rules.rules[rule].hits
            && matches.count(rule) >= least
        {
            known[rule] = Known::Hits;
            found.push(rule);
            for (place, role) in rules.referrers(rule) {
                counted[*place].add(*role);
                if *role == Role::All && counted[*place].all == rules.needed[*place] {
                    candidates.push(*place);
                }
            }
        }
    }
    let mut search = Search {
        rules,
        matches,
        facts,
        known,
        counted,
    };
    for first in first {
        search.hits(*first);
    }
    for ask in asked {
        // Most combinations lack something.
        let may_hit = ask.combination.is_none_or(|number| search.may_hit(number));
        if may_hit && search.hits(ask.rule) {
            found.push(ask.rule);
        }
    }
    for number in candidates {
        let rule = rules.combined[number].rule;
        if wants(rule) && search.may_hit(number) && search.hits(rule) {
            found.push(rule);
        }
    }
    found
}

/// The hits of a message, for a report.
pub(crate) fn report(rules: &CompiledRules, matches: &RuleMatches, hits: &[usize]) -> Vec<Hit> {
    let hits = hits.iter().map(|number| (*number, &rules.rules[*number]));
    hits.map(|(number, rule)| Hit {
        rule: rule.id.clone(),
        description: rule.description.clone(),
        because: rule.because.clone(),
        score: rule.score,
        text: matches.text(number).to_owned(),
    })
    .collect()
}

struct Search<'h, 'm, 'a> {
    rules: &'h CompiledRules,
    matches: &'h mut RuleMatches,
    facts: &'h Facts<'m, 'a>,
    known: Vec<Known>,
    counted: Vec<Counted>,
}

/// How many parts of a combination hit by matches of their own.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    all: u32,
    any: u32,
    none: u32,
}

impl Counted {
    fn add(&mut self, role: Role) {
        *match role {
            Role::All => &mut self.all,
            Role::Any => &mut self.any,
            Role::None => &mut self.none,
        } += 1;
    }
}

impl Search<'_, '_, '_> {
    fn hits(&mut self, rule: usize) -> bool {
        match self.known[rule] {
            Known::Hits => true,
            Known::Misses => false,
            Known::Nothing => {
                let hits = self.find_out(rule);
                self.known[rule] = Known::from(hits);
                hits
            }
        }
    }

    fn find_out(&mut self, rule: usize) -> bool {
        let rules = self.rules;
        match rules.rules[rule].hits {
            Hits::AtLeast(least) => self.matches.count(rule) >= least,
            Hits::None => self.matches.count(rule) == 0,
            Hits::Fact(number, least) => {
                let (_, fact, range) = &rules.fact_rules[number];
                match self.facts.value(*fact) {
                    FactValue::Yes(text) => self.matches.add(rule, text),
                    FactValue::Number(number) if range.has(*number) => {
                        self.matches.add(rule, &number.to_string());
                    }
                    FactValue::No | FactValue::Number(_) => {}
                }
                self.matches.count(rule) >= least
            }
            Hits::Combined(number) => self.combination_hits(number),
            Hits::Never => false,
        }
    }

    fn holds(&mut self, part: Part) -> bool {
        match part {
            Part::Rule(rule) => self.hits(rule),
            Part::Fact(fact) => matches!(self.facts.value(fact), FactValue::Yes(_)),
            Part::Never => false,
        }
    }

    /// Whether a combination hits if its other parts let it.
    fn may_hit(&self, number: usize) -> bool {
        let counted = &self.counted[number];
        counted.all >= self.rules.needed[number] && counted.none == 0
    }

    fn combination_hits(&mut self, number: usize) -> bool {
        if !self.may_hit(number) {
            return false;
        }
        let rules = self.rules;
        let combined = &rules.combined[number];
        let asked = &combined.asked;
        let counted = self.counted[number].any as usize;
        let missing = combined.at_least.saturating_sub(counted);
        if !asked.all.iter().all(|part| self.holds(*part))
            || !self.are_enough(&asked.any, missing)
            || asked.none.iter().any(|part| self.holds(*part))
        {
            return false;
        }
        let mut texts = Vec::new();
        for part in combined.all.iter().chain(&combined.any) {
            if self.holds(*part) {
                texts.push(self.text(*part));
            }
        }
        for text in texts.iter().filter(|text| !text.is_empty()) {
            self.matches.add(combined.rule, text);
        }
        true
    }

    /// Whether at least so many of the parts hold.
    fn are_enough(&mut self, parts: &[Part], least: usize) -> bool {
        let mut missing = least;
        let mut left = parts.iter();
        while missing > 0 && missing <= left.len() {
            let holds = left.next().is_some_and(|part| self.holds(*part));
            missing -= usize::from(holds);
        }
        missing == 0
    }

    fn text(&self, part: Part) -> String {
        match part {
            Part::Rule(rule) => self.matches.text(rule).to_owned(),
            Part::Fact(fact) => match self.facts.value(fact) {
                FactValue::Yes(text) => text.clone(),
                FactValue::No | FactValue::Number(_) => String::new(),
            },
            Part::Never => String::new(),
        }
    }
}
