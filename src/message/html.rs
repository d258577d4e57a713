//! Reads HTML: the visible text and the links.
//!
//! In: HTML; out: its visible text on one line, its links, the text of each link, and its traits. It tokenizes as the
//! HTML standard says, and keeps only as much of the tree as decides what people see: the open elements and their
//! styles. It never fails, and its work is linear in the source.

mod attributes;
mod cascade;
mod look;
mod open_elements;
mod outlook;
mod shown;
mod tags;
mod text_links;
mod tokens;

use html5gum::State;

use crate::message::html_elements::{Element, Name};
use crate::message::page_traits::PageTraits;
use crate::message::style::{Declarations, Style};
use crate::message::visible_text::bidi_text::Open;
use crate::message::visible_text::{VisibleText, cut};
use crate::message::work::Work;
use cascade::Cascade;
use open_elements::OpenElements;
use shown::Shown;
use tokens::Event;

/// Limit on a link's visible text in bytes.
const ANCHOR_TEXT_LIMIT: usize = 200;

/// Limit on a start tag in bytes: a link, and room for the element's name.
const TAG_LIMIT: usize = 2200;

/// Limit on all start tags in bytes.
const TAGS_LIMIT: usize = 1 << 20;

/// Limit on the HTML that only Outlook shows, in bytes.
const OUTLOOK_LIMIT: usize = 64 << 10;

/// HTML that only Outlook shows is read if its words that others do not show have this many letters: Outlook's buttons
/// and columns usually repeat the page.
const OUTLOOK_LETTERS: usize = 40;

/// Units of work per octet of the source, and per token: a tag, an attribute, a text.
const SOURCE_WORK: u64 = 7;
const TOKEN_WORK: u64 = 60;

/// Limits on reading HTML.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Limit on visible text in bytes.
    pub text: usize,
    /// Limit on the links of each kind.
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
    /// The range of each clickable link in the text.
    anchored: Vec<std::ops::Range<usize>>,
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

/// Reads HTML, as far as the budget of work suffices.
pub fn read(source: &str, limits: PageLimits, work: &Work<'_>) -> Page {
    let reader = read_with(source, Cascade::default(), limits, work);
    let outlook = reader.outlook.clone();
    let (mut page, cascade) = reader.finish();
    if !outlook.is_empty() {
        // Table parts in conditional comments belong to tables of the page around them.
        let source = format!("<table><tr><td>{outlook}");
        let mut limits = limits;
        limits.links = limits.links.saturating_sub(page.links.len());
        let (more, _) = read_with(&source, cascade, limits, work).finish();
        page.add_outlook(more, limits.text);
    }
    page.add_text_links(limits.links, work);
    page
}

/// Reads the source with the known style sheets, and once more if later sheets apply to text that was already read.
fn read_with<'w, 's>(
    source: &'w str,
    cascade: Cascade,
    limits: PageLimits,
    work: &'w Work<'s>,
) -> Reader<'w, 's> {
    let source = work.beginning(source, SOURCE_WORK);
    let elements = work.elements_left();
    let mut reader = Reader::new(source, cascade, limits, work);
    let normal = tokens::with_line_feeds(source);
    tokens::read(&normal, &mut reader);
    reader.end();
    if !reader.cascade.is_late() {
        return reader;
    }
    let rest = work.beginning(source, SOURCE_WORK);
    work.set_elements_left(elements);
    let mut again = Reader::new(rest, reader.cascade.again(), limits, work);
    match rest.len() == source.len() {
        true => tokens::read(&normal, &mut again),
        false => tokens::read(rest, &mut again),
    }
    again.end();
    again
}

impl Page {
    /// Adds what only Outlook shows, if it differs from the page.
    fn add_outlook(&mut self, outlook: Self, limit: usize) {
        // What only pushes has no letters.
        self.traits.pushed_far |= outlook.traits.pushed_far;
        let seen = shown::words(&self.text.text);
        if shown::new_letters(&outlook.text.text, &seen) < OUTLOOK_LETTERS {
            return;
        }
        self.text.add(&outlook.text, limit);
        self.links.extend(outlook.links);
        self.anchors.extend(outlook.anchors);
        self.tags.extend(outlook.tags);
        self.traits.forms.extend(outlook.traits.forms);
        self.traits.passwords += outlook.traits.passwords;
        self.traits.images += outlook.traits.images;
        self.traits.backgrounds += outlook.traits.backgrounds;
    }
}

struct Reader<'w, 's> {
    work: &'w Work<'s>,
    shown: Shown,
    cascade: Cascade,
    source: &'w str,
    /// Whether it has NUL; references do not decode to it.
    has_nul: bool,
    /// How many style sheets have begun, those in comments included; and once a late one was found, how many the source
    /// may have.
    sheets_begun: usize,
    sheets: Option<usize>,
    link_limit: usize,
    links: Vec<String>,
    anchors: Vec<Anchor>,
    /// The range of each anchor in the text.
    anchored: Vec<std::ops::Range<usize>>,
    tags_left: usize,
    tags: Vec<String>,
    traits: PageTraits,
    open: OpenElements,
    /// The directions that were open around each block with a direction of its own.
    directions: Vec<Vec<Open>>,
    tag: Tag,
    attribute: Attribute,
    anchor: Option<OpenAnchor>,
    /// The base URL of relative links.
    base: Option<url::Url>,
    raw_text: Option<State>,
    /// The HTML in conditional comments.
    outlook: String,
    /// Whether the preceding text ends within a word, and whether a comment follows it there.
    ended_in_letter: bool,
    comment_in_word: bool,
    /// Elements opened since the last text, and how many of these were closed again.
    opened: usize,
    empty: usize,
    /// Consecutive line breaks.
    breaks: usize,
    /// Whether the message has more elements than are read.
    is_beyond_limit: bool,
}

/// The current tag.
#[derive(Default)]
struct Tag {
    element: Element,
    /// Styles from presentational attributes, and from `style`.
    hints: Style,
    style: Option<Declarations>,
    /// A bit for each attribute seen: the first of a name counts.
    seen: u32,
    /// Whether its width or height makes an image a spacer, and whether it is no larger than a dot.
    spacer: bool,
    small: bool,
    has_source: bool,
    is_open: bool,
    refreshes: bool,
    /// A style sheet's media, and whether its type is not CSS.
    media: String,
    other_type: bool,
    /// Whether a MathML annotation contains HTML.
    holds_html: bool,
    /// The tag in stored form.
    kept: String,
    /// Whether it has attributes, or anything but its element and stored form is set.
    has_more: bool,
}

impl Tag {
    /// Begins a tag of this element.
    fn begin(&mut self, element: Element) {
        // Most tags have no attributes, and what these set is much to reset.
        if self.has_more {
            *self = Self {
                kept: std::mem::take(&mut self.kept),
                ..Self::default()
            };
        }
        self.kept.clear();
        self.element = element;
    }
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
    Alternative,
    HttpEquiv,
    Content,
    Class,
    Id,
    Direction,
    Media,
    StyleType,
    Encoding,
    Base,
    Other,
}

impl tokens::Sink for Reader<'_, '_> {
    #[inline(always)]
    fn take(&mut self, event: Event<'_>) -> bool {
        if !self.work.spend(TOKEN_WORK) {
            return false;
        }
        self.event(event);
        // If the source is read again anyway, the rest need not be read now.
        let is_end_tag = matches!(event, Event::EndTag(_));
        !(is_end_tag && self.cascade.is_late() && self.has_all_sheets())
    }

    fn raw_text(&mut self) -> Option<State> {
        self.raw_text.take()
    }

    fn is_foreign(&self) -> bool {
        self.open.last().is_some_and(|last| last.is_foreign)
    }
}

impl<'w, 's> Reader<'w, 's> {
    fn new(source: &'w str, cascade: Cascade, limits: PageLimits, work: &'w Work<'s>) -> Self {
        Self {
            work,
            shown: Shown::new(limits.text),
            cascade,
            source,
            has_nul: memchr::memchr(0, source.as_bytes()).is_some(),
            sheets_begun: 0,
            sheets: None,
            link_limit: limits.links,
            links: Vec::new(),
            anchors: Vec::new(),
            anchored: Vec::new(),
            tags_left: if limits.tags { TAGS_LIMIT } else { 0 },
            tags: Vec::new(),
            traits: PageTraits::default(),
            open: OpenElements::default(),
            directions: Vec::new(),
            tag: Tag::default(),
            attribute: Attribute::Other,
            anchor: None,
            base: None,
            raw_text: None,
            outlook: String::new(),
            ended_in_letter: false,
            comment_in_word: false,
            opened: 0,
            empty: 0,
            breaks: 0,
            is_beyond_limit: false,
        }
    }

    /// Whether no further style sheet can follow.
    fn has_all_sheets(&mut self) -> bool {
        let source = self.source.as_bytes();
        let sheets = self
            .sheets
            .get_or_insert_with(|| cascade::sheets_in(source));
        self.sheets_begun >= *sheets
    }

    #[inline(always)]
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::OpenStartTag(name) => self.tag_begins(name),
            Event::AttributeName(name) => self.attribute_begins(name),
            Event::AttributeValue(value) => self.attribute_value(value),
            Event::CloseStartTag(self_closing) => self.tag_ends(self_closing),
            Event::EndTag(name) => self.element_ends(name),
            Event::Text(text) => self.string(text),
            Event::Comment(text) => self.comment(text),
            Event::Doctype(force_quirks) => self.cascade.doctype(force_quirks),
        }
    }

    fn comment(&mut self, comment: &str) {
        // Conditional comments are longer, and stand between words.
        self.comment_in_word = self.ended_in_letter && comment.len() <= 40;
        self.sheets_begun += cascade::sheets_in(comment.as_bytes());
        if comment.len() > 8 && !self.open.is_code() {
            let room = OUTLOOK_LIMIT.saturating_sub(self.outlook.len());
            if let Some(html) = outlook::shown_in(comment) {
                self.outlook.push_str(cut(html, room));
            }
        }
    }

    fn string(&mut self, text: &str) {
        if self.open.is_code() {
            if self
                .open
                .last()
                .is_some_and(|last| last.element.name == Name::TITLE)
            {
                self.traits.add_title(text);
            }
            self.cascade.sheet_text(text);
            return;
        }
        // HTML standard 13.2.6.4.7: NUL is ignored.
        let without_nul = self.has_nul.then(|| text.replace('\0', ""));
        let text = without_nul.as_deref().unwrap_or(text);
        let begins_with_letter = text.starts_with(|letter: char| letter.is_ascii_lowercase());
        self.traits.split_words += usize::from(self.comment_in_word && begins_with_letter);
        self.comment_in_word = false;
        if text.bytes().any(|byte| byte > b' ') {
            self.breaks = 0;
            self.reconstruct_formatting();
        }
        self.ended_in_letter = text.ends_with(|letter: char| letter.is_ascii_alphabetic());
        match self.open.unseen() {
            Some(why) => self.shown.conceal(text, why),
            None => {
                let is_empty = self.empty > 0 && self.opened == 0;
                let is_within = is_empty
                    && self.shown.text.is_within_word()
                    && text.starts_with(char::is_alphanumeric);
                self.traits.empty_in_words += usize::from(is_within);
                self.shown.show(text);
            }
        }
        (self.opened, self.empty) = (0, 0);
    }

    /// The end of the source.
    fn end(&mut self) {
        self.end_anchor();
        self.close_from(0);
        self.cascade.end_sheet();
    }

    fn end_anchor(&mut self) {
        let Some(anchor) = self.anchor.take() else {
            return;
        };
        self.shown.decide();
        self.shown.text.settle();
        if self.anchors.len() < self.link_limit {
            let text = self.shown.text.since(anchor.text_from);
            self.anchors.push(Anchor {
                text: cut(text, ANCHOR_TEXT_LIMIT).to_owned(),
                target: anchor.target,
                image: anchor.image,
            });
        }
        self.anchored.push(anchor.text_from..self.shown.text.len());
    }

    fn finish(self) -> (Page, Cascade) {
        let mut traits = self.traits;
        traits.sheets_unread = self.cascade.is_exhausted();
        traits.pushed_far = self.cascade.is_tall();
        let text = self.shown.finish(&mut traits, self.work);
        let page = Page {
            text,
            links: self.links,
            anchors: self.anchors,
            tags: self.tags,
            traits,
            anchored: self.anchored,
        };
        (page, self.cascade)
    }
}

#[cfg(test)]
mod tests;
