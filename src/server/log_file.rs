//! The log of a service, which has no stderr: a file that stays short.
//!
//! In: lines; out: the newest of them in the file, and those before in a second one, `.old`, which is replaced each time
//! that the first is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that cannot be renamed now, since somebody has it open, is tried again after this part of its octets.
const RETRIES: u64 = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// `None` after a failure to open it: the next line tries again.
    file: Option<File>,
    octets: u64,
    /// Octets at which it is full: `longest`, or more after a failure.
    full: u64,
    longest: u64,
}

impl LogFile {
    /// Continues the file, or begins it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(path: &Path, longest: u64) -> io::Result<Self> {
        let mut opened = Self {
            path: path.to_owned(),
            file: None,
            octets: 0,
            full: longest,
            longest,
        };
        opened.reopen()?;
        Ok(opened)
    }

    fn reopen(&mut self) -> io::Result<&mut File> {
        let path = &self.path;
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        self.octets = file.metadata()?.len();
        Ok(self.file.insert(file))
    }

    fn rename(&mut self) {
        // Windows renames no file that is open.
        self.file = None;
        self.full = match fs::rename(&self.path, self.path.with_extension("log.old")) {
            Ok(()) => self.longest,
            Err(_) => self.octets + self.longest / RETRIES,
        };
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.octets > 0 && self.octets + line.len() as u64 > self.full {
            self.rename();
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.reopen()?,
        };
        let written = file.write(line)?;
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(folder: &Path) -> (String, String) {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        (read("a.log"), read("a.log.old"))
    }

    #[test]
    fn the_newest_lines_are_in_the_file_and_those_before_in_the_second_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "before\n").unwrap();
        let mut log = LogFile::open(&path, 20).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(
            texts(folder.path()),
            ("three\n".to_owned(), "before\none\ntwo\n".to_owned())
        );
        log.write_all(b"a line that is longer than a file\n")
            .unwrap();
        log.write_all(b"next\n").unwrap();
        assert_eq!(
            texts(folder.path()),
            (
                "next\n".to_owned(),
                "a line that is longer than a file\n".to_owned()
            )
        );
    }

    #[test]
    fn a_file_that_cannot_be_renamed_is_continued_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("a.log"), folder.path().join("a.log.old"));
        // No file takes the place of a folder.
        fs::create_dir(&old).unwrap();
        let mut log = LogFile::open(&path, 32).unwrap();
        for number in 0..9 {
            log.write_all(format!("line {number}\n").as_bytes())
                .unwrap();
        }
        let text: String = (0..9).map(|it| format!("line {it}\n")).collect();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        fs::remove_dir(&old).unwrap();
        log.write_all(b"last\n").unwrap();
        assert_eq!(texts(folder.path()), ("last\n".to_owned(), text));
    }
}
