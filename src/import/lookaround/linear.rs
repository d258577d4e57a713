//! A regex as alternatives, split into head and tail (linear form).

use crate::import::bytes::Bytes;
use crate::import::regex_error::RegexError;
use crate::import::tree::{Look, Node};

/// The head of an alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// The empty text.
    Nothing,
    Set(Bytes),
    /// An anchor or a look-behind, which stays unchanged.
    Anchor(Node),
    Ahead {
        negative: bool,
        node: Node,
    },
}

/// An alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Linear {
    pub(super) head: Head,
    pub(super) tail: Node,
}

impl Linear {
    fn new(head: Head) -> Self {
        Self {
            head,
            tail: Node::Empty,
        }
    }

    fn then(self, node: &Node) -> Self {
        Self {
            head: self.head,
            tail: Node::concat([self.tail, node.clone()]),
        }
    }

    pub(super) fn set(&self) -> Option<Bytes> {
        match self.head {
            Head::Set(set) => Some(set),
            _ => None,
        }
    }

    fn node(&self) -> Node {
        let head = match &self.head {
            Head::Nothing => Node::Empty,
            Head::Set(set) => Node::Set(*set),
            Head::Anchor(node) => node.clone(),
            Head::Ahead { negative, node } => node.clone().look(true, *negative),
        };
        Node::concat([head, self.tail.clone()])
    }
}

/// All alternatives but one, as a regex.
pub(super) fn without(forms: &[Linear], number: usize) -> Node {
    let others = forms.iter().enumerate().filter(|(at, _)| *at != number);
    Node::alt(others.map(|(_, form)| form.node()))
}

/// The alternatives.
pub(super) fn linear(node: &Node) -> Result<Vec<Linear>, RegexError> {
    let mut forms = Vec::new();
    collect(node, &mut forms)?;
    Ok(forms)
}

fn collect(node: &Node, forms: &mut Vec<Linear>) -> Result<(), RegexError> {
    let mut add = |form: Linear| {
        if !forms.contains(&form) {
            forms.push(form);
        }
    };
    match node {
        Node::Empty => add(Linear::new(Head::Nothing)),
        Node::Fail => {}
        Node::Set(set) => add(Linear::new(Head::Set(*set))),
        Node::Anchor(_) => add(Linear::new(Head::Anchor(node.clone()))),
        Node::Look(Look { ahead, negative }, sub) => add(Linear::new(if *ahead {
            Head::Ahead {
                negative: *negative,
                node: (**sub).clone(),
            }
        } else if sub.has_look(|look| look.ahead) {
            return Err(RegexError::NestedLookAround);
        } else {
            Head::Anchor(node.clone())
        })),
        Node::Concat(_) => {
            let (head, tail) = node.split();
            for form in linear(&head)? {
                if form.head == Head::Nothing {
                    collect(&tail, forms)?;
                } else {
                    let form = form.then(&tail);
                    if !forms.contains(&form) {
                        forms.push(form);
                    }
                }
            }
        }
        Node::Alt(parts) => {
            for part in parts.iter() {
                collect(part, forms)?;
            }
        }
        Node::Repeat(sub, times) => {
            let again = match times.max {
                Some(1) => Node::Empty,
                _ => (**sub).clone().repeat(times.less()),
            };
            let mut is_nullable = times.min == 0;
            for form in linear(sub)? {
                if form.head == Head::Nothing {
                    is_nullable = true;
                } else {
                    add(form.then(&again));
                }
            }
            if is_nullable {
                add(Linear::new(Head::Nothing));
            }
        }
    }
    Ok(())
}

/// The parts that a match may begin with, each with the rest after it: all parts that can be skipped, and the first
/// that cannot. `None` if an anchor or a look-around comes first.
pub(super) fn optional_heads(node: &Node) -> Option<Vec<(Node, Node)>> {
    let mut heads = Vec::new();
    let mut rest = node.clone();
    loop {
        let (head, tail) = rest.split();
        let can_be_skipped = matches!(&head, Node::Repeat(_, times) if times.min == 0);
        let part = match &head {
            Node::Repeat(sub, _) => sub,
            head => head,
        };
        if !begins_with_byte(part) {
            return None;
        }
        heads.push((head, tail.clone()));
        if !can_be_skipped {
            return Some(heads);
        }
        rest = tail;
    }
}

/// Whether each match begins with a byte, without an anchor or a look-around before it.
fn begins_with_byte(node: &Node) -> bool {
    let begins = match node {
        Node::Set(_) => true,
        Node::Concat(parts) => begins_with_byte(&parts[0]),
        Node::Alt(parts) => parts.iter().all(begins_with_byte),
        Node::Repeat(sub, times) => times.min > 0 && begins_with_byte(sub),
        _ => false,
    };
    begins && !node.has_look(|_| true)
}

/// The matches whose first byte is in a set, for a regex that satisfies `begins_with_byte`.
pub(super) fn beginning_with(node: &Node, first: Bytes) -> Node {
    match node {
        Node::Set(set) => Node::set(set.and(first)),
        Node::Concat(parts) => {
            let head = beginning_with(&parts[0], first);
            Node::concat([head].into_iter().chain(parts[1..].iter().cloned()))
        }
        Node::Alt(parts) => Node::alt(parts.iter().map(|part| beginning_with(part, first))),
        Node::Repeat(sub, times) => {
            let head = beginning_with(sub, first);
            let again = match times.max {
                Some(1) => Node::Empty,
                _ => (**sub).clone().repeat(times.less()),
            };
            Node::concat([head, again])
        }
        _ => Node::Fail,
    }
}

/// The part of a regex that matches the empty text: anchors.
pub(super) fn empty_part(node: &Node) -> Node {
    match node {
        Node::Set(_) => Node::Fail,
        Node::Concat(parts) => Node::concat(parts.iter().map(empty_part)),
        Node::Alt(parts) => Node::alt(parts.iter().map(empty_part)),
        Node::Repeat(_, times) if times.min == 0 => Node::Empty,
        Node::Repeat(sub, _) => empty_part(sub),
        node => node.clone(),
    }
}
