//! The tokens of HTML, with the feedback that a tree builder gives the tokenizer.
//!
//! In: a source; out: its tokens, to a sink, which says where raw text begins and whether it is in foreign content,
//! where `<style>` is an ordinary element and CDATA sections are text (HTML standard 13.2.5.42, 13.2.6.5). Tags, texts
//! and comments as programs write them are read here, without a copy; anything odd is left to a tokenizer that knows
//! every state of the standard ([`states`]).

mod references;
mod sink;
mod states;

use std::borrow::Cow;
use std::ops::Range;

use html5gum::State;
use memchr::{memchr, memchr_iter, memmem};

use crate::message::blocks;
use references::decoded;
use sink::Raw;
pub(super) use sink::{Event, Sink};

/// Tokenizes a source.
pub(super) fn read<S: Sink>(source: &str, sink: &mut S) {
    let source = with_line_feeds(source);
    let mut tokens = Tokens {
        source: &source,
        at: 0,
        raw: None,
        names: Vec::new(),
        scratch: String::new(),
        attributes: Vec::with_capacity(16),
        odd: 0,
    };
    while tokens.at < source.len() {
        let has_read = match &tokens.raw {
            None => tokens.data(sink),
            Some(_) => tokens.raw_text(sink),
        };
        let goes_on = match has_read {
            Ok(()) => true,
            Err(Stop::Ended) => false,
            Err(Stop::Odd) => tokens.odd(sink),
        };
        if !goes_on {
            return;
        }
    }
}

/// A source with line ends in one form (HTML standard 13.2.3.5).
pub(super) fn with_line_feeds(source: &str) -> Cow<'_, str> {
    let octets = source.as_bytes();
    if memchr(b'\r', octets).is_none() {
        return Cow::Borrowed(source);
    }
    let mut normal = String::with_capacity(source.len());
    let mut from = 0;
    while let Some(at) = blocks::find::<16>(octets, from, 0, |window, at| window[at] == b'\r') {
        normal.push_str(&source[from..at]);
        from = at + 1;
        // That of CRLF is copied with what follows it.
        if octets.get(from) != Some(&b'\n') {
            normal.push('\n');
        }
    }
    normal.push_str(&source[from..]);
    Cow::Owned(normal)
}

/// Why a token was not read here.
enum Stop {
    /// It is odd.
    Odd,
    /// The sink wants no more.
    Ended,
}

struct Tokens<'s> {
    source: &'s str,
    at: usize,
    raw: Option<Raw>,
    /// Names that are not in lower case in the source, in lower case.
    names: Vec<u8>,
    /// Texts whose character references are decoded.
    scratch: String,
    attributes: Vec<(Piece, Piece)>,
    /// How often something odd was met.
    odd: usize,
}

/// A piece of the source, or of what is not in it as it is.
#[derive(Clone)]
enum Piece {
    Source(Range<usize>),
    Scratch(Range<usize>),
}

impl Piece {
    #[inline]
    fn text<'t>(&self, source: &'t str, scratch: &'t str) -> &'t str {
        match self {
            Self::Source(range) => &source[range.clone()],
            Self::Scratch(range) => &scratch[range.clone()],
        }
    }

    #[inline]
    fn name<'t>(&self, source: &'t str, names: &'t [u8]) -> &'t [u8] {
        match self {
            Self::Source(range) => &source.as_bytes()[range.clone()],
            Self::Scratch(range) => &names[range.clone()],
        }
    }
}

/// Kinds of octets in the names of tags and attributes: which end both, which end that of an attribute only, and which
/// are not in a name as it is.
const ENDS: u8 = 1;
const ENDS_ATTRIBUTE: u8 = 2;
const UPPER: u8 = 4;
const NUL: u8 = 8;

/// By octet: its kind; 0 for most.
static IN_NAME: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        kinds[octet] = match octet as u8 {
            0 => NUL,
            b'=' => ENDS_ATTRIBUTE,
            b'/' | b'>' => ENDS,
            b'A'..=b'Z' => UPPER,
            octet if is_blank(octet) => ENDS,
            _ => 0,
        };
        octet += 1;
    }
    kinds
};

#[inline]
const fn is_blank(octet: u8) -> bool {
    matches!(octet, b'\t' | b'\n' | 0x0c | b' ')
}

/// Passes a token to a sink. Inlined, so that what takes this kind of token is called at once.
#[inline(always)]
fn give<S: Sink>(sink: &mut S, event: Event<'_>) -> Result<(), Stop> {
    match sink.take(event) {
        true => Ok(()),
        false => Err(Stop::Ended),
    }
}

impl Tokens<'_> {
    /// Reads a text and the tag or comment after it.
    fn data<S: Sink>(&mut self, sink: &mut S) -> Result<(), Stop> {
        let octets = self.source.as_bytes();
        self.names.clear();
        self.scratch.clear();
        let mut open = blocks::find::<16>(octets, self.at, 0, |window, at| {
            (window[at] == b'<') | (window[at] == b'&')
        });
        let mut is_plain = true;
        if let Some(at) = open.filter(|at| octets[*at] == b'&') {
            is_plain = false;
            open = memchr(b'<', &octets[at..]).map(|length| at + length);
        }
        let end = open.unwrap_or(octets.len());
        let text = match is_plain {
            true => Piece::Source(self.at..end),
            false => self.decoded(self.at..end, false)?,
        };
        let Some(open) = open else {
            self.at = end;
            return self.give_text(&text, sink);
        };
        match octets.get(open + 1) {
            Some(letter) if letter.is_ascii_alphabetic() => self.start_tag(&text, open + 1, sink),
            Some(b'/') => self.end_tag(&text, open + 2, sink),
            Some(b'!') => self.comment(&text, open + 2, sink),
            _ => Err(Stop::Odd),
        }
    }

    fn give_text<S: Sink>(&self, text: &Piece, sink: &mut S) -> Result<(), Stop> {
        match text.text(self.source, &self.scratch) {
            "" => Ok(()),
            text => give(sink, Event::Text(text)),
        }
    }

    /// A text or the value of an attribute, with its character references decoded.
    fn decoded(&mut self, range: Range<usize>, is_attribute: bool) -> Result<Piece, Stop> {
        let start = self.scratch.len();
        decoded(&self.source[range], is_attribute, &mut self.scratch).ok_or(Stop::Odd)?;
        Ok(Piece::Scratch(start..self.scratch.len()))
    }

    /// The name of a tag or an attribute, in lower case, and where it ends: at the first octet of these kinds.
    #[inline(always)]
    fn name(&mut self, begin: usize, ends: u8) -> Result<(Piece, usize), Stop> {
        let octets = self.source.as_bytes();
        // Most names are of lower-case letters only.
        let is_other = |window: &[u8; 16], at: usize| window[at].wrapping_sub(b'a') >= 26;
        let mut end = blocks::find(octets, begin, 0, is_other).unwrap_or(octets.len());
        while let Some(octet) = octets.get(end) {
            match IN_NAME[usize::from(*octet)] {
                0 => end += 1,
                kind if kind & ends != 0 => return Ok((Piece::Source(begin..end), end)),
                _ => break,
            }
        }
        self.any_name(begin, ends)
    }

    /// The same of any name.
    fn any_name(&mut self, begin: usize, ends: u8) -> Result<(Piece, usize), Stop> {
        let rest = &self.source.as_bytes()[begin..];
        let mut kinds = 0;
        let length = rest.iter().position(|octet| {
            let kind = IN_NAME[usize::from(*octet)];
            kinds |= kind;
            kind & ends != 0
        });
        let end = begin + length.unwrap_or(rest.len());
        if kinds & NUL != 0 {
            return Err(Stop::Odd);
        }
        if kinds & UPPER == 0 {
            return Ok((Piece::Source(begin..end), end));
        }
        let start = self.names.len();
        let lower = rest[..end - begin].iter().map(u8::to_ascii_lowercase);
        self.names.extend(lower);
        Ok((Piece::Scratch(start..self.names.len()), end))
    }

    fn start_tag<S: Sink>(&mut self, text: &Piece, begin: usize, sink: &mut S) -> Result<(), Stop> {
        let octets = self.source.as_bytes();
        let (name, mut at) = self.name(begin, ENDS)?;
        self.attributes.clear();
        let self_closing = loop {
            match octets.get(at) {
                Some(b'>') => break false,
                Some(b'/') if octets.get(at + 1) == Some(&b'>') => {
                    at += 1;
                    break true;
                }
                Some(b'/') => at += 1,
                Some(octet) if is_blank(*octet) => at += 1,
                Some(b'=') | None => return Err(Stop::Odd),
                Some(_) => at = self.attribute(at)?,
            }
        };
        self.at = at + 1;
        self.give_text(text, sink)?;
        let (source, names, scratch) = (self.source, &self.names, &self.scratch);
        let name = name.name(source, names);
        give(sink, Event::OpenStartTag(name))?;
        for (name, value) in &self.attributes {
            give(sink, Event::AttributeName(name.name(source, names)))?;
            match value.text(source, scratch) {
                "" => {}
                value => give(sink, Event::AttributeValue(value))?,
            }
        }
        give(sink, Event::CloseStartTag(self_closing))?;
        self.raw = sink.raw_text().map(|state| Raw {
            state,
            name: name.to_vec(),
        });
        Ok(())
    }

    /// Reads an attribute; returns where it ends.
    fn attribute(&mut self, begin: usize) -> Result<usize, Stop> {
        let octets = self.source.as_bytes();
        let (name, end) = self.name(begin, ENDS | ENDS_ATTRIBUTE)?;
        let equals = self.after(end, |octet| !is_blank(octet));
        if octets.get(equals) != Some(&b'=') {
            self.attributes.push((name, Piece::Source(end..end)));
            return Ok(end);
        }
        let begin = self.after(equals + 1, |octet| !is_blank(octet));
        let (range, end) = match octets.get(begin) {
            Some(quote @ (b'"' | b'\'')) => {
                let begin = begin + 1;
                // A value as it is has neither character references nor NUL.
                let end = blocks::find::<16>(octets, begin, 0, |window, at| {
                    (window[at] == *quote) | (window[at] == b'&') | (window[at] == 0)
                });
                let end = end.ok_or(Stop::Odd)?;
                if octets[end] == *quote {
                    self.attributes.push((name, Piece::Source(begin..end)));
                    return Ok(end + 1);
                }
                let end = memchr(*quote, &octets[end..]).ok_or(Stop::Odd)? + end;
                (begin..end, end + 1)
            }
            Some(b'>') | None => return Err(Stop::Odd),
            Some(_) => {
                let end = self.after(begin, |octet| is_blank(octet) || octet == b'>');
                (begin..end, end)
            }
        };
        if memchr(0, &octets[range.clone()]).is_some() {
            return Err(Stop::Odd);
        }
        let value = self.decoded(range, true)?;
        self.attributes.push((name, value));
        Ok(end)
    }

    /// The first place from here with such an octet, or the end.
    #[inline]
    fn after(&self, from: usize, is_end: impl Fn(u8) -> bool) -> usize {
        let rest = &self.source.as_bytes()[from..];
        let length = rest.iter().position(|octet| is_end(*octet));
        from + length.unwrap_or(rest.len())
    }

    /// Reads an end tag without attributes.
    fn end_tag<S: Sink>(&mut self, text: &Piece, begin: usize, sink: &mut S) -> Result<(), Stop> {
        let octets = self.source.as_bytes();
        if !octets.get(begin).is_some_and(u8::is_ascii_alphabetic) {
            return Err(Stop::Odd);
        }
        let (name, end) = self.name(begin, ENDS)?;
        let close = self.after(end, |octet| !is_blank(octet));
        if octets.get(close) != Some(&b'>') {
            return Err(Stop::Odd);
        }
        self.at = close + 1;
        self.give_text(text, sink)?;
        let name = name.name(self.source, &self.names);
        give(sink, Event::EndTag(name))?;
        self.raw = sink.raw_text().map(|state| Raw {
            state,
            name: Vec::new(),
        });
        Ok(())
    }

    /// Reads a comment that ends as it should.
    fn comment<S: Sink>(&mut self, text: &Piece, begin: usize, sink: &mut S) -> Result<(), Stop> {
        let octets = &self.source.as_bytes()[begin..];
        let begin = begin + 2;
        let octets = octets.strip_prefix(b"--").ok_or(Stop::Odd)?;
        if octets.starts_with(b">") || octets.starts_with(b"->") {
            return Err(Stop::Odd);
        }
        // What follows is looked at on the way: `--!>` ends a comment, too, and nothing beyond it may be searched for each
        // of them.
        let mut ends = memmem::find_iter(octets, b"--").flat_map(|at| [at, at + 1]);
        let is_end = |at: &usize| {
            octets[*at..].starts_with(b"--") && matches!(octets.get(at + 2), Some(b'>' | b'!'))
        };
        let length = ends.find(is_end).ok_or(Stop::Odd)?;
        if octets[length + 2] == b'!' || octets[..length].contains(&0) {
            return Err(Stop::Odd);
        }
        self.at = begin + length + 3;
        self.give_text(text, sink)?;
        give(sink, Event::Comment(&self.source[begin..begin + length]))
    }

    /// Reads raw text and its end tag.
    fn raw_text<S: Sink>(&mut self, sink: &mut S) -> Result<(), Stop> {
        let Some(raw) = self.raw.take() else {
            return Ok(());
        };
        let read = self.raw_text_of(&raw, sink);
        if matches!(read, Err(Stop::Odd)) {
            self.raw = Some(raw);
        }
        read
    }

    fn raw_text_of<S: Sink>(&mut self, raw: &Raw, sink: &mut S) -> Result<(), Stop> {
        self.names.clear();
        self.scratch.clear();
        let octets = self.source.as_bytes();
        let open = match raw.state {
            State::RcData | State::RawText | State::ScriptData => self.end_of_raw_text(&raw.name),
            State::PlainText => None,
            State::Data | State::CdataSection => return Err(Stop::Odd),
        };
        let range = self.at..open.unwrap_or(octets.len());
        let text = &octets[range.clone()];
        let is_odd = memchr(0, text).is_some()
            || raw.state == State::ScriptData && memmem::find(text, b"<!--").is_some();
        if is_odd {
            return Err(Stop::Odd);
        }
        let text = match raw.state {
            State::RcData => self.decoded(range.clone(), false)?,
            _ => Piece::Source(range.clone()),
        };
        match open {
            Some(open) => self.end_tag(&text, open + 2, sink),
            None => {
                self.at = range.end;
                self.give_text(&text, sink)
            }
        }
    }

    /// Where the end tag of raw text begins.
    fn end_of_raw_text(&self, name: &[u8]) -> Option<usize> {
        let rest = &self.source.as_bytes()[self.at..];
        let mut opens = memchr_iter(b'<', rest);
        let is_end = |at: &usize| {
            let tag = rest[at + 1..].strip_prefix(b"/");
            let Some((found, after)) = tag.and_then(|tag| tag.split_at_checked(name.len())) else {
                return false;
            };
            let ends = |octet: &u8| is_blank(*octet) || matches!(octet, b'/' | b'>');
            found.eq_ignore_ascii_case(name) && after.first().is_some_and(ends)
        };
        Some(self.at + opens.find(is_end)?)
    }

    /// Leaves some tokens to [`states`], the more the more often that was necessary; returns whether more follow.
    fn odd<S: Sink>(&mut self, sink: &mut S) -> bool {
        self.odd += 1;
        let raw = self.raw.take();
        let read = states::read(&self.source[self.at..], raw, self.odd, sink);
        self.at += read.octets;
        self.raw = read.raw;
        read.goes_on
    }
}

#[cfg(test)]
mod tests;
