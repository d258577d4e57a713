//! Shapes, filters and transforms that leave nothing visible.
//!
//! In: the functions in such a value; out: whether anything stays visible (CSS Masking 1, CSS Transforms 2).

use cssparser::{ParseError, Parser, Token};

use super::colour::UNSEEN;
use super::length::{FAR, NOTHING, is_nothing, unit_pixels};
use super::text_style::Style;

/// The arguments of a function, lengths in pixels.
fn arguments(input: &mut Parser<'_>) -> Vec<f32> {
    let numbers = input.parse_nested_block(|input| {
        let mut numbers = Vec::with_capacity(4);
        while let Ok(token) = input.next() {
            match token {
                Token::Number { value, .. } => numbers.push(*value),
                Token::Percentage { unit_value, .. } => numbers.push(*unit_value * 1280.0),
                Token::Dimension { value, unit, .. } => {
                    let pixels = unit_pixels(unit).unwrap_or(1.0);
                    numbers.push(value * pixels);
                }
                // `auto` is the box's own edge.
                Token::Ident(word) if word.eq_ignore_ascii_case("auto") => numbers.push(f32::NAN),
                _ => {}
            }
            if numbers.len() == 16 {
                break;
            }
        }
        while input.next().is_ok() {}
        Ok::<_, ParseError<()>>(numbers)
    });
    numbers.unwrap_or_default()
}

/// Whether a shape clips everything.
pub(super) fn clips(input: &mut Parser<'_>) -> bool {
    let Ok(Token::Function(name)) = input.next() else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    let numbers = arguments(input);
    let first = numbers.first().copied().unwrap_or(f32::INFINITY);
    match &*name {
        "rect" => match numbers[..] {
            [top, right, bottom, left] => bottom - top <= NOTHING || right - left <= NOTHING,
            _ => false,
        },
        // Insets from each side: half the size clips everything.
        "inset" => first >= 0.49 * 1280.0,
        "circle" | "ellipse" => is_nothing(first),
        "polygon" => !numbers.is_empty() && numbers.iter().all(|number| *number == first),
        _ => false,
    }
}

pub(super) fn transform(input: &mut Parser<'_>, style: &mut Style) {
    style.shrunk = Some(false);
    while let Ok(token) = input.next() {
        let Token::Function(name) = token else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        let numbers = arguments(input);
        let is_zero = |at: usize| numbers.get(at).is_some_and(|number| number.abs() <= UNSEEN);
        let is_edgewise = |number: &f32| (number.abs() - 90.0).abs() < 1.0;
        let hides = match &*name {
            "scale" | "scalex" | "scaley" => is_zero(0) || is_zero(1),
            "scale3d" => is_zero(0) || is_zero(1),
            "matrix" => is_zero(0) && is_zero(1) || is_zero(2) && is_zero(3),
            "rotatex" | "rotatey" => numbers.iter().any(is_edgewise),
            "translate" | "translatex" | "translatey" | "translate3d" => {
                style.off_margin = Some(numbers.iter().any(|number| number.abs() >= FAR));
                false
            }
            _ => false,
        };
        if hides {
            style.shrunk = Some(true);
        }
    }
}

/// `opacity(0)`
pub(super) fn filters(input: &mut Parser<'_>) -> bool {
    while let Ok(token) = input.next() {
        if let Token::Function(name) = token {
            let is_opacity = name.eq_ignore_ascii_case("opacity");
            let numbers = arguments(input);
            if is_opacity && numbers.first().is_some_and(|number| *number <= UNSEEN) {
                return true;
            }
        }
    }
    false
}
