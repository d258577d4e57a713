//! Collects features from header fields, words, links and parts, without duplicates in a group.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use memchr::memchr;

use super::letters::{beginning, lowered, runs};
use crate::filter::classifier::features::{FeatureGroup, Features};
use crate::filter::classifier::hash::{Hash, Word};
use crate::filter::classifier::header_names::is_evidence;
use crate::filter::message_view::MessageView;
use crate::message::url::Link;

/// Limits of what is looked at.
const WORDS_BYTES: usize = 12_000;
const GAPS: usize = 2;
const FIELDS: usize = 100;
const FIELD_BYTES: usize = 400;
const FIELD_GRAMS: usize = 250;
const NAME_BYTES: usize = 40;
const FIELD_WORDS: usize = 60;
const PATH_WORDS: usize = 12;
const PARTS: usize = 50;
/// Real hosts have up to ten labels.
const LABELS: usize = 32;

/// Few messages have more features.
const USUAL: usize = 8 << 10;

/// Where in the text a feature of [`FeatureGroup::Words`] was found.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::filter::classifier) struct Found {
    /// Index of its word.
    at: u32,
    /// Distance to the second word; 0 if there is none.
    gap: u32,
}

impl Found {
    /// The indexes of its word, and of the second one of a pair.
    pub(super) fn words(self) -> (usize, Option<usize>) {
        let second = self.at + self.gap;
        let second = (self.gap > 0).then_some(second as usize);
        (self.at as usize, second)
    }
}

/// The word and the bit of a feature.
#[inline]
fn bit(index: u32) -> (usize, u64) {
    let low = index as usize % (1 << SEEN);
    (low / 64, 1 << (low % 64))
}

thread_local! {
    /// The bits of a gatherer between two messages: none is set.
    static SEEN_BITS: Cell<Vec<u64>> = Cell::default();
}

/// Collects features group by group, without duplicates.
pub(super) struct Gatherer {
    pub(super) features: Features,
    pub(super) group: FeatureGroup,
    /// A bit for each feature of the group, by the lowest bits of its index.
    seen: Vec<u64>,
}

/// Number of bits, as a power of two: few enough for the L1 cache. Of 1,500 features of a group
/// one in 170 is lost because its bits equal another's; always the same ones.
const SEEN: u32 = 17;

/// Words of these bits.
const SEEN_WORDS: usize = 1 << (SEEN - 6);

impl Gatherer {
    pub(super) fn new() -> Self {
        let mut seen = SEEN_BITS.take();
        seen.resize(SEEN_WORDS, 0);
        Self {
            features: Features {
                indexes: Vec::with_capacity(USUAL),
                ..Features::default()
            },
            group: FeatureGroup::Raw,
            seen,
        }
    }

    /// The features, once all groups have ended.
    pub(super) fn finish(self) -> Features {
        SEEN_BITS.set(self.seen);
        self.features
    }

    /// Adds a feature; returns whether it is new in its group.
    pub(super) fn add(&mut self, hash: Hash) -> bool {
        let index = hash.index();
        let (word, bit) = bit(index);
        let word = &mut self.seen[word];
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.features.indexes.push(index);
        true
    }

    /// Ends a group.
    pub(super) fn end(&mut self) {
        let number = self.group as usize;
        self.features.ends[number] = self.features.indexes.len();
        let group = self.features.group(self.group);
        // Clearing all is vectorized: it takes as long as clearing so many.
        if group.len() > self.seen.len() / 8 {
            self.seen.fill(0);
        } else {
            for index in group {
                self.seen[bit(*index).0] = 0;
            }
        }
    }

    pub(super) fn grams(&mut self, salt: Hash, text: &[u8]) {
        let Some((begin, rest)) = text.split_first_chunk::<3>() else {
            return;
        };
        let begin = begin.iter();
        let mut gram = begin.fold(0, |gram, octet| gram >> 8 | u32::from(*octet) << 24);
        let grams = rest.iter().map(|octet| {
            gram = gram >> 8 | u32::from(*octet) << 24;
            gram
        });
        let indexes = salt.indexes_with();
        self.add_all(grams.map(|gram| indexes.of(gram)), rest.len());
    }

    /// Runs of letters, in lower case.
    pub(super) fn letters(&mut self, salt: Hash, text: &str) {
        match text.is_ascii() {
            true => self.grams(salt, &text.as_bytes().to_ascii_lowercase()),
            false => {
                let text = lowered(text);
                let indexes = runs(&text).map(|run| salt.with_number(run).index());
                self.add_all(indexes, text.len());
            }
        }
    }

    /// As [`Self::add`] for each of at most so many indexes, without a branch: whether one is new cannot be predicted.
    fn add_all(&mut self, all: impl Iterator<Item = u32>, most: usize) {
        let indexes = &mut self.features.indexes;
        let start = indexes.len();
        indexes.resize(start + most, 0);
        let new = &mut indexes[start..];
        let Some(seen) = self.seen.first_chunk_mut::<SEEN_WORDS>() else {
            return;
        };
        let mut length = 0;
        for index in all {
            let (word, bit) = bit(index);
            let word = &mut seen[word];
            new[length] = index;
            length += usize::from(*word & bit == 0);
            *word |= bit;
        }
        indexes.truncate(start + length);
    }

    /// Words and pairs of words; returns where each feature was found.
    pub(super) fn words(&mut self, own: Hash, text: &str, words: &[Range<usize>]) -> Vec<Found> {
        let most = (GAPS + 1) * words.len();
        let mut found = vec![Found::default(); most];
        let words = words
            .iter()
            .map(|at| Word::within(text.as_bytes(), at.clone()));
        let words: Vec<Word<'_>> = words.collect();
        let start = self.features.indexes.len();
        self.features.indexes.resize(start + most, 0);
        let indexes = &mut self.features.indexes[start..];
        let mut count = 0;
        // Without a branch, as in `add_all`.
        let mut add = |hash: Hash, at: usize, gap: usize| {
            let index = hash.index();
            let (word, bit) = bit(index);
            let word = &mut self.seen[word];
            indexes[count] = index;
            found[count] = Found {
                at: at as u32,
                gap: gap as u32,
            };
            count += usize::from(*word & bit == 0);
            *word |= bit;
        };
        for (at, word) in words.iter().enumerate() {
            let first = own.with_word(*word);
            add(first, at, 0);
            for (gap, other) in (1..).zip(words[at + 1..].iter().take(GAPS)) {
                add(first.with_number(gap as u64).with_word(*other), at, gap);
            }
        }
        self.features.indexes.truncate(start + count);
        found.truncate(count);
        found
    }

    pub(super) fn trace(&mut self, group: Hash, fields: &[Field<'_>]) {
        let mut before = Hash::salted(0);
        for field in fields {
            let name = field.name(group);
            if field.kind == FieldKind::Trace {
                self.add(name.with(field.as_written));
                self.add(name.with(b"~").with(&shape(&field.value)));
            }
            if field.kind != FieldKind::Plain {
                self.tokens(name, &field.value);
            }
            self.add(name.with(b">").with_number(before.whole()));
            before = name;
        }
    }

    pub(super) fn header(&mut self, group: Hash, fields: &[Field<'_>]) {
        let mut before = Hash::salted(0);
        for field in fields.iter().filter(|field| field.kind != FieldKind::Trace) {
            let name = field.name(group);
            self.add(name.with(field.as_written));
            self.add(name.with(b"~").with(&shape(&field.value)));
            self.add(name.with(b">").with_number(before.whole()));
            before = name;
            if field.kind == FieldKind::Plain {
                self.tokens(name, &field.value);
            }
        }
    }

    pub(super) fn fields(&mut self, group: Hash, fields: &[Field<'_>]) {
        for field in fields {
            let begin = &field.value[..field.value.len().min(FIELD_GRAMS)];
            self.grams(field.name(group), begin);
        }
    }

    fn tokens(&mut self, own: Hash, value: &[u8]) {
        let parts = value.split(|byte| !TOKEN[usize::from(*byte)]);
        for part in parts.filter(|part| !part.is_empty()).take(FIELD_WORDS) {
            self.add(own.with(part));
        }
    }

    pub(super) fn parts(&mut self, own: Hash, mail: &MessageView<'_>) {
        for part in mail.content.parts.iter().take(PARTS) {
            let declared = part.declared.as_deref().unwrap_or_default();
            let charset = part.charset.as_deref().unwrap_or_default();
            let coded = own.with_number(part.encoding as u64);
            self.add(coded.with(declared.as_bytes()));
            self.add(own.with(b"charset").with(charset.as_bytes()));
            if let Some(name) = &part.name {
                self.add(own.with(b"name").with(name.as_bytes()));
                let ending = name.rsplit('.').next().unwrap_or_default();
                self.add(own.with(b"ending").with(ending.as_bytes()));
                self.add(own.with(b"shape").with(&shape(name.as_bytes())));
            }
        }
        let count = mail.content.parts.len().min(6);
        self.add(own.with(b"count").with_number(count as u64));
    }
}

/// The part of a header field that is looked at.
pub(super) struct Field<'m> {
    kind: FieldKind,
    as_written: &'m [u8],
    value: Cow<'m, [u8]>,
}

impl Field<'_> {
    /// The hash of its name in a group, ignoring case.
    fn name(&self, group: Hash) -> Hash {
        let mut lower = [0; NAME_BYTES];
        let name = &self.as_written[..self.as_written.len().min(NAME_BYTES)];
        let lower = &mut lower[..name.len()];
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        group.with(lower)
    }
}

pub(super) fn fields<'m>(mail: &'m MessageView<'_>) -> impl Iterator<Item = Field<'m>> {
    let all = mail.headers.fields().iter();
    let evidence = all.filter(|field| is_evidence(mail.headers.name(field)));
    evidence.take(FIELDS).map(|field| {
        let as_written = mail.headers.name(field);
        let value = mail.headers.value(field);
        let value = &value[..value.len().min(FIELD_BYTES)];
        Field {
            kind: FieldKind::of(as_written),
            as_written,
            value: without_returns(value),
        }
    })
}

/// Line ends in one form: copies of a message differ in them.
fn without_returns(text: &[u8]) -> Cow<'_, [u8]> {
    match memchr(b'\r', text) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let mut kept = Vec::with_capacity(text.len());
            add_without_returns(&mut kept, text, usize::MAX);
            Cow::Owned(kept)
        }
    }
}

/// Adds text up to this length.
fn add_without_returns(kept: &mut Vec<u8>, text: &[u8], most: usize) {
    let mut at = 0;
    while at < text.len() && kept.len() < most {
        let end = memchr(b'\r', &text[at..]).map_or(text.len(), |length| at + length);
        let room = most - kept.len();
        kept.extend_from_slice(&text[at..end.min(at.saturating_add(room))]);
        at = end + 1;
    }
}

/// The beginning of what the sender and the servers wrote, without line ends' carriage returns, and without blank
/// lines at its end.
pub(super) fn written(mail: &MessageView<'_>, bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes);
    let mut add = |more: &[u8]| {
        add_without_returns(&mut text, more, bytes);
        text.len() < bytes
    };
    let mut at = 0;
    for field in mail.headers.fields() {
        if is_evidence(mail.headers.name(field)) {
            continue;
        }
        if !add(&mail.raw[at..field.whole.start]) {
            return text;
        }
        at = field.whole.end;
    }
    add(&mail.raw[at..]);
    text.truncate(text.trim_ascii_end().len());
    text
}

/// The part of subject and text that is looked at.
pub(super) fn visible(mail: &MessageView<'_>) -> String {
    let mut text = mail.subject().to_owned();
    for part in &mail.content.texts {
        if text.len() >= WORDS_BYTES {
            break;
        }
        text.push(' ');
        text.push_str(beginning(&part.text.text, WORDS_BYTES));
    }
    // Copies of a message differ in line ends.
    if memchr(b'\r', text.as_bytes()).is_some() {
        text.retain(|letter| letter != '\r');
    }
    text
}

/// The features of a link, with their text for people.
pub(in crate::filter::classifier) fn link_features<'l>(
    link: &'l Link<'_>,
    own: Hash,
    add: &mut dyn FnMut(Hash, &'l str),
) {
    if let Some(host) = link.host() {
        let mut name = host;
        for _ in 0..LABELS {
            add(own.with(b"host").with(name.as_bytes()), name);
            match name.split_once('.') {
                Some((_, above)) => name = above,
                None => break,
            }
        }
        add(own.with(b"shape").with(&shape(host.as_bytes())), host);
    }
    add(
        own.with(b"scheme").with(link.scheme().as_bytes()),
        link.scheme(),
    );
    let words = link
        .path()
        .split(|letter: char| !letter.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()).take(PATH_WORDS) {
        add(own.with(b"path").with(word.as_bytes()), word);
    }
}

/// The sequence of letters, digits and punctuation: `Aa 0-0` for `Ann 23-4`.
fn shape(value: &[u8]) -> Vec<u8> {
    let mut shape: Vec<u8> = Vec::with_capacity(32);
    for byte in value.trim_ascii().iter().take(80) {
        let class = match byte {
            b'A'..=b'Z' => b'A',
            b'a'..=b'z' => b'a',
            b'0'..=b'9' => b'0',
            other => *other,
        };
        if shape.last() != Some(&class) {
            shape.push(class);
        }
    }
    shape
}

/// Which bytes belong to a token.
const TOKEN: [bool; 256] = {
    let mut is_token = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        is_token[byte] = letter.is_ascii_alphanumeric()
            || matches!(letter, b'-' | b'_' | b'$')
            || letter >= 0x80;
        byte += 1;
    }
    is_token
};

/// Which features of a field are useful for mail of other people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    /// All.
    Plain,
    /// Its presence and shape.
    Shape,
    /// Only its route: relays, recipients, dates, lists, private fields.
    Trace,
}

impl FieldKind {
    fn of(name: &[u8]) -> Self {
        const PLAIN: &[&[u8]] = &[
            b"subject",
            b"mime-version",
            b"content-transfer-encoding",
            b"content-disposition",
            b"importance",
            b"priority",
            b"user-agent",
            b"content-language",
        ];
        const SHAPE: &[&[u8]] = &[
            b"from",
            b"reply-to",
            b"message-id",
            b"content-type",
            b"in-reply-to",
            b"references",
        ];
        let is_in = |names: &[&[u8]]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is_in(PLAIN) {
            Self::Plain
        } else if is_in(SHAPE) {
            Self::Shape
        } else {
            Self::Trace
        }
    }
}
