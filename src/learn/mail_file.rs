//! Opens mail files and folders, which may belong to somebody who wants to make root read another file.
//!
//! In: a path from the command line, or one found below it; out: an open regular file. A path from the command line may
//! be a symbolic link (for root, only one owned by root), or a pipe under `/dev`, as the shell creates for `<(...)`.
//! Below it, no symbolic link is followed, not even one that replaces a folder in the meantime, and only regular files
//! are opened: a pipe without a writer would block, and opening a device may have side effects.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use nix::unistd::geteuid;

/// Why a file is not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotRead {
    /// It is not mail.
    Skipped(&'static str),
    /// The operating system's error.
    Io(io::Error),
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(what) => write!(f, "{what}; skipped"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for NotRead {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for NotRead {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// A mail file.
#[derive(Debug, Clone)]
pub struct MailFile {
    path: PathBuf,
    /// The folder from the command line that contains it, and its path relative to that.
    inside: Option<(Arc<OwnedFd>, PathBuf)>,
}

impl MailFile {
    /// A file from the command line.
    pub fn named(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            inside: None,
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// If it is skipped or cannot be opened.
    pub(super) fn open(&self) -> Result<File, NotRead> {
        let Some((folder, path)) = &self.inside else {
            return open_named(&self.path);
        };
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let flags = flags | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        let opened = match openat2(folder, path, how) {
            // Linux before 5.6, or a sandbox, has no openat2.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(folder, path, flags, Mode::empty()),
            opened => opened,
        };
        let file = File::from(opened.map_err(|error| match error {
            Errno::ELOOP => NotRead::Skipped("is a symbolic link"),
            // Opening a socket returns this.
            Errno::ENXIO => NotRead::Skipped(OTHER),
            error => error.into(),
        })?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(NotRead::Skipped(OTHER)),
        }
    }

    /// Its size, or 0 if unknown.
    pub(super) fn size(&self) -> u64 {
        fs::symlink_metadata(&self.path).map_or(0, |about| about.len())
    }
}

/// Anything that is neither a file, a folder nor a symbolic link.
pub(super) const OTHER: &str = "is a pipe, a socket or a device";

fn open_named(path: &Path) -> Result<File, NotRead> {
    refuse_foreign_link(path)?;
    let kind = fs::metadata(path)?.file_type();
    let in_dev = path.starts_with("/dev") || path.starts_with("/proc/self/fd");
    let is_shells = in_dev && !kind.is_socket();
    if !(kind.is_file() || kind.is_dir() || is_shells) {
        return Err(NotRead::Skipped(OTHER));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    if kind.is_file() {
        // A pipe may have replaced it.
        options.custom_flags(OFlag::O_NONBLOCK.bits());
    }
    Ok(options.open(path)?)
}

/// A folder from the command line.
#[derive(Debug)]
pub(super) struct MailFolder {
    path: PathBuf,
    folder: Arc<OwnedFd>,
}

impl MailFolder {
    /// Opens the folder; `None` if the path is not a folder.
    ///
    /// # Errors
    /// If it is skipped or cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, NotRead> {
        if !path.is_dir() {
            return Ok(None);
        }
        refuse_foreign_link(path)?;
        let mut options = OpenOptions::new();
        let folder = options.read(true).custom_flags(OFlag::O_DIRECTORY.bits());
        let folder = Arc::new(folder.open(path)?.into());
        let path = path.to_owned();
        Ok(Some(Self { path, folder }))
    }

    /// The file at this path below it.
    pub(super) fn file(&self, path: PathBuf) -> MailFile {
        let below = path.strip_prefix(&self.path).map(Path::to_owned);
        MailFile {
            inside: below.ok().map(|below| (Arc::clone(&self.folder), below)),
            path,
        }
    }
}

/// A user may replace a folder with a symbolic link between two of root's commands.
fn refuse_foreign_link(path: &Path) -> Result<(), NotRead> {
    // Without this, a trailing slash would make it examine the link's target.
    let path: PathBuf = path.components().collect();
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_symlink() && geteuid().is_root() && about.uid() != 0 => {
            Err(NotRead::Skipped(
                "is a symbolic link of another user, which root does not follow: name its target, or run as that user",
            ))
        }
        _ => Ok(()),
    }
}
