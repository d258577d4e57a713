//! Which file it is, whatever its path, and whether it is still the same.

use std::fs::File;
use std::io;
use std::path::Path;

/// A file of this machine. As long as the file exists, no other one is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(system::Id);

impl FileId {
    /// The open file's.
    ///
    /// # Errors
    /// The system's.
    pub fn of(file: &File) -> io::Result<Self> {
        system::of(file).map(Self)
    }

    /// The file's at a path, or that to which a symbolic link there leads.
    ///
    /// # Errors
    /// The system's, also if there is none.
    pub fn at(path: &Path) -> io::Result<Self> {
        system::at(path).map(Self)
    }
}

/// A file that others may replace: whether what is at its path later is still that file. No other file is taken for it,
/// even if it is deleted meanwhile.
#[derive(Debug)]
pub struct RememberedFile {
    id: FileId,
    _kept: system::Kept,
}

impl RememberedFile {
    /// Remembers an open file.
    ///
    /// # Errors
    /// The system's.
    pub fn new(file: &File) -> io::Result<Self> {
        Ok(Self {
            id: FileId::of(file)?,
            _kept: system::keep(file)?,
        })
    }

    /// Whether this is it.
    ///
    /// # Errors
    /// The system's.
    pub fn is(&self, file: &File) -> io::Result<bool> {
        Ok(self.id == FileId::of(file)?)
    }
}

/// Whether an open file has lost its last name: nobody finds it any more.
///
/// # Errors
/// The system's.
pub fn is_deleted(file: &File) -> io::Result<bool> {
    system::is_deleted(file)
}

/// Whether an open file can have been written only by the account of this process, or by an administrator. Windows does
/// not say: an administrator's file has the administrator's own account as its owner. There the folder's access list keeps
/// others out.
///
/// # Errors
/// The system's.
pub fn is_own(file: &File) -> io::Result<bool> {
    system::is_own(file)
}

/// Why others than this account and root may have written what is in a file, as the end of a sentence; `None` if they have
/// not. Root takes a person's file, which it serves for that person. As with [`is_own`], Windows does not say.
///
/// # Errors
/// The system's, also if there is no such file.
pub fn foreign_writer(path: &Path) -> io::Result<Option<String>> {
    system::foreign_writer(path)
}

/// Changes with everything that is done to a file: its contents, its owner and who may read it, as far as the system
/// tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(system::Stamp);

impl Stamp {
    /// The one of the file at a path; `None` if it cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        system::stamp(path).ok().map(Self)
    }
}

#[cfg(unix)]
mod system {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use nix::unistd::{Gid, Group, Uid, User, geteuid};

    /// Device and inode.
    pub(super) type Id = (u64, u64);

    pub(super) fn of(file: &File) -> io::Result<Id> {
        file.metadata().map(|about| id(&about))
    }

    pub(super) fn at(path: &Path) -> io::Result<Id> {
        std::fs::metadata(path).map(|about| id(&about))
    }

    fn id(about: &Metadata) -> Id {
        (about.dev(), about.ino())
    }

    /// An inode is given to another file once nobody has it open.
    pub(super) type Kept = File;

    pub(super) fn keep(file: &File) -> io::Result<Kept> {
        file.try_clone()
    }

    pub(super) fn is_deleted(file: &File) -> io::Result<bool> {
        file.metadata().map(|about| about.nlink() == 0)
    }

    pub(super) fn is_own(file: &File) -> io::Result<bool> {
        let about = file.metadata()?;
        let own = geteuid().as_raw();
        Ok(is_trusted(about.uid(), about.mode(), own))
    }

    /// Whether only root and the account `own` can have written a file of this owner and mode.
    fn is_trusted(owner: u32, mode: u32, own: u32) -> bool {
        (owner == 0 || owner == own) && mode & OTHERS_WRITE == 0
    }

    /// Write permission of the group and of everybody else.
    const OTHERS_WRITE: u32 = 0o022;
    const GROUP_WRITES: u32 = 0o020;

    pub(super) fn foreign_writer(path: &Path) -> io::Result<Option<String>> {
        let own = geteuid().as_raw();
        let (link, file) = (std::fs::symlink_metadata(path)?, std::fs::metadata(path)?);
        // Everybody may "write" a link: what counts is whose it is.
        let link = foreign(link.uid(), 0, own);
        let mode = match is_private_group(file.gid(), file.uid()) {
            true => file.mode() & !GROUP_WRITES,
            false => file.mode(),
        };
        Ok(link.or_else(|| foreign(file.uid(), mode, own)))
    }

    /// Whether a group is that of one account alone, by its name, as most distributions make one for each person: files are
    /// writable by it then where the umask is 002.
    fn is_private_group(group: u32, owner: u32) -> bool {
        let group = Group::from_gid(Gid::from_raw(group)).ok().flatten();
        let owner = User::from_uid(Uid::from_raw(owner)).ok().flatten();
        let named = group.zip(owner);
        named.is_some_and(|(group, owner)| {
            group.name == owner.name && group.mem.iter().all(|member| *member == owner.name)
        })
    }

    fn foreign(owner: u32, mode: u32, own: u32) -> Option<String> {
        let is_root = own == 0;
        if is_trusted(if is_root { 0 } else { owner }, mode, own) {
            return None;
        }
        let name = User::from_uid(Uid::from_raw(owner)).ok().flatten();
        let name = name.map_or_else(|| owner.to_string(), |user| user.name);
        Some(match mode & OTHERS_WRITE {
            0 => format!("belongs to the account {name}, and not to this one or root"),
            _ => format!(
                "can be written by others than its owner, the account {name} (mode {:04o})",
                mode & 0o7777
            ),
        })
    }

    /// The size, the inode, and the times of the last write and of the last change of owner or mode.
    pub(super) type Stamp = (u64, u64, [(i64, i64); 2]);

    pub(super) fn stamp(path: &Path) -> io::Result<Stamp> {
        let about = std::fs::metadata(path)?;
        let written = (about.mtime(), about.mtime_nsec());
        let changed = (about.ctime(), about.ctime_nsec());
        Ok((about.len(), about.ino(), [written, changed]))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const ANN: u32 = 1000;
        const BOB: u32 = 1001;

        #[test]
        fn files_of_others_and_those_that_others_can_write_are_not_trusted() {
            for (owner, mode, own, trusted, served) in [
                (ANN, 0o600, ANN, true, true),
                (ANN, 0o100_644, ANN, true, true),
                (ANN, 0o664, ANN, false, false),
                (ANN, 0o602, ANN, false, false),
                (0, 0o644, ANN, true, true),
                (0, 0o666, ANN, false, false),
                (BOB, 0o600, ANN, false, false),
                (BOB, 0o664, ANN, false, false),
                (0, 0o644, 0, true, true),
                (0, 0o620, 0, false, false),
                // Root takes no token from a person, but serves with a person's settings.
                (ANN, 0o644, 0, false, true),
                (ANN, 0o664, 0, false, false),
            ] {
                let case = format!("{owner} {mode:o} {own}");
                assert_eq!(is_trusted(owner, mode, own), trusted, "{case}");
                assert_eq!(foreign(owner, mode, own).is_none(), served, "{case}");
            }
            let owned = foreign(u32::MAX - 7, 0o644, ANN).unwrap();
            assert!(owned.contains("the account 4294967288,"), "{owned}");
            let open = foreign(0, 0o666, ANN).unwrap();
            assert!(open.contains("the account root (mode 0666)"), "{open}");
        }
    }
}

#[cfg(windows)]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::MetadataExt;
    use std::path::Path;

    use winapi_util::file::information;

    /// The volume's serial number, the file's index there, and when it was made: FAT gives an index again.
    pub(super) type Id = (u64, u64, u64);

    pub(super) fn of(file: &File) -> io::Result<Id> {
        let about = information(file)?;
        let made = about.creation_time().unwrap_or(0);
        Ok((about.volume_serial_number(), about.file_index(), made))
    }

    pub(super) fn at(path: &Path) -> io::Result<Id> {
        of(&File::open(path)?)
    }

    /// Nothing: the time of creation tells files apart, and a file that is open is not replaced on every Windows.
    pub(super) type Kept = ();

    pub(super) fn keep(_: &File) -> io::Result<Kept> {
        Ok(())
    }

    pub(super) fn is_deleted(file: &File) -> io::Result<bool> {
        information(file).map(|about| about.number_of_links() == 0)
    }

    pub(super) fn is_own(_: &File) -> io::Result<bool> {
        Ok(true)
    }

    pub(super) fn foreign_writer(_: &Path) -> io::Result<Option<String>> {
        Ok(None)
    }

    /// The size, the attributes, and the times of creation and of the last write.
    pub(super) type Stamp = (u64, u32, [u64; 2]);

    pub(super) fn stamp(path: &Path) -> io::Result<Stamp> {
        let about = std::fs::metadata(path)?;
        let times = [about.creation_time(), about.last_write_time()];
        Ok((about.file_size(), about.file_attributes(), times))
    }
}
