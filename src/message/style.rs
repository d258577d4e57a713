//! Style attributes and their older relatives that hide, shrink or colour text.
//!
//! In: the value of an attribute; out: a [`Style`]. It knows the few properties by which mail hides
//! text from people (CSS 2.2 sections 11, 14, 15) and no style sheets, and never fails.

/// A colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Not set.
    #[default]
    Inherited,
    /// Red, green, blue.
    Rgb([u8; 3]),
    /// Set to something else, such as an image.
    Unknown,
}

impl Paint {
    /// The effective value of an element within one with `outer`.
    pub(crate) fn over(self, outer: Self) -> Self {
        if self == Self::Inherited { outer } else { self }
    }

    /// Whether text of this colour is invisible on a background.
    pub(crate) fn vanishes_on(self, ground: Self) -> bool {
        // Of 255 steps; the eye needs about twenty on a good screen.
        const VISIBLE: u8 = 16;
        let (Self::Rgb(text), Self::Rgb(ground)) = (self, ground) else {
            return false;
        };
        text.iter()
            .zip(ground)
            .all(|(text, ground)| text.abs_diff(ground) < VISIBLE)
    }

    /// Whether it is pure red.
    pub(crate) fn is_red(self) -> bool {
        self == Self::Rgb([255, 0, 0])
    }

    /// Whether it is a garish background: yellow, red, green, magenta.
    pub(crate) fn is_loud(self) -> bool {
        let loud = [
            [255, 255, 0],
            [255, 255, 51],
            [255, 0, 0],
            [0, 255, 0],
            [255, 0, 255],
        ];
        matches!(self, Self::Rgb(paint) if loud.contains(&paint))
    }

    /// Parses a colour as in `color:` or `bgcolor=`.
    pub(crate) fn read(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        if let Some(hex) = value.strip_prefix(b"#") {
            return hex_colour(hex).unwrap_or(Self::Unknown);
        }
        if let Some(inner) = value
            .strip_prefix(b"rgb(")
            .or_else(|| value.strip_prefix(b"rgba("))
        {
            return rgb(inner).unwrap_or(Self::Unknown);
        }
        let word_end = value
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric())
            .unwrap_or(value.len());
        let word = value[..word_end].to_ascii_lowercase();
        match &*word {
            b"white" => Self::Rgb([255; 3]),
            b"black" => Self::Rgb([0; 3]),
            b"red" => Self::Rgb([255, 0, 0]),
            b"lime" => Self::Rgb([0, 255, 0]),
            b"magenta" | b"fuchsia" => Self::Rgb([255, 0, 255]),
            b"blue" => Self::Rgb([0, 0, 255]),
            b"yellow" => Self::Rgb([255, 255, 0]),
            b"snow" => Self::Rgb([255, 250, 250]),
            b"ivory" => Self::Rgb([255, 255, 240]),
            b"whitesmoke" => Self::Rgb([245; 3]),
            b"inherit" | b"transparent" | b"initial" | b"unset" | b"none" | b"" => Self::Inherited,
            // In attributes the number sign is optional.
            hex if hex.len() == 6 => hex_colour(hex).unwrap_or(Self::Unknown),
            _ => Self::Unknown,
        }
    }
}

fn hex_colour(text: &[u8]) -> Option<Paint> {
    let end = text.iter().position(|byte| !byte.is_ascii_hexdigit());
    let text = &text[..end.unwrap_or(text.len())];
    let digit = |at: usize| char::from(text[at]).to_digit(16).map(|digit| digit as u8);
    Some(Paint::Rgb(match text.len() {
        3 | 4 => [digit(0)? * 17, digit(1)? * 17, digit(2)? * 17],
        6 | 8 => [
            digit(0)? * 16 + digit(1)?,
            digit(2)? * 16 + digit(3)?,
            digit(4)? * 16 + digit(5)?,
        ],
        _ => return None,
    }))
}

fn rgb(inner: &[u8]) -> Option<Paint> {
    let inner = inner.split(|byte| *byte == b')').next()?;
    let mut numbers = inner
        .split(|byte| matches!(byte, b',' | b' ' | b'/'))
        .filter(|number| !number.is_empty());
    let mut next = || str::from_utf8(numbers.next()?).ok()?.parse::<u8>().ok();
    let colour = [next()?, next()?, next()?];
    // A fourth number is opacity: what is below it is unknown.
    match numbers.next() {
        None | Some(b"1") => Some(Paint::Rgb(colour)),
        Some(_) => Some(Paint::Unknown),
    }
}

/// The relevant properties of a style attribute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// The element's text is hidden.
    pub(crate) hides: bool,
    /// Font size zero, or a size again; nested elements can have another.
    pub(crate) nothing: Option<bool>,
    /// The text is too small to read, or outside the window.
    pub(crate) shrinks: bool,
    /// It moves what follows far down, out of view.
    pub(crate) pushes: bool,
    pub(crate) text: Paint,
    pub(crate) ground: Paint,
}

/// Parses a style attribute.
pub(crate) fn read(style: &[u8]) -> Style {
    let mut read = Style::default();
    for declaration in style.split(|byte| *byte == b';') {
        let Some(colon) = memchr::memchr(b':', declaration) else {
            continue;
        };
        let (name, value) = declaration.split_at(colon);
        let (name, value) = (name.trim_ascii(), value[1..].trim_ascii());
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        // Most declarations are irrelevant; the length and first letter exclude them.
        match (name.first().map(u8::to_ascii_lowercase), name.len()) {
            (Some(b'd'), 7) if is(b"display") => read.hides |= starts(value, b"none"),
            (Some(b'v'), 10) if is(b"visibility") => read.hides |= starts(value, b"hidden"),
            (Some(b'o'), 7) if is(b"opacity") => read.hides |= number(value) == Some(0.0),
            (Some(b'f'), 9) if is(b"font-size") => match number(value) {
                Some(0.0) => read.nothing = Some(true),
                // Points and pixels; an `em` below two is not small, and zero is zero.
                Some(size) if unit(value, b"px") || unit(value, b"pt") => {
                    read.nothing = Some(false);
                    read.shrinks |= size <= 2.0;
                }
                Some(_) => {}
                None => read.nothing = Some(false),
            },
            (Some(b'm' | b'p'), 6 | 7 | 10 | 11)
                if is(b"margin") || is(b"padding") || is(b"margin-top") || is(b"padding-top") =>
            {
                read.pushes |= number(value).is_some_and(|number| number >= 1000.0);
            }
            (Some(b't'), 11) if is(b"text-indent") => read.shrinks |= far_off(value),
            (Some(b'l'), 4) if is(b"left") => read.shrinks |= far_off(value),
            (Some(b't'), 3) if is(b"top") => read.shrinks |= far_off(value),
            (Some(b'c'), 5) if is(b"color") => read.text = Paint::read(value),
            (Some(b'b'), 16) if is(b"background-color") => read.ground = Paint::read(value),
            (Some(b'b'), 16) if is(b"background-image") => read.ground = Paint::Unknown,
            (Some(b'b'), 10) if is(b"background") => read.ground = Paint::read(value),
            _ => {}
        }
    }
    read
}

fn starts(value: &[u8], start: &[u8]) -> bool {
    let head = value.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// The number at the beginning of a value: 0 for `0px`, 0.8 for `.8em`.
fn number(value: &[u8]) -> Option<f32> {
    let end = value
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+'));
    let digits = &value[..end.unwrap_or(value.len())];
    str::from_utf8(digits).ok()?.parse().ok()
}

fn unit(value: &[u8], unit: &[u8]) -> bool {
    let at = value.iter().position(u8::is_ascii_alphabetic);
    at.is_some_and(|at| starts(&value[at..], unit))
}

fn far_off(value: &[u8]) -> bool {
    number(value).is_some_and(|number| number <= -500.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_that_hide_text_are_recognized() {
        for style in ["display:none", "visibility : HIDDEN", "opacity:0"] {
            assert!(read(style.as_bytes()).hides, "{style}");
        }
        for style in [
            "display:block",
            "font-size:.5em",
            "font-size:medium",
            "none",
            "opacity:0.01",
            "",
        ] {
            assert!(!read(style.as_bytes()).hides, "{style}");
        }
        assert_eq!(
            read(b"a:b; Font-Size: 0.0px !important").nothing,
            Some(true)
        );
        assert_eq!(read(b"font-size:14px").nothing, Some(false));
        assert_eq!(read(b"font-size:1em").nothing, None);
        assert!(read(b"font-size:1px").shrinks);
        assert!(read(b"text-indent:-9999px").shrinks);
        assert!(!read(b"font-size:1.2em;left:-5px").shrinks);
    }

    #[test]
    fn colours_are_parsed_and_compared() {
        let white = Paint::Rgb([255; 3]);
        for same in ["#fff", "#FFFFFF", "white", "rgb(255, 255,255)", "ffffff"] {
            assert_eq!(Paint::read(same.as_bytes()), white, "{same}");
        }
        assert_eq!(Paint::read(b"url(a.png)"), Paint::Unknown);
        assert_eq!(Paint::read(b"rgba(1,2,3,0.5)"), Paint::Unknown);
        assert_eq!(Paint::read(b"#zz"), Paint::Unknown);
        assert!(Paint::read(b"#fefefe").vanishes_on(white));
        assert!(!Paint::read(b"#777").vanishes_on(white));
        assert!(!Paint::Unknown.vanishes_on(white));
        let style = read(b"COLOR:#fff;background:#fff url(x)");
        assert!(style.text.vanishes_on(style.ground));
    }
}
