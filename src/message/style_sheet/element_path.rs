//! What selectors are matched against: the names, ids, classes and attributes of an element and its ancestors, as
//! hashes.
//!
//! In: elements as they are opened and closed; out: whether one has a token. It holds no text.

use std::hash::{Hash, Hasher};

use crate::message::prehashed::hasher;

/// The hash of a name, an id or a class, or an attribute test.
pub(crate) type Token = u64;

/// What a token stands for.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Of {
    Name,
    Id,
    Class,
    Attribute,
    State,
}

/// The token of a text; `folds` where case is ignored.
pub(crate) fn token(of: Of, text: &str, folds: bool) -> Token {
    token_of_octets(of, text.as_bytes(), folds)
}

/// The same of its octets.
pub(crate) fn token_of_octets(of: Of, text: &[u8], folds: bool) -> Token {
    let mut hasher = hasher();
    of.hash(&mut hasher);
    if folds && text.iter().any(u8::is_ascii_uppercase) {
        hasher.write(&text.to_ascii_lowercase());
    } else {
        hasher.write(text);
    }
    hasher.finish()
}

/// Open elements, the outermost first.
#[derive(Debug, Default)]
pub(crate) struct ElementPath {
    tokens: Vec<Token>,
    elements: Vec<Element>,
    /// The preceding children of each open element, beginning with the top-level elements; kept only if selectors match
    /// siblings.
    children: Vec<Children>,
}

/// Limit on the children that are kept, and how many are dropped beyond it.
const CHILDREN: usize = 256;
const CHILDREN_GONE: usize = 128;

/// The children of an element so far.
#[derive(Debug, Default)]
struct Children {
    count: usize,
    last: Vec<Vec<Token>>,
}

#[derive(Debug, Clone, Copy)]
struct Element {
    /// Where its tokens end.
    end: usize,
    /// A Bloom filter: a bit for each token of it and of its ancestors.
    bits: u64,
}

fn bit(token: Token) -> u64 {
    1 << (token % 64)
}

impl ElementPath {
    /// Starts to keep the children of elements.
    pub(crate) fn keep_children(&mut self) {
        if self.children.is_empty() {
            self.children
                .resize_with(self.elements.len() + 1, Children::default);
        }
    }

    /// Adds a void element.
    pub(crate) fn pass(&mut self, tokens: &[Token]) {
        if let Some(children) = self.children.get_mut(self.elements.len()) {
            if children.last.len() == CHILDREN {
                children.last.drain(..CHILDREN_GONE);
            }
            children.last.push(tokens.to_vec());
            children.count += 1;
        }
    }

    /// How many of the children at this depth are kept, and how many there were.
    pub(super) fn children(&self, depth: usize) -> (usize, usize) {
        let children = self.children.get(depth);
        children.map_or((0, 0), |children| (children.last.len(), children.count))
    }

    /// The tokens of one of these children.
    pub(super) fn child(&self, depth: usize, number: usize) -> &[Token] {
        &self.children[depth].last[number]
    }

    /// Opens an element.
    #[inline]
    pub(crate) fn push(&mut self, tokens: &[Token]) {
        if !self.children.is_empty() {
            self.pass(tokens);
            self.children.push(Children::default());
        }
        let outer = self.elements.last().map_or(0, |outer| outer.bits);
        self.tokens.extend_from_slice(tokens);
        self.elements.push(Element {
            end: self.tokens.len(),
            bits: tokens.iter().fold(outer, |bits, token| bits | bit(*token)),
        });
    }

    /// Closes all but this many.
    #[inline]
    pub(crate) fn truncate(&mut self, depth: usize) {
        self.elements.truncate(depth);
        self.children.truncate(depth + 1);
        self.tokens
            .truncate(self.elements.last().map_or(0, |last| last.end));
    }

    /// Closes one element, leaving those inside it open.
    pub(crate) fn remove(&mut self, at: usize) {
        let start = at
            .checked_sub(1)
            .map_or(0, |before| self.elements[before].end);
        let length = self.elements[at].end - start;
        self.tokens.drain(start..start + length);
        self.elements.remove(at);
        if at + 1 < self.children.len() {
            self.children.remove(at + 1);
        }
        for element in &mut self.elements[at..] {
            element.end -= length;
        }
    }

    /// The number of open elements.
    pub(crate) fn depth(&self) -> usize {
        self.elements.len()
    }

    /// The tokens of an open element.
    pub(crate) fn tokens(&self, at: usize) -> &[Token] {
        let start = at
            .checked_sub(1)
            .map_or(0, |before| self.elements[before].end);
        &self.tokens[start..self.elements[at].end]
    }

    /// False if neither the element nor any ancestor has the token.
    pub(crate) fn may_have(&self, token: Token) -> bool {
        let bits = self.elements.last().map_or(0, |last| last.bits);
        bits & bit(token) != 0
    }
}
