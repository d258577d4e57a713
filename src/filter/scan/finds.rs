//! What it means that the automaton of a place found one of its patterns.

use aho_corasick::PatternID;

/// What the automaton's patterns mean. There are thousands, of one meaning each for the most part.
#[derive(Debug, Default)]
pub(super) struct Finds {
    /// Sorted by pattern.
    all: Box<[Find]>,
    /// By pattern: the end of its part of `all`.
    ends: Box<[u32]>,
}

impl Finds {
    pub(super) fn new(by_pattern: &[Vec<Find>]) -> Self {
        let ends = by_pattern.iter().scan(0, |end, finds| {
            *end += finds.len() as u32;
            Some(*end)
        });
        Self {
            all: by_pattern.concat().into(),
            ends: ends.collect(),
        }
    }

    pub(super) fn of(&self, pattern: PatternID) -> &[Find] {
        let pattern = pattern.as_usize();
        let start = pattern.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start as usize..self.ends[pattern] as usize]
    }
}

/// The meaning of a pattern that the automaton found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Find {
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
