//! Style declarations that hide, shrink, colour, reverse or lay out text.
//!
//! In: CSS declarations; out: a [`Style`]. It knows the properties that decide whether and how people see text (CSS 2.2
//! sections 9 to 11, 14, 15; CSS Masking, Transforms, Writing Modes), and never fails.

mod colour;
mod custom_property;
mod length;
mod property;
mod shape;
mod text_style;
mod value;

pub(crate) use colour::Paint;
pub(crate) use custom_property::{CustomProperties, uses_any};
pub(crate) use text_style::{Display, Size, Style, UnicodeBidi};

use cssparser::{Delimiter, ParseError, Parser, Token};

/// Normal declarations, and those marked `!important`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Declarations {
    pub(crate) normal: Style,
    pub(crate) important: Option<Box<Style>>,
}

impl Declarations {
    /// Reads a style attribute.
    pub(crate) fn of_attribute(style: &str) -> Self {
        Self::read(&mut Parser::new(style), &mut |_| false)
    }

    /// Whether a declaration is valid, or its property does not matter here.
    pub(crate) fn holds(input: &mut Parser<'_>) -> bool {
        let start = input.position();
        while input.next().is_ok() {}
        let text = input.slice_from(start);
        let name = text.split(':').next().unwrap_or_default().trim();
        property::property(name).is_none() || !Self::of_attribute(text).is_empty()
    }

    /// Parses the content of a style attribute or a rule. What is not a declaration may be a nested rule: `nested`
    /// parses it and says whether it was one.
    pub(crate) fn read(
        input: &mut Parser<'_>,
        nested: &mut dyn FnMut(&mut Parser<'_>) -> bool,
    ) -> Self {
        let mut read = Self::default();
        loop {
            let start = input.state();
            let Ok(token) = input.next() else {
                return read;
            };
            let name = match token {
                Token::Ident(name) => Some(name.clone()),
                Token::Semicolon => continue,
                _ => None,
            };
            let name = name.filter(|_| input.try_parse(Parser::expect_colon).is_ok());
            let Some(name) = name else {
                input.reset(&start);
                if !nested(input) {
                    // Skips to the next declaration (CSS Syntax 5.5.4).
                    skip_declaration(input);
                }
                continue;
            };
            let _ = input.parse_until_after(Delimiter::Semicolon, |input| {
                read.declaration(&name, input);
                while input.next().is_ok() {}
                Ok::<_, ParseError<()>>(())
            });
        }
    }

    fn declaration(&mut self, name: &str, input: &mut Parser<'_>) {
        // Most declarations are irrelevant.
        let Some(property) = property::property(name) else {
            return;
        };
        let mut style = Style::default();
        value::read(property, input, &mut style);
        let mut is_important = false;
        while let Ok(token) = input.next() {
            is_important = match token {
                Token::Delim('!') => input.expect_ident_matching("important").is_ok(),
                _ => false,
            };
        }
        if is_important {
            self.important.get_or_insert_default().add(&style);
        } else {
            self.normal.add(&style);
        }
    }

    /// Whether they make an element thousands of lines high, or push it so far down.
    pub(crate) fn has_thousands(&self) -> bool {
        self.normal.is_thousands || self.important.as_ref().is_some_and(|it| it.is_thousands)
    }

    /// Whether nothing was declared that matters here.
    pub(crate) fn is_empty(&self) -> bool {
        self.important.is_none() && self.normal == Style::default()
    }
}

fn skip_declaration(input: &mut Parser<'_>) {
    let _ = input.parse_until_after(Delimiter::Semicolon, |input| {
        while input.next().is_ok() {}
        Ok::<_, ParseError<()>>(())
    });
}

#[cfg(test)]
mod tests;
