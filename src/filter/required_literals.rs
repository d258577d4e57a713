//! The literals that every match of a regex requires.
//!
//! In: a parsed regex; out: a set of texts in lower case. Every match contains one of them, ignoring
//! ASCII case. The scanner searches for all of them in one pass and runs a regex only where
//! one was found. It may miss literals; it never returns one that a match can lack.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Larger sets of texts are not combined with what precedes or follows.
const SET_LIMIT: usize = 64;

/// A set with more members is dropped: it would match too many texts by chance. One larger than the other limit counts
/// only if its members are long: lists of words, which without one run on every text.
const MOST: usize = 1000;
const LONG: usize = 3;

/// Shorter literals are in nearly every text.
const SHORTEST: usize = 2;

/// A longer literal is no rarer.
const LONG_ENOUGH: usize = 8;

/// Larger classes are more than a letter in two cases.
const CLASS_LIMIT: usize = 6;

type Set = Vec<Vec<u8>>;

/// The best set for a regex; `None` if none is selective.
pub fn required(hir: &Hir) -> Option<Set> {
    let known = analysis_of(hir);
    let mut best = better(known.exact, known.inner)?;
    best.sort();
    best.dedup();
    (shortest(&best) >= SHORTEST).then_some(best)
}

/// What is known of a part of a regex.
#[derive(Clone)]
struct Analysis {
    /// All texts that it matches, if they are few.
    exact: Option<Set>,
    /// A set; each match begins with one of its members, which may be empty.
    prefix: Set,
    /// A set; each match ends with one of its members, which may be empty.
    suffix: Set,
    /// A set; each match contains one of its members.
    inner: Option<Set>,
}

impl Analysis {
    fn nothing() -> Self {
        Self {
            exact: None,
            prefix: vec![Vec::new()],
            suffix: vec![Vec::new()],
            inner: None,
        }
    }

    fn exact(set: Set) -> Self {
        match set.len() <= SET_LIMIT {
            true => Self {
                prefix: set.clone(),
                suffix: set.clone(),
                exact: Some(set),
                inner: None,
            },
            false => Self::nothing(),
        }
    }

    fn required(self) -> Option<Set> {
        better(self.exact, self.inner)
    }
}

fn analysis_of(hir: &Hir) -> Analysis {
    match hir.kind() {
        // An anchor matches no text, so the texts on both sides are adjacent.
        HirKind::Empty | HirKind::Look(_) => Analysis::exact(vec![Vec::new()]),
        HirKind::Literal(literal) => Analysis::exact(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => {
            class_members(class).map_or_else(Analysis::nothing, Analysis::exact)
        }
        HirKind::Capture(capture) => analysis_of(&capture.sub),
        HirKind::Repetition(repetition) => {
            let sub = analysis_of(&repetition.sub);
            match (repetition.min, repetition.max) {
                (0, Some(1)) => match sub.exact {
                    Some(mut set) => {
                        set.push(Vec::new());
                        Analysis::exact(set)
                    }
                    None => Analysis::nothing(),
                },
                (0, _) => Analysis::nothing(),
                (1, Some(1)) => sub,
                // The first copy is adjacent to what precedes, the last one to what follows.
                _ => Analysis {
                    exact: None,
                    prefix: sub.prefix.clone(),
                    suffix: sub.suffix.clone(),
                    inner: sub.required(),
                },
            }
        }
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => alternation(parts),
    }
}

fn concat(parts: &[Hir]) -> Analysis {
    // What the parts so far end with.
    let mut run: Set = vec![Vec::new()];
    let mut inner = None;
    let mut prefix = None;
    for part in parts {
        let known = analysis_of(part);
        let joined = known.exact.as_ref().and_then(|set| cross(&run, set));
        if let Some(joined) = joined {
            run = joined;
            continue;
        }
        let adjacent = cross(&run, &known.prefix).unwrap_or(run);
        prefix.get_or_insert_with(|| adjacent.clone());
        inner = better(inner, Some(adjacent));
        inner = better(inner, known.inner);
        // Too many to combine with what precedes, but a start for what follows.
        run = known.suffix;
    }
    match prefix {
        None => Analysis::exact(run),
        Some(prefix) => Analysis {
            exact: None,
            prefix,
            suffix: run.clone(),
            inner: better(inner, Some(run)),
        },
    }
}

fn alternation(parts: &[Hir]) -> Analysis {
    let all: Vec<Analysis> = parts.iter().map(analysis_of).collect();
    let exact: Option<Vec<Set>> = all.iter().map(|known| known.exact.clone()).collect();
    let prefix = any_of(all.iter().map(|known| &known.prefix));
    let suffix = any_of(all.iter().map(|known| &known.suffix));
    let inner: Option<Vec<Set>> = all.into_iter().map(Analysis::required).collect();
    let inner = inner.map(|sets| sets.concat());
    Analysis {
        exact: exact
            .map(|sets| sets.concat())
            .filter(|set| set.len() <= SET_LIMIT),
        prefix,
        suffix,
        inner: inner.filter(is_selective),
    }
}

/// The members of all sets; the empty text if they are too many or one is empty, which says nothing.
fn any_of<'s>(sets: impl Iterator<Item = &'s Set>) -> Set {
    let mut all = Set::new();
    for member in sets.flatten() {
        if member.is_empty() || all.len() == SET_LIMIT {
            return vec![Vec::new()];
        }
        all.push(member.clone());
    }
    all
}

/// Whether a set is worth a search for its members.
fn is_selective(set: &Set) -> bool {
    set.len() <= SET_LIMIT || set.len() <= MOST && shortest(set) >= LONG
}

fn cross(heads: &Set, tails: &Set) -> Option<Set> {
    if heads.len() * tails.len() > SET_LIMIT {
        return None;
    }
    let with = |head: &Vec<u8>| {
        tails
            .iter()
            .map(|tail| [&head[..], tail].concat())
            .collect()
    };
    let mut crossed: Set = heads
        .iter()
        .flat_map(|head| -> Set { with(head) })
        .collect();
    crossed.sort();
    crossed.dedup();
    Some(crossed)
}

fn class_members(class: &Class) -> Option<Set> {
    let mut members = Set::new();
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                for letter in range.start()..=range.end() {
                    let lower = letter.to_ascii_lowercase();
                    members.push(lower.to_string().into_bytes());
                    if members.len() > CLASS_LIMIT {
                        return None;
                    }
                }
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                for byte in range.start()..=range.end() {
                    members.push(vec![byte.to_ascii_lowercase()]);
                    if members.len() > CLASS_LIMIT {
                        return None;
                    }
                }
            }
        }
    }
    members.sort();
    members.dedup();
    Some(members)
}

fn better(one: Option<Set>, other: Option<Set>) -> Option<Set> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let key = |set: &Set| (rarity(set), usize::MAX - set.len());
            Some(if key(&one) >= key(&other) { one } else { other })
        }
        (one, other) => one.or(other),
    }
}

fn rarity(set: &Set) -> usize {
    let lengths = set.iter().map(|literal| selective_octets(literal));
    lengths.min().unwrap_or(0).min(LONG_ENOUGH)
}

fn shortest(set: &Set) -> usize {
    set.iter().map(Vec::len).min().unwrap_or(0)
}

/// The octets of a literal without those at its beginning that nearly every link has, or that stand before its target.
fn selective_octets(literal: &[u8]) -> usize {
    let mut rest = literal;
    for common in [&b" -> "[..], b"http", b"s", b"://", b"www."] {
        rest = match common {
            b"s" if rest.len() == literal.len() => rest,
            _ => rest.strip_prefix(common).unwrap_or(rest),
        };
    }
    match rest.is_empty() {
        true => literal.len().min(1),
        false => rest.len(),
    }
}

#[cfg(test)]
mod tests {
    use crate::filter::pattern::Pattern;
    use proptest::prelude::*;

    fn literals(regex: &str) -> Vec<String> {
        let pattern = Pattern::new(regex).expect("a regex");
        let literals = pattern.literals.into_iter();
        literals
            .map(|literal| String::from_utf8(literal).expect("UTF-8"))
            .collect()
    }

    #[test]
    fn what_every_link_has_is_not_selective() {
        assert_eq!(
            literals("^https?://[^?#]*/(?:trk|open)/"),
            ["/open/", "/trk/"]
        );
        assert_eq!(literals("^https?://[0-9]"), ["http://", "https://"]);
        assert_eq!(super::selective_octets(b"https://www.a.example"), 9);
        assert_eq!(super::selective_octets(b"shop"), 4);
        assert_eq!(super::selective_octets(b"http"), 1);
    }

    #[test]
    fn required_literals_of_a_regex() {
        assert_eq!(literals("(?i)^re:"), ["re:"]);
        assert_eq!(
            literals(r"\d+ dollars? (?:now|today)"),
            [
                " dollar now",
                " dollar today",
                " dollars now",
                " dollars today"
            ]
        );
        assert_eq!(literals(r"(?i)kiss\b.*ban"), ["kiss"]);
        assert_eq!(literals("v[i1!]agra"), ["v!agra", "v1agra", "viagra"]);
        assert_eq!(literals("(?:abc|de+f)x"), ["abcx", "efx"]);
        assert_eq!(
            literals("[0-9](?:/[a-z]+=|[*])https?:"),
            ["*http:", "*https:", "=http:", "=https:"]
        );
        assert_eq!(literals("/(?:wp-[a-z]+|[.][a-z]+)"), ["/.", "/wp-"]);
        assert_eq!(literals("^(?:click|klik)[^>]* -> "), ["click", "klik"]);
        assert_eq!(literals("(?:foo)+"), ["foo"]);
        assert_eq!(literals("w{3}-(?:ab){2,}c"), ["w-ab"]);
        assert_eq!(literals("(?i)für"), ["fÜr", "für"]);
        let list = |octets: usize| -> Vec<String> {
            let letters = (b'a'..=b'z').zip((b'a'..=b'z').cycle().skip(7));
            let letters = letters.map(|(one, other)| format!("{}{}", one as char, other as char));
            let words = letters.flat_map(|pair| (0..4).map(move |digit| format!("{pair}{digit}")));
            words.map(|word| word[..octets].to_owned()).collect()
        };
        assert_eq!(
            literals(&format!("[0-9](?:{}|[0-9]zzz)", list(3).join("|"))).len(),
            105
        );
        assert!(literals(&format!("[0-9](?:{}|[0-9]zzz)", list(2).join("|"))).is_empty());
    }

    #[test]
    fn no_literals_where_none_is_required() {
        for regex in [
            "[A-Z]{3,}",
            "(?:abc)*d",
            "abc|[0-9]+",
            "(?:abc)?[0-9]",
            "a.b",
        ] {
            assert!(literals(regex).is_empty(), "{regex}: {:?}", literals(regex));
        }
    }

    proptest! {
        #[test]
        fn every_match_contains_a_required_literal(regex in regex(), text in "[abcABC1]{0,12}") {
            let Ok(pattern) = Pattern::new(&regex) else {
                return Ok(());
            };
            if pattern.regex().is_some_and(|regex| regex.is_match(text.as_bytes())) && !pattern.literals.is_empty() {
                let text = text.to_ascii_lowercase().into_bytes();
                let found = |literal: &Vec<u8>| memchr::memmem::find(&text, literal).is_some();
                prop_assert!(pattern.literals.iter().any(found), "{:?}", pattern.literals);
            }
        }
    }

    fn regex() -> impl Strategy<Value = String> {
        let letters = prop_oneof![
            "[abc1]{1,3}",
            Just(".".to_owned()),
            Just("[ab]".to_owned()),
            Just("(?i:b)".to_owned())
        ];
        letters.prop_recursive(4, 24, 4, |inner| {
            let many = proptest::collection::vec(inner.clone(), 1..4);
            prop_oneof![
                many.clone().prop_map(|parts| parts.concat()),
                many.prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner, "[?*+]|\\{2\\}|\\{1,3\\}")
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
            ]
        })
    }
}
