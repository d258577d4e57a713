//! The tokens of programs that use the console's API, as digests in the data directory.
//!
//! In: a data directory, and a name; out: a token, which is shown once, or the name of a token that fits. A token is 256
//! random bits: nobody guesses one, so a plain digest keeps it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::file_error::named;
use super::{durable_write, private};

/// The file's name.
const FILE: &str = "console.tokens";

/// By this a token is known where it should not be: in a log, or in a repository.
const PREFIX: &str = "popgate_";

/// The most letters of a name.
const NAME: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct ApiTokens;

impl ApiTokens {
    /// Makes a token of this name, in place of one that there is.
    ///
    /// # Errors
    /// The system's, with the path; and if it is no name.
    pub fn add(data_dir: &Path, name: &str) -> io::Result<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > NAME || !name.chars().all(is_name) {
            let what = format!(
                "`{name}` is no name of a token: take up to {NAME} letters, digits, dots, hyphens and underscores"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut octets = [0; 32];
        let filled = SystemRandom::new().fill(&mut octets);
        filled.map_err(|_| io::Error::other("there are no random octets"))?;
        let token = format!("{PREFIX}{}", hexadecimal(&octets));
        let mut all = read(data_dir)?;
        all.retain(|(of, _)| of != name);
        all.push((name.to_owned(), digest_of(&token)));
        write(data_dir, &all)?;
        Ok(token)
    }

    /// Removes the token of this name; says whether there was one.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn remove(data_dir: &Path, name: &str) -> io::Result<bool> {
        let mut all = read(data_dir)?;
        let before = all.len();
        all.retain(|(of, _)| of != name);
        if all.len() < before {
            write(data_dir, &all)?;
        }
        Ok(all.len() < before)
    }

    /// The names, sorted.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn names(data_dir: &Path) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = read(data_dir)?.into_iter().map(|(name, _)| name).collect();
        names.sort();
        Ok(names)
    }

    /// The name of this token; `None` if it is none.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn name_of(data_dir: &Path, token: &str) -> io::Result<Option<String>> {
        let tried = digest_of(token);
        // Digests are compared: how long that takes tells nothing about a token.
        let found = read(data_dir)?.into_iter().find(|(_, kept)| *kept == tried);
        Ok(found.map(|(name, _)| name))
    }
}

/// Each name, and its digest.
fn read(data_dir: &Path) -> io::Result<Vec<(String, String)>> {
    let text = match fs::read_to_string(path(data_dir)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(named(&path(data_dir), &error)),
    };
    let lines = text.lines().map(|line| {
        let (name, digest) = line.split_once(' ')?;
        Some((name.to_owned(), digest.to_owned()))
    });
    let damaged = || {
        let error = io::Error::other("is damaged; delete it, and make new tokens");
        named(&path(data_dir), &error)
    };
    lines.collect::<Option<_>>().ok_or_else(damaged)
}

fn write(data_dir: &Path, all: &[(String, String)]) -> io::Result<()> {
    let lines: String = all
        .iter()
        .map(|(name, digest)| format!("{name} {digest}\n"))
        .collect();
    let written =
        private(data_dir).and_then(|()| durable_write::replace(&path(data_dir), lines.as_bytes()));
    written.map_err(|error| named(&path(data_dir), &error))
}

fn digest_of(token: &str) -> String {
    hexadecimal(digest(&SHA256, token.as_bytes()).as_ref())
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_until_it_is_replaced_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let name_of = |token: &str| ApiTokens::name_of(dir.path(), token).unwrap();
        assert_eq!(name_of(""), None);
        let first = ApiTokens::add(dir.path(), "backup").unwrap();
        let other = ApiTokens::add(dir.path(), "home-assistant").unwrap();
        assert_eq!(name_of(&first).as_deref(), Some("backup"));
        assert_eq!(name_of(&other).as_deref(), Some("home-assistant"));
        let text = fs::read_to_string(path(dir.path())).unwrap();
        assert!(!text.contains(&first) && !text.contains(PREFIX), "{text}");
        let second = ApiTokens::add(dir.path(), "backup").unwrap();
        assert_eq!(name_of(&first), None);
        assert_eq!(name_of(&second).as_deref(), Some("backup"));
        assert_eq!(
            ApiTokens::names(dir.path()).unwrap(),
            ["backup", "home-assistant"]
        );
        assert!(ApiTokens::remove(dir.path(), "backup").unwrap());
        assert!(!ApiTokens::remove(dir.path(), "backup").unwrap());
        assert_eq!(name_of(&second), None);
        for wrong in ["", "a b", "a\nb", &"x".repeat(65)] {
            assert!(ApiTokens::add(dir.path(), wrong).is_err(), "{wrong:?}");
        }
        fs::write(path(dir.path()), "nonsense\n").unwrap();
        let error = ApiTokens::names(dir.path()).unwrap_err().to_string();
        assert!(error.contains("console.tokens: is damaged"), "{error}");
    }
}
