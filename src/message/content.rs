//! The content of a message: the texts, links and files that body rules look at.
//!
//! In: a message, possibly truncated, and which of these are wanted; out: its parts, the
//! visible text of each text part, links, and files. It computes only what is wanted, never
//! refuses a message, and holds no more than [`TEXT_LIMIT`] of each kind.

use crate::message::archive::{self, Archive};
use crate::message::decode::Encoding;
use crate::message::document::{self, Pdf};
use crate::message::file_type::{self, FileType};
use crate::message::html::{self, Anchor};
use crate::message::mime::{self, Kind, Part};
use crate::message::page_traits::PageTraits;
use crate::message::visible_text::{VisibleText, VisibleTextBuilder, cut};
use crate::message::{decode, link};

/// Limit of decoded text per message and kind: charsets expand a message of the default hold limit
/// (512 KiB) at most threefold, and nobody reads beyond the first megabyte.
pub const TEXT_LIMIT: usize = 1 << 20;

/// Limit of links per message: newsletters have up to 200.
pub const LINK_LIMIT: usize = 500;

/// Encoded bytes of a file that are decoded to detect its type.
const HEAD_LIMIT: usize = 6 << 10;

/// Encoded bytes of a file whose content is inspected.
const FILE_LIMIT: usize = 1 << 20;

/// What to extract from a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Visible text, links and their texts.
    pub text: bool,
    /// The decoded source of text parts.
    pub source: bool,
    /// Start tags.
    pub tags: bool,
    /// The declarations of parts.
    pub parts: bool,
    /// The types of files: this decodes them.
    pub files: bool,
}

impl Wanted {
    /// Whether any part is needed.
    pub fn anything(&self) -> bool {
        *self != Self::default()
    }
}

/// The content. Kinds that were not wanted may be missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Every part, the message itself first.
    pub parts: Vec<PartInfo>,
    /// Each text part.
    pub texts: Vec<TextPart>,
    /// Each link.
    pub links: Vec<String>,
    /// Each clickable link of HTML parts.
    pub anchors: Vec<Anchor>,
    /// Start tags of all HTML parts.
    pub tags: Vec<String>,
}

/// What a part declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// Its media type as declared, lower case.
    pub declared: Option<String>,
    /// How it is treated.
    pub kind: Kind,
    /// The declared charset.
    pub charset: Option<String>,
    /// Its file name, decoded.
    pub name: Option<String>,
    /// Whether that name contains characters that reverse the writing direction or are invisible.
    pub name_turned: bool,
    /// Whether its disposition is `attachment`.
    pub attached: bool,
    /// How its body is encoded.
    pub encoding: Encoding,
    /// The index of the parent part.
    pub parent: Option<usize>,
    /// The length of its encoded body.
    pub bytes: usize,
    /// The inspected content, if it is a file and was wanted.
    pub file: Option<File>,
}

/// What the bytes of a file reveal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// What it is.
    pub file_type: Option<FileType>,
    /// The files in it.
    pub archive: Option<Archive>,
    /// Its content as a PDF.
    pub pdf: Option<Pdf>,
    /// Whether it contains macros.
    pub macros: bool,
}

impl File {
    fn of(part: &Part<'_>) -> Self {
        let head = decode::bytes(part.encoding, &part.body[..part.body.len().min(HEAD_LIMIT)]);
        let file_type = file_type::of(&head);
        let mut file = Self {
            file_type,
            ..Self::default()
        };
        if !matches!(
            file_type,
            Some(FileType::Zip | FileType::Pdf | FileType::Ole)
        ) {
            return file;
        }
        let data = decode::bytes(part.encoding, &part.body[..part.body.len().min(FILE_LIMIT)]);
        if file_type == Some(FileType::Pdf) {
            file.pdf = document::pdf(&data);
            return file;
        }
        file.archive = archive::zip(&data);
        let names = file
            .archive
            .as_ref()
            .map_or(&[][..], |archive| &archive.names);
        file.macros = document::macros(&data, names);
        file
    }
}

/// A text part as displayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextPart {
    /// The index of its part.
    pub part: usize,
    /// The visible text.
    pub text: VisibleText,
    /// The decoded source, if wanted.
    pub source: String,
    /// The traits of the HTML, if it is HTML.
    pub traits: Option<PageTraits>,
}

impl Content {
    /// Decodes a message.
    pub fn of(raw: &[u8], wanted: Wanted) -> Self {
        let mut content = Self::default();
        let mut room = TEXT_LIMIT;
        mime::walk(raw, &mut |part| {
            let number = content.parts.len();
            let is_file = part.attached || part.name.is_some() || part.kind == Kind::Data;
            let is_leaf = !matches!(part.kind, Kind::Multipart | Kind::Message);
            let file = (wanted.files && is_file && is_leaf).then(|| File::of(part));
            let pdf = file.as_ref().and_then(|file| file.pdf.as_ref());
            let room_for_links = LINK_LIMIT.saturating_sub(content.links.len());
            let links = pdf.into_iter().flat_map(|pdf| &pdf.links);
            content.links.extend(links.take(room_for_links).cloned());
            content.parts.push(PartInfo {
                file,
                declared: part.declared.clone(),
                kind: part.kind,
                charset: part.charset.clone(),
                name: part.name.clone(),
                name_turned: part.name_turned,
                attached: part.attached,
                encoding: part.encoding,
                parent: part.parent,
                bytes: part.body.len(),
            });
            let is_text = matches!(part.kind, Kind::Plain | Kind::Html);
            if (wanted.text || wanted.source || wanted.tags) && is_text && room > 0 {
                let before = room;
                room = before.saturating_sub(content.add_text(part, number, wanted, before));
            }
        });
        content
    }

    // Returns how much of the limit for text it used.
    fn add_text(&mut self, part: &Part<'_>, number: usize, wanted: Wanted, room: usize) -> usize {
        // No charset is smaller than a quarter of its text, no encoding larger than threefold.
        let body = &part.body[..part.body.len().min(3 * room)];
        let bytes = decode::bytes(part.encoding, body);
        let bytes = &bytes[..bytes.len().min(room)];
        let decoded = decode::text(part.charset.as_deref(), bytes);
        let text = cut(&decoded, room);
        let taken = text.len();
        let links_left = LINK_LIMIT.saturating_sub(self.links.len());
        let mut shown = TextPart {
            part: number,
            ..TextPart::default()
        };
        if part.kind == Kind::Html {
            let limits = html::PageLimits {
                text: room,
                links: links_left,
                tags: wanted.tags,
            };
            let page = html::read(text, limits);
            shown.text = page.text;
            shown.traits = Some(page.traits);
            self.links.extend(page.links);
            self.anchors.extend(page.anchors);
            self.tags.extend(page.tags);
        } else {
            self.links.extend(link::in_text(text, links_left));
            let mut visible = VisibleTextBuilder::of_lines(room);
            visible.push(text);
            shown.text = visible.finish_text();
        }
        if wanted.source {
            shown.source = if taken == decoded.len() {
                decoded.into_owned()
            } else {
                text.to_owned()
            };
        }
        self.texts.push(shown);
        taken
    }

    /// The media type of each part that declares one.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.parts
            .iter()
            .filter_map(|part| part.declared.as_deref())
    }

    /// The source of each page.
    pub fn pages(&self) -> impl Iterator<Item = &str> {
        let pages = self.texts.iter().filter(|text| text.traits.is_some());
        pages.map(|text| &*text.source)
    }

    /// The traits of each HTML part.
    pub fn page_traits(&self) -> impl Iterator<Item = &PageTraits> {
        self.texts.iter().filter_map(|text| text.traits.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted {
        text: true,
        source: true,
        tags: true,
        parts: true,
        files: true,
    };

    #[test]
    fn all_content_of_a_message_is_collected() {
        let raw = b"Content-Type: text/html; name=a.html\n\n<a href=http://a>b</a>";
        let all = Content::of(raw, ALL);
        assert_eq!(all.texts[0].text.text, "b");
        assert_eq!(all.pages().collect::<Vec<_>>(), ["<a href=http://a>b</a>"]);
        assert_eq!(all.links, ["http://a"]);
        assert_eq!(
            (&*all.anchors[0].text, &*all.anchors[0].target),
            ("b", "http://a")
        );
        assert_eq!(all.parts[0].name.as_deref(), Some("a.html"));
        assert_eq!(all.types().collect::<Vec<_>>(), ["text/html"]);
        assert_eq!(all.tags, ["<a href=\"http://a\">"]);
    }

    #[test]
    fn parts_know_their_parents() {
        let raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\
            Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b\n\ny\n--b--\n--a\n\
            Content-Disposition: attachment\n\nz\n--a--\n";
        let parts = Content::of(raw, ALL).parts;
        let parents: Vec<_> = parts.iter().map(|part| part.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(1), Some(0)]);
        assert!(parts[4].attached && !parts[3].attached);
    }

    #[test]
    fn text_is_limited() {
        let raw = format!("\r\n{}", "a".repeat(3 * TEXT_LIMIT));
        let texts = Content::of(raw.as_bytes(), ALL).texts;
        let length = |text: &TextPart| text.text.text.len();
        assert_eq!(texts.iter().map(length).sum::<usize>(), TEXT_LIMIT);
    }
}
