//! Corpora: folders, Maildirs, mbox files, single messages, standard input.
//!
//! In: paths; out: messages with the path to name them by. Of a message no more than is judged is
//! held in memory, whatever the size of its file.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A line of an mbox file is read in pieces of this size.
const PIECE: u64 = 64 << 10;

/// A message, or as much of its beginning as is judged.
#[derive(Debug)]
pub struct Message {
    /// Its file; in an mbox file also its number, from 1.
    pub path: String,
    /// The bytes to be judged.
    pub raw: Vec<u8>,
    /// How long it really is.
    pub length: u64,
}

/// A file or folder that cannot be read.
#[derive(Debug)]
pub struct CorpusError {
    path: PathBuf,
    source: io::Error,
}

impl CorpusError {
    /// The system's error about a path.
    pub fn new(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self { path, source }
    }
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl Error for CorpusError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// All files in and below the paths, each folder by name; and those that cannot be read.
pub fn expand(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<CorpusError>) {
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        if path.is_dir() {
            folder(path, &mut files, &mut unreadable);
        } else {
            files.push(path.clone());
        }
    }
    (files, unreadable)
}

fn folder(path: &Path, files: &mut Vec<PathBuf>, unreadable: &mut Vec<CorpusError>) {
    let listed = fs::read_dir(path).and_then(|entries| {
        entries
            .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
            .collect::<io::Result<Vec<_>>>()
    });
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => {
            unreadable.push(CorpusError::new(path, error));
            return;
        }
    };
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let has = |name: &str| {
        entries
            .iter()
            .any(|(entry, kind)| entry == name && kind.is_dir())
    };
    let maildir = has("cur") && has("new");
    for (name, kind) in &entries {
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let below = path.join(name);
        if kind.is_dir() {
            // Files in tmp are not delivered yet; .Name are a Maildir's folders.
            if !maildir || name == "cur" || name == "new" || hidden {
                folder(&below, files, unreadable);
            }
        } else if !maildir && !hidden && below.is_file() {
            // A Maildir's own files are indexes and no mail.
            files.push(below);
        }
    }
}

/// Calls `visit` for each message of a file until it says no.
///
/// # Errors
/// When the file cannot be read to its end, or cannot be opened.
pub fn read(
    path: &Path,
    limit: usize,
    visit: &mut dyn FnMut(Message) -> bool,
) -> Result<(), CorpusError> {
    let mut read = || {
        if path == Path::new("-") {
            return read_from(io::stdin().lock(), "-", 0, limit, visit);
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        read_from(file, &path.to_string_lossy(), length, limit, visit)
    };
    read().map_err(|error| CorpusError::new(path, error))
}

fn read_from(
    file: impl Read,
    name: &str,
    length: u64,
    limit: usize,
    visit: &mut dyn FnMut(Message) -> bool,
) -> io::Result<()> {
    let mut file = BufReader::new(file);
    let mut first = Vec::new();
    file.by_ref().take(PIECE).read_until(b'\n', &mut first)?;
    if begins_message(&first) {
        return read_mbox(file, name, limit, visit);
    }
    let expected = usize::try_from(length).unwrap_or(limit).min(limit);
    let mut raw = Vec::with_capacity(expected.max(first.len()) + 1);
    raw.extend_from_slice(&first);
    let wanted = limit.saturating_sub(raw.len());
    file.by_ref().take(wanted as u64).read_to_end(&mut raw)?;
    let rest = io::copy(&mut file, &mut io::sink())?;
    let length = raw.len() as u64 + rest;
    raw.truncate(limit);
    visit(Message {
        path: name.to_owned(),
        raw,
        length,
    });
    Ok(())
}

/// RFC 4155 appendix A: "From ", who, and when; the time distinguishes it from a sentence.
fn begins_message(line: &[u8]) -> bool {
    let time = |window: &[u8]| {
        window[1] == b':' && window[0].is_ascii_digit() && window[2].is_ascii_digit()
    };
    line.starts_with(b"From ") && line.windows(3).any(time)
}

/// Reads the messages behind the first line of an mbox file.
fn read_mbox(
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

// One ">" was put before each line that would have begun a message, and each so escaped already.
fn unescaped(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    if quotes > 0 && line[quotes..].starts_with(b"From ") {
        &line[1..]
    } else {
        line
    }
}

/// A message of an mbox file while it is read.
#[derive(Default)]
struct Entry {
    raw: Vec<u8>,
    length: u64,
    /// The last line, if it is blank: it may be the separator's.
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
            raw: self.raw,
            length: self.length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str, limit: usize) -> Vec<(String, String, u64)> {
        let mut found = Vec::new();
        let read = read_from(file.as_bytes(), "m", 0, limit, &mut |message| {
            let raw = String::from_utf8(message.raw).expect("UTF-8");
            found.push((message.path, raw, message.length));
            true
        });
        read.expect("bytes in memory");
        found
    }

    #[test]
    fn an_mbox_is_split_into_messages() {
        let mbox = "From a@b Mon Nov 23 04:00:00 2026\nSubject: 1\n\n>From here\n>>From there\n\n\
            From now on.\n\nFrom c@d Mon Nov 23 05:00:00 2026\nSubject: 2\n\nx\n";
        let expected = [
            (
                "m#1",
                "Subject: 1\n\nFrom here\n>From there\n\nFrom now on.\n",
                48,
            ),
            ("m#2", "Subject: 2\n\nx\n", 14),
        ];
        let expected = expected.map(|(path, raw, length)| (path.into(), raw.into(), length));
        assert_eq!(messages(mbox, 1000), expected);
        let cut = messages(mbox, 8);
        assert_eq!(cut[0], ("m#1".into(), "Subject:".into(), 48));
    }

    #[test]
    fn a_single_message_is_not_read_as_an_mbox() {
        assert_eq!(
            messages("From: a\n\nb", 6),
            [("m".into(), "From: ".into(), 10)]
        );
        assert_eq!(messages("", 6), [("m".into(), String::new(), 0)]);
    }

    #[test]
    fn folders_are_listed_by_name_and_maildirs_skip_tmp() {
        let root = tempfile::tempdir().expect("a folder");
        let names = [
            "b.eml",
            "a/z.eml",
            ".hidden",
            "mail/cur/2",
            "mail/new/1",
            "mail/tmp/0",
            "mail/index",
            "mail/.Sent/cur/3",
            "mail/.Sent/new/4",
        ];
        for name in names {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        let (files, unreadable) = expand(&[root.path().to_owned()]);
        let files: Vec<_> = files
            .iter()
            .map(|file| {
                file.strip_prefix(root.path())
                    .expect("below")
                    .to_str()
                    .expect("UTF-8")
            })
            .collect();
        let expected = [
            "a/z.eml",
            "b.eml",
            "mail/.Sent/cur/3",
            "mail/.Sent/new/4",
            "mail/cur/2",
            "mail/new/1",
        ];
        assert_eq!(files, expected);
        assert!(unreadable.is_empty());
    }
}
