//! Tells which of a place's regexes a text cannot match, by the pairs of octets that they require.
//!
//! In: the regexes' requirements, once; then texts; out: the regexes all of whose requirements a text meets. Each octet of
//! a text costs two looks into tables of 2 KiB, for up to 64 kinds of pairs at once.

use crate::filter::required_pairs::{Pairs, Requirement, Side};

/// The kinds of pairs that are looked for at once.
const BITS: usize = 64;

/// The most tables: regexes whose requirements are in none count as if they were met.
const TABLES: usize = 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PairFilter {
    tables: Vec<Tables>,
    /// By regex: its requirements.
    required: Vec<Vec<Bits>>,
}

/// The bits of one table, any of which meets a requirement.
#[derive(Debug, Clone, Copy)]
struct Bits {
    table: usize,
    any: u64,
}

/// By octet: the kinds of pairs in which it may be the first, and the second; and the same of the beginning and the end of
/// a text.
#[derive(Debug)]
struct Tables {
    firsts: [u64; 256],
    seconds: [u64; 256],
    beginning: u64,
    end: u64,
    /// How many bits are in use.
    used: usize,
}

impl Tables {
    const fn new() -> Self {
        Self {
            firsts: [0; 256],
            seconds: [0; 256],
            beginning: 0,
            end: 0,
            used: 0,
        }
    }

    /// A bit for these pairs.
    fn add(&mut self, pairs: &Pairs) -> u64 {
        let bit = 1 << self.used;
        self.used += 1;
        let mark = |side: &Side, octets: &mut [u64; 256], edge: &mut u64| {
            for octet in side.octets.iter() {
                octets[usize::from(octet)] |= bit;
            }
            if side.edge {
                *edge |= bit;
            }
        };
        mark(&pairs.first, &mut self.firsts, &mut self.beginning);
        mark(&pairs.second, &mut self.seconds, &mut self.end);
        bit
    }

    /// The kinds of pairs that a text has.
    fn found(&self, text: &[u8]) -> u64 {
        let mut found = 0;
        let mut before = self.beginning;
        for octet in text {
            found |= before & self.seconds[usize::from(*octet)];
            before = self.firsts[usize::from(*octet)];
        }
        found | before & self.end
    }
}

/// What a text has of the pairs that regexes require.
#[derive(Debug)]
pub(super) struct FoundPairs<'f> {
    filter: &'f PairFilter,
    found: [u64; TABLES],
}

impl FoundPairs<'_> {
    /// Whether a text meets all requirements of a regex.
    #[inline]
    pub(super) fn meet(&self, regex: usize) -> bool {
        let mut required = self.filter.required[regex].iter();
        required.all(|it| self.found[it.table] & it.any != 0)
    }
}

impl PairFilter {
    /// A filter for regexes with these requirements. The first requirements of all get room before
    /// the second of any.
    pub(super) fn new(regexes: &[&[Requirement]]) -> Self {
        let mut filter = Self {
            tables: Vec::new(),
            required: vec![Vec::new(); regexes.len()],
        };
        let most = regexes.iter().map(|it| it.len()).max().unwrap_or(0);
        for nth in 0..most {
            for (regex, requirements) in regexes.iter().enumerate() {
                let bits = requirements.get(nth).and_then(|it| filter.bits(it));
                filter.required[regex].extend(bits);
            }
        }
        filter
    }

    /// Bits for a requirement, if there is room for them.
    fn bits(&mut self, requirement: &Requirement) -> Option<Bits> {
        let pairs = &requirement.pairs;
        let has_room = |last: &Tables| last.used + pairs.len() <= BITS;
        if !self.tables.last().is_some_and(has_room) {
            if self.tables.len() == TABLES {
                return None;
            }
            self.tables.push(Tables::new());
        }
        let table = self.tables.len() - 1;
        let last = self.tables.last_mut()?;
        let any = pairs.iter().fold(0, |any, pair| any | last.add(pair));
        Some(Bits { table, any })
    }

    /// Looks at a text.
    pub(super) fn look_at(&self, text: &str) -> FoundPairs<'_> {
        let mut found = [0; TABLES];
        for (found, table) in found.iter_mut().zip(&self.tables) {
            *found = table.found(text.as_bytes());
        }
        FoundPairs {
            filter: self,
            found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::pattern::Pattern;

    fn filter(regexes: &[String]) -> PairFilter {
        let patterns = regexes.iter().map(|it| Pattern::new(it).unwrap());
        let patterns: Vec<Pattern> = patterns.collect();
        let required = patterns.iter().map(|it| &*it.required_pairs);
        PairFilter::new(&required.collect::<Vec<_>>())
    }

    #[test]
    fn a_text_without_a_required_pair_cannot_match() {
        let regexes = ["[a-z]I", r"[0-9]\z", "^#", ".+"].map(str::to_owned);
        let filter = filter(&regexes);
        let may_match = |text: &str| {
            let found = filter.look_at(text);
            (0..regexes.len())
                .filter(|it| found.meet(*it))
                .collect::<Vec<_>>()
        };
        assert_eq!(may_match("aI 1 #"), [0, 3]);
        assert_eq!(may_match("# I 1"), [1, 2, 3]);
        assert_eq!(may_match(""), [3]);
    }

    #[test]
    fn regexes_beyond_the_tables_may_match_every_text() {
        let regexes =
            (0..1_000).map(|number| format!("#{}!", char::from(b'a' + (number % 26) as u8)));
        let regexes: Vec<String> = regexes.collect();
        let filter = filter(&regexes);
        assert_eq!(filter.tables.len(), TABLES);
        let found = filter.look_at("#a!");
        for regex in 0..1_000 {
            let (is_there, is_looked_for) = (regex % 26 == 0, !filter.required[regex].is_empty());
            assert_eq!(found.meet(regex), is_there || !is_looked_for, "{regex}");
        }
    }
}
