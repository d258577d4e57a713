//! Opens files and folders of mail, which may belong to somebody who wants root to read another file.
//!
//! In: a path that the command line names, or one that was found below it; out: an open regular file. A named path
//! may be a link (for root: a link of its own only), and a pipe under `/dev`, as shells make it for `<(...)`.
//! Below it no link is followed, not even one that replaces a folder meanwhile, and nothing but regular files is
//! opened: a pipe without a writer would block, and opening a device may do something.

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
    /// It is something else than mail.
    Skipped(&'static str),
    /// The system's error.
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

/// A file of mail.
#[derive(Debug, Clone)]
pub struct MailFile {
    path: PathBuf,
    /// The named folder that it is in, and its path there.
    inside: Option<(Arc<OwnedFd>, PathBuf)>,
}

impl MailFile {
    /// A file that is named on the command line.
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

    /// Opens it to read.
    ///
    /// # Errors
    /// Why it is not read.
    pub(super) fn open(&self) -> Result<File, NotRead> {
        let Some((folder, path)) = &self.inside else {
            return open_named(&self.path);
        };
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let flags = flags | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        let opened = match openat2(folder, path, how) {
            // Linux before 5.6, or a sandbox.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(folder, path, flags, Mode::empty()),
            opened => opened,
        };
        let file = File::from(opened.map_err(|error| match error {
            Errno::ELOOP => NotRead::Skipped("is a link"),
            // As opening a socket answers.
            Errno::ENXIO => NotRead::Skipped(OTHER),
            error => error.into(),
        })?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(NotRead::Skipped(OTHER)),
        }
    }

    /// Its size, as far as that is known.
    pub(super) fn size(&self) -> u64 {
        fs::symlink_metadata(&self.path).map_or(0, |about| about.len())
    }
}

/// What is neither a file nor a folder nor a link.
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
        // It may have been replaced.
        options.custom_flags(OFlag::O_NONBLOCK.bits());
    }
    Ok(options.open(path)?)
}

/// A folder that is named on the command line.
#[derive(Debug)]
pub(super) struct MailFolder {
    path: PathBuf,
    folder: Arc<OwnedFd>,
}

impl MailFolder {
    /// Opens it, if the path is a folder.
    ///
    /// # Errors
    /// Why it is not read.
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

    /// A file below it.
    pub(super) fn file(&self, path: PathBuf) -> MailFile {
        let below = path.strip_prefix(&self.path).map(Path::to_owned);
        MailFile {
            inside: below.ok().map(|below| (Arc::clone(&self.folder), below)),
            path,
        }
    }
}

/// A user may turn a folder into a link between root's commands.
fn refuse_foreign_link(path: &Path) -> Result<(), NotRead> {
    // With a slash at its end, the target of the link would be looked at.
    let path: PathBuf = path.components().collect();
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_symlink() && geteuid().is_root() && about.uid() != 0 => {
            Err(NotRead::Skipped(
                "is another user's link, which root does not follow: name what it leads to, or be that user",
            ))
        }
        _ => Ok(()),
    }
}
