//! The effect of HTML elements on the text in and around them.
//!
//! In: names in lower case; out: yes or no. It knows the names of the HTML standard, but no styles.

/// Elements that do not separate words; spammers put them into words.
pub(crate) fn is_inline(name: &[u8]) -> bool {
    matches!(
        name,
        b"a" | b"abbr"
            | b"acronym"
            | b"b"
            | b"bdi"
            | b"bdo"
            | b"big"
            | b"cite"
            | b"code"
            | b"data"
            | b"del"
            | b"dfn"
            | b"em"
            | b"font"
            | b"i"
            | b"ins"
            | b"kbd"
            | b"label"
            | b"mark"
            | b"nobr"
            | b"q"
            | b"s"
            | b"samp"
            | b"script"
            | b"small"
            | b"span"
            | b"strike"
            | b"strong"
            | b"style"
            | b"sub"
            | b"sup"
            | b"time"
            | b"tt"
            | b"u"
            | b"var"
            | b"wbr"
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
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

/// Elements that another start tag closes, or that prevent this: a bit each, because each tag checks
/// all open elements.
pub(crate) type Kinds = u16;

const P: Kinds = 1;
const LI: Kinds = 1 << 1;
const CELL: Kinds = 1 << 2;
const ROW: Kinds = 1 << 3;
const OPTION: Kinds = 1 << 4;
const TABLE: Kinds = 1 << 5;
const LIST: Kinds = 1 << 6;
const BUTTON: Kinds = 1 << 7;
const SELECT: Kinds = 1 << 8;

/// The kind of an element.
pub(crate) fn kind(name: &[u8]) -> Kinds {
    match name {
        b"p" => P,
        b"li" => LI,
        b"td" | b"th" => CELL,
        b"tr" => ROW,
        b"option" => OPTION,
        b"table" => TABLE,
        b"ul" | b"ol" => LIST,
        b"button" => BUTTON,
        b"select" => SELECT,
        _ => 0,
    }
}

/// The elements that a start tag closes, and those beyond which it does not reach (HTML
/// standard 13.1.2.4, 13.2.6.4.7).
pub(crate) fn implied_end(name: &[u8]) -> Option<(Kinds, Kinds)> {
    Some(match name {
        b"p" | b"div" | b"table" | b"ul" | b"ol" | b"dl" | b"center" | b"blockquote" | b"pre"
        | b"form" | b"section" | b"article" | b"header" | b"footer" | b"main" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" => (P, CELL | TABLE | BUTTON),
        b"li" => (LI, LIST),
        b"td" | b"th" => (CELL, TABLE),
        b"tr" => (ROW, TABLE),
        b"option" => (OPTION, SELECT),
        _ => return None,
    })
}

/// Whether an element separates paragraphs.
pub(crate) fn parts_paragraphs(name: &[u8]) -> bool {
    matches!(
        name,
        b"p" | b"hr" | b"blockquote" | b"pre" | b"table" | b"ul" | b"ol" | b"dl" | b"center"
    )
}

/// Whether the name is in the HTML standard, obsolete, or used by mail programs.
pub(crate) fn is_known(name: &[u8]) -> bool {
    const OTHERS: &[&[u8]] = &[
        b"address",
        b"applet",
        b"article",
        b"aside",
        b"audio",
        b"blink",
        b"blockquote",
        b"body",
        b"button",
        b"canvas",
        b"caption",
        b"center",
        b"circle",
        b"clippath",
        b"colgroup",
        b"datalist",
        b"dd",
        b"defs",
        b"details",
        b"dialog",
        b"dir",
        b"div",
        b"dl",
        b"dt",
        b"ellipse",
        b"fieldset",
        b"figcaption",
        b"figure",
        b"footer",
        b"form",
        b"frameset",
        b"g",
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
        b"isindex",
        b"legend",
        b"li",
        b"line",
        b"lineargradient",
        b"listing",
        b"main",
        b"map",
        b"marquee",
        b"math",
        b"menu",
        b"meter",
        b"nav",
        b"noembed",
        b"noframes",
        b"noscript",
        b"object",
        b"ol",
        b"optgroup",
        b"option",
        b"output",
        b"p",
        b"path",
        b"picture",
        b"plaintext",
        b"polygon",
        b"pre",
        b"progress",
        b"rect",
        b"rp",
        b"rt",
        b"ruby",
        b"search",
        b"section",
        b"select",
        b"slot",
        b"spacer",
        b"stop",
        b"summary",
        b"svg",
        b"table",
        b"tbody",
        b"td",
        b"template",
        b"text",
        b"textarea",
        b"tfoot",
        b"th",
        b"thead",
        b"title",
        b"tr",
        b"ul",
        b"use",
        b"video",
        b"x-tab",
        b"xml",
        b"xmp",
    ];
    // Office and web pages in mail have namespaces and custom elements.
    let dialect = name.contains(&b':') || name.contains(&b'-');
    dialect || is_inline(name) || is_void(name) || OTHERS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names() {
        for name in [
            "div", "address", "xmp", "img", "span", "o:p", "amp-img", "text",
        ] {
            assert!(is_known(name.as_bytes()), "{name}");
        }
        for name in ["xqz", "bx", "h7", ""] {
            assert!(!is_known(name.as_bytes()), "{name}");
        }
    }
}
