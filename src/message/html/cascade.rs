//! The style of an element: from style sheets, attributes and its `style`, the strongest last (CSS Cascade 4).
//!
//! In: style sheets as they end, and tags; out: each element's style. Newsletters repeat the same style attributes, so
//! each is parsed once.

use std::borrow::Cow;

use foldhash::HashMap;
use memchr::memmem;

use crate::message::charset::as_utf_8;
use crate::message::style::{CustomProperties, Declarations, Display, Style, is_tall, uses_any};
use crate::message::style_sheet::element_path::{ElementPath, Of, Token, token_of_octets};
use crate::message::style_sheet::{Matching, StyleSheets};
use crate::message::visible_text::cut;
use crate::message::work::Work;

/// Units of work per octet of a sheet or style attribute, and per step of selector matching.
const SHEET_WORK: u64 = 15;
const STEP_WORK: u64 = 10;

/// Units of work to substitute custom properties in a style attribute.
const PROPERTY_WORK: u64 = 2000;

/// Limit on the steps of selector matching per page.
const STEPS: u64 = 500_000;

/// Limits on the style attributes that are cached.
const REMEMBERED: usize = 500;
const REMEMBERED_LENGTH: usize = 1000;

/// Limit on an element's classes, and on its attributes that selectors are matched against.
const TOKENS: usize = 64;

/// How many style sheets may begin in a source or a comment.
pub(super) fn sheets_in(source: &[u8]) -> usize {
    let begins = |open: &usize| {
        let name = source.get(open + 1..open + 6);
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"style"))
    };
    // By two octets: a source may be full of `<`.
    let beginning = |with: &[u8]| memmem::find_iter(source, with).filter(begins).count();
    beginning(b"<s") + beginning(b"<S")
}

/// The styles of a page.
#[derive(Default)]
pub(super) struct Cascade {
    sheets: Option<StyleSheets>,
    has_doctype: bool,
    /// The sheet that is being read.
    sheet: Option<String>,
    /// Whether the body has begun, so that a later sheet may apply to elements already read.
    has_begun: bool,
    is_late: bool,
    /// Whether the sheets are known from an earlier reading.
    is_known: bool,
    attributes: HashMap<Box<[u8]>, Declarations>,
    tokens: Vec<Token>,
    matching: Matching,
    attribute_name: String,
    /// How many of the tag's attributes selectors were matched against.
    tested: usize,
    waiting: String,
    properties: CustomProperties,
    /// The sheets that use custom properties, in case elements set these later.
    with_properties: String,
    steps_taken: u64,
    is_tall: bool,
}

impl Cascade {
    /// For another reading, with all sheets known from the start.
    pub(super) fn again(self) -> Self {
        Self {
            sheets: self.sheets,
            has_doctype: self.has_doctype,
            attributes: self.attributes,
            // Added again, so that they outrank their earlier version.
            waiting: self.with_properties + &self.waiting,
            properties: self.properties,
            is_known: true,
            is_tall: self.is_tall,
            ..Self::default()
        }
    }

    /// Whether a sheet came after elements to which it may apply, and none is being read.
    pub(super) fn is_late(&self) -> bool {
        self.is_late && self.sheet.is_none()
    }

    /// Whether selector matching reached its limit.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps_taken >= STEPS
    }

    pub(super) fn doctype(&mut self, has_quirks: bool) {
        self.has_doctype |= !self.has_begun && !has_quirks;
    }

    /// Begins a sheet.
    pub(super) fn begin_sheet(&mut self, media: &str) {
        if !self.is_known && (media.is_empty() || StyleSheets::is_for_desktop(media)) {
            self.sheet = Some(String::new());
        }
    }

    /// Takes text of an element that is not rendered; it may be a style sheet.
    pub(super) fn sheet_text(&mut self, text: &str) {
        self.is_tall = self.is_tall || is_tall(text);
        if let Some(sheet) = &mut self.sheet {
            sheet.push_str(text);
        }
    }

    /// Ends a sheet. It is parsed when its rules are first needed.
    pub(super) fn end_sheet(&mut self) {
        if let Some(sheet) = self.sheet.take() {
            self.waiting.push_str(&sheet);
            // An unclosed block or comment ends with its sheet.
            self.waiting.push('\0');
            self.is_late |= self.has_begun;
        }
    }

    fn read_sheets(&mut self, work: &Work<'_>) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let folds = !self.has_doctype;
        let sheets = self.sheets.get_or_insert_with(|| StyleSheets::new(folds));
        for sheet in waiting.split('\0') {
            let applies = StyleSheets::is_for_desktop;
            self.properties.collect(sheet, applies);
        }
        for sheet in waiting.split('\0') {
            if uses_any(sheet) {
                let sheet = self.properties.substituted(sheet);
                sheets.add(work.beginning(&sheet, SHEET_WORK));
            } else {
                sheets.add(work.beginning(sheet, SHEET_WORK));
            }
        }
        if !self.is_known && uses_any(&waiting) {
            self.with_properties.push_str(&waiting);
            self.with_properties.push('\0');
        }
    }

    /// Whether a sheet, a style attribute or a script pushes content thousands of lines down.
    pub(super) fn is_tall(&self) -> bool {
        self.is_tall
    }

    /// Whether there may be selectors to match against.
    pub(super) fn compares(&self) -> bool {
        self.sheets
            .as_ref()
            .is_some_and(|sheets| !sheets.is_empty())
            || !self.waiting.is_empty()
    }

    /// Whether the tag's attributes are needed for selector matching.
    #[inline]
    pub(super) fn collects(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Begins a tag; `is_head` if ordinary pages have it around or next to their style sheets.
    pub(super) fn begin_tag(&mut self, name: &[u8], is_head: bool, work: &Work<'_>) {
        self.read_sheets(work);
        self.tokens.clear();
        self.tested = 0;
        // The first element's attributes are kept, too, in case a sheet follows soon.
        self.has_begun |= !is_head;
        if self.compares() || !self.has_begun {
            self.add(Of::Name, name);
        }
    }

    /// Takes the name of an attribute, whose value follows if it has one.
    pub(super) fn attribute_name(&mut self, name: &str) {
        self.attribute_name.clear();
        self.attribute_name.push_str(name);
        self.test("");
    }

    /// Takes an attribute of the tag; one that is not named here only matters to attribute selectors.
    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        if self.tokens.is_empty() || self.tokens.len() >= TOKENS {
            return;
        }
        match name {
            "id" => self.add(Of::Id, value.as_bytes()),
            "class" => {
                let classes = value.split_ascii_whitespace().take(TOKENS);
                classes.for_each(|class| self.add(Of::Class, class.as_bytes()));
            }
            "href" => self.add(Of::State, b"link"),
            _ => {}
        }
        self.test(value);
    }

    fn test(&mut self, value: &str) {
        let sheets = self.sheets.as_ref();
        if let Some(sheets) = sheets.filter(|sheets| sheets.tests_attributes()) {
            self.tested += 1;
            if self.tested <= TOKENS {
                let value = cut(value, REMEMBERED_LENGTH);
                sheets.attribute(&self.attribute_name, value, &mut self.tokens);
            }
        }
    }

    fn add(&mut self, of: Of, text: &[u8]) {
        let folds = matches!(of, Of::Name | Of::State) || !self.has_doctype;
        self.tokens.push(token_of_octets(of, text, folds));
    }

    /// Whether attributes other than id, class and href matter to selectors.
    pub(super) fn tests_attributes(&self) -> bool {
        self.sheets
            .as_ref()
            .is_some_and(StyleSheets::tests_attributes)
    }

    /// Whether selectors match preceding siblings.
    #[inline]
    pub(super) fn compares_siblings(&self) -> bool {
        self.sheets
            .as_ref()
            .is_some_and(StyleSheets::compares_siblings)
    }

    /// The declarations of a style attribute.
    pub(super) fn style_attribute(&mut self, value: &[u8], work: &Work<'_>) -> Declarations {
        if let Some(known) = self.attributes.get(value) {
            return known.clone();
        }
        let text = as_utf_8(value);
        let text = work.beginning(&text, SHEET_WORK);
        self.is_tall = self.is_tall || is_tall(text);
        if self.properties.collect(text, |_| true) {
            self.is_late |= !self.with_properties.is_empty();
            // These were substituted with the old values.
            self.attributes.clear();
        }
        let substituted = match uses_any(text) && work.spend(PROPERTY_WORK) {
            true => self.properties.substituted(text),
            false => Cow::Borrowed(text),
        };
        let text = match &substituted {
            Cow::Owned(text) => work.beginning(text, SHEET_WORK),
            Cow::Borrowed(text) => text,
        };
        let declarations = Declarations::of_attribute(text);
        if self.attributes.len() < REMEMBERED && value.len() < REMEMBERED_LENGTH {
            self.attributes.insert(value.into(), declarations.clone());
        }
        declarations
    }

    /// The tokens of the tag, for selector matching.
    #[inline]
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The style of the tag's element, from style sheets, its other attributes and its style attribute, if any of these
    /// gives it one.
    pub(super) fn style(
        &mut self,
        hints: &Style,
        own: Option<&Declarations>,
        path: &ElementPath,
        work: &Work<'_>,
    ) -> Option<Style> {
        self.matching.clear();
        if let Some(sheets) = self.sheets.as_ref().filter(|_| !self.tokens.is_empty()) {
            let before = STEPS.saturating_sub(self.steps_taken);
            let mut left = before;
            sheets.of_element(&self.tokens, path, &mut left, &mut self.matching);
            self.steps_taken += before - left;
            work.spend(STEP_WORK * (before - left));
        }
        // Most elements match nothing, and most have no style of their own.
        if own.is_none() && self.matching.is_empty() && *hints == Style::default() {
            return None;
        }
        let mut style = *hints;
        let matching = || {
            let sheets = self.sheets.iter();
            sheets.flat_map(|sheets| sheets.declarations(&self.matching))
        };
        matching().for_each(|found| style.add(&found.normal));
        if let Some(own) = own {
            style.add(&own.normal);
        }
        let important = matching().filter_map(|found| found.important.as_ref());
        important.for_each(|found| style.add(found));
        if let Some(important) = own.and_then(|own| own.important.as_ref()) {
            style.add(important);
        }
        if style.floats_right == Some(true) && style.display != Some(Display::Nothing) {
            // CSS 2.2 section 9.7. Left floats are read in source order, so their letters may form a word.
            style.display = Some(Display::Block);
        }
        Some(style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::html::{PageLimits, read};

    #[test]
    fn every_late_sheet_is_found() {
        let limits = PageLimits {
            text: 1000,
            links: 10,
            tags: false,
        };
        let first = "<p class=a>x</p>and <p class=b>x<style>.a{display:none}</style>";
        let last = "<STYLE>.b{display:none}</STYLE><p class=a>x<p>so on";
        for between in [
            "",
            "<styles></styles>",
            "</style>",
            "<!--<style>-->",
            "<p title='<style>'></p>",
            "<svg><style>.z<g></g></style></svg>",
            "<script><style></script></style>",
            "<style media=print></style>",
        ] {
            let page = format!("{first}{between}<p>&lt;style {last}");
            let text = read(&page, limits, &Work::new(1 << 30)).text.text;
            assert_eq!(text, "and <style so on", "{between}");
        }
        assert_eq!(sheets_in(b"<style><STYLE a><styl<!--<style"), 3);
    }
}
