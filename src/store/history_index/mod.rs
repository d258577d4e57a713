//! An index of the history, for searching and counting: which terms are in which rows. Both databases keep the same.
//!
//! In: rows of the history, a [`HistoryQuery`](super::HistoryQuery); out: the places of the rows that may fit, and counts.
//!
//! Rows have numbers, in the order in which the store got them. So many rows, one after another, are a chunk. For each term
//! of a chunk the database has one row with the places of that term, a few octets, and one more with the hits of each
//! rule. A chunk is indexed once, by the upkeep, when no row is added to it any more: so a judged message costs the writer
//! nothing more, and a term's row is written once for thousands of messages. Chunks that are not indexed yet, the newest
//! one among them, are read instead.
//!
//! Rows that are deleted later stay in the index of their chunk, where nobody finds them any more, until all of it is
//! gone; of a mailbox that is forgotten, the chunks are indexed anew.

mod chunk;
mod counts;
mod places;
mod plan;
mod terms;

pub(super) use chunk::{IndexedChunk, RowToIndex, index};
pub(super) use counts::{Counted, CountedChunk, Counts};
pub(super) use places::Places;
pub(super) use plan::Plan;
pub(super) use terms::rule;

/// Rows of a chunk.
pub(super) const ROWS: i64 = 4096;

/// The chunk of a row.
pub(super) fn chunk_of(number: i64) -> i64 {
    number.div_euclid(ROWS)
}

/// The first row of a chunk.
pub(super) fn first_of(chunk: i64) -> i64 {
    chunk.saturating_mul(ROWS)
}
