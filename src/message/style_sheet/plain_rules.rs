//! Rules as programs write them, read without a tokenizer.
//!
//! In: a sheet, and where a rule begins; out: the rule's selectors and declarations, added to those of the page, and
//! where it ends. It reads rules whose ends are known from [`plain`], and media rules with a simple list of queries;
//! anything else is left to the caller.

use cssparser::Parser;

use super::{StyleSheets, media, simple_selectors};
use crate::message::style::{Declarations, plain};

impl StyleSheets {
    /// Reads rules from here as long as these are plain; returns where others begin. Within a block, there are no media
    /// rules.
    pub(super) fn plain_rules(&mut self, sheet: &str, from: usize, is_in_block: bool) -> usize {
        let octets = sheet.as_bytes();
        let mut at = from;
        while let Some(begin) = plain::space_end(octets, at) {
            let end = match octets.get(begin) {
                Some(b'@') if !is_in_block => self.plain_media(sheet, begin),
                _ => self.plain_rule(sheet, begin),
            };
            match end {
                Some(end) => at = end,
                None => return begin,
            }
        }
        at
    }

    /// Reads a rule; returns where it ends.
    fn plain_rule(&mut self, sheet: &str, begin: usize) -> Option<usize> {
        let brace = plain::prelude_end(sheet.as_bytes(), begin)?;
        let (declarations, end) = Declarations::of_plain_block(sheet, brace + 1)?;
        // The selectors of most rules do not matter: these only colour borders, say.
        if !declarations.is_empty() {
            let prelude = &sheet[begin..brace];
            let selectors = simple_selectors::list(prelude, self.folds);
            if let Some(selectors) = selectors.or_else(|| self.selectors(&mut Parser::new(prelude)))
            {
                self.rule(selectors, declarations);
            }
        }
        Some(end + 1)
    }

    /// Reads a media rule; returns where it ends.
    fn plain_media(&mut self, sheet: &str, begin: usize) -> Option<usize> {
        let octets = sheet.as_bytes();
        let queries = plain::media_queries(octets, begin)?;
        let block = queries.end + 1;
        let end = plain::block_end(octets, block)?;
        if media::applies(&mut Parser::new(&sheet[queries])) {
            self.rules_from(&sheet[..end], block, true);
        }
        Some(end + 1)
    }
}
