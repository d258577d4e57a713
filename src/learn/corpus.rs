//! Corpora: folders, Maildirs, mbox files, single messages, standard input.
//!
//! In: paths; out: messages with the path to name them by. Of a message no more than is judged is
//! held in memory, whatever the size of its file. Links below a path, pipes and devices are no mail.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::message::header::fields;

use super::mail_file::{MailFile, MailFolder, NotRead, OTHER};

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
    /// Whether it was deleted or moved, and only waits for its mailbox to be compacted.
    pub deleted: bool,
}

/// A file or folder that cannot be read, or is not.
#[derive(Debug)]
pub struct CorpusError {
    path: PathBuf,
    source: NotRead,
}

impl CorpusError {
    /// Why a path is not read.
    pub fn new(path: &Path, source: impl Into<NotRead>) -> Self {
        Self {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// Whether it is something else than mail, of which nothing is missed.
    pub fn is_skipped(&self) -> bool {
        matches!(self.source, NotRead::Skipped(_))
    }
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl Error for CorpusError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            NotRead::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// All files in and below the paths, each folder by name; and those that are not read.
pub fn expand(paths: &[PathBuf]) -> (Vec<MailFile>, Vec<CorpusError>) {
    let mut found = Found::default();
    for path in paths {
        match MailFolder::open(path) {
            Ok(Some(root)) => found.folder(&root, path),
            Ok(None) => found.files.push(MailFile::named(path)),
            Err(error) => found.unread.push(CorpusError::new(path, error)),
        }
    }
    (found.files, found.unread)
}

#[derive(Default)]
struct Found {
    files: Vec<MailFile>,
    unread: Vec<CorpusError>,
}

impl Found {
    fn folder(&mut self, root: &MailFolder, path: &Path) {
        let listed = fs::read_dir(path).and_then(|entries| {
            entries
                .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) => return self.unread.push(CorpusError::new(path, error)),
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
                    self.folder(root, &below);
                }
            } else if !maildir && !hidden {
                // A Maildir's own files are indexes and no mail.
                let skipped = match (kind.is_file(), kind.is_symlink()) {
                    (true, _) => {
                        self.files.push(root.file(below));
                        continue;
                    }
                    (_, true) => "is a link",
                    _ => OTHER,
                };
                let skipped = CorpusError::new(&below, NotRead::Skipped(skipped));
                self.unread.push(skipped);
            }
        }
    }
}

/// Calls `visit` for each message of a file until it says no.
///
/// # Errors
/// When the file cannot be read to its end, or is not opened.
pub fn read(
    file: &MailFile,
    limit: usize,
    visit: &mut dyn FnMut(Message) -> bool,
) -> Result<(), CorpusError> {
    let path = file.path();
    let mut read = || {
        if path == Path::new("-") {
            return Ok(read_from(io::stdin().lock(), "-", 0, limit, visit)?);
        }
        let file = file.open()?;
        let length = file.metadata()?.len();
        let name = path.to_string_lossy();
        Ok(read_from(file, &name, length, limit, visit)?)
    };
    read().map_err(|error: NotRead| CorpusError::new(path, error))
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
        deleted: is_trashed(name),
    });
    Ok(())
}

/// Whether the name of a Maildir's file has the flag of a message that was deleted.
fn is_trashed(name: &str) -> bool {
    let path = Path::new(name);
    let in_cur = path.parent().is_some_and(|folder| folder.ends_with("cur"));
    let flags = name.rsplit_once(":2,").map(|(_, flags)| flags);
    in_cur && flags.is_some_and(|flags| !flags.contains('/') && flags.contains('T'))
}

/// Thunderbird's flag of a message that was deleted or moved.
const EXPUNGED: u16 = 0x0008;

/// Whether the header of a message in an mbox file says that it was deleted: to Thunderbird by the first
/// X-Mozilla-Status, which stands above what the sender wrote, and to others by Status and X-Status.
fn is_expunged(raw: &[u8]) -> bool {
    let mut mozilla = None;
    for field in fields(raw) {
        let value = raw[field.value.clone()].trim_ascii();
        if field.is(raw, "X-Mozilla-Status") {
            let value = std::str::from_utf8(value).unwrap_or_default();
            mozilla = mozilla.or(u16::from_str_radix(value, 16).ok());
        } else if (field.is(raw, "Status") || field.is(raw, "X-Status"))
            && value.len() <= 8
            && value.contains(&b'D')
        {
            return true;
        }
    }
    mozilla.is_some_and(|flags| flags & EXPUNGED != 0)
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
            deleted: is_expunged(&self.raw),
            raw: self.raw,
            length: self.length,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

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
    fn deleted_messages_are_told_from_others() {
        let table = [
            ("X-Mozilla-Status: 0009\n", true),
            ("X-Mozilla-Status: 0008\nX-Mozilla-Status: 0001\n", true),
            ("X-Mozilla-Status: 0001\nX-Mozilla-Status: 0008\n", false),
            (
                "X-Mozilla-Status: 1001\nX-Mozilla-Status2: 00000008\n",
                false,
            ),
            ("Status: RO\nX-Status: D\n", true),
            ("Status: D\n", true),
            ("Status: RO\nX-Status: AF\n", false),
            ("Status: Delivered to many\n", false),
        ];
        for (fields, deleted) in table {
            assert_eq!(
                is_expunged(format!("{fields}From: a\n\nStatus: D").as_bytes()),
                deleted,
                "{fields}"
            );
        }
        for (name, deleted) in [
            ("m/cur/1.a:2,ST", true),
            ("m/cur/1.a:2,S", false),
            ("m/cur/T", false),
            ("m/other/1.a:2,T", false),
        ] {
            assert_eq!(is_trashed(name), deleted, "{name}");
        }
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
                file.path()
                    .strip_prefix(root.path())
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

    /// The owner of a folder must not choose what root reads, or make it wait.
    #[test]
    fn links_and_pipes_below_a_path_are_skipped() {
        let root = tempfile::tempdir().expect("a folder");
        let outside = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        for path in [outside.path().join("secret"), at("mail")] {
            fs::write(path, "From: a\n\nb").expect("a file");
        }
        fs::create_dir(at("sub")).expect("a folder");
        fs::write(at("sub/secret"), "From: a\n\nb").expect("a file");
        symlink(outside.path().join("secret"), at("a-link")).expect("a link");
        symlink(outside.path(), at("folder-link")).expect("a link");
        mkfifo(&at("pipe"), Mode::S_IRUSR).expect("a pipe");
        let (files, skipped) = expand(&[root.path().to_owned()]);
        let names = |files: &[MailFile]| -> Vec<_> {
            let name = |file: &MailFile| file.path().file_name().map(OsStr::to_owned);
            files.iter().filter_map(name).collect()
        };
        assert_eq!(names(&files), ["mail", "secret"]);
        assert!(skipped.len() == 3 && skipped.iter().all(CorpusError::is_skipped));
        // What was a file or a folder when it was listed.
        for (replaced, by) in [("mail", at("a-link")), ("sub", at("folder-link"))] {
            fs::rename(at(replaced), at("before")).expect("renamed");
            fs::rename(by, at(replaced)).expect("renamed");
            let of = usize::from(replaced == "sub");
            let error = read(&files[of], 10, &mut |_| true).expect_err("is a link");
            assert!(error.is_skipped(), "{error}");
            fs::remove_file(at(replaced)).expect("removed");
            fs::rename(at("before"), at(replaced)).expect("renamed");
            read(&files[of], 10, &mut |_| true).expect("as before");
        }
        // What the command line names may be a link, but not a pipe.
        let named = at("named");
        symlink(outside.path().join("secret"), &named).expect("a link");
        read(&MailFile::named(&named), 10, &mut |_| true).expect("a file");
        let error = read(&MailFile::named(&at("pipe")), 10, &mut |_| true);
        assert!(error.is_err_and(|error| error.is_skipped()));
    }
}
