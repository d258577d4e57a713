//! The effect of HTML elements on the text in and around them.
//!
//! In: names in lower case; out: yes or no. It knows the names of the HTML standard, but no styles.

mod known;

pub(crate) use known::is_known;

use crate::message::style::Display;

/// How a browser lays out an element of which no style is known (HTML standard 15.3). What is not listed stands
/// within a line and does not part words, whatever its name.
pub(crate) fn display(name: &[u8]) -> Display {
    match name {
        b"address" | b"article" | b"aside" | b"blockquote" | b"br" | b"button" | b"caption"
        | b"center" | b"col" | b"colgroup" | b"dd" | b"details" | b"dialog" | b"dir" | b"div"
        | b"dl" | b"dt" | b"fieldset" | b"figcaption" | b"figure" | b"footer" | b"form" | b"h1"
        | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"header" | b"hgroup" | b"hr" | b"iframe"
        | b"input" | b"legend" | b"li" | b"listing" | b"main" | b"marquee" | b"menu" | b"meter"
        | b"nav" | b"ol" | b"optgroup" | b"option" | b"p" | b"plaintext" | b"pre" | b"progress"
        | b"search" | b"section" | b"select" | b"summary" | b"table" | b"tbody" | b"td"
        | b"textarea" | b"tfoot" | b"th" | b"thead" | b"tr" | b"ul" | b"xmp" => Display::Block,
        b"rp" => Display::Nothing,
        _ => Display::Inline,
    }
}

/// The same of SVG and MathML.
pub(crate) fn foreign_display(name: &[u8]) -> Display {
    match name {
        b"text" => Display::Block,
        b"annotation" | b"clippath" | b"defs" | b"desc" | b"marker" | b"mask" | b"metadata"
        | b"pattern" | b"symbol" => Display::Nothing,
        _ => Display::Inline,
    }
}

/// Elements whose content is no text of the page (HTML standard 15.3.1), or that stand for something else.
pub(crate) fn is_code(name: &[u8], is_foreign: bool) -> bool {
    match name {
        b"script" | b"style" | b"title" => true,
        b"template" | b"noframes" | b"noembed" | b"iframe" | b"datalist" => !is_foreign,
        _ => false,
    }
}

/// Elements whose content is for programs that cannot play or draw them.
pub(crate) fn is_played(name: &[u8]) -> bool {
    matches!(name, b"audio" | b"video" | b"canvas")
}

/// Parts of tables, which a browser ignores where there is no table (HTML standard 13.2.6.4.7).
pub(crate) fn is_table_part(name: &[u8]) -> bool {
    matches!(
        name,
        b"caption" | b"col" | b"colgroup" | b"tbody" | b"td" | b"tfoot" | b"th" | b"thead" | b"tr"
    )
}

/// Elements that an end tag can close although others are open within, which go on after it (HTML
/// standard 13.2.4.3).
pub(crate) fn is_formatting(name: &[u8]) -> bool {
    matches!(
        name,
        b"a" | b"b"
            | b"big"
            | b"code"
            | b"em"
            | b"font"
            | b"i"
            | b"nobr"
            | b"s"
            | b"small"
            | b"strike"
            | b"strong"
            | b"tt"
            | b"u"
    )
}

/// Elements around which the end tag of another does not reach (HTML standard 13.2.4.2: special), in order.
const SPECIAL: &[&[u8]] = &[
    b"address",
    b"applet",
    b"article",
    b"aside",
    b"blockquote",
    b"body",
    b"button",
    b"caption",
    b"center",
    b"colgroup",
    b"dd",
    b"details",
    b"dir",
    b"div",
    b"dl",
    b"dt",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"frameset",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"header",
    b"hgroup",
    b"html",
    b"iframe",
    b"li",
    b"listing",
    b"main",
    b"marquee",
    b"menu",
    b"nav",
    b"noembed",
    b"noframes",
    b"noscript",
    b"object",
    b"ol",
    b"p",
    b"plaintext",
    b"pre",
    b"script",
    b"search",
    b"section",
    b"select",
    b"style",
    b"summary",
    b"table",
    b"tbody",
    b"td",
    b"template",
    b"textarea",
    b"tfoot",
    b"th",
    b"thead",
    b"title",
    b"tr",
    b"ul",
    b"xmp",
];

/// A bit for each special element, none for others.
pub(crate) fn special_bit(name: &[u8]) -> u128 {
    SPECIAL.binary_search(&name).map_or(0, |at| 1 << at)
}

/// Elements whose end tags do not reach beyond themselves (HTML standard 13.2.4.2, scopes).
pub(crate) fn bounds_scope(name: &[u8]) -> bool {
    is_marker(name) || matches!(name, b"html" | b"table")
}

/// Elements that keep formatting within from going on after them (HTML standard 13.2.4.3: markers).
pub(crate) fn is_marker(name: &[u8]) -> bool {
    matches!(
        name,
        b"applet" | b"object" | b"marquee" | b"template" | b"td" | b"th" | b"caption"
    )
}

/// Elements that end foreign content, such as `<svg>` (HTML standard 13.2.6.5).
pub(crate) fn ends_foreign(name: &[u8]) -> bool {
    matches!(
        name,
        b"b" | b"big"
            | b"blockquote"
            | b"body"
            | b"br"
            | b"center"
            | b"code"
            | b"dd"
            | b"div"
            | b"dl"
            | b"dt"
            | b"em"
            | b"embed"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
            | b"head"
            | b"hr"
            | b"i"
            | b"img"
            | b"li"
            | b"listing"
            | b"menu"
            | b"meta"
            | b"nobr"
            | b"ol"
            | b"p"
            | b"pre"
            | b"ruby"
            | b"s"
            | b"small"
            | b"span"
            | b"strong"
            | b"strike"
            | b"sub"
            | b"sup"
            | b"table"
            | b"tt"
            | b"u"
            | b"ul"
            | b"var"
    )
}

/// Elements of SVG and MathML in which HTML is HTML again (HTML standard 13.2.4.2, integration points).
pub(crate) fn integrates(name: &[u8]) -> bool {
    matches!(
        name,
        b"foreignobject"
            | b"desc"
            | b"title"
            | b"mi"
            | b"mo"
            | b"mn"
            | b"ms"
            | b"mtext"
            | b"annotation-xml"
    )
}

/// HTML standard 13.1.2: elements without an end tag.
pub(crate) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"basefont"
            | b"bgsound"
            | b"br"
            | b"col"
            | b"embed"
            | b"frame"
            | b"hr"
            | b"img"
            | b"input"
            | b"keygen"
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

/// Elements that another start tag closes, or that prevent this: a bit each.
pub(crate) type Kinds = u16;

pub(crate) const P: Kinds = 1;
const LI: Kinds = 1 << 1;
const CELL: Kinds = 1 << 2;
const ROW: Kinds = 1 << 3;
const OPTION: Kinds = 1 << 4;
pub(crate) const TABLE: Kinds = 1 << 5;
const LIST: Kinds = 1 << 6;
const BUTTON: Kinds = 1 << 7;
const SELECT: Kinds = 1 << 8;
const ITEM: Kinds = 1 << 9;
const HEAD_CELL: Kinds = 1 << 10;

/// The kind of an element.
pub(crate) fn kind(name: &[u8]) -> Kinds {
    match name {
        b"p" => P,
        b"li" => LI,
        b"dd" | b"dt" => ITEM,
        b"td" => CELL,
        b"th" => HEAD_CELL,
        b"tr" => ROW,
        b"option" => OPTION,
        b"table" => TABLE,
        b"ul" | b"ol" | b"dl" => LIST,
        b"button" => BUTTON,
        b"select" => SELECT,
        _ => 0,
    }
}

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

/// The elements that a start tag closes, if they are in reach (HTML standard 13.1.2.4, 13.2.6.4.7).
pub(crate) fn implied_end(name: &[u8]) -> Kinds {
    match name {
        b"li" => LI | P,
        b"dd" | b"dt" => ITEM | P,
        b"td" | b"th" => CELL | HEAD_CELL,
        b"tr" | b"tbody" | b"thead" | b"tfoot" => ROW,
        b"option" | b"optgroup" => OPTION,
        b"address" | b"article" | b"aside" | b"blockquote" | b"center" | b"details" | b"dialog"
        | b"dir" | b"div" | b"dl" | b"fieldset" | b"figcaption" | b"figure" | b"footer"
        | b"form" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"header" | b"hgroup"
        | b"hr" | b"listing" | b"main" | b"menu" | b"nav" | b"ol" | b"p" | b"plaintext"
        | b"pre" | b"search" | b"section" | b"summary" | b"table" | b"ul" | b"xmp" => P,
        _ => 0,
    }
}

/// Whether an element separates paragraphs.
pub(crate) fn parts_paragraphs(name: &[u8]) -> bool {
    matches!(
        name,
        b"p" | b"hr" | b"blockquote" | b"pre" | b"table" | b"ul" | b"ol" | b"dl" | b"center"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_elements_are_in_order() {
        assert!(SPECIAL.is_sorted());
        assert_eq!(special_bit(SPECIAL[3]), 8);
        assert_eq!(special_bit(b"span"), 0);
    }
}
