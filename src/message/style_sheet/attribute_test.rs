//! Attribute selectors.
//!
//! In: `[name=value]`; out: a test that an attribute passes or fails, represented by a token as classes are.

use cssparser::{ParseError, Parser, ToCss, Token as Css};

use super::element_path::{Of, Token, token};

/// Limit on the attribute tests in a sheet.
const ATTRIBUTE_TESTS: usize = 64;

/// How an attribute is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Exists,
    Equals,
    HasWord,
    Begins,
    BeginsDashed,
    Ends,
    Contains,
}

/// `[name=value]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttributeTest {
    name: String,
    comparison: Comparison,
    value: String,
    folds: bool,
}

impl AttributeTest {
    pub(super) fn token(number: usize) -> Token {
        token(Of::Attribute, &number.to_string(), false)
    }

    fn holds(&self, value: &str) -> bool {
        let (mut value, wanted) = (std::borrow::Cow::Borrowed(value), &*self.value);
        if self.folds {
            value = value.to_ascii_lowercase().into();
        }
        match self.comparison {
            Comparison::Exists => true,
            Comparison::Equals => value == wanted,
            Comparison::HasWord => value.split_ascii_whitespace().any(|word| word == wanted),
            Comparison::BeginsDashed => value
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
            _ if wanted.is_empty() => false,
            Comparison::Begins => value.starts_with(wanted),
            Comparison::Ends => value.ends_with(wanted),
            Comparison::Contains => value.contains(wanted),
        }
    }
}

/// The attribute tests of a sheet; each one's token is its number.
#[derive(Debug, Default)]
pub(super) struct AttributeTests(Vec<AttributeTest>);

impl AttributeTests {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the tokens of the tests that an attribute passes.
    pub(super) fn passed(&self, name: &str, value: &str, tokens: &mut Vec<Token>) {
        for (number, test) in self.0.iter().enumerate() {
            if test.name == name && test.holds(value) {
                tokens.push(AttributeTest::token(number));
            }
        }
    }

    pub(super) fn number(&mut self, test: AttributeTest) -> Option<usize> {
        if let Some(known) = self.0.iter().position(|known| *known == test) {
            return Some(known);
        }
        if self.0.len() == ATTRIBUTE_TESTS {
            return None;
        }
        self.0.push(test);
        Some(self.0.len() - 1)
    }
}

/// Parses an attribute selector.
pub(super) fn attribute_test(
    input: &mut Parser<'_>,
    quirks: bool,
) -> Result<AttributeTest, ParseError<()>> {
    let name = input.expect_ident()?.to_ascii_lowercase();
    let mut test = AttributeTest {
        name,
        comparison: Comparison::Exists,
        value: String::new(),
        folds: false,
    };
    if input.is_exhausted() {
        return Ok(test);
    }
    test.comparison = match input.next()? {
        Css::Delim('=') => Comparison::Equals,
        Css::IncludeMatch => Comparison::HasWord,
        Css::DashMatch => Comparison::BeginsDashed,
        Css::PrefixMatch => Comparison::Begins,
        Css::SuffixMatch => Comparison::Ends,
        Css::SubstringMatch => Comparison::Contains,
        _ => return Err(ParseError::unexpected_token()),
    };
    let css = input.next()?.clone();
    test.value = match css {
        Css::QuotedString(value) | Css::Ident(value) => (*value).to_owned(),
        // Invalid, but old browsers accept it.
        other => other.to_css_string(),
    };
    test.folds = input
        .try_parse(|input| input.expect_ident_matching("i"))
        .is_ok()
        || quirks && matches!(&*test.name, "class" | "id");
    if test.folds {
        test.value.make_ascii_lowercase();
    }
    Ok(test)
}
