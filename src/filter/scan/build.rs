//! Builds a scanner: one index for words and literals, sets for regexes without a literal.

use std::sync::LazyLock;

use super::finds::{Find, Finds};
use super::folded::{composed, folded};
use super::loose_set::LooseSet;
use super::near::{ENOUGH, NearRule};
use super::pair_filter::PairFilter;
use super::word_index::WordIndex;
use super::{LOOSE_TOGETHER, Placed, Scanner, Search};
use crate::filter::lists::Lists;
use crate::filter::place::Place;
use crate::filter::rule::{Near, Rule, Test};
use crate::filter::rule_error::RuleError;
use crate::filter::shared::{Shared, SourceDigest};

/// The words of all filters.
static WORDS: LazyLock<Shared<WordIndex>> = LazyLock::new(Shared::default);

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
            pairs: PairFilter::default(),
            nears: Vec::new(),
            presence: Vec::new(),
            listed: Vec::new(),
            numbers: Vec::new(),
        };
        let mut words = Words::with_room(rules);
        for (number, rule, phrase) in rules {
            scanner.add(*number, rule, *phrase, lists, &mut words);
        }
        if !words.all.is_empty() {
            scanner.index(words)?;
        }
        let regexes = scanner.regexes.iter();
        let required = regexes.map(|it| &*it.pattern.required_pairs);
        scanner.pairs = PairFilter::new(&required.collect::<Vec<_>>());
        for some in scanner.loose_regexes.chunks(LOOSE_TOGETHER) {
            let some = some.iter();
            let some = some.map(|regex| &scanner.regexes[*regex].pattern);
            scanner.loose.push(LooseSet::of(&some.collect::<Vec<_>>())?);
        }
        Ok(scanner)
    }

    /// Adds a rule.
    fn add(&mut self, number: usize, rule: &Rule, phrase: usize, lists: &Lists, words: &mut Words) {
        match &rule.test {
            Test::Phrases(list) => {
                for (at, text) in list.iter().enumerate() {
                    let (text, open) = ending(text);
                    let find = Find::Phrase {
                        rule: number as u32,
                        phrase: (phrase + at) as u32,
                        open,
                    };
                    spell(text, find, words);
                }
            }
            Test::Near(near) => self.add_near(number, rule.at_least, near, words),
            Test::Regex(pattern) => {
                let regex = self.regexes.len();
                let literals = pattern.literals.iter();
                let literals: Option<Vec<_>> = literals.map(|one| folded_literal(one)).collect();
                let literals = literals.unwrap_or_default();
                if literals.is_empty() {
                    self.loose_regexes.push(regex);
                }
                let find = Find::Literal {
                    regex: regex as u32,
                };
                literals.iter().for_each(|text| words.add(text, find));
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

    fn add_near(&mut self, number: usize, at_least: u32, rule: &Near, words: &mut Words) {
        let near = self.nears.len();
        for (group, list) in rule.groups.iter().enumerate() {
            for text in list {
                let (text, open) = ending(text);
                let find = Find::Near {
                    near: near as u32,
                    group: group as u8,
                    open,
                };
                spell(text, find, words);
            }
        }
        self.nears.push(NearRule {
            rule: number,
            groups: rule.groups.len(),
            within: rule.within,
            enough: at_least.max(ENOUGH),
        });
    }

    /// Indexes words, some of which have several meanings.
    fn index(&mut self, words: Words) -> Result<(), RuleError> {
        let Words { octets, mut all } = words;
        let text = |word: &Word| &octets[word.start as usize..word.end as usize];
        // Stable: meanings of one word stay in the order of the rules.
        all.sort_by(|one, other| {
            let order = one.begin.cmp(&other.begin);
            order.then_with(|| text(one).cmp(text(other)))
        });
        let finds: Vec<Find> = all.iter().map(|word| word.find).collect();
        let (mut texts, mut anywhere, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for same in all.chunk_by(|one, other| text(one) == text(other)) {
            texts.push(text(&same[0]));
            let is_literal = |word: &Word| matches!(word.find, Find::Literal { .. });
            anywhere.push(same.iter().any(is_literal));
            ranges.push(start..start + same.len());
            start += same.len();
        }
        self.finds = Finds::new(ranges.into_iter().map(|range| &finds[range]));
        let marks = anywhere.iter().map(|is| [u8::from(*is)]);
        let marks: Vec<u8> = marks.flatten().collect();
        let source = texts.iter().copied().chain([&*marks]);
        let index = WORDS.get(SourceDigest::of(source), || {
            Ok(WordIndex::new(&texts, &anywhere))
        })?;
        self.words = Some(index);
        Ok(())
    }
}

/// A word without its trailing star, and whether it had one.
fn ending(text: &str) -> (&str, bool) {
    match text.strip_suffix('*') {
        // A text of stars only is literal.
        Some(stem) if !stem.is_empty() && !stem.ends_with('*') => (stem, true),
        _ => (text, false),
    }
}

/// Words as they are in folded texts. There are tens of thousands: their octets are kept together.
#[derive(Default)]
struct Words {
    octets: Vec<u8>,
    all: Vec<Word>,
}

/// A word and one of its meanings.
struct Word {
    /// Its first octets as a number, in the order of the texts: most comparisons end with it.
    begin: u64,
    start: u32,
    end: u32,
    find: Find,
}

impl Words {
    /// With room for those of these rules, without literals of regexes and other spellings.
    fn with_room(rules: &[Placed<'_>]) -> Self {
        let lists = rules.iter().flat_map(|(_, rule, _)| match &rule.test {
            Test::Phrases(list) => std::slice::from_ref(list),
            Test::Near(near) => &near.groups,
            _ => &[],
        });
        let (words, octets) = lists.flatten().fold((0, 0), |(words, octets), word| {
            (words + 1, octets + word.len())
        });
        Self {
            octets: Vec::with_capacity(octets),
            all: Vec::with_capacity(words),
        }
    }

    fn add(&mut self, text: &[u8], find: Find) {
        let mut begin = [0; 8];
        let octets = text.len().min(begin.len());
        begin[..octets].copy_from_slice(&text[..octets]);
        let start = self.octets.len() as u32;
        self.octets.extend_from_slice(text);
        self.all.push(Word {
            begin: u64::from_be_bytes(begin),
            start,
            end: self.octets.len() as u32,
            find,
        });
    }
}

/// Adds a word in all of its spellings.
fn spell(text: &str, find: Find, words: &mut Words) {
    if !text.contains(['ı', 'ğ', 'ş', 'Ğ', 'Ş']) {
        words.add(&folded(&composed(text)), find);
        return;
    }
    for spelling in spellings(text) {
        // Several spellings may have one form.
        words.add(&folded(&composed(&spelling)), find);
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
    Some(folded(text))
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
