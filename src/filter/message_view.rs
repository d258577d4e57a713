//! A message as rules see it: the texts of each place, and values that several facts use.
//!
//! In: a message's header and content; out: texts by place, parsed links, sender and recipients. What
//! several rules use is computed once; nothing is kept beyond the message.

use std::borrow::Cow;
use std::cell::OnceCell;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::filter::brands::{Brand, Brands};
use crate::filter::context::Context;
use crate::filter::findings::OwnChecks;
use crate::filter::lists::Lists;
use crate::filter::place::{FieldForm, FieldPlace, FileMark, Place, UriPiece, Which};
use crate::filter::received::Received;
use crate::message::content::TEXT_LIMIT;
use crate::message::file_type::FileType;
use crate::message::headers::Value;
use crate::message::homoglyphs::{Letters, SpelledOut};
use crate::message::url::{Link, ascii_host_of};
use crate::message::value::NamedAddress;
use crate::message::{Content, Headers, Work, charset, homoglyphs};

/// Limit of values of one place, such as those of a repeated header field.
const VALUE_LIMIT: usize = 200;

/// Limit of a raw header value or block; real blocks are below 64 KiB.
const RAW_HEADER_LIMIT: usize = 256 << 10;

/// Limit of recipients that are compared with other words of the message: each is compared with each.
const RECIPIENT_LIMIT: usize = 100;

/// Limit of visible text searched for homoglyphs: what is beyond it deceives nobody.
const DISGUISE_LIMIT: usize = 32 << 10;

/// Units of work for an octet of text that is searched for words spelled out.
const SPELLED_WORK: u64 = 3;

/// Units of work for a header field that is compared with a name, a value that is decoded, and an octet of one.
const FIELD_WORK: u64 = 1;
const VALUE_WORK: u64 = 100;
const DECODED_WORK: u64 = 6;

/// Units of work for a link, which is parsed and looked up in lists.
fn link_work(link: &str) -> u64 {
    4000 + 4 * link.len() as u64
}

/// A message with parsed header and decoded body.
#[derive(Debug)]
pub struct MessageView<'a> {
    /// The raw message.
    pub raw: &'a [u8],
    /// Its header.
    pub headers: &'a Headers<'a>,
    /// Its body.
    pub content: &'a Content,
    /// Lists by name.
    pub lists: &'a Lists,
    /// Brands.
    pub brands: &'a Brands,
    /// What is known beyond the message.
    pub context: &'a Context,
    /// The budget.
    pub work: &'a Work<'a>,
    /// The servers whose Authentication-Results count; `None` = the topmost field's.
    pub authserv_ids: Option<&'a [String]>,
    /// Which checks of the sender popgate makes itself: what anybody may have written of them proves nothing.
    pub own_checks: OwnChecks,
    links: OnceCell<Vec<Link<'a>>>,
    clicked: OnceCell<Vec<Link<'a>>>,
    /// The first link to each host, by index: of the clickable ones, and of those to web pages or images.
    clicked_hosts: OnceCell<Vec<usize>>,
    web_hosts: OnceCell<Vec<usize>>,
    from: OnceCell<Vec<&'a NamedAddress>>,
    reply_to: OnceCell<Vec<&'a NamedAddress>>,
    to: OnceCell<Vec<&'a NamedAddress>>,
    from_domain: OnceCell<Option<String>>,
    subject: OnceCell<Cow<'a, str>>,
    brands_in_name: OnceCell<Vec<&'a Brand>>,
    brands_in_subject: OnceCell<Vec<&'a Brand>>,
    shown_letters: OnceCell<[Letters; 2]>,
    disguised: OnceCell<Vec<String>>,
    spelled_out: OnceCell<(SpelledOut, Vec<String>)>,
    sender_checks: OnceCell<Option<String>>,
    /// By Received field.
    received: OnceCell<Vec<(Value<'a, 'a>, OnceCell<Received>)>>,
}

impl<'a> MessageView<'a> {
    /// A view of a message.
    pub fn new(
        raw: &'a [u8],
        headers: &'a Headers<'a>,
        content: &'a Content,
        lists: &'a Lists,
        brands: &'a Brands,
        context: &'a Context,
        work: &'a Work<'a>,
    ) -> Self {
        Self {
            raw,
            headers,
            content,
            lists,
            brands,
            context,
            work,
            authserv_ids: None,
            own_checks: OwnChecks::default(),
            links: OnceCell::new(),
            clicked: OnceCell::new(),
            clicked_hosts: OnceCell::new(),
            web_hosts: OnceCell::new(),
            from: OnceCell::new(),
            reply_to: OnceCell::new(),
            to: OnceCell::new(),
            from_domain: OnceCell::new(),
            subject: OnceCell::new(),
            brands_in_name: OnceCell::new(),
            brands_in_subject: OnceCell::new(),
            shown_letters: OnceCell::new(),
            disguised: OnceCell::new(),
            spelled_out: OnceCell::new(),
            sender_checks: OnceCell::new(),
            received: OnceCell::new(),
        }
    }

    /// Counts the Authentication-Results of these servers only.
    pub fn trusting_results_of(self, authserv_ids: Option<&'a [String]>) -> Self {
        Self {
            authserv_ids,
            ..self
        }
    }

    /// Makes these checks of the sender itself.
    pub fn making(self, own_checks: OwnChecks) -> Self {
        Self { own_checks, ..self }
    }

    /// What the hop that counts found about the sender; `read` finds it, once.
    pub(in crate::filter) fn sender_checks(
        &self,
        read: impl FnOnce(&Self) -> Option<String>,
    ) -> Option<&str> {
        self.sender_checks.get_or_init(|| read(self)).as_deref()
    }

    /// All links, parsed, without duplicates.
    pub fn links(&self) -> &[Link<'a>] {
        self.links.get_or_init(|| {
            let mut seen = HashSet::with_capacity(self.content.links.len());
            let links = self.content.links.iter().map(String::as_str);
            let links = links.filter(|link| seen.insert(*link));
            self.parsed(links).collect()
        })
    }

    /// Clickable links without duplicates: those of HTML parts, or of plain text where there is no
    /// HTML.
    pub fn clicked(&self) -> &[Link<'a>] {
        self.clicked.get_or_init(|| {
            let anchors = &self.content.anchors;
            if anchors.is_empty() {
                return self.web_links().cloned().collect();
            }
            let mut seen = HashSet::with_capacity(anchors.len());
            let targets = anchors.iter().map(|anchor| &*anchor.target);
            let links = targets.filter(|target| seen.insert(*target));
            // Nearly all of them were parsed among all links.
            let links = links.take_while(|link| self.work.spend(link_work(link)));
            let known = self.links.get().map_or(&[][..], Vec::as_slice);
            let mut by_text = HashMap::with_capacity(known.len());
            by_text.extend(known.iter().map(|link| (link.text, link)));
            let parsed = links.map(|text| match by_text.get(text) {
                Some(link) => Link::clone(link),
                None => Link::new(text),
            });
            parsed.filter(Link::is_web).collect()
        })
    }

    /// Links, parsed as far as the budget suffices.
    fn parsed<'l>(&self, links: impl Iterator<Item = &'l str>) -> impl Iterator<Item = Link<'l>> {
        let links = links.take_while(|link| self.work.spend(link_work(link)));
        links.map(Link::new)
    }

    /// Links to web pages or images.
    pub fn web_links(&self) -> impl Iterator<Item = &Link<'a>> {
        self.links().iter().filter(|link| link.is_web())
    }

    /// The hosts of clickable links, each once: newsletters have hundreds of links to one.
    pub fn clicked_hosts(&self) -> impl Iterator<Item = &str> + Clone {
        let links = self.clicked();
        let firsts = self.clicked_hosts.get_or_init(|| firsts(links, |_| true));
        firsts.iter().filter_map(|at| links[*at].host())
    }

    /// The hosts of links to web pages or images, each once.
    pub fn web_hosts(&self) -> impl Iterator<Item = &str> + Clone {
        let links = self.links();
        let firsts = self
            .web_hosts
            .get_or_init(|| firsts(links, |link| link.is_web()));
        firsts.iter().filter_map(|at| links[*at].host())
    }

    /// A Received field, counted from the topmost one.
    pub(in crate::filter) fn received(&self, number: usize) -> Option<&Received> {
        let all = self.received.get_or_init(|| {
            let fields = self.headers.values("received");
            fields.map(|field| (field, OnceCell::new())).collect()
        });
        let (field, read) = all.get(number)?;
        Some(read.get_or_init(|| Received::of_value(field)))
    }

    /// The addresses in From.
    pub fn from(&self) -> &[&'a NamedAddress] {
        let from = || self.headers.addresses("from").collect();
        self.from.get_or_init(from)
    }

    /// The addresses in Reply-To.
    pub fn reply_to(&self) -> &[&'a NamedAddress] {
        let reply_to = || self.headers.addresses("reply-to").collect();
        self.reply_to.get_or_init(reply_to)
    }

    /// The addresses in To and Cc.
    pub fn to(&self) -> &[&'a NamedAddress] {
        self.to.get_or_init(|| {
            let to = self.headers.addresses("to");
            to.chain(self.headers.addresses("cc")).collect()
        })
    }

    /// The first addresses in To and Cc, for comparisons with many other words.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        let addresses = self.to().iter().filter_map(|to| to.addr.as_deref());
        addresses.take(RECIPIENT_LIMIT)
    }

    /// The address in From, if it is valid.
    pub fn from_address(&self) -> Option<&str> {
        // A name with a comma in it looks like a mailbox without an address.
        let mut addresses = self.from().iter().filter_map(|from| from.addr.as_deref());
        addresses.find(|address| address.contains('@'))
    }

    /// The domain of that address.
    pub fn from_domain(&self) -> Option<&str> {
        let domain = || domain_of(self.from_address()?);
        self.from_domain.get_or_init(domain).as_deref()
    }

    /// The display name in From.
    pub fn from_name(&self) -> &str {
        let Some(first) = self.from().first() else {
            return "";
        };
        let is_name = |address: &&str| !address.contains('@');
        let alone = first.addr.as_deref().filter(is_name);
        first.name.as_deref().or(alone).unwrap_or_default()
    }

    /// The subject, decoded.
    pub fn subject(&self) -> &str {
        self.subject
            .get_or_init(|| as_read(self.headers.text("subject")))
    }

    /// The brands that the display name in From names.
    pub fn brands_in_name(&self) -> &[&'a Brand] {
        let brands = || self.brands.named_in(self.from_name(), true);
        self.brands_in_name.get_or_init(brands)
    }

    /// The brands that the subject names.
    pub fn brands_in_subject(&self) -> &[&'a Brand] {
        let brands = || self.brands.named_in(self.subject(), false);
        self.brands_in_subject.get_or_init(brands)
    }

    /// The visible text of all parts, as far as the budget suffices for a search in which an octet that is not
    /// ASCII costs so many units more.
    pub fn visible_letters(&self, more: u64) -> impl Iterator<Item = &'a str> {
        self.visible()
            .map(move |text| self.work.letters(text, more))
    }

    /// The visible text of all parts.
    pub fn visible(&self) -> impl Iterator<Item = &'a str> {
        self.content.texts.iter().map(|text| &*text.text.text)
    }

    /// What letters the subject and the display name in From have, each as it is written.
    pub fn shown_letters(&self) -> &[Letters; 2] {
        self.shown_letters.get_or_init(|| {
            let shown = [self.headers.text("subject"), self.from_name()];
            shown.map(|text| Letters::of(text).0)
        })
    }

    /// Words written with look-alike letters, as a reader would read them.
    pub fn disguised(&self) -> &[String] {
        self.disguised.get_or_init(|| {
            let mut words = Vec::new();
            let shown = [self.headers.text("subject"), self.from_name()];
            for (text, letters) in shown.into_iter().zip(self.shown_letters()) {
                words.extend_from_slice(&letters.words);
                words.extend(homoglyphs::ascii_words(text));
            }
            for text in &self.content.texts {
                words.extend(text.letters.words.iter().cloned());
            }
            let mut left = DISGUISE_LIMIT;
            for text in self.visible() {
                let text = crate::message::visible_text::cut(text, left);
                left -= text.len();
                words.extend(homoglyphs::ascii_words(self.work.beginning(text, 1)));
            }
            words
        })
    }

    /// How much of the subject and the text is spelled out letter by letter or with signs for letters, and other
    /// readings of these.
    pub fn spelled_out(&self) -> &(SpelledOut, Vec<String>) {
        self.spelled_out.get_or_init(|| {
            let mut most = SpelledOut::default();
            let mut readings = Vec::new();
            let mut left = DISGUISE_LIMIT;
            let mut texts = vec![self.subject()];
            for text in self.visible() {
                texts.push(text);
            }
            for text in texts {
                let text = crate::message::visible_text::cut(text, left);
                left -= text.len();
                let text = self.work.beginning(text, SPELLED_WORK);
                let found = SpelledOut::of(text);
                readings.extend(homoglyphs::other_readings(text, &found));
                if found.letters > most.letters && found.is_apart() {
                    most = found;
                }
            }
            (most, readings)
        })
    }

    fn other_readings(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let (_, readings) = self.spelled_out();
        readings.iter().map(|text| Cow::Borrowed(&**text))
    }

    /// The texts of a place.
    pub fn texts(&self, place: &Place) -> Vec<Cow<'_, str>> {
        fn all<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Cow<'t, str>> {
            texts.map(Cow::Borrowed).collect()
        }
        let content = self.content;
        let parts = content.parts.iter();
        match place {
            Place::Field(_) | Place::HeaderBlock => {
                let mut texts = Vec::new();
                header_texts(place, self.headers, self.work, &mut texts);
                texts
            }
            Place::Body => {
                let mut texts: Vec<Cow<'_, str>> = all(self.visible());
                texts.extend(self.other_readings());
                texts
            }
            Place::Paragraph => {
                let paragraphs = content.texts.iter().flat_map(|text| text.text.paragraphs());
                let mut texts = all(std::iter::once(self.subject()).chain(paragraphs));
                texts.extend(self.other_readings());
                texts
            }
            Place::RawBody => all(content.texts.iter().map(|text| &*text.source)),
            Place::Html => all(content.pages()),
            Place::Tag => all(content.tags.iter().map(String::as_str)),
            Place::Uri(piece) => all(self.links().iter().filter_map(|link| match piece {
                UriPiece::Whole => Some(link.text),
                UriPiece::Scheme => Some(link.scheme()).filter(|scheme| !scheme.is_empty()),
                UriPiece::Host => link.host(),
                UriPiece::Domain => link.domain(),
                UriPiece::Path => link.host().map(|_| link.path()),
                UriPiece::Query => link.query(),
            })),
            Place::Anchor => {
                let shown = content
                    .anchors
                    .iter()
                    .filter(|anchor| !anchor.text.is_empty());
                let texts = shown.map(|anchor| format!("{} -> {}", anchor.text, anchor.target));
                texts.map(Cow::Owned).collect()
            }
            Place::AnchorText => all(content.anchors.iter().map(|anchor| &*anchor.text)),
            Place::File(FileMark::Name) => all(parts.filter_map(|part| part.name.as_deref())),
            Place::File(FileMark::Extension) => {
                let names = parts.filter_map(|part| part.name.as_deref());
                let extensions = names.filter_map(extension);
                extensions.map(Cow::Owned).collect()
            }
            Place::File(FileMark::DeclaredType) => {
                let files = parts.filter(|part| part.attached || part.name.is_some());
                all(files.filter_map(|part| part.declared.as_deref()))
            }
            Place::File(FileMark::DetectedType) => {
                let files = parts.filter_map(|part| part.file.as_ref());
                all(files.filter_map(|file| file.file_type.map(FileType::name)))
            }
            Place::File(FileMark::Inside) => {
                let files = parts.filter_map(|part| part.file.as_ref()?.archive.as_ref());
                all(files.flat_map(|archive| archive.names.iter().map(String::as_str)))
            }
            Place::Mime => all(content.types()),
            Place::Disguised => all(self.disguised().iter().map(String::as_str)),
            Place::Raw => {
                let raw = &self.raw[..self.work.afford(self.raw.len().min(TEXT_LIMIT), 1)];
                vec![charset::as_utf_8(raw)]
            }
        }
    }
}

/// A decoded value as a person reads it: with plain words in place of those in look-alike letters.
fn as_read(text: &str) -> Cow<'_, str> {
    let plain = homoglyphs::plain(text);
    plain.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Fields that programs write for programs (RFC 5322 sections 3.6.4 and 3.6.7, RFC 6376, RFC 8601, RFC 8617): nobody reads
/// letters into their numbers and signs.
const MACHINE_FIELDS: [&str; 12] = [
    "arc-authentication-results",
    "arc-message-signature",
    "arc-seal",
    "authentication-results",
    "date",
    "dkim-signature",
    "in-reply-to",
    "message-id",
    "mime-version",
    "received",
    "received-spf",
    "references",
];

/// A decoded value as a person reads it, and if that differs, followed by what is written: some rules look for
/// styled letters.
fn read_and_written(text: &str) -> Cow<'_, str> {
    let plain = homoglyphs::plain(text);
    let read = plain.as_deref().unwrap_or(text);
    let mut readings = homoglyphs::other_readings(read, &SpelledOut::of(read));
    readings.extend(plain);
    match &*readings {
        [] => Cow::Borrowed(text),
        readings => Cow::Owned(format!("{} {text}", readings.join(" "))),
    }
}

/// The first of these links to each host, by index.
fn firsts(links: &[Link<'_>], counts: impl Fn(&Link<'_>) -> bool) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut firsts = Vec::new();
    let mut last = None;
    for (at, link) in links.iter().enumerate() {
        let Some(host) = link.host().filter(|_| counts(link)) else {
            continue;
        };
        // Most lead to the same as the one before.
        if last != Some(host) && seen.insert(host) {
            firsts.push(at);
        }
        last = Some(host);
    }
    firsts
}

/// The extension of a file name, lower case.
pub(crate) fn extension(name: &str) -> Option<String> {
    let (_, extension) = opened_name(name).rsplit_once('.')?;
    Some(extension.trim().to_lowercase())
}

/// A file name as systems open it: Windows drops dots and blanks at its end, and what shows nothing is there to
/// deceive.
pub(crate) fn opened_name(name: &str) -> &str {
    name.trim_end_matches(|letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '.' | '"' | '\'')
            || homoglyphs::shows_nothing(letter)
    })
}

/// The domain of an address, lower case.
pub(crate) fn domain_of(address: &str) -> Option<String> {
    domain_in(address).map(Cow::into_owned)
}

/// The same without a copy of what is in this form already.
pub(crate) fn domain_in(address: &str) -> Option<Cow<'_, str>> {
    let (_, domain) = address.rsplit_once('@')?;
    let domain = domain.trim_matches(|letter: char| letter == '>' || letter.is_whitespace());
    (!domain.is_empty()).then(|| ascii_host_of(domain))
}

/// Adds the texts of a place in the header.
pub(crate) fn header_texts<'h>(
    place: &Place,
    headers: &'h Headers<'_>,
    work: &Work<'_>,
    texts: &mut Vec<Cow<'h, str>>,
) {
    if !work.spend(FIELD_WORK * headers.fields().len() as u64) {
        return;
    }
    let Place::Field(field) = place else {
        let block = headers.block();
        let block = &block[..work.afford(block.len().min(RAW_HEADER_LIMIT), 1)];
        texts.push(charset::as_utf_8(block));
        return;
    };
    let values = headers
        .values(&field.name)
        .take_while(|value| work.spend(value_work(value.raw)));
    match field.which {
        Which::All => values
            .take(VALUE_LIMIT)
            .for_each(|value| read_value(field, value, texts)),
        Which::First => values
            .take(1)
            .for_each(|value| read_value(field, value, texts)),
        Which::Last => {
            if let Some(value) = values.last() {
                read_value(field, value, texts);
            }
        }
    }
}

fn value_work(value: &[u8]) -> u64 {
    let detection = match charset::is_utf_8(value) {
        true => 0,
        false => charset::VALUE_DETECTION_WORK,
    };
    VALUE_WORK + DECODED_WORK * value.len() as u64 + detection
}

fn read_value<'h>(field: &FieldPlace, value: Value<'h, 'h>, texts: &mut Vec<Cow<'h, str>>) {
    let addresses = || value.addresses().iter();
    match field.form {
        FieldForm::Raw => {
            let raw = &value.raw[..value.raw.len().min(RAW_HEADER_LIMIT)];
            texts.push(charset::as_utf_8(raw.trim_ascii()));
        }
        FieldForm::Address => {
            let addresses = addresses().filter_map(|one| one.addr.as_deref());
            texts.extend(addresses.map(Cow::Borrowed));
        }
        FieldForm::Name => {
            let names = addresses().filter_map(|one| one.name.as_deref());
            texts.extend(names.map(read_and_written));
        }
        FieldForm::Decoded if MACHINE_FIELDS.contains(&&*field.name) => {
            texts.push(Cow::Borrowed(value.text()));
        }
        FieldForm::Decoded => texts.push(read_and_written(value.text())),
    }
}
