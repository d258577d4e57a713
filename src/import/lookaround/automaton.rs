//! An automaton whose edges are regexes, and its conversion to a regex.

use std::collections::BTreeMap;

use crate::import::tree::Node;

/// Limit on the parts of a regex.
const LARGEST: usize = 40_000;

/// States are numbered from 0; `None` is the accepting state.
pub(super) struct Automaton {
    edges: BTreeMap<(usize, Option<usize>), Node>,
}

impl Automaton {
    pub(super) fn new() -> Self {
        Self {
            edges: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, from: usize, label: Node, to: Option<usize>) {
        let before = self.edges.remove(&(from, to));
        let label = Node::alt(before.into_iter().chain([label]));
        self.edges.insert((from, to), label);
    }

    /// Eliminates all states but the first, in order of increasing cost.
    pub(super) fn regex(mut self, states: usize) -> Option<Node> {
        let mut left: Vec<usize> = (1..states).collect();
        while let Some(at) = (0..left.len()).min_by_key(|at| self.cost(left[*at])) {
            self.take_out(left.swap_remove(at))?;
        }
        let again = self.edges.remove(&(0, Some(0)));
        let all = self.edges.remove(&(0, None)).unwrap_or(Node::Fail);
        let again = again.map_or(Node::Empty, Node::star);
        Some(Node::concat([again, all]))
    }

    /// The growth caused by eliminating a state: each outgoing edge is copied for all incoming edges but one, and vice
    /// versa (Delgado and Morais, 2004).
    fn cost(&self, state: usize) -> usize {
        let mut into = (0, 0);
        for ((from, to), label) in &self.edges {
            if *to == Some(state) && *from != state {
                into = (into.0 + 1, into.1 + label.size());
            }
        }
        let mut out = (0, 0);
        for (_, label) in self.out_of(state) {
            out = (out.0 + 1, out.1 + label.size());
        }
        let again = self.edges.get(&(state, Some(state)));
        let again = again.map_or(0, Node::size);
        let copies: usize = into.0 * out.0;
        into.1 * out.0.max(1).saturating_sub(1)
            + out.1 * into.0.max(1).saturating_sub(1)
            + again * copies.saturating_sub(1)
    }

    fn out_of(&self, state: usize) -> impl Iterator<Item = (Option<usize>, &Node)> {
        let out = self.edges.range((state, None)..);
        out.take_while(move |((from, _), _)| *from == state)
            .filter(move |((_, to), _)| *to != Some(state))
            .map(|((_, to), label)| (*to, label))
    }

    fn take_out(&mut self, state: usize) -> Option<()> {
        let again = self.edges.remove(&(state, Some(state)));
        let again = again.map_or(Node::Empty, Node::star);
        let out: Vec<_> = self
            .out_of(state)
            .map(|(to, label)| (to, label.clone()))
            .collect();
        for (to, _) in &out {
            self.edges.remove(&(state, *to));
        }
        let into: Vec<_> = self
            .edges
            .keys()
            .filter(|(_, to)| *to == Some(state))
            .map(|(from, _)| *from)
            .collect();
        for from in into {
            let Some(label) = self.edges.remove(&(from, Some(state))) else {
                continue;
            };
            for (to, tail) in &out {
                let way = Node::concat([label.clone(), again.clone(), tail.clone()]);
                if way.size() > LARGEST {
                    return None;
                }
                self.add(from, way, *to);
            }
        }
        Some(())
    }
}
