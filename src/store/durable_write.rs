//! Files that are complete or absent after a crash, and that only their owner may read.
//!
//! In: a path and bytes; out: a file that is on disk when this returns. Not by a crate such as tempfile: owner
//! and mode matter, and the folder must be synchronised, too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::temporary;
use crate::platform::durable_folder;
use crate::platform::file_errors::has_no_links;
use crate::platform::file_replacement;
use crate::platform::private_files::{given_to_owner, owner_only};

/// Replaces or creates a file; a device or a pipe is written to directly.
///
/// # Errors
/// The system's; the file that was there stays then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        return fs::write(path, bytes);
    }
    replace_through(&temporary_name(path), path, bytes).map(drop)
}

/// As [`replace`], with a name for the temporary file on the same file system; the file stays open for
/// more.
pub(super) fn replace_through(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<File> {
    through(temporary, bytes, |file| {
        file_replacement::replace(temporary, path)?;
        sync_folder(path)?;
        // It is no temporary file any more, and where locks are mandatory nobody else could read it.
        let _ = file.unlock();
        Ok(file)
    })
}

/// Creates a file.
///
/// # Errors
/// The system's, also if there is one; nothing of it is left then.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    let linked = through(&temporary, bytes, |_| {
        // Unlike renaming, it overwrites nothing.
        fs::hard_link(&temporary, path)?;
        fs::remove_file(&temporary)?;
        sync_folder(path)
    });
    match linked {
        Err(error) if has_no_links(&error) => create_directly(path, bytes),
        linked => linked,
    }
}

fn create_directly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    owner_only(options.write(true).create_new(true));
    let file = given_to_owner(options.open(path)?, path)?;
    let written = write(&file, bytes).and_then(|()| sync_folder(path));
    written.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// Writes a temporary file and moves it to its place; it is removed if that fails.
fn through<R>(
    temporary: &Path,
    bytes: &[u8],
    place: impl FnOnce(File) -> io::Result<R>,
) -> io::Result<R> {
    let written = || {
        let file = temporary::create(temporary)?;
        write(&file, bytes)?;
        place(file)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Beside the file: a name that begins with a dot and ends in 16 hexadecimal digits.
/// A name for the temporary file, which no other writer has.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}", fastrand::u64(..)))
}

/// Whether a name is that of a temporary file that [`replace`] or [`create`] writes for a file whose name ends
/// in this.
pub(super) fn is_temporary_for(ending: &str, name: &str) -> bool {
    let parts = name.strip_prefix('.').and_then(|it| it.rsplit_once('.'));
    parts.is_some_and(|(of, random)| {
        let is_hex = random.bytes().all(|byte| byte.is_ascii_hexdigit());
        of.ends_with(ending) && random.len() == 16 && is_hex
    })
}

/// A file's name is durable only when its folder is.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    durable_folder::sync(folder)
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
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let other = folder.path().join("other");
        create_directly(&other, b"first").unwrap();
        assert!(create_directly(&other, b"second").is_err());
        assert_eq!(fs::read(&other).unwrap(), b"first");
    }

    #[test]
    fn temporary_files_are_known_by_their_names() {
        let name = temporary_name(Path::new("tokens/ab.token"));
        let name = name.file_name().unwrap().to_str().unwrap();
        assert!(is_temporary_for(".token", name), "{name}");
        for other in [
            ".token",
            ".ab.token",
            "ab.token.0123456789abcdef",
            ".x.0123456789abcdef",
        ] {
            assert!(!is_temporary_for(".token", other), "{other}");
        }
    }
}
