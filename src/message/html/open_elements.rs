//! The stack of open elements, as a browser's tree builder has it (HTML standard 13.2.4, 13.2.6).
//!
//! In: elements as their tags come; out: which of them a tag closes, and which formatting elements are reconstructed.
//! Its work is linear in the tags: whether a tag closes anything is known without a search.

use super::look::Look;
use crate::message::html_elements as elements;
use crate::message::html_elements::{Element, Kinds, Name};
use crate::message::style::{Display, Style};
use crate::message::style_sheet::element_path::{ElementPath, Token};

/// How many elements are searched for the one that an end tag closes, where scopes do not decide it.
const SEARCH: usize = 256;

/// How many elements may stay open when a formatting element around them ends (misnested tags).
const MISNESTED: usize = 24;

/// Limit on the list of active formatting elements (the standard allows three of a kind).
const ACTIVE_FORMATTING: usize = 16;

/// An open element.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenElement {
    pub(super) element: Element,
    pub(super) own: Style,
    pub(super) look: Look,
    pub(super) display: Display,
    pub(super) is_code: bool,
    /// An element of SVG or MathML.
    pub(super) is_foreign: bool,
    /// An integration point: an element of SVG or MathML whose content is HTML.
    is_integration_point: bool,
    /// What it did to the writing direction.
    pub(super) direction: Direction,
    /// Which elements a start tag can close, and which ones an end tag can.
    reach: Kinds,
    specials: u128,
    others: u64,
    markers: u32,
}

/// What an element does to the writing direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Inherited,
    Inline(char),
    Block,
}

/// The open elements, the outermost first.
#[derive(Debug, Default)]
pub(super) struct OpenElements {
    stack: Vec<OpenElement>,
    pub(super) path: ElementPath,
    /// Formatting elements to reconstruct: closed together with an outer element, with the number of markers there.
    active_formatting: Vec<(OpenElement, u32)>,
}

impl OpenElements {
    pub(super) fn last(&self) -> Option<&OpenElement> {
        self.stack.last()
    }

    pub(super) fn look(&self) -> Look {
        self.stack.last().map_or(Look::PLAIN, |last| last.look)
    }

    /// Whether a table is open.
    pub(super) fn has_table(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|last| last.reach & elements::TABLE != 0)
    }

    /// Whether text here is not rendered, as in scripts and styles.
    pub(super) fn is_code(&self) -> bool {
        self.stack.last().is_some_and(|last| last.is_code)
    }

    /// Whether a start tag here begins a foreign element.
    pub(super) fn is_foreign(&self) -> bool {
        let last = self.stack.last();
        last.is_some_and(|last| last.is_foreign && !last.is_integration_point)
    }

    /// Opens an element with this style of its own.
    pub(super) fn push(
        &mut self,
        element: Element,
        own: Style,
        tokens: &[Token],
        is_foreign: bool,
    ) -> OpenElement {
        let outer = self.stack.last();
        let (kind, special) = match is_foreign {
            true => (0, 0),
            false => (element.kind, element.special),
        };
        let bounds = special != 0 && element.bounds_scope();
        let display = own.display.unwrap_or_else(|| element.display(is_foreign));
        let mut look = outer
            .map_or(Look::PLAIN, |outer| outer.look)
            .within(&own, display);
        look.is_aside |= !is_foreign && element.has(elements::FALLBACK);
        let opened = OpenElement {
            element,
            own,
            look,
            display,
            is_code: outer.is_some_and(|outer| outer.is_code) || element.is_code(is_foreign),
            is_integration_point: is_foreign && element.has(elements::INTEGRATION_POINT),
            is_foreign,
            direction: Direction::Inherited,
            reach: elements::in_reach(outer.map_or(0, |outer| outer.reach), kind),
            specials: outer.filter(|_| !bounds).map_or(0, |outer| outer.specials) | special,
            others: match (special, outer) {
                (0, Some(outer)) => outer.others | element.name.bit(),
                (0, None) => element.name.bit(),
                _ => 0,
            },
            markers: outer.map_or(0, |outer| outer.markers)
                + u32::from(!is_foreign && element.has(elements::MARKER)),
        };
        self.path.push(tokens);
        self.stack.push(opened);
        opened
    }

    /// Notes that the innermost element is a MathML annotation that does not contain HTML.
    pub(super) fn set_annotation(&mut self) {
        if let Some(last) = self.stack.last_mut() {
            last.is_integration_point = false;
            last.look.gone = true;
        }
    }

    /// Notes what the innermost element did with the writing direction.
    pub(super) fn set_direction(&mut self, direction: Direction) {
        if let Some(last) = self.stack.last_mut() {
            last.direction = direction;
        }
    }

    /// The index of the outermost element that a start tag implicitly closes.
    pub(super) fn implied_end(&self, element: Element) -> Option<usize> {
        let ends = element.closes;
        if self.stack.last()?.reach & ends == 0 {
            return None;
        }
        let is_met = |open: &OpenElement| !open.is_foreign && open.element.kind & ends != 0;
        self.stack.iter().rposition(is_met)
    }

    /// The index of the outermost foreign element that a start tag closes.
    pub(super) fn foreign_end(&self) -> Option<usize> {
        let is_html = |open: &OpenElement| !open.is_foreign || open.is_integration_point;
        Some(self.stack.iter().rposition(is_html).map_or(0, |at| at + 1))
    }

    /// The index of the element that an end tag closes.
    pub(super) fn end(&self, element: Element) -> Option<usize> {
        let last = self.stack.last()?;
        let is_met = |open: &OpenElement| open.element.name == element.name;
        if element.special != 0 {
            let kind = element.kind;
            let is_in_scope = last.specials & element.special != 0;
            // The end tag of a table part also closes an outer element than the current cell.
            let is_in_table = element.has(elements::TABLE_PART) || kind == elements::TABLE;
            if is_in_scope || is_in_table && last.reach & kind != 0 {
                return self.stack.iter().rposition(is_met);
            }
            if !is_in_table || kind != 0 {
                return None;
            }
            let from = self.stack.len().saturating_sub(SEARCH);
            let is_end = |open: &OpenElement| is_met(open) || open.element.kind == elements::TABLE;
            let at = from + self.stack[from..].iter().rposition(is_end)?;
            return is_met(&self.stack[at]).then_some(at);
        }
        if last.others & element.name.bit() == 0 {
            return None;
        }
        let from = self.stack.len().saturating_sub(SEARCH);
        for (at, open) in self.stack.iter().enumerate().skip(from).rev() {
            if is_met(open) {
                return Some(at);
            }
            if !open.is_foreign && open.element.special != 0 {
                break;
            }
        }
        None
    }

    /// Pops the innermost element.
    pub(super) fn pop(&mut self, is_target: bool) -> Option<OpenElement> {
        let popped = self.stack.pop()?;
        self.path.truncate(self.stack.len());
        let outer = self.stack.last().map_or(0, |last| last.markers);
        if popped.markers > outer {
            self.active_formatting
                .retain(|(_, markers)| *markers <= outer);
        } else if !is_target && !popped.is_foreign && popped.element.has(elements::FORMATTING) {
            let entry = (popped, popped.markers);
            if self.active_formatting.len() == ACTIVE_FORMATTING {
                self.active_formatting[0] = entry;
            } else {
                self.active_formatting.insert(0, entry);
            }
        }
        Some(popped)
    }

    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    /// The formatting elements to reconstruct here.
    pub(super) fn take_active_formatting(&mut self) -> Vec<OpenElement> {
        if self.active_formatting.is_empty() {
            return Vec::new();
        }
        let markers = self.stack.last().map_or(0, |last| last.markers);
        let (now, later) = self
            .active_formatting
            .drain(..)
            .partition(|(_, of)| *of == markers);
        self.active_formatting = later;
        let now: Vec<(OpenElement, u32)> = now;
        now.into_iter().map(|(element, _)| element).collect()
    }

    /// Ends a formatting element around elements that stay open, or one that would be reconstructed (HTML standard
    /// 13.2.6.4.7, the adoption agency algorithm). Returns how many stay open.
    pub(super) fn end_formatting(&mut self, name: Name) -> usize {
        if let Some(at) = self
            .active_formatting
            .iter()
            .rposition(|(open, _)| open.element.name == name)
        {
            self.active_formatting.remove(at);
            return 1;
        }
        let from = self.stack.len().saturating_sub(MISNESTED);
        let Some(at) = self.stack[from..]
            .iter()
            .rposition(|open| open.element.name == name)
            .map(|at| from + at)
        else {
            return self.stack.len() - from;
        };
        let is_misnested = |open: &OpenElement| !open.element.has(elements::MARKER);
        let is_plain =
            self.stack[at].direction == Direction::Inherited && !self.stack[at].is_foreign;
        if !is_plain || !self.stack[at + 1..].iter().all(is_misnested) {
            return self.stack.len() - from;
        }
        self.stack.remove(at);
        self.path.remove(at);
        for at in at..self.stack.len() {
            let outer = at
                .checked_sub(1)
                .map_or(Look::PLAIN, |outer| self.stack[outer].look);
            let (own, display) = (self.stack[at].own, self.stack[at].display);
            self.stack[at].look = outer.within(&own, display);
        }
        self.stack.len() - at
    }
}
