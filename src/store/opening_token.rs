//! A token by which a person on this machine opens the console: who can write into the data directory is its owner.
//!
//! In: a data directory and a token; out: a file, or whether a token is the one in it. It is good for once, for a few
//! minutes, and a new one replaces it. Where other accounts can make files in the directory, too, theirs are not accepted.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::durable_write;
use crate::platform::file_access::without_following;
use crate::platform::file_identity::is_own;

/// The file's name.
const FILE: &str = "console.open";

/// See the module.
#[derive(Debug)]
pub struct OpeningToken;

impl OpeningToken {
    /// How long a token can be used: a person has to copy an address into a browser, and to press a button there.
    pub const LASTS: Duration = Duration::from_secs(300);

    /// Writes a token's digest.
    ///
    /// # Errors
    /// The system's, as when the folder is somebody else's.
    pub fn put(data_dir: &Path, token: &str) -> io::Result<()> {
        let path = path(data_dir);
        let temporary = durable_write::temporary_name(&path);
        // Root may write into a user's folder: a link or a device of this name is replaced, and never written to.
        let written = durable_write::replace_through(&temporary, &path, hex(token).as_bytes());
        written.map(drop)
    }

    /// Whether this is the token; it is not accepted from then on.
    pub fn takes(data_dir: &Path, token: &str) -> bool {
        let path = path(data_dir);
        let fits = || -> io::Result<bool> {
            let file = without_following(fs::File::options().read(true)).open(&path)?;
            let about = file.metadata()?;
            let age = about.modified()?.elapsed();
            // One from the future is as old as can be.
            let is_new = about.is_file() && age.is_ok_and(|age| age <= Self::LASTS);
            let is_own = is_new && is_own(&file)?;
            let expected = hex(token);
            let mut found = String::new();
            // One octet more than the digest shows that there is more.
            let most = expected.len() as u64 + 1;
            file.take(most).read_to_string(&mut found)?;
            // Digests are compared: how long that takes says nothing of the token.
            Ok(is_own && found == expected)
        };
        // Only who removes it may use it.
        fits().unwrap_or(false) && fs::remove_file(&path).is_ok()
    }

    /// Removes the token: another process that had the console's port before may have received it.
    pub fn forget(data_dir: &Path) {
        // If it cannot be removed, this process could not take it either.
        let _ = fs::remove_file(path(data_dir));
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
    fn a_forgotten_token_is_not_accepted() {
        let dir = tempfile::tempdir().unwrap();
        OpeningToken::forget(dir.path());
        OpeningToken::put(dir.path(), "a").unwrap();
        OpeningToken::forget(dir.path());
        assert!(!OpeningToken::takes(dir.path(), "a"));
    }

    #[test]
    fn a_token_that_is_old_or_from_the_future_is_not_accepted() {
        let dir = tempfile::tempdir().unwrap();
        OpeningToken::put(dir.path(), "a").unwrap();
        let file = fs::File::options()
            .write(true)
            .open(path(dir.path()))
            .unwrap();
        let now = SystemTime::now();
        let long = 2 * OpeningToken::LASTS;
        for time in [now - long, now + long] {
            file.set_modified(time).unwrap();
            assert!(!OpeningToken::takes(dir.path(), "a"));
        }
        file.set_modified(now).unwrap();
        assert!(OpeningToken::takes(dir.path(), "a"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_write_is_not_accepted() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        OpeningToken::put(dir.path(), "a").unwrap();
        let file = fs::File::open(path(dir.path())).unwrap();
        for mode in [0o620, 0o602, 0o666] {
            file.set_permissions(fs::Permissions::from_mode(mode))
                .unwrap();
            assert!(!OpeningToken::takes(dir.path(), "a"), "{mode:o}");
        }
        // Who may read it finds a digest.
        file.set_permissions(fs::Permissions::from_mode(0o644))
            .unwrap();
        assert!(OpeningToken::takes(dir.path(), "a"));
    }

    /// Only root can make such a file: this needs root, and without it nothing is tested.
    #[cfg(unix)]
    #[test]
    fn a_file_of_another_account_is_not_accepted() {
        let dir = tempfile::tempdir().unwrap();
        OpeningToken::put(dir.path(), "a").unwrap();
        let path = path(dir.path());
        match std::os::unix::fs::chown(&path, Some(4711), None) {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
            Ok(()) => {
                assert!(!OpeningToken::takes(dir.path(), "a"));
                std::os::unix::fs::chown(&path, Some(0), None).unwrap();
                assert!(OpeningToken::takes(dir.path(), "a"));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_none_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        fs::write(&other, hex("a")).unwrap();
        std::os::unix::fs::symlink(&other, path(dir.path())).unwrap();
        assert!(!OpeningToken::takes(dir.path(), "a"));
        OpeningToken::put(dir.path(), "b").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), hex("a"));
        assert!(OpeningToken::takes(dir.path(), "b"));
    }
}
