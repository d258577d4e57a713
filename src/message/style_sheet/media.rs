//! Media queries: whether part of a sheet applies to a person at a desktop.
//!
//! In: a list of queries; out: yes or no, for a colour screen of 1280 by 720 pixels in light mode. Unknown queries do
//! not match.

use cssparser::{ParseError, Parser, Token};

const WIDTH: f32 = 1280.0;
const HEIGHT: f32 = 720.0;

/// Whether one of the queries matches; an empty list does.
pub(super) fn applies(input: &mut Parser<'_>) -> bool {
    if input.is_exhausted() {
        return true;
    }
    let holds =
        input.parse_comma_separated_ignoring_errors(|input| Ok::<_, ParseError<()>>(query(input)));
    holds.contains(&true)
}

fn query(input: &mut Parser<'_>) -> bool {
    let (mut holds, mut not, mut any) = (true, false, false);
    while let Ok(token) = input.next() {
        match token {
            Token::Ident(word) => match &*word.to_ascii_lowercase() {
                "not" => not = !not,
                "only" | "and" | "all" | "screen" => {}
                "or" => any = true,
                _ => holds = false,
            },
            Token::ParenthesisBlock => {
                let inner = input.parse_nested_block(|input| {
                    let inner = feature(input);
                    while input.next().is_ok() {}
                    Ok::<_, ParseError<()>>(inner)
                });
                let inner = inner.unwrap_or(false);
                holds = if any { holds || inner } else { holds && inner };
            }
            _ => holds = false,
        }
    }
    holds != not
}

/// `(max-width: 600px)`
fn feature(input: &mut Parser<'_>) -> bool {
    let Ok(name) = input.expect_ident().map(|name| name.to_ascii_lowercase()) else {
        return false;
    };
    if input.try_parse(Parser::expect_colon).is_err() {
        return range(&name, input);
    }
    let mut pixels = None;
    let mut word = String::new();
    match input.next() {
        Ok(Token::Number { value, .. }) => pixels = Some(*value),
        Ok(Token::Dimension { value, unit, .. }) => pixels = Some(value * pixels_of(unit)),
        Ok(Token::Ident(ident)) => word = ident.to_ascii_lowercase(),
        _ => {}
    }
    let at_most = |of: f32| pixels.is_some_and(|pixels| pixels >= of);
    let at_least = |of: f32| pixels.is_some_and(|pixels| pixels <= of);
    match &*name {
        "max-width" | "max-device-width" => at_most(WIDTH),
        "min-width" | "min-device-width" => at_least(WIDTH),
        "max-height" | "max-device-height" => at_most(HEIGHT),
        "min-height" | "min-device-height" => at_least(HEIGHT),
        "-webkit-min-device-pixel-ratio" => at_least(1.0),
        "orientation" => word == "landscape",
        "prefers-color-scheme" => word == "light",
        "hover" => word == "hover",
        "pointer" => word == "fine",
        _ => false,
    }
}

/// `(width >= 600px)`, or a feature without a value.
fn range(name: &str, input: &mut Parser<'_>) -> bool {
    let of = match name {
        "width" => WIDTH,
        "height" => HEIGHT,
        "color" | "hover" | "pointer" => return input.is_exhausted(),
        _ => return false,
    };
    let mut is_less = None;
    while let Ok(token) = input.next() {
        match token {
            Token::Delim('<') => is_less = Some(true),
            Token::Delim('>') => is_less = Some(false),
            Token::Dimension { value, unit, .. } => {
                let pixels = value * pixels_of(unit);
                return is_less.map_or(of == pixels, |is_less| (of < pixels) == is_less);
            }
            _ => {}
        }
    }
    false
}

fn pixels_of(unit: &str) -> f32 {
    match &*unit.to_ascii_lowercase() {
        "em" | "rem" => 16.0,
        "pt" => 4.0 / 3.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_match_a_desktop() {
        for holds in [
            "",
            "all",
            "screen",
            "only screen",
            "screen and (min-width:600px)",
            "not print",
            "print, screen",
            "(max-width:2000px)",
            "only screen and (min-width: 480px) and (max-width:1400px)",
            "(width >= 600px)",
            "(orientation:landscape)",
            "not screen and (max-width:600px)",
            "(prefers-color-scheme: light)",
        ] {
            assert!(applies(&mut Parser::new(holds)), "{holds}");
        }
        for fails in [
            "print",
            "screen and (max-width:600px)",
            "only screen and (max-device-width: 480px)",
            "not screen",
            "(prefers-color-scheme:dark)",
            "speech",
            "(width < 600px)",
            "not all",
            "(unknown:1)",
            "(max-width:37em)",
        ] {
            assert!(!applies(&mut Parser::new(fails)), "{fails}");
        }
    }
}
