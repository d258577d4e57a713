//! Expressions and the conditions that they become.

use super::*;
use crate::import::meta;

fn shown(formula: &Formula) -> String {
    let list = |parts: &[Formula]| parts.iter().map(shown).collect::<Vec<_>>().join(" ");
    match formula {
        Formula::Constant(is_so) => is_so.to_string(),
        Formula::Hits(name, 1) => name.clone(),
        Formula::Hits(name, times) => format!("{name}*{times}"),
        Formula::Not(inner) => format!("!{}", shown(inner)),
        Formula::All(parts) => format!("({})", list(parts)),
        Formula::Some(bound, parts) => format!("{bound}of({})", list(parts)),
        Formula::Unknown(names) => format!("?{}", names.len()),
    }
}

fn turned(text: &str) -> String {
    let expression = meta::parse(text).expect("an expression");
    let mut fate = |name: &str| match name.as_bytes()[0] {
        b'N' => Fate::Never,
        b'M' => Fate::Missing,
        b'C' => Fate::Counts(None),
        b'K' => Fate::Counts(Some(2)),
        _ => Fate::Loaded,
    };
    let mut turner = Turner {
        fate: &mut fate,
        left_out: BTreeSet::new(),
    };
    match turner.truth(&expression, true) {
        Ok(formula) if turner.left_out.is_empty() => shown(&formula),
        Ok(formula) => format!("{} without {}", shown(&formula), turner.left_out.len()),
        Err(reason) => reason,
    }
}

#[test]
fn expressions_become_conditions() {
    for (text, formula) in [
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
        assert_eq!(turned(text), formula, "{text}");
    }
}

#[test]
fn counted_rules_are_counted() {
    for (text, formula) in [
        ("C > 3", "C*4"),
        ("C >= 1 && A", "(A C)"),
        ("K > 2", "false"),
        ("K == 2", "K*2"),
        ("C + A > 1", "1of(C*2 (A C))"),
        ("C + C2 >= 2", "1of(C*2 C2*2 (C C2))"),
        ("C > 500", "arithmetic"),
    ] {
        assert_eq!(turned(text), formula, "{text}");
    }
}

#[test]
fn what_is_missing_is_left_out_only_where_that_costs_hits_alone() {
    for (text, formula) in [
        ("A && M", "?1"),
        ("A || M", "A without 1"),
        ("A && !M", "?1"),
        ("A && !(B || M)", "?1"),
        ("A || M || M2", "A without 2"),
        ("A + B + M > 1", "(A B) without 1"),
        ("A + M > 1", "?1"),
        ("A || (B && M)", "A without 1"),
    ] {
        assert_eq!(turned(text), formula, "{text}");
    }
}
