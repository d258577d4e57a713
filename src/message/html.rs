//! HTML to the text a reader sees and the links a click would follow.
//!
//! In: the source of a page; out: its visible text on one line, its links, and for each link what
//! it shows. One pass over the tokens of the HTML standard, no tree, no styles sheets: it never
//! fails, and its work is linear in the source.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use crate::message::element::{hides, implied_end, is_inline, is_void};
use crate::message::fold::{Folded, cut};
use crate::message::link;

/// Open elements remembered; what is nested deeper counts to the deepest remembered one.
const OPEN_LIMIT: usize = 100;

/// Of a link's visible text this much is kept, in bytes.
const ANCHOR_TEXT_LIMIT: usize = 200;

/// What a page shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Visible text on one line.
    pub text: String,
    /// Targets of links, images, forms.
    pub links: Vec<String>,
    /// `visible text -> target` of each link that shows text.
    pub anchors: Vec<String>,
}

/// Reads a page; at most `text_limit` bytes of text and `link_limit` links of each kind.
pub fn read(source: &str, text_limit: usize, link_limit: usize) -> Page {
    let mut reader = Reader {
        text: Folded::new(text_limit),
        link_limit,
        links: Vec::new(),
        anchors: Vec::new(),
        open: Vec::new(),
        hidden: 0,
        tag: Tag::default(),
        attribute: Attribute::Other,
        anchor: None,
    };
    let on_event = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        reader.event(&event);
        None
    };
    let mut emitter = CallbackEmitter::new(on_event);
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(source, emitter).finish();
    reader.end_anchor();
    Page {
        text: reader.text.finish(),
        links: reader.links,
        anchors: reader.anchors,
    }
}

struct Reader {
    text: Folded,
    link_limit: usize,
    links: Vec<String>,
    anchors: Vec<String>,
    open: Vec<Open>,
    /// How many of the open elements hide their content.
    hidden: usize,
    tag: Tag,
    attribute: Attribute,
    anchor: Option<Anchor>,
}

struct Open {
    name: Name,
    hides: bool,
}

/// The tag that is being read.
#[derive(Default)]
struct Tag {
    name: Name,
    hides: bool,
}

struct Anchor {
    target: String,
    text_from: usize,
}

#[derive(Clone, Copy)]
enum Attribute {
    Link { anchor: bool },
    Style,
    Other,
}

/// The beginning of an element's name; enough to tell all real ones apart.
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
            CallbackEvent::String { value } if self.hidden == 0 => {
                self.text.push(&String::from_utf8_lossy(value));
            }
            _ => {}
        }
    }

    fn tag_begins(&mut self, name: &[u8]) {
        self.tag = Tag {
            name: name_of(name),
            hides: matches!(
                name,
                b"script" | b"style" | b"title" | b"template" | b"noframes"
            ),
        };
        if name == b"a" {
            self.end_anchor();
        }
        if !is_inline(name) {
            self.text.space();
        }
    }

    fn attribute_begins(&mut self, name: &[u8]) {
        self.attribute = match name {
            b"href" => Attribute::Link {
                anchor: spelled(&self.tag.name) == b"a",
            },
            b"src" | b"action" | b"formaction" | b"background" => Attribute::Link { anchor: false },
            b"style" => Attribute::Style,
            b"hidden" => {
                self.tag.hides = true;
                Attribute::Other
            }
            _ => Attribute::Other,
        };
    }

    fn attribute_value(&mut self, value: &[u8]) {
        match self.attribute {
            Attribute::Link { anchor } => {
                let value = String::from_utf8_lossy(value);
                let Some(link) = link::from_attribute(&value) else {
                    return;
                };
                if anchor && self.anchor.is_none() {
                    self.anchor = Some(Anchor {
                        target: link.clone(),
                        text_from: self.text.len(),
                    });
                }
                if self.links.len() < self.link_limit {
                    self.links.push(link);
                }
            }
            Attribute::Style => self.tag.hides |= hides(value),
            Attribute::Other => {}
        }
    }

    fn tag_ends(&mut self, self_closing: bool) {
        let name = spelled(&self.tag.name);
        let foreign = self_closing && matches!(name, b"path" | b"use" | b"rect" | b"circle");
        if is_void(name) || foreign {
            return;
        }
        self.end_implied();
        if self.open.len() < OPEN_LIMIT {
            self.open.push(Open {
                name: self.tag.name,
                hides: self.tag.hides,
            });
            self.hidden += usize::from(self.tag.hides);
        }
    }

    /// Ends the element that cannot hold the one that begins: a hidden one without an end tag would
    /// else hide all that follows, which is in plain sight in a mail client.
    fn end_implied(&mut self) {
        let Some((ends, barriers)) = implied_end(spelled(&self.tag.name)) else {
            return;
        };
        let open = self.open.iter().enumerate().rev();
        let names = open.map(|(at, open)| (at, spelled(&open.name)));
        let mut names = names.take_while(|(_, name)| !barriers.contains(name));
        if let Some((at, _)) = names.find(|(_, name)| ends.contains(name)) {
            self.close_from(at);
        }
    }

    fn element_ends(&mut self, name: Name) {
        if spelled(&name) == b"a" {
            self.end_anchor();
        }
        if !is_inline(spelled(&name)) {
            self.text.space();
        }
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else {
            return;
        };
        self.close_from(at);
    }

    fn close_from(&mut self, at: usize) {
        let closed = self.open.drain(at..);
        self.hidden -= closed.filter(|open| open.hides).count();
    }

    fn end_anchor(&mut self) {
        let Some(anchor) = self.anchor.take() else {
            return;
        };
        let text = self.text.since(anchor.text_from);
        if !text.is_empty() && self.anchors.len() < self.link_limit {
            let text = cut(text, ANCHOR_TEXT_LIMIT);
            self.anchors.push(format!("{text} -> {}", anchor.target));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str) -> String {
        read(source, 1000, 10).text
    }

    #[test]
    fn words_are_parted_by_blocks_and_not_by_letters_in_bold() {
        assert_eq!(
            text("<p>v<b>ia</b>gra<!-- x -->s<br>now</p><td>a<td>b"),
            "viagras now a b"
        );
        assert_eq!(text("a &amp; b&nbsp;&#67;"), "a & b C");
    }

    #[test]
    fn the_invisible_is_left_out() {
        let cases = [
            "<style>x</style><script>x</script><title>x</title>seen",
            "<head><meta><p>seen</head>",
            "<p style='display:none'><b>x<div>seen</div>",
            "<table><td hidden><i>x<td>seen</table>",
            "<table><tr hidden><td>x<table><tr><td>x</table>x<tr><td>seen</table>",
            "<div style=\"DISPLAY : none\"><div>x</div>x</div>seen",
            "<span style='color:red;font-size:0px'>x</span>seen",
            "<span style='font-size:0.8em'>seen</span><i hidden>x</i>",
            "<p style='visibility:hidden'>x<p>seen",
            "<div><span style='display:none'>x</div>seen",
            "<img style='display:none'>seen",
        ];
        for case in cases {
            assert_eq!(text(case), "seen", "{case}");
        }
    }

    #[test]
    fn links_come_with_what_they_show() {
        let page = read(
            "<a class=x href='http&#58;//a.example/?x=1&amp;y=2'>My <b>bank</b></a>\
             <img src=//b.example/i.png><a href='#x'>no</a><form action=https://c.example>\
             <a href='mailto:d@e'><img alt=x></a>",
            1000,
            10,
        );
        let links = [
            "http://a.example/?x=1&y=2",
            "//b.example/i.png",
            "https://c.example",
            "mailto:d@e",
        ];
        assert_eq!(page.links, links);
        assert_eq!(page.anchors, ["My bank -> http://a.example/?x=1&y=2"]);
    }

    #[test]
    fn deep_and_wide_pages_are_bounded() {
        let deep = format!(
            "{}seen{}",
            "<div>".repeat(100_000),
            "</div>".repeat(100_000)
        );
        assert_eq!(text(&deep), "seen");
        let wide = "<a href=http://a>b</a>".repeat(1000);
        assert_eq!(read(&wide, 1000, 10).links.len(), 10);
    }
}
