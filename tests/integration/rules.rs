//! The stock rules: enough of them, each with examples that pass.

use popgate::filter::{RuleSet, examples};

#[test]
fn stock_rules_are_valid_and_pass_their_examples() {
    let rules = RuleSet::stock().unwrap_or_else(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    });
    let bare: Vec<_> = rules
        .iter()
        .filter(|rule| rule.examples.hit.is_empty() || rule.examples.miss.is_empty())
        .map(|rule| format!("{}:{}: {} lacks examples", rule.file, rule.line, rule.id))
        .collect();
    assert!(bare.is_empty(), "{}", bare.join("\n"));
    let wrong = examples::check(&rules);
    let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn there_are_enough_stock_rules() {
    let count = RuleSet::stock().map_or(0, |rules| rules.len());
    assert!(count >= 40, "{count} rules");
}
