//! How files are opened that may not be what they were expected to be, and read and written at a place.

use std::fs::{File, OpenOptions};
use std::io;

/// Opens without waiting for the other end of a pipe.
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    system::without_waiting(options)
}

/// Opens neither what a symbolic link leads to, nor waits for the other end of a pipe. Where the system opens the link
/// itself, that is no regular file.
pub fn without_following(options: &mut OpenOptions) -> &mut OpenOptions {
    system::without_following(options)
}

/// Opens so that the file's time can be set, and the file be synchronised, which one that is opened to read is not
/// everywhere.
pub fn able_to_touch(options: &mut OpenOptions) -> &mut OpenOptions {
    system::able_to_touch(options)
}

/// Fills the buffer from this place of the file on.
///
/// # Errors
/// The system's, also if the file ends before.
pub fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    system::read_exact_at(file, buffer, at)
}

/// Writes all octets from this place of the file on.
///
/// # Errors
/// The system's; some may have been written then.
pub fn write_all_at(file: &File, octets: &[u8], at: u64) -> io::Result<()> {
    system::write_all_at(file, octets, at)
}

#[cfg(unix)]
mod system {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::{FileExt, OpenOptionsExt};

    use nix::fcntl::OFlag;

    pub(super) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags(OFlag::O_NONBLOCK.bits())
    }

    pub(super) fn without_following(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
    }

    /// The owner may.
    pub(super) fn able_to_touch(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
        file.read_exact_at(buffer, at)
    }

    pub(super) fn write_all_at(file: &File, octets: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(octets, at)
    }
}

#[cfg(windows)]
mod system {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::windows::fs::{FileExt, OpenOptionsExt};

    /// Opens a symbolic link or another reparse point itself.
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

    /// Pipes have a name space of their own, and opening one never waits.
    pub(super) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(super) fn without_following(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
    }

    pub(super) fn able_to_touch(options: &mut OpenOptions) -> &mut OpenOptions {
        options.write(true)
    }

    pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match file.seek_read(buffer, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buffer = &mut buffer[count..];
                    at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn write_all_at(file: &File, mut octets: &[u8], mut at: u64) -> io::Result<()> {
        while !octets.is_empty() {
            match file.seek_write(octets, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    octets = &octets[count..];
                    at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
