//! Atomic groups and possessive quantifiers: `(?>…)`, `…++`.
//!
//! If a text can match in one way only, there is nothing to backtrack into, and the group is an ordinary one. A
//! repetition of such a group takes all it can, so what follows must not be another repetition. Anything else is
//! refused.

use crate::import::bytes::Bytes;
use crate::import::regex_error::RegexError;
use crate::import::tree::{Node, Times};

/// `(?>…)`.
pub(super) fn group(node: &Node) -> Result<Node, RegexError> {
    if is_plain(node) {
        return Ok(node.clone());
    }
    match node {
        Node::Repeat(sub, times) if times.lazy => {
            let exactly = Times {
                max: Some(times.min),
                ..*times
            };
            group(&(**sub).clone().repeat(exactly))
        }
        Node::Repeat(sub, times) => repeat(sub, *times),
        Node::Concat(parts) => {
            let (last, others) = parts.split_last().ok_or(RegexError::AtomicGroup)?;
            if !others.iter().all(is_plain) {
                return Err(RegexError::AtomicGroup);
            }
            Ok(Node::concat(others.iter().cloned().chain([group(last)?])))
        }
        Node::Alt(parts) if parts.iter().all(is_plain) => {
            let mut before: Vec<Node> = Vec::new();
            let mut branches = Vec::new();
            for part in parts.iter() {
                let not_before = Node::alt(before.iter().cloned()).look(true, true);
                branches.push(Node::concat([not_before, part.clone()]));
                before.push(part.clone());
            }
            Ok(Node::alt(branches))
        }
        _ => Err(RegexError::AtomicGroup),
    }
}

/// `…++` and similar.
pub(super) fn repeat(sub: &Node, times: Times) -> Result<Node, RegexError> {
    if !is_plain(sub) || sub.is_nullable() {
        return Err(RegexError::AtomicGroup);
    }
    let one_more = sub.clone().look(true, true);
    let repeated = |min, max| {
        let lazy = false;
        sub.clone().repeat(Times { min, max, lazy })
    };
    Ok(match times.max {
        None => Node::concat([repeated(times.min, None), one_more]),
        Some(max) if max == times.min => repeated(max, Some(max)),
        Some(max) => Node::alt([
            repeated(max, Some(max)),
            Node::concat([repeated(times.min, Some(max - 1)), one_more]),
        ]),
    })
}

/// Whether at most one length of text matches from any position.
fn is_plain(node: &Node) -> bool {
    match node {
        Node::Empty | Node::Fail | Node::Set(_) | Node::Anchor(_) | Node::Look(..) => true,
        Node::Concat(parts) => parts.iter().all(is_plain),
        Node::Alt(parts) => {
            let mut seen = Bytes::NONE;
            parts.iter().all(|part| {
                let first = part.first();
                let is_apart = seen.and(first).is_empty() && !part.is_nullable();
                seen = seen.or(first);
                is_apart && is_plain(part)
            })
        }
        Node::Repeat(sub, times) => times.max == Some(times.min) && is_plain(sub),
    }
}
