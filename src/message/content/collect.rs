//! Collects the content of a message part by part, in the order in which a person sees it.
//!
//! In: a message; out: its [`Content`], each kind in the order of the parts. Inline parts are decoded during the MIME
//! walk. Attached texts and files wait until the walk has ended, and files of costly types wait for the others: they
//! get what is left of the budget of work.

use std::borrow::Cow;
use std::ops::Range;

use super::{Content, LINK_LIMIT, PartInfo, TEXT_LIMIT, TextPart, Wanted};
use crate::message::attached_file::File;
use crate::message::decode::Encoding;
use crate::message::file_type::FileType;
use crate::message::homoglyphs::{self, Letters};
use crate::message::html::{self, Anchor};
use crate::message::mime::{self, Kind, Part, TextForm};
use crate::message::visible_text::{VisibleTextBuilder, cut};
use crate::message::work::{Stage, Work};
use crate::message::{calendar, decode, flowed, link, qr_code, quoted};

/// Limit on the octets of web pages that are read in all archives of a message, and what is read of each page beyond it: many
/// archives may be reports, and their order says nothing of them.
const ARCHIVED_LIMIT: usize = 512 << 10;
const ARCHIVED_BEGINNING: usize = 16 << 10;

/// Units of work per octet of plain text, per octet that is not ASCII, and per octet of a link in it.
const TEXT_WORK: u64 = 2;
const LETTERS_WORK: u64 = 6;
const LINK_WORK: u64 = 4;

/// Units of work per octet to unfold or join text as clients do before they show it.
const FORM_WORK: u64 = 4;

/// Additional units of work per octet that is not ASCII, where look-alike letters are searched for.
const LOOK_ALIKE_WORK: u64 = 25;

impl Content {
    /// Decodes a message, inline parts first, then attached texts and files, as far as the budget of work suffices.
    pub fn of(raw: &[u8], wanted: Wanted, work: &Work<'_>) -> Self {
        Collector::new(raw, wanted, work).collect()
    }
}

/// Collects a message's content.
struct Collector<'m, 's> {
    raw: &'m [u8],
    wanted: Wanted,
    work: &'m Work<'s>,
    content: Content,
    /// With the indices of their parts.
    links: Vec<(usize, String)>,
    anchors: Vec<(usize, Anchor)>,
    tags: Vec<(usize, String)>,
    /// What is left of the text limit, and of that of pages in archives.
    room: usize,
    room_archived: usize,
    waiting: Vec<Waiting>,
}

/// A part that is decoded once the message has been walked.
struct Waiting {
    number: usize,
    is_file: bool,
    is_text: bool,
    body: Body,
}

/// Where the encoded body of a part is.
enum Body {
    /// In the message.
    There(Range<usize>),
    /// In a nested message that was itself encoded.
    Decoded(Vec<u8>),
}

impl Body {
    fn of(raw: &[u8], body: &[u8]) -> Self {
        let start = body.as_ptr().addr().wrapping_sub(raw.as_ptr().addr());
        match start.checked_add(body.len()) {
            Some(end) if end <= raw.len() => Self::There(start..end),
            _ => Self::Decoded(body.to_vec()),
        }
    }

    fn octets<'b>(&'b self, raw: &'b [u8]) -> &'b [u8] {
        match self {
            Self::There(range) => &raw[range.clone()],
            Self::Decoded(octets) => octets,
        }
    }
}

/// What decoding a text requires to know of its part.
struct TextSource<'p> {
    number: usize,
    kind: Kind,
    form: TextForm,
    charset: Option<&'p str>,
    encoding: Encoding,
    body: &'p [u8],
}

impl<'m, 's> Collector<'m, 's> {
    fn new(raw: &'m [u8], wanted: Wanted, work: &'m Work<'s>) -> Self {
        Self {
            raw,
            wanted,
            work,
            content: Content::default(),
            links: Vec::new(),
            anchors: Vec::new(),
            tags: Vec::new(),
            room: TEXT_LIMIT,
            room_archived: ARCHIVED_LIMIT,
            waiting: Vec::new(),
        }
    }

    fn collect(mut self) -> Content {
        let work = self.work;
        mime::walk(self.raw, work, &mut |part| self.part(part));
        let waiting = std::mem::take(&mut self.waiting);
        let has_waited = !waiting.is_empty();
        if has_waited {
            work.begin(Stage::Files);
            self.waited(&waiting);
        }
        let mut content = self.content;
        if has_waited {
            content.texts.sort_by_key(|text| text.part);
            self.links.sort_by_key(|(number, _)| *number);
            self.anchors.sort_by_key(|(number, _)| *number);
            self.tags.sort_by_key(|(number, _)| *number);
        }
        content.links = self.links.into_iter().map(|(_, link)| link).collect();
        content.anchors = self.anchors.into_iter().map(|(_, anchor)| anchor).collect();
        content.tags = self.tags.into_iter().map(|(_, tag)| tag).collect();
        content
    }

    /// Takes a part during the MIME walk.
    fn part(&mut self, part: Part<'_>) {
        let number = self.content.parts.len();
        let wanted = self.wanted;
        let has_file = part.attached || part.name.is_some() || part.kind == Kind::Data;
        let is_leaf = !matches!(part.kind, Kind::Multipart | Kind::Message);
        let is_file = wanted.files && has_file && is_leaf;
        let is_text = (wanted.text || wanted.source || wanted.tags)
            && matches!(part.kind, Kind::Plain | Kind::Html);
        let is_shown = is_text && !part.attached;
        if is_shown {
            self.text(&TextSource {
                number,
                kind: part.kind,
                form: part.form,
                charset: part.charset.as_deref(),
                encoding: part.encoding,
                body: part.body,
            });
        }
        if is_file || is_text && !is_shown {
            self.waiting.push(Waiting {
                number,
                is_file,
                is_text: is_text && !is_shown,
                body: Body::of(self.raw, part.body),
            });
        }
        self.content.parts.push(PartInfo::of(part));
    }

    /// Decodes the waiting parts: the types of all files, then texts, archives, and last PDFs, which cost most.
    fn waited(&mut self, waiting: &[Waiting]) {
        for one in waiting.iter().filter(|one| one.is_file) {
            let part = &mut self.content.parts[one.number];
            let body = one.body.octets(self.raw);
            part.file = Some(Box::new(File::of(part.encoding, body, self.work)));
        }
        for one in waiting.iter().filter(|one| one.is_text) {
            let part = &self.content.parts[one.number];
            let charset = part.charset.clone();
            let source = TextSource {
                number: one.number,
                kind: part.kind,
                form: part.form,
                charset: charset.as_deref(),
                encoding: part.encoding,
                body: one.body.octets(self.raw),
            };
            self.text(&source);
        }
        for is_pdf in [false, true] {
            for one in waiting {
                self.look_into(one, is_pdf);
            }
        }
        self.pictures(waiting);
    }

    /// Reads QR codes. Who hides a link in one sends one or two small pictures: photos and newsletters have more or
    /// larger ones.
    fn pictures(&mut self, waiting: &[Waiting]) {
        let parts = &self.content.parts;
        let pictures = waiting.iter().filter_map(|one| {
            let part = &parts[one.number];
            let kind = part.file.as_ref()?.file_type?;
            qr_code::is_picture(kind).then_some((one, part.encoding, kind))
        });
        let pictures: Vec<_> = pictures.collect();
        if pictures.len() > qr_code::PICTURES {
            return;
        }
        for (one, encoding, kind) in pictures {
            let links = qr_code::links(kind, encoding, one.body.octets(self.raw), self.work);
            links
                .into_iter()
                .for_each(|link| self.qr_link(one.number, link));
        }
    }

    /// Takes the link of a QR code. Where there are others to click, this is one more.
    fn qr_link(&mut self, number: usize, target: String) {
        if self.links.len() >= LINK_LIMIT {
            return;
        }
        if !self.anchors.is_empty() {
            let anchor = Anchor {
                text: String::new(),
                target: target.clone(),
                image: true,
            };
            self.anchors.push((number, anchor));
        }
        self.links.push((number, target.clone()));
        self.content.qr_links.push(target);
    }

    /// Inspects a file if it is a PDF, or if it is of another type that can be inspected.
    fn look_into(&mut self, one: &Waiting, is_pdf: bool) {
        let part = &mut self.content.parts[one.number];
        let Some(file) = &mut part.file else {
            return;
        };
        let is_wanted = match is_pdf {
            true => file.file_type == Some(FileType::Pdf),
            false => file.may_hold_files(part.name.as_deref()),
        };
        if !is_wanted {
            return;
        }
        file.look_into(part.encoding, one.body.octets(self.raw), self.work);
        let links = file.pdf.iter().flat_map(|pdf| &pdf.links);
        let room = LINK_LIMIT.saturating_sub(self.links.len());
        let links = links.take(room).map(|link| (one.number, link.clone()));
        self.links.extend(links);
        let codes = file.pdf.as_ref().map(|pdf| pdf.qr_links.clone());
        let archive = file.archive.as_mut();
        let pages = archive.map(|archive| std::mem::take(&mut archive.pages));
        for link in codes.unwrap_or_default() {
            self.qr_link(one.number, link);
        }
        for page in pages.unwrap_or_default() {
            self.archived_page(one.number, &page);
        }
    }

    /// Reads a web page in an archive: it would open in a browser.
    fn archived_page(&mut self, number: usize, page: &[u8]) {
        let wanted = self.wanted;
        if !(wanted.text || wanted.source || wanted.tags) {
            return;
        }
        let room = self.room_archived.max(ARCHIVED_BEGINNING);
        let body = &page[..page.len().min(room)];
        self.room_archived = self.room_archived.saturating_sub(body.len());
        if !body.is_empty() {
            self.text(&TextSource {
                number,
                kind: Kind::Html,
                form: TextForm::AsIs,
                charset: None,
                encoding: Encoding::Identity,
                body,
            });
        }
    }

    /// Decodes a text part.
    fn text(&mut self, part: &TextSource<'_>) {
        let (work, room) = (self.work, self.room);
        if room == 0 {
            work.leave_out(1);
            return;
        }
        // A charset takes at least a quarter of the octets of its text, and a transfer encoding at most three times
        // what it encodes.
        let body = &part.body[..part.body.len().min(3 * room)];
        let body = &body[..work.afford(body.len(), decode::WORK)];
        let bytes = decode::bytes(part.encoding, body);
        let bytes = &bytes[..bytes.len().min(room)];
        let charset = match part.kind {
            Kind::Html => decode::page_charset(part.charset, bytes),
            _ => part.charset,
        };
        let decoded = decode::text(charset, bytes, work);
        let text = cut(&decoded, room);
        let taken = text.len();
        self.room -= taken;
        let mut shown = TextPart {
            part: part.number,
            ..TextPart::default()
        };
        if part.kind == Kind::Html {
            self.page(text, &mut shown);
        } else {
            self.formed(part.form, text, &mut shown);
        }
        self.read_letters(&mut shown);
        if self.wanted.source {
            shown.source = match decoded {
                Cow::Owned(all) if taken == all.len() => all,
                decoded => cut(&decoded, room).to_owned(),
            };
        }
        self.content.texts.push(shown);
    }

    /// Replaces words in look-alike letters with plain ones.
    fn read_letters(&self, shown: &mut TextPart) {
        let text = self.work.letters(&shown.text.text, LOOK_ALIKE_WORK);
        let (letters, edits) = Letters::of(text);
        shown.letters = letters;
        if !edits.is_empty() {
            shown.text.edit(&edits);
        }
    }

    fn page(&mut self, text: &str, shown: &mut TextPart) {
        let limits = html::PageLimits {
            text: self.room + text.len(),
            links: LINK_LIMIT.saturating_sub(self.links.len()),
            tags: self.wanted.tags,
        };
        let page = html::read(text, limits, self.work);
        let number = shown.part;
        let mut anchors = page.anchors;
        for anchor in anchors.iter_mut().filter(|anchor| !anchor.text.is_ascii()) {
            if let Some(plain) = homoglyphs::plain(&anchor.text) {
                anchor.text = plain;
            }
        }
        shown.text = page.text;
        shown.traits = Some(Box::new(page.traits));
        self.links
            .extend(page.links.into_iter().map(|link| (number, link)));
        self.anchors
            .extend(anchors.into_iter().map(|anchor| (number, anchor)));
        self.tags
            .extend(page.tags.into_iter().map(|tag| (number, tag)));
    }

    /// Plain text after the unfolding or joining that clients do.
    fn formed(&mut self, form: TextForm, text: &str, shown: &mut TextPart) {
        let own = quoted::own(text);
        let text = own.as_deref().unwrap_or(text);
        if form == TextForm::AsIs {
            return self.plain(text, shown);
        }
        let text = self.work.beginning(text, FORM_WORK);
        let (formed, split_words) = match form {
            TextForm::AsIs => (text.to_owned(), 0),
            TextForm::Flowed => flowed::joined(text, false),
            TextForm::DelSp => flowed::joined(text, true),
            TextForm::Card => calendar::unfolded(text),
            TextForm::Calendar => {
                let calendar = calendar::shown(text);
                let mut text = calendar.text;
                if !calendar.page.is_empty() {
                    let limits = html::PageLimits {
                        text: calendar.page.len(),
                        links: 0,
                        tags: false,
                    };
                    let page = html::read(&calendar.page, limits, self.work);
                    text.push_str(&page.text.text);
                }
                (text, calendar.split_words)
            }
        };
        self.plain(&formed, shown);
        shown.text.split_words += split_words;
    }

    fn plain(&mut self, text: &str, shown: &mut TextPart) {
        let text = self
            .work
            .letters(self.work.beginning(text, TEXT_WORK), LETTERS_WORK);
        let left = LINK_LIMIT.saturating_sub(self.links.len());
        let links = link::in_text(text, left);
        // One link may be the tail of another, so that together they may be longer than the text.
        let octets: usize = links.iter().map(String::len).sum();
        self.work.spend(LINK_WORK * octets as u64);
        self.links
            .extend(links.into_iter().map(|link| (shown.part, link)));
        let mut visible = VisibleTextBuilder::of_lines(text.len());
        visible.push(text);
        shown.text = visible.finish_text();
    }
}
