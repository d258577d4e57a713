//! OAuth tokens on disk: a file per upstream and user, encrypted with a key derived from the user's password.
//!
//! In: a provider's grant, and the password that the mail client will send; out: the grant, for anyone who has
//! the password. popgate stores neither password nor key, so that a stolen disk gives access to no mailbox. A
//! file names its upstream, but not the user.

mod seal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::durable_write;
use crate::platform::private_files::create_folder;
use crate::platform::{file_access, file_errors};
use crate::pop3::Secret;
use seal::OpenError;
pub use seal::{Grant, GrantKind, SealKey};

/// A token file is smaller.
const LARGEST: u64 = 64 << 10;

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
    /// It is not a token file, not this account's, or an incomplete one.
    Damaged(PathBuf),
    /// This file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// No file can be read or written.
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
            Self::Unreadable(path, error) | Self::Io(path, error) => {
                write!(f, "{}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for TokensError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) | Self::Io(_, error) => Some(error),
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
        create_folder(&folder).map_err(|error| TokensError::Io(folder.clone(), error))?;
        Ok(Self { folder })
    }

    /// The path of an account's file, and the name that is part of its checksum.
    fn path(&self, upstream: &str, account: &str) -> (PathBuf, String) {
        let name = digest(&SHA256, bound_to(upstream, account).as_bytes());
        let hex: String = name.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        (self.folder.join(format!("{hex}.token")), hex)
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
        match SealKey::new(password) {
            Ok(key) => self.write(upstream, account, &key, grant),
            Err(error) => Err(TokensError::Io(
                self.folder.clone(),
                io::Error::other(error),
            )),
        }
    }

    fn write(
        &self,
        upstream: &str,
        account: &str,
        key: &SealKey,
        grant: &Grant,
    ) -> Result<(), TokensError> {
        let (path, name) = self.path(upstream, account);
        seal::seal(grant, key, upstream, &bound_to(upstream, account), &name)
            .map_err(io::Error::other)
            .and_then(|text| durable_write::replace(&path, &text))
            .map_err(|error| TokensError::Io(path, error))
    }

    /// The grant of an account, if this is its password, and the key of its file. It takes the same time whether
    /// there is a file or not, as deriving a key does: tens of milliseconds of a core, and 19 MiB.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn unseal(
        &self,
        upstream: &str,
        account: &str,
        password: &Secret,
    ) -> Result<(Grant, SealKey), TokensError> {
        let (path, name) = self.path(upstream, account);
        let (text, missing) = match self.contents(&path) {
            Ok(text) => (Some(text), None),
            Err(error @ TokensError::Io(..)) => return Err(error),
            Err(error) => (None, Some(error)),
        };
        let bound_to = bound_to(upstream, account);
        let opened = seal::open(text.as_deref(), password, &bound_to, &name);
        opened.map_err(|error| missing.unwrap_or_else(|| described(error, path)))
    }

    /// The grant of an account whose key is known; `None` if its file was sealed anew, with another password.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn reread(
        &self,
        upstream: &str,
        account: &str,
        key: &SealKey,
    ) -> Result<Option<Grant>, TokensError> {
        let (path, name) = self.path(upstream, account);
        let text = self.contents(&path)?;
        if !key.fits(&text, &name) {
            return Ok(None);
        }
        let grant = seal::reopen(&text, key, &bound_to(upstream, account), &name);
        grant.map(Some).map_err(|error| described(error, path))
    }

    /// Replaces the grant of an account whose key is known, unless it was removed or sealed anew meanwhile.
    ///
    /// # Errors
    /// The system's; the one before it is still there then.
    pub fn update(
        &self,
        upstream: &str,
        account: &str,
        key: &SealKey,
        grant: &Grant,
    ) -> Result<(), TokensError> {
        let (path, name) = self.path(upstream, account);
        match key.fits(&self.contents(&path)?, &name) {
            true => self.write(upstream, account, key, grant),
            false => Ok(()),
        }
    }

    fn contents(&self, path: &Path) -> Result<Vec<u8>, TokensError> {
        // First: what is wrong with the folder concerns every account.
        let folder = fs::metadata(self.folder.join("."));
        folder.map_err(|error| TokensError::Io(self.folder.clone(), error))?;
        read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TokensError::None,
            io::ErrorKind::InvalidData => TokensError::Damaged(path.to_owned()),
            _ if file_errors::is_exhausted(&error) => TokensError::Io(path.to_owned(), error),
            _ => TokensError::Unreadable(path.to_owned(), error),
        })
    }

    /// The upstream of each stored token, sorted, and the files that cannot be read, with the reason.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> Result<(Vec<String>, Vec<TokensError>), TokensError> {
        let failed = |error| TokensError::Io(self.folder.clone(), error);
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|it| it == "token") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let upstream = self.contents(&path).and_then(|text| {
                    seal::upstream_of(&text, &name).map_err(|error| described(error, path.clone()))
                });
                match upstream {
                    Ok(upstream) => found.push(upstream),
                    // Removed since the folder was read.
                    Err(TokensError::None) => {}
                    Err(error) => unreadable.push(error),
                }
            }
        }
        found.sort();
        Ok((found, unreadable))
    }

    /// Removes an account's token; whether there was one.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, upstream: &str, account: &str) -> Result<bool, TokensError> {
        let (path, _) = self.path(upstream, account);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(TokensError::Io(path, error)),
        }
    }
}

/// The contents of a small regular file; a pipe in its place is not waited for.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = file_access::without_waiting(&mut options).open(path)?;
    let mut text = Vec::new();
    let is_small = file.metadata()?.is_file()
        && (&file).take(LARGEST + 1).read_to_end(&mut text)? as u64 <= LARGEST;
    match is_small {
        true => Ok(text),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn described(error: OpenError, path: PathBuf) -> TokensError {
    match error {
        OpenError::WrongPassword => TokensError::WrongPassword,
        OpenError::Newer => TokensError::Newer(path),
        OpenError::Damaged => TokensError::Damaged(path),
    }
}

/// The upstream and user of a file; few servers distinguish case.
fn bound_to(upstream: &str, account: &str) -> String {
    format!("{upstream}\0{}", account.to_lowercase())
}
