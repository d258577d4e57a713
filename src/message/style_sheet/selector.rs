//! Selectors: which elements a rule is for.
//!
//! In: an element and its ancestors; out: whether a selector matches. Supported are elements, classes, ids, attributes,
//! positions among siblings, `:is()` and `:not()` of these, all combinators and lists; a selector with anything else,
//! such as `:hover`, matches nothing.

use super::element_path::{ElementPath, Token};

/// Limit on the compound selectors of a selector: real ones have fewer.
pub(super) const COMPOUNDS: usize = 12;

/// How two compound selectors are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Combinator {
    Descendant,
    Child,
    /// The sibling right before, or any before.
    Next,
    Later,
}

/// Tokens of which an element must have all.
pub(super) type All = Vec<Token>;

/// What an element must have, or must not have.
#[derive(Debug, Clone, Default)]
pub(super) struct Compound {
    pub(super) has: All,
    /// It must have none of these.
    pub(super) lacks: Vec<All>,
    /// It must have one of each of these.
    pub(super) any: Vec<Vec<All>>,
    /// `:nth-child(an+b)`: its number among its siblings is a multiple of the first, plus the second.
    pub(super) nth: Option<(i32, i32)>,
    /// `&`: it is matched by the rule around (CSS Nesting).
    pub(super) is_parent: bool,
}

impl Compound {
    fn matches(&self, element: &[Token], number: usize) -> bool {
        let has = |all: &All| all.iter().all(|token| element.contains(token));
        let is_nth = |(step, offset): (i32, i32)| {
            let over = i32::try_from(number)
                .unwrap_or(i32::MAX)
                .saturating_sub(offset);
            number > 0
                && if step == 0 {
                    over == 0
                } else {
                    over % step == 0 && over / step >= 0
                }
        };
        has(&self.has)
            && !self.lacks.iter().any(has)
            && self.any.iter().all(|any| any.iter().any(has))
            && self.nth.is_none_or(is_nth)
    }

    fn add(&mut self, other: &Self) {
        self.has.extend(&other.has);
        self.lacks.extend(other.lacks.iter().cloned());
        self.any.extend(other.any.iter().cloned());
        self.nth = self.nth.or(other.nth);
    }
}

/// A complex selector.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(super) subject: Compound,
    /// The compounds to the left of the subject, the rightmost first.
    pub(super) around: Vec<(Combinator, Compound)>,
    /// The most specific token of the subject, by which the selector is looked up.
    pub(super) key: Option<Token>,
    pub(super) specificity: u32,
    pub(super) compares_siblings: bool,
    /// It begins with a combinator, as only selectors of nested rules do.
    pub(super) is_relative: bool,
}

/// Counted steps of matching.
pub(super) type Steps = u64;

/// The position of an element: its depth, and its number among the children that are kept.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    child: usize,
}

impl Place {
    fn number(self, path: &ElementPath) -> usize {
        let (kept, count) = path.children(self.depth);
        (self.child + 1 + count).saturating_sub(kept)
    }
}

impl Selector {
    /// Whether the last element of a path matches; subtracts the steps taken from those left.
    pub(super) fn matches(&self, element: &[Token], path: &ElementPath, left: &mut Steps) -> bool {
        let is_around =
            |combinator| matches!(combinator, Combinator::Descendant | Combinator::Child);
        let may_match = |(combinator, compound): &(Combinator, Compound)| {
            !is_around(*combinator) || compound.has.iter().all(|token| path.may_have(*token))
        };
        let depth = path.depth();
        let place = Place {
            depth,
            child: path.children(depth).0,
        };
        let number = if self.compares_siblings {
            place.number(path)
        } else {
            0
        };
        self.subject.matches(element, number)
            && self.around.iter().all(may_match)
            && around(&self.around, path, place, left)
    }

    /// The selector of a nested rule, combined with that of the rule around it.
    pub(super) fn within(&self, outer: &Self) -> Option<Self> {
        let mut both = self.clone();
        both.specificity += outer.specificity;
        both.compares_siblings |= outer.compares_siblings;
        if both.subject.is_parent {
            both.subject.add(&outer.subject);
            both.key = both.key.or(outer.key);
            both.around
                .is_empty()
                .then(|| both.around.extend_from_slice(&outer.around))?;
        } else if let Some((_, last)) = both.around.last_mut().filter(|(_, last)| last.is_parent) {
            last.add(&outer.subject);
            both.around.extend_from_slice(&outer.around);
        } else {
            both.around
                .push((Combinator::Descendant, outer.subject.clone()));
            both.around.extend_from_slice(&outer.around);
        }
        (both.around.len() < COMPOUNDS).then_some(both)
    }
}

fn around(
    rest: &[(Combinator, Compound)],
    path: &ElementPath,
    place: Place,
    left: &mut Steps,
) -> bool {
    let Some(((combinator, compound), rest)) = rest.split_first() else {
        return true;
    };
    let is_one = matches!(combinator, Combinator::Child | Combinator::Next);
    let is_sibling = matches!(combinator, Combinator::Next | Combinator::Later);
    let candidates = if is_sibling { place.child } else { place.depth };
    for at in (0..candidates).rev() {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return false;
        }
        let (tokens, next) = if is_sibling {
            (path.child(place.depth, at), Place { child: at, ..place })
        } else {
            let child = path.children(at).0.saturating_sub(1);
            (path.tokens(at), Place { depth: at, child })
        };
        if compound.matches(tokens, next.number(path)) && around(rest, path, next, left) {
            return true;
        }
        if is_one {
            return false;
        }
    }
    false
}
