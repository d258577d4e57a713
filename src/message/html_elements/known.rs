//! The names of HTML elements that are no invention.
//!
//! In: names in lower case; out: yes or no.

use super::{is_formatting, is_void};

/// Elements of the HTML standard that stand within a line.
fn is_text_level(name: &[u8]) -> bool {
    is_formatting(name)
        || matches!(
            name,
            b"abbr"
                | b"acronym"
                | b"bdi"
                | b"bdo"
                | b"cite"
                | b"data"
                | b"del"
                | b"dfn"
                | b"ins"
                | b"kbd"
                | b"label"
                | b"mark"
                | b"q"
                | b"samp"
                | b"script"
                | b"span"
                | b"style"
                | b"sub"
                | b"sup"
                | b"time"
                | b"var"
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
    dialect || is_text_level(name) || is_void(name) || OTHERS.binary_search(&name).is_ok()
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
