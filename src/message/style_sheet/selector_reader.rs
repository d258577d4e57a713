//! Parses selectors.
//!
//! In: the text before a rule's block; out: the selectors in it.

use cssparser::{ParseError, Parser, Token as Css};

use super::attribute_test::{AttributeTest, AttributeTests, attribute_test};
use super::element_path::{Of, Token, token};
use super::selector::{All, COMPOUNDS, Combinator, Compound, Selector};

/// Limit on the conditions of a compound selector.
const TOKENS: usize = 12;

/// Why a selector is unusable.
enum Failure {
    /// The whole list is invalid (Selectors 4, section 4.1).
    Invalid,
    /// This selector matches nothing here.
    Unmatched,
}

/// Parses a list of selectors, leaving out those that match nothing here. `None` if the list is invalid.
pub(super) fn list(
    input: &mut Parser<'_>,
    tests: &mut AttributeTests,
    folds: bool,
) -> Option<Vec<Selector>> {
    let list = input.parse_comma_separated(|input| {
        let read = Reader { tests, folds }.selector(input);
        if read.is_err() {
            while input.next().is_ok() {}
        }
        match read {
            Ok(selector) => Ok(Some(selector)),
            Err(Failure::Unmatched) => Ok(None),
            Err(Failure::Invalid) => Err(ParseError::<()>::unexpected_token()),
        }
    });
    Some(list.ok()?.into_iter().flatten().collect())
}

/// Pseudo-classes and pseudo-elements that match nothing on a page that nobody interacts with, or that are not
/// supported.
const UNMATCHED: &[&str] = &[
    "active",
    "after",
    "before",
    "checked",
    "default",
    "disabled",
    "empty",
    "enabled",
    "first-letter",
    "first-line",
    "first-of-type",
    "focus",
    "focus-visible",
    "focus-within",
    "has",
    "hover",
    "in-range",
    "indeterminate",
    "invalid",
    "is",
    "lang",
    "last-child",
    "last-of-type",
    "marker",
    "matches",
    "not",
    "nth-child",
    "nth-last-child",
    "nth-last-of-type",
    "nth-of-type",
    "only-child",
    "only-of-type",
    "optional",
    "placeholder",
    "placeholder-shown",
    "read-only",
    "read-write",
    "required",
    "selection",
    "target",
    "valid",
    "visited",
    "where",
];

fn of_pseudo(name: &str) -> Failure {
    let name = name.to_ascii_lowercase();
    match UNMATCHED.binary_search(&&*name) {
        Err(_) if !name.starts_with('-') => Failure::Invalid,
        _ => Failure::Unmatched,
    }
}

/// A simple selector, with its specificity (Selectors 4, section 17).
enum Simple {
    Token(Token, u32),
    Everything,
    Lacks(Vec<All>, u32),
    Any(Vec<All>, u32),
    Nth(i32, i32),
    Parent,
}

struct Reader<'t> {
    tests: &'t mut AttributeTests,
    folds: bool,
}

impl Reader<'_> {
    fn selector(&mut self, input: &mut Parser<'_>) -> Result<Selector, Failure> {
        let mut compounds = vec![(Combinator::Descendant, Compound::default())];
        let mut selector = Selector {
            subject: Compound::default(),
            around: Vec::new(),
            key: None,
            specificity: 0,
            compares_siblings: false,
            is_relative: false,
        };
        let (mut combinator, mut any, mut key_weight) = (None, false, 0);
        input.skip_whitespace();
        while let Ok(css) = input.next_including_whitespace() {
            let css = css.clone();
            if let Some(found) = combinator_of(&css) {
                if !any && found != Combinator::Descendant {
                    // It is relative to the element of the rule around it.
                    selector.is_relative = true;
                    compounds
                        .iter_mut()
                        .for_each(|(_, compound)| compound.is_parent = true);
                }
                if found != Combinator::Descendant || combinator.is_none() {
                    combinator = Some(found);
                }
                continue;
            }
            if let Some(combinator) = combinator.take() {
                selector.compares_siblings |=
                    matches!(combinator, Combinator::Next | Combinator::Later);
                compounds.push((combinator, Compound::default()));
                (selector.key, key_weight) = (None, 0);
            }
            let length = compounds.len();
            let Some((_, compound)) = compounds.last_mut().filter(|_| length <= COMPOUNDS) else {
                return Err(Failure::Unmatched);
            };
            any = true;
            match self.simple(&css, input)? {
                Simple::Token(token, weight) => {
                    compound.has.push(token);
                    selector.specificity += weight;
                    // Ids are rarer than classes, and classes rarer than element names.
                    if weight > key_weight {
                        (selector.key, key_weight) = (Some(token), weight);
                    }
                }
                Simple::Lacks(lacks, weight) => {
                    compound.lacks.extend(lacks);
                    selector.specificity += weight;
                }
                Simple::Any(any, weight) => {
                    compound.any.push(any);
                    selector.specificity += weight;
                }
                Simple::Nth(step, offset) => {
                    compound.nth = Some((step, offset));
                    selector.compares_siblings = true;
                    selector.specificity += 1 << 8;
                }
                Simple::Parent => compound.is_parent = true,
                Simple::Everything => {}
            }
            if compound.has.len() > TOKENS {
                return Err(Failure::Unmatched);
            }
        }
        // A combinator belongs to the compound on its left.
        let (mut binding, subject) = compounds.pop().filter(|_| any).ok_or(Failure::Invalid)?;
        selector.subject = subject;
        while let Some((next, compound)) = compounds.pop() {
            selector
                .around
                .push((std::mem::replace(&mut binding, next), compound));
        }
        Ok(selector)
    }

    fn simple(&mut self, css: &Css<'_>, input: &mut Parser<'_>) -> Result<Simple, Failure> {
        Ok(match css {
            Css::Ident(name) => Simple::Token(token(Of::Name, name, true), 1),
            Css::Delim('*') => Simple::Everything,
            Css::Delim('&') => Simple::Parent,
            Css::IDHash(id) => Simple::Token(token(Of::Id, id, self.folds), 1 << 16),
            Css::Delim('.') => {
                let Ok(Css::Ident(class)) = input.next_including_whitespace() else {
                    return Err(Failure::Invalid);
                };
                Simple::Token(token(Of::Class, class, self.folds), 1 << 8)
            }
            Css::SquareBracketBlock => {
                let test = input.parse_nested_block(|input| attribute_test(input, self.folds));
                let test = test.map_err(|_| Failure::Invalid)?;
                let number = self.tests.number(test).ok_or(Failure::Unmatched)?;
                Simple::Token(AttributeTest::token(number), 1 << 8)
            }
            Css::Colon => self.pseudo(input)?,
            _ => return Err(Failure::Invalid),
        })
    }

    fn pseudo(&mut self, input: &mut Parser<'_>) -> Result<Simple, Failure> {
        let mut next = || {
            input
                .next_including_whitespace()
                .cloned()
                .map_err(|_| Failure::Invalid)
        };
        let mut css = next()?;
        if css == Css::Colon {
            css = next()?;
        }
        match css {
            Css::Ident(name) => match &*name.to_ascii_lowercase() {
                "root" => Ok(Simple::Token(token(Of::Name, "html", true), 1 << 8)),
                "link" | "any-link" => Ok(Simple::Token(token(Of::State, "link", true), 1 << 8)),
                "first-child" => Ok(Simple::Nth(0, 1)),
                name => Err(of_pseudo(name)),
            },
            Css::Function(name) => match &*name.to_ascii_lowercase() {
                "not" => self
                    .alternatives(input)
                    .map(|(lacks, weight)| Simple::Lacks(lacks, weight)),
                "is" | "where" | "matches" | "-webkit-any" => {
                    let (any, weight) = self.alternatives(input)?;
                    let weight = if name.eq_ignore_ascii_case("where") {
                        0
                    } else {
                        weight
                    };
                    Ok(Simple::Any(any, weight))
                }
                "nth-child" => {
                    let nth = input.parse_nested_block(|input| {
                        Ok::<_, ParseError<()>>(cssparser::parse_nth(input)?)
                    });
                    let (step, offset) = nth.map_err(|_| Failure::Invalid)?;
                    Ok(Simple::Nth(step, offset))
                }
                name => Err(of_pseudo(name)),
            },
            _ => Err(Failure::Invalid),
        }
    }

    /// Lists of conditions of which an element must meet all; selectors that match nothing are left out.
    fn alternatives(&mut self, input: &mut Parser<'_>) -> Result<(Vec<All>, u32), Failure> {
        let mut weight = 0;
        let list = input.parse_nested_block(|input| {
            input.parse_comma_separated(|input| {
                let (mut all, mut is_known, mut own) = (All::new(), true, 0);
                while let Ok(css) = input.next() {
                    let css = css.clone();
                    match self.simple(&css, input) {
                        Ok(Simple::Token(token, weight)) => {
                            all.push(token);
                            own += weight;
                        }
                        Ok(Simple::Everything) => {}
                        _ => is_known = false,
                    }
                }
                weight = weight.max(own);
                Ok::<_, ParseError<()>>(is_known.then_some(all))
            })
        });
        let list = list.map_err(|_| Failure::Invalid)?;
        Ok((list.into_iter().flatten().collect(), weight))
    }
}

fn combinator_of(css: &Css<'_>) -> Option<Combinator> {
    Some(match css {
        Css::WhiteSpace(_) => Combinator::Descendant,
        Css::Delim('>') => Combinator::Child,
        Css::Delim('+') => Combinator::Next,
        Css::Delim('~') => Combinator::Later,
        _ => return None,
    })
}
