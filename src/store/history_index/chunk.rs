//! The index of one chunk, made of its rows.

use std::collections::BTreeMap;

use super::places::Places;
use super::terms::{self, HITS, RULES, Terms, fold};
use super::{ROWS, first_of};

/// What is indexed of a row.
#[derive(Debug)]
pub(in crate::store) struct RowToIndex<'r> {
    pub(in crate::store) number: i64,
    pub(in crate::store) mailbox: i64,
    /// In seconds since 1970.
    pub(in crate::store) time: i64,
    pub(in crate::store) sender: Option<&'r str>,
    pub(in crate::store) subject: Option<&'r str>,
    /// In thousandths.
    pub(in crate::store) score: Option<i64>,
    pub(in crate::store) action: i64,
    pub(in crate::store) rules: &'r [String],
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::store) struct IndexedChunk {
    /// Each term, in their order, with the octets of its places.
    pub(in crate::store) terms: Vec<(i64, Vec<u8>)>,
    /// The rules that are terms.
    pub(in crate::store) rules: BTreeMap<i64, String>,
    /// How many rows were indexed.
    pub(in crate::store) rows: i64,
}

/// Gathers the terms of a chunk's rows.
#[derive(Debug)]
pub(in crate::store) struct ChunkIndexer {
    first: i64,
    terms: Terms,
    /// A term and a place in one number, which sort as both.
    found: Vec<i64>,
    made: IndexedChunk,
}

/// Begins with a chunk.
pub(in crate::store) fn index(chunk: i64) -> ChunkIndexer {
    ChunkIndexer {
        first: first_of(chunk),
        terms: Terms::default(),
        found: Vec::new(),
        made: IndexedChunk::default(),
    }
}

impl ChunkIndexer {
    pub(in crate::store) fn add(&mut self, row: &RowToIndex<'_>) {
        let terms = &mut self.terms;
        terms.clear();
        terms.tag(terms::mailbox(row.mailbox));
        terms.tag(terms::hour(row.time.div_euclid(3600)));
        terms.tag(terms::action(row.action));
        if let Some(score) = row.score {
            terms.tag(terms::score(score));
        }
        for rule in row.rules {
            let term = terms::rule(rule);
            terms.tag(term);
            let names = &mut self.made.rules;
            names.entry(term).or_insert_with(|| rule.clone());
        }
        for text in [row.sender, row.subject].into_iter().flatten() {
            terms.text(&fold(text));
        }
        let place = (row.number - self.first).clamp(0, ROWS - 1);
        let sorted = terms.sorted().iter();
        self.found.extend(sorted.map(|term| term * ROWS + place));
        self.made.rows += 1;
    }

    pub(in crate::store) fn finish(mut self) -> IndexedChunk {
        self.found.sort_unstable();
        let mut places = Vec::new();
        let mut hits = Vec::new();
        for of_term in self.found.chunk_by(|one, next| one / ROWS == next / ROWS) {
            places.clear();
            let low = of_term
                .iter()
                .map(|it| u16::try_from(it % ROWS).unwrap_or(0));
            places.extend(low);
            if let Some(first) = of_term.first() {
                let term = first / ROWS;
                if (RULES.0..=RULES.1).contains(&term) {
                    hits.push((term, places.len()));
                }
                self.made.terms.push((term, Places::encode(&places)));
            }
        }
        // The last kind of terms.
        self.made.terms.push((HITS, encode_hits(&hits)));
        self.made
    }
}

/// Octets of a rule: its hash, and how many rows it has, which is at most [`ROWS`].
const OF_RULE: usize = 6;

fn encode_hits(hits: &[(i64, usize)]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(hits.len() * OF_RULE);
    for (term, rows) in hits {
        octets.extend_from_slice(&((term - RULES.0) as u32).to_le_bytes());
        octets.extend_from_slice(&u16::try_from(*rows).unwrap_or(u16::MAX).to_le_bytes());
    }
    octets
}

/// The terms of rules with the number of their rows, of what was encoded.
pub(in crate::store) fn decode_hits(octets: &[u8]) -> impl Iterator<Item = (i64, u64)> {
    let (rules, _) = octets.as_chunks::<OF_RULE>();
    rules.iter().map(|[a, b, c, d, low, high]| {
        let term = RULES.0 + i64::from(u32::from_le_bytes([*a, *b, *c, *d]));
        (term, u64::from(u16::from_le_bytes([*low, *high])))
    })
}
