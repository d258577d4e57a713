//! The password of the console's administrator, as a digest in the data directory.
//!
//! In: a data directory and a password; out: a file that only its owner can read, or whether the password is the one.
//! Argon2id (RFC 9106) with OWASP's minimum: 19 MiB, two passes, one lane.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::durable_write;
use super::file_error::named;
use crate::platform::private_files::create_folder;

/// The file's name.
const FILE: &str = "console.password";

/// What is before salt and digest: the algorithm and its cost, as other programs write them.
const PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// The octets of salt and digest.
const SALT: usize = 16;
const DIGEST: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct ConsolePassword;

impl ConsolePassword {
    /// Whether there is one.
    pub fn is_set(data_dir: &Path) -> bool {
        path(data_dir).exists()
    }

    /// Sets it.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn set(data_dir: &Path, password: &str) -> io::Result<()> {
        let mut salt = [0; SALT];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_| io::Error::other("there are no random octets"))?;
        let digest = derived(password, &salt)?;
        let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
        let text = format!("{PREFIX}{salt}${digest}\n");
        let written = create_folder(data_dir)
            .and_then(|()| durable_write::replace(&path(data_dir), text.as_bytes()));
        written.map_err(|error| named(&path(data_dir), &error))
    }

    /// Whether this is the password; there is none if none was set.
    ///
    /// # Errors
    /// The system's, with the path, and if the file is something else.
    pub fn verify(data_dir: &Path, password: &str) -> io::Result<bool> {
        let text = match fs::read_to_string(path(data_dir)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(named(&path(data_dir), &error)),
        };
        let damaged = || {
            let error = io::Error::other("is damaged; set the password again: popgate passwd");
            named(&path(data_dir), &error)
        };
        let parts = text.trim_end().strip_prefix(PREFIX);
        let (salt, kept) = parts
            .and_then(|it| it.split_once('$'))
            .ok_or_else(damaged)?;
        let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| damaged())?;
        let kept = STANDARD_NO_PAD.decode(kept).map_err(|_| damaged())?;
        let tried = derived(password, &salt)?;
        // Digests of digests: how long it takes to compare them tells nothing about the password.
        Ok(digest(&SHA256, &tried).as_ref() == digest(&SHA256, &kept).as_ref())
    }
}

fn derived(password: &str, salt: &[u8]) -> io::Result<[u8; DIGEST]> {
    let failed = |error: argon2::Error| io::Error::other(error.to_string());
    let params = Params::new(19 * 1024, 2, 1, Some(DIGEST)).map_err(failed)?;
    let mut digest = [0; DIGEST];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut digest)
        .map_err(failed)?;
    Ok(digest)
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_that_was_set_last_fits() {
        let dir = tempfile::tempdir().unwrap();
        let fits = |password| ConsolePassword::verify(dir.path(), password);
        assert!(!ConsolePassword::is_set(dir.path()));
        assert!(!fits("").unwrap());
        ConsolePassword::set(dir.path(), "first").unwrap();
        assert!(ConsolePassword::is_set(dir.path()));
        assert!(fits("first").unwrap());
        ConsolePassword::set(dir.path(), "second").unwrap();
        assert!(!fits("first").unwrap() && !fits("").unwrap());
        assert!(fits("second").unwrap());
        let text = fs::read_to_string(path(dir.path())).unwrap();
        assert!(text.starts_with("$argon2id$") && !text.contains("second"));
        fs::write(path(dir.path()), "x").unwrap();
        let error = fits("second").unwrap_err().to_string();
        assert!(error.contains("console.password: is damaged"), "{error}");
    }
}
