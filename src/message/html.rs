//! Reads HTML: the visible text and the links.
//!
//! In: HTML; out: its visible text on one line, its links, the text of each link,
//! and its traits. One pass over the tokens of the HTML standard, no tree, no
//! style sheets: it never fails, and its work is linear in the source.

mod attributes;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use crate::message::html_elements::{
    Kinds, implied_end, is_inline, is_known, is_void, kind, parts_paragraphs,
};
use crate::message::page_traits::{HIDDEN_TEXT_LIMIT, PageTraits};
use crate::message::style::Paint;
use crate::message::visible_text::{VisibleText, VisibleTextBuilder, cut};
use crate::message::work::Work;

/// Limit of open elements; what is nested deeper belongs to the deepest one.
const OPEN_LIMIT: usize = 100;

/// Limit of a link's visible text in bytes.
const ANCHOR_TEXT_LIMIT: usize = 200;

/// So many line breaks in a row move text out of the window.
const BREAKS_OUT_OF_SIGHT: usize = 40;

/// Limit of a start tag in bytes: a link's limit and room for the name.
const TAG_LIMIT: usize = 2200;

/// Limit of all start tags in bytes.
const TAGS_LIMIT: usize = 1 << 20;

/// Units of work for an octet of the source, and for a token: a tag, an attribute, a text.
const SOURCE_WORK: u64 = 7;
const TOKEN_WORK: u64 = 60;

/// Limits of reading HTML.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Visible text, in bytes.
    pub text: usize,
    /// Number of links of each kind.
    pub links: usize,
    /// Whether start tags are kept.
    pub tags: bool,
}

/// The content of an HTML part.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Visible text.
    pub text: VisibleText,
    /// Targets of links, images, forms.
    pub links: Vec<String>,
    /// Each clickable link.
    pub anchors: Vec<Anchor>,
    /// Each start tag as `<name attribute="value">` in lower case, with raw values.
    pub tags: Vec<String>,
    /// Its traits.
    pub traits: PageTraits,
}

/// A clickable link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Its visible text.
    pub text: String,
    /// Its target.
    pub target: String,
    /// Whether it contains an image.
    pub image: bool,
}

/// Stops the tokenizer.
struct OutOfWork;

/// Reads HTML, as far as the budget of work suffices.
pub fn read(source: &str, limits: PageLimits, work: &Work<'_>) -> Page {
    let source = work.beginning(source, SOURCE_WORK);
    let mut reader = Reader {
        text: VisibleTextBuilder::new(limits.text),
        link_limit: limits.links,
        links: Vec::new(),
        anchors: Vec::new(),
        tags_left: if limits.tags { TAGS_LIMIT } else { 0 },
        tags: Vec::new(),
        traits: PageTraits::default(),
        open: Vec::new(),
        hidden: 0,
        code: 0,
        tag: Tag::default(),
        attribute: Attribute::Other,
        anchor: None,
        ended_in_letter: false,
        comment_in_word: false,
        breaks: 0,
    };
    let on_event = |event: CallbackEvent<'_>, _: Span<()>| {
        if !work.spend(TOKEN_WORK) {
            return Some(OutOfWork);
        }
        reader.event(&event);
        None
    };
    let mut emitter = CallbackEmitter::new(on_event);
    emitter.naively_switch_states(true);
    // The first item is the end of the budget; without one it reads all of the source.
    let _ = Tokenizer::new_with_emitter(source, emitter).next();
    reader.end_anchor();
    Page {
        text: reader.text.finish_text(),
        links: reader.links,
        anchors: reader.anchors,
        tags: reader.tags,
        traits: reader.traits,
    }
}

struct Reader {
    text: VisibleTextBuilder,
    link_limit: usize,
    links: Vec<String>,
    anchors: Vec<Anchor>,
    tags_left: usize,
    tags: Vec<String>,
    traits: PageTraits,
    open: Vec<OpenElement>,
    /// Number of open elements that hide their content.
    hidden: usize,
    /// Number of open elements without text for people.
    code: usize,
    tag: Tag,
    attribute: Attribute,
    anchor: Option<OpenAnchor>,
    /// Whether the preceding text ends within a word, and whether a comment follows it.
    ended_in_letter: bool,
    comment_in_word: bool,
    /// Line breaks in a row.
    breaks: usize,
}

#[derive(Clone, Copy)]
struct OpenElement {
    name: Name,
    kind: Kinds,
    hides: bool,
    code: bool,
    nothing: bool,
    shrinks: bool,
    text: Paint,
    ground: Paint,
}

/// The initial state.
const PLAIN: OpenElement = OpenElement {
    name: [0; 12],
    kind: 0,
    hides: false,
    code: false,
    nothing: false,
    shrinks: false,
    text: Paint::Rgb([0; 3]),
    ground: Paint::Rgb([255; 3]),
};

/// The current tag.
#[derive(Default)]
struct Tag {
    name: Name,
    hides: bool,
    code: bool,
    nothing: Option<bool>,
    shrinks: bool,
    text: Paint,
    ground: Paint,
    /// Whether an image's width or height makes it a spacer.
    spacer: bool,
    refreshes: bool,
    /// Its stored form.
    kept: String,
}

struct OpenAnchor {
    target: String,
    text_from: usize,
    image: bool,
}

#[derive(Clone, Copy)]
enum Attribute {
    Link { anchor: bool },
    Action,
    Style,
    TextColour,
    Ground,
    Measure,
    FontSize,
    InputType,
    HttpEquiv,
    Content,
    Other,
}

/// The beginning of an element's name; enough to distinguish all real ones.
type Name = [u8; 12];

fn name_of(name: &[u8]) -> Name {
    let mut short = Name::default();
    for (to, from) in short.iter_mut().zip(name) {
        *to = *from;
    }
    short
}

fn spelled(name: &Name) -> &[u8] {
    let length = name.iter().position(|byte| *byte == 0);
    &name[..length.unwrap_or(name.len())]
}

impl Reader {
    fn event(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => self.tag_begins(name),
            CallbackEvent::AttributeName { name } => self.attribute_begins(name),
            CallbackEvent::AttributeValue { value } => self.attribute_value(value),
            CallbackEvent::CloseStartTag { self_closing } => self.tag_ends(*self_closing),
            CallbackEvent::EndTag { name } => self.element_ends(name_of(name)),
            CallbackEvent::String { value } if self.code == 0 => {
                self.string(&String::from_utf8_lossy(value));
            }
            CallbackEvent::Comment { value } => {
                // Conditional comments stand between words.
                self.comment_in_word = self.ended_in_letter && value.len() <= 40;
            }
            _ => {}
        }
    }

    fn string(&mut self, text: &str) {
        let begins_with_letter = text.starts_with(|letter: char| letter.is_ascii_lowercase());
        self.traits.split_words += usize::from(self.comment_in_word && begins_with_letter);
        self.comment_in_word = false;
        if text.bytes().any(|byte| byte > b' ') {
            self.breaks = 0;
        }
        self.ended_in_letter = text.ends_with(|letter: char| letter.is_ascii_alphabetic());
        let nothing = self.open.last().is_some_and(|open| open.nothing);
        if self.hidden > 0 || nothing {
            self.traits.hidden.add(text);
            return;
        }
        if let Some(open) = self.open.last() {
            if open.shrinks {
                self.traits.tiny.add(text);
            } else if open.text.vanishes_on(open.ground) {
                self.traits.faint.add(text);
            }
        }
        self.text.push(text);
    }

    fn tag_begins(&mut self, name: &[u8]) {
        self.ended_in_letter = false;
        self.breaks = if name == b"br" { self.breaks + 1 } else { 0 };
        self.traits.pushed_down |= self.breaks >= BREAKS_OUT_OF_SIGHT;
        self.traits.centered |= name == b"center";
        self.tag = Tag {
            name: name_of(name),
            code: matches!(
                name,
                b"script" | b"style" | b"title" | b"template" | b"noframes"
            ),
            ..Tag::default()
        };
        self.traits.scripts += usize::from(name == b"script");
        if !is_known(name) {
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
        if name == b"a" {
            self.end_anchor();
        }
        self.part_words(name);
    }

    fn part_words(&mut self, name: &[u8]) {
        if parts_paragraphs(name) {
            self.text.paragraph();
        } else if matches!(name, b"br" | b"div") {
            self.text.line();
        } else if !is_inline(name) {
            self.text.space();
        }
    }

    fn tag_ends(&mut self, self_closing: bool) {
        let name = spelled(&self.tag.name);
        if name == b"img" && !self.tag.spacer && !self.tag.hides {
            self.traits.images += 1;
            if let Some(anchor) = &mut self.anchor {
                anchor.image = true;
                self.traits.image_first |= self.text.is_empty() && self.traits.images == 1;
            }
        }
        if self.tags_left > 0 {
            let mut kept = std::mem::take(&mut self.tag.kept);
            kept.push('>');
            self.tags_left = self.tags_left.saturating_sub(kept.len());
            self.tags.push(kept);
        }
        let foreign = self_closing && matches!(name, b"path" | b"use" | b"rect" | b"circle");
        if is_void(name) || foreign {
            return;
        }
        self.end_implied();
        if self.open.len() < OPEN_LIMIT {
            let outer = self.open.last().copied().unwrap_or(PLAIN);
            let tag = &self.tag;
            self.open.push(OpenElement {
                name: tag.name,
                kind: kind(spelled(&tag.name)),
                hides: tag.hides,
                code: tag.code,
                nothing: tag.nothing.unwrap_or(outer.nothing),
                shrinks: tag.shrinks || outer.shrinks,
                text: tag.text.over(outer.text),
                ground: tag.ground.over(outer.ground),
            });
            self.hidden += usize::from(tag.hides);
            self.code += usize::from(tag.code);
        }
    }

    /// Closes elements that cannot contain the new one: a hidden element without an end tag would
    /// otherwise hide all that follows, which a mail client shows.
    fn end_implied(&mut self) {
        let Some((ends, barriers)) = implied_end(spelled(&self.tag.name)) else {
            return;
        };
        let met = |open: &OpenElement| open.kind & (ends | barriers) != 0;
        if let Some(at) = self.open.iter().rposition(met)
            && self.open[at].kind & ends != 0
            && self.open[at].kind & barriers == 0
        {
            self.close_from(at);
        }
    }

    fn element_ends(&mut self, name: Name) {
        if spelled(&name) == b"a" {
            self.end_anchor();
        }
        match spelled(&name) {
            b"br" | b"div" => self.text.space(),
            name => self.part_words(name),
        }
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else {
            return;
        };
        self.close_from(at);
    }

    fn close_from(&mut self, at: usize) {
        for closed in self.open.drain(at..) {
            self.hidden -= usize::from(closed.hides);
            self.code -= usize::from(closed.code);
        }
    }

    fn end_anchor(&mut self) {
        let Some(anchor) = self.anchor.take() else {
            return;
        };
        if self.anchors.len() < self.link_limit {
            let text = self.text.since(anchor.text_from);
            self.anchors.push(Anchor {
                text: cut(text, ANCHOR_TEXT_LIMIT).to_owned(),
                target: anchor.target,
                image: anchor.image,
            });
        }
    }
}

#[cfg(test)]
mod tests;
