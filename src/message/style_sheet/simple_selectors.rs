//! Selectors as programs write them: names, classes and ids, within one another.
//!
//! In: the text before a rule's block; out: the selectors in it, as [`super::selector_reader`] reads them. Of a list
//! with any other selector nothing is said.

use super::element_path::{Of, Token, token};
use super::selector::{Combinator, Compound, Selector};
use crate::message::style::plain::{blanks_end, name_end};

/// Limits on compound selectors and on the conditions of each, below those of other selectors.
const COMPOUNDS: usize = 8;
const TOKENS: usize = 8;

/// Reads a list of selectors, if all of them are simple.
pub(super) fn list(text: &str, folds: bool) -> Option<Vec<Selector>> {
    let mut list = Vec::new();
    let mut at = 0;
    loop {
        let mut reader = Reader { text, at, folds };
        list.push(reader.selector()?);
        at = match text.as_bytes().get(reader.at) {
            Some(b',') => reader.at + 1,
            Some(_) => return None,
            None => return Some(list),
        };
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    folds: bool,
}

impl Reader<'_> {
    /// Reads a selector and the blanks after it.
    fn selector(&mut self) -> Option<Selector> {
        let octets = self.text.as_bytes();
        self.at = blanks_end(octets, self.at);
        let (mut specificity, mut key) = (0, None);
        let mut subject = self.compound(&mut specificity, &mut key)?;
        let mut around = Vec::new();
        loop {
            let begin = self.at;
            self.at = blanks_end(octets, begin);
            if matches!(octets.get(self.at), None | Some(b',')) {
                break;
            }
            if self.at == begin || around.len() == COMPOUNDS {
                return None;
            }
            let inner = self.compound(&mut specificity, &mut key)?;
            let outer = std::mem::replace(&mut subject, inner);
            // The rightmost is the first.
            around.insert(0, (Combinator::Descendant, outer));
        }
        Some(Selector {
            subject,
            around,
            key,
            specificity,
            compares_siblings: false,
            is_relative: false,
        })
    }

    /// Reads a compound selector, adds its specificity, and finds its most specific token.
    fn compound(&mut self, specificity: &mut u32, key: &mut Option<Token>) -> Option<Compound> {
        let (mut compound, mut key_weight) = (Compound::default(), 0);
        loop {
            let (of, weight, folds, begin) = match self.text.as_bytes().get(self.at) {
                Some(b'.') => (Of::Class, 1 << 8, self.folds, self.at + 1),
                Some(b'#') => (Of::Id, 1 << 16, self.folds, self.at + 1),
                _ => (Of::Name, 1, true, self.at),
            };
            let end = name_end(self.text.as_bytes(), begin);
            if end == begin {
                // A compound has at least one condition.
                let is_whole = begin == self.at && key_weight > 0;
                return is_whole.then_some(compound);
            }
            if compound.has.len() == TOKENS {
                return None;
            }
            let token = token(of, &self.text[begin..end], folds);
            compound.has.push(token);
            *specificity += weight;
            if weight > key_weight {
                (*key, key_weight) = (Some(token), weight);
            }
            self.at = end;
        }
    }
}
