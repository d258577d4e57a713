//! How a query is answered: which terms a row must have, and what the texts of such a row are compared with.

use super::super::coded::{Coded, optional_thousandths};
use super::super::contract::HistoryQuery;
use super::places::Places;
use super::terms::{self, SCORES, fold, pieces_of_word};

/// Pieces of the searched text that are looked up; the rest is compared.
const PIECES: usize = 12;

/// See the module.
#[derive(Debug)]
pub(in crate::store) struct Plan {
    /// Of each of these ranges of terms, one must be there.
    needed: Vec<(i64, i64)>,
    /// What must be in sender or subject, folded.
    words: Vec<String>,
}

impl Plan {
    /// Of a query about the mailbox with this number, or about all.
    pub(in crate::store) fn of(query: &HistoryQuery, mailbox: Option<i64>) -> Self {
        let text = fold(query.text.as_deref().unwrap_or_default());
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let mut needed = Vec::new();
        let one = |term| (term, term);
        if let Some(action) = query.action {
            needed.push(one(terms::action(action.code())));
        }
        if let Some(rule) = &query.rule {
            needed.push(one(terms::rule(rule)));
        }
        needed.extend(pieces(&words).into_iter().map(one));
        let least = optional_thousandths(query.least_score);
        let below = optional_thousandths(query.score_below);
        if least.is_some() || below.is_some() {
            needed.push((
                least.map_or(SCORES.0, terms::score),
                below.map_or(SCORES.1, |it| terms::score(it.saturating_sub(1))),
            ));
        }
        // By itself, it has an index of its own.
        if let Some(mailbox) = mailbox
            && !needed.is_empty()
        {
            needed.insert(0, one(terms::mailbox(mailbox)));
        }
        Self { needed, words }
    }

    /// Whether rows fit whatever their terms are.
    pub(in crate::store) fn needs_no_term(&self) -> bool {
        self.needed.is_empty()
    }

    /// The ranges of terms that are looked up in each chunk.
    pub(in crate::store) fn needed(&self) -> &[(i64, i64)] {
        &self.needed
    }

    /// The places of a chunk that may fit. `look_up` has those with a term of a range.
    pub(in crate::store) fn places<E>(
        &self,
        mut look_up: impl FnMut((i64, i64)) -> Result<Places, E>,
    ) -> Result<Places, E> {
        let mut left = Places::ALL;
        for range in &self.needed {
            left.retain(&look_up(*range)?);
            if left.is_empty() {
                break;
            }
        }
        Ok(left)
    }

    /// Whether every word is in one of the texts.
    pub(in crate::store) fn fits(&self, sender: Option<&str>, subject: Option<&str>) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let texts = [
            fold(sender.unwrap_or_default()),
            fold(subject.unwrap_or_default()),
        ];
        let has = |word: &String| texts.iter().any(|text| text.contains(&**word));
        self.words.iter().all(has)
    }
}

/// Those of all words; of many, some from each part of the text.
fn pieces(words: &[String]) -> Vec<i64> {
    let all: Vec<i64> = words.iter().flat_map(|word| pieces_of_word(word)).collect();
    let step = all.len().div_ceil(PIECES).max(1);
    all.into_iter().step_by(step).collect()
}
