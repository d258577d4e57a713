//! A token by which a person on this machine opens the console: who can write into the data directory is its owner.
//!
//! In: a data directory and a token; out: a file, or whether a token is the one in it. It is good for once, within a
//! minute, and a new one replaces it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::durable_write;

/// The file's name.
const FILE: &str = "console.open";

/// How long a token can be used: a browser opens at once.
const LASTS: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct OpeningToken;

impl OpeningToken {
    /// Writes a token's digest.
    ///
    /// # Errors
    /// The system's, as when the folder is somebody else's.
    pub fn put(data_dir: &Path, token: &str) -> io::Result<()> {
        durable_write::replace(&path(data_dir), hex(token).as_bytes())
    }

    /// Whether this is the token; it is none from then on.
    pub fn takes(data_dir: &Path, token: &str) -> bool {
        let path = path(data_dir);
        let fits = || -> io::Result<bool> {
            let age = fs::metadata(&path)?.modified()?.elapsed();
            // One from the future is as old as can be.
            let is_new = age.is_ok_and(|age| age <= LASTS);
            // Digests are compared: how long that takes says nothing of the token.
            Ok(is_new && fs::read_to_string(&path)? == hex(token))
        };
        // Only who removes it may use it.
        fits().unwrap_or(false) && fs::remove_file(&path).is_ok()
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

fn hex(token: &str) -> String {
    let digest = digest(&SHA256, token.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_token_is_good_for_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!OpeningToken::takes(dir.path(), "a"));
        OpeningToken::put(dir.path(), "a").unwrap();
        assert_ne!(fs::read_to_string(path(dir.path())).unwrap(), "a");
        assert!(!OpeningToken::takes(dir.path(), "b"));
        assert!(OpeningToken::takes(dir.path(), "a"));
        assert!(!OpeningToken::takes(dir.path(), "a"));
    }

    #[test]
    fn a_token_that_is_old_or_from_the_future_is_none() {
        let dir = tempfile::tempdir().unwrap();
        OpeningToken::put(dir.path(), "a").unwrap();
        let file = fs::File::options()
            .write(true)
            .open(path(dir.path()))
            .unwrap();
        let now = SystemTime::now();
        for time in [now - 2 * LASTS, now + 2 * LASTS] {
            file.set_modified(time).unwrap();
            assert!(!OpeningToken::takes(dir.path(), "a"));
        }
        file.set_modified(now).unwrap();
        assert!(OpeningToken::takes(dir.path(), "a"));
    }
}
