//! Rewrites regexes with look-around to regexes without it.
//!
//! In: a tree; out: one without look-around that matches in the same texts, or why there is none. Its matches may be
//! longer: they include what the look-around examined.
//!
//! A state is what a regex still has to match, together with what the text ahead must or must not begin with. A byte
//! leads from one state to others, as in Brzozowski's derivatives; once nothing is pending, the rest of the regex is
//! kept unchanged. The result is a small automaton, which becomes a regex again by state elimination. A look-behind is
//! a look-ahead in the reversed regex.

use std::collections::{BTreeSet, HashMap};

use super::bytes::Bytes;
use super::regex_error::RegexError;
use super::tree::{Anchor, Node};

mod automaton;
mod linear;
pub(super) mod split;

use automaton::Automaton;
use linear::{Head, Linear, beginning_with, empty_part, linear, optional_heads, without};

/// Limit on states: with more, the regex would be too large to run.
const MOST_STATES: usize = 500;

/// The same regex without look-around.
pub(super) fn without_look_around(node: &Node) -> Result<Node, RegexError> {
    let node = ahead(node)?;
    if !node.has_look(|_| true) {
        return Ok(node);
    }
    Ok(ahead(&node.reversed())?.reversed())
}

fn has_ahead(node: &Node) -> bool {
    node.has_look(|look| look.ahead)
}

fn ahead(node: &Node) -> Result<Node, RegexError> {
    if !has_ahead(node) {
        return Ok(node.clone());
    }
    let start = State {
        rest: node.clone(),
        pending: BTreeSet::new(),
    };
    let mut numbers: HashMap<State, usize> = HashMap::from([(start.clone(), 0)]);
    let mut queue = vec![start];
    let mut automaton = Automaton::new();
    let mut done = 0;
    while done < queue.len() {
        for (label, target) in queue[done].clone().edges()? {
            let target = match target {
                None => None,
                Some(state) => {
                    let next = queue.len();
                    let number = *numbers.entry(state.clone()).or_insert(next);
                    if number == next {
                        queue.push(state);
                    }
                    Some(number)
                }
            };
            automaton.add(done, label, target);
        }
        done += 1;
        if queue.len() > MOST_STATES {
            return Err(RegexError::LookAround);
        }
    }
    automaton.regex(queue.len()).ok_or(RegexError::LookAround)
}

/// What the text ahead must, or must not, begin with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pending {
    negative: bool,
    node: Node,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    rest: Node,
    pending: BTreeSet<Pending>,
}

/// What is matched, and the next state: `None` accepts, whatever follows.
type Edge = (Node, Option<State>);

impl State {
    fn with_rest(&self, rest: Node) -> Self {
        Self {
            rest,
            pending: self.pending.clone(),
        }
    }

    fn with(&self, negative: bool, node: Node) -> Self {
        let mut state = self.clone();
        if !(negative && node == Node::Fail) {
            state.pending.insert(Pending { negative, node });
        }
        state
    }

    fn minus(&self, pending: &Pending) -> Self {
        let mut state = self.clone();
        state.pending.remove(pending);
        state
    }

    fn edges(self) -> Result<Vec<Edge>, RegexError> {
        if self.pending.is_empty() {
            return Ok(self.free_edges());
        }
        let mut forms = Vec::new();
        for pending in &self.pending {
            let linear = linear(&pending.node)?;
            if let Some(edges) = self.edges_of_anchor(pending, &linear)? {
                return Ok(edges);
            }
            forms.push((pending, linear));
        }
        let mut edges = Vec::new();
        let rest = linear(&self.rest)?;
        if rest.iter().any(|form| form.head == Head::Nothing) {
            self.edges_at_end(&forms, &mut edges);
            return Ok(edges);
        }
        let watched = self.free_bytes(&forms, &mut edges);
        for form in &rest {
            match &form.head {
                Head::Anchor(anchor) => {
                    edges.push((anchor.clone(), Some(self.with_rest(form.tail.clone()))));
                }
                Head::Ahead { negative, node } => {
                    let state = self.with_rest(form.tail.clone());
                    edges.push((Node::Empty, Some(state.with(*negative, node.clone()))));
                }
                Head::Set(set) => {
                    self.edges_of_bytes(set.and(watched), &form.tail, &forms, &mut edges);
                }
                Head::Nothing => {}
            }
        }
        Ok(edges)
    }

    /// If nothing is pending, the regex is unchanged up to the next look-ahead.
    fn free_edges(self) -> Vec<Edge> {
        if !has_ahead(&self.rest) {
            return vec![(self.rest, None)];
        }
        let parts = match &self.rest {
            Node::Concat(parts) => parts.to_vec(),
            node => vec![node.clone()],
        };
        let free = parts.iter().take_while(|part| !has_ahead(part)).count();
        let tail = Node::concat(parts[free + usize::from(free == 0)..].iter().cloned());
        let to = |head: Node| Some(self.with_rest(Node::concat([head, tail.clone()])));
        if free > 0 {
            let free = Node::concat(parts[..free].iter().cloned());
            return vec![(free, Some(self.with_rest(tail)))];
        }
        match &parts[0] {
            Node::Look(look, sub) => {
                let state = self.with_rest(tail);
                vec![(
                    Node::Empty,
                    Some(state.with(look.negative, (**sub).clone())),
                )]
            }
            Node::Alt(branches) => {
                let (look, free): (Vec<_>, Vec<_>) = branches.iter().cloned().partition(has_ahead);
                let mut edges: Vec<Edge> = look
                    .into_iter()
                    .map(|branch| (Node::Empty, to(branch)))
                    .collect();
                if !free.is_empty() {
                    edges.push((Node::alt(free), to(Node::Empty)));
                }
                edges
            }
            Node::Repeat(sub, times) => {
                let again = (**sub).clone().repeat(times.less());
                let again = if times.max.is_none() || times.max > Some(1) {
                    again
                } else {
                    Node::Empty
                };
                let mut edges = vec![(Node::Empty, to(Node::concat([(**sub).clone(), again])))];
                if times.min == 0 {
                    edges.push((Node::Empty, to(Node::Empty)));
                }
                edges
            }
            _ => Vec::new(),
        }
    }

    /// Merges the bytes after which nothing is pending into one edge; returns the others.
    fn free_bytes(&self, forms: &[(&Pending, Vec<Linear>)], edges: &mut Vec<Edge>) -> Bytes {
        let parts = optional_heads(&self.rest);
        let has_positive = self.pending.iter().any(|pending| !pending.negative);
        let Some(parts) = parts.filter(|_| !has_positive) else {
            return Bytes::ALL;
        };
        let sets = forms
            .iter()
            .flat_map(|(_, forms)| forms.iter().filter_map(Linear::set));
        let watched = sets.fold(Bytes::NONE, Bytes::or);
        for (head, tail) in parts {
            let free = beginning_with(&head, watched.not());
            if free != Node::Fail {
                let state = Self {
                    rest: tail,
                    pending: BTreeSet::new(),
                };
                edges.push((free, Some(state)));
            }
        }
        watched
    }

    /// Decides pending parts that are empty or begin with an anchor, before the next byte.
    fn edges_of_anchor(
        &self,
        pending: &Pending,
        forms: &[Linear],
    ) -> Result<Option<Vec<Edge>>, RegexError> {
        let others = self.minus(pending);
        if forms.iter().any(|form| form.head == Head::Nothing) {
            return Ok(Some(if pending.negative {
                Vec::new()
            } else {
                vec![(Node::Empty, Some(others))]
            }));
        }
        for (number, form) in forms.iter().enumerate() {
            let anchor = match &form.head {
                Head::Set(_) | Head::Nothing => continue,
                // The end of the text is handled with the next byte or the end.
                Head::Anchor(Node::Anchor(Anchor::End)) if pending.negative => {
                    if form.tail != Node::Empty && form.tail.is_nullable() {
                        return Err(RegexError::LookAround);
                    }
                    continue;
                }
                Head::Anchor(Node::Anchor(anchor)) => *anchor,
                Head::Anchor(_) | Head::Ahead { .. } => return Err(RegexError::LookAround),
            };
            let rest_of_it = without(forms, number);
            let tail = form.tail.clone();
            let holds = Node::Anchor(anchor);
            let edges = match (anchor, pending.negative) {
                (Anchor::Word | Anchor::NotWord, true) => {
                    let fails = match anchor {
                        Anchor::Word => Anchor::NotWord,
                        _ => Anchor::Word,
                    };
                    let state = others.with(true, rest_of_it);
                    vec![
                        (Node::Anchor(fails), Some(state.clone())),
                        (holds, Some(state.with(true, tail))),
                    ]
                }
                (Anchor::Word | Anchor::NotWord, false) => vec![
                    (holds, Some(others.with(false, tail))),
                    (Node::Empty, Some(others.with(false, rest_of_it))),
                ],
                (Anchor::End, false) => {
                    let at_end = others.with_rest(empty_part(&self.rest));
                    vec![
                        (Node::Empty, Some(others.with(false, rest_of_it))),
                        (holds, Some(at_end.with(false, empty_part(&tail)))),
                    ]
                }
                (Anchor::LineEnd, negative) if tail == Node::Empty => {
                    // A line ends at the end of the text, or before a line feed.
                    let ends = Node::alt([Node::byte(b'\n'), Node::Anchor(Anchor::End)]);
                    let node = Node::alt([rest_of_it, ends]);
                    vec![(Node::Empty, Some(others.with(negative, node)))]
                }
                _ => return Err(RegexError::LookAround),
            };
            return Ok(Some(edges));
        }
        Ok(None)
    }

    /// The regex has matched; only what is pending remains to be decided.
    fn edges_at_end(&self, forms: &[(&Pending, Vec<Linear>)], edges: &mut Vec<Edge>) {
        let wanted = self.pending.iter().find(|pending| !pending.negative);
        if let Some(pending) = wanted {
            let state = self.minus(pending).with_rest(pending.node.clone());
            edges.push((Node::Empty, Some(state)));
            return;
        }
        let may_end = forms.iter().all(|(_, forms)| {
            let mut forms = forms.iter();
            !forms.any(|form| matches!(form.head, Head::Anchor(_)) && form.tail == Node::Empty)
        });
        if may_end {
            edges.push((Node::Anchor(Anchor::End), None));
        }
        self.edges_of_bytes(Bytes::ALL, &Node::Empty, forms, edges);
    }

    /// A byte of `set`, then `tail`.
    fn edges_of_bytes(
        &self,
        set: Bytes,
        tail: &Node,
        forms: &[(&Pending, Vec<Linear>)],
        edges: &mut Vec<Edge>,
    ) {
        let sets: Vec<Bytes> = forms
            .iter()
            .flat_map(|(_, forms)| forms.iter().filter_map(Linear::set))
            .collect();
        for part in parts(set, &sets)
            .into_iter()
            .filter(|part| !part.is_empty())
        {
            let mut state = Self {
                rest: tail.clone(),
                pending: BTreeSet::new(),
            };
            let mut is_dead = false;
            for (pending, forms) in forms {
                let tails = forms
                    .iter()
                    .filter(|form| form.set().is_some_and(|set| set.includes(part)));
                let node = Node::alt(tails.map(|form| form.tail.clone()));
                match (pending.negative, &node) {
                    (true, Node::Empty) | (false, Node::Fail) => is_dead = true,
                    (false, Node::Empty) => {}
                    _ => state = state.with(pending.negative, node),
                }
            }
            if !is_dead {
                edges.push((Node::Set(part), Some(state)));
            }
        }
    }
}

/// Splits a set so that each part is inside or outside each of the others.
fn parts(set: Bytes, others: &[Bytes]) -> Vec<Bytes> {
    let mut parts = vec![set];
    for other in others {
        parts = parts
            .into_iter()
            .flat_map(|part| [part.and(*other), part.minus(*other)])
            .filter(|part| !part.is_empty())
            .collect();
    }
    parts
}

#[cfg(test)]
mod tests;
