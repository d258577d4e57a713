//! The attributes of a start tag: links, forms, styles, sizes.

use super::{Attribute, OpenAnchor, Reader, TAG_LIMIT};
use crate::message::charset::as_utf_8;
use crate::message::html_elements::Name;
use crate::message::link;
use crate::message::style::{Display, Paint, Style};
use crate::message::visible_text::cut;

/// An image of at most this many pixels is a dot.
const DOT: u32 = 4;

impl Attribute {
    /// The attribute of this name, of an element; looked up by length first, because most names are none of these.
    fn named(name: &[u8], tag: Name) -> Self {
        match name.len() {
            2 => match name {
                b"id" => Self::Id,
                _ => Self::Other,
            },
            3 => match name {
                b"src" => Self::Link { anchor: false },
                b"dir" => Self::Direction,
                b"alt" if tag == Name::IMG => Self::Alternative,
                _ => Self::Other,
            },
            4 => match name {
                b"href" if tag == Name::BASE => Self::Base,
                b"href" => Self::Link {
                    anchor: matches!(tag, Name::A | Name::AREA),
                },
                b"text" if tag == Name::BODY => Self::TextColour,
                b"size" if tag == Name::FONT => Self::FontSize,
                b"type" if tag == Name::INPUT => Self::InputType,
                b"type" if tag == Name::STYLE => Self::StyleType,
                _ => Self::Other,
            },
            5 => match name {
                b"style" => Self::Style,
                b"class" => Self::Class,
                b"width" => Self::Measure,
                b"color" if tag == Name::FONT => Self::TextColour,
                b"media" if tag == Name::STYLE => Self::Media,
                _ => Self::Other,
            },
            6 => match name {
                b"height" => Self::Measure,
                b"action" => Self::Action,
                _ => Self::Other,
            },
            7 => match name {
                b"bgcolor" => Self::Ground,
                b"content" if tag == Name::META => Self::Content,
                _ => Self::Other,
            },
            8 => match name {
                b"encoding" if tag == Name::ANNOTATION_XML => Self::Encoding,
                _ => Self::Other,
            },
            10 => match name {
                b"xlink:href" => Self::Link {
                    anchor: matches!(tag, Name::A | Name::AREA),
                },
                b"background" => Self::Link { anchor: false },
                b"formaction" => Self::Action,
                b"http-equiv" => Self::HttpEquiv,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }

    /// A bit for each attribute whose first occurrence counts.
    fn bit(self) -> u32 {
        match self {
            Self::Style => 1,
            Self::Class => 2,
            Self::Id => 4,
            Self::Direction => 8,
            Self::TextColour => 16,
            Self::Ground => 32,
            Self::Media => 64,
            _ => 0,
        }
    }
}

impl Reader<'_, '_> {
    pub(super) fn attribute_begins(&mut self, name: &[u8]) {
        let tag = self.tag.element.name;
        self.tag.has_more = true;
        self.attribute = Attribute::named(name, tag);
        let hints = &mut self.tag.hints;
        match name.len() {
            3 if name == b"src" => self.tag.has_source = true,
            4 if name == b"open" => self.tag.is_open = true,
            // Browsers show links in blue, whatever the colour around them.
            4 if tag == Name::A && name == b"href" => {
                hints.text = hints.text.over(Paint::Rgb([0, 0, 238]));
            }
            6 if name == b"hidden" => hints.display = Some(Display::Nothing),
            10 if name == b"background" => {
                (hints.picture, hints.picture_file) = (Some(true), Some(true));
            }
            _ => {}
        }
        let bit = self.attribute.bit();
        if self.tag.seen & bit != 0 {
            self.attribute = Attribute::Other;
        }
        self.tag.seen |= bit;
        if self.cascade.collects() && self.cascade.tests_attributes() {
            self.cascade.attribute_name(&as_utf_8(name));
        }
        if self.tags_left > 0 && self.tag.kept.len() < TAG_LIMIT {
            self.tag.kept.push(' ');
            self.tag.kept.push_str(&as_utf_8(name));
        }
    }

    pub(super) fn attribute_value(&mut self, text: &str) {
        if self.tags_left > 0 && self.tag.kept.len() < TAG_LIMIT {
            let room = TAG_LIMIT - self.tag.kept.len();
            self.tag.kept.push_str("=\"");
            self.tag.kept.push_str(cut(text, room));
            self.tag.kept.push('"');
        }
        self.compare(text);
        let value = text.as_bytes();
        match self.attribute {
            Attribute::Link { anchor } => self.link(text, anchor),
            Attribute::Action => {
                if self.traits.forms.len() < self.link_limit {
                    self.traits.forms.push(cut(text, TAG_LIMIT).to_owned());
                }
                self.link(text, false);
            }
            Attribute::Style => self.style(value),
            Attribute::TextColour => {
                let paint = Paint::of_attribute(value);
                self.traits.red |= paint.is_red();
                self.tag.hints.text = paint;
            }
            Attribute::Ground => {
                let paint = Paint::of_attribute(value);
                self.traits.loud_ground |= paint.is_loud();
                self.tag.hints.ground = paint;
            }
            Attribute::FontSize => {
                let digit = value.trim_ascii();
                let digit = digit.strip_prefix(b"+").unwrap_or(digit);
                self.traits.large |= matches!(digit, [b'5'..=b'9', ..]);
            }
            Attribute::Measure => self.measure(value),
            Attribute::InputType => {
                self.traits.passwords += usize::from(value.eq_ignore_ascii_case(b"password"));
                if value.eq_ignore_ascii_case(b"hidden") {
                    self.tag.hints.display = Some(Display::Nothing);
                }
            }
            Attribute::Alternative => {
                self.traits.add_logo(text);
            }
            Attribute::HttpEquiv => {
                self.tag.refreshes = value.trim_ascii().eq_ignore_ascii_case(b"refresh");
            }
            Attribute::Content if self.tag.refreshes => {
                if let Some((_, target)) = text.split_once('=') {
                    self.traits.refresh = Some(cut(target.trim(), TAG_LIMIT).to_owned());
                }
            }
            Attribute::Direction => {
                let value = value.trim_ascii();
                if value.eq_ignore_ascii_case(b"rtl") || value.eq_ignore_ascii_case(b"ltr") {
                    self.tag.hints.right_to_left = Some(value.eq_ignore_ascii_case(b"rtl"));
                }
            }
            Attribute::StyleType => {
                self.tag.other_type = !value.is_empty() && !value.eq_ignore_ascii_case(b"text/css");
            }
            Attribute::Encoding => {
                let html: [&[u8]; 2] = [b"text/html", b"application/xhtml+xml"];
                self.tag.holds_html = html.iter().any(|html| value.eq_ignore_ascii_case(html));
            }
            Attribute::Base => {
                self.base = self
                    .base
                    .take()
                    .or_else(|| url::Url::parse(cut(text, TAG_LIMIT)).ok());
            }
            Attribute::Media => self.tag.media = text.to_owned(),
            Attribute::Content | Attribute::Class | Attribute::Id | Attribute::Other => {}
        }
    }

    /// Passes the attribute to the selectors.
    fn compare(&mut self, value: &str) {
        let name = match self.attribute {
            _ if !self.cascade.collects() => return,
            Attribute::Class => "class",
            Attribute::Id => "id",
            Attribute::Link { anchor: true } => "href",
            _ if self.cascade.tests_attributes() => "",
            _ => return,
        };
        self.cascade.attribute(name, value);
    }

    fn style(&mut self, value: &[u8]) {
        let declared = self.cascade.style_attribute(value, self.work);
        let style: &Style = &declared.normal;
        self.traits.pushed_down |= style.pushes;
        self.traits.red |= style.text.is_red();
        self.traits.loud_ground |= style.ground.is_loud();
        let is_drawn = style.picture_file == Some(true);
        self.tag.style = Some(declared);
        if is_drawn && let Some(target) = url_in(value) {
            self.link(&target, false);
        }
    }

    fn measure(&mut self, value: &[u8]) {
        self.tag.spacer |= matches!(value.trim_ascii(), b"0" | b"1" | b"1px" | b"0px");
        let digits = value
            .trim_ascii()
            .split(|byte| !byte.is_ascii_digit())
            .next();
        let digits = digits.and_then(|digits| str::from_utf8(digits).ok());
        self.tag.small |= digits
            .and_then(|digits| digits.parse().ok())
            .is_some_and(|pixels: u32| pixels <= DOT);
    }

    /// A link, resolved against the page's base URL.
    fn relative(&self, value: &str) -> Option<String> {
        let value = cut(value.trim(), TAG_LIMIT);
        let is_outside = !value.is_empty() && !value.starts_with('#') && !value.contains(':');
        let base = self.base.as_ref().filter(|_| is_outside)?;
        link::from_attribute(base.join(value).ok()?.as_str())
    }

    fn link(&mut self, value: &str, anchor: bool) {
        let Some(link) = link::from_attribute(value).or_else(|| self.relative(value)) else {
            return;
        };
        if anchor && self.anchor.is_none() {
            self.shown.decide();
            self.shown.text.settle();
            self.anchor = Some(OpenAnchor {
                target: link.clone(),
                text_from: self.shown.text.len(),
                image: false,
            });
        }
        if self.links.len() < self.link_limit {
            self.links.push(link);
        }
    }
}

/// The first `url(…)` of a style: that of a background image, if it has one.
fn url_in(style: &[u8]) -> Option<String> {
    const START: &[u8] = b"url(";
    let at = style
        .windows(START.len())
        .position(|it| it.eq_ignore_ascii_case(START))?;
    let rest = &style[at + START.len()..];
    let end = memchr::memchr(b')', rest)?;
    let is_quote = |letter: char| matches!(letter, '"' | '\'');
    let target = as_utf_8(&rest[..end]);
    Some(target.trim().trim_matches(is_quote).trim().to_owned())
}
