//! A regex as a tree: over bytes, with look-around, without captures.
//!
//! The constructors normalise trees (flattened, without parts that match nothing), so that equal languages often have
//! equal trees.

use std::rc::Rc;

use super::bytes::Bytes;

/// A regex or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    /// The empty text.
    Empty,
    /// Nothing, not even the empty text.
    Fail,
    /// One byte.
    Set(Bytes),
    /// An anchor.
    Anchor(Anchor),
    Concat(Rc<[Node]>),
    Alt(Rc<[Node]>),
    Repeat(Rc<Node>, Times),
    Look(Look, Rc<Node>),
}

/// A zero-width assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Anchor {
    Start,
    End,
    LineStart,
    LineEnd,
    Word,
    NotWord,
}

/// The bounds of a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Times {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) lazy: bool,
}

impl Times {
    /// The bounds after one repetition.
    pub(super) fn less(self) -> Self {
        Self {
            min: self.min.saturating_sub(1),
            max: self.max.map(|max| max.saturating_sub(1)),
            ..self
        }
    }
}

/// A kind of look-around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Look {
    pub(super) ahead: bool,
    pub(super) negative: bool,
}

impl Node {
    pub(super) fn byte(byte: u8) -> Self {
        Self::Set(Bytes::one(byte))
    }

    pub(super) fn set(set: Bytes) -> Self {
        if set.is_empty() {
            Self::Fail
        } else {
            Self::Set(set)
        }
    }

    pub(super) fn text(text: &[u8]) -> Self {
        Self::concat(text.iter().map(|byte| Self::byte(*byte)))
    }

    pub(super) fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Empty => {}
                Self::Fail => return Self::Fail,
                Self::Concat(parts) => {
                    for part in parts.iter() {
                        join(&mut flat, part.clone());
                    }
                }
                part => join(&mut flat, part),
            }
            if flat.last() == Some(&Self::Fail) {
                return Self::Fail;
            }
        }
        match flat.len() {
            0 => Self::Empty,
            1 => flat.remove(0),
            _ => Self::Concat(flat.into()),
        }
    }

    pub(super) fn alt(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        let mut queue: Vec<Self> = parts.into_iter().collect();
        queue.reverse();
        while let Some(part) = queue.pop() {
            match part {
                Self::Fail => {}
                Self::Alt(parts) => queue.extend(parts.iter().rev().cloned()),
                Self::Set(set) => match flat.last_mut() {
                    Some(Self::Set(last)) => *last = last.or(set),
                    _ => flat.push(Self::Set(set)),
                },
                part if flat.contains(&part) => {}
                part => flat.push(part),
            }
        }
        match flat.len() {
            0 => Self::Fail,
            1 => flat.remove(0),
            _ => Self::Alt(flat.into()),
        }
    }

    pub(super) fn repeat(self, times: Times) -> Self {
        match (&self, times.min, times.max) {
            (_, _, Some(0)) | (Self::Empty, ..) | (Self::Fail, 0, _) => Self::Empty,
            (Self::Fail, ..) => Self::Fail,
            (_, 1, Some(1)) => self,
            _ => Self::Repeat(Rc::new(self), times),
        }
    }

    pub(super) fn star(self) -> Self {
        self.repeat(Times {
            min: 0,
            max: None,
            lazy: false,
        })
    }

    pub(super) fn look(self, ahead: bool, negative: bool) -> Self {
        match (&self, negative) {
            (Self::Empty, false) | (Self::Fail, true) => Self::Empty,
            (Self::Empty, true) | (Self::Fail, false) => Self::Fail,
            _ => Self::Look(Look { ahead, negative }, Rc::new(self)),
        }
    }

    /// The first part, and the rest.
    pub(super) fn split(&self) -> (Self, Self) {
        match self {
            Self::Concat(parts) => (parts[0].clone(), Self::concat(parts[1..].iter().cloned())),
            node => (node.clone(), Self::Empty),
        }
    }

    /// Whether it can match the empty text.
    pub(super) fn is_nullable(&self) -> bool {
        match self {
            Self::Empty | Self::Anchor(_) | Self::Look(..) => true,
            Self::Fail | Self::Set(_) => false,
            Self::Concat(parts) => parts.iter().all(Self::is_nullable),
            Self::Alt(parts) => parts.iter().any(Self::is_nullable),
            Self::Repeat(sub, times) => times.min == 0 || sub.is_nullable(),
        }
    }

    /// Whether it contains a look-around that satisfies `is_it`.
    pub(super) fn has_look(&self, is_it: fn(Look) -> bool) -> bool {
        match self {
            Self::Look(look, sub) => is_it(*look) || sub.has_look(is_it),
            Self::Concat(parts) | Self::Alt(parts) => parts.iter().any(|it| it.has_look(is_it)),
            Self::Repeat(sub, _) => sub.has_look(is_it),
            _ => false,
        }
    }

    /// Its number of nodes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Concat(parts) | Self::Alt(parts) => {
                1 + parts.iter().map(Self::size).sum::<usize>()
            }
            Self::Repeat(sub, _) | Self::Look(_, sub) => 1 + sub.size(),
            _ => 1,
        }
    }

    /// The regex for the same texts reversed.
    pub(super) fn reversed(&self) -> Self {
        match self {
            Self::Anchor(anchor) => Self::Anchor(match anchor {
                Anchor::Start => Anchor::End,
                Anchor::End => Anchor::Start,
                Anchor::LineStart => Anchor::LineEnd,
                Anchor::LineEnd => Anchor::LineStart,
                same => *same,
            }),
            Self::Concat(parts) => Self::concat(parts.iter().rev().map(Self::reversed)),
            Self::Alt(parts) => Self::alt(parts.iter().map(Self::reversed)),
            Self::Repeat(sub, times) => sub.reversed().repeat(*times),
            Self::Look(look, sub) => sub.reversed().look(!look.ahead, look.negative),
            node => node.clone(),
        }
    }

    /// The bytes that a match can begin with; all bytes if an anchor or a look-around comes first.
    pub(super) fn first(&self) -> Bytes {
        match self {
            Self::Empty | Self::Fail => Bytes::NONE,
            Self::Set(set) => *set,
            Self::Anchor(_) | Self::Look(..) => Bytes::ALL,
            Self::Concat(parts) => {
                let mut first = Bytes::NONE;
                for part in parts.iter() {
                    first = first.or(part.first());
                    if !part.is_nullable() {
                        break;
                    }
                }
                first
            }
            Self::Alt(parts) => parts.iter().map(Self::first).fold(Bytes::NONE, Bytes::or),
            Self::Repeat(sub, _) => sub.first(),
        }
    }
}

/// Adds a part; a one-byte look-around and the adjacent byte become one set.
fn join(flat: &mut Vec<Node>, part: Node) {
    let merged = match (flat.last(), &part) {
        (Some(Node::Look(look, sub)), Node::Set(next)) if look.ahead => of_one(*look, sub, *next),
        (Some(Node::Set(last)), Node::Look(look, sub)) if !look.ahead => of_one(*look, sub, *last),
        _ => None,
    };
    match merged {
        Some(set) => {
            flat.pop();
            let set = Node::set(set);
            // The set may have another look-around before it.
            if set == Node::Fail {
                flat.push(set);
            } else {
                join(flat, set);
            }
        }
        None => flat.push(part),
    }
}

fn of_one(look: Look, sub: &Node, next: Bytes) -> Option<Bytes> {
    match sub {
        Node::Set(set) if look.negative => Some(next.minus(*set)),
        Node::Set(set) => Some(next.and(*set)),
        _ => None,
    }
}
