//! What the scanners found in a message: matches by rule.

use std::cell::Cell;
use std::ops::Range;

use crate::message::visible_text::cut;

/// Bytes of matched text that are kept: a line of a report.
const TEXT_LIMIT: usize = 80;

/// What was found so far, by rule.
#[derive(Debug, Clone)]
pub(crate) struct RuleMatches {
    tables: Tables,
}

/// Few rules match a message: only these have a count and a text.
#[derive(Debug, Clone, Default)]
struct Tables {
    /// By rule that matches: its index in `found` and one more; 0 for others.
    places: Vec<u32>,
    found: Vec<Found>,
    /// What the rules match, by their ranges.
    texts: String,
    /// A bit for each phrase: whether it was counted. There are tens of thousands.
    seen: Vec<u64>,
    /// Indexes into `seen` of what is not 0.
    marked: Vec<u32>,
}

/// The matches of a rule.
#[derive(Debug, Clone)]
struct Found {
    rule: usize,
    count: u32,
    text: Range<usize>,
}

thread_local! {
    /// The tables of the thread's last message: all numbers in them are 0. To allocate and clear them for each message would
    /// cost more than their use.
    static TABLES: Cell<Tables> = Cell::default();
}

/// More of texts is not kept.
const KEPT: usize = 64 << 10;

impl Drop for RuleMatches {
    fn drop(&mut self) {
        let mut tables = std::mem::take(&mut self.tables);
        tables.clear();
        if tables.texts.capacity() <= KEPT {
            // When the thread ends there is no next message.
            let _ = TABLES.try_with(|it| it.set(tables));
        }
    }
}

impl Tables {
    fn clear(&mut self) {
        for found in self.found.drain(..) {
            self.places[found.rule] = 0;
        }
        for at in self.marked.drain(..) {
            self.seen[at as usize] = 0;
        }
        self.texts.clear();
    }
}

impl RuleMatches {
    pub(crate) fn new(rules: usize, phrases: usize) -> Self {
        let mut tables = TABLES.take();
        // Other rules may have been in use before.
        tables.places.resize(rules, 0);
        tables.seen.resize(phrases.div_ceil(64), 0);
        tables.found.reserve(USUAL);
        tables.texts.reserve(USUAL_TEXT);
        Self { tables }
    }

    pub(crate) fn add(&mut self, rule: usize, matched: &str) {
        let Tables {
            places,
            found,
            texts,
            ..
        } = &mut self.tables;
        let place = &mut places[rule];
        if *place == 0 {
            found.push(Found {
                rule,
                count: 0,
                text: 0..0,
            });
            *place = found.len() as u32;
        }
        let Found { count, text, .. } = &mut found[*place as usize - 1];
        *count += 1;
        if Range::is_empty(text) {
            let start = texts.len();
            texts.push_str(cut(matched.trim(), TEXT_LIMIT));
            *text = start..texts.len();
        } else if text.len() + 2 + matched.len() <= TEXT_LIMIT {
            // Others may stand behind it.
            if text.end < texts.len() {
                let start = texts.len();
                let same = texts[text.clone()].to_owned();
                texts.push_str(&same);
                *text = start..texts.len();
            }
            texts.push_str(", ");
            texts.push_str(matched);
            text.end = texts.len();
        }
    }

    /// Whether a phrase was counted.
    #[inline]
    pub(crate) fn has_seen(&self, phrase: usize) -> bool {
        self.tables.seen[phrase / 64] >> (phrase % 64) & 1 != 0
    }

    /// Notes that a phrase was counted.
    pub(crate) fn see(&mut self, phrase: usize) {
        let bits = &mut self.tables.seen[phrase / 64];
        if *bits == 0 {
            self.tables.marked.push((phrase / 64) as u32);
        }
        *bits |= 1 << (phrase % 64);
    }

    fn found(&self, rule: usize) -> Option<&Found> {
        let place = self.tables.places[rule] as usize;
        self.tables.found.get(place.checked_sub(1)?)
    }

    /// How often a rule matches.
    pub(crate) fn count(&self, rule: usize) -> u32 {
        self.found(rule).map_or(0, |found| found.count)
    }

    /// The rules that match.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        self.tables.found.iter().map(|found| found.rule)
    }

    /// What a rule matches.
    pub(crate) fn text(&self, rule: usize) -> &str {
        let found = self.found(rule);
        found.map_or("", |found| &self.tables.texts[found.text.clone()])
    }
}

/// Room for the rules that match most messages.
const USUAL: usize = 64;

/// Room for what they match.
const USUAL_TEXT: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_the_texts_of_its_matches() {
        let mut matches = RuleMatches::new(3, 70);
        for (rule, text) in [(0, " a "), (2, "b"), (0, "c"), (0, "d"), (2, "e"), (1, "")] {
            matches.add(rule, text);
        }
        matches.add(1, &"x".repeat(100));
        matches.add(1, "y");
        assert_eq!((matches.text(0), matches.text(2)), ("a, c, d", "b, e"));
        assert_eq!((matches.text(1), matches.count(1)), (&*"x".repeat(80), 3));
        matches.see(69);
        assert!(matches.has_seen(69) && !matches.has_seen(5));
    }

    #[test]
    fn nothing_is_left_of_the_message_before() {
        for (rules, phrases) in [(3, 70), (2, 1000), (5, 64), (9, 2000)] {
            let mut matches = RuleMatches::new(rules, phrases);
            assert_eq!(matches.rules().count(), 0);
            assert!((0..phrases).all(|phrase| !matches.has_seen(phrase)));
            for rule in 0..rules {
                assert_eq!((matches.count(rule), matches.text(rule)), (0, ""));
                matches.add(rule, "a");
            }
            let copy = matches.clone();
            (0..phrases).for_each(|phrase| matches.see(phrase));
            drop(matches);
            assert_eq!((copy.count(1), copy.text(1)), (1, "a"));
        }
    }
}
