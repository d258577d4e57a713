//! Puts a file in the place of another one, which somebody may have open at that moment.

use std::io;
use std::path::Path;

/// As [`std::fs::rename`].
///
/// # Errors
/// The system's.
#[cfg(unix)]
pub fn replace(new: &Path, path: &Path) -> io::Result<()> {
    std::fs::rename(new, path)
}

/// As [`std::fs::rename`], retried while the file is in use: not every Windows replaces a file that is open, and a virus scanner
/// or a popgate that reads what was learned has it open for a moment.
///
/// # Errors
/// The system's, if the file stays in use for a second, too.
#[cfg(windows)]
pub fn replace(new: &Path, path: &Path) -> io::Result<()> {
    use std::time::{Duration, Instant};

    /// ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION.
    const IN_USE: [i32; 3] = [5, 32, 33];
    const PATIENCE: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(5);

    let begun = Instant::now();
    loop {
        match std::fs::rename(new, path) {
            Err(error)
                if begun.elapsed() < PATIENCE
                    && error
                        .raw_os_error()
                        .is_some_and(|code| IN_USE.contains(&code)) =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}
