//! Finds rules that search for the same thing, so that a message is scored for it twice.
//!
//! In: rules; out: pairs with what they share. Only the definitions are compared;
//! [`crate::filter::cost::twins`] compares hits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::filter::rule::{Rule, Test};
use crate::filter::rules::RuleSet;

/// Two rules and what both search for at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The rule that comes first.
    pub rule: Arc<str>,
    /// The other.
    pub other: Arc<str>,
    /// Where both look.
    pub place: String,
    /// What both search for.
    pub shared: Vec<String>,
}

/// All pairs of rules that share at least half of what one of them searches for.
pub fn find(rules: &RuleSet) -> Vec<Overlap> {
    let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.score != 0.0).collect();
    // By place and text: the rules that search for it.
    let mut seekers: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (number, rule) in rules.iter().enumerate() {
        // A fact has no place.
        let mut places: Vec<String> = rule.places.iter().map(ToString::to_string).collect();
        if places.is_empty() {
            places.push("the message".to_owned());
        }
        for place in places {
            for text in sought(rule) {
                let seekers = seekers.entry((place.clone(), text)).or_default();
                seekers.push(number);
            }
        }
    }
    let mut pairs: BTreeMap<(usize, usize, String), BTreeSet<String>> = BTreeMap::new();
    for ((place, text), numbers) in seekers {
        for (at, one) in numbers.iter().enumerate() {
            for other in &numbers[at + 1..] {
                let pair = (*one, *other, place.clone());
                pairs.entry(pair).or_default().insert(text.clone());
            }
        }
    }
    let mut found = Vec::new();
    for ((one, other, place), shared) in pairs {
        let (all, others) = (sought(rules[one]), sought(rules[other]));
        // A second rule with a higher `at_least` is intended: more matches score more.
        let fewest = all.len().min(others.len());
        let step = rules[one].at_least != rules[other].at_least && shared.len() * 5 >= fewest * 4;
        if shared.len() * 2 >= fewest && !step {
            found.push(Overlap {
                rule: rules[one].id.clone(),
                other: rules[other].id.clone(),
                place,
                shared: shared.into_iter().collect(),
            });
        }
    }
    found
}

/// What a rule searches for, as comparable texts.
fn sought(rule: &Rule) -> BTreeSet<String> {
    match &rule.test {
        Test::Phrases(list) => list.iter().map(|text| text.to_lowercase()).collect(),
        Test::Regex(pattern) => BTreeSet::from([format!("/{}/", pattern.source())]),
        Test::Listed(list) => BTreeSet::from([format!("list {list}")]),
        Test::Fact(fact, range) => {
            BTreeSet::from([format!("fact {} {}..{}", fact.name, range.min, range.max)])
        }
        Test::Near(_)
        | Test::Exists
        | Test::Missing
        | Test::Number(_)
        | Test::Count(_)
        | Test::Combined(_) => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systematic_overlap_is_found_and_coincidence_is_not() {
        let rule = |id: &str, at: &str, test: &str| {
            format!(
                "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nscore = 1\nwhere = \"{at}\"\n{test}\n"
            )
        };
        let text = [
            rule("AAA", "body", "words = [\"gold\", \"silver\", \"tin\"]"),
            rule(
                "BBB",
                "body",
                "words = [\"Gold\", \"SILVER\", \"x\", \"y\", \"z\"]",
            ),
            rule("CCC", "body", "words = [\"gold\", \"k\", \"l\"]"),
            rule(
                "CCC_MUCH",
                "body",
                "at_least = 2\nwords = [\"gold\", \"k\", \"l\"]",
            ),
            rule("DDD", "subject", "words = [\"gold\", \"silver\", \"tin\"]"),
            rule("EEE", "subject", "regex = 'a+b'"),
            rule("FFF", "subject", "regex = 'a+b'"),
        ];
        let set = RuleSet::parse([("a.toml".to_owned(), text.concat())]).expect("sound rules");
        let found = find(&set);
        let found: Vec<_> = found
            .iter()
            .map(|it| (&*it.rule, &*it.other, &*it.place, it.shared.join(" ")))
            .collect();
        let expected = [
            ("AAA", "BBB", "body", "gold silver".to_owned()),
            ("EEE", "FFF", "subject", "/a+b/".to_owned()),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert_eq!(found[0], expected[0]);
        assert_eq!((found[1].0, found[1].1), ("EEE", "FFF"));
    }
}
