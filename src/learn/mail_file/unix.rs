//! Opens mail files on Unix, where folders and links are followed by the kernel.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::geteuid;

use super::not_read::{NotRead, OTHER};

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let folder = options.read(true).custom_flags(OFlag::O_DIRECTORY.bits());
        Ok(Self(folder.open(path)?.into()))
    }

    /// Opens what is at a path below it, without following links.
    pub(super) fn open_below(&self, path: &Path) -> Result<File, NotRead> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let flags = flags | OFlag::O_CLOEXEC;
        let opened = match beneath(&self.0, path, flags) {
            // Linux before 5.6, or a sandbox, has no openat2.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(&self.0, path, flags, Mode::empty()),
            opened => opened,
        };
        Ok(File::from(opened.map_err(|error| match error {
            Errno::ELOOP => NotRead::Skipped("is a symbolic link"),
            // Opening a socket returns this.
            Errno::ENXIO => NotRead::Skipped(OTHER),
            error => NotRead::Io(error.into()),
        })?))
    }
}

#[cfg(target_os = "linux")]
fn beneath(folder: &OwnedFd, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};

    let resolve = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
    openat2(folder, path, OpenHow::new().flags(flags).resolve(resolve))
}

#[cfg(not(target_os = "linux"))]
fn beneath(_: &OwnedFd, _: &Path, _: OFlag) -> nix::Result<OwnedFd> {
    Err(Errno::ENOSYS)
}

/// Opens a file from the command line.
pub(super) fn open_named(path: &Path) -> Result<File, NotRead> {
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

/// A user may replace a folder with a symbolic link between two of root's commands.
pub(super) fn refuse_foreign_link(path: &Path) -> Result<(), NotRead> {
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
