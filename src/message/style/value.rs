//! Values of the properties that matter to [`Style`].
//!
//! In: a property and the beginning of its value; out: its effect, added to a style. Values that it does not understand
//! are ignored.

use std::borrow::Cow;

use cssparser::{Parser, Token};

use super::colour::{Paint, UNSEEN};
use super::length::{FAR, is_nothing, is_off, length, length_of, sum, unit_pixels};
use super::property::Property;
use super::shape::{clips, filters, transform};
use super::simple_value::Components;
use super::text_style::{Display, Position, Size, Style, UnicodeBidi};

/// This many pixels of space above it push text out of sight.
const PUSHED: f32 = 1000.0;

/// The first component of a value, which most properties have no more of.
pub(super) trait First {
    /// The keyword, in lower case. `read` may return `None` for a valid keyword, as in `max-height: none`.
    fn word<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T>;
    fn number(&mut self) -> Option<f32>;
    fn length(&mut self) -> Option<f32>;
    fn size(&mut self) -> Option<Size>;
    fn paint(&mut self) -> Option<Paint>;
}

impl First for Parser<'_> {
    fn word<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.next().ok()?.word(read)
    }

    fn number(&mut self) -> Option<f32> {
        self.next().ok()?.number()
    }

    fn length(&mut self) -> Option<f32> {
        length(self)
    }

    fn size(&mut self) -> Option<Size> {
        let token = self.next().ok()?;
        match token {
            Token::Function(name) if name.eq_ignore_ascii_case("calc") => {
                sized(Size::Pixels(sum(self)?))
            }
            mut token => token.size(),
        }
    }

    fn paint(&mut self) -> Option<Paint> {
        Paint::read(self)
    }
}

impl First for &Token<'_> {
    fn word<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match self {
            Token::Ident(word) => read(&lower_case(word)),
            _ => None,
        }
    }

    /// A number, or a percentage as a fraction.
    fn number(&mut self) -> Option<f32> {
        match self {
            Token::Number { value, .. } => Some(*value),
            Token::Percentage { unit_value, .. } => Some(*unit_value),
            _ => None,
        }
    }

    fn length(&mut self) -> Option<f32> {
        length_of(self)
    }

    fn size(&mut self) -> Option<Size> {
        sized(size_of(self)?)
    }

    fn paint(&mut self) -> Option<Paint> {
        Paint::of_token(self)
    }
}

/// Adds the effect of a value.
pub(super) fn read(property: Property, input: &mut Parser<'_>, style: &mut Style) {
    use Property as P;
    match property {
        P::Font => font(input, style),
        P::Background => background(input, style),
        P::BackgroundImage => background_image(input, style),
        P::Clip => style.clipped = Some(clips(input)),
        P::ClipPath => style.clear = Some(clips(input)),
        P::Filter => style.filtered = Some(filters(input)),
        P::Inset => inset(lengths(input), style),
        P::Margin => margin(lengths(input), style),
        P::Transform => transform(input, style),
        _ => read_first(property, input, style),
    }
}

/// Adds the effect of a value as programs write it, and says whether it is marked `!important`; `None` if the value is
/// any other. `has_mark` says whether it has an exclamation mark.
#[inline]
pub(super) fn read_simple(
    property: Property,
    value: &str,
    has_mark: bool,
    style: &mut Style,
) -> Option<bool> {
    use Property as P;
    let mut components = Components::new(value);
    match property {
        P::Background => {
            if has_mark {
                return None;
            }
            // Anything may follow a colour, such as an image.
            style.ground = (&components.next()?).paint()?;
            components.importance()?;
            (style.picture, style.picture_file) = (Some(false), Some(false));
            return Some(false);
        }
        P::Inset | P::Margin => {
            let sides = simple_lengths(&mut components)?;
            match property {
                P::Inset => inset(sides, style),
                _ => margin(sides, style),
            }
        }
        P::Font | P::BackgroundImage | P::Clip | P::ClipPath | P::Filter | P::Transform => {
            return None;
        }
        _ => read_first(property, &mut &components.next()?, style),
    }
    match has_mark {
        true => components.importance(),
        false => Some(false),
    }
}

/// The lengths of the four sides, if all are simple.
fn simple_lengths(components: &mut Components<'_>) -> Option<[Option<f32>; 4]> {
    let mut sides = [None; 4];
    for side in &mut sides {
        *side = Some(length_of(&components.next()?)?);
        if components.importance().is_some() {
            break;
        }
    }
    Some(all_sides(sides))
}

/// Adds the effect of a value of one component.
#[inline]
fn read_first(property: Property, first: &mut impl First, style: &mut Style) {
    use Property as P;
    match property {
        P::Display => style.display = first.word(display),
        P::Visibility => {
            style.hidden = first.word(|word| Some(matches!(word, "hidden" | "collapse")));
        }
        P::ContentVisibility => style.clear = first.word(|word| Some(word == "hidden")),
        P::Opacity => style.clear = first.number().map(|opacity| opacity <= UNSEEN),
        P::FontSize => style.size = first.size(),
        P::Text => style.text = first.paint().unwrap_or_default(),
        P::Ground => style.ground = first.paint().unwrap_or_default(),
        P::Overflow => style.cuts = first.word(|word| Some(matches!(word, "hidden" | "clip"))),
        P::Height => style.flat = first.length().map(is_nothing),
        P::MaxHeight => style.flat_at_most = first.length().map(is_nothing),
        P::Width => style.narrow = first.length().map(is_nothing),
        P::MaxWidth => style.narrow_at_most = first.length().map(is_nothing),
        P::Position => style.position = first.word(position),
        P::Float => {
            let is_right = |word: &str| Some((matches!(word, "left" | "right"), word == "right"));
            let side = first.word(is_right);
            style.floats = side.map(|(floats, _)| floats);
            style.floats_right = side.map(|(_, is_right)| is_right);
        }
        P::Left => style.off_left = first.length().map(is_off),
        P::Top => style.off_top = first.length().map(is_off),
        P::Right => style.off_right = first.length().map(is_off),
        P::Bottom => style.off_bottom = first.length().map(is_off),
        P::Indent => style.off_indent = first.length().map(|length| length <= -FAR),
        P::MarginLeft => style.off_margin = first.length().map(|length| length <= -FAR),
        P::MarginTop | P::Padding => style.pushes = first.length().as_ref().is_some_and(is_far),
        P::Scale => style.shrunk = first.number().map(|scale| scale.abs() <= UNSEEN),
        P::MsoHide => {
            style.no_outlook = first.word(|word| Some(word == "all" || word == "screen"));
        }
        P::UnicodeBidi => style.unicode_bidi = first.word(unicode_bidi),
        P::Direction => style.right_to_left = first.word(|word| Some(word == "rtl")),
        P::Font
        | P::Background
        | P::BackgroundImage
        | P::Clip
        | P::ClipPath
        | P::Filter
        | P::Inset
        | P::Margin
        | P::Transform => {}
    }
}

/// A keyword in lower case.
fn lower_case(word: &str) -> Cow<'_, str> {
    match word.bytes().any(|octet| octet.is_ascii_uppercase()) {
        true => Cow::Owned(word.to_ascii_lowercase()),
        false => Cow::Borrowed(word),
    }
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

/// A size, if it is valid.
fn sized(size: Size) -> Option<Size> {
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
        Token::Ident(word) => match &*lower_case(word) {
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
    all_sides(sides)
}

/// Sides that are not given are as long as the opposite ones, or as the top.
fn all_sides([top, right, bottom, left]: [Option<f32>; 4]) -> [Option<f32>; 4] {
    let right = right.or(top);
    [top, right, bottom.or(top), left.or(right)]
}

fn inset([top, right, bottom, left]: [Option<f32>; 4], style: &mut Style) {
    style.off_top = top.map(is_off);
    style.off_right = right.map(is_off);
    style.off_bottom = bottom.map(is_off);
    style.off_left = left.map(is_off);
}

fn margin(sides: [Option<f32>; 4], style: &mut Style) {
    style.pushes = sides[0].as_ref().is_some_and(is_far);
    style.off_margin = sides[0].map(|_| sides.iter().flatten().any(|length| *length <= -FAR));
}

/// Whether this much space pushes what follows out of sight.
fn is_far(length: &f32) -> bool {
    length.is_finite() && *length >= PUSHED
}
