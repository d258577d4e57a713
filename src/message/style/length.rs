//! CSS lengths.
//!
//! In: a CSS length; out: pixels, in a window of 1280 by 720.

use cssparser::{ParseError, Parser, Token};

/// A box of this size shows a line at most.
pub(super) const NOTHING: f32 = 1.0;

/// Text this many pixels away is outside any window; less is ordinary layout.
pub(super) const FAR: f32 = 500.0;

/// Whether a box of this size shows a line at most.
pub(super) fn is_nothing(length: f32) -> bool {
    length <= NOTHING
}

/// Whether text this far away is outside any window.
pub(super) fn is_off(length: f32) -> bool {
    length <= -FAR || length.is_finite() && length >= 4.0 * FAR
}

/// A length in pixels, in a window of 1280 by 720. `auto` and `none` are infinite.
pub(super) fn length(input: &mut Parser<'_>) -> Option<f32> {
    match input.next().ok()? {
        Token::Function(name) if name.eq_ignore_ascii_case("calc") => sum(input),
        token => length_of(token),
    }
}

/// The same of a token that is no function.
pub(super) fn length_of(token: &Token<'_>) -> Option<f32> {
    match token {
        Token::Number { value, .. } => Some(*value),
        Token::Percentage { unit_value, .. } => Some(unit_value * 1280.0),
        Token::Dimension { value, unit, .. } => Some(value * unit_pixels(unit)?),
        Token::Ident(_) => Some(f32::INFINITY),
        _ => None,
    }
}

/// A sum of lengths in pixels; no other arithmetic is supported.
pub(super) fn sum(input: &mut Parser<'_>) -> Option<f32> {
    let sum = input.parse_nested_block(|input| {
        let (mut sum, mut sign) = (0.0, 1.0);
        while let Ok(token) = input.next() {
            match token {
                Token::Delim('+') => sign = 1.0,
                Token::Delim('-') => sign = -1.0,
                Token::Number { value, .. } => sum += sign * value,
                Token::Percentage { unit_value, .. } => sum += sign * unit_value * 1280.0,
                Token::Dimension { value, unit, .. } if unit_pixels(unit).is_some() => {
                    sum += sign * value * unit_pixels(unit).unwrap_or_default();
                }
                _ => return Err(ParseError::<()>::unexpected_token()),
            }
        }
        Ok(sum)
    });
    sum.ok()
}

/// The size of a unit in pixels.
pub(super) fn unit_pixels(unit: &str) -> Option<f32> {
    const UNITS: [(&str, f32); 13] = [
        ("px", 1.0),
        ("pt", 4.0 / 3.0),
        ("em", 16.0),
        ("rem", 16.0),
        ("ex", 8.0),
        ("ch", 8.0),
        ("pc", 16.0),
        ("in", 96.0),
        ("cm", 37.8),
        ("mm", 3.78),
        ("q", 0.945),
        ("vw", 12.8),
        ("vh", 7.2),
    ];
    let known = UNITS
        .iter()
        .find(|(known, _)| unit.eq_ignore_ascii_case(known));
    known.map(|(_, pixels)| *pixels)
}
