//! The tokens of programs that use the console's API, as digests in the data directory.
//!
//! In: a data directory, and a name; out: a token, which is shown once, or the rights of a token that fits. A token is 256
//! random bits: nobody guesses one, so a plain digest keeps it. A line of the file is the name, the digest and, of a token
//! that is limited to a mailbox, that mailbox's server and user name: earlier releases, which know no such tokens, take the
//! whole for a digest that nothing has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::durable_write;
use super::file_error::named;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::platform::private_files::create_folder;

/// The file's name.
const FILE: &str = "console.tokens";

/// By this a token is known where it should not be: in a log, or in a repository.
const PREFIX: &str = "popgate_";

/// The most letters of a name.
const NAME: usize = 64;

/// A token that there is, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// What the administrator calls it.
    pub name: String,
    /// The only mailbox that it is good for; `None` = all, and the rest.
    pub mailbox: Option<MailboxId>,
}

/// See the module.
#[derive(Debug)]
pub struct ApiTokens;

impl ApiTokens {
    /// Makes a token of this name, in place of one that there is: for a mailbox, or with the administrator's rights.
    ///
    /// # Errors
    /// The system's, with the path; and if it is no name.
    pub fn add(data_dir: &Path, name: &str, mailbox: Option<&MailboxId>) -> io::Result<String> {
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
        all.retain(|kept| kept.of.name != name);
        all.push(Kept {
            of: ApiToken {
                name: name.to_owned(),
                mailbox: mailbox.cloned(),
            },
            digest: digest_of(&token),
        });
        write(data_dir, &all)?;
        Ok(token)
    }

    /// Removes the token of this name; says whether there was one.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn remove(data_dir: &Path, name: &str) -> io::Result<bool> {
        Ok(remove(data_dir, |token| token.name == name)? > 0)
    }

    /// Removes the tokens that are limited to a mailbox; how many there were.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn forget(data_dir: &Path, mailbox: &MailboxId) -> io::Result<u64> {
        remove(data_dir, |token| token.mailbox.as_ref() == Some(mailbox))
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn all(data_dir: &Path) -> io::Result<Vec<ApiToken>> {
        let mut all: Vec<_> = read(data_dir)?.into_iter().map(|kept| kept.of).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// What this token is; `None` if it is none.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn find(data_dir: &Path, token: &str) -> io::Result<Option<ApiToken>> {
        let tried = digest_of(token);
        // Digests are compared: how long that takes tells nothing about a token.
        let found = read(data_dir)?
            .into_iter()
            .find(|kept| kept.digest == tried);
        Ok(found.map(|kept| kept.of))
    }
}

/// A token, and its digest.
struct Kept {
    of: ApiToken,
    digest: String,
}

impl Kept {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let (name, digest) = (words.next()?, words.next()?);
        let mailbox = match (words.next(), words.next()) {
            (None, _) => None,
            // A name may have spaces in it.
            (Some(upstream), user) => {
                Some(MailboxId::new(UpstreamId::from_stored(upstream), user?)?)
            }
        };
        let name = name.to_owned();
        Some(Self {
            of: ApiToken { name, mailbox },
            digest: digest.to_owned(),
        })
    }

    fn line(&self) -> String {
        let (name, digest) = (&self.of.name, &self.digest);
        match &self.of.mailbox {
            None => format!("{name} {digest}\n"),
            Some(of) => format!("{name} {digest} {} {}\n", of.upstream(), of.user()),
        }
    }
}

/// Removes those of which this is true; how many there were.
fn remove(data_dir: &Path, goes: impl Fn(&ApiToken) -> bool) -> io::Result<u64> {
    let mut all = read(data_dir)?;
    let before = all.len();
    all.retain(|kept| !goes(&kept.of));
    if all.len() < before {
        write(data_dir, &all)?;
    }
    Ok((before - all.len()) as u64)
}

/// All of them.
fn read(data_dir: &Path) -> io::Result<Vec<Kept>> {
    let text = match fs::read_to_string(path(data_dir)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(named(&path(data_dir), &error)),
    };
    let lines = text.lines().map(Kept::read);
    let damaged = || {
        let error = io::Error::other("is damaged; delete it, and make new tokens");
        named(&path(data_dir), &error)
    };
    lines.collect::<Option<_>>().ok_or_else(damaged)
}

fn write(data_dir: &Path, all: &[Kept]) -> io::Result<()> {
    let lines: String = all.iter().map(Kept::line).collect();
    let written = create_folder(data_dir)
        .and_then(|()| durable_write::replace(&path(data_dir), lines.as_bytes()));
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
        let add = |name: &str| ApiTokens::add(dir.path(), name, None);
        let name_of = |token: &str| {
            let found = ApiTokens::find(dir.path(), token).unwrap();
            found.map(|it| it.name)
        };
        assert_eq!(name_of(""), None);
        let first = add("backup").unwrap();
        let other = add("home-assistant").unwrap();
        assert_eq!(name_of(&first).as_deref(), Some("backup"));
        assert_eq!(name_of(&other).as_deref(), Some("home-assistant"));
        let text = fs::read_to_string(path(dir.path())).unwrap();
        assert!(!text.contains(&first) && !text.contains(PREFIX), "{text}");
        let second = add("backup").unwrap();
        assert_eq!(name_of(&first), None);
        assert_eq!(name_of(&second).as_deref(), Some("backup"));
        let all = ApiTokens::all(dir.path()).unwrap();
        let names: Vec<_> = all.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["backup", "home-assistant"]);
        assert!(ApiTokens::remove(dir.path(), "backup").unwrap());
        assert!(!ApiTokens::remove(dir.path(), "backup").unwrap());
        assert_eq!(name_of(&second), None);
        for wrong in ["", "a b", "a\nb", &"x".repeat(65)] {
            assert!(add(wrong).is_err(), "{wrong:?}");
        }
        fs::write(path(dir.path()), "nonsense\n").unwrap();
        let error = ApiTokens::all(dir.path()).unwrap_err().to_string();
        assert!(error.contains("console.tokens: is damaged"), "{error}");
    }

    #[test]
    fn a_token_of_a_mailbox_is_of_that_one_and_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = |user: &str| MailboxId::new(UpstreamId::new("localhost", 4711), user);
        let (ann, bob) = (mailbox("ann other").unwrap(), mailbox("bob").unwrap());
        let token = ApiTokens::add(dir.path(), "phone", Some(&ann)).unwrap();
        let all = ApiTokens::add(dir.path(), "all", None).unwrap();
        let found = |token: &str| ApiTokens::find(dir.path(), token).unwrap();
        assert_eq!(found(&token).unwrap().mailbox, Some(ann.clone()));
        assert_eq!(found(&all).unwrap().mailbox, None);
        assert_eq!(ApiTokens::forget(dir.path(), &bob).unwrap(), 0);
        assert_eq!(ApiTokens::forget(dir.path(), &ann).unwrap(), 1);
        assert_eq!(found(&token), None);
        assert!(found(&all).is_some());
        // What names no mailbox gives no rights.
        fs::write(path(dir.path()), "phone 00 localhost:4711\n").unwrap();
        assert!(ApiTokens::all(dir.path()).is_err());
    }
}
