//! Values of the properties that matter to [`Style`].
//!
//! In: a property and the beginning of its value; out: its effect, added to a style. Values that it does not understand
//! are ignored.

use cssparser::{Parser, Token};

use super::colour::{Paint, UNSEEN};
use super::length::{FAR, is_nothing, is_off, is_thousands, length, sum, unit_pixels};
use super::property::Property;
use super::shape::{clips, filters, transform};
use super::text_style::{Display, Position, Size, Style, UnicodeBidi};

/// This many pixels of space above it push text out of sight.
const PUSHED: f32 = 1000.0;

/// Adds the effect of a value.
pub(super) fn read(property: Property, input: &mut Parser<'_>, style: &mut Style) {
    use Property as P;
    match property {
        P::Display => style.display = word(input, display),
        P::Visibility => {
            style.hidden = word(input, |word| Some(matches!(word, "hidden" | "collapse")));
        }
        P::ContentVisibility => style.clear = word(input, |word| Some(word == "hidden")),
        P::Opacity => style.clear = number(input).map(|opacity| opacity <= UNSEEN),
        P::FontSize => style.size = size(input),
        P::Font => font(input, style),
        P::Text => style.text = Paint::read(input).unwrap_or_default(),
        P::Ground => style.ground = Paint::read(input).unwrap_or_default(),
        P::Background => background(input, style),
        P::BackgroundImage => background_image(input, style),
        P::Clip => style.clipped = Some(clips(input)),
        P::ClipPath => style.clear = Some(clips(input)),
        P::Overflow => style.cuts = word(input, |word| Some(matches!(word, "hidden" | "clip"))),
        P::Height => {
            style.is_thousands = is_thousands(input);
            style.flat = length(input).map(is_nothing);
        }
        P::MaxHeight => style.flat_at_most = length(input).map(is_nothing),
        P::Width => style.narrow = length(input).map(is_nothing),
        P::MaxWidth => style.narrow_at_most = length(input).map(is_nothing),
        P::Position => style.position = word(input, position),
        P::Float => {
            let side = word(input, |word| Some(word.to_owned()));
            let side = side.as_deref();
            style.floats = side.map(|side| matches!(side, "left" | "right"));
            style.floats_right = side.map(|side| side == "right");
        }
        P::Filter => style.filtered = Some(filters(input)),
        P::Inset => {
            let mut sides = lengths(input).into_iter().map(|side| side.map(is_off));
            let mut next = || sides.next().flatten();
            (
                style.off_top,
                style.off_right,
                style.off_bottom,
                style.off_left,
            ) = (next(), next(), next(), next());
        }
        P::Left => style.off_left = length(input).map(is_off),
        P::Top => style.off_top = length(input).map(is_off),
        P::Right => style.off_right = length(input).map(is_off),
        P::Bottom => style.off_bottom = length(input).map(is_off),
        P::Indent => style.off_indent = length(input).map(|length| length <= -FAR),
        P::MarginLeft => style.off_margin = length(input).map(|length| length <= -FAR),
        P::Margin => margin(input, style),
        P::MarginTop | P::Padding => {
            style.is_thousands = is_thousands(input);
            style.pushes =
                length(input).is_some_and(|length| length.is_finite() && length >= PUSHED);
        }
        P::Transform => transform(input, style),
        P::Scale => style.shrunk = number(input).map(|scale| scale.abs() <= UNSEEN),
        P::MsoHide => {
            style.no_outlook = word(input, |word| Some(word == "all" || word == "screen"));
        }
        P::UnicodeBidi => style.unicode_bidi = word(input, unicode_bidi),
        P::Direction => style.right_to_left = word(input, |word| Some(word == "rtl")),
    }
}

/// The first keyword of the value, in lower case. `read` may return `None` for a valid keyword, as in `max-height:
/// none`.
fn word<T>(input: &mut Parser<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let word = input.expect_ident().ok()?;
    read(&word.to_ascii_lowercase())
}

fn display(word: &str) -> Option<Display> {
    Some(match word {
        "none" => Display::Nothing,
        "inline" | "contents" | "ruby" => Display::Inline,
        "inline-block" | "inline-table" | "inline-flex" | "inline-grid" => Display::InlineBox,
        "block" | "flex" | "flow-root" | "grid" | "list-item" | "table" | "table-caption"
        | "table-cell" | "table-column" | "table-column-group" | "table-footer-group"
        | "table-header-group" | "table-row" | "table-row-group" | "-webkit-box"
        | "-webkit-flex" => Display::Block,
        // An invalid value is ignored.
        _ => return None,
    })
}

fn position(word: &str) -> Option<Position> {
    Some(match word {
        "static" => Position::Static,
        "relative" | "sticky" => Position::Relative,
        "absolute" | "fixed" => Position::Absolute,
        _ => return None,
    })
}

fn unicode_bidi(word: &str) -> Option<UnicodeBidi> {
    Some(match word {
        "bidi-override" | "isolate-override" => UnicodeBidi::Override,
        "embed" | "isolate" | "-webkit-isolate" => UnicodeBidi::Embed,
        _ => UnicodeBidi::Normal,
    })
}

/// A number, or a percentage as a fraction.
fn number(input: &mut Parser<'_>) -> Option<f32> {
    match input.next().ok()? {
        Token::Number { value, .. } => Some(*value),
        Token::Percentage { unit_value, .. } => Some(*unit_value),
        _ => None,
    }
}

fn size(input: &mut Parser<'_>) -> Option<Size> {
    let token = input.next().ok()?.clone();
    let size = match &token {
        Token::Function(name) if name.eq_ignore_ascii_case("calc") => Size::Pixels(sum(input)?),
        token => size_of(token)?,
    };
    let (Size::Pixels(number) | Size::Times(number)) = size;
    (number >= 0.0).then_some(size)
}

fn size_of(token: &Token<'_>) -> Option<Size> {
    Some(match token {
        // CSS requires a unit except for zero, but quirks mode accepts any number.
        Token::Number { value, .. } => Size::Pixels(*value),
        Token::Percentage { unit_value, .. } => Size::Times(*unit_value),
        Token::Dimension { value, unit, .. } if unit.eq_ignore_ascii_case("em") => {
            Size::Times(*value)
        }
        Token::Dimension { value, unit, .. } if unit.eq_ignore_ascii_case("ex") => {
            Size::Times(value / 2.0)
        }
        Token::Dimension { value, unit, .. } => Size::Pixels(value * unit_pixels(unit)?),
        Token::Ident(word) => match &*word.to_ascii_lowercase() {
            "xx-small" => Size::Pixels(9.0),
            "x-small" => Size::Pixels(10.0),
            "small" => Size::Pixels(13.0),
            "medium" | "initial" => Size::Pixels(16.0),
            "large" => Size::Pixels(18.0),
            "x-large" | "xx-large" | "xxx-large" => Size::Pixels(24.0),
            "smaller" => Size::Times(0.83),
            "larger" => Size::Times(1.2),
            _ => return None,
        },
        _ => return None,
    })
}

/// `font: bold 0/0 a`: unitless numbers from 1 to 1000 are weights, so the size is the first length, or zero.
fn font(input: &mut Parser<'_>, style: &mut Style) {
    while let Ok(token) = input.next() {
        let size = match token {
            Token::Number { value, .. } if *value != 0.0 => None,
            Token::Ident(word) if word.eq_ignore_ascii_case("initial") => None,
            token => size_of(token),
        };
        if size.is_some() {
            style.size = size;
            return;
        }
    }
}

fn background(input: &mut Parser<'_>, style: &mut Style) {
    // The shorthand resets what it does not set.
    style.ground = Paint::Clear;
    (style.picture, style.picture_file) = (Some(false), Some(false));
    loop {
        if let Ok(paint) = input.try_parse(|input| Paint::read(input).ok_or(())) {
            style.ground = paint;
            continue;
        }
        match input.next() {
            Ok(Token::Delim('!')) | Err(_) => return,
            Ok(token) => picture(token, style),
        }
    }
}

fn background_image(input: &mut Parser<'_>, style: &mut Style) {
    let is_none = input.try_parse(|input| input.expect_ident_matching("none"));
    (style.picture, style.picture_file) = (Some(is_none.is_err()), Some(false));
    if let Ok(token) = input.next() {
        picture(token, style);
    }
}

/// A background image from a file, or one that is drawn.
fn picture(token: &Token<'_>, style: &mut Style) {
    let is_file = match token {
        Token::UnquotedUrl(_) | Token::BadUrl(_) => true,
        Token::Function(name) => name.eq_ignore_ascii_case("url"),
        _ => return,
    };
    style.picture = Some(true);
    style.picture_file = Some(is_file || style.picture_file == Some(true));
}

/// The lengths of the four sides, beginning with the top.
fn lengths(input: &mut Parser<'_>) -> [Option<f32>; 4] {
    let mut sides = [None; 4];
    for side in &mut sides {
        *side = input.try_parse(|input| length(input).ok_or(())).ok();
    }
    let [top, right, bottom, left] = sides;
    let right = right.or(top);
    [top, right, bottom.or(top), left.or(right)]
}

fn margin(input: &mut Parser<'_>, style: &mut Style) {
    let sides = lengths(input);
    let is_far = |length: &f32| length.is_finite() && *length >= PUSHED;
    style.pushes = sides[0].as_ref().is_some_and(is_far);
    style.off_margin = sides[0].map(|_| sides.iter().flatten().any(|length| *length <= -FAR));
}
