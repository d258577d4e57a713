//! Elements of thousands of lines, which push what follows out of sight.
//!
//! In: CSS, or a program that contains it; out: whether it has such a declaration. It looks at the text, so that no
//! condition around a rule and no selector hides the declaration.

use memchr::memchr_iter;

/// The properties, in lower case.
const PROPERTIES: [&[u8]; 3] = [b"height", b"margin-top", b"padding-top"];

/// Digits of a length in pixels, and in the larger units.
const OF_PIXELS: usize = 5;
const OF_OTHERS: usize = 4;
const OTHERS: [&[u8]; 4] = [b"vh", b"em", b"rem", b"%"];

/// Whether it declares a height, a margin or a padding at the top of 10,000 pixels, of 1,000 em, rem or vh, or of 1,000 %.
pub(crate) fn is_tall(css: &str) -> bool {
    let octets = css.as_bytes();
    memchr_iter(b':', octets)
        .any(|colon| is_thousands(&octets[colon + 1..]) && is_property(&octets[..colon]))
}

/// Whether a value begins with a length of thousands of lines.
fn is_thousands(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|octet| octet.is_ascii_digit());
    let digits = digits.count();
    let is = |unit: &[u8]| {
        let found = value[digits..].get(..unit.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(unit))
    };
    digits >= OF_PIXELS && is(b"px") || digits >= OF_OTHERS && OTHERS.into_iter().any(is)
}

/// Whether one of the properties stands at the end of this, and is not the end of a longer name.
fn is_property(css: &[u8]) -> bool {
    let css = css.trim_ascii_end();
    PROPERTIES.iter().any(|name| {
        let begin = css.len().checked_sub(name.len());
        let parts = begin.and_then(|begin| css.split_at_checked(begin));
        parts.is_some_and(|(before, end)| {
            let is_whole = before.last().is_none_or(|octet| {
                octet.is_ascii_whitespace() || matches!(octet, b';' | b'{' | b'"' | b'\'')
            });
            is_whole && end.eq_ignore_ascii_case(name)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_thousands_of_lines_are_found() {
        for css in [
            ".low { margin-top: 470500px; }",
            "height:10000vh",
            "color:red;PADDING-TOP : 1000REM",
            "@container (min-width:1px){p{height:99999px}}",
            "x.innerHTML='<p style=\"height:1000%\">'",
        ] {
            assert!(is_tall(css), "{css}");
        }
        for css in [
            "",
            ":",
            "height",
            "height:",
            "height:9999px",
            "height:100%",
            "height:10000",
            "max-height: 99999px; height: 1200px",
            "line-height:10000px",
            "width:10000px",
        ] {
            assert!(!is_tall(css), "{css}");
        }
    }
}
