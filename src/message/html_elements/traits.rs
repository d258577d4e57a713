//! What the HTML standard says of an element of a name, as bits.

use crate::message::style::Display;

/// Traits of an element: a bit each.
pub(crate) type Flags = u32;

/// It begins lines of its own, where no style says otherwise (HTML standard 15.3). What has no such bit stands
/// within a line and does not part words, whatever its name.
pub(super) const BLOCK: Flags = 1;
/// It is not displayed, where no style says otherwise.
pub(super) const GONE: Flags = 1 << 1;
/// The same of SVG and MathML.
pub(super) const FOREIGN_BLOCK: Flags = 1 << 2;
pub(super) const FOREIGN_GONE: Flags = 1 << 3;
/// Its content is no text of the page (HTML standard 15.3.1), or stands for something else.
pub(super) const CODE: Flags = 1 << 4;
/// The same, but not within SVG or MathML.
pub(super) const HTML_CODE: Flags = 1 << 5;
/// Its content is for programs that cannot play or draw it.
pub(crate) const PLAYED: Flags = 1 << 6;
/// A part of a table, which a browser ignores where there is no table (HTML standard 13.2.6.4.7).
pub(crate) const TABLE_PART: Flags = 1 << 7;
/// An end tag can close it although others are open within, which go on after it (HTML standard 13.2.4.3).
pub(crate) const FORMATTING: Flags = 1 << 8;
/// The end tag of another does not reach around it (HTML standard 13.2.4.2: special).
pub(super) const SPECIAL: Flags = 1 << 9;
/// End tags within do not reach beyond it (HTML standard 13.2.4.2, scopes). Markers do the same.
pub(super) const BOUND: Flags = 1 << 10;
/// It keeps formatting within from going on after it (HTML standard 13.2.4.3: markers).
pub(crate) const MARKER: Flags = 1 << 11;
/// It ends foreign content, such as `<svg>` (HTML standard 13.2.6.5).
pub(crate) const ENDS_FOREIGN: Flags = 1 << 12;
/// An element of SVG or MathML in which HTML is HTML again (HTML standard 13.2.4.2, integration points).
pub(crate) const INTEGRATES: Flags = 1 << 13;
/// It has no end tag (HTML standard 13.1.2).
pub(crate) const VOID: Flags = 1 << 14;
/// It separates paragraphs.
pub(crate) const PARAGRAPH: Flags = 1 << 15;
/// It stands around or beside the style sheets in an ordinary page.
pub(crate) const HEAD: Flags = 1 << 16;
/// Its content is raw text for the tokenizer (HTML standard 13.2.6.2), where no scripts run.
pub(crate) const RAW_TEXT: Flags = 1 << 17;
/// Neither in the HTML standard, obsolete or not, nor used by mail programs.
pub(super) const UNKNOWN: Flags = 1 << 18;

/// Elements that another start tag closes, or that prevent this: a bit each.
pub(crate) type Kinds = u16;

pub(super) const P: Kinds = 1;
pub(super) const LI: Kinds = 1 << 1;
pub(super) const CELL: Kinds = 1 << 2;
pub(super) const ROW: Kinds = 1 << 3;
pub(super) const OPTION: Kinds = 1 << 4;
pub(crate) const TABLE: Kinds = 1 << 5;
pub(super) const LIST: Kinds = 1 << 6;
pub(super) const BUTTON: Kinds = 1 << 7;
pub(super) const SELECT: Kinds = 1 << 8;
pub(super) const ITEM: Kinds = 1 << 9;
pub(super) const HEAD_CELL: Kinds = 1 << 10;

/// The kinds of open elements that a start tag can reach within an element of a kind, of those it could reach
/// before. A table is in reach of all that is within it.
pub(crate) fn in_reach(before: Kinds, kind: Kinds) -> Kinds {
    let hidden = match kind {
        TABLE => P | LI | ITEM | CELL | HEAD_CELL | ROW | OPTION,
        CELL | HEAD_CELL => P | LI | ITEM | OPTION,
        BUTTON => P,
        LIST => LI | ITEM,
        SELECT => OPTION,
        _ => 0,
    };
    before & !hidden | kind
}

/// What is known of the elements of a name.
#[derive(Debug)]
pub(crate) struct Traits {
    pub(super) flags: Flags,
    /// Its kind.
    pub(crate) kind: Kinds,
    /// The elements that its start tag closes, if they are in reach (HTML standard 13.1.2.4, 13.2.6.4.7).
    pub(crate) closes: Kinds,
    /// A bit for each special element, none for others.
    pub(crate) special: u128,
}

impl Traits {
    /// Of an element of another name.
    pub(super) const NONE: Self = Self {
        flags: UNKNOWN,
        kind: 0,
        closes: 0,
        special: 0,
    };

    /// Whether it has one of these traits.
    pub(crate) fn has(&self, flags: Flags) -> bool {
        self.flags & flags != 0
    }

    /// Whether the name is in the HTML standard, obsolete, or used by mail programs.
    pub(crate) fn is_known(&self) -> bool {
        !self.has(UNKNOWN)
    }

    /// How a browser lays it out if no style is known.
    pub(crate) fn display(&self, is_foreign: bool) -> Display {
        let (block, gone) = match is_foreign {
            true => (FOREIGN_BLOCK, FOREIGN_GONE),
            false => (BLOCK, GONE),
        };
        if self.has(block) {
            Display::Block
        } else if self.has(gone) {
            Display::Nothing
        } else {
            Display::Inline
        }
    }

    /// Whether its content is no text of the page, or stands for something else.
    pub(crate) fn is_code(&self, is_foreign: bool) -> bool {
        self.has(CODE) || !is_foreign && self.has(HTML_CODE)
    }

    /// Whether end tags within do not reach beyond it.
    pub(crate) fn bounds_scope(&self) -> bool {
        self.has(BOUND | MARKER)
    }
}
