//! Corpora: folders, Maildirs, mbox files, single messages, standard input.
//!
//! In: paths; out: messages, each with the path that names it. Only as much of a message as is judged is held in
//! memory, whatever the size of its file. Symbolic links below a path, pipes and devices are not mail.

mod mbox;
mod message;

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::mail_file::{MailFile, MailFolder, NotRead, OTHER};
use mbox::PIECE;
use message::is_trashed;

pub use message::Message;

/// A file or folder that cannot be read, or is skipped.
#[derive(Debug)]
pub struct CorpusError {
    path: PathBuf,
    source: NotRead,
}

impl CorpusError {
    /// An error for this path.
    pub fn new(path: &Path, source: impl Into<NotRead>) -> Self {
        Self {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// Whether the path was skipped because it is not mail, so that nothing is missing.
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

/// All files in and below the paths, with folders in order of file name; and those that are not read.
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
                // Files in tmp are not delivered yet; `.Name` are subfolders of a Maildir.
                if !maildir || name == "cur" || name == "new" || hidden {
                    self.folder(root, &below);
                }
            } else if !maildir && !hidden {
                // A Maildir's own files are indexes, not mail.
                let skipped = match (kind.is_file(), kind.is_symlink()) {
                    (true, _) => {
                        self.files.push(root.file(below));
                        continue;
                    }
                    (_, true) => "is a symbolic link",
                    _ => OTHER,
                };
                let skipped = CorpusError::new(&below, NotRead::Skipped(skipped));
                self.unread.push(skipped);
            }
        }
    }
}

/// Calls `visit` for each message of a file until it returns false.
///
/// # Errors
/// If the file is not opened, or cannot be read to its end.
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
    if mbox::begins_message(&first) {
        return mbox::read(file, name, limit, visit);
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

    /// The owner of a folder must not be able to choose what root reads, or make it wait.
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
        // A path that was a file or a folder when it was listed.
        for (replaced, by) in [("mail", at("a-link")), ("sub", at("folder-link"))] {
            fs::rename(at(replaced), at("before")).expect("renamed");
            fs::rename(by, at(replaced)).expect("renamed");
            let of = usize::from(replaced == "sub");
            let error = read(&files[of], 10, &mut |_| true).expect_err("is a symbolic link");
            assert!(error.is_skipped(), "{error}");
            fs::remove_file(at(replaced)).expect("removed");
            fs::rename(at("before"), at(replaced)).expect("renamed");
            read(&files[of], 10, &mut |_| true).expect("as before");
        }
        // A path on the command line may be a link, but not a pipe.
        let named = at("named");
        symlink(outside.path().join("secret"), &named).expect("a link");
        read(&MailFile::named(&named), 10, &mut |_| true).expect("a file");
        let error = read(&MailFile::named(&at("pipe")), 10, &mut |_| true);
        assert!(error.is_err_and(|error| error.is_skipped()));
    }
}
