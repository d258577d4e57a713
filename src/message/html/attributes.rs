//! The attributes of a start tag: links, forms, styles, sizes.

use super::{Attribute, OpenAnchor, Reader, TAG_LIMIT, spelled};
use crate::message::link;
use crate::message::style::{self, Paint, Style};
use crate::message::visible_text::cut;

impl Reader {
    pub(super) fn attribute_begins(&mut self, name: &[u8]) {
        let tag = spelled(&self.tag.name);
        self.attribute = match name {
            b"href" => Attribute::Link {
                anchor: matches!(tag, b"a" | b"area"),
            },
            b"src" | b"background" => Attribute::Link { anchor: false },
            b"action" | b"formaction" => Attribute::Action,
            b"style" => Attribute::Style,
            b"bgcolor" => Attribute::Ground,
            b"color" | b"text" => Attribute::TextColour,
            b"width" | b"height" => Attribute::Measure,
            b"size" if tag == b"font" => Attribute::FontSize,
            b"type" if tag == b"input" => Attribute::InputType,
            b"http-equiv" => Attribute::HttpEquiv,
            b"content" if tag == b"meta" => Attribute::Content,
            b"hidden" => {
                self.tag.hides = true;
                Attribute::Other
            }
            _ => Attribute::Other,
        };
        if self.tags_left > 0 && self.tag.kept.len() < TAG_LIMIT {
            self.tag.kept.push(' ');
            self.tag.kept.push_str(&String::from_utf8_lossy(name));
        }
    }

    pub(super) fn attribute_value(&mut self, value: &[u8]) {
        if self.tags_left > 0 && self.tag.kept.len() < TAG_LIMIT {
            let value = String::from_utf8_lossy(value);
            let room = TAG_LIMIT - self.tag.kept.len();
            self.tag.kept.push_str("=\"");
            self.tag.kept.push_str(cut(&value, room));
            self.tag.kept.push('"');
        }
        match self.attribute {
            Attribute::Link { anchor } => self.link(&String::from_utf8_lossy(value), anchor),
            Attribute::Action => {
                let value = String::from_utf8_lossy(value);
                if self.traits.forms.len() < self.link_limit {
                    self.traits.forms.push(cut(&value, TAG_LIMIT).to_owned());
                }
                self.link(&value, false);
            }
            Attribute::Style => {
                self.style(&style::read(value));
            }
            Attribute::TextColour => {
                let paint = Paint::read(value);
                self.traits.red |= paint.is_red();
                self.tag.text = self.tag.text.over(paint);
            }
            Attribute::Ground => {
                let paint = Paint::read(value);
                self.traits.loud_ground |= paint.is_loud();
                self.tag.ground = self.tag.ground.over(paint);
            }
            Attribute::FontSize => {
                let sign = value.trim_ascii().trim_ascii_start();
                let digit = sign.strip_prefix(b"+").unwrap_or(sign);
                self.traits.large |= matches!(digit, [b'5'..=b'9', ..]);
                self.tag.nothing = Some(matches!(digit, [b'0'] | [b'-', _, _, ..]));
            }
            Attribute::Measure => {
                self.tag.spacer |= matches!(value.trim_ascii(), b"0" | b"1" | b"1px" | b"0px");
            }
            Attribute::InputType => {
                self.traits.passwords += usize::from(value.eq_ignore_ascii_case(b"password"));
            }
            Attribute::HttpEquiv => {
                self.tag.refreshes = value.trim_ascii().eq_ignore_ascii_case(b"refresh");
            }
            Attribute::Content if self.tag.refreshes => {
                let value = String::from_utf8_lossy(value);
                if let Some((_, target)) = value.split_once('=') {
                    self.traits.refresh = Some(cut(target.trim(), TAG_LIMIT).to_owned());
                }
            }
            Attribute::Content | Attribute::Other => {}
        }
    }

    fn style(&mut self, style: &Style) {
        self.tag.hides |= style.hides;
        self.tag.nothing = style.nothing.or(self.tag.nothing);
        self.tag.shrinks |= style.shrinks;
        self.traits.pushed_down |= style.pushes;
        self.traits.red |= style.text.is_red();
        self.traits.loud_ground |= style.ground.is_loud();
        self.tag.text = style.text.over(self.tag.text);
        self.tag.ground = style.ground.over(self.tag.ground);
    }

    fn link(&mut self, value: &str, anchor: bool) {
        let Some(link) = link::from_attribute(value) else {
            return;
        };
        if anchor && self.anchor.is_none() {
            self.anchor = Some(OpenAnchor {
                target: link.clone(),
                text_from: self.text.len(),
                image: false,
            });
        }
        if self.links.len() < self.link_limit {
            self.links.push(link);
        }
    }
}
