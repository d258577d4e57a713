//! Tests of expressions and their conditions.

use super::*;
use crate::import::meta;

fn shown(condition: &Condition) -> String {
    let list = |parts: &[Condition]| parts.iter().map(shown).collect::<Vec<_>>().join(" ");
    match condition {
        Condition::Constant(is_so) => is_so.to_string(),
        Condition::Hits(name, 1) => name.clone(),
        Condition::Hits(name, times) => format!("{name}*{times}"),
        Condition::Not(inner) => format!("!{}", shown(inner)),
        Condition::All(parts) => format!("({})", list(parts)),
        Condition::Some(bound, parts) => format!("{bound}of({})", list(parts)),
        Condition::Unknown(names) => format!("?{}", names.len()),
    }
}

fn converted(text: &str) -> String {
    let expression = meta::parse(text).expect("an expression");
    let mut status = |name: &str| match name.as_bytes()[0] {
        b'N' => RuleStatus::Never,
        b'M' => RuleStatus::Missing,
        b'C' => RuleStatus::Counts(None),
        b'K' => RuleStatus::Counts(Some(2)),
        _ => RuleStatus::Loaded,
    };
    let mut builder = ConditionBuilder {
        status: &mut status,
        left_out: BTreeSet::new(),
    };
    match builder.truth(&expression, true) {
        Ok(condition) if builder.left_out.is_empty() => shown(&condition),
        Ok(condition) => format!("{} without {}", shown(&condition), builder.left_out.len()),
        Err(reason) => reason,
    }
}

#[test]
fn expressions_become_conditions() {
    for (text, condition) in [
        ("A && !B || D", "1of(D (A !B))"),
        ("A + B + D >= 2", "2of(A B D)"),
        ("(A + B + D) > 2", "(A B D)"),
        ("A + B", "1of(A B)"),
        ("A + B == 1", "(!(A B) 1of(A B))"),
        ("A + B < 1", "!1of(A B)"),
        ("A - B > 0", "(A !B)"),
        ("2 * A + B >= 2", "2of(A A B)"),
        ("(A || B) + D > 1", "(D 1of(A B))"),
        ("A > 1", "false"),
        ("A * B", "(A B)"),
        ("N || A", "A"),
        ("N && A", "false"),
        ("!N && A", "A"),
        ("1", "true"),
        ("A / 2 > 1", "arithmetic"),
    ] {
        assert_eq!(converted(text), condition, "{text}");
    }
}

#[test]
fn repeated_rules_become_counts() {
    for (text, condition) in [
        ("C > 3", "C*4"),
        ("C >= 1 && A", "(A C)"),
        ("K > 2", "false"),
        ("K == 2", "K*2"),
        ("C + A > 1", "1of(C*2 (A C))"),
        ("C + C2 >= 2", "1of(C*2 C2*2 (C C2))"),
        ("C > 500", "arithmetic"),
    ] {
        assert_eq!(converted(text), condition, "{text}");
    }
}

#[test]
fn missing_rules_are_omitted_only_if_that_can_only_lose_hits() {
    for (text, condition) in [
        ("A && M", "?1"),
        ("A || M", "A without 1"),
        ("A && !M", "?1"),
        ("A && !(B || M)", "?1"),
        ("A || M || M2", "A without 2"),
        ("A + B + M > 1", "(A B) without 1"),
        ("A + M > 1", "?1"),
        ("A || (B && M)", "A without 1"),
    ] {
        assert_eq!(converted(text), condition, "{text}");
    }
}
