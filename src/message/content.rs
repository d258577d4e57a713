//! The content of a message: the texts, links and files that body rules look at.
//!
//! In: a message, possibly truncated, and which kinds of content are wanted; out: its parts, the visible text of each
//! text part, links, and files. It computes only what is wanted, never refuses a message, and holds at most
//! [`TEXT_LIMIT`] of each kind.

mod collect;

use crate::message::attached_file::File;
use crate::message::decode::Encoding;
use crate::message::homoglyphs::Letters;
use crate::message::html::Anchor;
use crate::message::mime::{Kind, Part, TextForm};
use crate::message::page_traits::PageTraits;
use crate::message::visible_text::VisibleText;

/// Limit on decoded text per message and kind: charsets expand a message of the default hold limit (512 KiB) at most
/// threefold, and nobody reads beyond the first megabyte.
pub const TEXT_LIMIT: usize = 1 << 20;

/// Limit on links per message: newsletters have up to 200.
pub const LINK_LIMIT: usize = 500;

/// What to extract from a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Visible text, links and their texts.
    pub text: bool,
    /// The decoded source of text parts.
    pub source: bool,
    /// Start tags of HTML.
    pub tags: bool,
    /// The declarations of parts.
    pub parts: bool,
    /// The types of files, which have to be decoded for this.
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
    /// Each link in a QR code of a picture; it is one of the links, too.
    pub qr_links: Vec<String>,
}

/// What a part declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// Its media type as declared, lower case.
    pub declared: Option<String>,
    /// How clients treat it.
    pub kind: Kind,
    /// How its text is prepared for display.
    pub form: TextForm,
    /// The declared charset.
    pub charset: Option<String>,
    /// Its file name, decoded.
    pub name: Option<String>,
    /// Whether that name contains characters that reverse the writing direction or are invisible.
    pub name_turned: bool,
    /// Whether its disposition is `attachment`.
    pub attached: bool,
    /// Whether two fields declare different types or encodings.
    pub contradicts: bool,
    /// How its body is encoded.
    pub encoding: Encoding,
    /// The index of the part that contains it.
    pub parent: Option<usize>,
    /// The length of its encoded body.
    pub bytes: usize,
    /// The inspected content, if it is a file and was wanted.
    pub file: Option<Box<File>>,
}

/// A text part as displayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextPart {
    /// The index of the part it comes from.
    pub part: usize,
    /// The visible text.
    pub text: VisibleText,
    /// The disguised words; the visible text has them as a person reads them.
    pub letters: Letters,
    /// The decoded source, if wanted.
    pub source: String,
    /// The traits of the HTML, if it is HTML.
    pub traits: Option<Box<PageTraits>>,
}

impl PartInfo {
    /// Without the content of a file.
    fn of(part: Part<'_>) -> Self {
        Self {
            declared: part.declared,
            kind: part.kind,
            form: part.form,
            charset: part.charset,
            name: part.name,
            name_turned: part.name_turned,
            attached: part.attached,
            contradicts: part.contradicts,
            encoding: part.encoding,
            parent: part.parent,
            bytes: part.body.len(),
            file: None,
        }
    }
}

impl Content {
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
        self.texts.iter().filter_map(|text| text.traits.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::work::Work;

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
        let all = Content::of(raw, ALL, &Work::new(1 << 30));
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
        let parts = Content::of(raw, ALL, &Work::new(1 << 30)).parts;
        let parents: Vec<_> = parts.iter().map(|part| part.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(1), Some(0)]);
        assert!(parts[4].attached && !parts[3].attached);
    }

    #[test]
    fn text_is_read_in_the_form_in_which_clients_show_it() {
        let table = [
            (
                "text/plain; format=flowed; delsp=yes\n\nVia \ngra  \nnow",
                "Viagra now",
                1,
            ),
            (
                "text/calendar\n\nSUMMARY:Via\n gra\\, n\n ow\nX-ALT-DESC:<p>in v<b>ia</b>gra</p>",
                "Viagra, now in viagra",
                2,
            ),
            ("text/vcard\n\nNOTE:Via\n gra", "NOTE:Viagra", 1),
            (
                "text/html\n\n<meta charset=iso-2022-jp><p>Via\x1b(Bgra</p>",
                "Viagra",
                0,
            ),
            (
                "text/html; charset=x\n\n<meta charset=hz><p>~{Dc~}</p>",
                "你",
                0,
            ),
            ("text/html\n\n<p>V\0iagra</p>", "Viagra", 0),
        ];
        for (raw, expected, split) in table {
            let raw = format!("Content-Type: {raw}");
            let text = &Content::of(raw.as_bytes(), ALL, &Work::new(1 << 30)).texts[0].text;
            assert_eq!((&*text.text, text.split_words), (expected, split), "{raw}");
        }
    }

    /// Inline parts are decoded before attached ones, and appear in message order.
    #[test]
    fn a_small_budget_is_spent_on_inline_text() {
        let attached = "<a href=http://a.example/>x</a>".repeat(200);
        let raw = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\
             Content-Disposition: attachment\n\n{attached}\n--b\n\nshown http://b.example/\n--b--\n"
        );
        let whole = Content::of(raw.as_bytes(), ALL, &Work::new(1 << 30));
        let numbers: Vec<_> = whole.texts.iter().map(|text| text.part).collect();
        assert_eq!((numbers, whole.links.len()), (vec![1, 2], 201));
        assert_eq!(whole.links[200], "http://b.example/");
        let work = Work::new(40_000);
        work.begin(crate::message::Stage::Text);
        let little = Content::of(raw.as_bytes(), ALL, &work);
        assert_eq!(work.partial(), Some(crate::message::Partial::Files));
        let texts: Vec<_> = little.texts.iter().map(|text| text.part).collect();
        assert_eq!(texts, [1, 2]);
        assert_eq!(little.texts[1].text.text, "shown http://b.example/");
        assert!(little.texts[0].text.text.len() < whole.texts[0].text.text.len());
    }

    #[test]
    fn text_is_limited() {
        let raw = format!("\r\n{}", "a".repeat(3 * TEXT_LIMIT));
        let texts = Content::of(raw.as_bytes(), ALL, &Work::new(1 << 30)).texts;
        let length = |text: &TextPart| text.text.text.len();
        assert_eq!(texts.iter().map(length).sum::<usize>(), TEXT_LIMIT);
    }
}
