//! The key of the hashes that stand for senders and subjects in the history, in the data directory.
//!
//! In: a data directory; out: 32 random octets, the same ones from then on. Without the file nobody can test a guess
//! against the hashes.

use std::fs;
use std::io;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};

use super::{durable_write, file_error};
use crate::platform::private_files::create_folder;

/// The file's name.
const FILE: &str = "history.key";

/// Octets of a key.
const LENGTH: usize = 32;

/// Reads the key; makes one if there is none.
///
/// # Errors
/// The system's, with the path, and if the file is something else.
pub fn open_history_key(data_dir: &Path) -> io::Result<[u8; LENGTH]> {
    let path = data_dir.join(FILE);
    let named = |error: io::Error| file_error::named(&path, &error);
    match fs::read(&path) {
        Ok(octets) => octets.try_into().map_err(|_| {
            let message = format!("has not the {LENGTH} octets of a key; restore it, or remove it");
            named(io::Error::new(io::ErrorKind::InvalidData, message))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; LENGTH];
            let made = SystemRandom::new().fill(&mut key);
            made.map_err(|_| named(io::Error::other("there are no random octets")))?;
            create_folder(data_dir).map_err(named)?;
            durable_write::replace(&path, &key).map_err(named)?;
            Ok(key)
        }
        Err(error) => Err(named(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_another_file_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let key = open_history_key(dir.path()).unwrap();
        assert_ne!(key, [0; LENGTH]);
        assert_eq!(open_history_key(dir.path()).unwrap(), key);
        fs::write(dir.path().join(FILE), "short").unwrap();
        let error = open_history_key(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("history.key") && error.contains("32 octets"),
            "{error}"
        );
    }
}
