//! Which rules are decided by a message's header, and how high a score can become that is known only by it.
//!
//! In: compiled rules, and what the header rules have found in a message; out: the highest score of the rules, whatever
//! follows the header. Rules whose places and facts are all of the header count what they have; of the others those with
//! a positive score count as if they hit. What the sums of a message begin with is added up once.

use std::collections::HashMap;

use crate::filter::candidate_rules::CandidateRules;
use crate::filter::compiled_rules::{CompiledRules, Hits};
use crate::filter::facts::Facts;
use crate::filter::rule::{Member, Rule, Test};
use crate::filter::rule_hits::found;
use crate::filter::rule_matches::RuleMatches;

/// See the module.
#[derive(Debug)]
pub(crate) struct HeaderRules {
    /// By rule: whether the header decides it.
    is_decided: Vec<bool>,
    /// Those of them with a score that hit by something other than matches of their own.
    asked: CandidateRules,
    /// Those of them that are looked at first, as in `CompiledRules::first`.
    first: Vec<usize>,
    /// The score if all others hit that have a positive one.
    undecided: f64,
    /// The lowest of the highest scores that a message can be left with.
    least: f64,
}

impl HeaderRules {
    /// Of these rules.
    pub(crate) fn of(rules: &[Rule], compiled: &CompiledRules) -> Self {
        let is_decided = decided(rules, compiled);
        let sum = |decided: bool, part: fn(f64) -> f64| -> f64 {
            let rules = rules.iter().zip(&is_decided);
            let rules = rules.filter(|(_, it)| **it == decided);
            rules.map(|(rule, _)| part(rule.score)).sum()
        };
        let undecided = sum(false, |score| score.max(0.0));
        let is_scored = |rule: usize| compiled.rules[rule].score != 0.0;
        let first = compiled.first.iter().filter(|rule| is_decided[**rule]);
        Self {
            undecided,
            least: undecided + sum(true, |score| score.min(0.0)),
            asked: CandidateRules::of(compiled, |rule| is_decided[rule] && is_scored(rule)),
            first: first.copied().collect(),
            is_decided,
        }
    }

    /// The highest score of the rules for the luckiest message: for none is it lower.
    pub(crate) fn least(&self) -> f64 {
        self.least
    }

    /// The highest score of the rules for a message in whose header they have found this.
    pub(crate) fn highest(
        &self,
        rules: &CompiledRules,
        matches: &mut RuleMatches,
        facts: &Facts<'_, '_>,
    ) -> f64 {
        let hits = found(rules, matches, facts, &self.first, &[&self.asked]);
        let decided = hits.into_iter().filter(|rule| self.is_decided[*rule]);
        let scores = decided.map(|rule| rules.rules[rule].score);
        self.undecided + scores.sum::<f64>()
    }
}

/// By rule: whether the header decides it.
fn decided(rules: &[Rule], compiled: &CompiledRules) -> Vec<bool> {
    let is_of_header = |rule: &Rule| match &rule.test {
        Test::Fact(fact, _) => fact.is_of_header,
        // These are counted with the body.
        Test::Count(_) | Test::Combined(_) => false,
        _ => rule.places.iter().all(|place| place.is_in_header()),
    };
    let mut decided: Vec<bool> = rules.iter().map(is_of_header).collect();
    let numbered = rules.iter().enumerate();
    let numbers: HashMap<&str, usize> = numbered.map(|(at, rule)| (&*rule.id, at)).collect();
    // Each combination stands behind those that it is made of.
    for combined in &compiled.combined {
        let Test::Combined(combination) = &rules[combined.rule].test else {
            continue;
        };
        decided[combined.rule] = combination.members().all(|(_, member)| match member {
            Member::Fact(fact) => fact.is_of_header,
            // One that is disabled does not hit.
            Member::Rule(id) => numbers.get(&**id).is_none_or(|at| decided[*at]),
        });
    }
    for (is_decided, rule) in decided.iter_mut().zip(&compiled.rules) {
        *is_decided |= matches!(rule.hits, Hits::Never);
    }
    decided
}
