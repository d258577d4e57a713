//! uuencode and yEnc: files encoded as text.
//!
//! In: a body, possibly truncated; out: the decoded octets, or where such files are in a text. It never fails, and its
//! output is never larger than its input.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

// Made once: a message may have thousands of short texts.
static UUENCODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("begin "));
static YENC: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("=ybegin "));

/// A file in a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Its range, first and last line included.
    pub whole: Range<usize>,
    /// The range of its name.
    pub name: Range<usize>,
    /// Whether it is yEnc.
    pub is_yenc: bool,
}

/// Decodes the first file in a body, or every line if no line begins a file.
pub fn decode(body: &[u8]) -> Vec<u8> {
    let start = uuencode_line(body, 0).map_or(0, |begin| begin.end);
    let mut decoded = Vec::with_capacity((body.len() - start) / 4 * 3);
    for line in lines(body, start) {
        match &body[line] {
            b"end" => break,
            line => decode_line(line, &mut decoded),
        }
    }
    decoded
}

fn decode_line(line: &[u8], decoded: &mut Vec<u8>) {
    let Some((length, letters)) = line.split_first() else {
        return;
    };
    let mut left = usize::from(length.wrapping_sub(b' ') & 63);
    for group in letters.chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            // Trailing spaces may have been stripped.
            let letter = group.get(at).copied().unwrap_or(b' ');
            bits = bits << 6 | u32::from(letter.wrapping_sub(b' ') & 63);
        }
        let octets = &bits.to_be_bytes()[1..];
        decoded.extend_from_slice(&octets[..left.min(3)]);
        left = left.saturating_sub(3);
    }
}

/// Decodes the first yEnc file in a body.
pub fn decode_yenc(body: &[u8]) -> Vec<u8> {
    let start = yenc_line(body, 0).map_or(0, |begin| begin.end);
    let mut decoded = Vec::with_capacity(body.len() - start);
    for line in lines(body, start) {
        let line = &body[line];
        if line.starts_with(b"=yend") {
            break;
        }
        if line.starts_with(b"=ypart") {
            continue;
        }
        let mut is_escaped = false;
        for &byte in line {
            if byte == b'=' && !is_escaped {
                is_escaped = true;
                continue;
            }
            let shift = if is_escaped { 42 + 64 } else { 42 };
            decoded.push(byte.wrapping_sub(shift));
            is_escaped = false;
        }
    }
    decoded
}

/// The files in a text.
pub fn blocks(text: &[u8]) -> Blocks<'_> {
    Blocks {
        text,
        at: 0,
        uuencode: uuencode_line(text, 0),
        yenc: yenc_line(text, 0),
    }
}

/// See [`blocks`]. Each search continues where the last one ended, so that all of them together read the text once.
pub struct Blocks<'t> {
    text: &'t [u8],
    at: usize,
    uuencode: Option<Range<usize>>,
    yenc: Option<Range<usize>>,
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (text, at) = (self.text, self.at);
        if self.uuencode.as_ref().is_some_and(|line| line.start < at) {
            self.uuencode = uuencode_line(text, at);
        }
        if self.yenc.as_ref().is_some_and(|line| line.start < at) {
            self.yenc = yenc_line(text, at);
        }
        let uuencode = self.uuencode.clone().map(|line| (line, false));
        let yenc = self.yenc.clone().map(|line| (line, true));
        let firsts = [uuencode, yenc].into_iter().flatten();
        let (begin, is_yenc) = firsts.min_by_key(|(line, _)| line.start)?;
        let mut end = text.len();
        for line in lines(text, begin.end) {
            let content = &text[line.clone()];
            if is_yenc && content.starts_with(b"=yend") || !is_yenc && content == b"end" {
                end = next_line(text, line.end);
                break;
            }
        }
        self.at = end;
        Some(Block {
            name: name(text, &begin, is_yenc),
            whole: begin.start..end,
            is_yenc,
        })
    }
}

/// `begin 644 name`, followed by a line of the length that its first character declares.
fn uuencode_line(text: &[u8], from: usize) -> Option<Range<usize>> {
    line_that(text, from, &UUENCODE, |line, next| {
        let mode = line[6..]
            .iter()
            .take_while(|byte| (b'0'..=b'7').contains(byte))
            .count();
        let named = (3..=4).contains(&mode) && line.get(6 + mode) == Some(&b' ');
        named && is_data(next)
    })
}

fn is_data(line: &[u8]) -> bool {
    let Some((length, letters)) = line.split_first() else {
        return false;
    };
    let expected = usize::from(length.wrapping_sub(b' ') & 63).div_ceil(3) * 4;
    // Trailing spaces may be missing, and some programs append a checksum character.
    let letter = |byte: &u8| (b' '..=b'`').contains(byte);
    letter(length) && letters.len() <= expected + 1 && letters.iter().all(letter)
}

fn yenc_line(text: &[u8], from: usize) -> Option<Range<usize>> {
    line_that(text, from, &YENC, |line, _| {
        memmem::find(line, b"name=").is_some()
    })
}

fn line_that(
    text: &[u8],
    from: usize,
    start: &Finder<'_>,
    fits: impl Fn(&[u8], &[u8]) -> bool,
) -> Option<Range<usize>> {
    let mut found = start.find_iter(&text[from..]).map(|at| from + at);
    found.find_map(|at| {
        let begins = at == 0 || matches!(text[at - 1], b'\n' | b'\r');
        let mut lines = lines(text, at).take(2);
        let line = lines.next().filter(|_| begins)?;
        let next = lines.next().unwrap_or_default();
        let end = next_line(text, line.end);
        fits(&text[line], &text[next]).then_some(at..end)
    })
}

fn name(text: &[u8], begin: &Range<usize>, is_yenc: bool) -> Range<usize> {
    let line = text[begin.clone()].trim_ascii_end();
    let start = if is_yenc {
        memmem::find(line, b"name=").map_or(line.len(), |at| at + 5)
    } else {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        line.len() - words.nth(2).map_or(0, <[u8]>::len)
    };
    begin.start + start..begin.start + line.len()
}

/// The lines from an offset on, without their line ends.
fn lines(text: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = at..at + rest[..end].strip_suffix(b"\r").map_or(end, <[u8]>::len);
        at += end + 1;
        Some(line)
    })
}

fn next_line(text: &[u8], line_end: usize) -> usize {
    let rest = &text[line_end..];
    line_end + memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_decoded() {
        let file = b"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n";
        assert_eq!(decode(file), b"Cat");
        assert_eq!(decode(b"note\nbegin 644 a\n#0V%T\nend\n#0V%T\n"), b"Cat");
        assert_eq!(decode(b"#0V%T"), b"Cat");
        // Stripped spaces, and a declared length that exceeds the data.
        assert_eq!(decode(b"begin 644 a\n$0V%T(\nend"), b"Cat ");
        assert_eq!(decode(b"M"), b"");
        let yenc = b"=ybegin line=128 size=4 name=a.bin\r\n\x6d\x8b\x9e=\x40\r\n=yend size=4\r\n";
        assert_eq!(decode_yenc(yenc), b"Cat\xd6");
    }

    #[test]
    fn files_are_found_in_text() {
        let text = b"Hi,\nbegin 644 a b.exe\n#0V%T\n`\nend\nbye\n";
        let mut found = blocks(text);
        let block = found.next().expect("a file");
        assert_eq!(&text[block.name.clone()], b"a b.exe");
        assert_eq!(&text[block.whole.end..], b"bye\n");
        assert_eq!(found.next(), None);
        let yenc = b"=ybegin line=1 size=1 name=x.y\nk\n=yend\nbye";
        let block = blocks(yenc).next().expect("a file");
        assert!(block.is_yenc && &yenc[block.name] == b"x.y");
        let none: [&[u8]; 3] = [
            b"begin 644 a\nand so on it goes",
            b"we begin 644 a\n#0V%T\n",
            b"begin with us\n",
        ];
        for text in none {
            assert_eq!(blocks(text).next(), None, "{}", text.escape_ascii());
        }
    }
}
