//! Messages of mbox files (RFC 4155).

use std::io::{self, BufRead, Read};

use super::message::{Message, is_expunged};

/// A line of an mbox file is read in pieces of this size.
pub(super) const PIECE: u64 = 64 << 10;

/// RFC 4155 appendix A: "From ", a sender and a date; the time of day distinguishes it from a sentence.
pub(super) fn begins_message(line: &[u8]) -> bool {
    let time = |window: &[u8]| {
        window[1] == b':' && window[0].is_ascii_digit() && window[2].is_ascii_digit()
    };
    line.starts_with(b"From ") && line.windows(3).any(time)
}

/// Reads the messages after the first line of an mbox file.
pub(super) fn read(
    mut file: impl BufRead,
    name: &str,
    limit: usize,
    visit: &mut dyn FnMut(Message) -> bool,
) -> io::Result<()> {
    let mut number = 1;
    let mut message = Entry::default();
    let mut line = Vec::new();
    let mut at_line_start = true;
    let mut after_blank = false;
    loop {
        line.clear();
        let read = file.by_ref().take(PIECE).read_until(b'\n', &mut line)?;
        let begins = at_line_start && after_blank && begins_message(&line);
        if read == 0 || begins {
            let path = format!("{name}#{number}");
            if !visit(std::mem::take(&mut message).finish(path)) || read == 0 {
                return Ok(());
            }
            number += 1;
        }
        if begins {
            after_blank = false;
        } else {
            let text = if at_line_start {
                unescaped(&line)
            } else {
                &line
            };
            after_blank = at_line_start && text.trim_ascii_end().is_empty();
            message.add(text, after_blank, limit);
        }
        at_line_start = line.ends_with(b"\n");
    }
}

// One ">" was put before each line that looked like a separator, already quoted ones included.
fn unescaped(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    if quotes > 0 && line[quotes..].starts_with(b"From ") {
        &line[1..]
    } else {
        line
    }
}

/// A message of an mbox file while it is being read.
#[derive(Default)]
struct Entry {
    raw: Vec<u8>,
    length: u64,
    /// The last line, if it is blank: it may belong to the separator.
    blank: Vec<u8>,
}

impl Entry {
    fn add(&mut self, line: &[u8], blank: bool, limit: usize) {
        let before = std::mem::take(&mut self.blank);
        self.push(&before, limit);
        if blank {
            self.blank = line.to_owned();
        } else {
            self.push(line, limit);
        }
    }

    fn push(&mut self, line: &[u8], limit: usize) {
        self.length += line.len() as u64;
        let room = limit.saturating_sub(self.raw.len());
        self.raw.extend_from_slice(&line[..line.len().min(room)]);
    }

    fn finish(self, path: String) -> Message {
        Message {
            path,
            deleted: is_expunged(&self.raw),
            raw: self.raw,
            length: self.length,
        }
    }
}
