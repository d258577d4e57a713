//! From matches to hits: which rules hit, combinations included. `scoring` adds their scores up.

use crate::filter::compiled_rules::{CompiledRules, Hits, Part};
use crate::filter::facts::FactValue;
use crate::filter::rule_matches::RuleMatches;
use crate::filter::verdict::Hit;

/// Which rules hit.
pub(crate) fn hits(
    rules: &CompiledRules,
    matches: &mut RuleMatches,
    facts: &[FactValue],
) -> Vec<bool> {
    let counted = rules.rules.iter().zip(&matches.counts);
    let mut hits: Vec<bool> = counted
        .map(|(rule, count)| match rule.hits {
            Hits::AtLeast(least) => *count >= least,
            Hits::None => *count == 0,
            Hits::Combined => false,
        })
        .collect();
    for combined in &rules.combined {
        let holds = |part: &&Part| match **part {
            Part::Rule(rule) => hits[rule],
            Part::Fact(fact) => matches!(facts[fact], FactValue::Yes(_)),
            Part::Never => false,
        };
        let count = combined.any.iter().filter(holds).count();
        let hit = count >= combined.at_least
            && combined.all.iter().all(|part| holds(&part))
            && !combined.none.iter().any(|part| holds(&part));
        if !hit {
            continue;
        }
        let parts = combined.all.iter().chain(&combined.any).filter(holds);
        let texts: Vec<String> = parts
            .filter_map(|part| match *part {
                Part::Rule(rule) => Some(matches.texts[rule].clone()),
                Part::Fact(fact) => match &facts[fact] {
                    FactValue::Yes(text) => Some(text.clone()),
                    FactValue::No | FactValue::Number(_) => None,
                },
                Part::Never => None,
            })
            .collect();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            matches.add(combined.rule, text);
        }
        hits[combined.rule] = true;
    }
    hits
}

/// The hits of a message. Rules with score 0 are included if `parts` is set.
pub(crate) fn report(
    rules: &CompiledRules,
    matches: RuleMatches,
    hit: &[bool],
    parts: bool,
) -> Vec<Hit> {
    let all = rules.rules.iter().zip(matches.texts).zip(hit);
    all.filter(|((rule, _), hit)| **hit && (rule.score != 0.0 || parts))
        .map(|((rule, text), _)| Hit {
            rule: rule.id.clone(),
            description: rule.description.clone(),
            because: rule.because.clone(),
            score: rule.score,
            text,
        })
        .collect()
}
