//! The effect of tags: they open and close elements, separate words, and set how text looks.
//!
//! In: start and end tags with their attributes; out: the open elements and where words end.

use html5gum::State;

use super::open_elements::{Direction, OpenElements};
use super::{Attribute, Reader};
use crate::message::bidi;
use crate::message::charset::as_utf_8;
use crate::message::html_elements as elements;
use crate::message::html_elements::{Element, Name};
use crate::message::page_traits::HIDDEN_TEXT_LIMIT;
use crate::message::style::{Display, Style, UnicodeBidi};
use crate::message::visible_text::cut;

/// This many consecutive line breaks move text out of the window.
const BREAKS_OUT_OF_SIGHT: usize = 40;

/// Units of work to open an element, and per element that stays open when an outer one ends.
const ELEMENT_WORK: u64 = 60;
const MISNESTED_WORK: u64 = 15;

impl Reader<'_, '_> {
    pub(super) fn tag_begins(&mut self, name: &[u8]) {
        let element = Element::named(name);
        self.sheets_begun += usize::from(name.starts_with(b"style"));
        self.ended_in_letter = false;
        self.breaks = match element.name {
            Name::BR => self.breaks + 1,
            _ => 0,
        };
        self.traits.pushed_down |= self.breaks >= BREAKS_OUT_OF_SIGHT;
        self.traits.centered |= element.name == Name::CENTER;
        self.traits.scripts += usize::from(element.name == Name::SCRIPT);
        self.attribute = Attribute::Other;
        self.tag.begin(match element.name {
            Name::IMAGE => Element::of(Name::IMG),
            _ => element,
        });
        // Office, and web pages in mail, have namespaces and custom elements.
        let is_dialect = || name.iter().any(|octet| matches!(octet, b':' | b'-'));
        if !element.is_known() && !is_dialect() {
            self.traits.unknown += 1;
            if self.traits.unknown == 1 {
                self.traits.unknown_name = cut(&as_utf_8(name), HIDDEN_TEXT_LIMIT).to_owned();
            }
        }
        if self.tags_left > 0 {
            self.tag.kept.push('<');
            self.tag.kept.push_str(&as_utf_8(name));
        }
        let is_head = element.has(elements::HEAD);
        self.cascade.begin_tag(name, is_head, self.work);
        if element.name == Name::A {
            self.end_anchor();
        }
    }

    pub(super) fn tag_ends(&mut self, self_closing: bool) {
        if self.tags_left > 0 {
            // The buffer serves the next tag, too.
            self.tag.kept.push('>');
            self.tags_left = self.tags_left.saturating_sub(self.tag.kept.len());
            self.tags.push(self.tag.kept.clone());
        }
        let element = self.tag.element;
        if !self.takes_element() {
            return self.pass(element);
        }
        if self.open.is_foreign()
            && element.has(elements::ENDS_FOREIGN)
            && let Some(at) = self.open.foreign_end()
        {
            self.close_from(at);
        }
        let is_foreign = self.open.is_foreign() || matches!(element.name, Name::SVG | Name::MATH);
        if !is_foreign && self.is_ignored(element) {
            return;
        }
        if !is_foreign {
            self.end_implied(element);
        }
        self.set_hints(element.name);
        if self.cascade.compares_siblings() {
            self.open.path.keep_children();
        }
        let own = self.own_style();
        let is_void = if is_foreign {
            self_closing
        } else {
            element.has(elements::VOID)
        };
        if is_void {
            // `<wbr>` stands within words.
            self.empty += usize::from(element.name != Name::WBR);
            self.open.path.pass(self.cascade.tokens());
            self.void(element, own);
        } else {
            self.opens(element, own, is_foreign);
        }
    }

    /// Whether another element is read. Beyond the limit no more are opened, and all text counts as visible.
    fn takes_element(&mut self) -> bool {
        if self.is_beyond_limit {
            return false;
        }
        if self.work.take_element() {
            return true;
        }
        self.is_beyond_limit = true;
        self.close_from(0);
        // Formatting that would be reconstructed may hide text.
        self.open = OpenElements::default();
        self.work.leave_out(1);
        false
    }

    /// Passes over a tag beyond the limit.
    fn pass(&mut self, element: Element) {
        if element.display(false) == Display::Block {
            self.shown.text.space();
        }
    }

    /// Tags that a browser ignores (HTML standard 13.2.6.4.7).
    fn is_ignored(&self, element: Element) -> bool {
        match element.name {
            Name::HEAD | Name::FRAME | Name::FRAMESET => true,
            Name::HTML | Name::BODY => self.open.end(element).is_some(),
            _ => element.has(elements::TABLE_PART) && !self.open.has_table(),
        }
    }

    /// Closes elements that cannot contain the new one: otherwise, a hidden element without an end tag would hide
    /// everything after it, which mail clients show.
    fn end_implied(&mut self, element: Element) {
        if let Some(at) = self.open.implied_end(element) {
            self.close_from(at);
        }
        if matches!(element.name, Name::A | Name::NOBR) {
            self.end_element(element);
        }
        if element.display(false) == Display::Inline {
            self.reconstruct_formatting();
        }
    }

    /// The style of the tag's element, if anything gives it one.
    fn own_style(&mut self) -> Option<Style> {
        if !self.tag.has_more && !self.cascade.collects() {
            return None;
        }
        let (tag, path) = (&self.tag, &self.open.path);
        let own = tag.style.as_ref();
        self.cascade.style(&tag.hints, own, path, self.work)
    }

    /// The effect of element names alone.
    fn set_hints(&mut self, name: Name) {
        let hints = &mut self.tag.hints;
        if name == Name::DIALOG && !self.tag.is_open {
            self.tag.has_more = true;
            // Browsers do not show it; mail programs that do not know the element show its text.
            hints.no_outlook = Some(true);
            hints.display = Some(Display::Inline);
        }
        if hints.right_to_left.is_some() {
            hints.unicode_bidi = Some(if name == Name::BDO {
                UnicodeBidi::Override
            } else {
                UnicodeBidi::Embed
            });
        }
    }

    /// Takes a void element.
    fn void(&mut self, element: Element, own: Option<Style>) {
        let display = own.and_then(|own| own.display);
        let display = display.unwrap_or_else(|| element.display(false));
        let is_gone = own.map_or(display == Display::Nothing, |own| own.is_gone(display));
        if self.open.look().gone || is_gone {
            return;
        }
        if element.name == Name::IMG {
            self.image();
        } else {
            self.part_before(element, display);
        }
    }

    fn image(&mut self) {
        if self.tag.spacer {
            return;
        }
        self.traits.images += 1;
        if let Some(anchor) = &mut self.anchor {
            anchor.image = true;
            self.traits.image_first |= self.shown.text.is_empty() && self.traits.images == 1;
        }
        if self.tag.has_source && !self.tag.small {
            self.shown.part();
            self.shown.text.space();
        }
    }

    fn opens(&mut self, element: Element, own: Option<Style>, is_foreign: bool) {
        self.raw_text = match !is_foreign && element.has(elements::RAW_TEXT) {
            true => Some(raw_text(element.name)),
            false => None,
        };
        let was_gone = self.open.look().gone;
        let is_inert = self.open.is_code();
        self.opened += 1;
        self.work.spend(ELEMENT_WORK);
        let tokens = self.cascade.tokens();
        self.open.push(element, own, tokens, is_foreign);
        if element.name == Name::ANNOTATION_XML && !self.tag.holds_html {
            self.open.set_annotation();
        }
        if element.name == Name::STYLE && !is_inert && !self.tag.other_type {
            self.cascade.begin_sheet(&self.tag.media);
        }
        let Some(opened) = self.open.last() else {
            return;
        };
        if opened.look.gone || was_gone || opened.is_code {
            return;
        }
        let (display, right) = (opened.display, opened.look.right_to_left);
        if display == Display::Block {
            self.part_before(element, Display::Block);
        }
        let mut control = None;
        if let Some(own) = own {
            self.traits.backgrounds += usize::from(own.picture_file == Some(true));
            control = own.unicode_bidi;
        }
        let direction = self.begin_direction(display, control, right);
        self.open.set_direction(direction);
    }

    /// Sets the writing direction within an element with this display and `unicode-bidi`; `right` if it is right to left.
    fn begin_direction(
        &mut self,
        display: Display,
        unicode_bidi: Option<UnicodeBidi>,
        right: bool,
    ) -> Direction {
        let control = match (unicode_bidi, right) {
            (Some(UnicodeBidi::Override), true) => Some(bidi::RLO),
            (Some(UnicodeBidi::Override), false) => Some(bidi::LRO),
            (Some(UnicodeBidi::Embed), true) => Some(bidi::RLI),
            (Some(UnicodeBidi::Embed), false) => Some(bidi::LRI),
            _ => None,
        };
        let text = &mut self.shown.text;
        if display == Display::Block {
            let control = match control {
                Some(bidi::RLO) => control,
                _ => right.then_some(bidi::RLI),
            };
            if control.is_none() && !text.has_direction() {
                return Direction::Inherited;
            }
            self.directions.push(text.begin_block(control));
            return Direction::Block;
        }
        match control {
            Some(control) if text.has_direction() || right => {
                text.open(control);
                let is_override = unicode_bidi == Some(UnicodeBidi::Override);
                Direction::Inline(if is_override { bidi::PDF } else { bidi::PDI })
            }
            _ => Direction::Inherited,
        }
    }

    pub(super) fn element_ends(&mut self, name: &[u8]) {
        let element = Element::named(name);
        self.ended_in_letter = false;
        match element.name {
            Name::A => self.end_anchor(),
            // These end tags are treated as start tags, too (HTML standard 13.2.6.4.7).
            Name::BR => return self.part_before(element, Display::Block),
            // Content after this end tag is still in the body.
            Name::BODY | Name::HTML => return,
            _ => {}
        }
        if self.is_beyond_limit {
            return self.pass(element);
        }
        if self.open.is_code() && !self.is_end_of_code(element) {
            return;
        }
        if self.opened > 0 {
            self.opened -= 1;
            self.empty += 1;
        }
        let was_open = self.end_element(element);
        if element.name == Name::P && !was_open {
            self.part_before(element, Display::Block);
        }
    }

    fn is_end_of_code(&self, element: Element) -> bool {
        let is_foreign = self.open.last().is_some_and(|last| last.is_foreign);
        is_foreign || element.name != Name::P && self.open.end(element).is_some()
    }

    /// Closes an element and all elements in it, if it is open.
    fn end_element(&mut self, element: Element) -> bool {
        if let Some(at) = self.open.end(element) {
            self.close_from(at);
            return true;
        }
        if element.has(elements::FORMATTING) {
            let misnested = self.open.end_formatting(element.name);
            self.work.spend(MISNESTED_WORK * misnested as u64);
        }
        false
    }

    pub(super) fn close_from(&mut self, at: usize) {
        while self.open.depth() > at {
            let is_target = self.open.depth() == at + 1;
            let Some(closed) = self.open.pop(is_target) else {
                return;
            };
            let element = closed.element;
            if element.name == Name::STYLE {
                self.cascade.end_sheet();
            }
            match closed.direction {
                Direction::Inherited => {}
                Direction::Inline(control) => self.shown.text.close(control),
                Direction::Block => {
                    let outer = self.directions.pop().unwrap_or_default();
                    self.shown.text.end_block(outer);
                }
            }
            if closed.display == Display::Block && closed.is_rendered {
                self.shown.part();
                if element.has(elements::PARAGRAPH) {
                    self.shown.text.paragraph();
                } else {
                    self.shown.text.space();
                }
            }
        }
    }

    /// Reconstructs the active formatting elements (HTML standard 13.2.4.3).
    pub(super) fn reconstruct_formatting(&mut self) {
        for element in self.open.take_active_formatting() {
            self.work.spend(ELEMENT_WORK);
            self.open.push(element.element, element.own, &[], false);
        }
    }

    /// Notes that a box begins here.
    fn part_before(&mut self, element: Element, display: Display) {
        if display != Display::Block || self.open.look().gone {
            return;
        }
        self.shown.part();
        let text = &mut self.shown.text;
        if element.has(elements::PARAGRAPH) {
            text.paragraph();
        } else if matches!(element.name, Name::BR | Name::DIV)
            || element.display(false) != Display::Block
        {
            text.line();
        } else {
            text.space();
        }
    }
}

/// The tokenizer state for the content of an element (HTML standard 13.2.6.2), with scripting disabled.
fn raw_text(name: Name) -> State {
    match name {
        Name::TEXTAREA | Name::TITLE => State::RcData,
        Name::PLAINTEXT => State::PlainText,
        Name::SCRIPT => State::ScriptData,
        _ => State::RawText,
    }
}
