//! OAuth tokens on disk: a file per upstream and user, encrypted with a key derived from the user's password.
//!
//! In: a provider's grant, and the password that the mail client will send; out: the grant, for anyone who has
//! the password. popgate stores neither password nor key, so that a stolen disk gives access to no mailbox. A
//! file names its upstream, but not the user.

mod seal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::{durable_write, private};
use crate::pop3::Secret;
pub use seal::Grant;
use seal::OpenError;

/// Why a grant cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokensError {
    /// None is stored.
    None,
    /// It was encrypted with another password.
    WrongPassword,
    /// A later release wrote it.
    Newer(PathBuf),
    /// It is not a token file, or an incomplete one.
    Damaged(PathBuf),
    /// The system's error.
    Io(PathBuf, io::Error),
}

impl fmt::Display for TokensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => {
                f.write_str("no token is stored for this account; `popgate oauth add` stores one")
            }
            Self::WrongPassword => {
                f.write_str("the password is not the one that the account's token was stored with")
            }
            Self::Newer(path) => write!(
                f,
                "{}: written by a later release of popgate; use that one",
                path.display()
            ),
            Self::Damaged(path) => write!(
                f,
                "{}: damaged; remove it and run `popgate oauth add` again",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for TokensError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

/// The folder of the files.
#[derive(Debug, Clone)]
pub struct Tokens {
    folder: PathBuf,
}

impl Tokens {
    /// Opens the tokens of a data directory, and creates their folder if it is missing.
    ///
    /// # Errors
    /// The system's.
    pub fn open(data_dir: &Path) -> Result<Self, TokensError> {
        let folder = data_dir.join("tokens");
        private(&folder).map_err(|error| TokensError::Io(folder.clone(), error))?;
        Ok(Self { folder })
    }

    fn path(&self, upstream: &str, account: &str) -> PathBuf {
        let name = digest(&SHA256, bound_to(upstream, account).as_bytes());
        let hex: String = name.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        self.folder.join(format!("{hex}.token"))
    }

    /// Stores a grant, replacing the previous one.
    ///
    /// # Errors
    /// The system's; the one before it is still there then.
    pub fn put(
        &self,
        upstream: &str,
        account: &str,
        password: &Secret,
        grant: &Grant,
    ) -> Result<(), TokensError> {
        let path = self.path(upstream, account);
        seal::seal(grant, password, upstream, &bound_to(upstream, account))
            .map_err(io::Error::other)
            .and_then(|text| durable_write::replace(&path, &text))
            .map_err(|error| TokensError::Io(path, error))
    }

    /// The grant of an account, if this is its password.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn read(
        &self,
        upstream: &str,
        account: &str,
        password: &Secret,
    ) -> Result<Grant, TokensError> {
        let path = self.path(upstream, account);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(TokensError::None),
            Err(error) => return Err(TokensError::Io(path, error)),
        };
        seal::open(&text, password, &bound_to(upstream, account)).map_err(|error| match error {
            OpenError::WrongPassword => TokensError::WrongPassword,
            OpenError::Newer => TokensError::Newer(path),
            OpenError::Damaged => TokensError::Damaged(path),
        })
    }

    /// The upstream of each stored token, sorted.
    ///
    /// # Errors
    /// The system's, and a file that is damaged.
    pub fn upstreams(&self) -> Result<Vec<String>, TokensError> {
        let failed = |error| TokensError::Io(self.folder.clone(), error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|it| it == "token") {
                let text = fs::read(&path).map_err(failed)?;
                found.push(seal::upstream_of(&text).ok_or(TokensError::Damaged(path))?);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes an account's token; whether there was one.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, upstream: &str, account: &str) -> Result<bool, TokensError> {
        let path = self.path(upstream, account);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(TokensError::Io(path, error)),
        }
    }
}

/// The upstream and user of a file; few servers distinguish case.
fn bound_to(upstream: &str, account: &str) -> String {
    format!("{upstream}\0{}", account.to_lowercase())
}
