//! Tokens at rest: a file an account, sealed with a key that only the account's password gives.
//!
//! In: what a provider has granted, and the password that the mail client will send; out: the same, for
//! whoever has the password. popgate keeps neither password nor key, so that a stolen disk opens no
//! mailbox. A file says which upstream it is for and nothing of the account.
//!
//! Argon2id (RFC 9106) makes the key, ChaCha20-Poly1305 (RFC 8439) seals; salt and nonce are new with
//! each write.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{given_to_owner, private};
use crate::pop3::Secret;

/// The form that this release writes.
const FORM: u32 = 1;
/// The least that OWASP recommends for Argon2id: 19 MiB, two passes, one lane. A login waits for it.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// A file that wants more than this would be a way to stop popgate.
const MOST_COST: (u32, u32, u32) = (1 << 20, 16, 16);
/// RFC 9106 section 3.1.
const SALT: usize = 16;

/// What a provider has granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What new access tokens are got with.
    pub refresh: Secret,
    /// The last access token, and until when it is good.
    pub access: Option<(Secret, SystemTime)>,
}

/// Why there is no grant.
#[derive(Debug)]
pub enum TokensError {
    /// Nobody stored one.
    None,
    /// The password is another one.
    WrongPassword,
    /// A later release wrote it.
    Newer(PathBuf),
    /// It is no file of this kind, or half of one.
    Damaged(PathBuf),
    /// The system's.
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

impl std::error::Error for TokensError {}

/// A file.
#[derive(Serialize, Deserialize)]
struct Sealed {
    popgate_token: u32,
    upstream: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// Of which form a file is.
#[derive(Deserialize)]
struct Form {
    popgate_token: u32,
}

/// What is sealed in it.
#[derive(Serialize, Deserialize)]
struct Open {
    refresh: Zeroizing<String>,
    access: Option<Zeroizing<String>>,
    /// Seconds since 1970.
    until: u64,
}

/// The folder of the files.
#[derive(Debug, Clone)]
pub struct Tokens {
    folder: PathBuf,
}

impl Tokens {
    /// Opens the tokens of a data directory, and makes their folder if it is not there.
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

    /// Stores a grant, in place of the one before it.
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
        let random = SystemRandom::new();
        let failed = |what: &str| TokensError::Io(path.clone(), io::Error::other(what.to_owned()));
        let (mut salt, mut nonce) = ([0; SALT], [0; NONCE_LEN]);
        for bytes in [&mut salt[..], &mut nonce[..]] {
            random
                .fill(bytes)
                .map_err(|_| failed("no random numbers"))?;
        }
        let key = key(password, &salt, COST).ok_or_else(|| failed("no key"))?;
        let text = |secret: &Secret| {
            let text = String::from_utf8_lossy(secret.reveal()).into_owned();
            Zeroizing::new(text)
        };
        let until = grant.access.as_ref().map(|(_, until)| *until);
        let until = until.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        let open = Open {
            refresh: text(&grant.refresh),
            access: grant.access.as_ref().map(|(token, _)| text(token)),
            until: until.map_or(0, |it| it.as_secs()),
        };
        let open = serde_json::to_vec(&open).map_err(|_| failed("cannot be written"))?;
        let mut sealed = Zeroizing::new(open);
        let bound = bound_to(upstream, account);
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound.as_bytes()),
            &mut *sealed,
        )
        .map_err(|_| failed("cannot be sealed"))?;
        let file = Sealed {
            popgate_token: FORM,
            upstream: upstream.to_owned(),
            memory_kib: COST.0,
            passes: COST.1,
            lanes: COST.2,
            salt: STANDARD.encode(salt),
            nonce: STANDARD.encode(nonce),
            sealed: STANDARD.encode(&*sealed),
        };
        let text = serde_json::to_vec_pretty(&file).map_err(|_| failed("cannot be written"))?;
        self.write(&path, &text)
            .map_err(|error| TokensError::Io(path.clone(), error))
    }

    /// Whole or not at all, and there after a crash.
    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let tmp = path.with_extension(format!("{:016x}", fastrand::u64(..)));
        let written = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&tmp)
                .and_then(|file| given_to_owner(file, &tmp))?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&tmp, path)?;
            File::open(&self.folder)?.sync_all()
        };
        written().inspect_err(|_| {
            // Half of a file helps nobody.
            let _ = fs::remove_file(&tmp);
        })
    }

    /// What was stored for an account, if this is its password.
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
        let damaged = || TokensError::Damaged(path.clone());
        // A later form may have other fields.
        let form: Form = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if form.popgate_token > FORM {
            return Err(TokensError::Newer(path));
        }
        let file: Sealed = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| damaged());
        let (salt, nonce) = (bytes(&file.salt)?, bytes(&file.nonce)?);
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| damaged())?;
        let cost = (file.memory_kib, file.passes, file.lanes);
        let key = key(password, &salt, cost).ok_or_else(damaged)?;
        let mut sealed = Zeroizing::new(bytes(&file.sealed)?);
        let bound = bound_to(upstream, account);
        let open = key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound.as_bytes()),
                &mut sealed,
            )
            // A damaged seal looks the same, and a person tries the password first.
            .map_err(|_| TokensError::WrongPassword)?;
        let open: Open = serde_json::from_slice(open).map_err(|_| damaged())?;
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(open.until));
        let access = open.access.zip(until);
        Ok(Grant {
            refresh: Secret::new(open.refresh.as_bytes()),
            access: access.map(|(token, until)| (Secret::new(token.as_bytes()), until)),
        })
    }

    /// How many accounts of each upstream have one.
    ///
    /// # Errors
    /// The system's.
    pub fn upstreams(&self) -> Result<Vec<String>, TokensError> {
        let failed = |error| TokensError::Io(self.folder.clone(), error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|it| it == "token") {
                let text = fs::read(&path).map_err(failed)?;
                let file: Sealed =
                    serde_json::from_slice(&text).map_err(|_| TokensError::Damaged(path))?;
                found.push(file.upstream);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Forgets an account; whether it was known.
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

/// What a file is for: sealed in with it, so that it cannot be laid in another one's place.
fn bound_to(upstream: &str, account: &str) -> String {
    format!("{upstream}\0{}", account.to_lowercase())
}

fn key(password: &Secret, salt: &[u8], cost: (u32, u32, u32)) -> Option<LessSafeKey> {
    let (memory, passes, lanes) = cost;
    if memory > MOST_COST.0 || passes > MOST_COST.1 || lanes > MOST_COST.2 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let params = Params::new(memory, passes, lanes, Some(bytes.len())).ok()?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.reveal(), salt, &mut *bytes)
        .ok()?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*bytes).ok()?;
    Some(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn grant() -> Grant {
        Grant {
            refresh: Secret::new(b"1//refresh-me"),
            access: Some((
                Secret::new(b"ya29.access"),
                UNIX_EPOCH + Duration::from_secs(4_000_000_000),
            )),
        }
    }

    fn stored() -> (tempfile::TempDir, Tokens, Secret) {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let password = Secret::new(b"open sesame");
        let account = "Ann@example.net";
        tokens.put("office", account, &password, &grant()).unwrap();
        (folder, tokens, password)
    }

    #[test]
    fn the_password_opens_it_and_nothing_else_does() {
        let (_folder, tokens, password) = stored();
        // Servers seldom tell cases apart.
        let read = tokens.read("office", "ann@EXAMPLE.net", &password).unwrap();
        assert_eq!(read.refresh.reveal(), b"1//refresh-me");
        let (access, until) = read.access.unwrap();
        assert_eq!(access.reveal(), b"ya29.access");
        assert_eq!(until, UNIX_EPOCH + Duration::from_secs(4_000_000_000));
        let wrong = tokens.read("office", "ann@example.net", &Secret::new(b"guess"));
        assert!(matches!(wrong, Err(TokensError::WrongPassword)));
        let nobody = tokens.read("office", "bob@example.net", &password);
        assert!(matches!(nobody, Err(TokensError::None)));
        assert_eq!(tokens.upstreams().unwrap(), ["office"]);
        assert!(tokens.remove("office", "ann@example.net").unwrap());
        assert!(!tokens.remove("office", "ann@example.net").unwrap());
    }

    #[test]
    fn a_file_shows_nothing_and_cannot_be_moved() {
        let (_folder, tokens, password) = stored();
        let path = tokens.path("office", "ann@example.net");
        let text = fs::read_to_string(&path).unwrap();
        for word in ["ann", "refresh-me", "ya29", "sesame"] {
            assert!(!text.contains(word), "{word} is in\n{text}");
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let folder = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(folder.mode() & 0o777, 0o700);
        fs::copy(&path, tokens.path("office", "bob@example.net")).unwrap();
        let moved = tokens.read("office", "bob@example.net", &password);
        assert!(matches!(moved, Err(TokensError::WrongPassword)));
    }

    #[test]
    fn what_is_damaged_is_never_taken_for_a_token() {
        let (_folder, tokens, password) = stored();
        let path = tokens.path("office", "ann@example.net");
        let whole = fs::read(&path).unwrap();
        // Each look costs a key, so not every octet is tried.
        for at in (0..whole.len()).step_by(23) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x11;
            fs::write(&path, &damaged).unwrap();
            if let Ok(grant) = tokens.read("office", "ann@example.net", &password) {
                // White space, or the upstream's name, which is known otherwise.
                assert_eq!(grant.refresh.reveal(), b"1//refresh-me", "at {at}");
            }
            fs::write(&path, &whole[..at]).unwrap();
            let cut = tokens.read("office", "ann@example.net", &password);
            assert!(matches!(cut, Err(TokensError::Damaged(_))), "at {at}");
        }
        let text = String::from_utf8(whole).unwrap();
        fs::write(&path, "{\"popgate_token\": 2, \"other\": true}").unwrap();
        let newer = tokens.read("office", "ann@example.net", &password);
        assert!(matches!(newer, Err(TokensError::Newer(_))));
        let greedy = text.replace("\"memory_kib\": 19456", "\"memory_kib\": 4000000000");
        fs::write(&path, greedy).unwrap();
        let greedy = tokens.read("office", "ann@example.net", &password);
        assert!(matches!(greedy, Err(TokensError::Damaged(_))));
    }
}
