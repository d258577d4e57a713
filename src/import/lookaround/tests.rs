//! Rewritten look-around, compared with an exhaustive matcher.

use super::split::split;
use super::*;
use crate::filter::pattern::Pattern;
use crate::import::emit_regex;
use crate::import::perl::{Flags, parse};
use proptest::prelude::*;

fn node(regex: &str) -> Node {
    parse(regex.as_bytes(), Flags::default()).expect("a regex")
}

fn rewritten(regex: &str) -> String {
    match without_look_around(&node(regex)) {
        Ok(node) => emit_regex::regex(&node, false),
        Err(reason) => reason.to_string(),
    }
}

fn is_found(regex: &str, text: &str) -> bool {
    let regex = regex::bytes::Regex::new(&rewritten(regex)).expect("a regex");
    regex.is_match(text.as_bytes())
}

#[test]
fn one_byte_lookaround_becomes_a_class() {
    assert_eq!(rewritten("a(?!b)[a-c]"), "(?-u)a[ac]");
    assert_eq!(rewritten("a(?=[b-d])[c-e]"), "(?-u)a[cd]");
    assert_eq!(rewritten("[a-c](?<!b)d"), "(?-u)[ac]d");
    assert_eq!(
        rewritten("(?![aeiou])(?!x)[a-z]y"),
        "(?-u)[b-df-hj-np-tvwyz]y"
    );
}

#[test]
fn lookaround_at_the_ends_is_included_in_the_match() {
    assert_eq!(rewritten("foo(?=bar)"), "(?-u)foobar");
    assert_eq!(rewritten("foo(?!b)"), "(?-u)foo(?:$|[^b])");
    assert_eq!(rewritten("(?<!x)foo"), "(?-u)(?:^|[^x])foo");
    assert_eq!(rewritten("(?<=x|yz)foo"), "(?-u)(?:x|yz)foo");
    assert!(is_found("foo(?!bar)", "foo") && is_found("foo(?!bar)", "fooba"));
    assert!(is_found("foo(?!bar)", "foobar foo") && !is_found("foo(?!bar)", "foobar"));
}

#[test]
fn lookahead_is_merged_with_what_follows() {
    assert!(!is_found("(?!viagra)v[i1]agra", "viagra"));
    assert!(is_found("(?!viagra)v[i1]agra", "v1agra"));
    assert!(is_found(r"foo(?!bar\b)\w+", "foobars") && !is_found(r"foo(?!bar\b)\w+", "foobar"));
    assert!(is_found(r"\d+(?<!:80)(?<!:443)/", ":8080/") && !is_found(r":\d+(?<!:80)/", ":80/"));
    assert!(is_found(r"<a>(?:(?!</a>).)*x</a>", "<a>zx</a>"));
    assert!(!is_found(r"<a>(?:(?!</a>).)*x</a>", "<a>z</a>x</a>"));
    assert!(!is_found(r"^(?!.*ab)x", "xaab") && is_found(r"^(?!.*ab)x", "xaa"));
    assert!(is_found(r"(?=.*\d)[a-z]+x", "abx9") && !is_found(r"(?=.*\d)[a-z]+x", "abx"));
}

#[test]
fn lookaround_that_grows_too_large_is_refused() {
    assert_eq!(rewritten("^a{40}(?!.*abc.{9}d)"), "look-around");
    assert_eq!(rewritten("a(?!b(?!c))d*$"), "look-around");
}

#[test]
fn lookahead_on_the_whole_text_becomes_conditions() {
    let found = split(&node("^(?=.*a)(?!.*b)c.*d")).expect("conditions");
    assert_eq!(found.all, [node("^.*a"), node("^c.*d")]);
    assert_eq!(found.none, [node("^.*b")]);
    assert_eq!(split(&node("^ab")), None);
    assert_eq!(split(&node("(?=a)b")), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_rewritten_regex_matches_the_same_texts(regex in regex(), text in "[ab ]{0,8}") {
        let tree = node(&regex);
        if let Ok(rewritten) = without_look_around(&tree) {
            let shown = emit_regex::regex(&rewritten, false);
            // Compiled as in rules, except that rules reject regexes that match the empty text.
            let compiled = match Pattern::new(&shown) {
                Ok(pattern) => pattern.regex().expect("a regex").clone(),
                Err(_) => regex::bytes::Regex::new(&shown).expect("a regex"),
            };
            let finds = (0..=text.len()).any(|at| reference(&tree, text.as_bytes(), at).any(|_| true));
            prop_assert_eq!(compiled.is_match(text.as_bytes()), finds, "{}", shown);
        }
    }
}

/// The ends of all matches that begin at a position, by exhaustive search.
fn reference(node: &Node, text: &[u8], at: usize) -> impl Iterator<Item = usize> {
    let word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|byte| Bytes::word().has(*byte))
    };
    let is_boundary = word(at.checked_sub(1)) != word(Some(at));
    let when = |holds: bool| if holds { vec![at] } else { Vec::new() };
    let mut ends: Vec<usize> = match node {
        Node::Empty => vec![at],
        Node::Fail => Vec::new(),
        Node::Set(set) => match text.get(at) {
            Some(byte) if set.has(*byte) => vec![at + 1],
            _ => Vec::new(),
        },
        Node::Anchor(anchor) => when(match anchor {
            Anchor::Start => at == 0,
            Anchor::End => at == text.len(),
            Anchor::LineStart => at == 0 || text[at - 1] == b'\n',
            Anchor::LineEnd => at == text.len() || text[at] == b'\n',
            Anchor::Word => is_boundary,
            Anchor::NotWord => !is_boundary,
        }),
        Node::Concat(_) => {
            let (head, tail) = node.split();
            let ends: Vec<usize> = reference(&head, text, at).collect();
            ends.into_iter()
                .flat_map(|at| reference(&tail, text, at).collect::<Vec<_>>())
                .collect()
        }
        Node::Alt(parts) => parts
            .iter()
            .flat_map(|part| reference(part, text, at).collect::<Vec<_>>())
            .collect(),
        Node::Repeat(sub, times) => {
            let mut all = if times.min == 0 { vec![at] } else { Vec::new() };
            if times.max != Some(0) {
                let again = (**sub).clone().repeat(times.less());
                let once: Vec<usize> = reference(sub, text, at).collect();
                for end in once.into_iter().filter(|end| times.min > 0 || *end > at) {
                    let max_is_one = times.max == Some(1);
                    if max_is_one {
                        all.push(end);
                    } else {
                        all.extend(reference(&again, text, end).collect::<Vec<_>>());
                    }
                }
            }
            all
        }
        Node::Look(look, sub) => {
            let holds = if look.ahead {
                reference(sub, text, at).any(|_| true)
            } else {
                (0..=at).any(|from| reference(sub, text, from).any(|end| end == at))
            };
            when(holds != look.negative)
        }
    };
    ends.sort_unstable();
    ends.dedup();
    ends.into_iter()
}

fn regex() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[ab]{1,2}",
        Just(".".to_owned()),
        Just("[ab]".to_owned()),
        Just(r"\b".to_owned()),
        Just("$".to_owned()),
    ];
    let plain = atom.prop_recursive(2, 8, 3, |inner| {
        let many = proptest::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            many.clone().prop_map(|parts| parts.concat()),
            many.prop_map(|parts| format!("(?:{})", parts.join("|"))),
            (inner, "[?*]|\\{1,2\\}").prop_map(|(part, times)| format!("(?:{part}){times}")),
        ]
    });
    let look = (plain.clone(), "\\?=|\\?!|\\?<=|\\?<!")
        .prop_map(|(plain, kind)| format!("({kind}{plain})"));
    let part = prop_oneof![3 => plain, 2 => look];
    let many = proptest::collection::vec(part, 1..4);
    prop_oneof![
        4 => many.clone().prop_map(|parts| parts.concat()),
        1 => many.clone().prop_map(|parts| format!("(?:{})*b", parts.concat())),
        1 => many.prop_map(|parts| format!("a(?:{})b", parts.join("|"))),
    ]
}
