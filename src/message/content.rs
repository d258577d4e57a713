//! What a message shows: the texts, links and names that body rules look at.
//!
//! In: a message, perhaps cut off anywhere, and which of these are wanted; out: each as a list of
//! texts. It builds nothing that is not wanted, never refuses a message, and holds no more than
//! [`TEXT_LIMIT`] of each kind.

use crate::message::fold::{Folded, cut};
use crate::message::mime::{self, Kind, Part};
use crate::message::{decode, html, link};

/// Decoded text judged per message and kind: charsets grow a message of the default hold limit
/// (512 KiB) at most threefold, and what follows the first megabyte is seen by nobody.
pub const TEXT_LIMIT: usize = 1 << 20;

/// Links judged per message: newsletters have up to two hundred.
pub const LINK_LIMIT: usize = 500;

/// What is wanted of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Visible text.
    pub body: bool,
    /// Sources of pages.
    pub html: bool,
    /// Links.
    pub links: bool,
    /// What links show.
    pub anchors: bool,
    /// File names.
    pub attachments: bool,
    /// Media types.
    pub types: bool,
}

impl Wanted {
    /// Whether any part is to be looked at.
    pub fn anything(&self) -> bool {
        *self != Self::default()
    }

    fn text(&self) -> bool {
        self.body || self.html || self.links || self.anchors
    }
}

/// What was found. Kinds that were not wanted may be there or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The visible text of each text part, on one line.
    pub body: Vec<String>,
    /// The source of each page.
    pub html: Vec<String>,
    /// Each link.
    pub links: Vec<String>,
    /// `visible text -> target` of each link of a page.
    pub anchors: Vec<String>,
    /// The file name of each part that has one.
    pub attachments: Vec<String>,
    /// The declared media type of each part.
    pub types: Vec<String>,
}

impl Content {
    /// Decodes a message.
    pub fn of(raw: &[u8], wanted: Wanted) -> Self {
        let mut content = Self::default();
        let mut room = TEXT_LIMIT;
        mime::walk(raw, &mut |part| {
            if wanted.types {
                content.types.extend(part.declared.clone());
            }
            if wanted.attachments {
                content.attachments.extend(part.name.clone());
            }
            if wanted.text() && matches!(part.kind, Kind::Plain | Kind::Html) && room > 0 {
                let before = room;
                room = before.saturating_sub(content.add_text(part, wanted, before));
            }
        });
        content
    }

    // Returns how much of the room for text it took.
    fn add_text(&mut self, part: &Part<'_>, wanted: Wanted, room: usize) -> usize {
        // No charset has fewer bytes than a quarter of its text's, no encoding more than threefold.
        let body = &part.body[..part.body.len().min(3 * room)];
        let bytes = decode::bytes(part.encoding, body);
        let bytes = &bytes[..bytes.len().min(room)];
        let text = decode::text(part.charset.as_deref(), bytes);
        let text = cut(&text, room);
        let links_left = LINK_LIMIT.saturating_sub(self.links.len());
        if part.kind == Kind::Html {
            if wanted.html {
                self.html.push(text.to_owned());
            }
            if wanted.body || wanted.links || wanted.anchors {
                let page = html::read(text, room, links_left);
                self.body.push(page.text);
                self.links.extend(page.links);
                self.anchors.extend(page.anchors);
            }
        } else {
            if wanted.links {
                self.links.extend(link::in_text(text, links_left));
            }
            if wanted.body {
                let mut folded = Folded::new(room);
                folded.push(text);
                self.body.push(folded.finish());
            }
        }
        text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted {
        body: true,
        html: true,
        links: true,
        anchors: true,
        attachments: true,
        types: true,
    };

    #[test]
    fn nothing_is_built_that_nobody_wants() {
        let raw = b"Content-Type: text/html; name=a.html\n\n<a href=http://a>b</a>";
        assert_eq!(Content::of(raw, Wanted::default()), Content::default());
        let all = Content::of(raw, ALL);
        assert_eq!(all.body, ["b"]);
        assert_eq!(all.html, ["<a href=http://a>b</a>"]);
        assert_eq!(all.links, ["http://a"]);
        assert_eq!(all.anchors, ["b -> http://a"]);
        assert_eq!(all.attachments, ["a.html"]);
        assert_eq!(all.types, ["text/html"]);
    }

    #[test]
    fn text_is_bounded() {
        let raw = format!("\r\n{}", "a".repeat(3 * TEXT_LIMIT));
        let body = Content::of(raw.as_bytes(), ALL).body;
        assert_eq!(body.iter().map(String::len).sum::<usize>(), TEXT_LIMIT);
    }
}
