//! Searches the texts of one place for all its rules in one pass.
//!
//! In: the rules of a place, once; then the texts of a message at this place; out: counts and matched
//! texts in `RuleMatches`. One search finds all words, phrases and required literals of regexes; a
//! regex runs only on a text with one of its literals. The work is linear in the text.

mod build;
mod finds;
mod folded;
mod loose_set;
mod near;
mod pair_filter;
mod short_words;
mod word_begins;
mod word_edge;
mod word_index;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range as Span;
use std::sync::Arc;

use crate::filter::lists::List;
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;
use crate::filter::rule::{Range, Rule};
use crate::filter::rule_matches::RuleMatches;
use crate::message::Work;
use crate::message::visible_text::cut;
use finds::{Find, Finds};
use folded::{composed, fold};
use loose_set::LooseSet;
use near::{LastSeen, NearRule};
use pair_filter::{FoundPairs, PairFilter};
use word_edge::stands_alone;
use word_index::WordIndex;

/// Regexes without literals in one set: the states of more together do not fit into the cache, and
/// without it each costs a hundred times as much.
const LOOSE_TOGETHER: usize = 8;

/// On a text up to this length regexes without literals run one by one: a set is slow to start.
const SHORT: usize = 512;

/// If more regexes of a set may match a longer text, it is searched with the set; and if no more are to run on any text, a
/// look at its pairs of octets costs as much as they do.
const FEW: usize = 2;

/// Units of work for a text, an octet in which words are searched for, a word that is found, an octet that a set of regexes
/// without literals reads, and a run of a regex and an octet that it reads.
const TEXT_WORK: u64 = 40;
const WORDS_WORK: u64 = 3;
const FIND_WORK: u64 = 15;
const SET_WORK: u64 = 3;
const RUN_WORK: u64 = 150;
const REGEX_WORK: u64 = 1;

/// The work for words that are found is counted once in so many.
const FINDS_TOGETHER: u64 = 256;

/// A rule at a place: its index, itself, and the index of its first phrase.
pub(crate) type Placed<'r> = (usize, &'r Rule, usize);

/// The search for all rules of one place.
#[derive(Debug)]
pub(crate) struct Scanner {
    pub(crate) place: Place,
    words: Option<Arc<WordIndex>>,
    finds: Finds,
    regexes: Vec<Search>,
    /// The regexes without a literal, in groups.
    loose: Vec<Arc<LooseSet>>,
    /// Index into `regexes` by index over all of `loose`.
    loose_regexes: Vec<usize>,
    /// Tells which of `regexes` cannot match a text.
    pairs: PairFilter,
    nears: Vec<NearRule>,
    /// Rules that count the texts themselves.
    presence: Vec<usize>,
    listed: Vec<(usize, Arc<List>)>,
    numbers: Vec<(usize, Range)>,
}

/// What was seen in the text that is being scanned. A thread uses it for one text after another: all is as new after
/// each.
#[derive(Default)]
struct Seen {
    /// The text in the form in which words are searched for.
    folded: Vec<u8>,
    /// Words found that stand alone and have not been counted, in the order of their ends.
    words: Vec<FoundWord>,
    /// By regex: whether one of its literals was found.
    awake: Vec<bool>,
    /// The regexes to run.
    woken: Vec<usize>,
    /// By near rule.
    last: Vec<LastSeen>,
    /// The near rules of which a word was found.
    begun: Vec<usize>,
}

/// A word in a text: its end, its start, and its number.
type FoundWord = (usize, usize, u32);

thread_local! {
    static SEEN: Cell<Option<Box<Seen>>> = Cell::default();
}

impl Seen {
    /// Of this thread, with room for these numbers of regexes and near rules.
    fn with_room(regexes: usize, nears: usize) -> Box<Self> {
        let mut seen = SEEN.take().unwrap_or_default();
        if seen.awake.len() < regexes {
            seen.awake.resize(regexes, false);
        }
        if seen.last.len() < nears {
            seen.last.resize(nears, LastSeen::default());
        }
        seen
    }

    /// Gives it back. What is dropped instead is made anew: after a text that was not scanned to its end.
    fn keep(self: Box<Self>) {
        if self.folded.capacity() <= KEPT {
            SEEN.set(Some(self));
        }
    }
}

/// A longer text's octets are not kept for the next one.
const KEPT: usize = 64 << 10;

#[derive(Debug)]
struct Search {
    rule: usize,
    at_least: u32,
    pattern: Pattern,
}

impl Scanner {
    /// Searches the texts of the place, as far as the budget of work suffices.
    pub(crate) fn scan<'t>(
        &self,
        texts: impl Iterator<Item = &'t str>,
        matches: &mut RuleMatches,
        work: &Work<'_>,
    ) {
        let mut seen = Seen::with_room(self.regexes.len(), self.nears.len());
        let units = self.units();
        for text in texts {
            if !work.spend(TEXT_WORK) {
                return;
            }
            self.scan_whole(text, matches);
            let text = work.beginning(text, units);
            self.scan_words(text, &mut seen, matches, work);
            for regex in &seen.woken {
                seen.awake[*regex] = false;
            }
            self.choose_regexes(text, &mut seen.woken, work);
            let text = affordable(text, seen.woken.len(), work);
            for regex in seen.woken.drain(..) {
                self.regexes[regex].run(text, matches, work);
            }
            for near in seen.begun.drain(..) {
                seen.last[near] = LastSeen::default();
            }
        }
        seen.keep();
    }

    /// Compiles every regex.
    pub(crate) fn compile(&self) {
        for search in &self.regexes {
            search.pattern.regex();
        }
        for set in &self.loose {
            set.compile();
        }
    }

    /// Units of work for an octet of a text, without the regexes that its words wake.
    fn units(&self) -> u64 {
        let words = match self.words {
            Some(_) => WORDS_WORK,
            None => 1,
        };
        words + SET_WORK * self.loose.len() as u64
    }

    /// Runs the rules on the text as a whole.
    fn scan_whole(&self, text: &str, matches: &mut RuleMatches) {
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
    }

    /// Counts words and phrases, and wakes the regexes whose literals are in the text.
    fn scan_words(&self, text: &str, seen: &mut Seen, matches: &mut RuleMatches, work: &Work<'_>) {
        let Some(words) = &self.words else {
            return;
        };
        let composed = composed(text);
        if matches!(composed, Cow::Owned(_)) {
            self.wake_as_written(words, text, seen, work);
        }
        let text = &*composed;
        fold(text, &mut seen.folded);
        let mut finds = 0;
        let Seen {
            folded,
            words: open,
            awake,
            woken,
            last,
            begun,
        } = seen;
        let mut count = |(end, start, number): FoundWord, matches: &mut RuleMatches| {
            self.count_word(text, start..end, number, (&mut *last, &mut *begun), matches);
        };
        let found = |at: Span<usize>, number: u32| {
            // Words count in the order in which they end, and are found in that in which they begin.
            if open.first().is_some_and(|word| word.0 <= at.start) {
                let ended = open.iter().take_while(|word| word.0 <= at.start).count();
                open.drain(..ended).for_each(|word| count(word, matches));
            }
            finds += 1;
            if finds % FINDS_TOGETHER == 0 && !work.spend(FINDS_TOGETHER * FIND_WORK) {
                return Err(());
            }
            let mut is_word = false;
            for find in self.finds.of(number) {
                match *find {
                    Find::Literal { regex } => {
                        let regex = regex as usize;
                        if !std::mem::replace(&mut awake[regex], true) {
                            woken.push(regex);
                        }
                    }
                    Find::Phrase { phrase, .. } if matches.has_seen(phrase as usize) => {}
                    Find::Phrase { .. } | Find::Near { .. } => is_word = true,
                }
            }
            if is_word && stands_alone(text, at.clone(), true) {
                let word = (at.end, at.start, number);
                let place = open.partition_point(|other| *other < word);
                open.insert(place, word);
            }
            Ok(())
        };
        // What was found until the budget was used up counts.
        let _ = words.find(folded, found);
        open.drain(..).for_each(|word| count(word, matches));
    }

    /// Wakes the regexes whose literals are in a text that is composed for the search for words: regexes run on it as it is
    /// written, where an accent may follow what they look for.
    fn wake_as_written(&self, words: &WordIndex, text: &str, seen: &mut Seen, work: &Work<'_>) {
        fold(text, &mut seen.folded);
        let mut finds = 0;
        let found = |_, number: u32| {
            finds += 1;
            if finds % FINDS_TOGETHER == 0 && !work.spend(FINDS_TOGETHER * FIND_WORK) {
                return Err(());
            }
            for find in self.finds.of(number) {
                if let Find::Literal { regex } = *find {
                    let regex = regex as usize;
                    if !std::mem::replace(&mut seen.awake[regex], true) {
                        seen.woken.push(regex);
                    }
                }
            }
            Ok(())
        };
        // What was found until the budget was used up counts.
        let _ = words.find(&seen.folded, found);
    }

    /// Counts a word for its rules.
    fn count_word(
        &self,
        text: &str,
        at: Span<usize>,
        number: u32,
        (last, begun): (&mut [LastSeen], &mut Vec<usize>),
        matches: &mut RuleMatches,
    ) {
        // It is known to stand alone at its beginning.
        let is_closed = stands_alone(text, at.clone(), false);
        for find in self.finds.of(number) {
            match *find {
                Find::Literal { .. } => {}
                Find::Near { near, group, open } => {
                    if open || is_closed {
                        let near = near as usize;
                        if !last[near].has_begun() {
                            begun.push(near);
                        }
                        self.nears[near].saw(
                            usize::from(group),
                            text,
                            at.clone(),
                            &mut last[near],
                            matches,
                        );
                    }
                }
                Find::Phrase { rule, phrase, open } => {
                    let phrase = phrase as usize;
                    if (open || is_closed) && !matches.has_seen(phrase) {
                        matches.see(phrase);
                        matches.add(rule as usize, &text[at.clone()]);
                    }
                }
            }
        }
    }

    /// Adds the regexes without a literal to those with one in the text, and takes those away that cannot match.
    fn choose_regexes(&self, text: &str, woken: &mut Vec<usize>, work: &Work<'_>) {
        if self.loose_regexes.is_empty() && woken.len() <= FEW {
            return;
        }
        let found = self.pairs.look_at(text);
        let may_match = |regex: &usize| {
            found.meet(*regex) && text.len() >= self.regexes[*regex].pattern.shortest
        };
        woken.retain(may_match);
        if text.len() <= SHORT {
            woken.extend(self.loose_regexes.iter().copied().filter(may_match));
            return;
        }
        let sets = self.loose.iter();
        for (set, regexes) in sets.zip(self.loose_regexes.chunks(LOOSE_TOGETHER)) {
            self.choose_of_set(set, regexes, text, &found, woken, work);
        }
    }

    /// Adds those of a set's regexes that may match a long text.
    fn choose_of_set(
        &self,
        set: &LooseSet,
        regexes: &[usize],
        text: &str,
        found: &FoundPairs<'_>,
        woken: &mut Vec<usize>,
        work: &Work<'_>,
    ) {
        let may_match = || regexes.iter().copied().filter(|it| found.meet(*it));
        if may_match().count() <= FEW {
            woken.extend(may_match());
            return;
        }
        if !set.is_compiled() && !work.may_compile() {
            work.end();
            return;
        }
        match set.matches(text) {
            Some(matching) => woken.extend(matching.map(|number| regexes[number])),
            None => woken.extend(may_match()),
        }
    }
}

impl Search {
    fn run(&self, text: &str, matches: &mut RuleMatches, work: &Work<'_>) {
        let missing = self.at_least.saturating_sub(matches.count(self.rule));
        if !self.pattern.is_compiled() && !work.may_compile() {
            work.end();
            return;
        }
        let Some(regex) = self.pattern.regex() else {
            return;
        };
        let all = regex.find_iter(text.as_bytes());
        for found in all.take(missing as usize) {
            matches.add(self.rule, &String::from_utf8_lossy(found.as_bytes()));
            // The search for the next match may read all of the rest.
            let rest = text.len() - found.end();
            if missing > 1 && !work.spend(REGEX_WORK * rest as u64) {
                return;
            }
        }
    }
}

/// The beginning of a text on which the budget suffices for each of so many regexes: a text made to wake them all
/// is read by them all, up to there.
fn affordable<'t>(text: &'t str, regexes: usize, work: &Work<'_>) -> &'t str {
    let regexes = regexes as u64;
    let each = RUN_WORK + REGEX_WORK * text.len() as u64;
    if work.spend(regexes * each) {
        return text;
    }
    let each = (work.left() / regexes.max(1)).saturating_sub(RUN_WORK) / REGEX_WORK;
    let text = cut(text, usize::try_from(each).unwrap_or(usize::MAX));
    work.spend(regexes * (RUN_WORK + REGEX_WORK * text.len() as u64));
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_must_not_compile_leaves_a_regex_to_another() {
        // No other test compiles it: filters share what is compiled.
        let search = Search {
            rule: 0,
            at_least: 1,
            pattern: Pattern::of_stock("only+here").unwrap(),
        };
        let found = |work: &Work<'_>| {
            let mut matches = RuleMatches::new(1, 0);
            search.run("onlyhere", &mut matches, work);
            matches.count(0)
        };
        let brief = Work::brief(1_000);
        assert_eq!((found(&brief), brief.is_in_vain()), (0, true));
        assert_eq!(found(&Work::new(1_000)), 1);
        let brief = Work::brief(1_000);
        assert_eq!((found(&brief), brief.is_in_vain()), (1, false));
    }

    #[test]
    fn numbers_are_read_from_the_start_of_a_text() {
        assert_eq!(leading_number(" 1 (Highest)"), Some(1.0));
        assert_eq!(leading_number("-2.5."), Some(-2.5));
        assert_eq!(leading_number("high"), None);
    }
}
