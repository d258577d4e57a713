//! Builds a scanner: one automaton for words and literals, sets for regexes without a literal.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::finds::{Find, Finds};
use super::folded::{composed, folded};
use super::near::NearRule;
use super::{LOOSE_TOGETHER, Placed, Scanner, Search};
use crate::filter::lists::Lists;
use crate::filter::place::Place;
use crate::filter::rule::{Near, Rule, Test};
use crate::filter::rule_error::RuleError;
use crate::filter::shared::{Shared, SourceDigest};

/// Limit of a compiled set of regexes without literals.
const LOOSE_SIZE_LIMIT: usize = 16 << 20;

/// Cache of a set's states, per thread.
const LOOSE_CACHE: usize = 4 << 20;

/// The automata and the sets of all filters.
static AUTOMATA: LazyLock<Shared<AhoCorasick>> = LazyLock::new(Shared::default);
static SETS: LazyLock<Shared<RegexSet>> = LazyLock::new(Shared::default);

impl Scanner {
    /// A scanner for the rules of one place, with their indexes and the indexes of their
    /// first phrases.
    pub(crate) fn new(
        place: Place,
        rules: &[Placed<'_>],
        lists: &Lists,
    ) -> Result<Self, RuleError> {
        let mut scanner = Self {
            place,
            words: None,
            finds: Finds::default(),
            regexes: Vec::new(),
            loose: Vec::new(),
            loose_regexes: Vec::new(),
            nears: Vec::new(),
            presence: Vec::new(),
            listed: Vec::new(),
            numbers: Vec::new(),
        };
        let mut patterns = AutomatonPatterns::default();
        for (number, rule, phrase) in rules {
            scanner.add(*number, rule, *phrase, lists, &mut patterns);
        }
        if !patterns.texts.is_empty() {
            scanner.words = Some(automaton(&patterns.texts)?);
            scanner.finds = Finds::new(&patterns.finds);
        }
        for some in scanner.loose_regexes.chunks(LOOSE_TOGETHER) {
            let some = some.iter();
            let some = some.map(|regex| scanner.regexes[*regex].pattern.source());
            scanner.loose.push(set(&some.collect::<Vec<_>>())?);
        }
        Ok(scanner)
    }

    /// Adds a rule.
    fn add(
        &mut self,
        number: usize,
        rule: &Rule,
        phrase: usize,
        lists: &Lists,
        patterns: &mut AutomatonPatterns,
    ) {
        match &rule.test {
            Test::Phrases(list) => {
                for (at, text) in list.iter().enumerate() {
                    let (text, open) = ending(text);
                    let find = Find::Phrase {
                        rule: number,
                        phrase: phrase + at,
                        open,
                    };
                    patterns.spell(text, find);
                }
            }
            Test::Near(near) => self.add_near(number, near, patterns),
            Test::Regex(pattern) => {
                let regex = self.regexes.len();
                let literals = pattern.literals.iter();
                let literals: Option<Vec<_>> = literals.map(|one| folded_literal(one)).collect();
                let literals = literals.unwrap_or_default();
                if literals.is_empty() {
                    self.loose_regexes.push(regex);
                }
                for literal in literals {
                    patterns.add(literal, Find::Literal { regex });
                }
                self.regexes.push(Search {
                    rule: number,
                    at_least: rule.at_least,
                    pattern: pattern.clone(),
                });
            }
            Test::Exists | Test::Missing => self.presence.push(number),
            Test::Listed(name) => {
                let list = lists.named(name).cloned().unwrap_or_default();
                self.listed.push((number, list));
            }
            Test::Number(range) => self.numbers.push((number, *range)),
            // These look at no text.
            Test::Count(_) | Test::Fact(..) | Test::Combined(_) => {}
        }
    }

    fn add_near(&mut self, number: usize, rule: &Near, patterns: &mut AutomatonPatterns) {
        let near = self.nears.len();
        for (group, list) in rule.groups.iter().enumerate() {
            for text in list {
                let (text, open) = ending(text);
                patterns.spell(text, Find::Near { near, group, open });
            }
        }
        self.nears.push(NearRule {
            rule: number,
            groups: rule.groups.len(),
            within: rule.within,
        });
    }
}

/// The automaton of these words and literals.
fn automaton(texts: &[Vec<u8>]) -> Result<Arc<AhoCorasick>, RuleError> {
    AUTOMATA.get(SourceDigest::of(texts), || {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(texts)
            .map_err(|error| RuleError::ScannerTooBig(error.to_string()))
    })
}

/// The set of these regexes.
fn set(sources: &[&str]) -> Result<Arc<RegexSet>, RuleError> {
    SETS.get(SourceDigest::of(sources), || {
        RegexSetBuilder::new(sources)
            .size_limit(LOOSE_SIZE_LIMIT)
            .dfa_size_limit(LOOSE_CACHE)
            .build()
            .map_err(|error| RuleError::ScannerTooBig(error.to_string()))
    })
}

/// A word without its trailing star, and whether it had one.
fn ending(text: &str) -> (&str, bool) {
    match text.strip_suffix('*') {
        // A text of stars only is literal.
        Some(stem) if !stem.is_empty() && !stem.ends_with('*') => (stem, true),
        _ => (text, false),
    }
}

/// Patterns of an automaton, without duplicates.
#[derive(Default)]
struct AutomatonPatterns {
    texts: Vec<Vec<u8>>,
    finds: Vec<Vec<Find>>,
    known: HashMap<Vec<u8>, usize>,
}

impl AutomatonPatterns {
    fn spell(&mut self, text: &str, find: Find) {
        for spelling in spellings(text) {
            self.add(folded(&composed(&spelling)).into_owned(), find);
        }
    }

    fn add(&mut self, text: Vec<u8>, find: Find) {
        let key = text.to_ascii_lowercase();
        let number = *self.known.entry(key).or_insert(self.texts.len());
        if number == self.texts.len() {
            self.texts.push(text);
            self.finds.push(Vec::new());
        }
        self.finds[number].push(find);
    }
}

/// The spellings of a word that have different forms: Turkish has two letters i, and people write one for the other.
fn spellings(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    if !lower.contains(['ı', 'ğ', 'ş']) {
        return vec![text.to_owned()];
    }
    let mut all = vec![
        lower.replace('i', "İ").replace('ı', "i"),
        lower.replace('ı', "i"),
        first_letters_dotted(&lower),
        lower,
    ];
    all.sort();
    all.dedup();
    all
}

/// A text in which words begin with `İ` instead of `i`.
fn first_letters_dotted(text: &str) -> String {
    let mut before = ' ';
    let dotted = text.chars().map(|letter| {
        let begins = std::mem::replace(&mut before, letter) == ' ';
        if begins && letter == 'i' {
            'İ'
        } else {
            letter
        }
    });
    dotted.collect()
}

/// A literal of a regex as it is in a folded text; `None` if it is not whole letters.
fn folded_literal(literal: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(literal).ok()?;
    Some(folded(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_star_matches_longer_words() {
        assert_eq!(ending("suspend*"), ("suspend", true));
        assert_eq!(ending("***"), ("***", false));
    }

    #[test]
    fn turkish_words_have_several_spellings() {
        assert_eq!(spellings("Free"), ["Free"]);
        assert_eq!(spellings("бесплатно"), ["бесплатно"]);
        let all = spellings("kısıtlı işlem");
        for spelling in [
            "kısıtlı işlem",
            "kisitli işlem",
            "kısıtlı İşlem",
            "kisitli İşlem",
        ] {
            assert!(all.contains(&spelling.to_owned()), "{spelling}: {all:?}");
        }
    }

    #[test]
    fn literals_are_folded_as_texts_are() {
        assert_eq!(folded_literal("Счёт".as_bytes()), Some("счет".into()));
        assert_eq!(folded_literal(&[0xd0]), None);
    }
}
