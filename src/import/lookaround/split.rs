//! Splits a regex with look-aheads after `^` into several regexes on the same text.

use super::without_look_around;
use crate::import::tree::{Anchor, Look, Node};

/// A regex anchored at the start of a text, split into several regexes on that text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitRegex {
    pub(crate) all: Vec<Node>,
    pub(crate) none: Vec<Node>,
}

/// Turns the look-aheads after a leading `^` into separate regexes.
pub(crate) fn split(node: &Node) -> Option<SplitRegex> {
    let Node::Concat(parts) = node else {
        return None;
    };
    let start = Node::Anchor(Anchor::Start);
    if parts[0] != start {
        return None;
    }
    let mut found = SplitRegex {
        all: Vec::new(),
        none: Vec::new(),
    };
    let mut rest = &parts[1..];
    while let Some((
        Node::Look(
            Look {
                ahead: true,
                negative,
            },
            sub,
        ),
        tail,
    )) = rest.split_first()
    {
        let condition = Node::concat([start.clone(), (**sub).clone()]);
        let condition = without_look_around(&condition).ok()?;
        if *negative {
            found.none.push(condition);
        } else {
            found.all.push(condition);
        }
        rest = tail;
    }
    if rest.len() + 1 == parts.len() {
        return None;
    }
    let rest = Node::concat([start].into_iter().chain(rest.iter().cloned()));
    // If the rest always matches, it is not needed.
    if rest.split().1.is_nullable() && !rest.split().1.has_look(|_| true) && !found.all.is_empty() {
        return Some(found);
    }
    found.all.push(without_look_around(&rest).ok()?);
    Some(found)
}
