//! Rules made of other rules: `all`, `any`, `none`.
//!
//! In: rules with their members; out: the order in which to evaluate them, and a problem for each
//! unknown name and each cycle.

use std::collections::HashMap;

use crate::filter::rule::{Member, Rule, Test};
use crate::schema::Problem;

/// Finds members that do not exist and rules that depend on themselves.
pub(crate) fn check(rules: &[Rule], is_known: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let numbers = by_id(rules);
    for rule in rules {
        let Test::Combined(combination) = &rule.test else {
            continue;
        };
        for (key, member) in combination.members() {
            let Member::Rule(id) = member else {
                continue;
            };
            // A disabled rule counts as one that does not hit.
            if numbers.contains_key(&**id) || is_known(id) {
                continue;
            }
            problems.push(problem(
                rule,
                key,
                format!("no rule is named `{id}`; write the id of one, or a fact"),
            ));
        }
    }
    for circle in order(rules).err().into_iter().flatten() {
        let ids: Vec<_> = circle.iter().map(|number| &*rules[*number].id).collect();
        let rule = &rules[circle[0]];
        problems.push(problem(
            rule,
            "",
            format!(
                "depends on itself: {} -> {}; break the cycle",
                ids.join(" -> "),
                ids[0]
            ),
        ));
    }
    problems
}

fn problem(rule: &Rule, key: &str, message: String) -> Problem {
    let dot = if key.is_empty() { "" } else { "." };
    Problem {
        file: rule.file.to_string(),
        line: rule.line,
        key: format!("rule {}{dot}{key}", rule.id),
        message,
    }
}

fn by_id(rules: &[Rule]) -> HashMap<&str, usize> {
    let numbered = rules.iter().enumerate();
    numbered.map(|(number, rule)| (&*rule.id, number)).collect()
}

/// The indexes of all combinations, each after the rules it depends on; or all cycles.
pub(crate) fn order(rules: &[Rule]) -> Result<Vec<usize>, Vec<Vec<usize>>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let numbers = by_id(rules);
    let needs = |number: usize| -> Vec<usize> {
        let Test::Combined(combination) = &rules[number].test else {
            return Vec::new();
        };
        let ids = combination
            .members()
            .filter_map(|(_, member)| match member {
                Member::Rule(id) => numbers.get(&**id).copied(),
                Member::Fact(_) => None,
            });
        ids.collect()
    };
    let mut marks = vec![Mark::New; rules.len()];
    let mut order = Vec::new();
    let mut circles = Vec::new();
    for start in 0..rules.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // An explicit stack: a chain of rules may be too long for the thread's stack.
        let mut path = vec![(start, needs(start))];
        marks[start] = Mark::Open;
        while let Some((number, left)) = path.last_mut() {
            let number = *number;
            match left.pop() {
                Some(next) if marks[next] == Mark::New => {
                    marks[next] = Mark::Open;
                    path.push((next, needs(next)));
                }
                Some(next) if marks[next] == Mark::Open => {
                    let from = path.iter().position(|(at, _)| *at == next).unwrap_or(0);
                    circles.push(path[from..].iter().map(|(at, _)| *at).collect());
                }
                Some(_) => {}
                None => {
                    marks[number] = Mark::Done;
                    if matches!(rules[number].test, Test::Combined(_)) {
                        order.push(number);
                    }
                    path.pop();
                }
            }
        }
    }
    if circles.is_empty() {
        Ok(order)
    } else {
        Err(circles)
    }
}
