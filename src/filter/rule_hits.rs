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
    let mut hits = vec![false; rules.rules.len()];
    for rule in matches.rules() {
        hits[rule] =
            matches!(rules.rules[rule].hits, Hits::AtLeast(least) if matches.count(rule) >= least);
    }
    for rule in &rules.missing {
        hits[*rule] = matches.count(*rule) == 0;
    }
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
                Part::Rule(rule) => Some(matches.text(rule).to_owned()),
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
    mut matches: RuleMatches,
    hit: &[bool],
    parts: bool,
) -> Vec<Hit> {
    let hit = hit.iter().enumerate().filter(|(_, hit)| **hit);
    let hit = hit.map(|(number, _)| (number, &rules.rules[number]));
    hit.filter(|(_, rule)| rule.score != 0.0 || parts)
        .map(|(number, rule)| Hit {
            rule: rule.id.clone(),
            description: rule.description.clone(),
            because: rule.because.clone(),
            score: rule.score,
            text: matches.take_text(number),
        })
        .collect()
}
