//! What tags do: they open and close elements, part words, and set how text looks.
//!
//! In: start and end tags with their attributes; out: the open elements and where words end.

use html5gum::State;

use super::name::{Name, name_of, spelled};
use super::open_elements::{OpenElement, Turns};
use super::{Attribute, Reader, Tag};
use crate::message::bidi;
use crate::message::html_elements as elements;
use crate::message::page_traits::HIDDEN_TEXT_LIMIT;
use crate::message::style::{Display, Style, Turning};
use crate::message::visible_text::cut;

/// So many line breaks in a row move text out of the window.
const BREAKS_OUT_OF_SIGHT: usize = 40;

/// Units of work to open an element, and for one that stays open when one around it ends.
const ELEMENT_WORK: u64 = 60;
const CROSSED_WORK: u64 = 15;

impl Reader<'_, '_> {
    pub(super) fn tag_begins(&mut self, name: &[u8]) {
        self.ended_in_letter = false;
        self.breaks = if name == b"br" { self.breaks + 1 } else { 0 };
        self.traits.pushed_down |= self.breaks >= BREAKS_OUT_OF_SIGHT;
        self.traits.centered |= name == b"center";
        self.traits.scripts += usize::from(name == b"script");
        self.attribute = Attribute::Other;
        self.tag = Tag {
            name: name_of(if name == b"image" { b"img" } else { name }),
            ..Tag::default()
        };
        if !elements::is_known(name) {
            self.traits.unknown += 1;
            if self.traits.unknown == 1 {
                let name = String::from_utf8_lossy(name);
                self.traits.unknown_name = cut(&name, HIDDEN_TEXT_LIMIT).to_owned();
            }
        }
        if self.tags_left > 0 {
            self.tag.kept.push('<');
            self.tag.kept.push_str(&String::from_utf8_lossy(name));
        }
        self.cascade.begin_tag(name, self.work);
        if name == b"a" {
            self.end_anchor();
        }
    }

    pub(super) fn tag_ends(&mut self, self_closing: bool) {
        if self.tags_left > 0 {
            let mut kept = std::mem::take(&mut self.tag.kept);
            kept.push('>');
            self.tags_left = self.tags_left.saturating_sub(kept.len());
            self.tags.push(kept);
        }
        let name = self.tag.name;
        let short = spelled(&name);
        if self.open.is_foreign()
            && elements::ends_foreign(short)
            && let Some(at) = self.open.foreign_end()
        {
            self.close_from(at);
        }
        let is_foreign = self.open.is_foreign() || matches!(short, b"svg" | b"math");
        if !is_foreign && self.is_ignored(short) {
            return;
        }
        if !is_foreign {
            self.end_implied(short);
        }
        self.set_hints(short);
        if self.cascade.compares_siblings() {
            self.open.path.keep_children();
        }
        let path = &self.open.path;
        let own = self
            .cascade
            .style(&self.tag.hints, &self.tag.style, path, self.work);
        let is_void = if is_foreign {
            self_closing
        } else {
            elements::is_void(short)
        };
        if is_void {
            // `<wbr>` is for words.
            self.empty += usize::from(short != b"wbr");
            self.open.path.pass(self.cascade.tokens());
            self.void(name, own);
        } else {
            self.opens(name, own, is_foreign);
        }
    }

    /// Tags that a browser ignores (HTML standard 13.2.6.4.7).
    fn is_ignored(&self, name: &[u8]) -> bool {
        match name {
            b"head" | b"frame" | b"frameset" => true,
            b"html" | b"body" => self.open.end(name_of(name)).is_some(),
            _ => elements::is_table_part(name) && !self.open.has_table(),
        }
    }

    /// Closes elements that cannot contain the new one: a hidden element without an end tag would
    /// otherwise hide all that follows, which a mail client shows.
    fn end_implied(&mut self, name: &[u8]) {
        if let Some(at) = self.open.implied_end(name) {
            self.close_from(at);
        }
        if matches!(name, b"a" | b"nobr") {
            self.end_named(name_of(name));
        }
        if elements::display(name) == Display::Inline {
            self.continue_formatting();
        }
    }

    /// What names alone say.
    fn set_hints(&mut self, name: &[u8]) {
        let hints = &mut self.tag.hints;
        if hints.right_to_left.is_some() {
            hints.turning = Some(if name == b"bdo" {
                Turning::Overridden
            } else {
                Turning::Embedded
            });
        }
    }

    /// An element without content.
    fn void(&mut self, name: Name, own: Style) {
        let short = spelled(&name);
        let display = own.display.unwrap_or_else(|| elements::display(short));
        if self.open.look().gone || own.is_gone(display) {
            return;
        }
        if short == b"img" {
            self.image();
        } else {
            self.part_before(short, display);
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

    fn opens(&mut self, name: Name, own: Style, is_foreign: bool) {
        let short = spelled(&name);
        self.raw_text = if is_foreign { None } else { raw_text(short) };
        let was_gone = self.open.look().gone;
        let is_inert = self.open.is_code();
        self.opened += 1;
        self.work.spend(ELEMENT_WORK);
        let opened = self.open.push(name, own, self.cascade.tokens(), is_foreign);
        if short == b"annotation-xml" && !self.tag.holds_html {
            self.open.set_annotation();
        }
        if short == b"style" && !is_inert && !self.tag.other_type {
            self.cascade.begin_sheet(&self.tag.media);
        }
        if opened.look.gone || was_gone || opened.is_code {
            return;
        }
        if opened.display == Display::Block {
            self.part_before(short, Display::Block);
        }
        let turns = self.turn(&opened);
        self.open.set_turns(turns);
    }

    /// Sets the writing direction within an element.
    fn turn(&mut self, opened: &OpenElement) -> Turns {
        let right = opened.look.right_to_left;
        let control = match (opened.own.turning, right) {
            (Some(Turning::Overridden), true) => Some(bidi::OVERRIDES_RIGHT),
            (Some(Turning::Overridden), false) => Some(bidi::OVERRIDES_LEFT),
            (Some(Turning::Embedded), true) => Some(bidi::ISOLATES_RIGHT),
            (Some(Turning::Embedded), false) => Some(bidi::ISOLATES_LEFT),
            _ => None,
        };
        let text = &mut self.shown.text;
        if opened.display == Display::Block {
            let control = match control {
                Some(bidi::OVERRIDES_RIGHT) => control,
                _ => right.then_some(bidi::ISOLATES_RIGHT),
            };
            if control.is_none() && !text.is_turned() {
                return Turns::Nothing;
            }
            self.directions.push(text.begin_block(control));
            return Turns::Block;
        }
        match control {
            Some(control) if text.is_turned() || right => {
                text.open(control);
                let is_override = opened.own.turning == Some(Turning::Overridden);
                Turns::Line(if is_override {
                    bidi::POPS
                } else {
                    bidi::POPS_ISOLATE
                })
            }
            _ => Turns::Nothing,
        }
    }

    pub(super) fn element_ends(&mut self, name: &[u8]) {
        self.ended_in_letter = false;
        match name {
            b"a" => self.end_anchor(),
            // Both stand for a start tag, too (HTML standard 13.2.6.4.7).
            b"br" => return self.part_before(b"br", Display::Block),
            // What follows is still within the body.
            b"body" | b"html" => return,
            _ => {}
        }
        if self.open.is_code() && !self.is_end_of_code(name) {
            return;
        }
        if self.opened > 0 {
            self.opened -= 1;
            self.empty += 1;
        }
        let was_open = self.end_named(name_of(name));
        if name == b"p" && !was_open {
            self.part_before(name, Display::Block);
        }
    }

    fn is_end_of_code(&self, name: &[u8]) -> bool {
        let is_foreign = self.open.last().is_some_and(|last| last.is_foreign);
        is_foreign || name != b"p" && self.open.end(name_of(name)).is_some()
    }

    /// Closes an element and those within it, if it is open.
    fn end_named(&mut self, name: Name) -> bool {
        if let Some(at) = self.open.end(name) {
            self.close_from(at);
            return true;
        }
        if elements::is_formatting(spelled(&name)) {
            let crossed = self.open.end_formatting(name);
            self.work.spend(CROSSED_WORK * crossed as u64);
        }
        false
    }

    pub(super) fn close_from(&mut self, at: usize) {
        while self.open.depth() > at {
            let is_target = self.open.depth() == at + 1;
            let Some(closed) = self.open.pop(is_target) else {
                return;
            };
            let name = spelled(&closed.name);
            if name == b"style" {
                self.cascade.end_sheet();
            }
            match closed.turns {
                Turns::Nothing => {}
                Turns::Line(control) => self.shown.text.close(control),
                Turns::Block => {
                    let outer = self.directions.pop().unwrap_or_default();
                    self.shown.text.end_block(outer);
                }
            }
            if closed.display == Display::Block && !closed.look.gone && !closed.is_code {
                self.shown.part();
                match name {
                    name if elements::parts_paragraphs(name) => self.shown.text.paragraph(),
                    _ => self.shown.text.space(),
                }
            }
        }
    }

    /// Opens again what was closed with what was around it (HTML standard 13.2.4.3).
    pub(super) fn continue_formatting(&mut self) {
        for element in self.open.take_continued() {
            self.work.spend(ELEMENT_WORK);
            self.open.push(element.name, element.own, &[], false);
        }
    }

    /// A box begins here.
    fn part_before(&mut self, name: &[u8], display: Display) {
        if display != Display::Block || self.open.look().gone {
            return;
        }
        self.shown.part();
        let text = &mut self.shown.text;
        if elements::parts_paragraphs(name) {
            text.paragraph();
        } else if matches!(name, b"br" | b"div") || elements::display(name) != Display::Block {
            text.line();
        } else {
            text.space();
        }
    }
}

/// How the content of an element is tokenized (HTML standard 13.2.6.2), where no scripts run.
fn raw_text(name: &[u8]) -> Option<State> {
    Some(match name {
        b"textarea" | b"title" => State::RcData,
        b"plaintext" => State::PlainText,
        b"script" => State::ScriptData,
        b"style" | b"iframe" | b"xmp" | b"noembed" | b"noframes" => State::RawText,
        _ => return None,
    })
}
