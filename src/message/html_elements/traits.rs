//! What the HTML standard says of an element, as bits.

use crate::message::style::Display;

/// Traits of an element, one bit each.
pub(crate) type Flags = u32;

/// It is a block where no style says otherwise (HTML standard 15.3). An element without this bit is inline and does not
/// separate words, whatever its name.
pub(super) const BLOCK: Flags = 1;
/// It is not displayed, where no style says otherwise.
pub(super) const NOT_DISPLAYED: Flags = 1 << 1;
/// The same for elements of SVG and MathML.
pub(super) const FOREIGN_BLOCK: Flags = 1 << 2;
pub(super) const FOREIGN_NOT_DISPLAYED: Flags = 1 << 3;
/// Its content is not text of the page (HTML standard 15.3.1), or is replaced by something else.
pub(super) const CODE: Flags = 1 << 4;
/// The same, but not within SVG or MathML.
pub(super) const HTML_CODE: Flags = 1 << 5;
/// Its content is a fallback for programs that cannot play or draw it.
pub(crate) const FALLBACK: Flags = 1 << 6;
/// A part of a table, which a browser ignores where there is no table (HTML standard 13.2.6.4.7).
pub(crate) const TABLE_PART: Flags = 1 << 7;
/// An end tag can close it although other elements are open in it, which are reopened after it (HTML standard
/// 13.2.4.3).
pub(crate) const FORMATTING: Flags = 1 << 8;
/// End tags of non-special elements do not close elements around it (HTML standard 13.2.4.2: special).
pub(super) const SPECIAL: Flags = 1 << 9;
/// End tags in it do not close elements around it (HTML standard 13.2.4.2: scopes). Markers do the same.
pub(super) const SCOPE: Flags = 1 << 10;
/// Formatting in it is not reconstructed after it (HTML standard 13.2.4.3: markers).
pub(crate) const MARKER: Flags = 1 << 11;
/// It ends foreign content, such as `<svg>` (HTML standard 13.2.6.5).
pub(crate) const ENDS_FOREIGN: Flags = 1 << 12;
/// An element of SVG or MathML whose content is HTML again (HTML standard 13.2.4.2: integration points).
pub(crate) const INTEGRATION_POINT: Flags = 1 << 13;
/// It has no end tag (HTML standard 13.1.2).
pub(crate) const VOID: Flags = 1 << 14;
/// It separates paragraphs.
pub(crate) const PARAGRAPH: Flags = 1 << 15;
/// It is around or next to the style sheets in an ordinary page.
pub(crate) const HEAD: Flags = 1 << 16;
/// Its content is raw text to the tokenizer (HTML standard 13.2.6.2), with scripting disabled.
pub(crate) const RAW_TEXT: Flags = 1 << 17;
/// Neither in the HTML standard, obsolete or not, nor used by mail programs.
pub(super) const UNKNOWN: Flags = 1 << 18;

/// Elements that other start tags close, or that prevent this, one bit each.
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

/// The kinds of open elements that a start tag can close inside an element of a kind, out of those it could close
/// outside. A table can be reached from anywhere inside it.
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

/// What is known of an element.
#[derive(Debug)]
pub(crate) struct Traits {
    pub(super) flags: Flags,
    /// Its kind.
    pub(crate) kind: Kinds,
    /// The elements that its start tag closes, if they are in reach (HTML standard 13.1.2.4, 13.2.6.4.7).
    pub(crate) closes: Kinds,
    /// A bit for each special element, 0 for others.
    pub(crate) special: u128,
}

impl Traits {
    /// The traits of an element that is not in the table.
    pub(super) const NONE: Self = Self {
        flags: UNKNOWN,
        kind: 0,
        closes: 0,
        special: 0,
    };

    /// Whether it has one of these traits.
    #[inline]
    pub(crate) fn has(&self, flags: Flags) -> bool {
        self.flags & flags != 0
    }

    /// Whether the name is in the HTML standard, obsolete, or used by mail programs.
    pub(crate) fn is_known(&self) -> bool {
        !self.has(UNKNOWN)
    }

    /// Its default display, without any style.
    #[inline]
    pub(crate) fn display(&self, is_foreign: bool) -> Display {
        let (block, gone) = match is_foreign {
            true => (FOREIGN_BLOCK, FOREIGN_NOT_DISPLAYED),
            false => (BLOCK, NOT_DISPLAYED),
        };
        if self.has(block) {
            Display::Block
        } else if self.has(gone) {
            Display::Nothing
        } else {
            Display::Inline
        }
    }

    /// Whether its content is not text of the page, or is replaced by something else.
    #[inline]
    pub(crate) fn is_code(&self, is_foreign: bool) -> bool {
        self.has(CODE) || !is_foreign && self.has(HTML_CODE)
    }

    /// Whether end tags in it do not close elements around it.
    pub(crate) fn bounds_scope(&self) -> bool {
        self.has(SCOPE | MARKER)
    }
}
