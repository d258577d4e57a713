//! What elements of a page do to the text in and around them.
//!
//! In: names in lower case and values of attributes; out: yes or no. It knows the HTML standard's
//! names and the few styles by which mail hides text, and no style sheets.

/// Elements that do not part words; spammers put them within.
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

pub(crate) type Names = &'static [&'static [u8]];

/// What an element ends as it begins, and the elements through which it does not reach (HTML
/// standard 13.1.2.4, 13.2.6.4.7).
pub(crate) fn implied_end(name: &[u8]) -> Option<(Names, Names)> {
    Some(match name {
        b"p" | b"div" | b"table" | b"ul" | b"ol" | b"dl" | b"center" | b"blockquote" | b"pre"
        | b"form" | b"section" | b"article" | b"header" | b"footer" | b"main" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" => (&[b"p"], &[b"td", b"th", b"table", b"button"]),
        b"li" => (&[b"li"], &[b"ul", b"ol"]),
        b"td" | b"th" => (&[b"td", b"th"], &[b"table"]),
        b"tr" => (&[b"tr"], &[b"table"]),
        b"option" => (&[b"option"], &[b"select"]),
        _ => return None,
    })
}

/// Whether a style attribute makes its element's text invisible.
pub(crate) fn hides(style: &[u8]) -> bool {
    style.split(|byte| *byte == b';').any(|declaration| {
        let Some(colon) = memchr::memchr(b':', declaration) else {
            return false;
        };
        let (name, value) = declaration.split_at(colon);
        let (name, value) = (name.trim_ascii(), value[1..].trim_ascii());
        let starts = |start: &[u8]| {
            let head = value.get(..start.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(start))
        };
        if name.eq_ignore_ascii_case(b"display") {
            starts(b"none")
        } else if name.eq_ignore_ascii_case(b"visibility") {
            starts(b"hidden")
        } else if name.eq_ignore_ascii_case(b"font-size") || name.eq_ignore_ascii_case(b"opacity") {
            is_zero(value)
        } else {
            false
        }
    })
}

// 0, 0px, 0.0em, 0%, but not 0.8em.
fn is_zero(value: &[u8]) -> bool {
    let number = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
    let mut digits = number.filter(|byte| **byte != b'.').peekable();
    digits.peek().is_some() && digits.all(|digit| *digit == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_that_hide() {
        for style in [
            "display:none",
            "a:b; Font-Size: 0.0px !important",
            "visibility : HIDDEN",
            "opacity:0",
        ] {
            assert!(hides(style.as_bytes()), "{style}");
        }
        for style in [
            "display:block",
            "font-size:.5em",
            "font-size:medium",
            "none",
            "opacity:0.01",
            "",
        ] {
            assert!(!hides(style.as_bytes()), "{style}");
        }
    }
}
