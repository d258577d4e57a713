//! Searches the texts of one place for all its rules in one pass.
//!
//! In: the rules of a place, once; then the texts of a message at this place; out: counts and matched
//! texts in `RuleMatches`. One automaton finds all words, phrases and required literals of regexes; a
//! regex runs only on a text with one of its literals. The work is linear in the text.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{RegexSet, RegexSetBuilder};
use std::collections::HashMap;
use std::sync::Arc;

use crate::filter::lists::{List, Lists};
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;
use crate::filter::required_bytes::ByteSet;
use crate::filter::rule::{Range, Rule, Test};
use crate::filter::rule_error::RuleError;
use crate::message::visible_text::cut;

/// Bytes of matched text that are kept: a line of a report.
const TEXT_LIMIT: usize = 80;

/// Limit of a compiled set of regexes without literals.
const LOOSE_SIZE_LIMIT: usize = 16 << 20;

/// Regexes in one such set: the states of more together do not fit into the cache, and
/// without it each costs a hundred times as much.
const LOOSE_TOGETHER: usize = 8;

/// On a text up to this length regexes without literals run one by one, if it has the
/// bytes they require: few are left then, and a set is slow to start.
const SHORT: usize = 512;

/// Cache of a set's states, per thread.
const LOOSE_CACHE: usize = 4 << 20;

/// A rule at a place: its index, itself, and the index of its first phrase.
pub(crate) type Placed<'r> = (usize, &'r Rule, usize);

/// What was found so far, by rule.
#[derive(Debug, Clone)]
pub(crate) struct RuleMatches {
    pub(crate) counts: Vec<u32>,
    pub(crate) texts: Vec<String>,
    seen: Vec<bool>,
}

impl RuleMatches {
    pub(crate) fn new(rules: usize, phrases: usize) -> Self {
        Self {
            counts: vec![0; rules],
            texts: vec![String::new(); rules],
            seen: vec![false; phrases],
        }
    }

    pub(crate) fn add(&mut self, rule: usize, matched: &str) {
        self.counts[rule] += 1;
        let text = &mut self.texts[rule];
        if text.is_empty() {
            text.push_str(cut(matched.trim(), TEXT_LIMIT));
        } else if text.len() + 2 + matched.len() <= TEXT_LIMIT {
            text.push_str(", ");
            text.push_str(matched);
        }
    }
}

/// The search for all rules of one place.
#[derive(Debug)]
pub(crate) struct Scanner {
    pub(crate) place: Place,
    words: Option<AhoCorasick>,
    /// By the automaton's pattern.
    finds: Vec<Vec<Find>>,
    regexes: Vec<Search>,
    /// The regexes without a literal, in groups.
    loose: Vec<RegexSet>,
    /// Index into `regexes` by index over all of `loose`.
    loose_regexes: Vec<usize>,
    nears: Vec<NearRule>,
    /// Rules that count the texts themselves.
    presence: Vec<usize>,
    listed: Vec<(usize, Arc<List>)>,
    numbers: Vec<(usize, Range)>,
}

/// The meaning of a pattern that the automaton found.
#[derive(Debug, Clone, Copy)]
enum Find {
    /// A rule's word or phrase, if it is a whole word; each phrase counts once.
    Phrase {
        rule: usize,
        phrase: usize,
        open: bool,
    },
    /// One of a group's words.
    Near {
        near: usize,
        group: usize,
        open: bool,
    },
    /// This regex may match.
    Literal { regex: usize },
}

/// A rule that searches for words close to each other.
#[derive(Debug)]
struct NearRule {
    rule: usize,
    groups: usize,
    within: usize,
}

/// Where the last word of each group was seen in a text.
#[derive(Debug, Clone, Default)]
struct LastSeen([Option<(usize, usize)>; 4]);

impl NearRule {
    fn saw(
        &self,
        group: usize,
        text: &str,
        at: std::ops::Range<usize>,
        last: &mut LastSeen,
        matches: &mut RuleMatches,
    ) {
        last.0[group] = Some((at.start, at.end));
        let seen: Option<Vec<_>> = last.0[..self.groups].iter().copied().collect();
        let Some(mut seen) = seen else {
            return;
        };
        seen.sort_unstable();
        let apart = |pair: &[(usize, usize)]| {
            // One word may be part of phrases of two groups.
            let between = text.get(pair[0].1..pair[1].0).unwrap_or_default();
            between.len() > self.within || has_sentence_end(between)
        };
        if seen.windows(2).any(apart) {
            return;
        }
        let begin = seen[0].0;
        let end = seen.iter().map(|(_, end)| *end).max().unwrap_or(begin);
        matches.add(self.rule, &text[begin..end]);
        // A match counts once.
        *last = LastSeen::default();
    }
}

/// Punctuation followed by white space; the dot of a number or a host does not count.
fn has_sentence_end(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut ends = memchr::memchr3_iter(b'.', b'!', b'?', bytes);
    ends.any(|at| bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace))
}

/// A word without its trailing star, and whether it had one.
fn ending(text: &str) -> (&str, bool) {
    match text.strip_suffix('*') {
        // A text of stars only is literal.
        Some(stem) if !stem.is_empty() && !stem.ends_with('*') => (stem, true),
        _ => (text, false),
    }
}

#[derive(Debug)]
struct Search {
    rule: usize,
    at_least: u32,
    pattern: Pattern,
}

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
            finds: Vec::new(),
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
            match &rule.test {
                Test::Phrases(list) => {
                    for (at, text) in list.iter().enumerate() {
                        let (text, open) = ending(text);
                        let find = Find::Phrase {
                            rule: *number,
                            phrase: *phrase + at,
                            open,
                        };
                        patterns.spell(text, find);
                    }
                }
                Test::Near(near) => {
                    for (group, list) in near.groups.iter().enumerate() {
                        for text in list {
                            let (text, open) = ending(text);
                            let near = scanner.nears.len();
                            patterns.spell(text, Find::Near { near, group, open });
                        }
                    }
                    scanner.nears.push(NearRule {
                        rule: *number,
                        groups: near.groups.len(),
                        within: near.within,
                    });
                }
                Test::Regex(pattern) => {
                    let regex = scanner.regexes.len();
                    for literal in &pattern.literals {
                        patterns.add(literal.clone(), Find::Literal { regex });
                    }
                    if pattern.literals.is_empty() {
                        scanner.loose_regexes.push(regex);
                    }
                    scanner.regexes.push(Search {
                        rule: *number,
                        at_least: rule.at_least,
                        pattern: pattern.clone(),
                    });
                }
                Test::Exists | Test::Missing => scanner.presence.push(*number),
                Test::Listed(name) => {
                    let list = lists.named(name).cloned().unwrap_or_default();
                    scanner.listed.push((*number, list));
                }
                Test::Number(range) => scanner.numbers.push((*number, *range)),
                // These look at no text.
                Test::Count(_) | Test::Fact(..) | Test::Combined(_) => {}
            }
        }
        if !patterns.texts.is_empty() {
            let words = AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .build(&patterns.texts);
            scanner.words =
                Some(words.map_err(|error| RuleError::ScannerTooBig(error.to_string()))?);
            scanner.finds = patterns.finds;
        }
        for some in scanner.loose_regexes.chunks(LOOSE_TOGETHER) {
            let some = some.iter();
            let some = some.map(|regex| scanner.regexes[*regex].pattern.source());
            let set = RegexSetBuilder::new(some)
                .size_limit(LOOSE_SIZE_LIMIT)
                .dfa_size_limit(LOOSE_CACHE)
                .build();
            scanner
                .loose
                .push(set.map_err(|error| RuleError::ScannerTooBig(error.to_string()))?);
        }
        Ok(scanner)
    }

    /// Searches the texts of the place.
    pub(crate) fn scan<'t>(&self, texts: impl Iterator<Item = &'t str>, matches: &mut RuleMatches) {
        let mut awake = vec![false; self.regexes.len()];
        let mut woken: Vec<usize> = Vec::new();
        let mut last = vec![LastSeen::default(); self.nears.len()];
        let mut begun: Vec<usize> = Vec::new();
        for text in texts {
            for rule in &self.presence {
                matches.add(*rule, text);
            }
            for (rule, list) in &self.listed {
                if list.has(text) {
                    matches.add(*rule, text);
                }
            }
            for (rule, range) in &self.numbers {
                if leading_number(text).is_some_and(|number| range.has(number)) {
                    matches.add(*rule, text);
                }
            }
            if let Some(words) = &self.words {
                for found in words.find_overlapping_iter(text) {
                    for find in &self.finds[found.pattern().as_usize()] {
                        match *find {
                            Find::Literal { regex } => {
                                if !std::mem::replace(&mut awake[regex], true) {
                                    woken.push(regex);
                                }
                            }
                            Find::Near { near, group, open } => {
                                if stands_alone(text, found.range(), open) {
                                    begun.push(near);
                                    let rule = &self.nears[near];
                                    rule.saw(group, text, found.range(), &mut last[near], matches);
                                }
                            }
                            Find::Phrase { rule, phrase, open } => {
                                if !matches.seen[phrase] && stands_alone(text, found.range(), open)
                                {
                                    matches.seen[phrase] = true;
                                    matches.add(rule, &text[found.range()]);
                                }
                            }
                        }
                    }
                }
            }
            let have = if text.len() <= SHORT {
                woken.extend(&self.loose_regexes);
                ByteSet::of(text.as_bytes())
            } else {
                let sets = self.loose.iter();
                for (set, regexes) in sets.zip(self.loose_regexes.chunks(LOOSE_TOGETHER)) {
                    let matching = set.matches(text.as_bytes());
                    woken.extend(matching.into_iter().map(|number| regexes[number]));
                }
                ByteSet::ALL
            };
            for regex in woken.drain(..) {
                awake[regex] = false;
                let search = &self.regexes[regex];
                if search
                    .pattern
                    .required_bytes
                    .iter()
                    .all(|need| have.meets(need))
                {
                    search.run(text, matches);
                }
            }
            for near in begun.drain(..) {
                last[near] = LastSeen::default();
            }
        }
    }
}

impl Search {
    fn run(&self, text: &str, matches: &mut RuleMatches) {
        let missing = self.at_least.saturating_sub(matches.counts[self.rule]);
        let Some(regex) = self.pattern.regex() else {
            return;
        };
        let all = regex.find_iter(text.as_bytes());
        for found in all.take(missing as usize) {
            matches.add(self.rule, &String::from_utf8_lossy(found.as_bytes()));
        }
    }
}

/// The number at the beginning of a text: 1 for `1 (Highest)`.
fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '-' | '+'));
    text[..end.unwrap_or(text.len())]
        .trim_end_matches('.')
        .parse()
        .ok()
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
            self.add(spelling.into_bytes(), find);
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

// The automaton ignores case in ASCII; other scripts need each spelling.
fn spellings(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return vec![text.to_owned()];
    }
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let title = first.chain(letters.flat_map(char::to_lowercase)).collect();
    let mut all = vec![
        text.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
        title,
    ];
    all.sort_by_key(|text| text.to_ascii_lowercase());
    all.dedup_by_key(|text| text.to_ascii_lowercase());
    all
}

/// Whether a match is not part of a longer word; punctuation at its edge is a boundary. An
/// open one may be continued.
fn stands_alone(text: &str, range: std::ops::Range<usize>, open: bool) -> bool {
    let in_word = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let (before, found, after) = (
        &text[..range.start],
        &text[range.clone()],
        &text[range.end..],
    );
    let began = in_word(before.chars().next_back()) && in_word(found.chars().next());
    let goes_on = in_word(after.chars().next()) && in_word(found.chars().next_back());
    !began && (open || !goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone() {
        assert!(stands_alone("act now!", 0..7, false));
        assert!(!stands_alone("react now", 2..9, false));
        assert!(!stands_alone("nowé", 0..3, false));
        assert!(stands_alone("a$$$b", 1..4, false));
        assert!(stands_alone("suspended", 0..7, true));
        assert!(!stands_alone("unsuspended", 2..9, true));
        assert_eq!(ending("suspend*"), ("suspend", true));
        assert_eq!(ending("***"), ("***", false));
    }

    #[test]
    fn numbers_begin_texts() {
        assert_eq!(leading_number(" 1 (Highest)"), Some(1.0));
        assert_eq!(leading_number("-2.5."), Some(-2.5));
        assert_eq!(leading_number("high"), None);
    }

    #[test]
    fn letters_of_other_scripts_are_spelled_in_both_cases() {
        assert_eq!(spellings("Free"), ["Free"]);
        let mut all = spellings("бесплатно");
        all.sort();
        assert_eq!(all, ["БЕСПЛАТНО", "Бесплатно", "бесплатно"]);
    }
}
