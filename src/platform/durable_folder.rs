//! Makes a change of a folder, as a new name in it, survive a power failure.

use std::io;
use std::path::Path;

/// Returns once the names in a folder are on disk.
///
/// # Errors
/// The system's.
#[cfg(unix)]
pub fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Returns once the names in a folder are on disk, where the file system can be asked for that: NTFS writes them in order by
/// itself, and FAT does not know.
///
/// # Errors
/// The system's.
#[cfg(windows)]
pub fn sync(folder: &Path) -> io::Result<()> {
    use std::os::windows::fs::OpenOptionsExt;

    /// Without it a folder is not opened at all.
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    /// ERROR_INVALID_FUNCTION, ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_NOT_SUPPORTED, ERROR_INVALID_PARAMETER.
    const CANNOT: [i32; 5] = [1, 5, 6, 50, 87];

    let mut options = std::fs::OpenOptions::new();
    options.write(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    let synced = options.open(folder).and_then(|folder| folder.sync_all());
    match synced {
        Err(error)
            if error
                .raw_os_error()
                .is_some_and(|code| CANNOT.contains(&code)) =>
        {
            Ok(())
        }
        synced => synced,
    }
}
