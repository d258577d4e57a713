//! Files that are complete or absent after a crash, and that only their owner may read.
//!
//! In: a path and bytes; out: a file that is on disk when this returns. Not by a crate such as tempfile: owner
//! and mode matter, and the folder must be synchronised, too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::given_to_owner;

/// If root writes into a user's folder, a symbolic link must not redirect the write.
pub(super) const NO_LINK: i32 = nix::fcntl::OFlag::O_NOFOLLOW.bits();

/// Replaces or creates a file; a device or a pipe is written to directly.
///
/// # Errors
/// The system's; the file that was there stays then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        return fs::write(path, bytes);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{:016x}", fastrand::u64(..)));
    replace_through(&temporary, path, bytes).map(drop)
}

/// As [`replace`], with a name for the temporary file on the same file system; the file stays open for
/// more.
pub(super) fn replace_through(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let written = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let file = write(&options, temporary, bytes)?;
        fs::rename(temporary, path)?;
        sync_folder(path)?;
        Ok(file)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

/// Creates a file.
///
/// # Errors
/// The system's, also if there is one; nothing of it is left then.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match write(&options, path, bytes).and_then(|_| sync_folder(path)) {
        // The file belongs to another writer.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        written => written.inspect_err(|_| {
            let _ = fs::remove_file(path);
        }),
    }
}

fn write(options: &OpenOptions, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut options = options.clone();
    options.mode(0o600).custom_flags(NO_LINK);
    let mut file = given_to_owner(options.open(path)?, path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// A file's name is durable only when its folder is.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_atomically_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["a longer text", "short"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"text").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn creating_a_file_overwrites_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create(&path, b"first").unwrap();
        assert!(create(&path, b"second").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }
}
