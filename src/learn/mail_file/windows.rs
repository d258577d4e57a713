//! Opens mail files on Windows, where only administrators, and developers who asked for it, can make symbolic links.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::not_read::{NotRead, OTHER};
use crate::platform::file_access::without_following;

/// A folder.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // It can be read.
        fs::read_dir(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Opens what is at a path below it, without following links.
    pub(super) fn open_below(&self, path: &Path) -> Result<File, NotRead> {
        let mut options = OpenOptions::new();
        let file = without_following(options.read(true)).open(self.0.join(path))?;
        match file.metadata()?.is_symlink() {
            true => Err(NotRead::Skipped("is a symbolic link")),
            false => Ok(file),
        }
    }
}

/// Opens a file from the command line.
pub(super) fn open_named(path: &Path) -> Result<File, NotRead> {
    let kind = fs::metadata(path)?.file_type();
    match kind.is_file() || kind.is_dir() {
        true => Ok(File::open(path)?),
        false => Err(NotRead::Skipped(OTHER)),
    }
}

/// No process here reads for another user.
pub(super) fn refuse_foreign_link(_: &Path) -> Result<(), NotRead> {
    Ok(())
}
