//! Style declarations that hide, shrink, colour, reverse or lay out text.
//!
//! In: CSS declarations; out: a [`Style`]. It knows the properties that decide whether and how people see text (CSS 2.2
//! sections 9 to 11, 14, 15; CSS Masking, Transforms, Writing Modes), and never fails.

mod colour;
mod custom_property;
mod length;
pub(crate) mod plain;
mod property;
mod shape;
mod simple_value;
mod tall;
mod text_style;
mod value;

pub(crate) use colour::Paint;
pub(crate) use custom_property::{CustomProperties, uses_any};
pub(crate) use tall::is_tall;
pub(crate) use text_style::{Display, Size, Style, UnicodeBidi};

use cssparser::{Delimiter, ParseError, Parser, Token};

use property::Property;

/// What declarations stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Attribute,
    /// The block of a rule, which ends with a brace.
    Block,
}

/// Normal declarations, and those marked `!important`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Declarations {
    pub(crate) normal: Style,
    pub(crate) important: Option<Box<Style>>,
}

impl Declarations {
    /// Reads a style attribute.
    pub(crate) fn of_attribute(style: &str) -> Self {
        let mut read = Self::default();
        let rest = &style[read.plain(style, 0, Within::Attribute)..];
        if !rest.is_empty() {
            read.any(&mut Parser::new(rest), &mut |_| false);
        }
        read
    }

    /// Reads the content of a rule's block, after its opening brace, if all of it is plain; returns where it ends.
    pub(crate) fn of_plain_block(css: &str, from: usize) -> Option<(Self, usize)> {
        let mut read = Self::default();
        let end = read.plain(css, from, Within::Block);
        (css.as_bytes().get(end) == Some(&b'}')).then_some((read, end))
    }

    /// Reads declarations from here, as long as their ends are known without a tokenizer; returns where others begin.
    fn plain(&mut self, css: &str, from: usize, within: Within) -> usize {
        let octets = css.as_bytes();
        let mut at = from;
        while let Some(begin) = plain::space_end(octets, at) {
            at = match octets.get(begin) {
                Some(b';') => begin + 1,
                _ => match self.plain_declaration(css, begin, within) {
                    Some(end) => end,
                    None => return begin,
                },
            };
        }
        at
    }

    /// Reads a declaration; returns where it ends. `None` if a tokenizer has to read it.
    fn plain_declaration(&mut self, css: &str, begin: usize, within: Within) -> Option<usize> {
        let octets = css.as_bytes();
        let name_end = plain::name_end(octets, begin);
        let colon = plain::blanks_end(octets, name_end);
        if name_end == begin || octets.get(colon) != Some(&b':') {
            return None;
        }
        let end = plain::value_end(octets, colon + 1)?;
        let (at, is_end) = match octets.get(end.at) {
            Some(b';') => (end.at + 1, true),
            Some(_) => (end.at, within == Within::Block),
            None => (end.at, within == Within::Attribute),
        };
        if !is_end {
            return None;
        }
        if let Some(property) = property::property(&css[begin..name_end]) {
            let (value, mut style) = (&css[colon + 1..end.at], Style::default());
            match value::read_simple(property, value, end.has_mark, &mut style) {
                Some(is_important) => self.add(&style, is_important),
                None => self.declaration(property, &mut Parser::new(value)),
            }
        }
        Some(at)
    }

    /// Whether a declaration is valid, or its property does not matter here.
    pub(crate) fn holds(input: &mut Parser<'_>) -> bool {
        let start = input.position();
        while input.next().is_ok() {}
        let text = input.slice_from(start);
        let name = text.split(':').next().unwrap_or_default().trim();
        property::property(name).is_none() || !Self::of_attribute(text).is_empty()
    }

    /// Parses the content of a rule. What is not a declaration may be a nested rule: `nested` parses it and says
    /// whether it was one.
    pub(crate) fn read(
        input: &mut Parser<'_>,
        nested: &mut dyn FnMut(&mut Parser<'_>) -> bool,
    ) -> Self {
        let mut read = Self::default();
        read.any(input, nested);
        read
    }

    /// Parses any declarations.
    fn any(&mut self, input: &mut Parser<'_>, nested: &mut dyn FnMut(&mut Parser<'_>) -> bool) {
        loop {
            let start = input.state();
            let Ok(token) = input.next() else {
                return;
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
                // Most declarations are irrelevant.
                if let Some(property) = property::property(&name) {
                    self.declaration(property, input);
                }
                while input.next().is_ok() {}
                Ok::<_, ParseError<()>>(())
            });
        }
    }

    fn declaration(&mut self, property: Property, input: &mut Parser<'_>) {
        let mut style = Style::default();
        value::read(property, input, &mut style);
        let mut is_important = false;
        while let Ok(token) = input.next() {
            is_important = match token {
                Token::Delim('!') => input.expect_ident_matching("important").is_ok(),
                _ => false,
            };
        }
        self.add(&style, is_important);
    }

    fn add(&mut self, style: &Style, is_important: bool) {
        if is_important {
            self.important.get_or_insert_default().add(style);
        } else {
            self.normal.add(style);
        }
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
