//! Colours, and whether text in one can be seen on another.
//!
//! In: a colour in CSS or in an old attribute; out: red, green and blue, or that it is transparent or unknown. It never
//! fails.

use cssparser::{Parser, Token, color};

/// A colour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Paint {
    /// Not set.
    #[default]
    Inherited,
    /// Red, green, blue.
    Rgb([u8; 3]),
    /// Transparent.
    Clear,
    /// Set to something else, such as an image.
    Unknown,
}

/// Out of 255; the eye needs a difference of about twenty on a good screen.
const VISIBLE: u8 = 16;

/// If one channel differs by more than this, the hue is visible however light both colours are.
const VISIBLE_HUE: u8 = 48;

/// A contrast ratio (WCAG 2.2) too low to read, whatever the hue; black on white has 21.
const UNREADABLE: f32 = 1.12;

/// At this opacity or less, nothing is visible.
pub(crate) const UNSEEN: f32 = 0.05;

impl Paint {
    /// The effective value for an element inside one with `outer`.
    #[inline]
    pub(crate) fn over(self, outer: Self) -> Self {
        if self == Self::Inherited { outer } else { self }
    }

    /// Whether text of this colour is invisible on a background.
    #[inline]
    pub(crate) fn vanishes_on(self, ground: Self) -> bool {
        let (text, ground) = match (self, ground) {
            (Self::Clear, _) => return true,
            (Self::Rgb(text), Self::Rgb(ground)) => (text, ground),
            _ => return false,
        };
        let step = |at: usize| text[at].abs_diff(ground[at]);
        let most = step(0).max(step(1)).max(step(2));
        most < VISIBLE || most < VISIBLE_HUE && contrast(text, ground) < UNREADABLE
    }

    /// Whether it is pure red.
    pub(crate) fn is_red(self) -> bool {
        self == Self::Rgb([255, 0, 0])
    }

    /// Whether it is a garish background: yellow, red, green or magenta.
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

    /// Parses a colour as in `bgcolor=`, where the number sign is optional.
    pub(crate) fn of_attribute(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        let hex = value.strip_prefix(b"#").unwrap_or(value);
        if let Some(paint) = hex_colour(hex) {
            return paint;
        }
        match str::from_utf8(value) {
            Ok("") => Self::Inherited,
            Ok(name) if name.len() < 24 => named(name)
                .unwrap_or_else(|| Self::read(&mut Parser::new(name)).unwrap_or(Self::Unknown)),
            _ => Self::Unknown,
        }
    }

    /// Parses a CSS colour; `None` if it is not one.
    pub(crate) fn read(input: &mut Parser<'_>) -> Option<Self> {
        match input.next().ok()? {
            Token::Function(name) => {
                let space = Space::of(&name.to_ascii_lowercase());
                let numbers = input
                    .parse_nested_block(|inner| Ok::<_, cssparser::ParseError<()>>(numbers(inner)));
                let numbers = numbers.ok()?;
                space.map(|space| space.paint(&numbers).unwrap_or(Self::Unknown))
            }
            token => Self::of_token(token),
        }
    }

    /// The same of a token that is no function.
    pub(super) fn of_token(token: &Token<'_>) -> Option<Self> {
        match token {
            Token::Hash(hex) | Token::IDHash(hex) => hex_colour(hex.as_bytes()),
            Token::Ident(name) => named(name),
            _ => None,
        }
    }
}

/// WCAG 2.2's contrast ratio, with a power of two instead of its exact curve.
fn contrast(one: [u8; 3], other: [u8; 3]) -> f32 {
    let luminance = |paint: [u8; 3]| {
        let [red, green, blue] = paint.map(|step| (f32::from(step) / 255.0).powi(2));
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (one, other) = (luminance(one), luminance(other));
    one.max(other) / one.min(other)
}

fn named(name: &str) -> Option<Paint> {
    if name.eq_ignore_ascii_case("transparent") {
        return Some(Paint::Clear);
    }
    let inherited = ["inherit", "initial", "unset", "revert", "currentcolor"];
    if inherited.iter().any(|word| name.eq_ignore_ascii_case(word)) {
        return Some(Paint::Inherited);
    }
    let (red, green, blue) = color::parse_named_color(name).ok()?;
    Some(Paint::Rgb([red, green, blue]))
}

fn hex_colour(hex: &[u8]) -> Option<Paint> {
    let (red, green, blue, alpha) = color::parse_hash_color(hex).ok()?;
    Some(faded([red, green, blue], alpha))
}

fn faded(paint: [u8; 3], alpha: f32) -> Paint {
    if alpha <= UNSEEN {
        Paint::Clear
    } else if alpha < 0.9 {
        // The colour behind it shows through.
        Paint::Unknown
    } else {
        Paint::Rgb(paint)
    }
}

/// A number, and whether it is a percentage.
type Number = (f32, bool);

fn numbers(input: &mut Parser<'_>) -> Vec<Number> {
    let mut numbers = Vec::with_capacity(4);
    while let Ok(token) = input.next() {
        match token {
            Token::Number { value, .. } | Token::Dimension { value, .. } => {
                numbers.push((*value, false));
            }
            Token::Percentage { unit_value, .. } => numbers.push((*unit_value, true)),
            _ => {}
        }
        if numbers.len() == 4 {
            break;
        }
    }
    while input.next().is_ok() {}
    numbers
}

/// How the components of a colour are interpreted.
#[derive(Clone, Copy)]
enum Space {
    /// Red, green and blue from 0 to 255.
    Steps,
    /// Red, green and blue from 0 to 1.
    Shares,
    Hue,
    HueWhiteBlack,
    /// Lightness up to this value, then one or two components of chroma.
    Lightness(f32),
}

impl Space {
    fn of(function: &str) -> Option<Self> {
        Some(match function {
            "rgb" | "rgba" => Self::Steps,
            "color" => Self::Shares,
            "hsl" | "hsla" => Self::Hue,
            "hwb" => Self::HueWhiteBlack,
            "lab" | "lch" => Self::Lightness(100.0),
            "oklab" | "oklch" => Self::Lightness(1.0),
            _ => return None,
        })
    }

    /// CSS Color 4, sections 5, 7, 8.
    fn paint(self, numbers: &[Number]) -> Option<Paint> {
        let (first, rest) = numbers.split_first_chunk::<3>()?;
        let alpha = rest.first().map_or(1.0, |alpha| alpha.0);
        let step = |part: f32| (part.clamp(0.0, 1.0) * 255.0).round() as u8;
        let [(one, is_share), (two, _), (three, _)] = *first;
        let paint = match self {
            Self::Steps => {
                first.map(|(value, is_share)| step(if is_share { value } else { value / 255.0 }))
            }
            Self::Shares => [step(one), step(two), step(three)],
            Self::Hue => hue(one, two, three).map(step),
            Self::HueWhiteBlack if two + three >= 1.0 => [step(two / (two + three)); 3],
            Self::HueWhiteBlack => {
                hue(one, 1.0, 0.5).map(|part| step(part * (1.0 - two - three) + two))
            }
            // A colour with hardly any chroma is grey; any other would have to be converted.
            Self::Lightness(most) if two.abs() < 0.02 * most => {
                [step(if is_share { one } else { one / most }); 3]
            }
            Self::Lightness(_) => return None,
        };
        Some(faded(paint, alpha))
    }
}

/// CSS Color 4, section 7.1.
fn hue(hue: f32, saturation: f32, lightness: f32) -> [f32; 3] {
    let reach = saturation * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|shift: f32| {
        let turn = (shift + hue / 30.0).rem_euclid(12.0);
        lightness - reach * (turn - 3.0).min(9.0 - turn).clamp(-1.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Paint> {
        Paint::read(&mut Parser::new(text))
    }

    #[test]
    fn colours_are_parsed() {
        let white = [
            "#fff",
            "#FFFFFF",
            "White",
            "rgb(255, 255,255)",
            "rgb(100% 100% 100%)",
            "#ffff",
            "rgba(255,255,255,1)",
            "hsl(0,0%,100%)",
            "hsl(120deg 50% 100% / 1)",
            "hwb(0 100% 0%)",
            "lab(100% 0 0)",
            "color(srgb 1 1 1)",
            "oklch(1 0 0)",
        ];
        for same in white {
            assert_eq!(read(same), Some(Paint::Rgb([255; 3])), "{same}");
        }
        for clear in ["transparent", "#fff0", "rgba(1,2,3,0)", "rgb(0 0 0 / 1%)"] {
            assert_eq!(read(clear), Some(Paint::Clear), "{clear}");
        }
        assert_eq!(read("hsl(120,100%,50%)"), Some(Paint::Rgb([0, 255, 0])));
        assert_eq!(read("rgba(1,2,3,0.5)"), Some(Paint::Unknown));
        for none in ["url(a.png)", "#zz", "1px", "", "grey-ish", "ü()"] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(Paint::of_attribute(b" ffffff "), Paint::Rgb([255; 3]));
        assert_eq!(Paint::of_attribute(b"red"), Paint::Rgb([255, 0, 0]));
        assert_eq!(Paint::of_attribute(b"nothing"), Paint::Unknown);
    }

    #[test]
    fn contrast_decides_whether_text_is_visible() {
        let seen = |text: &str, ground: &str| {
            !read(text)
                .unwrap_or_default()
                .vanishes_on(read(ground).unwrap_or_default())
        };
        for (text, ground) in [
            ("#fefefe", "#fff"),
            ("ivory", "white"),
            ("lightyellow", "white"),
            ("#000", "#0a0a0a"),
            ("transparent", "red"),
            ("#f1f1f1", "#fff"),
        ] {
            assert!(!seen(text, ground), "{text} on {ground}");
        }
        for (text, ground) in [
            ("#777", "#fff"),
            ("#e5e5e5", "#fff"),
            ("yellow", "white"),
            ("#000", "#00a"),
            ("#222", "#000"),
        ] {
            assert!(seen(text, ground), "{text} on {ground}");
        }
        assert!(!Paint::Unknown.vanishes_on(Paint::Rgb([255; 3])));
    }
}
