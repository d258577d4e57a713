//! Style sheets: the declarations of a page's rules for an element.
//!
//! In: the content of `<style>` elements, then elements with their names, ids, classes and attributes; out: the
//! declarations for an element, the weakest first. Rules are looked up by the most specific token of their selector,
//! and matching is limited by counted steps: it never fails, and always ends.

mod attribute_test;
pub(crate) mod element_path;
mod media;
mod plain_rules;
mod selector;
mod selector_reader;
mod simple_selectors;

use cssparser::{
    AtRuleParser, CowRcStr, Delimiter, ParseError, Parser, ParserState, QualifiedRuleParser,
    StyleSheetParser,
};

use crate::message::prehashed::HashesMap;
use crate::message::style::Declarations;
use attribute_test::AttributeTests;
use element_path::{ElementPath, Token};
use selector::{Selector, Steps};

/// Limit on the selectors of a page; large newsletters have a thousand.
const SELECTORS: usize = 20_000;

/// Limit on the selectors of a nested rule.
const NESTED: usize = 64;

/// The selectors that match an element: their specificities and numbers.
pub(crate) type Matching = Vec<(u32, usize)>;

/// All style sheets of a page.
#[derive(Debug, Default)]
pub(crate) struct StyleSheets {
    /// Whether classes and ids ignore case, as in pages without a document type.
    folds: bool,
    tests: AttributeTests,
    /// In page order.
    selectors: Vec<(Selector, usize)>,
    compares_siblings: bool,
    by_key: HashesMap<Vec<usize>>,
    without_key: Vec<usize>,
    declarations: Vec<Declarations>,
}

impl StyleSheets {
    /// The style sheets of a page without a document type if `folds`, or with one.
    pub(crate) fn new(folds: bool) -> Self {
        Self {
            folds,
            ..Self::default()
        }
    }

    /// Adds a sheet.
    pub(crate) fn add(&mut self, sheet: &str) {
        self.rules_from(sheet, 0, false);
    }

    /// Reads rules: plain ones here, others with a tokenizer.
    fn rules_from(&mut self, sheet: &str, from: usize, is_in_block: bool) {
        let mut at = from;
        loop {
            at = self.plain_rules(sheet, at, is_in_block);
            let mut input = Parser::new(&sheet[at..]);
            if StyleSheetParser::new(&mut input, self).next().is_none() {
                return;
            }
            // If the rule is invalid, its block is still ahead.
            input.skip_whitespace();
            at += input.position().byte_index();
        }
    }

    /// Whether a list of media queries, such as the `media` attribute of `<style>`, applies to a person at a desktop.
    pub(crate) fn is_for_desktop(media: &str) -> bool {
        media::applies(&mut Parser::new(media))
    }

    /// Whether there are no rules that matter.
    pub(crate) fn is_empty(&self) -> bool {
        self.selectors.is_empty()
    }

    /// Whether selectors test attributes other than ids and classes.
    pub(crate) fn tests_attributes(&self) -> bool {
        !self.tests.is_empty()
    }

    /// Whether selectors match preceding siblings.
    pub(crate) fn compares_siblings(&self) -> bool {
        self.compares_siblings
    }

    /// Adds the tokens of an attribute.
    pub(crate) fn attribute(&self, name: &str, value: &str, tokens: &mut Vec<Token>) {
        self.tests.passed(name, value, tokens);
    }

    /// Finds the rules for the last element of a path, the weakest first. Each comparison takes a step; without steps
    /// left, nothing matches.
    pub(crate) fn of_element(
        &self,
        element: &[Token],
        path: &ElementPath,
        left: &mut Steps,
        matching: &mut Matching,
    ) {
        let keyed = element.iter().filter_map(|token| self.by_key.get(token));
        for candidates in keyed.chain([&self.without_key]) {
            for &number in candidates {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    break;
                }
                let (selector, _) = &self.selectors[number];
                if selector.matches(element, path, left) {
                    matching.push((selector.specificity, number));
                }
            }
        }
        matching.sort_unstable();
        matching.dedup();
    }

    /// The declarations of these rules.
    pub(crate) fn declarations(&self, matching: &Matching) -> impl Iterator<Item = &Declarations> {
        matching
            .iter()
            .map(|(_, number)| &self.declarations[self.selectors[*number].1])
    }

    fn rules(&mut self, input: &mut Parser<'_>) {
        let mut rules = StyleSheetParser::new(input, self);
        while rules.next().is_some() {}
    }

    /// Parses the selectors of a rule that is not nested.
    fn selectors(&mut self, input: &mut Parser<'_>) -> Option<Vec<Selector>> {
        let selectors = selector_reader::list(input, &mut self.tests, self.folds);
        selectors.filter(|list| !list.iter().any(|one| one.is_relative))
    }

    /// Parses the declarations of a rule and its nested rules (CSS Nesting).
    fn block(&mut self, selectors: Vec<Selector>, input: &mut Parser<'_>) {
        let declarations = Declarations::read(input, &mut |input| self.nested(&selectors, input));
        self.rule(selectors, declarations);
    }

    /// Parses a nested rule. If it is not one, skips to the next declaration.
    fn nested(&mut self, outer: &[Selector], input: &mut Parser<'_>) -> bool {
        let selectors = input.parse_until_before(
            Delimiter::CurlyBracketBlock | Delimiter::Semicolon,
            |input| {
                let selectors = selector_reader::list(input, &mut self.tests, self.folds);
                while input.next().is_ok() {}
                Ok::<_, ParseError<()>>(selectors.unwrap_or_default())
            },
        );
        if input.expect_curly_bracket_block().is_err() {
            return true;
        }
        let inner = selectors.unwrap_or_default();
        let both = inner
            .iter()
            .flat_map(|inner| outer.iter().filter_map(|outer| inner.within(outer)));
        let both: Vec<_> = both.take(NESTED).collect();
        let _ = input.parse_nested_block(|input| {
            self.block(both, input);
            Ok::<_, ParseError<()>>(())
        });
        true
    }

    fn rule(&mut self, selectors: Vec<Selector>, declarations: Declarations) {
        if declarations.is_empty() {
            return;
        }
        for selector in selectors {
            let number = self.selectors.len();
            if number == SELECTORS {
                return;
            }
            self.compares_siblings |= selector.compares_siblings;
            match selector.key {
                Some(key) => self.by_key.entry(key).or_default().push(number),
                None => self.without_key.push(number),
            }
            self.selectors.push((selector, self.declarations.len()));
        }
        self.declarations.push(declarations);
    }
}

impl<'i> QualifiedRuleParser<'i> for StyleSheets {
    type Prelude = Vec<Selector>;
    type QualifiedRule = ();
    type Error = ();

    fn parse_prelude(&mut self, input: &mut Parser<'i>) -> Result<Self::Prelude, ParseError<()>> {
        self.selectors(input)
            .ok_or_else(ParseError::unexpected_token)
    }

    fn parse_block(
        &mut self,
        selectors: Self::Prelude,
        _: &ParserState,
        input: &mut Parser<'i>,
    ) -> Result<(), ParseError<()>> {
        self.block(selectors, input);
        Ok(())
    }
}

impl<'i> AtRuleParser<'i> for StyleSheets {
    /// Whether the rules in the block apply.
    type Prelude = bool;
    type AtRule = ();
    type Error = ();

    fn parse_prelude(
        &mut self,
        name: CowRcStr<'i>,
        input: &mut Parser<'i>,
    ) -> Result<bool, ParseError<()>> {
        let applies = match &*name.to_ascii_lowercase() {
            "media" => media::applies(input),
            "layer" => true,
            "supports" => {
                input
                    .try_parse(|input| input.expect_ident_matching("not"))
                    .is_err()
                    && supports(input)
            }
            // `@import`, `@font-face` and others hide nothing.
            _ => false,
        };
        while input.next().is_ok() {}
        Ok(applies)
    }

    fn rule_without_block(&mut self, _: bool, _: &ParserState) -> Result<(), ()> {
        Ok(())
    }

    fn parse_block(
        &mut self,
        applies: bool,
        _: &ParserState,
        input: &mut Parser<'i>,
    ) -> Result<(), ParseError<()>> {
        if applies {
            self.rules(input);
        } else {
            while input.next().is_ok() {}
        }
        Ok(())
    }
}

/// Whether a condition of `@supports` holds: every valid value is supported.
fn supports(input: &mut Parser<'_>) -> bool {
    let mut holds = true;
    while let Ok(token) = input.next() {
        if *token == cssparser::Token::ParenthesisBlock {
            let inner = input
                .parse_nested_block(|input| Ok::<_, ParseError<()>>(Declarations::holds(input)));
            holds &= inner.unwrap_or(true);
        }
    }
    holds
}

#[cfg(test)]
mod tests;
