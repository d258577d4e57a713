//! CSS as programs write it, scanned without a tokenizer.
//!
//! In: CSS, and where a name, a value or a block begins; out: where it ends, if that can be known without tokens: not
//! with escapes or unclosed strings in it, for example (CSS Syntax 3, section 4). An end found here is the one that a
//! tokenizer finds; where none is found, the caller leaves the CSS to one.

use std::ops::Range;

/// Kinds of octets: what may be in a name, blanks, what simple selectors consist of besides these, and what ends a
/// value or begins something that may hide its end.
const NAME: u8 = 1;
const BLANK: u8 = 2;
const SELECTOR: u8 = 4;
const SPECIAL: u8 = 8;

/// Limit on nested blocks, far below that of cssparser, beyond which it no longer skips blocks as a whole.
const DEPTH: usize = 8;

/// By octet: its kinds.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        kinds[octet] = match octet as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => NAME,
            b'\t' | b'\n' | 0x0c | b'\r' | b' ' => BLANK,
            b'.' | b'#' | b',' | b':' | b'>' | b'+' | b'~' | b'*' => SELECTOR,
            b';' | b'!' | b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'\\' | b'/' => {
                SPECIAL
            }
            _ => 0,
        };
        octet += 1;
    }
    kinds
};

/// The first place, not before `from`, of an octet of none of these kinds, or the end.
#[inline(always)]
fn end_of(kinds: u8, octets: &[u8], from: usize) -> usize {
    let mut at = from;
    while octets
        .get(at)
        .is_some_and(|octet| KINDS[usize::from(*octet)] & kinds != 0)
    {
        at += 1;
    }
    at
}

/// The first place, not before `from`, of an octet that ends a value or begins something that may hide its end.
#[inline(always)]
fn special(octets: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while KINDS[usize::from(*octets.get(at)?)] & SPECIAL == 0 {
        at += 1;
    }
    Some(at)
}

/// The end of a name that begins an identifier (section 4.3.9); `from` if there is none.
#[inline]
pub(crate) fn name_end(octets: &[u8], from: usize) -> usize {
    let begins = match octets.get(from..) {
        Some([b'-', next, ..]) => KINDS[usize::from(*next)] & NAME != 0 && !next.is_ascii_digit(),
        Some([first, ..]) => {
            KINDS[usize::from(*first)] & NAME != 0 && !matches!(first, b'0'..=b'9' | b'-')
        }
        _ => false,
    };
    match begins {
        true => end_of(NAME, octets, from),
        false => from,
    }
}

/// The end of blanks.
#[inline]
pub(crate) fn blanks_end(octets: &[u8], from: usize) -> usize {
    end_of(BLANK, octets, from)
}

/// The end of blanks and comments; `None` if a comment is not closed.
#[inline]
pub(crate) fn space_end(octets: &[u8], from: usize) -> Option<usize> {
    let mut at = blanks_end(octets, from);
    while octets.get(at..)?.starts_with(b"/*") {
        at = blanks_end(octets, comment_end(octets, at)?);
    }
    Some(at)
}

/// The end of a comment that begins here.
fn comment_end(octets: &[u8], from: usize) -> Option<usize> {
    let from = from + 2;
    Some(from + memchr::memmem::find(octets.get(from..)?, b"*/")? + 2)
}

/// The end of a value.
pub(super) struct ValueEnd {
    pub(super) at: usize,
    /// Whether it has an exclamation mark.
    pub(super) has_mark: bool,
}

/// Finds the end of a value: a semicolon, a closing brace, or the end of all octets.
#[inline]
pub(super) fn value_end(octets: &[u8], from: usize) -> Option<ValueEnd> {
    let (mut at, mut has_mark) = (from, false);
    loop {
        at = special(octets, at).unwrap_or(octets.len());
        match octets.get(at) {
            None | Some(b';' | b'}') => return Some(ValueEnd { at, has_mark }),
            Some(b'!') => {
                has_mark = true;
                at += 1;
            }
            Some(_) => at = piece_end(octets, at)?,
        }
    }
}

/// The end of what begins with a special octet: a string, a function, a solidus.
fn piece_end(octets: &[u8], at: usize) -> Option<usize> {
    match octets[at] {
        quote @ (b'"' | b'\'') => string_end(octets, at, quote),
        b'(' => group_end(octets, at, b')'),
        b'/' if octets.get(at + 1) != Some(&b'*') => Some(at + 1),
        _ => None,
    }
}

/// The end of a string in which nothing is special, so that it ends at the same place where it is part of a URL
/// (section 4.3.6).
fn string_end(octets: &[u8], at: usize, quote: u8) -> Option<usize> {
    let rest = &octets[at + 1..];
    let is_end = |octet: &u8| {
        *octet == quote
            || matches!(
                octet,
                b'\\' | b'\n' | b'\r' | 0x0c | b'(' | b')' | b'[' | b']'
            )
    };
    let length = rest.iter().position(is_end)?;
    (rest[length] == quote).then_some(at + 1 + length + 1)
}

/// The end of a function, a block in parentheses or brackets, or a URL, without another within it.
fn group_end(octets: &[u8], at: usize, close: u8) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at = special(octets, at)?;
        match octets[at] {
            octet if octet == close => return Some(at + 1),
            b';' | b'!' => at += 1,
            b'(' => return None,
            _ => at = piece_end(octets, at)?,
        }
    }
}

/// Finds the brace that begins a block, after a list of selectors of elements, classes and ids, and of pseudo-classes
/// without arguments.
pub(crate) fn prelude_end(octets: &[u8], from: usize) -> Option<usize> {
    let begins = matches!(octets.get(from)?, b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'#' | b'*');
    let end = end_of(NAME | BLANK | SELECTOR, octets, from);
    (begins && octets.get(end) == Some(&b'{')).then_some(end)
}

/// Finds the media queries after `@media`, up to the brace that begins a block.
pub(crate) fn media_queries(octets: &[u8], from: usize) -> Option<Range<usize>> {
    let (keyword, rest) = octets.get(from..)?.split_first_chunk::<6>()?;
    if !keyword.eq_ignore_ascii_case(b"@media") || KINDS[usize::from(*rest.first()?)] & NAME != 0 {
        return None;
    }
    let begin = from + keyword.len();
    let mut is_within = false;
    for (at, octet) in octets.iter().enumerate().skip(begin) {
        match octet {
            b'(' if !is_within => is_within = true,
            b')' if is_within => is_within = false,
            b'{' if !is_within => return Some(begin..at),
            b':' | b'.' | b',' => {}
            octet if KINDS[usize::from(*octet)] & (NAME | BLANK) != 0 => {}
            _ => return None,
        }
    }
    None
}

/// Finds the closing brace of a block that begins here, after its opening brace, if blocks are not nested deeply.
pub(crate) fn block_end(octets: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut depth) = (from, 0_usize);
    loop {
        at = special(octets, at)?;
        match octets[at] {
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            b'{' if depth == DEPTH => return None,
            b'{' => depth += 1,
            b';' | b'!' => {}
            b'[' => {
                at = group_end(octets, at, b']')?;
                continue;
            }
            b'/' if octets.get(at + 1) == Some(&b'*') => {
                at = comment_end(octets, at)?;
                continue;
            }
            _ => {
                at = piece_end(octets, at)?;
                continue;
            }
        }
        at += 1;
    }
}
