//! The stack of open elements, as a browser's tree builder has it (HTML standard 13.2.4, 13.2.6).
//!
//! In: elements as their tags come; out: which of them a tag closes, and which formatting elements are reconstructed.
//! Its work is linear in the tags: whether a tag closes anything is known without a search.

use super::look::{Look, Unseen};
use crate::message::html_elements as elements;
use crate::message::html_elements::{Element, Kinds, Name};
use crate::message::style::{Display, Style};
use crate::message::style_sheet::element_path::{ElementPath, Token};

/// How many elements are searched for the one that an end tag closes, where scopes do not decide it.
const SEARCH: usize = 256;

/// How many elements may stay open when a formatting element around them ends (misnested tags).
const MISNESTED: usize = 24;

/// Few pages have more elements open at once, and few messages more than one page.
const DEPTH: usize = 32;

/// Limit on the list of active formatting elements (the standard allows three of a kind).
const ACTIVE_FORMATTING: usize = 16;

/// An open element.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenElement {
    pub(super) element: Element,
    /// The index of its own style, if it has any.
    own: Option<u32>,
    pub(super) look: Look,
    /// Why its text is not seen, if it is not.
    unseen: Option<Unseen>,
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

/// An element that was closed.
pub(super) struct Closed {
    pub(super) element: Element,
    pub(super) display: Display,
    pub(super) direction: Direction,
    /// Whether its text was rendered.
    pub(super) is_rendered: bool,
}

/// What an element does to the writing direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Inherited,
    Inline(char),
    Block,
}

/// A formatting element that is opened again.
#[derive(Debug)]
pub(super) struct Reopened {
    pub(super) element: Element,
    pub(super) own: Option<Style>,
    /// The number of markers where it was closed.
    markers: u32,
}

/// The open elements, the outermost first.
#[derive(Debug)]
pub(super) struct OpenElements {
    stack: Vec<OpenElement>,
    /// The styles of those that have one; most have none, and a page may open a hundred thousand.
    styles: Vec<Style>,
    pub(super) path: ElementPath,
    /// Formatting elements to reconstruct: closed together with an outer element.
    active_formatting: Vec<Reopened>,
}

impl Default for OpenElements {
    fn default() -> Self {
        Self {
            stack: Vec::with_capacity(DEPTH),
            styles: Vec::with_capacity(DEPTH),
            path: ElementPath::default(),
            active_formatting: Vec::new(),
        }
    }
}

impl OpenElements {
    #[inline]
    pub(super) fn last(&self) -> Option<&OpenElement> {
        self.stack.last()
    }

    #[inline]
    pub(super) fn look(&self) -> Look {
        self.stack.last().map_or(Look::PLAIN, |last| last.look)
    }

    /// Why text here is not seen, if it is not.
    #[inline]
    pub(super) fn unseen(&self) -> Option<Unseen> {
        self.stack.last()?.unseen
    }

    /// Whether a table is open.
    pub(super) fn has_table(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|last| last.reach & elements::TABLE != 0)
    }

    /// Whether text here is not rendered, as in scripts and styles.
    #[inline]
    pub(super) fn is_code(&self) -> bool {
        self.stack.last().is_some_and(|last| last.is_code)
    }

    /// Whether a start tag here begins a foreign element.
    #[inline]
    pub(super) fn is_foreign(&self) -> bool {
        let last = self.stack.last();
        last.is_some_and(|last| last.is_foreign && !last.is_integration_point)
    }

    /// Opens an element with this style of its own.
    pub(super) fn push(
        &mut self,
        element: Element,
        own: Option<Style>,
        tokens: &[Token],
        is_foreign: bool,
    ) {
        let outer = self.stack.last();
        let (kind, special) = match is_foreign {
            true => (0, 0),
            false => (element.kind, element.special),
        };
        let bounds = special != 0 && element.bounds_scope();
        let display = own.and_then(|own| own.display);
        let display = display.unwrap_or_else(|| element.display(is_foreign));
        let mut look = outer
            .map_or(Look::PLAIN, |outer| outer.look)
            .within(own.as_ref(), display);
        look.is_aside |= !is_foreign && element.has(elements::FALLBACK);
        let unseen = match outer {
            // Most elements look like the one around them.
            Some(outer) if own.is_none() && look.shows_like(&outer.look) => outer.unseen,
            Some(outer) if look == outer.look => outer.unseen,
            _ => look.unseen(),
        };
        let own = own.map(|own| {
            self.styles.push(own);
            self.styles.len() as u32 - 1
        });
        self.stack.push(OpenElement {
            element,
            own,
            look,
            unseen,
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
        });
        self.path.push(tokens);
    }

    /// Notes that the innermost element is a MathML annotation that does not contain HTML.
    pub(super) fn set_annotation(&mut self) {
        if let Some(last) = self.stack.last_mut() {
            last.is_integration_point = false;
            last.look.gone = true;
            last.unseen = last.look.unseen();
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
    pub(super) fn pop(&mut self, is_target: bool) -> Option<Closed> {
        let (popped, outer) = self.stack.split_last()?;
        let (own, markers) = (popped.own, popped.markers);
        let is_reopened =
            !is_target && !popped.is_foreign && popped.element.has(elements::FORMATTING);
        let closed = Closed {
            element: popped.element,
            display: popped.display,
            direction: popped.direction,
            is_rendered: !popped.look.gone && !popped.is_code,
        };
        let outer_markers = outer.last().map_or(0, |last| last.markers);
        if markers > outer_markers {
            self.active_formatting
                .retain(|one| one.markers <= outer_markers);
        } else if is_reopened {
            let entry = Reopened {
                element: closed.element,
                own: self.style(own),
                markers,
            };
            if self.active_formatting.len() == ACTIVE_FORMATTING {
                self.active_formatting[0] = entry;
            } else {
                self.active_formatting.insert(0, entry);
            }
        }
        let depth = self.stack.len() - 1;
        self.stack.truncate(depth);
        self.path.truncate(depth);
        if let Some(own) = own {
            self.styles.truncate(own as usize);
        }
        Some(closed)
    }

    /// A style by its index.
    fn style(&self, own: Option<u32>) -> Option<Style> {
        self.styles.get(own? as usize).copied()
    }

    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    /// The formatting elements to reconstruct here.
    #[inline]
    pub(super) fn take_active_formatting(&mut self) -> Vec<Reopened> {
        if self.active_formatting.is_empty() {
            return Vec::new();
        }
        let markers = self.stack.last().map_or(0, |last| last.markers);
        let (now, later) = self
            .active_formatting
            .drain(..)
            .partition(|one| one.markers == markers);
        self.active_formatting = later;
        now
    }

    /// Ends a formatting element around elements that stay open, or one that would be reconstructed (HTML standard
    /// 13.2.6.4.7, the adoption agency algorithm). Returns how many stay open.
    pub(super) fn end_formatting(&mut self, name: Name) -> usize {
        if let Some(at) = self
            .active_formatting
            .iter()
            .rposition(|one| one.element.name == name)
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
            let (own, display) = (self.style(self.stack[at].own), self.stack[at].display);
            self.stack[at].look = outer.within(own.as_ref(), display);
            self.stack[at].unseen = self.stack[at].look.unseen();
        }
        self.stack.len() - at
    }
}
